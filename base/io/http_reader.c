#include "base/io/http_reader.h"

#include <stdlib.h>

enum { INPUT_FIRST = 4096, INPUT_KEPT = 64 * 1024 };

void http_reader_start(struct http_reader *reader, bool answers_head, size_t limit_bytes)
{
    reader->length = reader->parsed_before = reader->head_length = reader->body_length = 0;
    reader->limit_bytes = limit_bytes;
    reader->answers_head = answers_head;
    reader->keep = false;
}

bool http_reader_room(struct http_reader *reader, char **at, size_t *capacity)
{
    if (reader->length == reader->capacity) {
        size_t grown = reader->capacity ? reader->capacity * 2 : INPUT_FIRST;
        if (grown > reader->limit_bytes)
            grown = reader->limit_bytes;
        char *input = grown > reader->capacity ? realloc(reader->input, grown) : NULL;
        if (!input)
            return false;
        reader->input = input;
        reader->capacity = grown;
    }
    *at = reader->input + reader->length;
    *capacity = reader->capacity - reader->length;
    return true;
}

void http_reader_rest(struct http_reader *reader)
{
    reader->length = 0;
    if (reader->capacity > INPUT_KEPT)
        http_reader_deinit(reader);
}

void http_reader_deinit(struct http_reader *reader)
{
    free(reader->input);
    reader->input = NULL;
    reader->capacity = reader->length = 0;
}

/* ---- head ---- */

static char lowered(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool equals_ignoring_case(struct cc_slice text, const char *lower)
{
    if (text.length != strlen(lower))
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (lowered(text.data[i]) != lower[i])
            return false;
    return true;
}

static bool parse_length(struct cc_slice text, size_t *out)
{
    size_t value = 0;
    if (text.length == 0 || text.length > 15)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (size_t)(text.data[i] - '0');
    }
    *out = value;
    return true;
}

static struct cc_slice trim_end(struct cc_slice value)
{
    while (value.length > 0 &&
           (value.data[value.length - 1] == ' ' || value.data[value.length - 1] == '\t'))
        value.length--;
    return value;
}

/* Length of the head, -1: malformed, -2: not complete. The slices point into the input, which may
 * still move: run once more when the response is complete. */
static int parse_head(struct http_reader *reader, size_t length, size_t parsed_before, int *minor)
{
    struct phr_header headers[CC_HTTP_HEADERS_MAX];
    struct cc_http_response *response = &reader->response;
    const char *text;
    size_t text_length;
    response->header_count = CC_HTTP_HEADERS_MAX;
    int head = phr_parse_response(reader->input, length, minor, &response->status, &text,
                                  &text_length, headers, &response->header_count, parsed_before);
    if (head <= 0)
        return head;
    for (size_t i = 0; i < response->header_count; i++) {
        if (!headers[i].name)
            return -1; /* folded */
        char *name = reader->input + (headers[i].name - reader->input);
        for (size_t j = 0; j < headers[i].name_len; j++)
            name[j] = lowered(name[j]);
        response->headers[i].name = cc_slice(name, headers[i].name_len);
        response->headers[i].value = trim_end(cc_slice(headers[i].value, headers[i].value_len));
    }
    return head;
}

struct framing {
    bool has_length, chunked;
};

static enum cc_error read_framing_header(struct http_reader *reader, struct framing *framing,
                                         const struct cc_http_header *header)
{
    if (cc_slice_is(header->name, "content-length")) {
        if (framing->has_length || !parse_length(header->value, &reader->body_length))
            return CC_PROTOCOL;
        framing->has_length = true;
    } else if (cc_slice_is(header->name, "transfer-encoding")) {
        if (framing->chunked || !equals_ignoring_case(header->value, "chunked"))
            return CC_PROTOCOL;
        framing->chunked = true;
    } else if (cc_slice_is(header->name, "connection")) {
        if (equals_ignoring_case(header->value, "close"))
            reader->keep = false;
        else if (equals_ignoring_case(header->value, "keep-alive"))
            reader->keep = true;
    }
    return CC_OK;
}

static enum cc_error read_framing(struct http_reader *reader, int minor)
{
    struct cc_http_response *response = &reader->response;
    struct framing framing = {false, false};
    enum cc_error error = CC_OK;
    reader->keep = minor >= 1;
    for (size_t i = 0; i < response->header_count && error == CC_OK; i++)
        error = read_framing_header(reader, &framing, &response->headers[i]);
    if (error != CC_OK || (framing.has_length && framing.chunked))
        return CC_PROTOCOL;
    if (reader->answers_head || response->status == 204 || response->status == 304)
        reader->body = HTTP_BODY_NONE;
    else if (framing.chunked)
        reader->body = HTTP_BODY_CHUNKED;
    else
        reader->body = framing.has_length ? HTTP_BODY_LENGTH : HTTP_BODY_UNTIL_CLOSE;
    if (reader->body != HTTP_BODY_LENGTH)
        reader->body_length = 0;
    if (reader->body == HTTP_BODY_UNTIL_CLOSE)
        reader->keep = false;
    memset(&reader->chunks, 0, sizeof(reader->chunks));
    reader->chunks.consume_trailer = 1;
    if (reader->head_length + reader->body_length > reader->limit_bytes)
        return CC_TOO_LARGE;
    return CC_OK;
}

/* CC_OK with head_length 0: more is needed. Interim responses (1xx) are dropped. */
static enum cc_error read_head(struct http_reader *reader)
{
    while (reader->length > 0) {
        int minor = 0;
        int head = parse_head(reader, reader->length, reader->parsed_before, &minor);
        if (head == -2) {
            reader->parsed_before = reader->length;
            return CC_OK;
        }
        if (head < 0 || reader->response.status < 100 || reader->response.status == 101)
            return CC_PROTOCOL;
        if (reader->response.status >= 200) {
            reader->head_length = (size_t)head;
            return read_framing(reader, minor);
        }
        reader->length -= (size_t)head;
        reader->parsed_before = 0;
        memmove(reader->input, reader->input + head, reader->length);
    }
    return CC_OK;
}

/* ---- body ---- */

static enum cc_error read_chunks(struct http_reader *reader, bool *complete)
{
    size_t raw = reader->length - reader->head_length - reader->body_length;
    char *at = reader->input + reader->head_length + reader->body_length;
    ssize_t left = phr_decode_chunked(&reader->chunks, at, &raw);
    if (left == -1)
        return CC_PROTOCOL;
    reader->body_length += raw;
    reader->length = reader->head_length + reader->body_length;
    if (left > 0)
        reader->keep = false; /* bytes that nobody asked for */
    *complete = left >= 0;
    return CC_OK;
}

static enum cc_error read_body(struct http_reader *reader, bool *complete)
{
    size_t have = reader->length - reader->head_length;
    switch (reader->body) {
    case HTTP_BODY_NONE:
    case HTTP_BODY_LENGTH:
        if (have > reader->body_length)
            reader->keep = false;
        *complete = have >= reader->body_length;
        return CC_OK;
    case HTTP_BODY_UNTIL_CLOSE:
        reader->body_length = have;
        return CC_OK;
    case HTTP_BODY_CHUNKED:
        return read_chunks(reader, complete);
    }
    return CC_PROTOCOL;
}

enum cc_error http_reader_take(struct http_reader *reader, size_t count, bool *complete)
{
    *complete = false;
    reader->length += count;
    if (reader->head_length == 0) {
        enum cc_error error = read_head(reader);
        if (error != CC_OK || reader->head_length == 0)
            return error;
    }
    return read_body(reader, complete);
}

bool http_reader_ends_with_connection(const struct http_reader *reader)
{
    return reader->head_length > 0 && reader->body == HTTP_BODY_UNTIL_CLOSE;
}

const struct cc_http_response *http_reader_response(struct http_reader *reader)
{
    int minor;
    if (parse_head(reader, reader->head_length, 0, &minor) < 0)
        reader->response.header_count = 0; /* it was read before: cannot happen */
    reader->response.body = cc_slice(reader->input + reader->head_length, reader->body_length);
    return &reader->response;
}

struct cc_slice cc_http_response_header(const struct cc_http_response *response, const char *name)
{
    struct cc_slice wanted = cc_slice_of(name);
    for (size_t i = 0; i < response->header_count; i++)
        if (cc_slice_equal(response->headers[i].name, wanted))
            return response->headers[i].value;
    return (struct cc_slice){NULL, 0};
}
