/*
 * X.509 certificates of our own programs: made by the control plane's authority, named by one URI
 * (subjectAltName "urn:callcell:edge:edge-1"), ECDSA P-256. Pure but for the randomness of keys and
 * serial numbers; time is a parameter.
 */
#ifndef CC_CERTIFICATE_H
#define CC_CERTIFICATE_H

#include "base/buffer.h"

enum { CC_IDENTITY_MAX = 127, CC_SERIAL_TEXT = 41 };

/* All PEM. Secrets are in it: the caller wipes what it no longer needs. */
enum cc_error cc_authority_create(const char *name, int64_t from_us, int64_t until_us,
                                  struct cc_buffer *certificate,
                                  struct cc_buffer *key) CC_MUST_CHECK;

struct cc_certificate_wish {
    const char *identity; /* the URI */
    int64_t from_us, until_us;
};
/* A new key and a certificate for it, one after the other in identity: one file is swapped at once,
 * two could be read apart. For servers and clients on this machine: also IP 127.0.0.1, DNS
 * localhost. CC_CRYPTO: the authority's key is none of its certificate, or OpenSSL refused. */
enum cc_error cc_certificate_issue(struct cc_slice authority_certificate,
                                   struct cc_slice authority_key,
                                   const struct cc_certificate_wish *wish,
                                   struct cc_buffer *identity) CC_MUST_CHECK;

struct cc_certificate_facts {
    char identity[CC_IDENTITY_MAX + 1]; /* the first URI; empty: none */
    char serial[CC_SERIAL_TEXT];        /* hex */
    int64_t from_us, until_us;
};
/* Of the first certificate in the PEM. CC_INVALID: there is none, or its URI is too long. */
enum cc_error cc_certificate_read(struct cc_slice pem,
                                  struct cc_certificate_facts *out) CC_MUST_CHECK;

/* The same from OpenSSL's own object (struct x509_st *). */
enum cc_error cc_certificate_facts_of(const void *x509,
                                      struct cc_certificate_facts *out) CC_MUST_CHECK;

/* Whether identity is one of role: role "urn:callcell:edge:" is every edge, one that does not end
 * in ':' is that one alone. */
bool cc_identity_is(struct cc_slice identity, const char *role);

#endif
