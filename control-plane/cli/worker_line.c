#include "control-plane/cli/worker_line.h"

#include <string.h>

#include "base/json.h"
#include "base/timestamp.h"

enum { KB = 1000, MB = 1000 * 1000, PERCENT = 100 };

static long long number(const json_t *state, const char *path)
{
    return (long long)json_integer_value(cc_json_at(state, path));
}

static const char *text(const json_t *worker, const char *path)
{
    const char *value = json_string_value(cc_json_at(worker, path));
    return value ? value : "?";
}

static void append_bytes(struct cc_buffer *out, long long bytes)
{
    if (bytes >= MB)
        cc_buffer_printf(out, "%lld MB", bytes / MB);
    else
        cc_buffer_printf(out, "%lld kB", (bytes + KB - 1) / KB);
}

static void append_plans(const json_t *state, struct cc_buffer *out)
{
    if (!cc_json_at(state, "plans"))
        return;
    cc_buffer_printf(out, ", plans %lld of %lld (", number(state, "plans.held"),
                     number(state, "plans.maximum"));
    append_bytes(out, number(state, "plans.bytes"));
    cc_buffer_text(out, ")");
}

/* Shares of where call plans came from since the worker started; a source never used is left out.
 */
static void append_sources(const json_t *state, struct cc_buffer *out)
{
    static const char *const names[] = {"memory", "redis", "replica", "primary", "disk"};
    enum { SOURCES = sizeof(names) / sizeof(names[0]) };
    const json_t *answers = cc_json_at(state, "answers");
    long long total = 0;
    if (!answers)
        return;
    for (size_t i = 0; i < SOURCES; i++)
        total += number(answers, names[i]);
    if (total == 0) {
        cc_buffer_text(out, ", no call yet");
        return;
    }
    cc_buffer_text(out, ", from");
    for (size_t i = 0; i < SOURCES; i++) {
        long long count = number(answers, names[i]);
        if (count > 0 && count * PERCENT < total)
            cc_buffer_printf(out, " %s <1%%", names[i]);
        else if (count > 0)
            cc_buffer_printf(out, " %s %lld%%", names[i], count * PERCENT / total);
    }
}

static void append_spool(const json_t *state, int64_t now_us, struct cc_buffer *out)
{
    long long records = number(state, "spool.records");
    long long quarantined = number(state, "spool.quarantined");
    long long unrecorded = number(state, "spool.unrecorded");
    long long in_memory = number(state, "spool.in_memory");
    if (records == 0) {
        cc_buffer_text(out, ", spool empty");
    } else {
        long long oldest_us = number(state, "spool.oldest_us");
        long long age_s = oldest_us > 0 ? (now_us - oldest_us) / CC_SECOND_US : 0;
        cc_buffer_printf(out, ", spool %lld records (", records);
        append_bytes(out, number(state, "spool.bytes"));
        cc_buffer_printf(out, "), oldest %lld s", age_s > 0 ? age_s : 0);
    }
    if (in_memory > 0)
        cc_buffer_printf(out, ", %lld OF THEM IN MEMORY ONLY", in_memory);
    if (quarantined > 0)
        cc_buffer_printf(out, ", %lld QUARANTINED", quarantined);
    if (unrecorded > 0)
        cc_buffer_printf(out, ", %lld ANSWERS UNRECORDED", unrecorded);
}

static void append_stores(const json_t *state, struct cc_buffer *out)
{
    static const struct {
        const char *key, *name;
    } stores[] = {{"redis_up", "REDIS"}, {"replica_up", "REPLICA"}, {"postgres_up", "PRIMARY"}};
    for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
        if (json_is_false(cc_json_at(state, stores[i].key)))
            cc_buffer_printf(out, ", %s UNREACHABLE", stores[i].name);
    }
}

void cp_worker_line(const json_t *worker, int64_t now_us, struct cc_buffer *out)
{
    const json_t *state = cc_json_at(worker, "state");
    bool drained = json_is_true(json_object_get(worker, "drained"));
    bool answers = strcmp(text(worker, "health"), "drained") != 0;
    cc_buffer_printf(out, "%s: %s%s, port %lld", text(worker, "worker"), text(worker, "health"),
                     drained && answers ? ", drained all the same" : "", number(worker, "port"));
    if (!json_is_object(state))
        return;
    append_stores(state, out);
    cc_buffer_printf(out, ", map epoch %lld", number(state, "map_epoch"));
    append_spool(state, now_us, out);
    append_sources(state, out);
    append_plans(state, out);
}
