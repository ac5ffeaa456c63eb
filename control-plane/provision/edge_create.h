/*
 * Makes an edge on this machine: claimed in the registry, configured, started, healthy.
 */
#ifndef CP_PROVISION_EDGE_CREATE_H
#define CP_PROVISION_EDGE_CREATE_H

#include "base/transitions.h"
#include "control-plane/context.h"

extern const struct cc_transition_table cp_edge_create_table;

/* Without the home's offset. */
struct cp_edge_ports {
    int plain, tls, telemetry;
};
/* Repeated: no change; CC_CONFLICT when it exists with other
 * ports. */
enum cc_error cp_edge_create(struct cp_context *context, const char *edge,
                             const struct cp_edge_ports *ports, bool *changed) CC_MUST_CHECK;

#endif
