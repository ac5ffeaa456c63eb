#include "edge/trace.h"

#include "base/crypto.h"

/* "00-<32 hex trace id>-<16 hex parent id>-<2 hex flags>" */
enum {
    TRACE_AT = 3,
    TRACE_HEX = 32,
    PARENT_AT = 36,
    PARENT_HEX = 16,
    FLAGS_AT = 53,
    FLAGS_HEX = 2
};

static bool is_hex(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    return true;
}

static bool is_zero(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] != '0')
            return false;
    return true;
}

/* A later version may be longer, behind one more '-'; "ff" is forbidden. */
static bool is_valid(struct cc_slice header)
{
    const char *h = header.data;
    if (header.length < EDGE_TRACEPARENT_TEXT)
        return false;
    bool known_version = h[0] == '0' && h[1] == '0';
    if (header.length > EDGE_TRACEPARENT_TEXT && (known_version || h[EDGE_TRACEPARENT_TEXT] != '-'))
        return false;
    return is_hex(h, 2) && !(h[0] == 'f' && h[1] == 'f') && h[2] == '-' && h[35] == '-' &&
           h[52] == '-' && is_hex(h + TRACE_AT, TRACE_HEX) && is_hex(h + PARENT_AT, PARENT_HEX) &&
           is_hex(h + FLAGS_AT, FLAGS_HEX) && !is_zero(h + TRACE_AT, TRACE_HEX) &&
           !is_zero(h + PARENT_AT, PARENT_HEX);
}

void edge_trace_continue(struct cc_slice header, const uint8_t random[EDGE_TRACE_RANDOM_BYTES],
                         char *out)
{
    char trace[TRACE_HEX + 1], parent[PARENT_HEX + 1];
    bool valid = is_valid(header);
    cc_hex_encode(cc_slice((const char *)random, TRACE_HEX / 2), trace);
    cc_hex_encode(cc_slice((const char *)random + TRACE_HEX / 2, PARENT_HEX / 2), parent);
    memcpy(out, "00-", 3);
    memcpy(out + TRACE_AT, valid ? header.data + TRACE_AT : trace, TRACE_HEX);
    out[35] = '-';
    memcpy(out + PARENT_AT, parent, PARENT_HEX);
    out[52] = '-';
    memcpy(out + FLAGS_AT, valid ? header.data + FLAGS_AT : "01", FLAGS_HEX);
    out[EDGE_TRACEPARENT_TEXT] = '\0';
}
