#include "base/io/http_screen.h"

#include <stdio.h>

#include "tests/unit/base/suite.h"

static enum cc_screen_verdict screen(const char *text)
{
    return cc_http_screen(cc_slice_of(text));
}

#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define END "\r\n"

static const struct {
    const char *request;
    enum cc_screen_verdict verdict;
} cases[] = {
    {GET HOST END, CC_SCREEN_OK},
    {"GET / HTTP/1.0\r\n" HOST END, CC_SCREEN_OK},
    {"\r\n" GET HOST END, CC_SCREEN_OK}, /* one empty line in front: RFC 9112 section 2.2 */
    {"\r\n\r\n" GET HOST END, CC_SCREEN_TARGET},
    {GET "hOsT:a:80\r\n" END, CC_SCREEN_OK},
    {GET "Host: [::1]:8080\r\n" END, CC_SCREEN_OK},
    {GET HOST "X:\r\nY:\tv \r\n" END, CC_SCREEN_OK},
    {GET HOST "X: caf\xc3\xa9\r\n" END, CC_SCREEN_OK}, /* obs-text */
    {GET HOST "Content-Length: 0\r\n" END "Transfer-Encoding: chunked\r\n", CC_SCREEN_OK},
    {"get-it_1 /a?b=%20&c HTTP/1.1\r\n" HOST END, CC_SCREEN_OK},

    {GET HOST "Transfer-Encoding: chunked\r\n" END, CC_SCREEN_TRANSFER_ENCODING},
    {GET HOST "TRANSFER-encoding:identity\r\n" END, CC_SCREEN_TRANSFER_ENCODING},
    {GET HOST "Content-Length: 1\r\nTransfer-Encoding: x\r\n" END, CC_SCREEN_TRANSFER_ENCODING},

    {GET HOST "Content-Length: 1\r\nContent-Length: 1\r\n" END, CC_SCREEN_CONTENT_LENGTH},
    {GET HOST "Content-Length: 1\r\ncontent-length: 2\r\n" END, CC_SCREEN_CONTENT_LENGTH},
    {GET HOST "Content-Length: 1, 1\r\n" END, CC_SCREEN_CONTENT_LENGTH},
    {GET HOST "Content-Length: +1\r\n" END, CC_SCREEN_CONTENT_LENGTH},
    {GET HOST "Content-Length: -1\r\n" END, CC_SCREEN_CONTENT_LENGTH},
    {GET HOST "Content-Length: 0x1\r\n" END, CC_SCREEN_CONTENT_LENGTH},
    {GET HOST "Content-Length: 1 1\r\n" END, CC_SCREEN_CONTENT_LENGTH},
    {GET HOST "Content-Length:\r\n" END, CC_SCREEN_CONTENT_LENGTH},
    {GET HOST "Content-Length: 1000000000000000000\r\n" END, CC_SCREEN_CONTENT_LENGTH},

    {GET END, CC_SCREEN_HOST},
    {GET HOST HOST END, CC_SCREEN_HOST},
    {GET HOST "host: b\r\n" END, CC_SCREEN_HOST},
    {GET "Host:\r\n" END, CC_SCREEN_HOST},
    {GET "Host: a b\r\n" END, CC_SCREEN_HOST},
    {GET "Host: a/b\r\n" END, CC_SCREEN_HOST},
    {GET "Host: u@a\r\n" END, CC_SCREEN_HOST},
    {GET "Host: a:8x\r\n" END, CC_SCREEN_HOST},
    {GET "Host: a,b:1:2\r\n" END, CC_SCREEN_HOST},
    {GET "Host: [::1\r\n" END, CC_SCREEN_HOST},
    {GET "Host: []\r\n" END, CC_SCREEN_HOST},

    {"GET http://a/ HTTP/1.1\r\n" HOST END, CC_SCREEN_TARGET},
    {"CONNECT a:80 HTTP/1.1\r\n" HOST END, CC_SCREEN_TARGET},
    {"OPTIONS * HTTP/1.1\r\n" HOST END, CC_SCREEN_TARGET},
    {"GET /#a HTTP/1.1\r\n" HOST END, CC_SCREEN_TARGET},
    {"GET /\xc3\xa9 HTTP/1.1\r\n" HOST END, CC_SCREEN_TARGET},
    {"GET  / HTTP/1.1\r\n" HOST END, CC_SCREEN_TARGET},
    {"GET /  HTTP/1.1\r\n" HOST END, CC_SCREEN_TARGET},
    {"GET / HTTP/1.1 \r\n" HOST END, CC_SCREEN_TARGET},
    {"GET /\r\n" HOST END, CC_SCREEN_TARGET},
    {"GET / HTTP/2.0\r\n" HOST END, CC_SCREEN_TARGET},
    {"G(T / HTTP/1.1\r\n" HOST END, CC_SCREEN_TARGET},
    {" GET / HTTP/1.1\r\n" HOST END, CC_SCREEN_TARGET},

    {GET HOST "X: a\r\n b\r\n" END, CC_SCREEN_FOLDING},
    {GET HOST "X: a\r\n\tb\r\n" END, CC_SCREEN_FOLDING},
    {GET " " HOST END, CC_SCREEN_FOLDING},

    {"GET / HTTP/1.1\n" HOST END, CC_SCREEN_LINE_END},
    {GET "Host: a\n" END, CC_SCREEN_LINE_END},
    {GET HOST "\n", CC_SCREEN_LINE_END},
    {GET HOST "X: a\rb\r\n" END, CC_SCREEN_LINE_END},
    {GET HOST "X: a\r\r\n" END, CC_SCREEN_LINE_END},

    {GET HOST "X : a\r\n" END, CC_SCREEN_BYTES},
    {GET HOST "X\r\n" END, CC_SCREEN_BYTES},
    {GET HOST ": a\r\n" END, CC_SCREEN_BYTES},
    {GET HOST "X(: a\r\n" END, CC_SCREEN_BYTES},
    {GET HOST "X: a\x01\r\n" END, CC_SCREEN_BYTES},
    {GET HOST "X: a\x7f\r\n" END, CC_SCREEN_BYTES},
    {"GET /\t HTTP/1.1\r\n" HOST END, CC_SCREEN_TARGET},

    {"", CC_SCREEN_INCOMPLETE},
    {GET HOST, CC_SCREEN_INCOMPLETE},
    {GET HOST "\r", CC_SCREEN_INCOMPLETE},
};

START_TEST(test_verdicts)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_msg(screen(cases[i].request) == cases[i].verdict, "%s: got %s, expected %s",
                      cases[i].request, cc_screen_name(screen(cases[i].request)),
                      cc_screen_name(cases[i].verdict));
}
END_TEST

START_TEST(test_nul_is_refused_anywhere)
{
    static const char good[] = GET HOST "X: abc\r\n" END;
    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        char copy[sizeof(good)];
        memcpy(copy, good, sizeof(good));
        copy[i] = '\0';
        ck_assert_int_ne(cc_http_screen(cc_slice(copy, sizeof(good) - 1)), CC_SCREEN_OK);
    }
}
END_TEST

START_TEST(test_every_cut_is_refused)
{
    static const char good[] = GET HOST "X: abc\r\n" END;
    for (size_t length = 0; length < sizeof(good) - 1; length++)
        ck_assert_int_eq(cc_http_screen(cc_slice(good, length)), CC_SCREEN_INCOMPLETE);
}
END_TEST

static size_t fill(char *out, size_t head_bytes)
{
    size_t length = (size_t)snprintf(out, 64, GET HOST "X: ");
    memset(out + length, 'a', head_bytes - length - 4);
    memcpy(out + head_bytes - 4, "\r\n\r\n", 4);
    return head_bytes;
}

START_TEST(test_head_is_bounded)
{
    static char head[CC_HTTP_HEAD_MAX + 1];
    ck_assert_int_eq(cc_http_screen(cc_slice(head, fill(head, CC_HTTP_HEAD_MAX))), CC_SCREEN_OK);
    ck_assert_int_eq(cc_http_screen(cc_slice(head, fill(head, CC_HTTP_HEAD_MAX + 1))),
                     CC_SCREEN_HEAD_TOO_LARGE);
}
END_TEST

START_TEST(test_header_count_is_bounded)
{
    char head[4096];
    size_t length = (size_t)snprintf(head, sizeof(head), GET HOST);
    for (int i = 1; i < CC_HTTP_HEADERS_MAX; i++)
        length += (size_t)snprintf(head + length, 32, "x-%d: 1\r\n", i);
    memcpy(head + length, "\r\n", 3);
    ck_assert_int_eq(screen(head), CC_SCREEN_OK);
    memcpy(head + length, "y: 1\r\n\r\n", 9);
    ck_assert_int_eq(screen(head), CC_SCREEN_HEAD_TOO_LARGE);
}
END_TEST

START_TEST(test_statuses_and_texts)
{
    ck_assert_int_eq(cc_screen_status(CC_SCREEN_TRANSFER_ENCODING), 501);
    ck_assert_int_eq(cc_screen_status(CC_SCREEN_HEAD_TOO_LARGE), 431);
    for (int v = CC_SCREEN_CONTENT_LENGTH; v <= CC_SCREEN_BYTES; v++)
        ck_assert_int_eq(cc_screen_status((enum cc_screen_verdict)v), 400);
    for (int v = CC_SCREEN_OK; v <= CC_SCREEN_INCOMPLETE; v++) {
        ck_assert_uint_gt(strlen(cc_screen_name((enum cc_screen_verdict)v)), 1);
        ck_assert_uint_gt(strlen(cc_screen_text((enum cc_screen_verdict)v)), 3);
    }
}
END_TEST

SUITE_MAIN("http_screen", test_verdicts, test_nul_is_refused_anywhere, test_every_cut_is_refused,
           test_head_is_bounded, test_header_count_is_bounded, test_statuses_and_texts)
