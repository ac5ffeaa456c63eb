/*
 * Time order of a poll: on_list -> (nothing new: waits) -> answer_list, from on_index (something
 * was published) or on_list_due. Of a file: on_file -> on_file_read. Of a report: on_report ->
 * on_report_stored.
 */
#include "control-plane/serve.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/io/http_server.h"
#include "base/io/pg.h"
#include "base/log.h"
#include "base/telemetry.h"
#include "base/timestamp.h"
#include "control-plane/disks.h"
#include "control-plane/leader.h"
#include "control-plane/serve_index.h"
#include "control-plane/serve_listen.h"
#include "control-plane/serve_observed.h"
#include "control-plane/serve_report.h"

enum {
    REFRESH_MS = 5000,
    QUERY_MS = 3000,
    FILE_MS = 20000,
    WAIT_MAX_S = 25,
    WAITING_MAX = 4096,
    REPORT_MAX = 256 * 1024,
    METRICS_MAX = 16 * 1024 * 1024,
    DRAIN_MS = 2000
};

#define SERVE_TELEMETRY(X)                                                                         \
    X(SERVE_POLLS, COUNTER, "callcell_serve_polls_total", "", "Polls for publications")            \
    X(SERVE_FILES, COUNTER, "callcell_serve_files_total", "", "Publications given")                \
    X(SERVE_REPORTS, COUNTER, "callcell_serve_reports_total", "", "Reports stored")                \
    X(SERVE_REFUSED, COUNTER, "callcell_serve_refused_total", "",                                  \
      "Requests without the right token")                                                          \
    X(SERVE_UNAVAILABLE, COUNTER, "callcell_serve_unavailable_total", "",                          \
      "Requests that the registry did not answer")                                                 \
    X(SERVE_WAITING, GAUGE, "callcell_serve_waiting_polls", "", "Polls waiting for news")          \
    X(SERVE_VERSION, GAUGE, "callcell_serve_index_version", "", "Version of the index in memory")

enum { SERVE_TELEMETRY(CC_SERIES_ID) SERVE_SERIES };
static const struct cc_series series[] = {SERVE_TELEMETRY(CC_SERIES_ROW)};

struct serve {
    const char *home, *backups;
    struct cc_loop *loop;
    struct cc_tls *tls;
    struct cc_http_server *server;
    struct cc_http_server *telemetry_server;
    struct cc_pg_pool *pool;
    struct cp_listener *listener;
    struct cp_leader *leader;
    struct cp_observed *observed;
    struct cc_telemetry telemetry;
    struct cp_index index;
    bool loaded, loading, load_again, stopping;
    struct cc_deadline refresh;
    struct poll *waiting; /* doubly linked */
    size_t waiting_count;
};

/* A poll that waits. */
struct poll {
    struct serve *serve;
    struct cc_http_request *request;
    struct cp_index_token token; /* a copy: the index is replaced */
    struct cc_slice country;     /* lives as long as the request */
    int64_t after;
    struct cc_deadline due;
    struct poll *previous, *next;
};

static void on_refresh(struct cc_deadline *deadline);
static void on_news(void *context);
static void on_index(void *context, enum cc_error error, const struct cc_pg_outcome *outcome);
static void on_list(struct cc_http_request *request);
static void on_list_due(struct cc_deadline *deadline);
static void on_file(struct cc_http_request *request);
static void on_file_read(void *context, enum cc_error error, const struct cc_pg_outcome *outcome);
static void on_report(struct cc_http_request *request);
static void on_report_stored(void *context, enum cc_error error,
                             const struct cc_pg_outcome *outcome);
static void on_healthz(struct cc_http_request *request);
static void on_readyz(struct cc_http_request *request);
static void on_metrics(struct cc_http_request *request);
static void on_stop(void *context);
static void on_drained(void *context);

static const struct cc_http_route routes[] = {
    {"GET", "/v1/publications", on_list}, {"GET", "/v1/publications/:country/:kind", on_file},
    {"POST", "/v1/reports", on_report},   {"GET", "/healthz", on_healthz},
    {"GET", "/readyz", on_readyz},        {"GET", "/metrics", on_metrics},
};

static const struct cc_pg_statement version_statement = {"version",
                                                         "SELECT version FROM publication_index"};
static const struct cc_pg_statement files_statement = {
    "files", "SELECT DISTINCT ON (country, kind) country, kind, epoch, version, sha256 "
             "FROM publications ORDER BY country, kind, epoch DESC"};
static const struct cc_pg_statement tokens_statement = {
    "tokens", "SELECT holder, coalesce(country, ''), sha256 FROM source_tokens"};
/* A map only ever the direct successor of the one held, so that each can be checked against the
 * last. */
static const struct cc_pg_statement file_statement = {
    "file", "SELECT epoch, sha256, translate(encode(signature, 'base64'), E'\\n', ''), bytes "
            "FROM publications WHERE country = $1 AND kind = $2 AND epoch > $3::bigint "
            "ORDER BY CASE WHEN $2 = 'map' AND $3::bigint > 0 THEN epoch ELSE -epoch END LIMIT 1"};
static const struct cc_pg_statement report_statement = {"report", "SELECT report($1::jsonb)"};

static const struct cc_http_route telemetry_routes[] = {
    {"GET", "/healthz", on_healthz},
    {"GET", "/readyz", on_readyz},
    {"GET", "/metrics", on_metrics},
};

static void count(struct serve *serve, size_t id)
{
    cc_telemetry_add(&serve->telemetry, id, 1);
}

static void copy_text(char *out, size_t size, const PGresult *result, int row, int column)
{
    struct cc_slice value = cc_pg_value(result, row, column);
    size_t length = value.length < size ? value.length : size - 1;
    memcpy(out, value.data ? value.data : "", length);
    out[length] = '\0';
}

static int64_t integer_at(const PGresult *result, int row, int column)
{
    return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

static void read_files(struct cp_index *index, const PGresult *result)
{
    for (int row = 0; row < PQntuples(result) && row < CP_INDEX_FILES_MAX; row++) {
        struct cp_index_file *file = &index->files[index->file_count];
        if (!cc_publication_kind_parse(cc_pg_value(result, row, 1), &file->kind))
            continue;
        copy_text(file->country, sizeof(file->country), result, row, 0);
        file->epoch = integer_at(result, row, 2);
        file->version = integer_at(result, row, 3);
        copy_text(file->sha256, sizeof(file->sha256), result, row, 4);
        index->file_count++;
    }
}

static void read_tokens(struct cp_index *index, const PGresult *result)
{
    for (int row = 0; row < PQntuples(result) && row < CP_INDEX_TOKENS_MAX; row++) {
        struct cp_index_token *token = &index->tokens[index->token_count++];
        copy_text(token->holder, sizeof(token->holder), result, row, 0);
        copy_text(token->country, sizeof(token->country), result, row, 1);
        copy_text(token->sha256, sizeof(token->sha256), result, row, 2);
    }
}

static enum cc_error read_index(const struct cc_pg_outcome *outcome, struct cp_index *out)
{
    if (outcome->count != 3 || PQntuples(outcome->results[0]) != 1)
        return CC_PROTOCOL;
    *out = (struct cp_index){
        .version = integer_at(outcome->results[0], 0, 0),
        .files = calloc((size_t)PQntuples(outcome->results[1]) + 1, sizeof(*out->files)),
        .tokens = calloc((size_t)PQntuples(outcome->results[2]) + 1, sizeof(*out->tokens))};
    if (!out->files || !out->tokens) {
        cp_index_free(out);
        return CC_NO_MEMORY;
    }
    read_files(out, outcome->results[1]);
    read_tokens(out, outcome->results[2]);
    return CC_OK;
}

static void load(struct serve *serve)
{
    serve->load_again = serve->loading;
    if (serve->loading)
        return;
    const struct cc_pg_query queries[] = {{.statement = &version_statement},
                                          {.statement = &files_statement},
                                          {.statement = &tokens_statement}};
    struct cc_pg_transaction transaction = {.queries = queries,
                                            .query_count = 3,
                                            .deadline_us = cc_monotonic_us() + QUERY_MS * 1000,
                                            .done = on_index,
                                            .context = serve};
    serve->loading = cc_pg_submit(serve->pool, &transaction) == CC_OK;
}

static void on_refresh(struct cc_deadline *deadline)
{
    struct serve *serve = CC_CONTAINER_OF(deadline, struct serve, refresh);
    int64_t pause_ms = serve->loaded ? REFRESH_MS : 100;
    if (cc_deadline_set(&serve->refresh, cc_monotonic_us() + pause_ms * 1000))
        CC_LOG(CC_LOG_ERROR, "refresh_no_memory", cc_log_error_field(CC_NO_MEMORY));
    load(serve);
}

static void on_news(void *context)
{
    load(context);
}

static void forget(struct poll *poll)
{
    struct serve *serve = poll->serve;
    cc_deadline_clear(&poll->due);
    *(poll->previous ? &poll->previous->next : &serve->waiting) = poll->next;
    if (poll->next)
        poll->next->previous = poll->previous;
    serve->waiting_count--;
    cc_telemetry_set(&serve->telemetry, SERVE_WAITING, (int64_t)serve->waiting_count);
}

/* Answers when there is news, or anyway when force says so. Returns whether it did. */
static bool answer_list(struct serve *serve, const struct poll *poll, bool force)
{
    struct cc_buffer body;
    cc_buffer_init(&body, 1 << 20);
    size_t listed = cp_index_list(&serve->index, &poll->token, poll->after, poll->country, &body);
    bool answer = listed > 0 || force;
    if (answer && body.error)
        cc_http_problem(poll->request, 500, "internal", "Internal error", cc_slice(NULL, 0));
    else if (answer)
        cc_http_json(poll->request, 200, cc_buffer_slice(&body));
    cc_buffer_deinit(&body);
    return answer;
}

static void on_index(void *context, enum cc_error error, const struct cc_pg_outcome *outcome)
{
    struct serve *serve = context;
    struct cp_index fresh = {0};
    serve->loading = false;
    if (!error)
        error = read_index(outcome, &fresh);
    if (error) {
        if (error != CC_CANCELLED)
            CC_LOG(CC_LOG_WARNING, "index_not_read", cc_log_error_field(error));
        return;
    }
    cp_index_free(&serve->index);
    serve->index = fresh;
    serve->loaded = true;
    cc_telemetry_set(&serve->telemetry, SERVE_VERSION, fresh.version);
    for (struct poll *poll = serve->waiting, *next; poll; poll = next) {
        next = poll->next;
        if (answer_list(serve, poll, false)) {
            forget(poll);
            free(poll);
        }
    }
    if (serve->load_again)
        load(serve);
}

static bool may_ask(struct cc_slice identity)
{
    return cc_identity_is(identity, "urn:callcell:edge:") ||
           cc_identity_is(identity, "urn:callcell:cell:") ||
           cc_identity_is(identity, "urn:callcell:operator");
}

/* NULL after having refused. */
static const struct cp_index_token *authorise(struct cc_http_request *request)
{
    struct serve *serve = request->server_context;
    const struct cp_index_token *token =
        cp_index_authorise(&serve->index, cc_http_header(request, "authorization", NULL));
    if (serve->tls && !may_ask(request->identity)) {
        count(serve, SERVE_REFUSED);
        cc_http_problem(request, 403, "role", "Not for this certificate", request->identity);
        return NULL;
    }
    if (token)
        return token;
    count(serve, SERVE_REFUSED);
    if (!serve->loaded)
        cc_http_problem(request, 503, "unavailable", "The registry has not been read yet",
                        cc_slice(NULL, 0));
    else
        cc_http_problem(request, 401, "token", "A valid bearer token is needed", cc_slice(NULL, 0));
    return NULL;
}

/* A query parameter that is a whole number; absent: 0. */
static bool whole_number(const struct cc_http_request *request, const char *name, int64_t *out)
{
    struct cc_slice text = cc_http_query(request, name);
    *out = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || text.length > 17)
            return false;
        *out = *out * 10 + (text.data[i] - '0');
    }
    return true;
}

static void wait_for_news(struct serve *serve, const struct poll *draft, int64_t wait_s)
{
    struct poll *poll = serve->waiting_count < WAITING_MAX ? malloc(sizeof(*poll)) : NULL;
    if (poll) {
        *poll = *draft;
        cc_deadline_init(&poll->due, serve->loop, on_list_due);
    }
    if (!poll || cc_deadline_set(&poll->due, cc_monotonic_us() + wait_s * CC_SECOND_US)) {
        free(poll);
        (void)answer_list(serve, draft, true);
        return;
    }
    poll->next = serve->waiting;
    if (poll->next)
        poll->next->previous = poll;
    serve->waiting = poll;
    serve->waiting_count++;
    cc_telemetry_set(&serve->telemetry, SERVE_WAITING, (int64_t)serve->waiting_count);
}

static void on_list(struct cc_http_request *request)
{
    struct serve *serve = request->server_context;
    const struct cp_index_token *token = authorise(request);
    int64_t wait_s = 0;
    if (!token)
        return;
    struct poll poll = {.serve = serve,
                        .request = request,
                        .token = *token,
                        .country = cc_http_query(request, "country")};
    if (!whole_number(request, "after", &poll.after) || !whole_number(request, "wait_s", &wait_s)) {
        cc_http_problem(request, 400, "query", "after and wait_s are whole numbers",
                        cc_slice(NULL, 0));
        return;
    }
    count(serve, SERVE_POLLS);
    if (wait_s > WAIT_MAX_S)
        wait_s = WAIT_MAX_S;
    if (!answer_list(serve, &poll, wait_s == 0 || serve->stopping))
        wait_for_news(serve, &poll, wait_s);
}

static void on_list_due(struct cc_deadline *deadline)
{
    struct poll *poll = CC_CONTAINER_OF(deadline, struct poll, due);
    (void)answer_list(poll->serve, poll, true);
    forget(poll);
    free(poll);
}

static void refuse_unavailable(struct cc_http_request *request)
{
    count(request->server_context, SERVE_UNAVAILABLE);
    cc_http_problem(request, 503, "unavailable", "The registry does not answer", cc_slice(NULL, 0));
}

static void on_file(struct cc_http_request *request)
{
    struct serve *serve = request->server_context;
    const struct cp_index_token *token = authorise(request);
    enum cc_publication_kind kind;
    int64_t after = 0;
    if (!token)
        return;
    if (!cc_name_is_country(request->segments[2]) ||
        !cc_publication_kind_parse(request->segments[3], &kind) ||
        !whole_number(request, "after", &after)) {
        cc_http_problem(request, 404, "publication", "No such publication", cc_slice(NULL, 0));
        return;
    }
    if (!cp_index_may_read(token, request->segments[2], kind)) {
        count(serve, SERVE_REFUSED);
        cc_http_problem(request, 403, "token", "Not for this token", cc_slice(NULL, 0));
        return;
    }
    struct cc_slice after_text = cc_arena_printf(&request->arena, "%lld", (long long)after);
    const struct cc_pg_query query = {
        .statement = &file_statement,
        .parameters = {request->segments[2], request->segments[3], after_text},
        .parameter_count = 3};
    struct cc_pg_transaction transaction = {.queries = &query,
                                            .query_count = 1,
                                            .deadline_us = cc_monotonic_us() + FILE_MS * 1000,
                                            .done = on_file_read,
                                            .context = request};
    if (cc_pg_submit(serve->pool, &transaction))
        refuse_unavailable(request);
}

static void reply_file(struct cc_http_request *request, const PGresult *result)
{
    size_t length = 0;
    unsigned char *bytes =
        PQunescapeBytea((const unsigned char *)PQgetvalue(result, 0, 3), &length);
    if (!bytes) {
        cc_http_problem(request, 500, "internal", "Internal error", cc_slice(NULL, 0));
        return;
    }
    struct cc_http_reply reply = {
        .status = 200,
        .headers = {{CC_SLICE_LITERAL("content-type"),
                     CC_SLICE_LITERAL("application/octet-stream")},
                    {CC_SLICE_LITERAL("callcell-epoch"), cc_pg_value(result, 0, 0)},
                    {CC_SLICE_LITERAL("callcell-sha256"), cc_pg_value(result, 0, 1)},
                    {CC_SLICE_LITERAL("callcell-signature"), cc_pg_value(result, 0, 2)}},
        .header_count = 4,
        .body = cc_slice((const char *)bytes, length)};
    count(request->server_context, SERVE_FILES);
    cc_http_reply(request, &reply);
    PQfreemem(bytes);
}

static void on_file_read(void *context, enum cc_error error, const struct cc_pg_outcome *outcome)
{
    struct cc_http_request *request = context;
    if (error)
        refuse_unavailable(request);
    else if (PQntuples(outcome->results[0]) == 0)
        cc_http_reply(request, &(struct cc_http_reply){.status = 204});
    else
        reply_file(request, outcome->results[0]);
}

static void on_report(struct cc_http_request *request)
{
    struct serve *serve = request->server_context;
    const struct cp_index_token *token = authorise(request);
    struct cc_json_reason reason = {.text = ""};
    if (!token)
        return;
    if (!cp_report_is_valid(request->body, REPORT_MAX, token, request->identity, &reason)) {
        cc_http_problem(request, 400, "report", "No report", cc_slice_of(reason.text));
        return;
    }
    const struct cc_pg_query query = {
        .statement = &report_statement, .parameters = {request->body}, .parameter_count = 1};
    struct cc_pg_transaction transaction = {.queries = &query,
                                            .query_count = 1,
                                            .writes = true,
                                            .deadline_us = cc_monotonic_us() + QUERY_MS * 1000,
                                            .done = on_report_stored,
                                            .context = request};
    if (cc_pg_submit(serve->pool, &transaction))
        refuse_unavailable(request);
}

/* Reporters compare their clock with ours. */
static void reply_with_clock(struct cc_http_request *request)
{
    char now[CC_TIMESTAMP_TEXT_MAX];
    cc_timestamp_format(cc_wall_clock_us(), now);
    struct cc_http_reply reply = {
        .status = 200,
        .headers = {{CC_SLICE_LITERAL("content-type"), CC_SLICE_LITERAL("application/json")},
                    {CC_SLICE_LITERAL("callcell-time"), cc_slice_of(now)}},
        .header_count = 2,
        .body = CC_SLICE_LITERAL("{}")};
    cc_http_reply(request, &reply);
}

static void on_report_stored(void *context, enum cc_error error,
                             const struct cc_pg_outcome *outcome)
{
    struct cc_http_request *request = context;
    (void)outcome;
    if (!error) {
        count(request->server_context, SERVE_REPORTS);
        reply_with_clock(request);
    } else if (error == CC_INVALID || error == CC_CONFLICT) {
        cc_http_problem(request, 400, "report", "No report", cc_slice(NULL, 0));
    } else {
        refuse_unavailable(request);
    }
}

static void on_healthz(struct cc_http_request *request)
{
    cc_http_json(request, 200, CC_SLICE_LITERAL("{\"status\":\"ok\"}"));
}

static void on_readyz(struct cc_http_request *request)
{
    const struct serve *serve = request->server_context;
    if (serve->loaded)
        cc_http_json(request, 200, CC_SLICE_LITERAL("{\"status\":\"ready\"}"));
    else
        cc_http_problem(request, 503, "not-ready", "Not ready",
                        CC_SLICE_LITERAL("the registry has not been read yet"));
}

static void on_metrics(struct cc_http_request *request)
{
    const struct serve *serve = request->server_context;
    struct cc_buffer text;
    cc_buffer_init(&text, METRICS_MAX);
    cc_telemetry_expose(&serve->telemetry, &text);
    cp_leader_expose(serve->leader, &text);
    cp_observed_expose(serve->observed, &text);
    cp_disks_expose(serve->home, serve->backups, &text);
    struct cc_http_reply reply = {.status = text.error ? 500 : 200,
                                  .headers = {{CC_SLICE_LITERAL("content-type"),
                                               CC_SLICE_LITERAL("text/plain; version=0.0.4")}},
                                  .header_count = 1,
                                  .body = cc_buffer_slice(&text)};
    cc_http_reply(request, &reply);
    cc_buffer_deinit(&text);
}

/* Polls that wait are answered at once, and their connections closed: clients go on with another
 * source. One that still comes does not wait: nobody would answer it. */
static void on_stop(void *context)
{
    struct serve *serve = context;
    serve->stopping = true;
    cc_deadline_clear(&serve->refresh);
    cp_observed_stop(serve->observed);
    cp_leader_stop(serve->leader);
    cc_http_server_drain(serve->server, cc_monotonic_us() + DRAIN_MS * 1000, on_drained, serve);
    while (serve->waiting) {
        struct poll *poll = serve->waiting;
        (void)answer_list(serve, poll, true);
        forget(poll);
        free(poll);
    }
}

static void on_drained(void *context)
{
    struct serve *serve = context;
    cc_loop_end(serve->loop);
}

static enum cc_error start_servers(struct serve *serve, const struct cp_serve_options *options)
{
    const struct cc_tls_options tls = {.name = "identity",
                                       .certificate_file = options->identity_file,
                                       .authority_file = options->authority_file};
    enum cc_error error =
        options->identity_file ? cc_tls_create(serve->loop, &tls, &serve->tls) : CC_OK;
    struct cc_http_server_options http = {.address = options->address,
                                          .port = options->port,
                                          .body_max = REPORT_MAX,
                                          .request_timeout_ms = (WAIT_MAX_S + 10) * 1000,
                                          .tls = serve->tls,
                                          .routes = routes,
                                          .route_count = sizeof(routes) / sizeof(routes[0]),
                                          .context = serve};
    struct cc_http_server_options telemetry = {.port = options->telemetry_port,
                                               .body_max = 1024,
                                               .routes = telemetry_routes,
                                               .route_count = sizeof(telemetry_routes) /
                                                              sizeof(telemetry_routes[0]),
                                               .context = serve};
    if (!error)
        error = cc_http_server_create(serve->loop, &http, &serve->server);
    return error ? error : cc_http_server_create(serve->loop, &telemetry, &serve->telemetry_server);
}

static enum cc_error start(struct serve *serve, const struct cp_serve_options *options)
{
    struct cc_pg_options pg = {.name = "serve",
                               .conninfo = options->registry,
                               .password = options->registry_password,
                               .connections = 4};
    enum cc_error error = cc_pg_pool_create(serve->loop, &pg, &serve->pool);
    if (!error)
        error = cp_listener_create(serve->loop, options->registry, options->registry_password,
                                   on_news, serve, &serve->listener);
    if (!error)
        error = cp_observed_create(serve->loop, serve->pool, &serve->observed);
    if (!error)
        error = cp_leader_create(serve->loop, options->context, options->instance,
                                 options->registry, options->registry_password, &serve->leader);
    if (!error)
        error = start_servers(serve, options);
    if (!error)
        error = cc_deadline_set(&serve->refresh, cc_monotonic_us());
    return error;
}

enum cc_error cp_serve(const struct cp_serve_options *options)
{
    const char *backups = options->context->settings.backup_directory;
    struct serve serve = {.home = options->context->home, .backups = backups ? backups : ""};
    cc_log_init("control-plane", CC_LOG_INFO);
    /* While the registry is silent each duty holds a thread: more than libuv's four. */
    (void)setenv("UV_THREADPOOL_SIZE", "8", 0);
    enum cc_error error = cc_telemetry_init(&serve.telemetry, series, SERVE_SERIES);
    if (!error)
        error = cc_loop_create(&serve.loop);
    if (error)
        goto free_telemetry;
    cc_deadline_init(&serve.refresh, serve.loop, on_refresh);
    cc_loop_on_stop(serve.loop, on_stop, &serve);
    error = start(&serve, options);
    if (!error) {
        CC_LOG(CC_LOG_INFO, "serve_started", cc_log_text("instance", options->instance),
               cc_log_number("port", options->port));
        cc_loop_run(serve.loop);
    }
    cc_deadline_clear(&serve.refresh);
    cp_observed_stop(serve.observed);
    cp_leader_stop(serve.leader);
    cp_listener_free(serve.listener);
    if (serve.pool)
        cc_pg_pool_free(serve.pool);
    if (serve.server)
        cc_http_server_free(serve.server);
    if (serve.telemetry_server)
        cc_http_server_free(serve.telemetry_server);
    cc_tls_free(serve.tls);
    cc_loop_free(serve.loop);
    cp_leader_free(serve.leader);
    cp_observed_free(serve.observed);
    cp_index_free(&serve.index);
free_telemetry:
    cc_telemetry_deinit(&serve.telemetry);
    return error;
}
