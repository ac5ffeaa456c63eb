#include "base/certificate.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#include "base/crypto.h"

enum { SERIAL_BYTES = 16, SECOND_US = 1000000 };

struct authority {
    X509 *certificate;
    EVP_PKEY *key;
};

static BIO *reader(struct cc_slice pem)
{
    return BIO_new_mem_buf(pem.data, (int)pem.length);
}

static X509 *parse_certificate(struct cc_slice pem)
{
    BIO *bio = reader(pem);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return certificate;
}

/* A file that asks for a pass phrase is no key of ours. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static EVP_PKEY *parse_key(struct cc_slice pem)
{
    BIO *bio = reader(pem);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    return key;
}

/* ---- making ---- */

static bool append_pem(X509 *certificate, EVP_PKEY *key, struct cc_buffer *out)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    bool written =
        bio && (certificate ? PEM_write_bio_X509(bio, certificate)
                            : PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
    long length = written ? BIO_get_mem_data(bio, &text) : 0;
    if (length > 0)
        cc_buffer_append(out, cc_slice(text, (size_t)length));
    BIO_free(bio);
    return length > 0 && out->error == CC_OK;
}

static bool set_serial(X509 *certificate)
{
    uint8_t bytes[SERIAL_BYTES];
    if (cc_random_bytes(bytes, sizeof(bytes)) != CC_OK)
        return false;
    bytes[0] = (bytes[0] & 0x3f) | 0x40; /* positive, and always as long (RFC 5280 4.1.2.2) */
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return set;
}

static bool set_names(X509 *certificate, const char *subject, X509 *issuer)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)subject, -1,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1;
}

static bool set_times(X509 *certificate, int64_t from_us, int64_t until_us)
{
    return ASN1_TIME_set(X509_getm_notBefore(certificate), from_us / SECOND_US) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), until_us / SECOND_US) != NULL;
}

static bool add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    bool added = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

/* issuer NULL: signed by itself. NULL when OpenSSL refuses. */
static X509 *certificate_new(const char *subject, EVP_PKEY *key, int64_t from_us, int64_t until_us,
                             X509 *issuer)
{
    X509 *certificate = X509_new();
    if (certificate && X509_set_version(certificate, X509_VERSION_3) == 1 &&
        set_serial(certificate) && set_times(certificate, from_us, until_us) &&
        set_names(certificate, subject, issuer ? issuer : certificate) &&
        X509_set_pubkey(certificate, key) == 1)
        return certificate;
    X509_free(certificate);
    return NULL;
}

enum cc_error cc_authority_create(const char *name, int64_t from_us, int64_t until_us,
                                  struct cc_buffer *certificate, struct cc_buffer *key)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *made = pair ? certificate_new(name, pair, from_us, until_us, NULL) : NULL;
    bool ok = made &&
              add_extension(made, made, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
              add_extension(made, made, NID_key_usage, "critical,keyCertSign,cRLSign") &&
              add_extension(made, made, NID_subject_key_identifier, "hash") &&
              X509_sign(made, pair, EVP_sha256()) > 0 && append_pem(made, NULL, certificate) &&
              append_pem(NULL, pair, key);
    X509_free(made);
    EVP_PKEY_free(pair);
    ERR_clear_error();
    return ok ? CC_OK : CC_CRYPTO;
}

static bool sign(X509 *certificate, const struct authority *authority, const char *identity)
{
    char names[CC_IDENTITY_MAX + 64];
    int length = snprintf(names, sizeof(names), "URI:%s,IP:127.0.0.1,DNS:localhost", identity);
    X509 *issuer = authority->certificate;
    return length > 0 && (size_t)length < sizeof(names) &&
           add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature") &&
           add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth,clientAuth") &&
           add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always") &&
           add_extension(certificate, issuer, NID_subject_alt_name, names) &&
           X509_sign(certificate, authority->key, EVP_sha256()) > 0;
}

/* The value goes through OpenSSL's little language of extensions: no comma may come into it. */
static bool is_identity(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-_:/.";
    size_t length = strlen(text);
    return length > 0 && length <= CC_IDENTITY_MAX && strspn(text, allowed) == length;
}

/* The name for people: what follows "urn:callcell:". */
static const char *short_name(const char *identity)
{
    static const char prefix[] = "urn:callcell:";
    return strncmp(identity, prefix, sizeof(prefix) - 1) == 0 ? identity + sizeof(prefix) - 1
                                                              : identity;
}

enum cc_error cc_certificate_issue(struct cc_slice authority_certificate,
                                   struct cc_slice authority_key,
                                   const struct cc_certificate_wish *wish,
                                   struct cc_buffer *identity)
{
    if (!is_identity(wish->identity))
        return CC_INVALID;
    struct authority authority = {parse_certificate(authority_certificate),
                                  parse_key(authority_key)};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *made = NULL;
    if (key && authority.certificate && authority.key &&
        X509_check_private_key(authority.certificate, authority.key) == 1)
        made = certificate_new(short_name(wish->identity), key, wish->from_us, wish->until_us,
                               authority.certificate);
    bool ok = made && sign(made, &authority, wish->identity) && append_pem(made, NULL, identity) &&
              append_pem(NULL, key, identity);
    X509_free(made);
    EVP_PKEY_free(key);
    X509_free(authority.certificate);
    EVP_PKEY_free(authority.key);
    ERR_clear_error();
    return ok ? CC_OK : CC_CRYPTO;
}

/* ---- reading ---- */

static enum cc_error read_identity(const X509 *certificate, char *out)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    enum cc_error error = CC_OK;
    out[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !out[0] && !error; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI)
            continue;
        const ASN1_STRING *uri = name->d.uniformResourceIdentifier;
        int length = ASN1_STRING_length(uri);
        const unsigned char *text = ASN1_STRING_get0_data(uri);
        if (length > CC_IDENTITY_MAX || memchr(text, '\0', (size_t)length)) {
            error = CC_INVALID;
        } else {
            memcpy(out, text, (size_t)length);
            out[length] = '\0';
        }
    }
    GENERAL_NAMES_free(names);
    return error;
}

static bool read_time(const ASN1_TIME *time, int64_t *out_us)
{
    struct tm fields = {0};
    if (ASN1_TIME_to_tm(time, &fields) != 1)
        return false;
    *out_us = (int64_t)timegm(&fields) * SECOND_US;
    return true;
}

static bool read_serial(const X509 *certificate, char *out)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *text = number ? BN_bn2hex(number) : NULL;
    bool fits = text && strlen(text) < CC_SERIAL_TEXT;
    if (fits)
        memcpy(out, text, strlen(text) + 1);
    for (char *at = out; fits && *at; at++)
        *at = *at >= 'A' && *at <= 'F' ? (char)(*at | 0x20) : *at;
    OPENSSL_free(text);
    BN_free(number);
    return fits;
}

enum cc_error cc_certificate_facts_of(const void *x509, struct cc_certificate_facts *out)
{
    const X509 *certificate = x509;
    *out = (struct cc_certificate_facts){0};
    enum cc_error error = read_identity(certificate, out->identity);
    if (!error && (!read_time(X509_get0_notBefore(certificate), &out->from_us) ||
                   !read_time(X509_get0_notAfter(certificate), &out->until_us) ||
                   !read_serial(certificate, out->serial)))
        error = CC_INVALID;
    ERR_clear_error();
    return error;
}

enum cc_error cc_certificate_read(struct cc_slice pem, struct cc_certificate_facts *out)
{
    X509 *certificate = parse_certificate(pem);
    enum cc_error error = certificate ? cc_certificate_facts_of(certificate, out) : CC_INVALID;
    X509_free(certificate);
    ERR_clear_error();
    return error;
}

bool cc_identity_is(struct cc_slice identity, const char *role)
{
    size_t length = strlen(role);
    if (length == 0 || role[length - 1] != ':')
        return cc_slice_is(identity, role);
    return identity.length > length && memcmp(identity.data, role, length) == 0;
}
