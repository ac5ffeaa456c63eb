#include "control-plane/cell_api.h"

#include "base/io/http_client.h"
#include "control-plane/files.h"
#include "control-plane/registry.h"
#include "control-plane/sites.h"
#include "control-plane/unknown.h"

/* PATIENCE_MS: a worker that has just started, or whose primary has just moved, answers 503 to the
 * directory until its connections are there; that is not worth an error to whoever asked. */
enum { RESPONSE_MAX = 64 * 1024 * 1024, PAUSE_MS = 50, ASK_MS = 30000, PATIENCE_MS = 5000 };

struct asking {
    struct cp_context *context;
    struct cc_loop *loop;
    struct cp_reply *out;
    enum cc_error error;
};

static void on_reply(void *pointer, enum cc_error error, const struct cc_http_response *response)
{
    struct asking *asking = pointer;
    asking->error = error;
    if (!error) {
        asking->out->status = response->status;
        asking->out->body =
            cc_slice(cp_copy(asking->context, response->body), response->body.length);
    }
    cc_loop_end(asking->loop);
}

static enum cc_error ask(struct asking *asking, struct cc_http_client *client,
                         const struct cp_question *question)
{
    struct cc_http_header headers[2] = {
        {CC_SLICE_LITERAL("content-type"), CC_SLICE_LITERAL("application/json")}};
    size_t count = 1;
    if (question->token)
        headers[count++] = (struct cc_http_header){
            CC_SLICE_LITERAL("authorization"),
            cc_slice_of(cp_format(asking->context, "Bearer %s", question->token))};
    struct cc_http_exchange exchange = {.address = cc_slice_of(question->address),
                                        .method = cc_slice_of(question->method),
                                        .path = cc_slice_of(question->path),
                                        .headers = headers,
                                        .header_count = count,
                                        .body = question->body,
                                        .deadline_us =
                                            cc_monotonic_us() + question->timeout_ms * 1000,
                                        .done = on_reply,
                                        .context = asking};
    enum cc_error error = cc_http_exchange_start(client, &exchange, NULL);
    if (error)
        return error;
    cc_loop_run(asking->loop);
    return asking->error;
}

static enum cc_error open_identity(struct cp_context *context, struct cc_loop *loop,
                                   struct cc_tls **out)
{
    const struct cc_tls_options options = {
        .name = "operator",
        .certificate_file = cp_path(context, "etc/tls/operator/identity.pem"),
        .authority_file = cp_path(context, "etc/tls/operator/authority.pem")};
    return cc_tls_create(loop, &options, out);
}

enum cc_error cp_http(struct cp_context *context, const struct cp_question *question,
                      struct cp_reply *out)
{
    struct asking asking = {.context = context, .out = out, .error = CC_CANCELLED};
    struct cc_http_client *client = NULL;
    struct cc_tls *tls = NULL;
    *out = (struct cp_reply){0};
    enum cc_error error = cc_loop_create(&asking.loop);
    if (error)
        return error;
    if (question->role)
        error = open_identity(context, asking.loop, &tls);
    struct cc_http_client_options options = {
        .response_max = RESPONSE_MAX, .tls = tls, .peer = question->role};
    if (!error)
        error = cc_http_client_create(asking.loop, &options, &client);
    if (!error)
        error = ask(&asking, client, question);
    if (client)
        cc_http_client_free(client);
    cc_tls_free(tls);
    cc_loop_free(asking.loop);
    return error;
}

static enum cc_error judge(struct cp_context *context, const char *cell,
                           const struct cp_reply *reply)
{
    if (reply->status == 200)
        return CC_OK;
    json_t *problem = NULL;
    const char *detail = "";
    if (!cc_json_parse(reply->body, 1 << 20, &problem, NULL)) {
        const char *text = json_string_value(json_object_get(problem, "detail"));
        if (!text || !*text)
            text = json_string_value(json_object_get(problem, "title"));
        detail = text ? cp_copy(context, cc_slice_of(text)) : "";
        json_decref(problem);
    }
    enum cc_error error = reply->status == 404                           ? CC_NOT_FOUND
                          : reply->status == 409                         ? CC_CONFLICT
                          : reply->status == 422 || reply->status == 400 ? CC_INVALID
                          : reply->status == 503                         ? CC_UNAVAILABLE
                                                                         : CC_PROTOCOL;
    return cp_fail(context, error, "cell %s answered %d%s%s", cell, reply->status,
                   *detail ? ": " : "", detail);
}

/* Whether another worker may be asked after this outcome: the directory's writes are idempotent. */
static bool may_retry(enum cc_error error, const struct cp_reply *reply)
{
    return error != CC_OK || reply->status >= 500;
}

/* The sites hold the same one; one of them may be gone. */
static enum cc_error control_token(struct cp_context *context, const char *cell, const char **out)
{
    struct cp_sites sites;
    cp_sites_read(context, cell, &sites);
    const char *below = cp_format(context, "cells/%s/etc/tokens/control", cell);
    return cp_file_secret(context, cp_site_path(context, sites.active, below), out);
}

/* The question's address is filled in for one worker after another, from those of the active site
 * on. */
static enum cc_error ask_each(struct cp_context *context, const char *cell, int number,
                              struct cp_question *question, struct cp_reply *out)
{
    enum cc_error error = CC_OK;
    struct cp_sites sites;
    cp_sites_read(context, cell, &sites);
    int first = cp_site_is(sites.active, CP_SITE_FIRST) ? 0 : CP_WORKERS_PER_CELL;
    for (int i = 0; i < CP_WORKERS_PER_CELL * sites.count; i++) {
        int worker = (first + i) % (CP_WORKERS_PER_CELL * sites.count) + 1;
        question->address =
            cp_format(context, "127.0.0.1:%d", cp_port(context, cp_ports_worker(number, worker)));
        error = cp_http(context, question, out);
        if (!may_retry(error, out))
            break;
    }
    return error;
}

enum cc_error cp_cell_ask(struct cp_context *context, const char *cell, const char *method,
                          const char *path, struct cc_slice body, struct cp_reply *out)
{
    PGresult *result;
    const char *token;
    enum cc_error error =
        cp_sql(context, &result, "SELECT number FROM cells WHERE cell = $1", CP_PARAMETERS(cell));
    if (!error && PQntuples(result) == 0)
        error = cp_unknown_cell(context, cell);
    if (!error)
        error = control_token(context, cell, &token);
    if (error)
        return error;
    struct cp_question question = {.method = method,
                                   .path = path,
                                   .token = token,
                                   .role = cp_format(context, "urn:callcell:cell:%s", cell),
                                   .body = body,
                                   .timeout_ms = ASK_MS};
    int number = (int)cp_sql_integer(result, 0, 0);
    int64_t until_us = cc_monotonic_us() + PATIENCE_MS * INT64_C(1000);
    error = ask_each(context, cell, number, &question, out);
    while (may_retry(error, out) && cc_monotonic_us() < until_us) {
        cp_pause_ms(PAUSE_MS);
        error = ask_each(context, cell, number, &question, out);
    }
    if (error)
        return cp_fail(context, error, "no worker of cell %s answers: %s; see: callcell status",
                       cell, cc_error_text(error));
    return judge(context, cell, out);
}

enum cc_error cp_http_wait_ok(struct cp_context *context, const char *address, const char *path,
                              const char *what, int timeout_s)
{
    int64_t until_us = cp_now_us() + (int64_t)timeout_s * 1000000;
    struct cp_question question = {
        .address = address, .method = "GET", .path = path, .timeout_ms = 1000};
    for (;;) {
        struct cp_reply reply;
        enum cc_error error = cp_http(context, &question, &reply);
        if (!error && reply.status == 200)
            return CC_OK;
        if (cp_now_us() >= until_us)
            return cp_fail(context, CC_TIMEOUT, "%s (%s%s) is not ready after %d s: %s %.*s", what,
                           address, path, timeout_s, error ? cc_error_text(error) : "it says",
                           (int)(error ? 0 : reply.body.length), error ? "" : reply.body.data);
        cp_pause_ms(PAUSE_MS);
    }
}
