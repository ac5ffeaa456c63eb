/*
 * The directory's SQL: each write one function call, one transaction on the primary under the
 * tenant (migrations/cell/0003). Rim: Postgres.
 */
#ifndef CELL_DIRECTORY_STORE_H
#define CELL_DIRECTORY_STORE_H

#include "cell/worker.h"

enum cell_directory_statement {
    CELL_PUT_TENANT, /* name */
    CELL_LIST_TENANTS,
    CELL_PUT_NUMBERS,   /* documents */
    CELL_LIST_NUMBERS,  /* after, limit */
    CELL_DELETE_NUMBER, /* number */
    CELL_PUT_FLOW,      /* flow, document */
    CELL_PUBLISH_FLOW,  /* flow */
    CELL_GET_FLOW       /* flow */
};

struct cell_directory_query {
    enum cell_directory_statement statement;
    struct cc_slice tenant; /* empty: the list of tenants */
    struct cc_slice parameters[2];
    size_t parameter_count;
    int64_t deadline_us;
    cc_pg_done done; /* one row, one column: JSON */
    void *context;
};

struct cell_directory_store; /* opaque */
enum cc_error cell_directory_store_create(struct cell_worker *worker,
                                          struct cell_directory_store **out) CC_MUST_CHECK;
void cell_directory_store_free(struct cell_directory_store *store);
enum cc_error cell_directory_submit(struct cell_directory_store *store,
                                    const struct cell_directory_query *query) CC_MUST_CHECK;

#endif
