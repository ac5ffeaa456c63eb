/*
 * Claims numbers in the registry, writes them in their cells, publishes the number directory once
 * and waits for the edges. One number or a file of them: the same table.
 */
#ifndef CP_PROVISION_NUMBER_CREATE_H
#define CP_PROVISION_NUMBER_CREATE_H

#include "base/transitions.h"
#include "control-plane/context.h"
#include "control-plane/provision/number.h"

extern const struct cc_transition_table cp_number_create_table;
extern const struct cc_transition_table cp_number_delete_table;

/* subject names the run ("se/+46701234567", "se/import:<digest>"). Numbers already so: *changed
 * false. CC_CONFLICT: a number belongs to another tenant; CC_NOT_FOUND: no such tenant
 * or flow. */
enum cc_error cp_numbers_create(struct cp_context *context, const char *country,
                                const char *subject, const struct cp_number *numbers, size_t count,
                                bool *changed) CC_MUST_CHECK;

/* Unpublished, then removed from the cell, then from the registry. One that was deleted: *changed
 * false; one that never was: as unknown.h. */
enum cc_error cp_number_delete(struct cp_context *context, const char *country, const char *number,
                               bool *changed) CC_MUST_CHECK;

#endif
