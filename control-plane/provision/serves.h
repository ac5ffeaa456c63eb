/*
 * The `callcell serve` processes of a home: serve-1, serve-2. Edges and workers have all of them as
 * sources; one of them leads (leader.h).
 */
#ifndef CP_PROVISION_SERVES_H
#define CP_PROVISION_SERVES_H

#include "control-plane/context.h"

const char *cp_serve_name(struct cp_context *context, int instance);    /* "serve-1" */
const char *cp_serve_address(struct cp_context *context, int instance); /* "127.0.0.1:7300" */
/* For a configuration file: ["127.0.0.1:7300", "127.0.0.1:7302"]. */
const char *cp_serve_sources(struct cp_context *context);

/* Installed stopped, when they are new. */
enum cc_error cp_serves_install(struct cp_context *context) CC_MUST_CHECK;
/* Started, and waited for until each has read the registry. */
enum cc_error cp_serves_start(struct cp_context *context) CC_MUST_CHECK;

#endif
