#include "base/io/tls.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/log.h"

enum { FILE_MAX = 64 * 1024, LOOK_US = 1000 * 1000 };

/* HTTP/1.1 alone: libh2o's HTTP/2 is open to rapid resets. */
static const unsigned char alpn[] = "\x08http/1.1";
static const char suites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

struct file {
    size_t length;
    char bytes[FILE_MAX];
};

enum { CERTIFICATE, KEY, AUTHORITY, FILES };

struct contexts {
    SSL_CTX *server, *client;
    struct cc_certificate_facts facts;
};

/* A look at the files; on a pool thread it touches nothing else. */
struct look {
    struct cc_tls *tls; /* NULL once that has gone */
    char *paths[FILES];
    struct file *files;              /* FILES of them; wiped */
    uint8_t seen[CC_SHA256_BYTES];   /* of the files last looked at */
    uint8_t digest[CC_SHA256_BYTES]; /* of these */
    bool changed;
    enum cc_error error;
    const char *why; /* static */
    struct contexts made;
};

struct cc_tls {
    struct cc_loop *loop;
    const char *name;
    char *paths[FILES];
    struct contexts contexts;
    uint8_t seen[CC_SHA256_BYTES];
    struct cc_deadline due;
    struct look *looking;
    uint64_t loaded, refused;
};

static void on_due(struct cc_deadline *due);
static void run_look(void *context);
static void on_looked(void *context);

/* ---- reading ---- */

static enum cc_error read_file(const char *path, struct file *file)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return CC_IO;
    enum cc_error error = CC_OK;
    for (ssize_t got = 1; got > 0 && !error;) {
        got = read(descriptor, file->bytes + file->length, FILE_MAX - file->length);
        if (got > 0)
            file->length += (size_t)got;
        if (got < 0)
            error = CC_IO;
        else if (file->length == FILE_MAX)
            error = CC_TOO_LARGE;
    }
    (void)close(descriptor);
    return error;
}

static enum cc_error read_files(struct look *look)
{
    struct cc_slice parts[FILES];
    enum cc_error error = CC_OK;
    for (int i = 0; i < FILES; i++) {
        if (!error && look->paths[i])
            error = read_file(look->paths[i], &look->files[i]);
        parts[i] = cc_slice(look->files[i].bytes, look->files[i].length);
    }
    return error ? error : cc_sha256_parts(parts, FILES, look->digest);
}

static BIO *reader(const struct file *file)
{
    return BIO_new_mem_buf(file->bytes, (int)file->length);
}

/* ---- contexts ---- */

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                           const unsigned char *offered, unsigned offered_length, void *context)
{
    unsigned char *chosen = NULL;
    (void)ssl;
    (void)context;
    int result =
        SSL_select_next_proto(&chosen, out_length, alpn, sizeof(alpn) - 1, offered, offered_length);
    *out = chosen;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool within_grace(const X509 *certificate)
{
    struct tm fields = {0};
    return certificate && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &fields) == 1 &&
           (int64_t)timegm(&fields) * 1000000 + CC_TLS_GRACE_US > cc_wall_clock_us();
}

static int on_verify(int good, X509_STORE_CTX *store)
{
    if (!good && X509_STORE_CTX_get_error(store) == X509_V_ERR_CERT_HAS_EXPIRED &&
        X509_STORE_CTX_get_error_depth(store) == 0 &&
        within_grace(X509_STORE_CTX_get_current_cert(store))) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    return good;
}

static SSL_CTX *context_new(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);
    if (context && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
        SSL_CTX_set_ciphersuites(context, suites) == 1) {
        /* A handshake costs a fraction of a millisecond, connections are kept: no resumption. */
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        (void)SSL_CTX_set_num_tickets(context, 0);
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        return context;
    }
    SSL_CTX_free(context);
    return NULL;
}

static bool add_certificates(SSL_CTX *context, const struct file *file)
{
    BIO *bio = reader(file);
    X509 *leaf = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool added = leaf && SSL_CTX_use_certificate(context, leaf) == 1;
    for (X509 *next; added && (next = PEM_read_bio_X509(bio, NULL, NULL, NULL));)
        if (SSL_CTX_add0_chain_cert(context, next) != 1) {
            X509_free(next);
            added = false;
        }
    X509_free(leaf);
    BIO_free(bio);
    return added;
}

static int no_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static bool add_key(SSL_CTX *context, const struct file *file)
{
    BIO *bio = reader(file);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    bool added = key && SSL_CTX_use_PrivateKey(context, key) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    return added;
}

static bool add_authority(SSL_CTX *context, const struct file *file, bool is_server)
{
    BIO *bio = reader(file);
    int count = 0;
    bool added = bio != NULL;
    for (X509 *next; added && (next = PEM_read_bio_X509(bio, NULL, NULL, NULL)); count++) {
        added = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), next) == 1 &&
                (!is_server || SSL_CTX_add_client_CA(context, next) == 1);
        X509_free(next);
    }
    BIO_free(bio);
    return added && count > 0;
}

/* Whether our own certificate comes from the authority: one that does not would be shown in vain.
 * Not by time: a late clock must not cost us a good identity. */
static bool is_of_authority(SSL_CTX *context)
{
    X509_STORE_CTX *store = X509_STORE_CTX_new();
    STACK_OF(X509) *chain = NULL;
    SSL_CTX_get0_chain_certs(context, &chain);
    bool is = store && X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(context),
                                           SSL_CTX_get0_certificate(context), chain) == 1;
    if (is) {
        X509_STORE_CTX_set_flags(store, X509_V_FLAG_NO_CHECK_TIME);
        is = X509_verify_cert(store) == 1;
    }
    X509_STORE_CTX_free(store);
    return is;
}

static enum cc_error refuse(struct look *look, enum cc_error error, const char *why)
{
    look->why = why;
    return error;
}

/* What both sides have in common. */
static enum cc_error fill(struct look *look, SSL_CTX *context, bool is_server)
{
    const struct file *key = &look->files[look->paths[KEY] ? KEY : CERTIFICATE];
    if (look->paths[AUTHORITY]) {
        if (!add_authority(context, &look->files[AUTHORITY], is_server))
            return refuse(look, CC_INVALID, "the authority's file holds no certificate");
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
    }
    if (!look->paths[CERTIFICATE])
        return CC_OK;
    if (!add_certificates(context, &look->files[CERTIFICATE]))
        return refuse(look, CC_INVALID, "the certificate's file holds none that can be used");
    if (!add_key(context, key))
        return refuse(look, CC_INVALID, "the key's file holds none that fits the certificate");
    if (SSL_CTX_check_private_key(context) != 1)
        return refuse(look, CC_FORBIDDEN, "the key is not the certificate's");
    if (look->paths[AUTHORITY] && !is_of_authority(context))
        return refuse(look, CC_FORBIDDEN, "the certificate is not of the authority");
    return CC_OK;
}

static void drop(struct contexts *contexts)
{
    SSL_CTX_free(contexts->server);
    SSL_CTX_free(contexts->client);
    *contexts = (struct contexts){0};
}

static enum cc_error build(struct look *look)
{
    struct contexts *made = &look->made;
    enum cc_error error = CC_OK;
    made->client = context_new(TLS_client_method());
    if (!made->client)
        return CC_NO_MEMORY;
    /* A client without an authority would believe anybody. */
    if (look->paths[AUTHORITY])
        error = fill(look, made->client, false);
    if (!error && look->paths[CERTIFICATE]) {
        made->server = context_new(TLS_server_method());
        error = made->server ? fill(look, made->server, true) : CC_NO_MEMORY;
    }
    if (!error && made->server) {
        SSL_CTX_set_alpn_select_cb(made->server, choose_protocol, NULL);
        error = cc_certificate_facts_of(SSL_CTX_get0_certificate(made->server), &made->facts);
    }
    if (!error && SSL_CTX_set_alpn_protos(made->client, alpn, sizeof(alpn) - 1) != 0)
        error = CC_NO_MEMORY;
    ERR_clear_error();
    return error;
}

/* ---- looking ---- */

static void free_look(struct look *look)
{
    if (!look)
        return;
    drop(&look->made);
    if (look->files)
        explicit_bzero(look->files, FILES * sizeof(*look->files));
    free(look->files);
    for (int i = 0; i < FILES; i++)
        free(look->paths[i]);
    free(look);
}

static struct look *prepare(struct cc_tls *tls)
{
    struct look *look = calloc(1, sizeof(*look));
    if (!look)
        return NULL;
    look->tls = tls;
    look->files = calloc(FILES, sizeof(*look->files));
    bool ok = look->files != NULL;
    for (int i = 0; i < FILES && ok; i++) {
        look->paths[i] = tls->paths[i] ? strdup(tls->paths[i]) : NULL;
        ok = look->paths[i] || !tls->paths[i];
    }
    memcpy(look->seen, tls->seen, sizeof(look->seen));
    if (ok)
        return look;
    free_look(look);
    return NULL;
}

static void run_look(void *context)
{
    struct look *look = context;
    look->why = "a file cannot be read";
    look->error = read_files(look);
    if (look->error) {
        /* Files that come and go are told from each other by nothing: once is enough. */
        memset(look->digest, 0xff, sizeof(look->digest));
        look->changed = memcmp(look->digest, look->seen, sizeof(look->seen)) != 0;
        return;
    }
    look->changed = memcmp(look->digest, look->seen, sizeof(look->seen)) != 0;
    if (look->changed) {
        look->why = "";
        look->error = build(look);
    }
}

static void take(struct cc_tls *tls, struct look *look)
{
    if (!look->changed)
        return;
    memcpy(tls->seen, look->digest, sizeof(tls->seen));
    if (look->error) {
        tls->refused++;
        CC_LOG(
            CC_LOG_ERROR, "tls_files_refused", cc_log_text("name", tls->name),
            cc_log_text("certificate_file", tls->paths[CERTIFICATE] ? tls->paths[CERTIFICATE] : ""),
            cc_log_error_field(look->error), cc_log_text("reason", look->why));
        return;
    }
    drop(&tls->contexts);
    tls->contexts = look->made;
    look->made = (struct contexts){0};
    tls->loaded++;
    CC_LOG(CC_LOG_INFO, "tls_files_taken", cc_log_text("name", tls->name),
           cc_log_text("identity", tls->contexts.facts.identity),
           cc_log_text("serial", tls->contexts.facts.serial),
           cc_log_number("expires_at", tls->contexts.facts.until_us / 1000000));
}

static void plan(struct cc_tls *tls)
{
    if (cc_deadline_set(&tls->due, cc_loop_now_us(tls->loop) + LOOK_US) != CC_OK)
        CC_LOG(CC_LOG_ERROR, "tls_files_unwatched", cc_log_text("name", tls->name));
}

static void on_due(struct cc_deadline *due)
{
    struct cc_tls *tls = CC_CONTAINER_OF(due, struct cc_tls, due);
    struct look *look = prepare(tls);
    if (look && cc_loop_work(tls->loop, run_look, on_looked, look) == CC_OK) {
        tls->looking = look;
        return;
    }
    free_look(look);
    plan(tls);
}

static void on_looked(void *context)
{
    struct look *look = context;
    struct cc_tls *tls = look->tls;
    if (tls) {
        tls->looking = NULL;
        take(tls, look);
        plan(tls);
    }
    free_look(look);
}

/* ---- life ---- */

static bool copy_paths(struct cc_tls *tls, const struct cc_tls_options *options)
{
    const char *const paths[FILES] = {[CERTIFICATE] = options->certificate_file,
                                      [KEY] = options->key_file,
                                      [AUTHORITY] = options->authority_file};
    for (int i = 0; i < FILES; i++) {
        tls->paths[i] = paths[i] ? strdup(paths[i]) : NULL;
        if (paths[i] && !tls->paths[i])
            return false;
    }
    return true;
}

enum cc_error cc_tls_create(struct cc_loop *loop, const struct cc_tls_options *options,
                            struct cc_tls **out)
{
    struct cc_tls *tls = calloc(1, sizeof(*tls));
    *out = NULL;
    if (!tls)
        return CC_NO_MEMORY;
    tls->loop = loop;
    tls->name = options->name;
    cc_deadline_init(&tls->due, loop, on_due);
    struct look *first = copy_paths(tls, options) ? prepare(tls) : NULL;
    enum cc_error error = first ? CC_OK : CC_NO_MEMORY;
    if (first) {
        run_look(first);
        error = first->error;
        take(tls, first);
    }
    free_look(first);
    if (!error)
        error = cc_deadline_set(&tls->due, cc_loop_now_us(loop) + LOOK_US);
    if (error) {
        cc_tls_free(tls);
        return error;
    }
    *out = tls;
    return CC_OK;
}

void cc_tls_free(struct cc_tls *tls)
{
    if (!tls)
        return;
    cc_deadline_clear(&tls->due);
    if (tls->looking)
        tls->looking->tls = NULL;
    drop(&tls->contexts);
    for (int i = 0; i < FILES; i++)
        free(tls->paths[i]);
    free(tls);
}

void cc_tls_look(struct cc_tls *tls)
{
    if (!tls->looking && cc_deadline_set(&tls->due, 0) != CC_OK)
        CC_LOG(CC_LOG_ERROR, "tls_files_unwatched", cc_log_text("name", tls->name));
}

struct cc_tls_state cc_tls_state(const struct cc_tls *tls)
{
    struct cc_tls_state state = {.expires_at_us = tls->contexts.facts.until_us,
                                 .loaded = tls->loaded,
                                 .refused = tls->refused};
    memcpy(state.serial, tls->contexts.facts.serial, sizeof(state.serial));
    return state;
}

SSL_CTX *cc_tls_server_context(struct cc_tls *tls)
{
    return tls->contexts.server;
}

SSL_CTX *cc_tls_client_context(struct cc_tls *tls)
{
    return tls->contexts.client;
}

void cc_tls_peer_identity(const SSL *ssl, char out[CC_IDENTITY_MAX + 1])
{
    const X509 *certificate = SSL_get0_peer_certificate(ssl);
    struct cc_certificate_facts facts;
    out[0] = '\0';
    if (certificate && (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) &&
        SSL_get_verify_result(ssl) == X509_V_OK &&
        cc_certificate_facts_of(certificate, &facts) == CC_OK)
        memcpy(out, facts.identity, sizeof(facts.identity));
}
