/*
 * Memory for one request: allocate freely, release all at once. Under AddressSanitizer every
 * allocation is its own malloc, so that overruns are seen. Not thread-safe.
 */
#ifndef CC_ARENA_H
#define CC_ARENA_H

#include "base/slice.h"

struct cc_arena_block;
struct cc_arena {
    struct cc_arena_block *_blocks;
    size_t _used_bytes;
    size_t _limit_bytes;
};

/* limit_bytes bounds the sum of all allocations; 0 means 1 MiB. Allocates nothing yet. */
void cc_arena_init(struct cc_arena *arena, size_t limit_bytes);

/* Frees every allocation; the arena may be used again. */
void cc_arena_reset(struct cc_arena *arena);

/* Aligned for any type, zeroed. NULL when the limit or memory is reached. */
void *cc_arena_alloc(struct cc_arena *arena, size_t bytes);

/* NUL-terminated copy, or NULL as above. */
char *cc_arena_copy(struct cc_arena *arena, struct cc_slice slice);

/* The parts, one after another, as above; the empty slice with data NULL when it does not fit. */
struct cc_slice cc_arena_join(struct cc_arena *arena, const struct cc_slice *parts, size_t count);

/* printf into the arena; empty slice with data NULL when the limit or memory is reached. The bytes
 * are NUL-terminated too. */
struct cc_slice cc_arena_printf(struct cc_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
