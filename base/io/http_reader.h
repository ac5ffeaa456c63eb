/*
 * Reads one HTTP/1.1 response out of bytes as they come: head, framing (RFC 9112 section 6.3),
 * body. No socket. For http_client.c.
 */
#ifndef CC_IO_HTTP_READER_H
#define CC_IO_HTTP_READER_H

#include "base/io/http_client.h"
#include "base/io/picohttpparser.h"

enum http_body { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED, HTTP_BODY_UNTIL_CLOSE };

/* Zeroed by its owner before the first use. */
struct http_reader {
    char *input; /* head, then body; a chunked body is decoded in place */
    size_t length, capacity;
    size_t parsed_before; /* length at the last attempt to read the head */
    size_t head_length;   /* 0: the head is not complete */
    size_t body_length;   /* expected, or so far */
    size_t limit_bytes;   /* of head and body */
    bool answers_head;    /* the request was HEAD: no body follows */
    bool keep;            /* the connection may carry another exchange */
    enum http_body body;
    struct phr_chunked_decoder chunks;
    struct cc_http_response response;
};

/* Before each response. The buffer of the last one is used again. */
void http_reader_start(struct http_reader *reader, bool answers_head, size_t limit_bytes);
/* Where the next bytes go. false: the bound is reached or memory is out. */
bool http_reader_room(struct http_reader *reader, char **at, size_t *capacity);
/* count bytes have been put there. CC_PROTOCOL, CC_TOO_LARGE. */
enum cc_error http_reader_take(struct http_reader *reader, size_t count,
                               bool *complete) CC_MUST_CHECK;
/* Whether the end of the connection ends the response properly. */
bool http_reader_ends_with_connection(const struct http_reader *reader);
/* The complete response; borrowed until the next start. */
const struct cc_http_response *http_reader_response(struct http_reader *reader);
/* Gives a large buffer back. */
void http_reader_rest(struct http_reader *reader);
void http_reader_deinit(struct http_reader *reader);

#endif
