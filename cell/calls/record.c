/* Rim: the spool, or memory when it takes nothing. */
#include "cell/calls/record.h"

#include "base/log.h"
#include "base/timestamp.h"
#include "cell/events/events.h"

static void on_unrecorded(struct cell_worker *worker, enum cc_error error)
{
    static int64_t logged_us;
    int64_t now_us = cc_loop_now_us(worker->loop);
    cell_worker_count(worker, CELL_T_UNRECORDED, 1);
    if (logged_us != 0 && now_us - logged_us < CC_SECOND_US)
        return;
    logged_us = now_us;
    CC_LOG(CC_LOG_ERROR, "answer_unrecorded", cc_log_error_field(error),
           cc_log_number("unrecorded", cc_telemetry_value(&worker->telemetry, CELL_T_UNRECORDED)));
}

void cell_record(struct cell_worker *worker, const struct cc_call_record *record)
{
    struct cc_buffer line;
    cc_buffer_init(&line, 0);
    cc_call_record_render(record, &line);
    enum cc_error error = line.error;
    if (!error)
        error = cell_events_record(worker->events, cc_buffer_slice(&line));
    cc_buffer_deinit(&line);
    if (error)
        on_unrecorded(worker, error);
}
