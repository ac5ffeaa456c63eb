/* Strict reading of a request head, line by line; the first fault in byte order is the verdict. */
#include "base/io/http_screen.h"

struct counts {
    unsigned headers;
    unsigned hosts;
    unsigned lengths;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alphanumeric(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* RFC 9110 section 5.6.2 */
static bool is_token(struct cc_slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!is_alphanumeric(text.data[i]) && !is_one_of(text.data[i], "!#$%&'*+-.^_`|~"))
            return false;
    return text.length > 0;
}

static bool name_is(struct cc_slice name, const char *lower)
{
    if (name.length != strlen(lower))
        return false;
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c) != lower[i])
            return false;
    }
    return true;
}

static struct cc_slice trim(struct cc_slice value)
{
    while (value.length > 0 && is_one_of(value.data[0], " \t")) {
        value.data++;
        value.length--;
    }
    while (value.length > 0 && is_one_of(value.data[value.length - 1], " \t"))
        value.length--;
    return value;
}

/* One line without its CRLF; rest moves behind it. */
static enum cc_screen_verdict take_line(struct cc_slice *rest, size_t *budget,
                                        struct cc_slice *line)
{
    size_t limit = rest->length < *budget ? rest->length : *budget;
    for (size_t i = 0; i < limit; i++) {
        char c = rest->data[i];
        if ((unsigned char)c >= 0x20 && c != 0x7f)
            continue;
        if (c == '\n')
            return CC_SCREEN_LINE_END;
        if (c == '\r') {
            if (i + 1 >= limit)
                break;
            if (rest->data[i + 1] != '\n')
                return CC_SCREEN_LINE_END;
            *line = cc_slice(rest->data, i);
            *rest = cc_slice(rest->data + i + 2, rest->length - i - 2);
            *budget -= i + 2;
            return CC_SCREEN_OK;
        }
        if (c != '\t')
            return CC_SCREEN_BYTES;
    }
    return rest->length >= *budget ? CC_SCREEN_HEAD_TOO_LARGE : CC_SCREEN_INCOMPLETE;
}

/* method SP origin-form SP HTTP/1.0 or HTTP/1.1 */
static enum cc_screen_verdict screen_request_line(struct cc_slice line)
{
    const char *space = memchr(line.data, ' ', line.length);
    if (!space || !is_token(cc_slice(line.data, (size_t)(space - line.data))))
        return CC_SCREEN_TARGET;
    const char *target = space + 1;
    const char *end = line.data + line.length;
    const char *p = target;
    for (; p < end && *p != ' '; p++)
        if ((unsigned char)*p < 0x21 || (unsigned char)*p > 0x7e || *p == '#')
            return CC_SCREEN_TARGET;
    if (p == target || *target != '/' || p == end)
        return CC_SCREEN_TARGET;
    struct cc_slice version = cc_slice(p + 1, (size_t)(end - p - 1));
    return cc_slice_is(version, "HTTP/1.1") || cc_slice_is(version, "HTTP/1.0") ? CC_SCREEN_OK
                                                                                : CC_SCREEN_TARGET;
}

/* uri-host [ ":" port ], RFC 9110 section 7.2; brackets only around an IP literal */
static bool host_is_valid(struct cc_slice host)
{
    size_t i = 0;
    if (host.length > 0 && host.data[0] == '[') {
        for (i = 1; i < host.length &&
                    (is_alphanumeric(host.data[i]) || host.data[i] == ':' || host.data[i] == '.');
             i++)
            ;
        if (i >= host.length || host.data[i] != ']' || i == 1)
            return false;
        i++;
    } else {
        while (i < host.length &&
               (is_alphanumeric(host.data[i]) || is_one_of(host.data[i], "-._~!$&'()*+,;=%")))
            i++;
        if (i == 0)
            return false;
    }
    if (i == host.length)
        return true;
    if (host.data[i] != ':')
        return false;
    for (i++; i < host.length; i++)
        if (!is_digit(host.data[i]))
            return false;
    return true;
}

static bool length_is_valid(struct cc_slice value)
{
    for (size_t i = 0; i < value.length; i++)
        if (!is_digit(value.data[i]))
            return false;
    return value.length > 0 && value.length <= 18;
}

static enum cc_screen_verdict screen_header(struct cc_slice line, struct counts *counts)
{
    if (is_one_of(line.data[0], " \t"))
        return CC_SCREEN_FOLDING;
    const char *colon = memchr(line.data, ':', line.length);
    if (!colon)
        return CC_SCREEN_BYTES;
    struct cc_slice name = cc_slice(line.data, (size_t)(colon - line.data));
    if (!is_token(name))
        return CC_SCREEN_BYTES;
    struct cc_slice value = trim(cc_slice(colon + 1, line.length - name.length - 1));
    if (++counts->headers > CC_HTTP_HEADERS_MAX)
        return CC_SCREEN_HEAD_TOO_LARGE;
    if (name_is(name, "transfer-encoding"))
        return CC_SCREEN_TRANSFER_ENCODING;
    if (name_is(name, "content-length") && (++counts->lengths > 1 || !length_is_valid(value)))
        return CC_SCREEN_CONTENT_LENGTH;
    if (name_is(name, "host") && (++counts->hosts > 1 || !host_is_valid(value)))
        return CC_SCREEN_HOST;
    return CC_SCREEN_OK;
}

enum cc_screen_verdict cc_http_screen(struct cc_slice bytes)
{
    struct counts counts = {0, 0, 0};
    struct cc_slice line = {NULL, 0};
    size_t budget = CC_HTTP_HEAD_MAX;
    enum cc_screen_verdict verdict = take_line(&bytes, &budget, &line);
    if (verdict == CC_SCREEN_OK && line.length == 0) /* RFC 9112 section 2.2 lets one pass */
        verdict = take_line(&bytes, &budget, &line);
    if (verdict == CC_SCREEN_OK)
        verdict = screen_request_line(line);
    while (verdict == CC_SCREEN_OK) {
        verdict = take_line(&bytes, &budget, &line);
        if (verdict != CC_SCREEN_OK || line.length == 0)
            break;
        verdict = screen_header(line, &counts);
    }
    if (verdict == CC_SCREEN_OK && counts.hosts != 1)
        verdict = CC_SCREEN_HOST;
    return verdict;
}

static const struct {
    int status;
    const char *name;
    const char *text;
} verdicts[] = {
    [CC_SCREEN_OK] = {200, "ok", "fine"},
    [CC_SCREEN_TRANSFER_ENCODING] = {501, "transfer_encoding",
                                     "Transfer-Encoding is not accepted; send Content-Length"},
    [CC_SCREEN_CONTENT_LENGTH] = {400, "content_length",
                                  "Content-Length must stand once and be a decimal number"},
    [CC_SCREEN_HOST] = {400, "host", "Host must stand exactly once and be a host name"},
    [CC_SCREEN_TARGET] = {400, "target",
                          "the request line must be a method, a path beginning with '/' and "
                          "HTTP/1.1"},
    [CC_SCREEN_FOLDING] = {400, "folding", "a header must not be folded over several lines"},
    [CC_SCREEN_LINE_END] = {400, "line_end", "lines must end with CR LF"},
    [CC_SCREEN_BYTES] = {400, "bytes",
                         "the head holds a control byte or a header name that is no token"},
    [CC_SCREEN_HEAD_TOO_LARGE] = {431, "head_too_large",
                                  "the head is larger than 16 KB or has more than 64 headers"},
    [CC_SCREEN_INCOMPLETE] = {400, "incomplete", "the head does not end"},
};

int cc_screen_status(enum cc_screen_verdict verdict)
{
    return verdicts[verdict].status;
}

const char *cc_screen_name(enum cc_screen_verdict verdict)
{
    return verdicts[verdict].name;
}

const char *cc_screen_text(enum cc_screen_verdict verdict)
{
    return verdicts[verdict].text;
}
