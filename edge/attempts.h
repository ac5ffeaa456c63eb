/*
 * One call's attempts at the workers of its cell: at most one share of time each, at most three.
 *
 *   start ─▶ ask ─ answer ────────────────────────────────▶ done(winner), the others are abandoned
 *             │ ─ fails ─▶ nobody else is being asked: ask another at once, or done(NULL)
 *             └ ─ silent for the hedge delay ─▶ ask another as well; a probe asks whether the
 * silent one lives at all
 *
 * Embedded in its owner, which outlives it: from edge_attempts_start until done has run. Rim: I/O.
 */
#ifndef EDGE_ATTEMPTS_H
#define EDGE_ATTEMPTS_H

#include "base/io/http_client.h"
#include "edge/probe.h"
#include "edge/retry.h"

enum { EDGE_ATTEMPT_HEADERS = 8 };

struct edge_attempts;

/* One worker asked. */
struct edge_try {
    struct edge_attempts *attempts;
    struct cc_http_handle *handle; /* NULL: over */
    struct edge_attempt attempt;
    int64_t started_us;
    char worker[EDGE_ADDRESS_MAX + 1];
};

struct edge_attempts {
    /* ---- filled by the owner; borrowed until done ---- */
    struct cc_loop *loop;
    struct cc_http_client *http;
    struct edge_prober *prober;
    struct cc_telemetry *telemetry;
    struct edge_cell *cell;
    struct edge_budget budget;
    const char *request_id; /* for the log */
    struct cc_slice path, body;
    /* the same in each attempt; two more are ours */
    struct cc_http_header headers[EDGE_ATTEMPT_HEADERS];
    size_t header_count;
    /* Once, perhaps before edge_attempts_start returns. winner and response: of the answer; NULL:
     * no worker has given one. */
    void (*done)(struct edge_attempts *attempts, const struct edge_try *winner,
                 const struct cc_http_response *response);
    /* ---- private, but for made ---- */
    struct edge_try tries[EDGE_ATTEMPTS];
    int made; /* workers asked so far */
    int _running;
    struct cc_deadline _hedge;
};

void edge_attempts_start(struct edge_attempts *attempts);

#endif
