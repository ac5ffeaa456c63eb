/* A head that passes the screening has no ambiguity that a second, simpler reading can see. */
#include "base/io/http_screen.h"
#include "tests/fuzz/fuzz.h"

static bool line_is(struct cc_slice line, const char *name)
{
    size_t length = strlen(name);
    return line.length > length && strncasecmp(line.data, name, length) == 0 &&
           line.data[length] == ':';
}

/* The lines of the head, each ended by CRLF, up to the empty one. */
static void check_lines(struct cc_slice head)
{
    unsigned hosts = 0, lengths = 0;
    bool first = true;
    for (;;) {
        const char *end = memmem(head.data, head.length, "\r\n", 2);
        HOLDS(end != NULL);
        struct cc_slice line = cc_slice(head.data, (size_t)(end - head.data));
        HOLDS(memchr(line.data, '\n', line.length) == NULL);
        HOLDS(memchr(line.data, '\r', line.length) == NULL);
        HOLDS(memchr(line.data, '\0', line.length) == NULL);
        if (line.length == 0)
            break;
        HOLDS(line.data[0] != ' ' && line.data[0] != '\t');
        HOLDS(first || memchr(line.data, ':', line.length) != NULL);
        HOLDS(!line_is(line, "transfer-encoding"));
        hosts += line_is(line, "host");
        lengths += line_is(line, "content-length");
        first = false;
        head = cc_slice(end + 2, head.length - line.length - 2);
    }
    HOLDS(hosts == 1 && lengths <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cc_slice input = fuzz_input(data, size);
    enum cc_screen_verdict verdict = cc_http_screen(input);
    HOLDS(cc_screen_status(verdict) >= 200 && cc_screen_name(verdict) && cc_screen_text(verdict));
    if (verdict != CC_SCREEN_OK)
        return 0;
    if (cc_slice_starts_with(input, CC_SLICE_LITERAL("\r\n")))
        input = cc_slice(input.data + 2, input.length - 2);
    const char *end = memmem(input.data, input.length, "\r\n\r\n", 4);
    HOLDS(end != NULL);
    struct cc_slice head = cc_slice(input.data, (size_t)(end - input.data) + 4);
    HOLDS(head.length <= CC_HTTP_HEAD_MAX);
    check_lines(head);
    HOLDS(cc_http_screen(head) == CC_SCREEN_OK); /* what follows the head changes nothing */
    return 0;
}
