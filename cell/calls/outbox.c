/* Rim: the loop, the spool. */
#include "cell/calls/outbox.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/timestamp.h"
#include "cell/events/events.h"

enum { BATCH_MAX = 64 };

struct cell_outbox {
    struct cell_worker *worker;
    uv_check_t after_poll; /* what the poll brought */
    uv_idle_t awake;       /* runs while anything lies in it, so that the loop cannot wait */
    struct cell_outgoing *first, **end;
    int64_t unrecorded_logged_us;
    int handles_open;
};

static void on_after_poll(uv_check_t *check);

enum cc_error cell_outbox_create(struct cell_worker *worker, struct cell_outbox **out)
{
    struct cell_outbox *outbox = calloc(1, sizeof(*outbox));
    *out = outbox;
    if (!outbox)
        return CC_NO_MEMORY;
    uv_loop_t *loop = cc_loop_uv(worker->loop);
    outbox->worker = worker;
    outbox->end = &outbox->first;
    outbox->handles_open = 2;
    uv_check_init(loop, &outbox->after_poll);
    uv_idle_init(loop, &outbox->awake);
    outbox->after_poll.data = outbox->awake.data = outbox;
    uv_check_start(&outbox->after_poll, on_after_poll);
    uv_unref((uv_handle_t *)&outbox->after_poll);
    uv_unref((uv_handle_t *)&outbox->awake);
    return CC_OK;
}

static void note_unrecorded(struct cell_outbox *outbox, size_t count, enum cc_error error)
{
    struct cell_worker *worker = outbox->worker;
    int64_t now_us = cc_loop_now_us(worker->loop);
    cell_worker_count(worker, CELL_T_UNRECORDED, (int64_t)count);
    if (outbox->unrecorded_logged_us != 0 && now_us - outbox->unrecorded_logged_us < CC_SECOND_US)
        return;
    outbox->unrecorded_logged_us = now_us;
    CC_LOG(CC_LOG_ERROR, "answer_unrecorded", cc_log_error_field(error),
           cc_log_number("unrecorded", cc_telemetry_value(&worker->telemetry, CELL_T_UNRECORDED)));
}

static void record_all(struct cell_outbox *outbox, const struct cell_outgoing *first)
{
    struct cc_slice records[BATCH_MAX];
    while (first) {
        size_t count = 0, lost = 0;
        for (; first && count < BATCH_MAX; first = first->next) {
            if (first->record.error)
                note_unrecorded(outbox, 1, first->record.error);
            else
                records[count++] = cc_buffer_slice(&first->record);
        }
        enum cc_error error = cell_events_record(outbox->worker->events, records, count, &lost);
        if (error)
            note_unrecorded(outbox, lost, error);
    }
}

static void send_all(struct cell_outgoing *first)
{
    while (first) {
        struct cell_outgoing *next = first->next; /* it may be gone once it is sent */
        cc_buffer_deinit(&first->record);
        first->send(first);
        first = next;
    }
}

static void empty(struct cell_outbox *outbox)
{
    struct cell_outgoing *first = outbox->first;
    if (!first)
        return;
    outbox->first = NULL;
    outbox->end = &outbox->first;
    uv_idle_stop(&outbox->awake);
    record_all(outbox, first);
    send_all(first);
}

static void on_after_poll(uv_check_t *check)
{
    empty(check->data);
}

/* What deadlines brought in this turn, or whatever came after the last poll. */
static void on_awake(uv_idle_t *idle)
{
    empty(idle->data);
}

void cell_outbox_put(struct cell_outbox *outbox, struct cell_outgoing *outgoing,
                     const struct cc_call_record *record)
{
    cc_buffer_init(&outgoing->record, 0);
    cc_call_record_render(record, &outgoing->record);
    outgoing->next = NULL;
    if (!outbox->first)
        uv_idle_start(&outbox->awake, on_awake);
    *outbox->end = outgoing;
    outbox->end = &outgoing->next;
}

static void on_closed(uv_handle_t *handle)
{
    struct cell_outbox *outbox = handle->data;
    if (--outbox->handles_open == 0)
        free(outbox);
}

void cell_outbox_free(struct cell_outbox *outbox)
{
    if (!outbox)
        return;
    empty(outbox);
    uv_close((uv_handle_t *)&outbox->after_poll, on_closed);
    uv_close((uv_handle_t *)&outbox->awake, on_closed);
}
