#include "base/held.h"

#include <stdlib.h>
#include <string.h>

struct item {
    struct item *next;
    int64_t at_us;
    size_t length;
    char data[];
};

struct list {
    struct item *first, *last;
};

struct cc_held {
    struct list waiting, lent; /* lent: older than all that wait */
    int64_t maximum_bytes;
    struct cc_held_state state;
};

static void append(struct list *list, struct item *item)
{
    item->next = NULL;
    if (list->last)
        list->last->next = item;
    else
        list->first = item;
    list->last = item;
}

static struct item *take_first(struct list *list)
{
    struct item *item = list->first;
    list->first = item->next;
    if (!list->first)
        list->last = NULL;
    return item;
}

static int64_t cost_of(size_t length)
{
    return (int64_t)(sizeof(struct item) + length);
}

static void drop_first(struct cc_held *held, struct list *list)
{
    struct item *item = take_first(list);
    held->state.records--;
    held->state.bytes -= cost_of(item->length);
    free(item);
}

static void drop_all(struct cc_held *held, struct list *list)
{
    while (list->first)
        drop_first(held, list);
}

enum cc_error cc_held_create(int64_t maximum_bytes, struct cc_held **out)
{
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return CC_NO_MEMORY;
    (*out)->maximum_bytes = maximum_bytes;
    return CC_OK;
}

void cc_held_free(struct cc_held *held)
{
    if (!held)
        return;
    drop_all(held, &held->lent);
    drop_all(held, &held->waiting);
    free(held);
}

enum cc_error cc_held_append(struct cc_held *held, struct cc_slice record, int64_t now_us)
{
    int64_t cost = cost_of(record.length);
    if (held->state.bytes + cost > held->maximum_bytes)
        return CC_FULL;
    struct item *item = malloc((size_t)cost);
    if (!item)
        return CC_NO_MEMORY;
    item->at_us = now_us;
    item->length = record.length;
    memcpy(item->data, record.data, record.length);
    append(&held->waiting, item);
    held->state.records++;
    held->state.bytes += cost;
    return CC_OK;
}

bool cc_held_first(const struct cc_held *held, struct cc_slice *record)
{
    const struct item *item = held->waiting.first;
    if (item)
        *record = cc_slice(item->data, item->length);
    return item != NULL;
}

void cc_held_drop_first(struct cc_held *held)
{
    drop_first(held, &held->waiting);
}

size_t cc_held_lend(struct cc_held *held, size_t count_max, size_t bytes_max,
                    struct cc_slice *records)
{
    size_t count = 0, bytes = 0;
    while (held->waiting.first && count < count_max && bytes < bytes_max) {
        struct item *item = take_first(&held->waiting);
        append(&held->lent, item);
        records[count++] = cc_slice(item->data, item->length);
        bytes += item->length;
    }
    return count;
}

void cc_held_return(struct cc_held *held, bool shipped)
{
    if (shipped) {
        drop_all(held, &held->lent);
        return;
    }
    while (held->waiting.first)
        append(&held->lent, take_first(&held->waiting));
    held->waiting = held->lent;
    held->lent = (struct list){0};
}

struct cc_held_state cc_held_state(const struct cc_held *held)
{
    struct cc_held_state state = held->state;
    const struct item *oldest = held->lent.first ? held->lent.first : held->waiting.first;
    state.oldest_us = oldest ? oldest->at_us : 0;
    return state;
}
