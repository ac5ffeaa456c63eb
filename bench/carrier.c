#include "bench/carrier.h"

#include <stdio.h>
#include <stdlib.h>

enum { HEADERS_MAX = 5, RETRY_PAUSE_US = 50 * 1000 };

/* One webhook under way. It lives until both exchanges are done or cancelled. */
struct sending {
    struct bench_carrier *carrier;
    const struct bench_key *key;
    struct cc_buffer path;
    struct cc_buffer body;
    struct bench_signature signature;
    char event_id[256];
    size_t first;
    int attempts;
    int64_t deadline_us;
    struct cc_deadline repeat; /* silence, or a pause after both edges refused */
    struct cc_deadline clock;
    struct
    try {
        struct sending *sending;
        struct cc_http_handle *handle;
        size_t edge;
        bool running;
    }
    tries[BENCH_ATTEMPTS_MAX];
    bool over;
    bench_sent done;
    void *context;
};

static void attempt(struct sending *sending);
static void on_answer(void *context, enum cc_error error, const struct cc_http_response *response);
static void on_repeat(struct cc_deadline *deadline);
static void on_clock(struct cc_deadline *deadline);

static void free_sending(void *object)
{
    struct sending *sending = object;
    cc_buffer_deinit(&sending->path);
    cc_buffer_deinit(&sending->body);
    free(sending);
}

enum cc_error bench_carrier_edges(struct bench_carrier *carrier, const char *list)
{
    static const char https[] = "https://";
    carrier->edge_count = 0;
    for (const char *at = list; at && *at;) {
        bool secure = strncmp(at, https, sizeof(https) - 1) == 0;
        if (carrier->edge_count == BENCH_EDGES_MAX)
            return CC_TOO_LARGE;
        if (carrier->edge_count > 0 && secure != carrier->secure)
            return CC_INVALID;
        carrier->secure = secure;
        at += secure ? sizeof(https) - 1 : 0;
        const char *comma = strchr(at, ',');
        carrier->edges[carrier->edge_count++] =
            comma ? cc_slice(at, (size_t)(comma - at)) : cc_slice_of(at);
        at = comma ? comma + 1 : NULL;
    }
    return carrier->edge_count > 0 ? CC_OK : CC_INVALID;
}

static const struct bench_key *key_for(const struct bench_carrier *carrier, const char *country)
{
    for (size_t i = 0; i < carrier->key_count; i++)
        if (!carrier->keys[i].country || strcmp(carrier->keys[i].country, country) == 0)
            return &carrier->keys[i];
    return NULL;
}

static enum cc_error compose(struct sending *sending, const struct bench_webhook *webhook,
                             int64_t wall_us)
{
    if (!(sending->key = key_for(sending->carrier, webhook->country)))
        return CC_NOT_FOUND;
    bench_webhook_path(webhook, &sending->path);
    bench_webhook_body(webhook, &sending->body);
    if (sending->path.error || sending->body.error)
        return sending->path.error ? sending->path.error : sending->body.error;
    snprintf(sending->event_id, sizeof(sending->event_id), "%s", webhook->event_id);
    return bench_webhook_sign(sending->event_id, cc_buffer_slice(&sending->body),
                              &sending->key->secret, wall_us, &sending->signature);
}

enum cc_error bench_carrier_send(struct bench_carrier *carrier, const struct bench_webhook *webhook,
                                 size_t first, int64_t wall_us, bench_sent done, void *context)
{
    struct sending *sending = calloc(1, sizeof(*sending));
    if (!sending)
        return CC_NO_MEMORY;
    sending->carrier = carrier;
    sending->first = first;
    sending->done = done;
    sending->context = context;
    cc_buffer_init(&sending->path, BENCH_PATH_MAX);
    cc_buffer_init(&sending->body, 0);
    cc_deadline_init(&sending->repeat, carrier->loop, on_repeat);
    cc_deadline_init(&sending->clock, carrier->loop, on_clock);
    enum cc_error error = compose(sending, webhook, wall_us);
    sending->deadline_us = cc_monotonic_us() + BENCH_CLOCK_US;
    if (!error)
        error = cc_deadline_set(&sending->clock, sending->deadline_us);
    if (error) {
        free_sending(sending);
        return error;
    }
    attempt(sending);
    return CC_OK;
}

static size_t headers_of(const struct sending *sending, struct cc_http_header *headers)
{
    size_t count = 0;
    headers[count++] = (struct cc_http_header){CC_SLICE_LITERAL("content-type"),
                                               CC_SLICE_LITERAL("application/json")};
    headers[count++] =
        (struct cc_http_header){CC_SLICE_LITERAL("webhook-id"), cc_slice_of(sending->event_id)};
    headers[count++] = (struct cc_http_header){CC_SLICE_LITERAL("webhook-timestamp"),
                                               cc_slice_of(sending->signature.timestamp)};
    headers[count++] = (struct cc_http_header){CC_SLICE_LITERAL("webhook-signature"),
                                               cc_slice_of(sending->signature.text)};
    if (sending->key->id)
        headers[count++] = (struct cc_http_header){CC_SLICE_LITERAL("callcell-key"),
                                                   cc_slice_of(sending->key->id)};
    return count;
}

/* Later attempts come from on_repeat alone: after silence, or at once (a deadline in the past) when
 * the connection was refused; after both edges refused, each 50 ms until the clock runs out. */
static void plan_repeat(struct sending *sending, int64_t due_us)
{
    if (sending->attempts >= BENCH_ATTEMPTS_MAX)
        return;
    if (cc_deadline_set(&sending->repeat, due_us))
        fprintf(stderr, "callcell-bench: no memory for a timer\n");
}

static void attempt(struct sending *sending)
{
    struct bench_carrier *carrier = sending->carrier;
    struct try *try = &sending->tries[sending->attempts];
    struct cc_http_header headers[HEADERS_MAX];
    size_t count = headers_of(sending, headers);
    size_t edge = (sending->first + (size_t)sending->attempts) % carrier->edge_count;
    sending->attempts++;
    *try = (struct try){.sending = sending, .edge = edge, .running = true};
    struct cc_http_exchange exchange = {.address = carrier->edges[edge],
                                        .method = CC_SLICE_LITERAL("POST"),
                                        .path = cc_buffer_slice(&sending->path),
                                        .headers = headers,
                                        .header_count = count,
                                        .body = cc_buffer_slice(&sending->body),
                                        .deadline_us = sending->deadline_us,
                                        .retry_stale_connection = true,
                                        .done = on_answer,
                                        .context = try};
    if (cc_http_exchange_start(carrier->http, &exchange, &try->handle)) {
        try->running = false;
        plan_repeat(sending, cc_monotonic_us() + RETRY_PAUSE_US);
        return;
    }
    if (sending->attempts == 1 && carrier->edge_count > 1)
        plan_repeat(sending, cc_monotonic_us() + BENCH_SILENCE_US);
}

static void finish(struct sending *sending, const struct bench_outcome *outcome)
{
    sending->over = true;
    cc_deadline_clear(&sending->repeat);
    cc_deadline_clear(&sending->clock);
    for (int i = 0; i < sending->attempts; i++)
        if (sending->tries[i].running)
            cc_http_exchange_cancel(sending->tries[i].handle);
    sending->done(sending->context, outcome);
    cc_loop_bury(sending->carrier->loop, sending, free_sending);
}

static void on_answer(void *context, enum cc_error error, const struct cc_http_response *response)
{
    struct try *try = context;
    struct sending *sending = try->sending;
    try->running = false;
    if (sending->over)
        return;
    if (!error) {
        finish(sending,
               &(struct bench_outcome){
                   .error = CC_OK,
                   .status = response->status,
                   .body = response->body,
                   .source = cc_http_response_header(response, "callcell-source"),
                   .decision_id = cc_http_response_header(response, "callcell-decision-id"),
                   .plan_version = cc_http_response_header(response, "callcell-plan-version"),
                   .edge = try->edge,
                   .attempts = sending->attempts,
                   .done_us = cc_monotonic_us()});
        return;
    }
    bool both_failed = sending->attempts >= (int)sending->carrier->edge_count;
    plan_repeat(sending, cc_monotonic_us() + (both_failed ? RETRY_PAUSE_US : 0));
}

static void on_repeat(struct cc_deadline *deadline)
{
    attempt(CC_CONTAINER_OF(deadline, struct sending, repeat));
}

static void on_clock(struct cc_deadline *deadline)
{
    struct sending *sending = CC_CONTAINER_OF(deadline, struct sending, clock);
    finish(sending, &(struct bench_outcome){.error = CC_TIMEOUT,
                                            .attempts = sending->attempts,
                                            .done_us = cc_monotonic_us()});
}
