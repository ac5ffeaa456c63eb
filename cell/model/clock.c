#include "cell/model/clock.h"

#include <stdlib.h>

enum cc_error cell_clock_init(struct cell_clock *clock, size_t maximum)
{
    *clock = (struct cell_clock){._maximum = maximum ? maximum : 1};
    clock->_places = calloc(clock->_maximum, sizeof(*clock->_places));
    if (!clock->_places)
        return CC_NO_MEMORY;
    return cell_table_init(&clock->_table, clock->_maximum);
}

void cell_clock_deinit(struct cell_clock *clock)
{
    cell_table_deinit(&clock->_table);
    free(clock->_places);
    *clock = (struct cell_clock){0};
}

struct cell_clock_node *cell_clock_peek(const struct cell_clock *clock, struct cc_slice key)
{
    return (struct cell_clock_node *)(void *)cell_table_find(&clock->_table, key);
}

struct cell_clock_node *cell_clock_find(struct cell_clock *clock, struct cc_slice key)
{
    struct cell_clock_node *node = cell_clock_peek(clock, key);
    if (node)
        node->_used = true;
    return node;
}

static void put_at(struct cell_clock *clock, size_t place, struct cell_clock_node *node,
                   struct cc_slice key)
{
    node->_place = place;
    clock->_places[place] = node;
    cell_table_add(&clock->_table, &node->_node, key);
}

/* The hand passes over what was found since it last came by. */
static struct cell_clock_node *evict(struct cell_clock *clock)
{
    while (clock->_places[clock->_hand]->_used) {
        clock->_places[clock->_hand]->_used = false;
        clock->_hand = (clock->_hand + 1) % clock->_maximum;
    }
    struct cell_clock_node *old = clock->_places[clock->_hand];
    clock->_hand = (clock->_hand + 1) % clock->_maximum;
    clock->evicted++;
    return old;
}

struct cell_clock_node *cell_clock_add(struct cell_clock *clock, struct cell_clock_node *node,
                                       struct cc_slice key)
{
    if (clock->_table.count < clock->_maximum) {
        put_at(clock, clock->_table.count, node, key);
        return NULL;
    }
    struct cell_clock_node *old = evict(clock);
    cell_table_remove(&clock->_table, &old->_node);
    put_at(clock, old->_place, node, key);
    return old;
}

void cell_clock_replace(struct cell_clock *clock, struct cell_clock_node *old,
                        struct cell_clock_node *node, struct cc_slice key)
{
    node->_used = old->_used;
    cell_table_remove(&clock->_table, &old->_node);
    put_at(clock, old->_place, node, key);
}

size_t cell_clock_count(const struct cell_clock *clock)
{
    return clock->_table.count;
}

struct cell_clock_node *cell_clock_at(const struct cell_clock *clock, size_t place)
{
    return clock->_places[place];
}

struct cc_slice cell_clock_key(const struct cell_clock_node *node)
{
    return node->_node.key;
}
