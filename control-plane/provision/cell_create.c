#include "control-plane/provision/cell_create.h"

#include <stdlib.h>

#include "base/crypto.h"
#include "base/names.h"
#include "base/slot.h"
#include "control-plane/backup/repository.h"
#include "control-plane/files.h"
#include "control-plane/fleet/workers.h"
#include "control-plane/process.h"
#include "control-plane/registry.h"
#include "control-plane/routemap/publish.h"
#include "control-plane/run.h"
#include "control-plane/sites.h"
#include "control-plane/templates/store.h"

enum { EARLIER_S = 120 };

static enum cc_error claim(void *subject);
static enum cc_error make_archive(void *subject);
static enum cc_error make_sealing_key(void *subject);
static enum cc_error publish(void *subject);
static enum cc_error announce(void *subject);
static enum cc_error finish(void *subject);

/* Published before the workers start: a worker is ready only with a map and sealing keys, and a map
 * that names a cell without tenants sends it no calls. */
static const struct cc_transition rows[] = {
    {"new", NULL, NULL, claim, NULL, "claimed", "claim: name, number, slots"},
    {"claimed", NULL, NULL, cp_cell_make_folders, NULL, "prepared", "folders and secrets"},
    {"prepared", NULL, NULL, cp_cell_make_monitor, NULL, "monitored", "Postgres monitor"},
    {"monitored", NULL, NULL, cp_cell_tune_monitor, NULL, "tuned", "failover settings"},
    {"tuned", NULL, NULL, cp_cell_make_node1, NULL, "primary", "primary: Postgres node 1"},
    {"primary", NULL, NULL, make_archive, NULL, "archived", "archive of what node 1 writes"},
    {"archived", NULL, NULL, cp_cell_make_node2, cp_cell_verify_streaming, "replica",
     "replica: Postgres node 2, streaming"},
    {"replica", NULL, NULL, NULL, cp_cell_verify_synchronous, "synchronous",
     "synchronous replication"},
    {"synchronous", NULL, NULL, cp_cell_migrate, NULL, "migrated",
     "database, roles and migrations"},
    {"migrated", NULL, NULL, cp_cell_make_redis, NULL, "cached", "Redis"},
    {"cached", NULL, NULL, make_sealing_key, NULL, "sealed", "sealing key"},
    {"sealed", NULL, NULL, publish, NULL, "published", "publish map, numbers, carriers, sealing"},
    {"published", NULL, NULL, cp_cell_start_workers, cp_cell_verify_workers, "serving",
     "workers: started and ready"},
    {"serving", NULL, NULL, announce, NULL, "announced", "edges: told and confirmed"},
    {"announced", NULL, NULL, finish, NULL, "ready", "done"},
};
const struct cc_transition_table cp_cell_create_table = {"cell_create", "new", "ready", rows,
                                                         sizeof(rows) / sizeof(rows[0])};

const char *cp_cell_service(struct cp_cell_create *create, const char *part)
{
    return cp_format(create->context, "%s-%s", create->cell, part);
}

const char *cp_cell_path(struct cp_cell_create *create, const char *below)
{
    return cp_path(create->context, "cells/%s/%s", create->cell, below);
}

const char *cp_cell_path_at(struct cp_cell_create *create, const char *site, const char *below)
{
    return cp_site_path(create->context, site,
                        cp_format(create->context, "cells/%s/%s", create->cell, below));
}

static void append_texts(json_t *object, const char *key, const struct cc_slice *texts,
                         size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_stringn(texts[i].data, texts[i].length));
    json_object_set_new(object, key, list);
}

const char *cp_cell_policy_json(struct cp_cell_create *create)
{
    const struct cc_call_policy *policy = &create->template.policy;
    const char *prefix = policy->national_prefix.data ? policy->national_prefix.data : "";
    json_t *object = json_object();
    json_object_set_new(object, "country_code",
                        json_stringn(policy->country_code.data, policy->country_code.length));
    json_object_set_new(object, "national_prefix",
                        json_stringn(prefix, policy->national_prefix.length));
    append_texts(object, "emergency", policy->emergency, policy->emergency_count);
    append_texts(object, "barred_prefixes", policy->barred_prefixes, policy->barred_count);
    char *text = cc_json_canonical(object);
    const char *copy = cp_copy(create->context, cc_slice_of(text));
    free(text);
    json_decref(object);
    return copy;
}

/* The first cell of a country gets all its slots; a further one none until tenants are pinned to
 * it. */
static enum cc_error claim_in_registry(struct cp_cell_create *create)
{
    struct cp_context *context = create->context;
    enum cc_error error =
        cp_sql_run(context, "LOCK TABLE cells IN EXCLUSIVE MODE", CP_NO_PARAMETERS);
    if (!error)
        error = cp_sql_run(
            context,
            "INSERT INTO countries (country, template, policy) VALUES ($1, $2, "
            "$3::jsonb) ON CONFLICT DO NOTHING",
            CP_PARAMETERS(create->country, create->template_name, cp_cell_policy_json(create)));
    if (!error)
        error = cp_sql_run(context,
                           "INSERT INTO cells (cell, country, number, template, target) "
                           "SELECT $1, $2, coalesce(max(number), 0) + 1, $3, $4 FROM cells "
                           "ON CONFLICT (cell) DO NOTHING",
                           CP_PARAMETERS(create->cell, create->country, create->template_name,
                                         create->target->name));
    if (!error)
        error = cp_sql_run(context,
                           "INSERT INTO slot_ranges (country, first_slot, last_slot, cell) "
                           "SELECT $1, 0, 16383, $2 WHERE NOT EXISTS "
                           "(SELECT 1 FROM slot_ranges WHERE country = $1)",
                           CP_PARAMETERS(create->country, create->cell));
    return error;
}

static enum cc_error read_number(struct cp_cell_create *create)
{
    PGresult *result;
    enum cc_error error =
        cp_sql(create->context, &result, "SELECT number FROM cells WHERE cell = $1",
               CP_PARAMETERS(create->cell));
    if (!error && PQntuples(result) == 1)
        create->number = (int)cp_sql_integer(result, 0, 0);
    if (!error && create->number > CP_CELL_NUMBER_MAX)
        error = cp_fail(create->context, CC_FULL, "no ports left: at most %d cells on one machine",
                        CP_CELL_NUMBER_MAX);
    return error;
}

static enum cc_error claim(void *subject)
{
    struct cp_cell_create *create = subject;
    enum cc_error error = cp_sql_run(create->context, "BEGIN", CP_NO_PARAMETERS);
    if (!error)
        error = claim_in_registry(create);
    if (!error)
        error = cp_sql_run(create->context, "COMMIT", CP_NO_PARAMETERS);
    else
        cp_sql_rollback(create->context);
    return error ? error : read_number(create);
}

static enum cc_error make_archive(void *subject)
{
    struct cp_cell_create *create = subject;
    struct cp_repository repository;
    cp_repository_of_cell(create->context, create->cell, create->number, &repository);
    return cp_repository_create(&repository);
}

static enum cc_error make_sealing_key(void *subject)
{
    struct cp_cell_create *create = subject;
    uint8_t key[CC_SIV_KEY_BYTES];
    if (cc_random_bytes(key, sizeof(key)))
        return cp_fail(create->context, CC_CRYPTO, "no random bytes");
    /* In force from the start of time: there is no older key that a state could be sealed with. */
    return cp_sql_run(
        create->context,
        "INSERT INTO sealing_keys (country, key_id, key, active_from) "
        "SELECT $1, 1, $2::bytea, '2020-01-01T00:00:00Z' "
        "WHERE NOT EXISTS (SELECT 1 FROM sealing_keys WHERE country = $1)",
        CP_PARAMETERS(create->country,
                      cp_sql_bytes(create->context, cc_slice((const char *)key, sizeof(key)))));
}

static enum cc_error publish(void *subject)
{
    struct cp_cell_create *create = subject;
    const char *token;
    enum cc_error error =
        cp_secret_ensure(create->context, cp_cell_path(create, "etc/tokens/edge"), &token);
    if (!error)
        error =
            cp_sql_run(create->context,
                       "INSERT INTO cell_tokens (cell, country, edge_token) VALUES ($1, $2, $3) "
                       "ON CONFLICT (cell) DO UPDATE SET edge_token = EXCLUDED.edge_token",
                       CP_PARAMETERS(create->cell, create->country, token));
    return error ? error : cp_publish_all(create->context, create->country);
}

static enum cc_error announce(void *subject)
{
    struct cp_cell_create *create = subject;
    enum cc_error error = cp_workers_announce(create->context, create->cell);
    return error ? error : cp_edges_confirm(create->context, create->country);
}

static enum cc_error finish(void *subject)
{
    struct cp_cell_create *create = subject;
    return cp_sql_run(create->context, "UPDATE cells SET state = 'ready' WHERE cell = $1",
                      CP_PARAMETERS(create->cell));
}

/* What the registry says about a cell of this name: ready is set when nothing is left to do. */
static enum cc_error compare(struct cp_cell_create *create, bool *ready)
{
    PGresult *result;
    enum cc_error error =
        cp_sql(create->context, &result,
               "SELECT template, target, state, country FROM cells WHERE cell = $1",
               CP_PARAMETERS(create->cell));
    *ready = false;
    if (error || PQntuples(result) == 0)
        return error;
    if (strcmp(cp_sql_value(result, 0, 0), create->template_name) != 0 ||
        strcmp(cp_sql_value(result, 0, 1), create->target->name) != 0)
        return cp_fail(create->context, CC_CONFLICT,
                       "cell %s exists with template %s and target %s", create->cell,
                       cp_sql_value(result, 0, 0), cp_sql_value(result, 0, 1));
    bool unfinished = false;
    error =
        cp_run_unfinished(create->context, cp_cell_create_table.name, create->cell, &unfinished);
    *ready = !unfinished && strcmp(cp_sql_value(result, 0, 2), "ready") == 0;
    return error ? error : read_number(create);
}

static enum cc_error check_names(struct cp_cell_create *create, const char *target)
{
    struct cp_context *context = create->context;
    if (!cc_name_is_country(cc_slice_of(create->country)))
        return cp_fail(context, CC_UNSUPPORTED, "%s is no country: two lower-case letters, like se",
                       create->country);
    if (!cc_name_is_cell(cc_slice_of(create->cell)) ||
        strncmp(create->cell, create->country, CC_COUNTRY_LENGTH) != 0)
        return cp_fail(context, CC_UNSUPPORTED, "%s is no cell of %s; a cell is named like %s-2",
                       create->cell, create->country, create->country);
    if (!cc_name_is_resource(cc_slice_of(create->template_name)))
        return cp_fail(context, CC_UNSUPPORTED, "%s is no name of a template",
                       create->template_name);
    if (!create->target)
        return cp_fail(context, CC_UNSUPPORTED, "no target \"%s\"; there is: local", target);
    return CC_OK;
}

enum cc_error cp_cell_create(struct cp_context *context, const char *country, const char *cell,
                             const char *template_name, const char *target, bool *changed)
{
    struct cp_cell_create create = {.context = context,
                                    .country = country,
                                    .cell = cell ? cell : cp_format(context, "%s-1", country),
                                    .template_name = template_name,
                                    .target = cp_target_find(target)};
    bool ready = false;
    *changed = false;
    enum cc_error error = check_names(&create, target);
    if (!error)
        error = cp_template_find(context, create.template_name, country, &create.template);
    if (!error)
        error = compare(&create, &ready);
    if (error || ready)
        return error;
    *changed = true;
    error = cp_process_wait_earlier(context, cp_path(context, "log/provision-%s.log", create.cell),
                                    EARLIER_S);
    if (error)
        return error;
    return cp_run(context, &(struct cp_run_request){.table = &cp_cell_create_table,
                                                    .subject = create.cell,
                                                    .data = &create});
}
