#include "base/io/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

enum { CHUNK = 16 * 1024 };

struct tls_stream {
    SSL *ssl;
    BIO *in, *out; /* the SSL's */
    char *role;    /* NULL: the host is in the SSL's own checks */
    bool open, ended;
};

static enum cc_error shake(struct tls_stream *stream);

static bool attach(struct tls_stream *stream, SSL_CTX *context)
{
    stream->ssl = SSL_new(context);
    stream->in = BIO_new(BIO_s_mem());
    stream->out = BIO_new(BIO_s_mem());
    if (!stream->ssl || !stream->in || !stream->out) {
        BIO_free(stream->in);
        BIO_free(stream->out);
        return false;
    }
    BIO_set_mem_eof_return(stream->in, -1);
    BIO_set_mem_eof_return(stream->out, -1);
    SSL_set_bio(stream->ssl, stream->in, stream->out);
    SSL_set_connect_state(stream->ssl);
    return true;
}

enum cc_error tls_stream_create(struct cc_tls *tls, const char *role, const char *host,
                                struct tls_stream **out)
{
    struct tls_stream *stream = calloc(1, sizeof(*stream));
    *out = NULL;
    if (!stream)
        return CC_NO_MEMORY;
    enum cc_error error = attach(stream, cc_tls_client_context(tls)) ? CC_OK : CC_NO_MEMORY;
    if (!error && role && !(stream->role = strdup(role)))
        error = CC_NO_MEMORY;
    if (!error && !role && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(stream->ssl), host) != 1)
        error = CC_INVALID;
    if (!error)
        error = shake(stream);
    if (error) {
        tls_stream_free(stream);
        return error;
    }
    *out = stream;
    return CC_OK;
}

void tls_stream_free(struct tls_stream *stream)
{
    if (!stream)
        return;
    SSL_free(stream->ssl);
    free(stream->role);
    free(stream);
}

static bool is_wanted(const struct tls_stream *stream)
{
    char identity[CC_IDENTITY_MAX + 1];
    if (!stream->role)
        return true;
    cc_tls_peer_identity(stream->ssl, identity);
    return cc_identity_is(cc_slice_of(identity), stream->role);
}

/* In TLS 1.3 a server says after our handshake that it does not believe us. */
static bool is_alert(void)
{
    return ERR_GET_REASON(ERR_peek_last_error()) > SSL_AD_REASON_OFFSET;
}

static enum cc_error shake(struct tls_stream *stream)
{
    int result = SSL_do_handshake(stream->ssl);
    enum cc_error error = CC_OK;
    if (result == 1) {
        stream->open = is_wanted(stream);
        error = stream->open ? CC_OK : CC_FORBIDDEN;
    } else if (SSL_get_error(stream->ssl, result) != SSL_ERROR_WANT_READ) {
        bool believed = SSL_get_verify_result(stream->ssl) == X509_V_OK && !is_alert();
        error = believed ? CC_PROTOCOL : CC_FORBIDDEN;
    }
    ERR_clear_error();
    return error;
}

enum cc_error tls_stream_feed(struct tls_stream *stream, struct cc_slice wire)
{
    if (wire.length > 0 && BIO_write(stream->in, wire.data, (int)wire.length) != (int)wire.length)
        return CC_NO_MEMORY;
    return stream->open ? CC_OK : shake(stream);
}

bool tls_stream_is_open(const struct tls_stream *stream)
{
    return stream->open;
}

enum cc_error tls_stream_read(struct tls_stream *stream, char *at, size_t capacity, size_t *got,
                              bool *ended)
{
    *got = 0;
    enum cc_error error = CC_OK;
    if (SSL_read_ex(stream->ssl, at, capacity, got) != 1) {
        int reason = SSL_get_error(stream->ssl, 0);
        *got = 0;
        stream->ended = stream->ended || reason == SSL_ERROR_ZERO_RETURN;
        if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_ZERO_RETURN)
            error = is_alert() ? CC_FORBIDDEN : CC_PROTOCOL;
    }
    ERR_clear_error();
    *ended = stream->ended;
    return error;
}

enum cc_error tls_stream_write(struct tls_stream *stream, struct cc_slice plain)
{
    for (size_t at = 0, written; at < plain.length; at += written)
        if (SSL_write_ex(stream->ssl, plain.data + at, plain.length - at, &written) != 1) {
            ERR_clear_error();
            return CC_PROTOCOL;
        }
    return CC_OK;
}

void tls_stream_take(struct tls_stream *stream, struct cc_buffer *out)
{
    char chunk[CHUNK];
    for (int got; (got = BIO_read(stream->out, chunk, sizeof(chunk))) > 0;)
        cc_buffer_append(out, cc_slice(chunk, (size_t)got));
}
