#include "control-plane/fleet/edge_remove.h"

#include "base/io/loop.h"
#include "control-plane/calls/pending.h"
#include "control-plane/cell_api.h"
#include "control-plane/files.h"
#include "control-plane/provision/edge_create.h"
#include "control-plane/registry.h"
#include "control-plane/run.h"
#include "control-plane/targets/local.h"
#include "control-plane/unknown.h"

enum { DELIVERED_S = 60, ASK_MS = 1000, PAUSE_MS = 50 };

struct removal {
    struct cp_context *context;
    const char *edge;
    const struct cp_edge_removal *options;
    uint64_t left;     /* records in its journal that no cell has taken, as last seen */
    const char *where; /* some of them lie there */
    const char *aside; /* a file of those that a cell refused, or "" */
};

static enum cc_error wait_delivered(void *subject);
static enum cc_error stop(void *subject);
static bool holds_records(const void *subject);
static enum cc_error start(void *subject);
static enum cc_error unlist(void *subject);
static enum cc_error remove_all(void *subject);

/* Calls come until it is stopped, and the last of them may have left a record. */
static const struct cc_transition rows[] = {
    {"new", NULL, NULL, wait_delivered, NULL, "delivered", "its journal: delivered to the cells"},
    {"delivered", NULL, NULL, stop, NULL, "stopped", "stopped"},
    {"stopped", holds_records, "its journal holds records", start, NULL, "new",
     "started again, to deliver what came last"},
    {"stopped", NULL, NULL, unlist, NULL, "unlisted", "out of the registry: nothing waits for it"},
    {"unlisted", NULL, NULL, remove_all, NULL, "gone", "its service, certificate and files"},
};
const struct cc_transition_table cp_edge_remove_table = {"edge_remove", "new", "gone", rows,
                                                         sizeof(rows) / sizeof(rows[0])};

static enum cc_error look(struct removal *removal)
{
    return cp_pending_of_edge(removal->context, removal->edge, &removal->left, &removal->where,
                              &removal->aside);
}

static bool holds_records(const void *subject)
{
    const struct removal *removal = subject;
    return removal->left > 0 && !removal->options->accept_loss;
}

static enum cc_error refuse_aside(struct removal *removal)
{
    if (!*removal->aside || removal->options->accept_loss)
        return CC_OK;
    return cp_fail(removal->context, CC_CONFLICT,
                   "%s holds records that a cell has refused: move it to a safe place; "
                   "--accept-loss removes it",
                   removal->aside);
}

static enum cc_error wait_delivered(void *subject)
{
    struct removal *removal = subject;
    for (int64_t until_us = cc_monotonic_us() + DELIVERED_S * INT64_C(1000000);;) {
        enum cc_error error = look(removal);
        if (error || !holds_records(removal))
            return error ? error : refuse_aside(removal);
        if (cc_monotonic_us() >= until_us)
            return cp_fail(removal->context, CC_TIMEOUT,
                           "%s still holds %llu records that no cell has taken after %d s (%s); "
                           "--accept-loss gives them up",
                           removal->edge, (unsigned long long)removal->left, DELIVERED_S,
                           removal->where);
        cp_pause_ms(PAUSE_MS);
    }
}

static enum cc_error stop(void *subject)
{
    struct removal *removal = subject;
    const char *service = cp_local_service_folder(removal->context, removal->edge);
    enum cc_error error =
        cp_file_exists(service) ? cp_target_local.stop(removal->context, removal->edge) : CC_OK;
    return error ? error : look(removal);
}

static enum cc_error start(void *subject)
{
    struct removal *removal = subject;
    return cp_target_local.start(removal->context, removal->edge);
}

static enum cc_error unlist(void *subject)
{
    struct removal *removal = subject;
    return cp_sql_run(removal->context,
                      "WITH reported AS (DELETE FROM reports WHERE reporter = $1) "
                      "DELETE FROM edges WHERE edge = $1",
                      CP_PARAMETERS(removal->edge));
}

/* What was measured of it last: the files are what a duty measures. */
static enum cc_error remove_all(void *subject)
{
    struct removal *removal = subject;
    struct cp_context *context = removal->context;
    enum cc_error error = cp_target_local.remove(context, removal->edge);
    if (!error)
        error = cp_tree_remove(context, cp_path(context, "edges/%s", removal->edge));
    return error ? error
                 : cp_sql_run(context, "DELETE FROM facts WHERE subject = $1",
                              CP_PARAMETERS(removal->edge));
}

static bool is_ready(struct cp_context *context, int telemetry_port)
{
    struct cp_reply reply;
    const struct cp_question question = {
        .address = cp_format(context, "127.0.0.1:%d", cp_port(context, telemetry_port)),
        .method = "GET",
        .path = "/readyz",
        .timeout_ms = ASK_MS};
    return !cp_http(context, &question, &reply) && reply.status == 200;
}

static enum cc_error refuse_last(struct removal *removal, const PGresult *edges)
{
    struct cp_context *context = removal->context;
    for (int row = 0; row < PQntuples(edges); row++) {
        if (strcmp(cp_sql_value(edges, row, 0), removal->edge) != 0 &&
            is_ready(context, (int)cp_sql_integer(edges, row, 1)))
            return CC_OK;
    }
    return cp_fail(context, CC_CONFLICT,
                   "no other edge is ready: carriers would be answered by nobody; "
                   "--last removes %s all the same",
                   removal->edge);
}

/* A journal that is not here is not an empty one, and nobody delivers that of an edge that is down.
 */
static enum cc_error refuse_loss(struct removal *removal)
{
    struct cp_context *context = removal->context;
    if (removal->options->accept_loss)
        return CC_OK;
    if (!cp_file_exists(cp_path(context, "edges/%s", removal->edge)))
        return cp_fail(context, CC_NOT_FOUND,
                       "edges/%s is not there, and with it records may be missing; --accept-loss "
                       "gives them up",
                       removal->edge);
    if (removal->left > 0 && !cp_target_local.is_up(context, removal->edge))
        return cp_fail(context, CC_CONFLICT,
                       "%s is down and its journal holds %llu records (%s): start it (callcell up) "
                       "and give the same command again; --accept-loss gives them up",
                       removal->edge, (unsigned long long)removal->left, removal->where);
    return refuse_aside(removal);
}

static enum cc_error refuse(struct removal *removal, const PGresult *edges, bool due)
{
    enum cc_error error = removal->options->last ? CC_OK : refuse_last(removal, edges);
    return error || due ? error : refuse_loss(removal);
}

static enum cc_error refuse_unknown(struct removal *removal, const struct cp_run_request *request)
{
    bool removed = false;
    enum cc_error error = cp_run_was_finished(removal->context, request, &removed);
    return error || removed
               ? error
               : cp_unknown(removal->context, "edge", removal->edge, "callcell edge list");
}

static bool is_listed(const PGresult *edges, const char *edge)
{
    for (int row = 0; row < PQntuples(edges); row++) {
        if (strcmp(cp_sql_value(edges, row, 0), edge) == 0)
            return true;
    }
    return false;
}

enum cc_error cp_edge_remove(struct cp_context *context, const char *edge,
                             const struct cp_edge_removal *options, bool *changed)
{
    struct removal removal = {.context = context, .edge = edge, .options = options};
    const struct cp_run_request request = {.table = &cp_edge_remove_table,
                                           .opposite = &cp_edge_create_table,
                                           .subject = edge,
                                           .data = &removal};
    PGresult *edges;
    bool due = false;
    *changed = false;
    enum cc_error error = cp_sql(
        context, &edges, "SELECT edge, telemetry_port FROM edges ORDER BY edge", CP_NO_PARAMETERS);
    if (!error)
        error = cp_run_is_due(context, &request, &due);
    if (error)
        return error;
    bool listed = is_listed(edges, edge);
    if (!listed && !due)
        return refuse_unknown(&removal, &request);
    error = look(&removal);
    if (!error && listed)
        error = refuse(&removal, edges, due);
    *changed = !error;
    return error ? error : cp_run(context, &request);
}
