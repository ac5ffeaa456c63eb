/*
 * Rim: Redis.
 *
 *   find the end of the stream -> on_end_found -> XREAD BLOCK 500 -> on_entries: apply, say how far
 * -. ^ (until Redis answers)                      ^-----------------------------------------------'
 */
#include "cell/directory/changes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

enum {
    READ_US = 2 * 1000 * 1000,
    RETRY_US = 100 * 1000,
    SAY_US = 1000 * 1000,
    ID_MAX = 48,
    KEY_MAX = 96
};

struct cell_changes {
    struct cell_worker *worker;
    struct cell_change_listener listener;
    struct cc_redis *redis;
    uint64_t generation; /* of the connection that the last reply came by; 0: none yet */
    bool positioned;     /* last is a place in the stream */
    char last[ID_MAX];
    struct cc_deadline retry;
    bool leaving;
};

static void read_on(struct cell_changes *changes);
static void on_end_found(void *context, enum cc_error error, const redisReply *reply);
static void on_entries(void *context, enum cc_error error, const redisReply *reply);
static void on_retry(struct cc_deadline *deadline);

enum cc_error cell_changes_create(struct cell_worker *worker,
                                  const struct cell_change_listener *listener,
                                  struct cell_changes **out)
{
    struct cell_changes *changes = calloc(1, sizeof(*changes));
    *out = NULL;
    if (!changes)
        return CC_NO_MEMORY;
    changes->worker = worker;
    changes->listener = *listener;
    cc_deadline_init(&changes->retry, worker->loop, on_retry);
    enum cc_error error = cell_worker_redis(worker, "changes", &changes->redis);
    if (error) {
        free(changes);
        return error;
    }
    *out = changes;
    read_on(changes);
    return CC_OK;
}

void cell_changes_free(struct cell_changes *changes)
{
    if (!changes)
        return;
    cc_redis_free(changes->redis);
    cc_deadline_clear(&changes->retry);
    free(changes);
}

static void retry_later(struct cell_changes *changes)
{
    if (cc_deadline_set(&changes->retry, cc_loop_now_us(changes->worker->loop) + RETRY_US))
        CC_LOG(CC_LOG_ERROR, "changes_stand_still", cc_log_error_field(CC_NO_MEMORY));
}

static void on_retry(struct cc_deadline *deadline)
{
    read_on(CC_CONTAINER_OF(deadline, struct cell_changes, retry));
}

static void read_on(struct cell_changes *changes)
{
    int64_t deadline_us = cc_loop_now_us(changes->worker->loop) + READ_US;
    enum cc_error error;
    if (changes->positioned) {
        struct cc_slice read[] = {CC_SLICE_LITERAL("XREAD"),   CC_SLICE_LITERAL("COUNT"),
                                  CC_SLICE_LITERAL("1000"),    CC_SLICE_LITERAL("BLOCK"),
                                  CC_SLICE_LITERAL("500"),     CC_SLICE_LITERAL("STREAMS"),
                                  CC_SLICE_LITERAL("changes"), cc_slice_of(changes->last)};
        error = cc_redis_command(changes->redis, read, 8, deadline_us, on_entries, changes);
    } else {
        struct cc_slice end[] = {CC_SLICE_LITERAL("XREVRANGE"), CC_SLICE_LITERAL("changes"),
                                 CC_SLICE_LITERAL("+"),         CC_SLICE_LITERAL("-"),
                                 CC_SLICE_LITERAL("COUNT"),     CC_SLICE_LITERAL("1")};
        error = cc_redis_command(changes->redis, end, 6, deadline_us, on_end_found, changes);
    }
    if (error)
        retry_later(changes);
}

static void remember(struct cell_changes *changes, const redisReply *id)
{
    if (id->type != REDIS_REPLY_STRING || id->len >= ID_MAX)
        return;
    memcpy(changes->last, id->str, id->len);
    changes->last[id->len] = '\0';
}

static void on_said(void *context, enum cc_error error, const redisReply *reply)
{
    (void)context;
    (void)reply;
    if (error)
        CC_LOG(CC_LOG_DEBUG, "applied_unsaid", cc_log_error_field(error));
}

/* Says how far this worker is, for those who wait for it; lives 3 s. */
static void say_applied(struct cell_changes *changes)
{
    char key[KEY_MAX];
    const char *name = changes->worker->settings->worker;
    int64_t deadline_us = cc_loop_now_us(changes->worker->loop) + SAY_US;
    if (changes->leaving)
        return;
    snprintf(key, sizeof(key), "worker:%s", name);
    struct cc_slice set[] = {CC_SLICE_LITERAL("SET"), cc_slice_of(key), cc_slice_of(changes->last),
                             CC_SLICE_LITERAL("PX"), CC_SLICE_LITERAL("3000")};
    struct cc_slice add[] = {CC_SLICE_LITERAL("SADD"), CC_SLICE_LITERAL("workers"),
                             cc_slice_of(name)};
    enum cc_error error =
        cc_redis_command(changes->worker->redis, set, 5, deadline_us, on_said, NULL);
    if (!error)
        error = cc_redis_command(changes->worker->redis, add, 3, deadline_us, on_said, NULL);
    if (error)
        on_said(NULL, error, NULL);
}

void cell_changes_leave(struct cell_changes *changes)
{
    char key[KEY_MAX];
    const char *name = changes->worker->settings->worker;
    int64_t deadline_us = cc_loop_now_us(changes->worker->loop) + SAY_US;
    changes->leaving = true;
    snprintf(key, sizeof(key), "worker:%s", name);
    struct cc_slice forget[] = {CC_SLICE_LITERAL("DEL"), cc_slice_of(key)};
    struct cc_slice remove[] = {CC_SLICE_LITERAL("SREM"), CC_SLICE_LITERAL("workers"),
                                cc_slice_of(name)};
    enum cc_error error =
        cc_redis_command(changes->worker->redis, forget, 2, deadline_us, on_said, NULL);
    if (!error)
        error = cc_redis_command(changes->worker->redis, remove, 3, deadline_us, on_said, NULL);
    if (error)
        on_said(NULL, error, NULL);
}

static void on_reply(struct cell_changes *changes)
{
    uint64_t generation = cc_redis_generation(changes->redis);
    if (changes->generation != 0 && changes->generation != generation)
        changes->listener.on_gap(changes->listener.context);
    changes->generation = generation;
    changes->listener.on_heard(changes->listener.context, cc_loop_now_us(changes->worker->loop));
}

/* Where memory begins: nothing is held yet, so nothing before can matter. */
static void on_end_found(void *context, enum cc_error error, const redisReply *reply)
{
    struct cell_changes *changes = context;
    if (error == CC_CANCELLED)
        return;
    if (error || reply->type != REDIS_REPLY_ARRAY) {
        retry_later(changes);
        return;
    }
    memcpy(changes->last, "0-0", sizeof("0-0"));
    if (reply->elements > 0 && reply->element[0]->type == REDIS_REPLY_ARRAY &&
        reply->element[0]->elements > 0)
        remember(changes, reply->element[0]->element[0]);
    changes->positioned = true;
    /* What was loaded while Redis could not be read may have changed since. */
    changes->listener.on_gap(changes->listener.context);
    on_reply(changes);
    say_applied(changes);
    read_on(changes);
}

static void apply(struct cell_changes *changes, const redisReply *fields)
{
    struct cell_change change = {.version = 0};
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        struct cc_slice name = cc_slice(fields->element[i]->str, fields->element[i]->len);
        const redisReply *field = fields->element[i + 1];
        struct cc_slice value = cc_slice(field->str, field->len);
        if (cc_slice_is(name, "tenant"))
            change.tenant = value;
        else if (cc_slice_is(name, "number") && !cc_slice_is(value, "*"))
            change.number = value;
        else if (cc_slice_is(name, "flow"))
            change.flow = value;
        else if (cc_slice_is(name, "version"))
            change.version = strtoll(field->str, NULL, 10);
    }
    if (change.tenant.length == 0 || (change.number.length == 0 && change.flow.length == 0))
        return;
    changes->listener.on_change(changes->listener.context, &change);
    cell_worker_count(changes->worker, CELL_T_CHANGES, 1);
}

static void on_entries(void *context, enum cc_error error, const redisReply *reply)
{
    struct cell_changes *changes = context;
    if (error == CC_CANCELLED)
        return;
    if (error) {
        retry_later(changes);
        return;
    }
    on_reply(changes);
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
        reply->element[0]->elements == 2) {
        const redisReply *entries = reply->element[0]->element[1];
        for (size_t i = 0; i < entries->elements; i++) {
            const redisReply *entry = entries->element[i];
            if (entry->elements == 2) {
                apply(changes, entry->element[1]);
                remember(changes, entry->element[0]);
            }
        }
    }
    say_applied(changes);
    read_on(changes);
}
