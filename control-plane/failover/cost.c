#include "control-plane/failover/cost.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io/loop.h"
#include "control-plane/cell_api.h"
#include "control-plane/failover/tally.h"
#include "control-plane/files.h"
#include "control-plane/places.h"
#include "control-plane/pq.h"
#include "control-plane/sites.h"

enum { PAUSE_MS = 50, PATIENCE_MS = 1000, LAST_WRITE_US = 10 * 1000 * 1000, ASK_MS = 500 };

static const char probe_sql[] =
    "INSERT INTO fencing.probe (prober, written_at) VALUES ('command', now()) "
    "ON CONFLICT (prober) DO UPDATE SET written_at = EXCLUDED.written_at";

struct counted {
    struct cp_tally edge_answers, shipped;
};

struct cp_cost {
    struct cp_postgres_group *group;
    int number;         /* of the cell */
    char *conninfos[2]; /* of both nodes; the thread's own copies */
    pthread_t thread;
    atomic_bool over;
    _Atomic int64_t last_us;    /* of the last acknowledged write */
    _Atomic int64_t longest_us; /* between two of them */
    struct counted before, after;
};

static void *probe(void *context);

/* ---- the thread ---- */

/* One write, acknowledged within a second. */
static bool write_once(PGconn *connection)
{
    PGresult *result = cp_pq_query(connection, probe_sql, NULL, 0, PATIENCE_MS);
    bool written = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return written;
}

static void note_write(struct cp_cost *cost)
{
    int64_t now_us = cc_monotonic_us();
    int64_t gap_us = now_us - atomic_load(&cost->last_us);
    if (gap_us > atomic_load(&cost->longest_us))
        atomic_store(&cost->longest_us, gap_us);
    atomic_store(&cost->last_us, now_us);
}

static void *probe(void *context)
{
    struct cp_cost *cost = context;
    PGconn *connection = NULL;
    while (!atomic_load(&cost->over)) {
        if (!connection)
            connection = cp_pq_connect((const char *const *)cost->conninfos, 2, PATIENCE_MS);
        if (write_once(connection)) {
            note_write(cost);
        } else {
            PQfinish(connection);
            connection = NULL;
        }
        cp_pause_ms(PAUSE_MS);
    }
    PQfinish(connection);
    return NULL;
}

/* ---- what edges and workers count ---- */

/* The sum of the series whose line begins so and holds also. */
static int64_t sum_of(struct cc_slice page, const char *name, const char *also)
{
    int64_t sum = 0;
    const char *end = page.data + page.length;
    for (const char *line = page.data; line && line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *stop = newline ? newline : end;
        const char *space = memrchr(line, ' ', (size_t)(stop - line));
        size_t head = space ? (size_t)(space - line) : 0;
        if (head >= strlen(name) && strncmp(line, name, strlen(name)) == 0 &&
            memmem(line, head, also, strlen(also)))
            sum += strtoll(space + 1, NULL, 10);
        line = newline ? newline + 1 : NULL;
    }
    return sum;
}

static void ask(struct cp_context *context, int port, const char *name, const char *also,
                struct cp_tally *out)
{
    struct cp_reply reply;
    const struct cp_question question = {.address = cp_format(context, "127.0.0.1:%d", port),
                                         .method = "GET",
                                         .path = "/metrics",
                                         .timeout_ms = ASK_MS};
    bool answers = !cp_http(context, &question, &reply) && reply.status == 200;
    if (out->count < CP_TALLY_MAX)
        out->counters[out->count++] =
            (struct cp_counter){port, answers ? sum_of(reply.body, name, also) : -1};
}

/* Of both sites: which one is active may change meanwhile. A worker that exists has a file. */
static void count_workers(struct cp_cost *cost, struct cp_tally *out)
{
    struct cp_context *context = cost->group->context;
    for (int worker = 1; worker <= 2 * CP_WORKERS_PER_CELL; worker++) {
        const char *site = worker <= CP_WORKERS_PER_CELL ? CP_SITE_FIRST : CP_SITE_SECOND;
        const char *file =
            cp_format(context, "cells/%s/etc/cell-worker-%d.yaml", cost->group->name, worker);
        if (cp_file_exists(cp_site_path(context, site, file)))
            ask(context, cp_port(context, cp_ports_worker_telemetry(cost->number, worker)),
                "callcell_cell_records_shipped_total", "", out);
    }
}

/* Needs no registry. */
static void count(struct cp_cost *cost, struct counted *out)
{
    struct cp_context *context = cost->group->context;
    struct cp_places *places = cp_alloc(context, sizeof(*places));
    cp_places_read(context, places);
    for (size_t i = 0; i < places->edge_count; i++)
        ask(context, places->edges[i].telemetry_port, "callcell_edge_answers_total", "by=\"edge\"",
            &out->edge_answers);
    count_workers(cost, &out->shipped);
}

/* ---- life ---- */

static void free_cost(struct cp_cost *cost)
{
    free(cost->conninfos[0]);
    free(cost->conninfos[1]);
    free(cost);
}

static bool copy_conninfos(struct cp_cost *cost)
{
    const char *conninfos[2];
    (void)cp_postgres_conninfos(cost->group, CP_POSTGRES_PRIMARY, cost->group->database, conninfos);
    cost->conninfos[0] = strdup(conninfos[0]);
    cost->conninfos[1] = strdup(conninfos[1]);
    return cost->conninfos[0] && cost->conninfos[1];
}

enum cc_error cp_cost_start(struct cp_postgres_group *group, int number, struct cp_cost **out)
{
    struct cp_cost *cost = calloc(1, sizeof(*cost));
    *out = cost;
    if (!cost)
        return CC_NO_MEMORY;
    cost->group = group;
    cost->number = number;
    count(cost, &cost->before);
    atomic_store(&cost->last_us, cc_monotonic_us());
    if (copy_conninfos(cost) && pthread_create(&cost->thread, NULL, probe, cost) == 0)
        return CC_OK;
    free_cost(cost);
    *out = NULL;
    return cp_fail(group->context, CC_NO_MEMORY, "cannot start a thread that measures");
}

static void end_thread(struct cp_cost *cost)
{
    atomic_store(&cost->over, true);
    (void)pthread_join(cost->thread, NULL);
}

void cp_cost_drop(struct cp_cost *cost)
{
    if (!cost)
        return;
    end_thread(cost);
    free_cost(cost);
}

void cp_cost_print(struct cp_cost *cost)
{
    if (!cost)
        return;
    int64_t asked_us = cc_monotonic_us();
    while (atomic_load(&cost->last_us) < asked_us && cc_monotonic_us() < asked_us + LAST_WRITE_US)
        cp_pause_ms(PAUSE_MS);
    bool writable = atomic_load(&cost->last_us) >= asked_us;
    end_thread(cost);
    count(cost, &cost->after);
    struct cc_buffer line;
    cc_buffer_init(&line, 0);
    if (writable)
        cc_buffer_printf(&line, "cost: writes were held up for %.1f s; ",
                         (double)atomic_load(&cost->longest_us) / 1e6);
    else
        cc_buffer_printf(&line, "cost: writes are still held up after %.1f s; ",
                         (double)(cc_monotonic_us() - atomic_load(&cost->last_us)) / 1e6);
    cp_tally_say(&cost->before.edge_answers, &cost->after.edge_answers, "edge answers", "edge",
                 &line);
    cc_buffer_text(&line, "; ");
    cp_tally_say(&cost->before.shipped, &cost->after.shipped, "events shipped", "worker", &line);
    (void)fprintf(stderr, "%.*s\n", (int)line.length, line.data);
    cc_buffer_deinit(&line);
    free_cost(cost);
}
