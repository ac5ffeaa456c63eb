#include "control-plane/cli/status_screen.h"

#include "base/timestamp.h"
#include "control-plane/cli/worker_line.h"

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S, PERCENT = 100 };

static const char *text(const json_t *value, const char *path)
{
    const char *found = json_string_value(cc_json_at(value, path));
    return found ? found : "?";
}

static long long whole(const json_t *value, const char *path)
{
    return (long long)json_number_value(cc_json_at(value, path));
}

/* What is wrong stands out: in capitals by its words, and in red. */
static void append(const struct cp_screen *how, bool good, const char *words, struct cc_buffer *out)
{
    bool red = how->colour && !good;
    cc_buffer_printf(out, "%s%s%s", red ? "\033[31m" : "", words, red ? "\033[0m" : "");
}

static void append_age(long long seconds, struct cc_buffer *out)
{
    long long size = seconds < 0 ? -seconds : seconds;
    if (size >= 2 * DAY_S)
        cc_buffer_printf(out, "%lld d", seconds / DAY_S);
    else if (size >= 2 * HOUR_S)
        cc_buffer_printf(out, "%lld h", seconds / HOUR_S);
    else if (size >= 120)
        cc_buffer_printf(out, "%lld min", seconds / 60);
    else
        cc_buffer_printf(out, "%lld s", seconds);
}

static void append_bytes(long long bytes, struct cc_buffer *out)
{
    if (bytes >= 10 * 1000 * 1000)
        cc_buffer_printf(out, "%lld MB", bytes / (1000 * 1000));
    else if (bytes >= 10 * 1000)
        cc_buffer_printf(out, "%lld kB", bytes / 1000);
    else
        cc_buffer_printf(out, "%lld B", bytes);
}

static const json_t *fact(const json_t *status, const char *name, const char *subject)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(status, "facts"), i, item)
    {
        if (strcmp(text(item, "name"), name) == 0 && strcmp(text(item, "subject"), subject) == 0)
            return item;
    }
    return NULL;
}

static void append_serves(const json_t *status, const struct cp_screen *how, struct cc_buffer *out)
{
    size_t i;
    json_t *serve;
    bool leader = false;
    json_array_foreach(json_object_get(status, "serves"), i, serve)
    {
        const char *health = text(serve, "health");
        cc_buffer_printf(out, ", %s ", text(serve, "instance"));
        append(how, strcmp(health, "ready") == 0, health, out);
        if (json_is_true(json_object_get(serve, "leads")))
            cc_buffer_text(out, " (leads)");
        leader = leader || json_is_true(json_object_get(serve, "leads"));
    }
    if (!leader)
        append(how, false, ", NO LEADER", out);
}

static void append_registry(const json_t *status, const struct cp_screen *how,
                            struct cc_buffer *out)
{
    bool up = strcmp(text(status, "registry"), "up") == 0;
    const json_t *replica = json_object_get(status, "registry_replica");
    const json_t *lag = fact(status, "replication_lag_bytes", "registry");
    cc_buffer_text(out, "\n  registry ");
    append(how, up, up ? "up" : "DOWN", out);
    if (up && strcmp(text(replica, "state"), "synchronous") == 0)
        cc_buffer_text(out, ", replica synchronous");
    else if (up && strcmp(text(replica, "state"), "joining") == 0)
        append(how, false, ", DEGRADED DURABILITY: replica joining", out);
    else if (up && json_is_object(replica))
        append(how, false, ", DEGRADED DURABILITY: no synchronous replica", out);
    if (up && lag) {
        cc_buffer_text(out, ", lag ");
        append_bytes(whole(lag, "value"), out);
    }
}

/* The certificate that expires first. */
static void append_certificates(const json_t *status, const struct cp_screen *how,
                                struct cc_buffer *out)
{
    size_t i;
    json_t *item;
    const json_t *soonest = NULL;
    json_array_foreach(json_object_get(status, "facts"), i, item)
    {
        if (strcmp(text(item, "name"), "certificate_expires_at") == 0 &&
            (!soonest || whole(item, "value") < whole(soonest, "value")))
            soonest = item;
    }
    if (!soonest)
        return;
    long long left = whole(soonest, "value") - how->now_us / CC_SECOND_US;
    cc_buffer_printf(out, "\n  certificates: %s ", text(soonest, "subject"));
    append(how, left > 0, left > 0 ? "first to expire, in " : "EXPIRED since ", out);
    append_age(left > 0 ? left : -left, out);
}

static void append_since(const json_t *status, const char *name, const char *cell,
                         const char *words, const struct cp_screen *how, struct cc_buffer *out)
{
    const json_t *at = fact(status, name, cell);
    if (!at)
        return;
    cc_buffer_text(out, words);
    append_age(how->now_us / CC_SECOND_US - whole(at, "value"), out);
    cc_buffer_text(out, " ago");
}

static void append_backup(const json_t *status, const char *cell, const struct cp_screen *how,
                          struct cc_buffer *out)
{
    const json_t *drill = fact(status, "restore_drill_ok", cell);
    append_since(status, "backup_finished_at", cell, "\n    backup ", how, out);
    append_since(status, "restore_drill_finished_at", cell, ", restore drill ", how, out);
    if (drill) {
        bool good = whole(drill, "value") == 1;
        append(how, good, good ? " ok" : " FAILED", out);
    }
}

static void append_holds(const json_t *edge, const struct cp_screen *how, struct cc_buffer *out)
{
    size_t i;
    json_t *hold;
    const char *country = "";
    json_array_foreach(json_object_get(edge, "holds"), i, hold)
    {
        bool same = strcmp(country, text(hold, "country")) == 0;
        country = text(hold, "country");
        cc_buffer_printf(out, "%s%s%s%s epoch %lld", same ? ", " : "\n    ", same ? "" : country,
                         same ? "" : " ", text(hold, "kind"), whole(hold, "epoch"));
        if (whole(hold, "epoch") != whole(hold, "newest")) {
            append(how, false, " NOT THE NEWEST", out);
            cc_buffer_printf(out, " %lld", whole(hold, "newest"));
        }
        const json_t *refused = json_object_get(hold, "refused");
        if (refused)
            cc_buffer_printf(out, " (REFUSED epoch %lld: %s %s)", whole(refused, "epoch"),
                             text(refused, "error"), text(refused, "reason"));
    }
}

static void append_edge(const json_t *edge, const struct cp_screen *how, struct cc_buffer *out)
{
    const char *health = text(edge, "health");
    double answers = json_number_value(json_object_get(edge, "answers"));
    double own = json_number_value(json_object_get(edge, "edge_answers"));
    const json_t *skew = json_object_get(edge, "clock_skew_s");
    const json_t *state = json_object_get(edge, "state");
    cc_buffer_printf(out, "edge %s: ", text(edge, "edge"));
    append(how, strcmp(health, "ready") == 0, health, out);
    cc_buffer_printf(out, ", port %lld", whole(edge, "port"));
    if (json_is_object(state)) {
        cc_buffer_printf(out, ", answers %.0f, edge answers %.0f", answers, own);
        if (answers > 0)
            cc_buffer_printf(out, " (%.2f %%)", own * PERCENT / answers);
        cc_buffer_printf(out, ", journal %lld", whole(state, "journal_records"));
        if (whole(edge, "journal_oldest_s") > 0)
            cc_buffer_printf(out, " (oldest %lld s)", whole(edge, "journal_oldest_s"));
        if (whole(edge, "journal_in_memory") > 0)
            cc_buffer_printf(out, ", %lld OF IT IN MEMORY ONLY", whole(edge, "journal_in_memory"));
        cc_buffer_printf(out, ", control plane heard %.1f s ago",
                         (double)whole(state, "control_plane_contact_age_ms") / 1000);
    }
    if (skew)
        cc_buffer_printf(out, ", clock skew %.3f s", json_number_value(skew));
    append_holds(edge, how, out);
    cc_buffer_text(out, "\n");
}

static void append_primary(const json_t *cell, const struct cp_screen *how, struct cc_buffer *out)
{
    const json_t *primary = json_object_get(cell, "primary");
    if (!json_object_get(primary, "node")) {
        append(how, false, ", NO PRIMARY", out);
        return;
    }
    if (json_object_get(primary, "term"))
        cc_buffer_printf(out, ", term %lld", whole(primary, "term"));
    cc_buffer_printf(out, ", primary %s (timeline %lld), ", text(primary, "node"),
                     whole(primary, "timeline"));
    bool synchronous = json_is_true(json_object_get(primary, "synchronous"));
    append(how, synchronous, synchronous ? "synchronous" : "DEGRADED DURABILITY", out);
    cc_buffer_text(out, ", lag ");
    append_bytes(whole(primary, "lag_bytes"), out);
    if (whole(primary, "archive_failures") > 0)
        append(how, false, ", ARCHIVING FAILS", out);
}

static void append_share(const json_t *cell, struct cc_buffer *out)
{
    long long pinned = whole(cell, "pinned_tenants");
    if (json_object_get(cell, "slots"))
        cc_buffer_printf(out, "\n    serves %lld of %lld slots, %lld pinned tenant%s",
                         whole(cell, "slots"), whole(cell, "slots_of_country"), pinned,
                         pinned == 1 ? "" : "s");
}

static void append_cell(const json_t *status, const json_t *cell, const struct cp_screen *how,
                        struct cc_buffer *out)
{
    size_t i;
    json_t *item;
    cc_buffer_printf(out, "cell %s: %s, site %s", text(cell, "cell"), text(cell, "state"),
                     text(cell, "site"));
    append_primary(cell, how, out);
    append_share(cell, out);
    json_array_foreach(json_object_get(cell, "nodes"), i, item)
    {
        bool good = strcmp(text(item, "health"), "good") == 0;
        cc_buffer_printf(out, "%s%s %s ", i > 0 ? ", " : "\n    ", text(item, "node"),
                         text(item, "state"));
        append(how, good, text(item, "health"), out);
    }
    json_array_foreach(json_object_get(cell, "workers"), i, item)
    {
        cc_buffer_text(out, "\n    ");
        cp_worker_line(item, how->now_us, out);
    }
    if (status)
        append_backup(status, text(cell, "cell"), how, out);
    cc_buffer_text(out, "\n");
}

static void append_unfinished(const json_t *run, const struct cp_screen *how, struct cc_buffer *out)
{
    bool under_way = json_is_true(json_object_get(run, "under_way"));
    append(how, under_way, under_way ? "under way" : "NOT FINISHED", out);
    cc_buffer_text(out, " since ");
    append_age(whole(run, "age_s"), out);
    cc_buffer_printf(out, ": %s of %s", text(run, "table"), text(run, "target"));
    if (!under_way)
        cc_buffer_printf(out, "; give the same command again: %s", text(run, "command"));
    cc_buffer_text(out, "\n");
}

void cp_screen_cell(const json_t *cell, const struct cp_screen *how, struct cc_buffer *out)
{
    append_cell(NULL, cell, how, out);
}

void cp_screen_status(const json_t *status, const struct cp_screen *how, struct cc_buffer *out)
{
    size_t i;
    json_t *item;
    cc_buffer_printf(out, "home %s\ncontrol plane: supervisor %s", text(status, "home"),
                     text(status, "supervisor"));
    append_serves(status, how, out);
    append_registry(status, how, out);
    append_certificates(status, how, out);
    cc_buffer_text(out, "\n");
    json_array_foreach(json_object_get(status, "edges"), i, item)
    {
        append_edge(item, how, out);
    }
    json_array_foreach(json_object_get(status, "cells"), i, item)
    {
        append_cell(status, item, how, out);
    }
    json_array_foreach(json_object_get(status, "unfinished"), i, item)
    {
        append_unfinished(item, how, out);
    }
}
