/*
 * Sends a signed webhook the way a carrier does (docs/api/calls.md): to one edge; on a refused or
 * reset connection at once, after 400 ms of silence, the same bytes to the other; the first answer
 * counts; 1.0 s after the first attempt the call is lost.
 */
#ifndef BENCH_CARRIER_H
#define BENCH_CARRIER_H

#include "base/io/http_client.h"
#include "bench/webhook.h"

enum {
    BENCH_EDGES_MAX = 2,
    BENCH_SILENCE_US = 400 * 1000,
    BENCH_CLOCK_US = 1000 * 1000,
    BENCH_ATTEMPTS_MAX = 8,
    BENCH_KEYS_MAX = 6
};

struct bench_key {
    const char *country; /* NULL: of every one */
    const char *id;      /* NULL: none is named */
    struct bench_secret secret;
};

struct bench_carrier {
    struct cc_loop *loop;
    struct cc_http_client *http;
    struct cc_tls *tls;                     /* NULL: plain */
    struct cc_slice edges[BENCH_EDGES_MAX]; /* "127.0.0.1:8080" */
    size_t edge_count;
    bool secure; /* they were given with https:// */
    struct bench_key keys[BENCH_KEYS_MAX];
    size_t key_count;
};

/* "host:port[,host:port]", all or none with "https://" before them; borrows the text. */
enum cc_error bench_carrier_edges(struct bench_carrier *carrier, const char *list) CC_MUST_CHECK;

/* Valid during the callback. */
struct bench_outcome {
    enum cc_error error; /* CC_OK: an answer came, of whatever status */
    int status;
    struct cc_slice body;
    struct cc_slice source;
    struct cc_slice decision_id;
    struct cc_slice plan_version;
    size_t edge; /* who answered */
    int attempts;
    int64_t done_us; /* monotonic */
};
typedef void (*bench_sent)(void *context, const struct bench_outcome *outcome);

/* Starts at edge first (taken modulo their number). done runs exactly once, later, from the loop,
 * unless an error is returned (CC_NOT_FOUND: no key for its country). Copies everything. wall_us:
 * time of signing. */
enum cc_error bench_carrier_send(struct bench_carrier *carrier, const struct bench_webhook *webhook,
                                 size_t first, int64_t wall_us, bench_sent done,
                                 void *context) CC_MUST_CHECK;

#endif
