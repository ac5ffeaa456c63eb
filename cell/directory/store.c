/* Rim: Postgres. */
#include "cell/directory/store.h"

#include <stdlib.h>

enum { CONNECTIONS = 4 };

static const struct {
    bool writes;
    struct cc_pg_statement statement;
} statements[] = {
    [CELL_PUT_TENANT] = {true, {"put_tenant", "SELECT directory.put_tenant($1)"}},
    [CELL_LIST_TENANTS] =
        {false,
         {"list_tenants",
          "SELECT jsonb_build_object('tenants', coalesce(jsonb_agg(jsonb_build_object("
          "'tenant', tenant_id, 'name', name, 'row_version', row_version) "
          "ORDER BY tenant_id), '[]')) FROM directory.tenants"}},
    [CELL_PUT_NUMBERS] = {true, {"put_numbers", "SELECT directory.put_numbers($1::jsonb)"}},
    [CELL_LIST_NUMBERS] = {false,
                           {"list_numbers",
                            "SELECT jsonb_build_object('numbers', coalesce(jsonb_agg(n.document || "
                            "jsonb_build_object('row_version', n.row_version) ORDER BY n.number), "
                            "'[]')) FROM (SELECT * FROM directory.numbers WHERE number > $1 "
                            "AND tenant_id = current_setting('callcell.tenant') "
                            "ORDER BY number LIMIT $2::integer) n"}},
    [CELL_DELETE_NUMBER] = {true, {"delete_number", "SELECT directory.delete_number($1)"}},
    [CELL_PUT_FLOW] = {true, {"put_flow", "SELECT directory.put_flow($1, $2::jsonb)"}},
    [CELL_PUBLISH_FLOW] = {true, {"publish_flow", "SELECT directory.publish_flow($1)"}},
    [CELL_GET_FLOW] = {false,
                       {"get_flow",
                        "SELECT jsonb_build_object('flow', d.flow_id, 'draft', d.document, "
                        "'row_version', d.row_version, 'published_version', d.published_version, "
                        "'published', v.document, 'published_at', v.published_at) "
                        "FROM directory.flow_drafts d LEFT JOIN directory.flow_versions v "
                        "ON v.tenant_id = d.tenant_id AND v.flow_id = d.flow_id "
                        "AND v.version = d.published_version "
                        "WHERE d.tenant_id = current_setting('callcell.tenant') "
                        "AND d.flow_id = $1"}},
};

struct cell_directory_store {
    struct cc_pg_pool *primary;
};

enum cc_error cell_directory_store_create(struct cell_worker *worker,
                                          struct cell_directory_store **out)
{
    struct cell_directory_store *store = calloc(1, sizeof(*store));
    *out = NULL;
    if (!store)
        return CC_NO_MEMORY;
    enum cc_error error = cell_worker_pool(worker, "directory", "directory", "read-write",
                                           CONNECTIONS, NULL, &store->primary);
    if (error) {
        free(store);
        return error;
    }
    *out = store;
    return CC_OK;
}

void cell_directory_store_free(struct cell_directory_store *store)
{
    if (!store)
        return;
    cc_pg_pool_free(store->primary);
    free(store);
}

enum cc_error cell_directory_submit(struct cell_directory_store *store,
                                    const struct cell_directory_query *query)
{
    struct cc_pg_query statement = {.statement = &statements[query->statement].statement,
                                    .parameter_count = query->parameter_count};
    for (size_t i = 0; i < query->parameter_count; i++)
        statement.parameters[i] = query->parameters[i];
    struct cc_pg_transaction transaction = {.tenant = query->tenant,
                                            .queries = &statement,
                                            .query_count = 1,
                                            .writes = statements[query->statement].writes,
                                            .deadline_us = query->deadline_us,
                                            .done = query->done,
                                            .context = query->context};
    return cc_pg_submit(store->primary, &transaction);
}
