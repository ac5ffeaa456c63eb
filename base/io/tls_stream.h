/*
 * The client's side of one TLS connection, over memory: bytes of the wire in, bytes of the wire
 * out. No socket. For http_client.c.
 */
#ifndef CC_IO_TLS_STREAM_H
#define CC_IO_TLS_STREAM_H

#include "base/buffer.h"
#include "base/io/tls.h"

struct tls_stream; /* opaque */

/* Starts the handshake (its first bytes wait to be sent). The peer must come from the authority and
 * be of this role (cc_identity_is); role NULL: its certificate must be for this IPv4 host. */
enum cc_error tls_stream_create(struct cc_tls *tls, const char *role, const char *host,
                                struct tls_stream **out) CC_MUST_CHECK;
void tls_stream_free(struct tls_stream *stream);

/* Takes bytes of the wire, and goes on with the handshake. CC_FORBIDDEN: the peer is not whom we
 * want, CC_PROTOCOL. Even then there may be something to send: why. */
enum cc_error tls_stream_feed(struct tls_stream *stream, struct cc_slice wire) CC_MUST_CHECK;
bool tls_stream_is_open(const struct tls_stream *stream); /* the handshake is over, and good */

/* Up to capacity plain bytes. CC_FORBIDDEN: the peer does not believe us; *got 0: there are no more
 * until fed again. *ended: the peer closed its side properly. */
enum cc_error tls_stream_read(struct tls_stream *stream, char *at, size_t capacity, size_t *got,
                              bool *ended) CC_MUST_CHECK;
/* Encrypts all of it. */
enum cc_error tls_stream_write(struct tls_stream *stream, struct cc_slice plain) CC_MUST_CHECK;
/* Moves what waits to be sent to the end of out. */
void tls_stream_take(struct tls_stream *stream, struct cc_buffer *out);

#endif
