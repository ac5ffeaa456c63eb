/*
 * One scripted call: a caller with a list of inputs, and a carrier who reacts to the last action of
 * each answer. Pure.
 *
 *   gather                              -> gather.completed with the next input as digits ("" or
 *                                          "timeout": the caller dialled nothing in time)
 *   connect that asks for events        -> dial.completed with the next input as status
 *   anything else, or no input is left  -> call.completed, which ends the call
 */
#ifndef BENCH_DIALOGUE_H
#define BENCH_DIALOGUE_H

#include "base/json.h"
#include "bench/webhook.h"

enum { BENCH_INPUTS_MAX = 16, BENCH_STATE_MAX = 601, BENCH_TEXT_MAX = 129 };

struct bench_script {
    char call_id[BENCH_TEXT_MAX];
    char country[4];
    char tenant[64]; /* empty: one-URL form */
    char kind[16];
    char direction[16];
    char from[32];
    char to[32];
    char dialled[72];
    int64_t occurred_at_us; /* 0: the time of sending */
    char inputs[BENCH_INPUTS_MAX][32];
    size_t input_count;
};

/* A line of a --calls file:
 * {"call_id","tenant","kind","direction","from","to","dialled","occurred_at", "inputs":[...]}. */
enum cc_error bench_script_parse(struct cc_slice line, const char *country,
                                 struct bench_script *out,
                                 struct cc_json_reason *reason) CC_MUST_CHECK;

/* "1,busy,completed" into inputs; CC_TOO_LARGE beyond the bounds. */
enum cc_error bench_script_inputs(const char *list, struct bench_script *out) CC_MUST_CHECK;

struct bench_dialogue {
    struct bench_script script;
    int64_t sequence; /* of the webhook under way, from 1 */
    size_t next_input;
    const char *event; /* of the webhook under way; static */
    const char *status;
    const char *digits;
    const char *reason;
    char state[BENCH_STATE_MAX];
    char event_id[BENCH_TEXT_MAX + 24];
    char occurred_at[32];
    bool ended;
};

/* At the first webhook, call.initiated. */
void bench_dialogue_start(struct bench_dialogue *dialogue, const struct bench_script *script);

/* The webhook under way. Its event id is for this event alone: the call's id and the event's place
 * in the dialogue, or its type if the caller has set another first event. now_us stamps it unless
 * the script has a time of its own (then each webhook is a second later than the one before).
 * Borrows from the dialogue. */
struct bench_webhook bench_dialogue_webhook(struct bench_dialogue *dialogue, int64_t now_us);

/* Takes the answer to the webhook under way and goes on to the next one, or ends. A body that is no
 * answer ends the call with call.completed. */
void bench_dialogue_answered(struct bench_dialogue *dialogue, struct cc_slice body);

/* The webhook under way was never answered: the caller hangs up. */
void bench_dialogue_unanswered(struct bench_dialogue *dialogue);

#endif
