/*
 * One call event on its way through a worker. Rim: answers a request.
 */
#ifndef CELL_CALLS_ANSWER_H
#define CELL_CALLS_ANSWER_H

#include "cell/calls/decide.h"
#include "cell/calls/dialect/dialect.h"
#include "cell/calls/outbox.h"
#include "cell/calls/store.h"

struct cell_calls {
    struct cell_worker *worker;
    struct cell_store *store;
    struct cell_outbox *outbox;
    int64_t warned_us[CELL_DECISION_COUNT]; /* when the log last told of such a decision */
};

/* What http.c has checked. Slices live as long as the request. */
struct cell_answer_request {
    struct cc_http_request *request;
    const struct cell_dialect *dialect;
    struct cc_slice tenant;
    const struct cc_call_event *event; /* in the request's arena */
    struct cc_slice carrier_key;
    struct cc_slice request_id;
    int64_t attempt;
    int64_t remaining_ms;
};

/* Answers the request, at once or later, within its time: always with an answer. */
void cell_answer_start(struct cell_calls *calls, const struct cell_answer_request *asked);

#endif
