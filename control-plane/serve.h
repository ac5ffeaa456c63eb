/*
 * `callcell serve`: gives signed files to edges and workers, and takes their reports
 * (docs/api/signed-files.md). One loop, nothing on it blocks. What it knows comes from the
 * registry: an index in memory, read again when the registry notifies, when the connection was
 * lost, and every 5 s. Several of them run; one leads (leader.h). With the registry gone it goes on
 * answering polls from that index; files then get 503.
 */
#ifndef CP_SERVE_H
#define CP_SERVE_H

#include <stdint.h>

#include "base/err.h"
#include "control-plane/context.h"

struct cp_serve_options {
    const char *address;
    int64_t port;
    const char *registry; /* conninfo, of the role serve */
    const char *registry_password;
    int64_t telemetry_port;     /* plain, at 127.0.0.1: healthz, readyz, metrics */
    const char *identity_file;  /* PEM; NULL: plain HTTP (tests) */
    const char *authority_file; /* whom edges, workers and the operator come from */
    const char *instance;       /* "serve-1" */
    const struct cp_context *context;
};

/* Until SIGTERM. CC_IO when the port cannot be bound. */
enum cc_error cp_serve(const struct cp_serve_options *options) CC_MUST_CHECK;

#endif
