/*
 * The response and chunk parsers that libh2o exports but ships no header for (picohttpparser,
 * github.com/h2o/picohttpparser, as built into libh2o 2.2).
 */
#ifndef CC_IO_PICOHTTPPARSER_H
#define CC_IO_PICOHTTPPARSER_H

#include <stddef.h>
#include <sys/types.h>

struct phr_header {
    const char *name; /* NULL: a folded continuation of the header before */
    size_t name_len;
    const char *value;
    size_t value_len;
};

struct phr_chunked_decoder {
    size_t bytes_left_in_chunk;
    char consume_trailer; /* 1: trailer fields are read and dropped */
    char _hex_count;
    char _state;
};

/* Bytes of the head; -1: malformed; -2: not complete. last_len: length at the call before. */
int phr_parse_request(const char *buf, size_t len, const char **method, size_t *method_len,
                      const char **path, size_t *path_len, int *minor_version,
                      struct phr_header *headers, size_t *num_headers, size_t last_len);
int phr_parse_response(const char *buf, size_t len, int *minor_version, int *status,
                       const char **msg, size_t *msg_len, struct phr_header *headers,
                       size_t *num_headers, size_t last_len);

/* Decodes in place: *bufsz bytes in, decoded bytes out. Bytes left behind the end of the body;
 * -1: malformed; -2: more is needed. */
ssize_t phr_decode_chunked(struct phr_chunked_decoder *decoder, char *buf, size_t *bufsz);

#endif
