#include "control-plane/provision/carrier_create.h"

#include "base/crypto.h"
#include "base/names.h"
#include "control-plane/files.h"
#include "control-plane/registry.h"
#include "control-plane/routemap/publish.h"
#include "control-plane/run.h"
#include "control-plane/unknown.h"

struct carrier_create {
    struct cp_context *context;
    const char *country, *key, *tenants, *mode;
    bool rotate;
};

static enum cc_error store(void *subject);
static enum cc_error write_file(void *subject);
static enum cc_error publish(void *subject);
static enum cc_error confirm(void *subject);
static enum cc_error forget(void *subject);
static enum cc_error remove_file(void *subject);

static const struct cc_transition rows[] = {
    {"new", NULL, NULL, store, NULL, "stored", "store key and secret in the registry"},
    {"stored", NULL, NULL, write_file, NULL, "written", "write the secret's file"},
    {"written", NULL, NULL, publish, NULL, "published", "publish the carriers"},
    {"published", NULL, NULL, confirm, NULL, "ready", "edges: confirmed"},
};
const struct cc_transition_table cp_carrier_create_table = {"carrier_create", "new", "ready", rows,
                                                            sizeof(rows) / sizeof(rows[0])};

static const struct cc_transition delete_rows[] = {
    {"new", NULL, NULL, forget, NULL, "forgotten", "take out of the registry"},
    {"forgotten", NULL, NULL, publish, NULL, "published", "publish the carriers"},
    {"published", NULL, NULL, confirm, NULL, "confirmed", "edges: confirmed"},
    {"confirmed", NULL, NULL, remove_file, NULL, "gone", "remove the secret's file"},
};
const struct cc_transition_table cp_carrier_delete_table = {
    "carrier_delete", "new", "gone", delete_rows, sizeof(delete_rows) / sizeof(delete_rows[0])};

static enum cc_error new_secret(struct cp_context *context, const char **out)
{
    uint8_t random[32];
    char text[64];
    if (cc_random_bytes(random, sizeof(random)))
        return cp_fail(context, CC_CRYPTO, "no random bytes");
    (void)cc_base64_encode(cc_slice((const char *)random, sizeof(random)), text);
    *out = cp_format(context, "whsec_%s", text);
    return CC_OK;
}

static const char *secret_file(struct cp_context *context, const char *country, const char *key)
{
    return cp_path(context, "carriers/%s/%s.secret", country, key);
}

static const char *subject_of(const struct carrier_create *create)
{
    return cp_format(create->context, "%s/%s", create->country, create->key);
}

/* An update keeps the secrets; a rotation puts a new one first and keeps the last. */
static enum cc_error store(void *subject)
{
    struct carrier_create *create = subject;
    const char *secret = NULL;
    enum cc_error error = new_secret(create->context, &secret);
    if (error)
        return error;
    if (create->rotate)
        return cp_sql_run(create->context,
                          "UPDATE carrier_keys SET secrets = array[$3, secrets[1]] "
                          "WHERE country = $1 AND key_id = $2",
                          CP_PARAMETERS(create->country, create->key, secret));
    return cp_sql_run(
        create->context,
        "INSERT INTO carrier_keys (country, key_id, tenants, mode, secrets) "
        "VALUES ($1, $2, string_to_array($3, ','), $4, array[$5]) "
        "ON CONFLICT (country, key_id) DO UPDATE SET tenants = EXCLUDED.tenants, "
        "mode = EXCLUDED.mode",
        CP_PARAMETERS(create->country, create->key, create->tenants, create->mode, secret));
}

static enum cc_error write_file(void *subject)
{
    struct carrier_create *create = subject;
    struct cp_context *context = create->context;
    PGresult *result;
    enum cc_error error = cp_folder_make(context, cp_path(context, "carriers/%s", create->country));
    if (!error)
        error = cp_sql(context, &result,
                       "SELECT secrets[1] FROM carrier_keys WHERE country = $1 AND key_id = $2",
                       CP_PARAMETERS(create->country, create->key));
    if (error)
        return error;
    return cp_file_write(context, secret_file(context, create->country, create->key),
                         cc_slice_of(cp_format(context, "%s\n", cp_sql_value(result, 0, 0))), 0600);
}

static enum cc_error publish(void *subject)
{
    struct carrier_create *create = subject;
    int64_t epoch = 0;
    return cp_publish(create->context, create->country, CC_PUBLICATION_CARRIERS, 0, &epoch);
}

static enum cc_error confirm(void *subject)
{
    struct carrier_create *create = subject;
    return cp_edges_confirm(create->context, create->country);
}

/* A making of it that was left behind is closed: it would go on with what is no longer there. */
static enum cc_error forget(void *subject)
{
    struct carrier_create *create = subject;
    struct cp_context *context = create->context;
    enum cc_error error =
        cp_sql_run(context,
                   "UPDATE runs SET finished_at = now(), error = 'the key was deleted' WHERE "
                   "transition_table = $1 AND subject IN ($2, $2 || ' rotate') AND "
                   "finished_at IS NULL",
                   CP_PARAMETERS(cp_carrier_create_table.name, subject_of(create)));
    return error
               ? error
               : cp_sql_run(context, "DELETE FROM carrier_keys WHERE country = $1 AND key_id = $2",
                            CP_PARAMETERS(create->country, create->key));
}

static enum cc_error remove_file(void *subject)
{
    struct carrier_create *create = subject;
    return cp_tree_remove(create->context,
                          secret_file(create->context, create->country, create->key));
}

static enum cc_error check(struct carrier_create *create)
{
    struct cp_context *context = create->context;
    if (!cc_name_is_resource(cc_slice_of(create->key)))
        return cp_fail(context, CC_UNSUPPORTED, "%s is no key id: [a-z][a-z0-9_-]{0,62}",
                       create->key);
    if (strcmp(create->mode, "enforce") != 0 && strcmp(create->mode, "report-only") != 0)
        return cp_fail(context, CC_UNSUPPORTED, "--mode must be enforce or report-only");
    for (const char *at = create->tenants; strcmp(create->tenants, "*") != 0;) {
        size_t length = strcspn(at, ",");
        if (!cc_name_is_tenant(cc_slice(at, length)))
            return cp_fail(context, CC_UNSUPPORTED, "--tenants must be '*' or tenants with commas");
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    return CC_OK;
}

static enum cc_error check_tenants(const struct carrier_create *create)
{
    PGresult *result;
    enum cc_error error =
        cp_sql(create->context, &result,
               "SELECT w FROM unnest(string_to_array($2, ',')) w WHERE w <> '*' AND NOT EXISTS "
               "(SELECT 1 FROM tenants t WHERE t.country = $1 AND t.tenant = w)",
               CP_PARAMETERS(create->country, create->tenants));
    if (!error && PQntuples(result) > 0)
        error = cp_unknown_tenant(create->context, cp_sql_value(result, 0, 0), create->country);
    return error;
}

static enum cc_error run(struct carrier_create *create)
{
    struct cp_context *context = create->context;
    return cp_run(context,
                  &(struct cp_run_request){.table = &cp_carrier_create_table,
                                           .subject = cp_format(context, "%s%s", subject_of(create),
                                                                create->rotate ? " rotate" : ""),
                                           .data = create});
}

enum cc_error cp_carrier_create(struct cp_context *context, const char *country, const char *key,
                                const char *tenants, const char *mode, bool *changed)
{
    struct carrier_create create = {context, country, key, tenants, mode, false};
    PGresult *result;
    bool unfinished = false;
    *changed = false;
    enum cc_error error = check(&create);
    if (!error)
        error = check_tenants(&create);
    if (!error)
        error = cp_sql(context, &result,
                       "SELECT 1 FROM carrier_keys WHERE country = $1 AND key_id = $2 "
                       "AND tenants = string_to_array($3, ',') AND mode = $4",
                       CP_PARAMETERS(country, key, tenants, mode));
    if (!error)
        error = cp_run_unfinished(context, "carrier_create", subject_of(&create), &unfinished);
    if (error || (PQntuples(result) == 1 && !unfinished &&
                  cp_file_exists(secret_file(context, country, key))))
        return error;
    *changed = true;
    return run(&create);
}

static enum cc_error is_there(struct carrier_create *create, bool *out)
{
    PGresult *result;
    enum cc_error error = cp_sql(create->context, &result,
                                 "SELECT 1 FROM carrier_keys WHERE country = $1 AND key_id = $2",
                                 CP_PARAMETERS(create->country, create->key));
    *out = !error && PQntuples(result) > 0;
    return error;
}

static enum cc_error unknown(struct carrier_create *create)
{
    struct cp_context *context = create->context;
    return cp_unknown(context, cp_format(context, "carrier key of %s", create->country),
                      create->key,
                      cp_format(context, "callcell carrier list --country %s", create->country));
}

enum cc_error cp_carrier_rotate(struct cp_context *context, const char *country, const char *key)
{
    struct carrier_create create = {context, country, key, "*", "enforce", true};
    bool there = false;
    enum cc_error error = is_there(&create, &there);
    if (!error && !there)
        error = unknown(&create);
    return error ? error : run(&create);
}

static enum cc_error was_deleted(struct carrier_create *create, bool *out)
{
    PGresult *result;
    enum cc_error error = cp_sql(create->context, &result,
                                 "SELECT 1 FROM runs WHERE transition_table = $1 AND subject = $2 "
                                 "AND finished_at IS NOT NULL LIMIT 1",
                                 CP_PARAMETERS(cp_carrier_delete_table.name, subject_of(create)));
    *out = !error && PQntuples(result) > 0;
    return error;
}

enum cc_error cp_carrier_delete(struct cp_context *context, const char *country, const char *key,
                                bool *changed)
{
    struct carrier_create create = {.context = context, .country = country, .key = key};
    bool there = false, unfinished = false, deleted = false;
    enum cc_error error = is_there(&create, &there);
    if (!error)
        error = cp_run_unfinished(context, cp_carrier_delete_table.name, subject_of(&create),
                                  &unfinished);
    *changed = there || unfinished;
    if (!error && !*changed)
        error = was_deleted(&create, &deleted);
    if (!error && !*changed && !deleted)
        error = unknown(&create);
    if (error || !*changed)
        return error;
    return cp_run(context, &(struct cp_run_request){.table = &cp_carrier_delete_table,
                                                    .subject = subject_of(&create),
                                                    .data = &create});
}
