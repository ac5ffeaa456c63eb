/*
 * Payloads of the four publications, from the registry's tables.
 */
#ifndef CP_ROUTEMAP_COMPOSE_H
#define CP_ROUTEMAP_COMPOSE_H

#include "base/route_map.h"
#include "control-plane/context.h"

/* previous: the map in force or NULL; only for maps. */
enum cc_error cp_compose(struct cp_context *context, const char *country,
                         enum cc_publication_kind kind, const struct cc_route_map *previous,
                         struct cc_buffer *payload) CC_MUST_CHECK;

/* The country's call policy, with its numbering plan. CC_NOT_FOUND with a message. */
enum cc_error cp_policy_of_country(struct cp_context *context, const char *country,
                                   struct cc_call_policy *out) CC_MUST_CHECK;

/* The cell where a tenant lives by the registry: its pin, else its slot's. CC_NOT_FOUND with a
 * message when the country has no cell yet. */
enum cc_error cp_cell_of_tenant(struct cp_context *context, const char *country, const char *tenant,
                                const char **out_cell) CC_MUST_CHECK;

#endif
