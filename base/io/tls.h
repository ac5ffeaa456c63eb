/*
 * Who we are and whom we believe, from PEM files: TLS 1.3 contexts for servers and clients.
 *
 * The files are looked at every second off the loop. A whole new identity serves the connections
 * made from then on and leaves those that exist alone; one that is broken is refused, logged once
 * and counted, and the old one goes on.
 *
 * A certificate that has expired is believed for CC_TLS_GRACE_US longer: renewal happens at half
 * life by the control plane, which may be gone for days, and a platform whose programs stop
 * believing each other loses every call (docs/adr/0010). Alerts watch the expiry, not the grace.
 */
#ifndef CC_IO_TLS_H
#define CC_IO_TLS_H

#include "base/certificate.h"
#include "base/io/loop.h"

#define CC_TLS_GRACE_US (INT64_C(14) * 24 * 3600 * 1000 * 1000)

struct cc_tls; /* opaque */
struct ssl_st; /* OpenSSL's */
struct ssl_ctx_st;

struct cc_tls_options {
    const char *name;             /* in log lines: "identity", "public"; static */
    const char *certificate_file; /* leaf first, then the chain; NULL: a client that shows none */
    const char *key_file;         /* NULL: in certificate_file, which is then swapped at once */
    const char *authority_file;   /* whom peers must come from; NULL: clients are not asked */
};
/* Copies the options. Logs why the files cannot be used: CC_IO, CC_INVALID (broken),
 * CC_FORBIDDEN (the certificate is not of the authority, or the key not of the certificate). */
enum cc_error cc_tls_create(struct cc_loop *loop, const struct cc_tls_options *options,
                            struct cc_tls **out) CC_MUST_CHECK;
/* After the servers and clients that use it. Connections go on. */
void cc_tls_free(struct cc_tls *tls);

/* Looks at the files at once rather than within the second. */
void cc_tls_look(struct cc_tls *tls);

struct cc_tls_state {
    int64_t expires_at_us; /* wall clock; 0: no certificate */
    char serial[CC_SERIAL_TEXT];
    uint64_t loaded;  /* identities taken into use, the first too */
    uint64_t refused; /* new files that were not */
};
struct cc_tls_state cc_tls_state(const struct cc_tls *tls);

/* For http_server.c and tls_stream.c: the context for a new connection, borrowed until the loop
 * goes on. A client context shows our certificate when asked for it. */
struct ssl_ctx_st *cc_tls_server_context(struct cc_tls *tls);
struct ssl_ctx_st *cc_tls_client_context(struct cc_tls *tls);

/* The URI of the verified peer of a finished handshake; empty: it was not asked. */
void cc_tls_peer_identity(const struct ssl_st *ssl, char out[CC_IDENTITY_MAX + 1]);

#endif
