/*
 * The two halves of cc_call_event_parse, one held against the other. Aborts when they differ.
 */
#ifndef TESTS_FUZZ_CALL_EVENT_HOLDS_H
#define TESTS_FUZZ_CALL_EVENT_HOLDS_H

#include "base/call_event.h"
#include "tests/fuzz/fuzz.h"

static inline void hold_event(const struct cc_call_event *a, const struct cc_call_event *b)
{
    HOLDS(cc_slice_equal(a->event_id, b->event_id) && a->sequence == b->sequence);
    HOLDS(a->type == b->type && cc_slice_equal(a->type_text, b->type_text));
    HOLDS(a->occurred_at_us == b->occurred_at_us && a->deadline_ms == b->deadline_ms);
    HOLDS(cc_slice_equal(a->call_id, b->call_id) && cc_slice_equal(a->leg_id, b->leg_id));
    HOLDS(a->kind == b->kind && a->direction == b->direction);
    HOLDS(cc_slice_equal(a->from_e164, b->from_e164));
    HOLDS(cc_slice_equal(a->from_presentation, b->from_presentation));
    HOLDS(cc_slice_equal(a->to_e164, b->to_e164) && cc_slice_equal(a->to_dialled, b->to_dialled));
    HOLDS(a->forwarded_count == b->forwarded_count);
    for (size_t i = 0; i < a->forwarded_count; i++)
        HOLDS(cc_slice_equal(a->forwarded_from[i], b->forwarded_from[i]));
    HOLDS(cc_slice_equal(a->country, b->country) && cc_slice_equal(a->state, b->state));
    HOLDS(a->state_oversized == b->state_oversized);
    HOLDS(a->status == b->status && a->reason == b->reason);
    HOLDS(cc_slice_equal(a->digits, b->digits) && a->digits_invalid == b->digits_invalid);
}

/* Whether the body is an ordinary call event; if so jansson finds the same event in it. */
static inline bool ordinary_holds(struct cc_slice body)
{
    struct cc_arena arena;
    struct cc_call_event seen, parsed;
    cc_arena_init(&arena, 0);
    bool ordinary = cc_call_event_parse_ordinary(body, &arena, &seen) == CC_OK;
    if (ordinary) {
        HOLDS(cc_call_event_parse_any(body, &arena, &parsed, NULL) == CC_OK);
        hold_event(&seen, &parsed);
    }
    cc_arena_reset(&arena);
    return ordinary;
}

#endif
