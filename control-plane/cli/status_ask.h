/*
 * What status asks, each a question that may be asked on a thread (together.h): answers are JSON,
 * each with a deadline of about a second.
 */
#ifndef CP_CLI_STATUS_ASK_H
#define CP_CLI_STATUS_ASK_H

#include "base/json.h"
#include "control-plane/context.h"

struct cp_about {
    const char *name; /* edge, cell or worker */
    const char *cell;
    int number; /* of the cell, the worker or the instance */
    int port, telemetry_port;
};

/* about: struct cp_about. Never NULL unless memory is out. */
json_t *cp_ask_serve(struct cp_context *context, const void *about);
json_t *cp_ask_edge(struct cp_context *context, const void *about);
json_t *cp_ask_nodes(struct cp_context *context, const void *about);
json_t *cp_ask_primary(struct cp_context *context, const void *about);
json_t *cp_ask_worker(struct cp_context *context, const void *about);

/* Sum of the values of a series in Prometheus text, over all labels or those with this part. NAN:
 * no such series. */
double cp_series_sum(const char *text, const char *name, const char *part);

#endif
