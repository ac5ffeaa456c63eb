#include "edge/segment.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool edge_segment_is(struct cc_slice segment, struct cc_slice text)
{
    size_t at = 0;
    for (size_t i = 0; i < segment.length; i++, at++) {
        char c = segment.data[i];
        if (c == '%' && i + 2 < segment.length && hex_digit(segment.data[i + 1]) >= 0 &&
            hex_digit(segment.data[i + 2]) >= 0) {
            c = (char)(hex_digit(segment.data[i + 1]) * 16 + hex_digit(segment.data[i + 2]));
            i += 2;
        }
        if (at >= text.length || text.data[at] != c)
            return false;
    }
    return at == text.length;
}

static bool is_unreserved(char c)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

bool edge_segment_is_plain(struct cc_slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!is_unreserved(text.data[i]))
            return false;
    return text.length > 0 && text.data[0] != '.';
}
