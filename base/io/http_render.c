#include "base/io/http_render.h"

#include <stdlib.h>

enum { REQUEST_MAX = 4 * 1024 * 1024 };

void http_bytes_drop(struct http_bytes *bytes)
{
    if (bytes && --bytes->users == 0)
        free(bytes);
}

enum cc_error http_bytes_copy(struct cc_slice text, struct http_bytes **out)
{
    struct http_bytes *bytes = malloc(sizeof(*bytes) + text.length);
    *out = bytes;
    if (!bytes)
        return CC_NO_MEMORY;
    bytes->users = 1;
    bytes->length = text.length;
    memcpy(bytes->data, text.data, text.length);
    return CC_OK;
}

static bool is_clean(struct cc_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= '\r' && (c == '\r' || c == '\n' || c == '\0'))
            return false;
    }
    return true;
}

static bool is_valid(const struct cc_http_exchange *exchange)
{
    if (!is_clean(exchange->method) || !is_clean(exchange->path) || exchange->path.length == 0)
        return false;
    for (size_t i = 0; i < exchange->path.length; i++)
        if (exchange->path.data[i] == ' ')
            return false;
    for (size_t i = 0; i < exchange->header_count; i++)
        if (!is_clean(exchange->headers[i].name) || !is_clean(exchange->headers[i].value))
            return false;
    return true;
}

static bool is_ours(struct cc_slice name)
{
    return cc_slice_is(name, "host") || cc_slice_is(name, "content-length") ||
           cc_slice_is(name, "transfer-encoding");
}

static void append(struct cc_buffer *buffer, const struct cc_http_exchange *exchange)
{
    cc_buffer_append(buffer, exchange->method);
    cc_buffer_text(buffer, " ");
    cc_buffer_append(buffer, exchange->path);
    cc_buffer_text(buffer, " HTTP/1.1\r\nhost: ");
    cc_buffer_append(buffer, exchange->address);
    for (size_t i = 0; i < exchange->header_count; i++) {
        if (is_ours(exchange->headers[i].name))
            continue;
        cc_buffer_text(buffer, "\r\n");
        cc_buffer_append(buffer, exchange->headers[i].name);
        cc_buffer_text(buffer, ": ");
        cc_buffer_append(buffer, exchange->headers[i].value);
    }
    if (exchange->body.length > 0 || !cc_slice_is(exchange->method, "GET")) {
        cc_buffer_text(buffer, "\r\ncontent-length: ");
        cc_buffer_integer(buffer, (int64_t)exchange->body.length);
    }
    cc_buffer_text(buffer, "\r\n\r\n");
    cc_buffer_append(buffer, exchange->body);
}

enum cc_error http_render(const struct cc_http_exchange *exchange, struct http_bytes **out)
{
    struct cc_buffer buffer;
    if (!is_valid(exchange))
        return CC_INVALID;
    cc_buffer_init(&buffer, REQUEST_MAX);
    append(&buffer, exchange);
    enum cc_error error = buffer.error;
    if (error == CC_OK)
        error = http_bytes_copy(cc_buffer_slice(&buffer), out);
    cc_buffer_deinit(&buffer);
    return error;
}
