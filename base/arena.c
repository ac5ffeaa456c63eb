#include "base/arena.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ONE_BLOCK_PER_ALLOCATION 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONE_BLOCK_PER_ALLOCATION 1
#endif
#endif
#ifndef ONE_BLOCK_PER_ALLOCATION
#define ONE_BLOCK_PER_ALLOCATION 0
#endif

enum { LIMIT_DEFAULT_BYTES = 1024 * 1024, BLOCK_BYTES = 8 * 1024 };

struct cc_arena_block {
    struct cc_arena_block *next;
    size_t used;
    size_t capacity;
    max_align_t data[];
};

void cc_arena_init(struct cc_arena *arena, size_t limit_bytes)
{
    *arena = (struct cc_arena){._limit_bytes = limit_bytes ? limit_bytes : LIMIT_DEFAULT_BYTES};
}

void cc_arena_reset(struct cc_arena *arena)
{
    while (arena->_blocks) {
        struct cc_arena_block *next = arena->_blocks->next;
        free(arena->_blocks);
        arena->_blocks = next;
    }
    arena->_used_bytes = 0;
}

/* calloc: bytes of a block are handed out once, so they are still zero then. */
static struct cc_arena_block *add_block(struct cc_arena *arena, size_t bytes)
{
    size_t capacity = bytes;
    if (!ONE_BLOCK_PER_ALLOCATION && capacity < BLOCK_BYTES)
        capacity = BLOCK_BYTES;
    struct cc_arena_block *block = calloc(1, sizeof(*block) + capacity);
    if (!block)
        return NULL;
    block->capacity = capacity;
    block->next = arena->_blocks;
    arena->_blocks = block;
    return block;
}

void *cc_arena_alloc(struct cc_arena *arena, size_t bytes)
{
    if (bytes > arena->_limit_bytes - arena->_used_bytes)
        return NULL;
    size_t taken = bytes;
    if (!ONE_BLOCK_PER_ALLOCATION)
        taken = (bytes + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    struct cc_arena_block *block = arena->_blocks;
    if (ONE_BLOCK_PER_ALLOCATION || !block || block->capacity - block->used < taken)
        block = add_block(arena, taken);
    if (!block)
        return NULL;
    void *start = (char *)block->data + block->used;
    block->used += taken;
    arena->_used_bytes += bytes;
    return start;
}

char *cc_arena_copy(struct cc_arena *arena, struct cc_slice slice)
{
    if (slice.length == SIZE_MAX)
        return NULL;
    char *copy = cc_arena_alloc(arena, slice.length + 1);
    if (copy && slice.length > 0)
        memcpy(copy, slice.data, slice.length);
    return copy;
}

struct cc_slice cc_arena_join(struct cc_arena *arena, const struct cc_slice *parts, size_t count)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].length >= SIZE_MAX - length)
            return cc_slice(NULL, 0);
        length += parts[i].length;
    }
    char *text = cc_arena_alloc(arena, length + 1);
    if (!text)
        return cc_slice(NULL, 0);
    char *at = text;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].length > 0)
            memcpy(at, parts[i].data, parts[i].length);
        at += parts[i].length;
    }
    return cc_slice(text, length);
}

struct cc_slice cc_arena_printf(struct cc_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        return cc_slice(NULL, 0);
    char *text = cc_arena_alloc(arena, (size_t)length + 1);
    if (!text)
        return cc_slice(NULL, 0);
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return cc_slice(text, (size_t)length);
}
