/*
 * Rim: routes of the role "directory" (docs/api/internal.md, "the directory"). A write:
 *
 *   route: token, form, document -> committed (Postgres) -> announced (Redis, live workers) ->
 * reply ^ 100 ms <- unknown '
 *
 * A write whose outcome is unknown (the connection was lost under way, or it is committed without a
 * replica) is repeated until it is known: each says the same when it is done again. When the time
 * is up first it is answered "outcome-unknown": the client repeats the same request.
 */
#include "base/log.h"
#include "cell/directory/announce.h"
#include "cell/directory/directory.h"
#include "cell/directory/resource.h"
#include "cell/directory/store.h"
#include "cell/flows/flow.h"

#include <stdlib.h>

enum {
    WRITE_US = 5 * 1000 * 1000,
    REPEAT_US = 100 * 1000,
    LIST_MAX = 1000,
    LIST_DEFAULT = 100,
    BODY_MAX = 2 * 1024 * 1024
};

struct cell_directory {
    struct cell_worker *worker;
    struct cell_directory_store *store;
    struct cell_announcer *announcer;
    struct operation *repeats; /* those that wait for their next attempt */
};

/* One write or read under way. Lives in the request's arena. */
struct operation {
    struct cc_http_request *request;
    struct cell_directory *directory;
    struct cell_directory_query query;
    json_t *outcome; /* what Postgres answered */
    bool unknown;    /* an attempt may have been committed */
    struct cc_deadline repeat;
    struct operation *next; /* in repeats */
    const char *missing;    /* problem title when there is no row or JSON null */
};

static void try_write(struct operation *operation);
static void on_committed(void *context, enum cc_error error, const struct cc_pg_outcome *outcome);
static void on_repeat(struct cc_deadline *deadline);
static void reply_failed(struct operation *operation, enum cc_error error,
                         const struct cc_pg_outcome *outcome);
static void announce(struct operation *operation);
static void on_taken_up(void *context, bool taken_up);

enum cc_error cell_directory_create(struct cell_worker *worker, struct cell_directory **out)
{
    struct cell_directory *directory = calloc(1, sizeof(*directory));
    *out = NULL;
    if (!directory)
        return CC_NO_MEMORY;
    directory->worker = worker;
    enum cc_error error = cell_directory_store_create(worker, &directory->store);
    if (!error)
        error = cell_announcer_create(worker, &directory->announcer);
    if (error) {
        cell_directory_free(directory);
        return error;
    }
    *out = directory;
    return CC_OK;
}

void cell_directory_free(struct cell_directory *directory)
{
    if (!directory)
        return;
    while (directory->repeats) {
        struct operation *operation = directory->repeats;
        directory->repeats = operation->next;
        cc_deadline_clear(&operation->repeat);
        reply_failed(operation, CC_CANCELLED, NULL);
    }
    cell_directory_store_free(directory->store);
    cell_announcer_free(directory->announcer);
    free(directory);
}

static void refuse_document(struct cc_http_request *request, const char *detail)
{
    cc_http_problem(request, 422, "refused", "The document is refused", cc_slice_of(detail));
}

static void refuse_missing(struct cc_http_request *request, const char *what)
{
    cc_http_problem(request, 404, "not-found", what, cc_slice(NULL, 0));
}

/* Token and tenant's form; else the request is answered. */
static bool may_use(struct cc_http_request *request)
{
    if (!cell_worker_admits(request, CELL_TOKEN_CONTROL))
        return false;
    if (request->segment_count > 3 && !cc_name_is_tenant(request->segments[3])) {
        refuse_document(request, "tenant: must match [a-z][a-z0-9-]{1,30}");
        return false;
    }
    return true;
}

/* The body as a JSON object; else NULL and the request is answered. The caller json_decref()s it.
 */
static json_t *read_body(struct cc_http_request *request)
{
    struct cc_json_reason reason = {{0}};
    json_t *body = NULL;
    if (cc_json_parse(request->body, BODY_MAX, &body, &reason)) {
        refuse_document(request, reason.text);
        return NULL;
    }
    if (!json_is_object(body)) {
        json_decref(body);
        refuse_document(request, "must be an object");
        return NULL;
    }
    return body;
}

static void submit(struct cc_http_request *request, enum cell_directory_statement statement,
                   const char *missing, const struct cc_slice *parameters, size_t count)
{
    struct cell_directory *directory = cell_worker_of(request)->directory;
    struct operation *operation = cc_arena_alloc(&request->arena, sizeof(*operation));
    if (!operation) {
        cc_http_problem(request, 503, "overloaded", "Overloaded", cc_slice(NULL, 0));
        return;
    }
    operation->request = request;
    operation->directory = directory;
    operation->missing = missing;
    operation->query = (struct cell_directory_query){
        .statement = statement,
        .tenant = request->segment_count > 3 ? request->segments[3] : cc_slice(NULL, 0),
        .parameter_count = count,
        .deadline_us = cc_loop_now_us(directory->worker->loop) + WRITE_US,
        .done = on_committed,
        .context = operation};
    for (size_t i = 0; i < count; i++) {
        char *copy = cc_arena_copy(&request->arena, parameters[i]);
        if (!copy) {
            cc_http_problem(request, 503, "overloaded", "Overloaded", cc_slice(NULL, 0));
            return;
        }
        operation->query.parameters[i] = cc_slice(copy, parameters[i].length);
    }
    cc_deadline_init(&operation->repeat, directory->worker->loop, on_repeat);
    try_write(operation);
}

static void try_write(struct operation *operation)
{
    enum cc_error error = cell_directory_submit(operation->directory->store, &operation->query);
    if (error)
        on_committed(operation, error, NULL);
}

/* Whether it is known by now what became of the write. */
static bool is_known(const struct operation *operation, enum cc_error error)
{
    return error != CC_UNKNOWN_OUTCOME &&
           (!operation->unknown ||
            (error != CC_UNAVAILABLE && error != CC_TIMEOUT && error != CC_FULL));
}

static bool repeat_later(struct operation *operation)
{
    struct cell_directory *directory = operation->directory;
    int64_t due_us = cc_loop_now_us(directory->worker->loop) + REPEAT_US;
    operation->unknown = true;
    if (due_us >= operation->query.deadline_us || cc_deadline_set(&operation->repeat, due_us))
        return false;
    operation->next = directory->repeats;
    directory->repeats = operation;
    return true;
}

static void on_repeat(struct cc_deadline *deadline)
{
    struct operation *operation = CC_CONTAINER_OF(deadline, struct operation, repeat);
    struct operation **at = &operation->directory->repeats;
    while (*at != operation)
        at = &(*at)->next;
    *at = operation->next;
    cell_worker_count(operation->directory->worker, CELL_T_WRITES_REPEATED, 1);
    try_write(operation);
}

static void reply_failed(struct operation *operation, enum cc_error error,
                         const struct cc_pg_outcome *outcome)
{
    struct cc_http_request *request = operation->request;
    struct cc_slice detail =
        cc_slice_of(outcome && outcome->message ? outcome->message : cc_error_text(error));
    if (error == CC_CONFLICT) {
        cc_http_problem(request, 409, "conflict", "Contradicts what is stored", detail);
        return;
    }
    if (error == CC_INVALID) {
        cc_http_problem(request, 422, "refused", "The document is refused", detail);
        return;
    }
    if (operation->unknown) {
        CC_LOG(CC_LOG_WARNING, "directory_outcome_unknown", cc_log_slice("reason", detail),
               cc_log_slice("tenant", operation->query.tenant), cc_log_error_field(error));
        cc_http_problem(request, 503, "outcome-unknown",
                        "It may or may not have been done; repeat the same request",
                        CC_SLICE_LITERAL("the primary did not say whether a replica has it; the "
                                         "same request again changes nothing twice"));
        return;
    }
    CC_LOG(CC_LOG_WARNING, "directory_failed", cc_log_slice("reason", detail),
           cc_log_slice("tenant", operation->query.tenant), cc_log_error_field(error));
    cc_http_problem(request, 503, "unavailable", "Not done; send it again",
                    cc_slice_of(cc_error_text(error)));
}

static void on_committed(void *context, enum cc_error error, const struct cc_pg_outcome *outcome)
{
    struct operation *operation = context;
    if (!is_known(operation, error) && repeat_later(operation))
        return;
    if (error) {
        reply_failed(operation, error, outcome);
        return;
    }
    const PGresult *result = outcome->results[0];
    if (PQntuples(result) == 0 || PQgetisnull(result, 0, 0)) {
        refuse_missing(operation->request, operation->missing);
        return;
    }
    struct cc_slice text = cc_pg_value(result, 0, 0);
    operation->outcome = json_loadb(text.data, text.length, JSON_DECODE_ANY, NULL);
    if (json_object_get(operation->outcome, "error")) {
        refuse_missing(operation->request,
                       json_string_value(json_object_get(operation->outcome, "detail")));
        json_decref(operation->outcome);
        return;
    }
    announce(operation);
}

/* The numbers that were last written together. Not only what this attempt changed: an earlier one,
 * of unknown outcome or whose worker died, may have written and not told. Others keep their own
 * version: a marker above it would make them look old for ever. */
static size_t newest_numbers(const struct operation *operation, int64_t version,
                             struct cc_slice *numbers)
{
    const json_t *rows = json_object_get(operation->outcome, "numbers");
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (json_integer_value(json_object_get(row, "row_version")) == version)
            numbers[count++] = cc_slice_of(json_string_value(json_object_get(row, "number")));
    }
    return count;
}

/* Whether the outcome tells of something that workers must have heard of. */
static bool fill_announcement(const struct operation *operation,
                              struct cell_announcement *announcement)
{
    enum cell_directory_statement statement = operation->query.statement;
    const json_t *rows = json_object_get(operation->outcome, "numbers");
    announcement->version = json_integer_value(json_object_get(operation->outcome, "row_version"));
    if (statement == CELL_PUBLISH_FLOW) {
        announcement->flow = operation->query.parameters[0];
        return true;
    }
    if (statement == CELL_DELETE_NUMBER) {
        announcement->numbers = &operation->query.parameters[0];
        announcement->number_count = 1;
        return true;
    }
    if (statement != CELL_PUT_NUMBERS)
        return false;
    struct cc_slice *numbers =
        cc_arena_alloc(&operation->request->arena, (json_array_size(rows) + 1) * sizeof(*numbers));
    announcement->numbers = numbers;
    announcement->number_count =
        numbers ? newest_numbers(operation, announcement->version, numbers) : 0;
    return announcement->number_count > 0;
}

static void announce(struct operation *operation)
{
    struct cell_announcement announcement = {
        .tenant = operation->query.tenant, .done = on_taken_up, .context = operation};
    if (fill_announcement(operation, &announcement)) {
        cell_worker_count(operation->directory->worker, CELL_T_WRITES, 1);
        cell_announce(operation->directory->announcer, &announcement);
    } else {
        on_taken_up(operation, true);
    }
}

static void on_taken_up(void *context, bool taken_up)
{
    struct operation *operation = context;
    struct cc_http_reply reply = {
        .status = 200,
        .headers = {{CC_SLICE_LITERAL("content-type"), CC_SLICE_LITERAL("application/json")},
                    {CC_SLICE_LITERAL("callcell-propagation"), CC_SLICE_LITERAL("pending")}},
        .header_count = taken_up ? 1 : 2};
    if (!taken_up)
        cell_worker_count(operation->directory->worker, CELL_T_WRITES_PENDING, 1);
    json_object_del(operation->outcome, "changed");
    char *body = json_dumps(operation->outcome, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(operation->outcome);
    reply.body = cc_slice_of(body);
    if (!body)
        reply.status = 503;
    cc_http_reply(operation->request, &reply);
    free(body);
}

static void on_put_tenant(struct cc_http_request *request)
{
    struct cc_json_reason reason = {{0}};
    struct cc_slice name;
    json_t *body = may_use(request) ? read_body(request) : NULL;
    if (!body)
        return;
    if (cc_json_string_at(body, "name", CELL_TENANT_NAME_MAX, &name, &reason))
        refuse_document(request, reason.text);
    else
        submit(request, CELL_PUT_TENANT, "", &name, 1);
    json_decref(body);
}

static void on_list_tenants(struct cc_http_request *request)
{
    if (may_use(request))
        submit(request, CELL_LIST_TENANTS, "", NULL, 0);
}

static void on_put_numbers(struct cc_http_request *request)
{
    struct cc_json_reason reason = {{0}};
    char *documents = NULL;
    json_t *body = may_use(request) ? read_body(request) : NULL;
    if (!body)
        return;
    const struct cc_route_map *map = cell_worker_of(request)->country.map;
    enum cc_error error =
        cell_numbers_check(body, map ? cc_route_map_policy(map) : NULL, &documents, &reason);
    json_decref(body);
    if (error) {
        refuse_document(request, *reason.text ? reason.text : cc_error_text(error));
        return;
    }
    struct cc_slice parameter = cc_slice_of(documents);
    submit(request, CELL_PUT_NUMBERS, "No such tenant", &parameter, 1);
    free(documents);
}

/* A number in a path or query: '+' as it is or as %2B. */
static struct cc_slice decode_number(struct cc_http_request *request, struct cc_slice text)
{
    if (text.length > 3 && (strncasecmp(text.data, "%2B", 3) == 0))
        return cc_arena_printf(&request->arena, "+%.*s", (int)(text.length - 3), text.data + 3);
    return text;
}

static void on_list_numbers(struct cc_http_request *request)
{
    struct cc_slice limit_text = cc_http_query(request, "limit");
    struct cc_slice after = decode_number(request, cc_http_query(request, "after"));
    int64_t limit = limit_text.length == 0 ? LIST_DEFAULT : 0;
    if (!may_use(request))
        return;
    for (size_t i = 0; i < limit_text.length && i < 5; i++) {
        bool digit = limit_text.data[i] >= '0' && limit_text.data[i] <= '9';
        limit = digit && limit >= 0 ? limit * 10 + (limit_text.data[i] - '0') : -1;
    }
    if (limit < 1 || limit > LIST_MAX || limit_text.length > 4) {
        refuse_document(request, "limit: must be 1 to 1000");
        return;
    }
    if (after.length > 0 && !cc_name_is_e164(after)) {
        refuse_document(request, "after: must be E.164 (+ and 2 to 15 digits)");
        return;
    }
    struct cc_slice parameters[] = {after.length ? after : cc_slice("", 0),
                                    cc_arena_printf(&request->arena, "%d", (int)limit)};
    submit(request, CELL_LIST_NUMBERS, "", parameters, 2);
}

static void on_delete_number(struct cc_http_request *request)
{
    struct cc_slice number = decode_number(request, request->segments[5]);
    if (!may_use(request))
        return;
    if (!cc_name_is_e164(number))
        refuse_missing(request, "No such number");
    else
        submit(request, CELL_DELETE_NUMBER, "No such number", &number, 1);
}

static bool is_flow_name(struct cc_http_request *request)
{
    if (cc_name_is_resource(request->segments[5]))
        return true;
    refuse_document(request, "flow: must match [a-z][a-z0-9_-]{0,62}");
    return false;
}

static void on_put_flow(struct cc_http_request *request)
{
    struct cell_zones zones = cell_zone_files_zones(cell_worker_of(request)->zones);
    struct cc_json_reason reason = {{0}};
    struct cell_flow *flow = NULL;
    json_t *body = may_use(request) && is_flow_name(request) ? read_body(request) : NULL;
    if (!body)
        return;
    enum cc_error error = request->body.length > CELL_FLOW_BYTES_MAX ? CC_TOO_LARGE : CC_OK;
    if (!error)
        error = cell_flow_compile(body, &zones, &flow, &reason);
    json_decref(body);
    cell_flow_free(flow);
    if (error) {
        refuse_document(request, *reason.text ? reason.text : cc_error_text(error));
        return;
    }
    struct cc_slice parameters[] = {request->segments[5], request->body};
    submit(request, CELL_PUT_FLOW, "No such tenant", parameters, 2);
}

static void on_publish_flow(struct cc_http_request *request)
{
    if (may_use(request) && is_flow_name(request))
        submit(request, CELL_PUBLISH_FLOW, "No such flow", &request->segments[5], 1);
}

static void on_get_flow(struct cc_http_request *request)
{
    if (may_use(request) && is_flow_name(request))
        submit(request, CELL_GET_FLOW, "No such flow", &request->segments[5], 1);
}

const struct cc_http_route cell_directory_routes[] = {
    {"GET", "/internal/v1/tenants", on_list_tenants},
    {"PUT", "/internal/v1/tenants/:tenant", on_put_tenant},
    {"PUT", "/internal/v1/tenants/:tenant/numbers", on_put_numbers},
    {"GET", "/internal/v1/tenants/:tenant/numbers", on_list_numbers},
    {"DELETE", "/internal/v1/tenants/:tenant/numbers/:number", on_delete_number},
    {"PUT", "/internal/v1/tenants/:tenant/flows/:flow", on_put_flow},
    {"GET", "/internal/v1/tenants/:tenant/flows/:flow", on_get_flow},
    {"POST", "/internal/v1/tenants/:tenant/flows/:flow/publish", on_publish_flow},
};
const size_t cell_directory_route_count =
    sizeof(cell_directory_routes) / sizeof(cell_directory_routes[0]);
