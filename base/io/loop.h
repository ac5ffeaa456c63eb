/*
 * One uv loop, its deadlines, its deferred deaths and its graceful stop. One loop per thread;
 * nothing here is thread-safe.
 *
 * Death is deferred: an object that may be on the call stack is not freed but given to
 * cc_loop_bury; it is freed when the current round of callbacks is over. This is the only way
 * things die here.
 */
#ifndef CC_IO_LOOP_H
#define CC_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"

struct cc_loop; /* opaque */

enum cc_error cc_loop_create(struct cc_loop **out) CC_MUST_CHECK;
/* Runs remaining burials and close callbacks, then frees. Called last: when work is still on the
 * thread pool after 3 s (a disk that does not answer), it ends the process with status 0 rather
 * than wait for it. */
void cc_loop_free(struct cc_loop *loop);
uv_loop_t *cc_loop_uv(struct cc_loop *loop);

/* Until cc_loop_end. */
void cc_loop_run(struct cc_loop *loop);
void cc_loop_end(struct cc_loop *loop);

/* free_it(object) after the current round of callbacks. */
void cc_loop_bury(struct cc_loop *loop, void *object, void (*free_it)(void *object));

/* Monotonic, refreshed once a tick: for deadlines. */
int64_t cc_loop_now_us(struct cc_loop *loop);
/* Monotonic, read now: for measuring. */
int64_t cc_monotonic_us(void);
/* Wall clock, read now, UTC. */
int64_t cc_wall_clock_us(void);

/* Whether the loop stood still for 100 ms or more (frozen, starved, a long callback) after
 * since_us: a time-out of something begun before says nothing about who was asked. After such a
 * stall, input is read before any deadline runs. */
bool cc_loop_stalled_after(const struct cc_loop *loop, int64_t since_us);

/*
 * Deadline: embedded in its owner, no allocation, O(log n). on_due runs once, from the loop, never
 * from cc_deadline_set. Setting again moves it. Clear before the owner dies; clearing an unset one
 * is fine.
 */
struct cc_deadline {
    void (*on_due)(struct cc_deadline *deadline);
    int64_t _due_us;
    size_t _position; /* in the heap, from 1; 0: not set */
    struct cc_loop *_loop;
};
#define CC_CONTAINER_OF(pointer, type, member)                                                     \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

void cc_deadline_init(struct cc_deadline *deadline, struct cc_loop *loop,
                      void (*on_due)(struct cc_deadline *deadline));
/* CC_NO_MEMORY when the heap cannot grow; then it is not set. A time in the past is due at once. */
enum cc_error cc_deadline_set(struct cc_deadline *deadline, int64_t due_us) CC_MUST_CHECK;
void cc_deadline_clear(struct cc_deadline *deadline);
bool cc_deadline_is_set(const struct cc_deadline *deadline);

/* SIGTERM and SIGINT: on_stop runs once; a second signal within the stop ends the process at once
 * with status 1. SIGPIPE is ignored from cc_loop_create on. */
void cc_loop_on_stop(struct cc_loop *loop, void (*on_stop)(void *context), void *context);

/* Work off the loop on uv's thread pool. work runs on a pool thread, done on the loop. Returns
 * CC_FULL when more than 1,024 pieces wait. */
enum cc_error cc_loop_work(struct cc_loop *loop, void (*work)(void *context),
                           void (*done)(void *context), void *context) CC_MUST_CHECK;

#endif
