/* Rim: routes of the role "events" (docs/api/internal.md, "the journal" and a call's events). */
#include "base/log.h"
#include "cell/events/adopt.h"
#include "cell/events/events.h"
#include "cell/events/ship.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    JOURNAL_BYTES_MAX = 16 * 1024 * 1024,
    JOURNAL_US = 5 * 1000 * 1000,
    LIST_US = 2 * 1000 * 1000,
    PATH_ROOM = 4096
};

struct cell_events {
    struct cell_worker *worker;
    struct cell_event_store *store;
    struct cell_shipper *shipper;
    struct cell_adopter *adopter;
};

enum cc_error cell_events_create(struct cell_worker *worker, struct cell_events **out)
{
    char quarantine[PATH_ROOM];
    char clashes[PATH_ROOM];
    struct cell_events *events = calloc(1, sizeof(*events));
    *out = NULL;
    if (!events)
        return CC_NO_MEMORY;
    events->worker = worker;
    snprintf(quarantine, sizeof(quarantine), "%s/quarantine.jsonl",
             worker->settings->spool_directory);
    snprintf(clashes, sizeof(clashes), "%s/event_id_clashes.jsonl",
             worker->settings->spool_directory);
    enum cc_error error = cell_event_store_create(worker, quarantine, clashes, &events->store);
    if (!error)
        error = cell_shipper_create(worker, events->store, &events->shipper);
    if (!error)
        error = cell_adopter_create(worker, events->store, &events->adopter);
    if (error) {
        cell_events_free(events);
        return error;
    }
    *out = events;
    return CC_OK;
}

void cell_events_free(struct cell_events *events)
{
    if (!events)
        return;
    cell_event_store_free(events->store);
    cell_shipper_free(events->shipper);
    cell_adopter_free(events->adopter);
    free(events);
}

enum cc_error cell_events_record(struct cell_events *events, const struct cc_slice *records,
                                 size_t count, size_t *lost)
{
    return cell_shipper_keep(events->shipper, records, count, lost);
}

struct cell_backlog cell_events_backlog(const struct cell_events *events)
{
    struct cc_spool_state spool = cc_spool_state(events->worker->spool);
    struct cc_held_state held = cell_shipper_held(events->shipper);
    bool spool_is_older =
        held.oldest_us == 0 || (spool.oldest_us != 0 && spool.oldest_us < held.oldest_us);
    return (struct cell_backlog){.records = spool.records + held.records,
                                 .in_memory = held.records,
                                 .oldest_us = spool_is_older ? spool.oldest_us : held.oldest_us};
}

void cell_events_flush(struct cell_events *events, int64_t deadline_us,
                       void (*on_flushed)(void *context), void *context)
{
    cell_adopter_stop(events->adopter);
    cell_shipper_flush(events->shipper, deadline_us, on_flushed, context);
}

bool cell_events_postgres_is_up(const struct cell_events *events)
{
    return cell_event_store_is_up(events->store);
}

/* A journal under way. Lives in the request's arena, but for texts and records. */
struct journal {
    struct cc_http_request *request;
    struct cell_ingest ingest;
    struct cc_slice records[CELL_INGEST_MAX];
};

static void on_journalled(struct cell_ingest *ingest, enum cc_error error);

static void free_records(struct journal *journal)
{
    for (size_t i = 0; i < journal->ingest.count; i++)
        free((char *)(uintptr_t)journal->records[i].data);
}

/* Each record's own text, so that one that Postgres refuses can be put apart. */
static enum cc_error read_records(struct journal *journal, const json_t *records)
{
    for (size_t i = 0; i < json_array_size(records); i++) {
        char *text = json_dumps(json_array_get(records, i), JSON_COMPACT);
        if (!text)
            return CC_NO_MEMORY;
        journal->records[journal->ingest.count++] = cc_slice_of(text);
    }
    return CC_OK;
}

static bool are_records(const json_t *records)
{
    if (!json_is_array(records) || json_array_size(records) > CELL_INGEST_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);
        if (!json_is_object(record) || !json_is_true(json_object_get(record, "delivered")))
            return false;
    }
    return true;
}

static void reply_accepted(struct cc_http_request *request, size_t count)
{
    struct cc_slice body = cc_arena_printf(&request->arena, "{\"accepted\":%zu}", count);
    cc_http_json(request, 200, body);
}

static void on_journal(struct cc_http_request *request)
{
    struct cell_worker *worker = cell_worker_of(request);
    struct cc_json_reason reason = {{0}};
    json_t *body = NULL;
    if (!cell_worker_admits(request, CELL_TOKEN_JOURNAL) ||
        !cell_worker_serves_country(request, request->segments[2]))
        return;
    if (cc_json_parse(request->body, JOURNAL_BYTES_MAX, &body, &reason) ||
        !are_records(json_object_get(body, "records"))) {
        cc_http_problem(request, 400, "no-journal", "No journal",
                        cc_slice_of(*reason.text ? reason.text
                                                 : "records: must be at most 500 call records, "
                                                   "each with delivered true"));
        json_decref(body);
        return;
    }
    struct journal *journal = cc_arena_alloc(&request->arena, sizeof(*journal));
    enum cc_error error = journal ? CC_OK : CC_NO_MEMORY;
    if (!error) {
        journal->request = request;
        error = read_records(journal, json_object_get(body, "records"));
    }
    json_decref(body);
    if (!error && journal->ingest.count == 0) {
        reply_accepted(request, 0);
        return;
    }
    if (!error) {
        journal->ingest.records = journal->records;
        journal->ingest.deadline_us = cc_loop_now_us(worker->loop) + JOURNAL_US;
        journal->ingest.on_done = on_journalled;
        error = cell_ingest_start(cell_worker_of(request)->events->store, &journal->ingest);
    }
    if (error && journal)
        on_journalled(&journal->ingest, error);
    else if (error)
        cc_http_problem(request, 503, "overloaded", "Overloaded", cc_slice(NULL, 0));
}

static void on_journalled(struct cell_ingest *ingest, enum cc_error error)
{
    struct journal *journal = CC_CONTAINER_OF(ingest, struct journal, ingest);
    struct cc_http_request *request = journal->request;
    free_records(journal);
    if (error) {
        CC_LOG(CC_LOG_WARNING, "journal_not_taken", cc_log_error_field(error));
        cc_http_problem(request, 503, "unavailable", "Not committed; send it again",
                        cc_slice_of(cc_error_text(error)));
        return;
    }
    cell_worker_count(cell_worker_of(request), CELL_T_JOURNALLED, (int64_t)ingest->count);
    reply_accepted(request, ingest->count);
}

static void on_listed(void *context, enum cc_error error, const struct cc_pg_outcome *outcome)
{
    struct cc_http_request *request = context;
    if (error) {
        cc_http_problem(request, 503, "unavailable", "Postgres did not answer",
                        cc_slice_of(cc_error_text(error)));
        return;
    }
    struct cc_buffer body;
    cc_buffer_init(&body, 0);
    cc_buffer_text(&body, "{\"events\":");
    cc_buffer_append(&body, cc_pg_value(outcome->results[0], 0, 0));
    cc_buffer_text(&body, "}");
    cc_http_json(request, body.error ? 503 : 200,
                 body.error ? CC_SLICE_LITERAL("{}") : cc_buffer_slice(&body));
    cc_buffer_deinit(&body);
}

static void on_list(struct cc_http_request *request)
{
    struct cell_worker *worker = cell_worker_of(request);
    struct cc_slice tenant = request->segments[3];
    struct cc_slice call_id = request->segments[5];
    if (!cell_worker_admits(request, CELL_TOKEN_CONTROL))
        return;
    if (!cc_name_is_tenant(tenant) || !cc_name_is_carrier_id(call_id)) {
        cc_http_problem(request, 404, "not-found", "No such call", cc_slice(NULL, 0));
        return;
    }
    enum cc_error error =
        cell_event_store_list(worker->events->store, tenant, call_id,
                              cc_loop_now_us(worker->loop) + LIST_US, on_listed, request);
    if (error)
        on_listed(request, error, NULL);
}

const struct cc_http_route cell_events_routes[] = {
    {"POST", "/internal/v1/:country/journal", on_journal},
    {"GET", "/internal/v1/tenants/:tenant/calls/:call_id", on_list},
};
const size_t cell_events_route_count = sizeof(cell_events_routes) / sizeof(cell_events_routes[0]);
