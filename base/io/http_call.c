/* One request, from the raw bytes to its answer. */
#include "base/io/http_call.h"

#include <stdlib.h>

#include "base/io/picohttpparser.h"

enum { PROBLEM_MAX = 8 * 1024 };

/* ---- reading ---- */

static void read_target(struct cc_http_request *request, struct cc_slice target)
{
    const char *mark = memchr(target.data, '?', target.length);
    size_t path_length = mark ? (size_t)(mark - target.data) : target.length;
    request->path = cc_slice(target.data, path_length);
    if (mark)
        request->query = cc_slice(mark + 1, target.length - path_length - 1);
    size_t start = 1;
    for (size_t i = 1; i <= path_length; i++) {
        if (i < path_length && target.data[i] != '/')
            continue;
        if (request->segment_count == CC_HTTP_SEGMENTS_MAX) {
            request->segment_count = 0; /* too deep for any route */
            return;
        }
        request->segments[request->segment_count++] = cc_slice(target.data + start, i - start);
        start = i + 1;
    }
}

static void lower(char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (char)(text[i] | 0x20);
}

/* The parser leaves white space behind a value. */
static struct cc_slice trim_end(struct cc_slice value)
{
    while (value.length > 0 &&
           (value.data[value.length - 1] == ' ' || value.data[value.length - 1] == '\t'))
        value.length--;
    return value;
}

static bool read_head(struct http_call *call, size_t length, size_t *head_length)
{
    struct phr_header headers[CC_HTTP_HEADERS_MAX];
    struct cc_slice method, target;
    int minor;
    call->header_count = CC_HTTP_HEADERS_MAX;
    int head = phr_parse_request(call->bytes, length, &method.data, &method.length, &target.data,
                                 &target.length, &minor, headers, &call->header_count, 0);
    if (head <= 0)
        return false;
    for (size_t i = 0; i < call->header_count; i++) {
        lower(call->bytes + (headers[i].name - call->bytes), headers[i].name_len);
        call->headers[i].name = cc_slice(headers[i].name, headers[i].name_len);
        call->headers[i].value = trim_end(cc_slice(headers[i].value, headers[i].value_len));
    }
    call->request.method = method;
    read_target(&call->request, target);
    *head_length = (size_t)head;
    return true;
}

/* The connection's memory of this request goes: the answer, if one still comes, goes nowhere. */
static void on_link_disposed(void *data)
{
    struct http_link *link = data;
    if (link->call)
        link->call->link = NULL;
}

struct http_call *http_call_create(struct cc_http_server *server, h2o_req_t *req,
                                   struct cc_slice raw, void *server_context)
{
    size_t head_length = 0;
    size_t length = raw.length < CC_HTTP_HEAD_MAX ? raw.length : CC_HTTP_HEAD_MAX;
    struct http_call *call = malloc(sizeof(*call) + length + req->entity.len);
    if (!call)
        return NULL;
    memset(call, 0, sizeof(*call));
    memcpy(call->bytes, raw.data, length);
    if (!read_head(call, length, &head_length)) {
        free(call);
        return NULL;
    }
    if (req->entity.len > 0)
        memcpy(call->bytes + head_length, req->entity.base, req->entity.len);
    call->request.body = cc_slice(call->bytes + head_length, req->entity.len);
    call->raw_length = head_length + req->entity.len;
    call->request.received_us = cc_monotonic_us();
    call->request.received_wall_us = cc_wall_clock_us();
    call->request.server_context = server_context;
    cc_arena_init(&call->request.arena, 0);
    call->server = server;
    call->link = h2o_mem_alloc_shared(&req->pool, sizeof(*call->link), on_link_disposed);
    *call->link = (struct http_link){call, req};
    return call;
}

void http_call_identify(struct http_call *call, const char *peer, const char *identity)
{
    size_t peer_length = strlen(peer), length = strlen(identity);
    memcpy(call->peer, peer, peer_length + 1);
    memcpy(call->identity, identity, length + 1);
    call->request.peer = cc_slice(call->peer, peer_length);
    call->request.identity = cc_slice(call->identity, length);
}

static const struct http_call *call_of(const struct cc_http_request *request)
{
    return (const struct http_call *)(const void *)request;
}

struct cc_slice cc_http_header(const struct cc_http_request *request, const char *name,
                               size_t *count)
{
    const struct http_call *call = call_of(request);
    struct cc_slice value = {NULL, 0};
    size_t found = 0;
    struct cc_slice wanted = cc_slice_of(name);
    for (size_t i = 0; i < call->header_count; i++)
        if (cc_slice_equal(call->headers[i].name, wanted) && found++ == 0)
            value = call->headers[i].value;
    if (count)
        *count = found;
    return value;
}

struct cc_slice cc_http_query(const struct cc_http_request *request, const char *name)
{
    size_t name_length = strlen(name);
    struct cc_slice rest = request->query;
    while (rest.length > 0) {
        const char *end = memchr(rest.data, '&', rest.length);
        size_t length = end ? (size_t)(end - rest.data) : rest.length;
        if (length > name_length && memcmp(rest.data, name, name_length) == 0 &&
            rest.data[name_length] == '=')
            return cc_slice(rest.data + name_length + 1, length - name_length - 1);
        size_t step = end ? length + 1 : length;
        rest = cc_slice(rest.data + step, rest.length - step);
    }
    return (struct cc_slice){NULL, 0};
}

/* ---- answering ---- */

static const char *reason_phrase(int status)
{
    static const struct {
        int status;
        const char *text;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (phrases[i].status == status)
            return phrases[i].text;
    return "Status";
}

static char *put(char *at, struct cc_slice text)
{
    if (text.length > 0)
        memcpy(at, text.data, text.length);
    return at + text.length;
}

/* All of them in one allocation. None is looked up among the names that libh2o knows: that is for
 * filters, and we have none. */
static void add_headers(h2o_req_t *req, const struct cc_http_reply *reply)
{
    size_t length = 1;
    for (size_t i = 0; i < reply->header_count; i++)
        length += reply->headers[i].name.length + reply->headers[i].value.length;
    char *at = h2o_mem_alloc_pool(&req->pool, length);
    for (size_t i = 0; i < reply->header_count; i++) {
        struct cc_slice name = reply->headers[i].name, value = reply->headers[i].value;
        char *name_copy = at, *value_copy = put(at, name);
        at = put(value_copy, value);
        h2o_add_header_by_str(&req->pool, &req->res.headers, name_copy, name.length, 0, NULL,
                              value_copy, value.length);
    }
}

void http_send(h2o_req_t *req, const struct cc_http_reply *reply)
{
    req->res.status = reply->status;
    req->res.reason = reason_phrase(reply->status);
    req->res.content_length = reply->body.length;
    add_headers(req, reply);
    if (reply->close)
        req->http1_is_persistent = 0;
    h2o_send_inline(req, reply->body.length > 0 ? reply->body.data : "", reply->body.length);
}

void cc_http_reply(struct cc_http_request *request, const struct cc_http_reply *reply)
{
    struct http_call *call = (struct http_call *)(void *)request;
    struct http_link *link = call->link;
    if (link) {
        struct cc_http_reply last = *reply;
        last.close = last.close || http_server_is_last(call);
        link->call = NULL;
        call->link = NULL;
        http_send(link->req, &last);
    }
    http_server_answered(call);
}

static struct cc_http_reply reply_with_type(int status, const char *content_type,
                                            struct cc_slice body)
{
    struct cc_http_reply reply = {.status = status, .header_count = 1, .body = body};
    reply.headers[0] =
        (struct cc_http_header){CC_SLICE_LITERAL("content-type"), cc_slice_of(content_type)};
    return reply;
}

void cc_http_json(struct cc_http_request *request, int status, struct cc_slice body)
{
    struct cc_http_reply reply = reply_with_type(status, "application/json", body);
    cc_http_reply(request, &reply);
}

/* RFC 9457; when memory is out the body stays empty. */
static struct cc_http_reply problem_reply(struct cc_buffer *body, int status, const char *name,
                                          const char *title, struct cc_slice detail)
{
    cc_buffer_init(body, PROBLEM_MAX);
    cc_buffer_printf(body, "{\"type\":\"urn:callcell:problem:%s\",\"title\":", name);
    cc_buffer_json_string(body, cc_slice_of(title));
    cc_buffer_printf(body, ",\"status\":%d,\"detail\":", status);
    cc_buffer_json_string(body, detail);
    cc_buffer_text(body, "}");
    return reply_with_type(status, "application/problem+json",
                           body->error == CC_OK ? cc_buffer_slice(body) : cc_slice(NULL, 0));
}

void cc_http_problem(struct cc_http_request *request, int status, const char *name,
                     const char *title, struct cc_slice detail)
{
    struct cc_buffer body;
    struct cc_http_reply reply = problem_reply(&body, status, name, title, detail);
    if (status == 503) {
        reply.headers[reply.header_count].name = CC_SLICE_LITERAL("retry-after");
        reply.headers[reply.header_count++].value = CC_SLICE_LITERAL("1");
    }
    cc_http_reply(request, &reply);
    cc_buffer_deinit(&body);
}

void http_send_problem(h2o_req_t *req, int status, const char *name, const char *title,
                       struct cc_slice detail)
{
    struct cc_buffer body;
    struct cc_http_reply reply = problem_reply(&body, status, name, title, detail);
    reply.close = true;
    if (status == 503) {
        reply.headers[reply.header_count].name = CC_SLICE_LITERAL("retry-after");
        reply.headers[reply.header_count++].value = CC_SLICE_LITERAL("1");
    }
    http_send(req, &reply);
    cc_buffer_deinit(&body);
}
