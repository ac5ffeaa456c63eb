/*
 * A cell's files, Redis and workers.
 *
 * Redis holds nothing that must survive (design: section 6): no persistence. volatile-lru: call
 * plans carry an expiry and may be evicted, the change stream has none and may not; allkeys-lru
 * could drop the stream, and noeviction would refuse new changes once plans fill the memory.
 */
#include <stdio.h>

#include "base/crypto.h"
#include "control-plane/cell_api.h"
#include "control-plane/certificates/certificates.h"
#include "control-plane/failover/lease.h"
#include "control-plane/files.h"
#include "control-plane/fleet/drained.h"
#include "control-plane/postgres/make.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/provision/serves.h"
#include "control-plane/registry.h"
#include "control-plane/sites.h"
#include "control-plane/targets/local.h"

enum { READY_S = 60 };

/* Workers 1 and 2 are at site a, 3 and 4 at site b. */
static int first_worker(const char *site)
{
    return cp_site_is(site, CP_SITE_FIRST) ? 1 : CP_WORKERS_PER_CELL + 1;
}

static int last_worker(struct cp_cell_create *create, const char *site)
{
    return first_worker(site) + (int)create->template.workers - 1;
}

static enum cc_error make_folder_list(struct cp_cell_create *create, const char *site)
{
    static const char *const folders[] = {"etc/tokens", "etc/postgres", "redis"};
    enum cc_error error = cp_folder_make(create->context, cp_path(create->context, "discovery"));
    for (size_t i = 0; !error && i < sizeof(folders) / sizeof(folders[0]); i++)
        error = cp_folder_make(create->context, cp_cell_path_at(create, site, folders[i]));
    for (int worker = first_worker(site); !error && worker <= last_worker(create, site); worker++)
        error = cp_folder_make(
            create->context,
            cp_cell_path_at(create, site,
                            cp_format(create->context, "workers/worker-%d/spool", worker)));
    return error;
}

/* The sites hold the same secrets: each must do without the other. */
static enum cc_error copy_secrets(struct cp_cell_create *create, const char *from, const char *to)
{
    static const char *const files[] = {"etc/tokens/edge",
                                        "etc/tokens/control",
                                        "etc/tokens/source",
                                        "etc/redis.password",
                                        "etc/redis-operator.password",
                                        "etc/postgres/autoctl_node.password",
                                        "etc/postgres/replicator.password",
                                        "etc/postgres/calls.password",
                                        "etc/postgres/events.password",
                                        "etc/postgres/directory.password",
                                        "etc/backup.passphrase",
                                        "etc/pgbackrest.ini"};
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < sizeof(files) / sizeof(files[0]); i++) {
        struct cc_slice bytes;
        if (cp_file_read(create->context, cp_cell_path_at(create, from, files[i]), &bytes))
            continue;
        error = cp_file_write(create->context, cp_cell_path_at(create, to, files[i]), bytes, 0600);
    }
    return error;
}

static enum cc_error register_source_token(struct cp_cell_create *create)
{
    struct cp_context *context = create->context;
    const char *token = NULL;
    uint8_t digest[CC_SHA256_BYTES];
    char text[2 * CC_SHA256_BYTES + 1];
    enum cc_error error =
        cp_secret_ensure(context, cp_cell_path(create, "etc/tokens/source"), &token);
    if (!error)
        error = cc_sha256(cc_slice_of(token), digest);
    if (error)
        return error;
    cc_hex_encode(cc_slice((const char *)digest, sizeof(digest)), text);
    return cp_sql_run(context,
                      "INSERT INTO source_tokens (holder, country, sha256) VALUES ($1, $2, $3) "
                      "ON CONFLICT (holder) DO UPDATE SET sha256 = EXCLUDED.sha256",
                      CP_PARAMETERS(create->cell, create->country, text));
}

static enum cc_error make_secrets(struct cp_cell_create *create)
{
    static const char *const secrets[] = {"etc/tokens/edge",
                                          "etc/tokens/control",
                                          "etc/redis.password",
                                          "etc/redis-operator.password",
                                          "etc/postgres/calls.password",
                                          "etc/postgres/events.password",
                                          "etc/postgres/directory.password"};
    enum cc_error error = CC_OK;
    const char *secret = NULL;
    for (size_t i = 0; !error && i < sizeof(secrets) / sizeof(secrets[0]); i++)
        error = cp_secret_ensure(create->context, cp_cell_path(create, secrets[i]), &secret);
    return error;
}

/* From now on the cell is one of two sites. */
static enum cc_error make_standby_site(struct cp_cell_create *create)
{
    const struct cp_sites sites = {.count = 2,
                                   .active = CP_SITE_FIRST,
                                   .standby = CP_SITE_SECOND,
                                   .term = 1,
                                   .country = create->country,
                                   .number = create->number};
    struct cp_sites now;
    cp_sites_read(create->context, create->cell, &now);
    enum cc_error error = make_folder_list(create, CP_SITE_SECOND);
    if (!error)
        error = cp_local_site_up(create->context, CP_SITE_SECOND);
    if (!error && now.count == 1)
        error = cp_sites_write(create->context, create->cell, &sites);
    return error;
}

enum cc_error cp_cell_make_site(struct cp_cell_create *create, const char *site,
                                const char *secrets_of)
{
    struct cp_postgres_group group;
    enum cc_error error = make_folder_list(create, site);
    if (!error)
        error = cp_local_site_up(create->context, site);
    if (!error)
        error = copy_secrets(create, secrets_of, site);
    cp_cell_postgres(create->context, create->cell, create->number, create->target, &group);
    if (!error)
        error = cp_postgres_prepare(&group);
    return error ? error : cp_lease_ensure(create->context, create->cell, site);
}

enum cc_error cp_cell_make_folders(void *subject)
{
    struct cp_cell_create *create = subject;
    enum cc_error error = make_folder_list(create, CP_SITE_FIRST);
    if (!error)
        error = make_secrets(create);
    if (!error)
        error = register_source_token(create);
    if (!error && create->template.sites == 2)
        error = make_standby_site(create);
    if (!error)
        error = cp_cell_make_site(create, CP_SITE_FIRST, CP_SITE_FIRST);
    if (!error && create->template.sites == 2)
        error = cp_cell_make_site(create, CP_SITE_SECOND, CP_SITE_FIRST);
    return error;
}

static enum cc_error digest_of(struct cp_cell_create *create, const char *file, const char **out)
{
    const char *password = NULL;
    uint8_t digest[CC_SHA256_BYTES];
    char text[2 * CC_SHA256_BYTES + 1];
    enum cc_error error = cp_secret_ensure(create->context, cp_cell_path(create, file), &password);
    if (!error)
        error = cc_sha256(cc_slice_of(password), digest);
    if (error)
        return error;
    cc_hex_encode(cc_slice((const char *)digest, sizeof(digest)), text);
    *out = cp_copy(create->context, cc_slice_of(text));
    return CC_OK;
}

/* worker: everything but administration; operator: for on-call and tests. */
static enum cc_error write_redis(struct cp_cell_create *create, const char *site)
{
    struct cp_context *context = create->context;
    const char *worker = NULL, *operator= NULL;
    enum cc_error error = digest_of(create, "etc/redis.password", &worker);
    if (!error)
        error = digest_of(create, "etc/redis-operator.password", &operator);
    if (error)
        return error;
    const char *rights = cp_format(context,
                                   "user default off\n"
                                   "user worker on #%s ~* &* +@all -@admin -@dangerous\n"
                                   "user operator on #%s ~* &* +@all\n",
                                   worker, operator);
    const char *settings = cp_format(
        context,
        "bind 127.0.0.1\nport %d\nprotected-mode yes\ndaemonize no\ndir %s\naclfile %s\n"
        "save \"\"\nappendonly no\nmaxmemory %lldmb\nmaxmemory-policy volatile-lru\n"
        "tcp-keepalive 30\nloglevel notice\nlogfile \"\"\n",
        cp_site_port(site, cp_port(context, cp_ports_redis(create->number))),
        cp_cell_path_at(create, site, "redis"), cp_cell_path_at(create, site, "etc/redis.acl"),
        (long long)create->template.redis_megabytes);
    error = cp_file_write(context, cp_cell_path_at(create, site, "etc/redis.acl"),
                          cc_slice_of(rights), 0600);
    return error ? error
                 : cp_file_write(context, cp_cell_path_at(create, site, "etc/redis.conf"),
                                 cc_slice_of(settings), 0600);
}

static const char *service_at(struct cp_cell_create *create, const char *site, const char *part)
{
    return cp_site_service(create->context, site, cp_cell_service(create, part));
}

static enum cc_error make_redis(struct cp_cell_create *create, const char *site)
{
    struct cp_context *context = create->context;
    const char *const argv[] = {"/usr/bin/redis-server",
                                cp_cell_path_at(create, site, "etc/redis.conf"), NULL};
    struct cp_service service = {.name = service_at(create, site, "redis"), .argv = argv};
    enum cc_error error = write_redis(create, site);
    if (!error)
        error = create->target->install(context, &service);
    return error ? error : create->target->start(context, service.name);
}

static int site_count(struct cp_cell_create *create)
{
    struct cp_sites sites;
    cp_sites_read(create->context, create->cell, &sites);
    return sites.count;
}

enum cc_error cp_cell_make_redis(void *subject)
{
    struct cp_cell_create *create = subject;
    enum cc_error error = make_redis(create, CP_SITE_FIRST);
    return error || site_count(create) == 1 ? error : make_redis(create, CP_SITE_SECOND);
}

static const char *spools_of(struct cp_cell_create *create)
{
    struct cp_context *context = create->context;
    const char *first = cp_cell_path(create, "workers");
    return site_count(create) == 1 ? cp_format(context, "\"%s\"", first)
                                   : cp_format(context, "\"%s\", \"%s\"", first,
                                               cp_cell_path_at(create, CP_SITE_SECOND, "workers"));
}

static const char *worker_settings(struct cp_cell_create *create, const char *site, int worker)
{
    struct cp_context *context = create->context;
    const char *folder =
        cp_cell_path_at(create, site, cp_format(context, "workers/worker-%d", worker));
    const char *etc = cp_cell_path_at(create, site, "etc");
    struct cc_slice text = cc_arena_printf(
        &context->arena,
        "country: \"%s\"\ncell: %s\nworker: worker-%d\nlisten_address: 127.0.0.1\nlisten_port: %d\n"
        "telemetry_port: %d\ntls:\n  certificate_file: %s/tls/worker-%d/identity.pem\n"
        "  authority_file: %s/tls/worker-%d/authority.pem\n"
        "edge_token_file: %s/tokens/edge\ncontrol_token_file: %s/tokens/control\n"
        "redis:\n  host: 127.0.0.1\n  port: %d\n  user: worker\n  password_file: "
        "%s/redis.password\n"
        "postgres:\n  hosts: \"127.0.0.1:%d,127.0.0.1:%d\"\n  database: cell\n"
        "  password_directory: %s/postgres\n  sslmode: disable\n"
        "publications_directory: %s/publications\nsources: %s\n"
        "source_token_file: %s/tokens/source\npublic_key_file: %s\nlease_file: %s/lease\n"
        "spool_directory: %s/spool\nspool_siblings_directory: [%s]\nspool_max_bytes: "
        "%lld\nplans_directory: %s/plans\ncall_plans_max: %lld\nlog_level: %s\n",
        create->country, create->cell, worker,
        cp_port(context, cp_ports_worker(create->number, worker)),
        cp_port(context, cp_ports_worker_telemetry(create->number, worker)), etc, worker, etc,
        worker, etc, etc, cp_site_port(site, cp_port(context, cp_ports_redis(create->number))), etc,
        cp_port(context, cp_ports_node(create->number, 1)),
        cp_port(context, cp_ports_node(create->number, 2)), etc, folder, cp_serve_sources(context),
        etc, cp_path(context, "etc/keys/signing.pub"), etc, folder, spools_of(create),
        (long long)create->template.spool_megabytes * 1024 * 1024, folder,
        (long long)create->template.call_plans_max, context->settings.log_level);
    return text.data ? text.data : "";
}

static const char *worker_service(struct cp_cell_create *create, const char *site, int worker)
{
    return service_at(create, site, cp_format(create->context, "worker-%d", worker));
}

static enum cc_error install_worker(struct cp_cell_create *create, const char *site, int worker)
{
    struct cp_context *context = create->context;
    const char *name = cp_format(context, "worker-%d", worker);
    const char *file = cp_cell_path_at(create, site, cp_format(context, "etc/cell-%s.yaml", name));
    const char *const argv[] = {cp_format(context, "%s/callcell-cell", context->bin), "--config",
                                file, NULL};
    struct cp_service service = {.name = worker_service(create, site, worker), .argv = argv};
    enum cc_error error = cp_identity_ensure(
        context, cp_cell_path_at(create, site, cp_format(context, "etc/tls/%s", name)),
        cp_format(context, "urn:callcell:cell:%s", create->cell));
    if (!error)
        error =
            cp_file_write(context, file, cc_slice_of(worker_settings(create, site, worker)), 0600);
    return error ? error : create->target->install(context, &service);
}

/* All are installed before the first is started, since the supervisor looks for new services every
 * few seconds. One that is drained is started by `cell undrain`. */
static enum cc_error start_workers(struct cp_cell_create *create, const char *site)
{
    struct cp_drained drained;
    enum cc_error error = cp_drained_read(create->context, create->cell, &drained);
    for (int worker = first_worker(site); !error && worker <= last_worker(create, site); worker++)
        error = install_worker(create, site, worker);
    for (int worker = first_worker(site); !error && worker <= last_worker(create, site); worker++)
        if (!drained.worker[worker])
            error = create->target->start(create->context, worker_service(create, site, worker));
    return error;
}

enum cc_error cp_cell_start_site(struct cp_cell_create *create, const char *site)
{
    enum cc_error error = make_redis(create, site);
    return error ? error : start_workers(create, site);
}

enum cc_error cp_cell_start_workers(void *subject)
{
    struct cp_cell_create *create = subject;
    enum cc_error error = start_workers(create, CP_SITE_FIRST);
    if (error || site_count(create) == 1)
        return error;
    error = copy_secrets(create, CP_SITE_FIRST, CP_SITE_SECOND);
    return error ? error : start_workers(create, CP_SITE_SECOND);
}

enum cc_error cp_cell_verify_site(struct cp_cell_create *create, const char *site)
{
    struct cp_drained drained;
    enum cc_error error = cp_drained_read(create->context, create->cell, &drained);
    for (int worker = first_worker(site); !error && worker <= last_worker(create, site); worker++) {
        if (drained.worker[worker])
            continue;
        const char *address =
            cp_format(create->context, "127.0.0.1:%d",
                      cp_port(create->context, cp_ports_worker_telemetry(create->number, worker)));
        error = cp_http_wait_ok(create->context, address, "/readyz",
                                cp_format(create->context, "worker-%d of %s", worker, create->cell),
                                READY_S);
    }
    return error;
}

enum cc_error cp_cell_verify_workers(void *subject)
{
    struct cp_cell_create *create = subject;
    enum cc_error error = cp_cell_verify_site(create, CP_SITE_FIRST);
    return error || site_count(create) == 1 ? error : cp_cell_verify_site(create, CP_SITE_SECOND);
}
