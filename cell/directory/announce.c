/* Rim: Redis. */
#include "cell/directory/announce.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "cell/model/shared.h"

enum {
    WAIT_US = 250 * 1000,
    POLL_US = 5 * 1000,
    REPAIR_US = 1000 * 1000,
    REPAIRS_MAX = 1024,
    VERSION_TEXT = 24,
    ID_MAX = 48,
    FIXED_ARGUMENTS = 3
};

struct cell_announcer {
    struct cell_worker *worker;
    struct notice *repairs; /* oldest first */
    size_t repair_count;
    struct cc_deadline repair;
};

/* An announcement under way: the words of one Redis command and who waits for it. */
struct notice {
    struct cell_announcer *announcer;
    struct notice *next;
    struct cc_slice *words;
    size_t word_count;
    char *text; /* of the words */
    char id[ID_MAX];
    int64_t deadline_us;
    struct cc_deadline poll;
    void (*done)(void *context, bool taken_up);
    void *context; /* done NULL: nobody waits any more */
};

static enum cc_error send_script(struct notice *notice, int64_t deadline_us);
static void on_announced(void *context, enum cc_error error, const redisReply *reply);
static void on_poll(struct cc_deadline *deadline);
static void on_applied(void *context, enum cc_error error, const redisReply *reply);
static void on_repair(struct cc_deadline *deadline);

enum cc_error cell_announcer_create(struct cell_worker *worker, struct cell_announcer **out)
{
    struct cell_announcer *announcer = calloc(1, sizeof(*announcer));
    *out = announcer;
    if (!announcer)
        return CC_NO_MEMORY;
    announcer->worker = worker;
    cc_deadline_init(&announcer->repair, worker->loop, on_repair);
    return CC_OK;
}

static void free_notice(struct notice *notice)
{
    cc_deadline_clear(&notice->poll);
    free(notice->words);
    free(notice->text);
    free(notice);
}

void cell_announcer_free(struct cell_announcer *announcer)
{
    if (!announcer)
        return;
    cc_deadline_clear(&announcer->repair);
    while (announcer->repairs) {
        struct notice *notice = announcer->repairs;
        announcer->repairs = notice->next;
        free_notice(notice);
    }
    free(announcer);
}

static void finish(struct notice *notice, bool taken_up)
{
    void (*done)(void *context, bool taken_up) = notice->done;
    notice->done = NULL;
    if (done)
        done(notice->context, taken_up);
}

/* Collects words into one text; offsets become slices when it no longer moves. */
struct writer {
    struct cc_buffer text;
    size_t *ends;
    size_t count;
};

static void add_word(struct writer *writer, struct cc_slice word)
{
    cc_buffer_append(&writer->text, word);
    writer->ends[writer->count++] = writer->text.length;
}

static void write_words(struct writer *writer, const struct cell_announcement *announcement)
{
    char key[CELL_SHARED_KEY_MAX];
    char number[VERSION_TEXT];
    bool flow = announcement->flow.length > 0;
    add_word(writer, CC_SLICE_LITERAL("EVAL"));
    add_word(writer, cc_slice_of(flow ? cell_shared_publish_script : cell_shared_change_script));
    snprintf(number, sizeof(number), "%zu", flow ? (size_t)2 : announcement->number_count + 1);
    add_word(writer, cc_slice_of(number));
    add_word(writer, CC_SLICE_LITERAL("changes"));
    if (flow)
        add_word(writer, cell_shared_flows_key(announcement->tenant, key));
    for (size_t i = 0; i < announcement->number_count && !flow; i++)
        add_word(writer, cell_shared_plan_key(announcement->tenant, announcement->numbers[i], key));
    snprintf(number, sizeof(number), "%" PRId64, announcement->version);
    add_word(writer, announcement->tenant);
    add_word(writer, cc_slice_of(number));
    if (flow)
        add_word(writer, announcement->flow);
    for (size_t i = 0; i < announcement->number_count && !flow; i++)
        add_word(writer, announcement->numbers[i]);
}

static enum cc_error make_words(struct notice *notice, const struct cell_announcement *announcement)
{
    size_t room = 2 * announcement->number_count + 2 * FIXED_ARGUMENTS + 2;
    struct writer writer = {.ends = calloc(room, sizeof(*writer.ends))};
    notice->words = calloc(room, sizeof(*notice->words));
    cc_buffer_init(&writer.text, 0);
    enum cc_error error = writer.ends && notice->words ? CC_OK : CC_NO_MEMORY;
    if (!error) {
        write_words(&writer, announcement);
        error = writer.text.error;
    }
    if (!error) {
        notice->text = malloc(writer.text.length + 1);
        error = notice->text ? CC_OK : CC_NO_MEMORY;
    }
    if (!error) {
        memcpy(notice->text, writer.text.data, writer.text.length);
        notice->word_count = writer.count;
        for (size_t i = 0, start = 0; i < writer.count; start = writer.ends[i++])
            notice->words[i] = cc_slice(notice->text + start, writer.ends[i] - start);
    }
    free(writer.ends);
    cc_buffer_deinit(&writer.text);
    return error;
}

static void keep_for_repair(struct notice *notice)
{
    struct cell_announcer *announcer = notice->announcer;
    struct notice **end = &announcer->repairs;
    if (announcer->repair_count >= REPAIRS_MAX) {
        cell_worker_count(announcer->worker, CELL_T_FULL_ANNOUNCEMENTS, 1);
        CC_LOG(CC_LOG_ERROR, "announcement_lost", cc_log_number("kept", REPAIRS_MAX));
        free_notice(notice);
        return;
    }
    while (*end)
        end = &(*end)->next;
    notice->next = NULL;
    *end = notice;
    announcer->repair_count++;
    if (!cc_deadline_is_set(&announcer->repair) &&
        cc_deadline_set(&announcer->repair, cc_loop_now_us(announcer->worker->loop) + REPAIR_US))
        CC_LOG(CC_LOG_ERROR, "repair_stands_still", cc_log_number("kept", 1));
}

void cell_announce(struct cell_announcer *announcer, const struct cell_announcement *announcement)
{
    struct notice *notice = calloc(1, sizeof(*notice));
    if (!notice || make_words(notice, announcement)) {
        if (notice)
            free_notice(notice);
        CC_LOG(CC_LOG_ERROR, "announcement_lost", cc_log_error_field(CC_NO_MEMORY));
        announcement->done(announcement->context, false);
        return;
    }
    notice->announcer = announcer;
    notice->done = announcement->done;
    notice->context = announcement->context;
    notice->deadline_us = cc_loop_now_us(announcer->worker->loop) + WAIT_US;
    cc_deadline_init(&notice->poll, announcer->worker->loop, on_poll);
    if (send_script(notice, notice->deadline_us)) {
        finish(notice, false);
        keep_for_repair(notice);
    }
}

static enum cc_error send_script(struct notice *notice, int64_t deadline_us)
{
    return cc_redis_command(notice->announcer->worker->redis, notice->words, notice->word_count,
                            deadline_us, on_announced, notice);
}

static void on_announced(void *context, enum cc_error error, const redisReply *reply)
{
    struct notice *notice = context;
    if (error == CC_OK && reply->type != REDIS_REPLY_STRING)
        error = CC_PROTOCOL;
    if (error == CC_OK && reply->len >= ID_MAX)
        error = CC_PROTOCOL;
    if (error == CC_CANCELLED) {
        finish(notice, false);
        free_notice(notice);
        return;
    }
    if (error) {
        CC_LOG(CC_LOG_WARNING, "announcement_delayed", cc_log_error_field(error));
        finish(notice, false);
        keep_for_repair(notice);
        return;
    }
    memcpy(notice->id, reply->str, reply->len);
    if (notice->done)
        on_poll(&notice->poll);
    else
        free_notice(notice); /* a repair */
}

static void on_poll(struct cc_deadline *deadline)
{
    struct notice *notice = CC_CONTAINER_OF(deadline, struct notice, poll);
    struct cc_slice eval[] = {CC_SLICE_LITERAL("EVAL"), cc_slice_of(cell_shared_applied_script),
                              CC_SLICE_LITERAL("1"), CC_SLICE_LITERAL("workers")};
    if (cc_redis_command(notice->announcer->worker->redis, eval, 4, notice->deadline_us, on_applied,
                         notice)) {
        finish(notice, false);
        free_notice(notice);
    }
}

static bool all_have_it(const struct notice *notice, const redisReply *reply)
{
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *id = reply->element[i];
        if (!cell_shared_id_reached(cc_slice(id->str, id->len), cc_slice_of(notice->id)))
            return false;
    }
    return true;
}

static void on_applied(void *context, enum cc_error error, const redisReply *reply)
{
    struct notice *notice = context;
    int64_t now_us = cc_loop_now_us(notice->announcer->worker->loop);
    bool answered = error == CC_OK && reply->type == REDIS_REPLY_ARRAY;
    bool taken_up = answered && all_have_it(notice, reply);
    bool again = answered && !taken_up && now_us + POLL_US < notice->deadline_us &&
                 cc_deadline_set(&notice->poll, now_us + POLL_US) == CC_OK;
    if (again)
        return;
    finish(notice, taken_up);
    free_notice(notice);
}

static void on_repair(struct cc_deadline *deadline)
{
    struct cell_announcer *announcer = CC_CONTAINER_OF(deadline, struct cell_announcer, repair);
    struct notice *notice = announcer->repairs;
    announcer->repairs = NULL;
    announcer->repair_count = 0;
    while (notice) {
        struct notice *next = notice->next;
        notice->next = NULL;
        if (send_script(notice, cc_loop_now_us(announcer->worker->loop) + REPAIR_US))
            keep_for_repair(notice);
        notice = next;
    }
}
