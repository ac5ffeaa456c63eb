#include "cell/settings.h"

#include <stddef.h>

#include "base/log.h"
#include "base/names.h"

#define KEY(name, kind, field, required, default_value, minimum, maximum, help)                    \
    {                                                                                              \
        name, CC_CONFIG_##kind, offsetof(struct cell_settings, field), required, default_value,    \
            minimum, maximum, help                                                                 \
    }

const struct cc_config_key cell_settings_keys[] = {
    KEY("country", TEXT, country, true, NULL, 0, 0, "ISO 3166-1 alpha-2, lower case"),
    KEY("cell", TEXT, cell, true, NULL, 0, 0, "Cell id, for example se-1"),
    KEY("worker", TEXT, worker, true, NULL, 0, 0, "Name of this worker in its cell"),
    KEY("roles", TEXT_LIST, roles, false, "calls,events,directory", 0, 0,
        "What this worker does: calls, events, directory"),
    KEY("listen_address", TEXT, listen_address, false, "127.0.0.1", 0, 0, "IPv4 address"),
    KEY("listen_port", INTEGER, listen_port, true, NULL, 1, 65535, "TCP port"),
    KEY("telemetry_address", TEXT, telemetry_address, false, "127.0.0.1", 0, 0, "IPv4 address"),
    KEY("telemetry_port", INTEGER, telemetry_port, false, "0", 0, 65535,
        "Plain: healthz, readyz, metrics, state; 0: none"),
    KEY("tls.certificate_file", TEXT, tls_certificate_file, false, NULL, 0, 0,
        "PEM, shown to edges and to the control plane; absent: plain HTTP both ways"),
    KEY("tls.key_file", TEXT, tls_key_file, false, NULL, 0, 0,
        "PEM; absent: in the certificate's file"),
    KEY("tls.authority_file", TEXT, tls_authority_file, false, NULL, 0, 0,
        "PEM of whom edges and the control plane must come from"),
    KEY("edge_token_file", TEXT, edge_token_file, true, NULL, 0, 0, "Token that edges show"),
    KEY("control_token_file", TEXT, control_token_file, true, NULL, 0, 0,
        "Token that the control plane shows"),
    KEY("redis.host", TEXT, redis_host, false, "127.0.0.1", 0, 0, "IPv4 address"),
    KEY("redis.port", INTEGER, redis_port, true, NULL, 1, 65535, "TCP port"),
    KEY("redis.user", TEXT, redis_user, false, NULL, 0, 0, "ACL user; absent: the default one"),
    KEY("redis.password_file", TEXT, redis_password_file, false, NULL, 0, 0, "Absent: none"),
    KEY("postgres.hosts", TEXT, postgres_hosts, true, NULL, 0, 0,
        "host:port of every node, comma-separated"),
    KEY("postgres.database", TEXT, postgres_database, false, "cell", 0, 0, "Database"),
    KEY("postgres.password_directory", TEXT, postgres_password_directory, true, NULL, 0, 0,
        "Folder of <role>.password files"),
    KEY("postgres.sslmode", TEXT, postgres_sslmode, false, NULL, 0, 0, "libpq's sslmode"),
    KEY("publications_directory", TEXT, publications_directory, true, NULL, 0, 0,
        "Where signed files are kept"),
    KEY("sources", TEXT_LIST, sources, false, NULL, 0, 0, "host:port that signed files come from"),
    KEY("source_token_file", TEXT, source_token_file, false, NULL, 0, 0, "Token shown to sources"),
    KEY("public_key_file", TEXT, public_key_file, true, NULL, 0, 0,
        "PEM that signed files verify by"),
    KEY("lease_file", TEXT, lease_file, false, NULL, 0, 0,
        "Fencing term to write under, with <file>.sig beside it; absent: not checked"),
    KEY("spool_directory", TEXT, spool_directory, true, NULL, 0, 0, "Call records not yet shipped"),
    KEY("spool_siblings_directory", TEXT_LIST, spool_siblings, false, NULL, 0, 0,
        "Folders of the cell's workers (<worker>/spool), here and at the other site; spools of "
        "those "
        "that are gone are adopted; absent: none"),
    KEY("spool_max_bytes", INTEGER, spool_max_bytes, false, "1073741824", 1048576, INT64_C(1) << 40,
        "Bound of the spool; beyond it, as on a full disk, records are held in memory"),
    KEY("spool_memory_max_bytes", INTEGER, spool_memory_max_bytes, false, "67108864", 0,
        INT64_C(1) << 40,
        "Bound of records held in memory because the spool takes none; beyond it calls are "
        "answered unrecorded"),
    KEY("call_plans_max", INTEGER, call_plans_max, false, "100000", 1, 100000000,
        "Call plans held in memory, and on disk"),
    KEY("plans_directory", TEXT, plans_directory, false, NULL, 0, 0,
        "Where last-known call plans are kept; absent: nowhere"),
    KEY("plans_interval_ms", INTEGER, plans_interval_ms, false, "5000", 100, 3600000,
        "How long changed call plans wait for the disk"),
    KEY("zoneinfo_directory", TEXT, zoneinfo_directory, false, "/usr/share/zoneinfo", 0, 0,
        "TZif files"),
    KEY("log_level", TEXT, log_level, false, "info", 0, 0, "debug, info, warning or error"),
    KEY("budget.redis_ms", INTEGER, budget_redis_ms, false, "30", 1, 1000,
        "How long a call waits for Redis"),
    KEY("budget.replica_ms", INTEGER, budget_replica_ms, false, "80", 1, 1000,
        "How long a call waits for a replica"),
    KEY("budget.primary_ms", INTEGER, budget_primary_ms, false, "80", 1, 1000,
        "How long a call waits for the primary"),
    KEY("drain_ms", INTEGER, drain_ms, false, "2000", 0, 600000,
        "How long a stop waits for requests under way"),
};
const size_t cell_settings_key_count = sizeof(cell_settings_keys) / sizeof(cell_settings_keys[0]);

static const char *const role_names[] = {"calls", "events", "directory"};

static void complain(struct cc_buffer *errors, const char *file_name, const char *what)
{
    cc_buffer_printf(errors, "%s: %s\n", file_name, what);
}

static bool roles_are_known(const struct cell_settings *settings)
{
    for (size_t i = 0; i < settings->roles.count; i++) {
        bool known = false;
        for (size_t r = 0; r < sizeof(role_names) / sizeof(role_names[0]); r++)
            known = known || strcmp(settings->roles.items[i], role_names[r]) == 0;
        if (!known)
            return false;
    }
    return settings->roles.count > 0;
}

static bool log_level_is_known(const char *level)
{
    return strcmp(level, "debug") == 0 || strcmp(level, "info") == 0 ||
           strcmp(level, "warning") == 0 || strcmp(level, "error") == 0;
}

static enum cc_error check(const struct cell_settings *settings, const char *file_name,
                           struct cc_buffer *errors)
{
    size_t before = errors->length;
    if (!cc_name_is_country(cc_slice_of(settings->country)))
        complain(errors, file_name, "country: must be two lower-case letters");
    if (!cc_name_is_cell(cc_slice_of(settings->cell)))
        complain(errors, file_name, "cell: must be <country>-<n>");
    else if (strncmp(settings->cell, settings->country, CC_COUNTRY_LENGTH) != 0)
        complain(errors, file_name, "cell: must be of the country");
    if (!cc_name_is_resource(cc_slice_of(settings->worker)))
        complain(errors, file_name, "worker: must match [a-z][a-z0-9_-]{0,62}");
    if (!roles_are_known(settings))
        complain(errors, file_name, "roles: must be of calls, events, directory");
    if (!log_level_is_known(settings->log_level))
        complain(errors, file_name, "log_level: must be debug, info, warning or error");
    if (!settings->tls_certificate_file != !settings->tls_authority_file)
        complain(errors, file_name, "tls: needs both certificate_file and authority_file");
    if (settings->sources.count > 0 && !settings->source_token_file)
        complain(errors, file_name, "source_token_file: needed when there are sources");
    return errors->length == before ? CC_OK : CC_INVALID;
}

enum cc_error cell_settings_load(struct cc_slice yaml, const char *file_name,
                                 char *const *environment, struct cell_settings *out,
                                 struct cc_buffer *errors)
{
    enum cc_error error = cc_config_load(yaml, file_name, "CALLCELL_CELL", environment,
                                         cell_settings_keys, cell_settings_key_count, out, errors);
    return error ? error : check(out, file_name, errors);
}

void cell_settings_free(struct cell_settings *settings)
{
    cc_config_free(cell_settings_keys, cell_settings_key_count, settings);
}

bool cell_settings_has_role(const struct cell_settings *settings, const char *role)
{
    for (size_t i = 0; i < settings->roles.count; i++) {
        if (strcmp(settings->roles.items[i], role) == 0)
            return true;
    }
    return false;
}

/* Appends the hosts (or the ports) of "host:port,host:port". */
static void append_hosts(const char *hosts, bool ports, struct cc_buffer *out)
{
    for (const char *at = hosts; *at;) {
        size_t item = strcspn(at, ",");
        size_t host = strcspn(at, ":,");
        if (at != hosts)
            cc_buffer_text(out, ",");
        if (!ports)
            cc_buffer_append(out, cc_slice(at, host));
        else if (host < item)
            cc_buffer_append(out, cc_slice(at + host + 1, item - host - 1));
        at += item + (at[item] == ',');
    }
}

void cell_settings_conninfo(const struct cell_settings *settings, const char *role,
                            const char *target, struct cc_buffer *out)
{
    cc_buffer_text(out, "host=");
    append_hosts(settings->postgres_hosts, false, out);
    cc_buffer_text(out, " port=");
    append_hosts(settings->postgres_hosts, true, out);
    cc_buffer_printf(out, " dbname=%s user=%s target_session_attrs=%s", settings->postgres_database,
                     role, target);
    if (settings->postgres_sslmode)
        cc_buffer_printf(out, " sslmode=%s", settings->postgres_sslmode);
    cc_buffer_text(out, " options='-c timezone=UTC'");
    cc_buffer_append(out, cc_slice("", 1)); /* NUL: it is used as a C string */
}
