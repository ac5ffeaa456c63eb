/*
 * One HTTP question to a cell's worker or an edge, waited for on a loop of its own. For the CLI
 * only.
 */
#ifndef CP_CELL_API_H
#define CP_CELL_API_H

#include "control-plane/context.h"

struct cp_reply {
    int status;
    struct cc_slice body; /* lives as long as the context */
};

struct cp_question {
    const char *address; /* "127.0.0.1:20101" */
    const char *method;
    const char *path;
    const char *token; /* NULL: none */
    const char *role;  /* whom we ask, by TLS: "urn:callcell:cell:se-1"; NULL: a plain port */
    struct cc_slice body;
    int64_t timeout_ms;
};

/* CC_OK for any status. Errors as cc_http_done; no message. */
enum cc_error cp_http(struct cp_context *context, const struct cp_question *question,
                      struct cp_reply *out) CC_MUST_CHECK;

/* To a cell's directory, with its control token; tries its workers in turn, for five
 * seconds when none can answer now. 200 is CC_OK; 404 CC_NOT_FOUND, 409 CC_CONFLICT, 422
 * CC_INVALID, each with the problem's detail as message. */
enum cc_error cp_cell_ask(struct cp_context *context, const char *cell, const char *method,
                          const char *path, struct cc_slice body,
                          struct cp_reply *out) CC_MUST_CHECK;

/* Waits until GET path at address answers 200. CC_TIMEOUT with what it said last. */
enum cc_error cp_http_wait_ok(struct cp_context *context, const char *address, const char *path,
                              const char *what, int timeout_s) CC_MUST_CHECK;

#endif
