#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/utf8.h"

enum { LIMIT_DEFAULT_BYTES = 16 * 1024 * 1024, CAPACITY_FIRST_BYTES = 1024 };

void cc_buffer_init(struct cc_buffer *buffer, size_t limit_bytes)
{
    *buffer = (struct cc_buffer){.limit_bytes = limit_bytes ? limit_bytes : LIMIT_DEFAULT_BYTES};
}

void cc_buffer_deinit(struct cc_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct cc_buffer){.limit_bytes = buffer->limit_bytes};
}

void cc_buffer_clear(struct cc_buffer *buffer)
{
    buffer->length = 0;
    buffer->error = CC_OK;
}

/* Makes room for extra bytes and a NUL behind them, which vsnprintf needs. */
static bool reserve(struct cc_buffer *buffer, size_t extra)
{
    if (buffer->error)
        return false;
    if (extra > buffer->limit_bytes - buffer->length) {
        buffer->error = CC_TOO_LARGE;
        return false;
    }
    size_t needed = buffer->length + extra + 1;
    if (needed <= buffer->capacity)
        return true;
    size_t capacity = buffer->capacity ? buffer->capacity : CAPACITY_FIRST_BYTES;
    while (capacity < needed)
        capacity *= 2;
    if (capacity > buffer->limit_bytes)
        capacity = buffer->limit_bytes + 1;
    char *data = realloc(buffer->data, capacity);
    if (!data) {
        buffer->error = CC_NO_MEMORY;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void cc_buffer_append_growing(struct cc_buffer *buffer, struct cc_slice slice)
{
    if (slice.length == 0 || !reserve(buffer, slice.length))
        return;
    memcpy(buffer->data + buffer->length, slice.data, slice.length);
    buffer->length += slice.length;
}

void cc_buffer_printf(struct cc_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        if (!buffer->error)
            buffer->error = CC_INVALID;
        return;
    }
    if (!reserve(buffer, (size_t)length))
        return;
    va_start(arguments, format);
    (void)vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
}

void cc_buffer_integer(struct cc_buffer *buffer, int64_t value)
{
    char text[CC_DECIMAL_TEXT];
    cc_buffer_append(buffer, cc_decimal(value, text));
}

static void append_escaped(struct cc_buffer *buffer, unsigned char byte)
{
    static const char letters[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"'};
    if (byte == '\\')
        cc_buffer_text(buffer, "\\\\");
    else if (byte < sizeof(letters) && letters[byte])
        cc_buffer_append(buffer, cc_slice((const char[]){'\\', letters[byte]}, 2));
    else
        cc_buffer_printf(buffer, "\\u%04x", byte);
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Eight at once: what is taken off sets the top bit of a byte below 0x20, and of one that is zero
 * after the comparison; what it borrows comes only from such a byte. */
static bool are_plain(uint64_t bytes)
{
    uint64_t quote = bytes ^ EACH_BYTE('"');
    uint64_t backslash = bytes ^ EACH_BYTE('\\');
    uint64_t not_plain =
        (bytes - EACH_BYTE(0x20)) | (quote - EACH_BYTE(1)) | (backslash - EACH_BYTE(1)) | bytes;
    return (not_plain & EACH_BYTE(0x80)) == 0;
}

/* The number of plain bytes at the front. */
static size_t plain_length(const unsigned char *bytes, size_t length)
{
    size_t i = 0;
    for (uint64_t word; length - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, bytes + i, sizeof(word));
        if (!are_plain(word))
            break;
    }
    while (i < length && is_plain(bytes[i]))
        i++;
    return i;
}

void cc_buffer_json_string(struct cc_buffer *buffer, struct cc_slice text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    size_t plain_from = 0;
    size_t i = 0;
    cc_buffer_text(buffer, "\"");
    while (i += plain_length(bytes + i, text.length - i), i < text.length) {
        size_t length = cc_utf8_length(bytes + i, text.length - i);
        bool escape = bytes[i] < 0x20 || bytes[i] == '"' || bytes[i] == '\\';
        if (length > 0 && !escape) {
            i += length;
            continue;
        }
        cc_buffer_append(buffer, cc_slice(text.data + plain_from, i - plain_from));
        if (escape)
            append_escaped(buffer, bytes[i]);
        else
            cc_buffer_text(buffer, "\xEF\xBF\xBD");
        i++;
        plain_from = i;
    }
    if (plain_from < i)
        cc_buffer_append(buffer, cc_slice(text.data + plain_from, i - plain_from));
    cc_buffer_text(buffer, "\"");
}

struct cc_slice cc_buffer_slice(const struct cc_buffer *buffer)
{
    return cc_slice(buffer->data, buffer->length);
}
