/*
 * A worker's configuration (cell.yaml; environment CALLCELL_CELL__<KEY>). Pure.
 */
#ifndef CELL_SETTINGS_H
#define CELL_SETTINGS_H

#include "base/config.h"

struct cell_settings {
    char *country; /* "se" */
    char *cell;    /* "se-1" */
    char *worker;  /* "worker-1" */
    struct cc_config_list roles;
    char *listen_address;
    int64_t listen_port;
    char *telemetry_address;
    int64_t telemetry_port;     /* 0: none */
    char *tls_certificate_file; /* NULL: plain */
    char *tls_key_file;         /* NULL: in the certificate's file */
    char *tls_authority_file;
    char *edge_token_file;
    char *control_token_file;
    char *redis_host;
    int64_t redis_port;
    char *redis_user;          /* NULL: the default user */
    char *redis_password_file; /* NULL: none */
    char *postgres_hosts;      /* "127.0.0.1:20131,127.0.0.1:20132" */
    char *postgres_database;
    char *postgres_password_directory; /* files <role>.password */
    char *postgres_sslmode;            /* NULL: libpq's default */
    char *publications_directory;
    struct cc_config_list sources; /* of publications: "127.0.0.1:7300" */
    char *source_token_file;
    char *public_key_file;
    char *lease_file; /* NULL: no fencing */
    char *spool_directory;
    struct cc_config_list spool_siblings; /* folders of <worker>/spool */
    int64_t spool_max_bytes;
    int64_t spool_memory_max_bytes;
    int64_t call_plans_max;
    char *plans_directory; /* NULL: call plans are not kept on disk */
    int64_t plans_interval_ms;
    char *zoneinfo_directory;
    char *log_level;
    int64_t budget_redis_ms;
    int64_t budget_replica_ms;
    int64_t budget_primary_ms;
    int64_t drain_ms;
};

extern const struct cc_config_key cell_settings_keys[];
extern const size_t cell_settings_key_count;

/* cc_config_load, then what a table of keys cannot say: names, roles, the log level. On CC_INVALID
 * errors holds one line per error. Call cell_settings_free in both cases. */
enum cc_error cell_settings_load(struct cc_slice yaml, const char *file_name,
                                 char *const *environment, struct cell_settings *out,
                                 struct cc_buffer *errors) CC_MUST_CHECK;
void cell_settings_free(struct cell_settings *settings);

bool cell_settings_has_role(const struct cell_settings *settings, const char *role);

/* libpq keywords for one role's connections, without password. target: a target_session_attrs
 * value. */
void cell_settings_conninfo(const struct cell_settings *settings, const char *role,
                            const char *target, struct cc_buffer *out);

#endif
