#include "tests/support/publication_source.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

struct file *file_make(const struct cc_ed25519 *signer, const char *country,
                       enum cc_publication_kind kind, int64_t epoch, const char *payload)
{
    struct file *file = calloc(1, sizeof(*file));
    uint8_t digest[CC_SHA256_BYTES];
    ck_assert_ptr_nonnull(file);
    (void)snprintf(file->country, sizeof(file->country), "%s", country);
    file->kind = kind;
    file->epoch = epoch;
    cc_buffer_init(&file->bytes, 0);
    cc_publication_compose(kind, cc_slice_of(country), epoch, cc_slice(NULL, 0),
                           INT64_C(1795253400000000), cc_slice_of(payload), &file->bytes);
    struct cc_slice bytes = cc_buffer_slice(&file->bytes);
    ck_assert_int_eq(cc_ed25519_sign(signer, bytes, file->signature), CC_OK);
    ck_assert_int_eq(cc_sha256(bytes, digest), CC_OK);
    cc_hex_encode(cc_slice((const char *)digest, sizeof(digest)), file->sha256);
    return file;
}

void file_free(struct file *file)
{
    cc_buffer_deinit(&file->bytes);
    free(file);
}

static void answer_list(struct source *source, struct cc_http_request *request)
{
    struct cc_buffer body;
    struct cc_slice country = cc_http_query(request, "country");
    cc_buffer_init(&body, 0);
    cc_buffer_printf(&body, "{\"version\":%lld,\"publications\":[", (long long)source->version);
    size_t listed = 0;
    for (size_t i = 0; i < source->file_count; i++) {
        const struct file *file = source->files[i];
        bool is_newest = country.length == 0 || cc_slice_is(country, file->country);
        for (size_t j = 0; j < source->file_count; j++) {
            const struct file *other = source->files[j];
            if (other->kind == file->kind && strcmp(other->country, file->country) == 0 &&
                other->epoch > file->epoch)
                is_newest = false;
        }
        if (is_newest)
            cc_buffer_printf(
                &body, "%s{\"country\":\"%s\",\"kind\":\"%s\",\"epoch\":%lld,\"sha256\":\"%s\"}",
                listed++ > 0 ? "," : "", file->country, cc_publication_kind_name(file->kind),
                (long long)file->epoch, file->sha256);
    }
    cc_buffer_text(&body, "]}");
    cc_http_json(request, 200, cc_buffer_slice(&body));
    cc_buffer_deinit(&body);
}

static void answer_waiting(struct source *source)
{
    for (size_t i = 0; i < source->waiting_count; i++)
        answer_list(source, source->waiting[i]);
    source->waiting_count = 0;
}

static bool has_token(struct cc_http_request *request)
{
    struct source *source = request->server_context;
    if (cc_slice_is(cc_http_header(request, "authorization", NULL), "Bearer abc"))
        return true;
    source->bad_tokens++;
    cc_http_problem(request, 401, "token", "No", cc_slice(NULL, 0));
    return false;
}

static int64_t after_of(struct cc_http_request *request)
{
    char text[24] = "";
    struct cc_slice after = cc_http_query(request, "after");
    ck_assert_uint_lt(after.length, sizeof(text));
    memcpy(text, after.data, after.length);
    return strtoll(text, NULL, 10);
}

static void on_list(struct cc_http_request *request)
{
    struct source *source = request->server_context;
    if (!has_token(request))
        return;
    source->polls++;
    (void)snprintf(source->query, sizeof(source->query), "%.*s", (int)request->query.length,
                   request->query.data);
    ck_assert(cc_slice_is(cc_http_query(request, "wait_s"), "20"));
    int64_t after = after_of(request);
    if (after == 0 || after != source->version)
        answer_list(source, request);
    else
        source->waiting[source->waiting_count++] = request;
}

static const struct file *choose(const struct source *source, struct cc_http_request *request)
{
    const struct file *found = NULL;
    int64_t after = after_of(request);
    for (size_t i = 0; i < source->file_count; i++) {
        const struct file *file = source->files[i];
        if (!cc_slice_is(request->segments[2], file->country) ||
            !cc_slice_is(request->segments[3], cc_publication_kind_name(file->kind)) ||
            file->epoch <= after)
            continue;
        bool successor = file->kind == CC_PUBLICATION_MAP && after > 0;
        if (!found || (successor ? file->epoch < found->epoch : file->epoch > found->epoch))
            found = file;
    }
    return found;
}

static void on_file(struct cc_http_request *request)
{
    struct source *source = request->server_context;
    char signature[96];
    if (!has_token(request))
        return;
    source->fetches++;
    const struct file *file = choose(source, request);
    if (!file || source->files_fail) {
        cc_http_reply(request, &(struct cc_http_reply){.status = file ? 503 : 204});
        return;
    }
    size_t length = cc_base64_encode(
        cc_slice((const char *)file->signature, sizeof(file->signature)), signature);
    struct cc_http_reply reply = {
        .status = 200,
        .headers = {{CC_SLICE_LITERAL("callcell-epoch"),
                     cc_arena_printf(&request->arena, "%lld", (long long)file->epoch)},
                    {CC_SLICE_LITERAL("callcell-sha256"), cc_slice_of(file->sha256)},
                    {CC_SLICE_LITERAL("callcell-signature"), cc_slice(signature, length)}},
        .header_count = file->is_unsigned ? 2 : 3,
        .body = cc_buffer_slice(&file->bytes)};
    cc_http_reply(request, &reply);
}

static void on_report(struct cc_http_request *request)
{
    struct source *source = request->server_context;
    if (!has_token(request))
        return;
    source->reports++;
    (void)snprintf(source->report, sizeof(source->report), "%.*s", (int)request->body.length,
                   request->body.data);
    cc_http_json(request, 200, CC_SLICE_LITERAL("{}"));
}

static const struct cc_http_route routes[] = {
    {"GET", "/v1/publications", on_list},
    {"GET", "/v1/publications/:country/:kind", on_file},
    {"POST", "/v1/reports", on_report},
};

void source_up(struct source *source)
{
    struct cc_http_server_options options = {.port = source->port,
                                             .body_max = 65536,
                                             .request_timeout_ms = 30000,
                                             .routes = routes,
                                             .route_count = sizeof(routes) / sizeof(*routes),
                                             .context = source};
    ck_assert_int_eq(cc_http_server_create(source->loop, &options, &source->server), CC_OK);
    source->port = cc_http_server_port(source->server);
    (void)snprintf(source->address, sizeof(source->address), "127.0.0.1:%lld",
                   (long long)source->port);
}

void source_down(struct source *source)
{
    if (source->server) {
        answer_waiting(source);
        cc_http_server_free(source->server);
    }
    source->server = NULL;
}

void source_publish(struct source *source, struct file *file)
{
    source->files[source->file_count++] = file;
    source->version++;
    answer_waiting(source);
}
