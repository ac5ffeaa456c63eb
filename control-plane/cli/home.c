/* init, up, down, serve: the home as a whole. */
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "control-plane/backup/agent.h"
#include "control-plane/backup/restore.h"
#include "control-plane/cell_api.h"
#include "control-plane/certificates/certificates.h"
#include "control-plane/cli/commands.h"
#include "control-plane/files.h"
#include "control-plane/fleet/workers.h"
#include "control-plane/process.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/provision/registry_create.h"
#include "control-plane/provision/serves.h"
#include "control-plane/registry.h"
#include "control-plane/serve.h"
#include "control-plane/targets/local.h"

/* A Unix socket's path has at most 107 bytes, and a cell's socket is the longest below the home:
 * /cells/xx-123/pg/sock/.s.PGSQL.12345 */
enum { HOME_MAX = 107 - 37 };

static enum cc_error check_home(struct cp_context *context)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    if (strlen(context->home) > HOME_MAX)
        return cp_fail(context, CC_INVALID,
                       "the home's path is longer than %d bytes, too long for sockets: %s",
                       HOME_MAX, context->home);
    if (strspn(context->home, allowed) != strlen(context->home))
        return cp_fail(context, CC_INVALID,
                       "the home's path may hold letters, digits and / . _ - only: %s",
                       context->home);
    return CC_OK;
}

static enum cc_error make_folders(struct cp_context *context)
{
    static const char *const folders[] = {"etc/keys", "etc/tokens", "run/services",
                                          "log",      "discovery",  "carriers"};
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < sizeof(folders) / sizeof(folders[0]); i++)
        error = cp_folder_make(context, cp_path(context, "%s", folders[i]));
    return error;
}

/* The public half is written last: it says that the pair is whole. */
static enum cc_error make_keys(struct cp_context *context)
{
    const char *public_file = cp_path(context, "etc/keys/signing.pub");
    if (cp_file_exists(public_file))
        return CC_OK;
    char *private_pem = NULL, *public_pem = NULL;
    enum cc_error error = cc_ed25519_generate(&private_pem, &public_pem);
    if (!error)
        error = cp_file_write(context, cp_path(context, "etc/keys/signing.pem"),
                              cc_slice_of(private_pem), 0600);
    if (!error)
        error = cp_file_write(context, public_file, cc_slice_of(public_pem), 0600);
    if (private_pem)
        explicit_bzero(private_pem, strlen(private_pem));
    free(private_pem);
    free(public_pem);
    return error;
}

/* A key for the day on which the control plane is dead: programs believe it as they believe the
 * signing key. The private half is to be moved to a safe place; the public one says that it was
 * made. */
static enum cc_error make_break_glass_key(struct cp_context *context)
{
    const char *believed = cp_path(context, "etc/keys/signing.pub");
    const char *public_file = cp_path(context, "etc/keys/break-glass.pub");
    struct cc_slice signing = {0};
    char *private_pem = NULL, *public_pem = NULL;
    if (cp_file_exists(public_file))
        return CC_OK;
    enum cc_error error = cp_file_read(context, believed, &signing);
    if (!error)
        error = cc_ed25519_generate(&private_pem, &public_pem);
    if (!error)
        error = cp_file_write(context, cp_path(context, "etc/keys/break-glass.pem"),
                              cc_slice_of(private_pem), 0600);
    if (!error)
        error =
            cp_file_write(context, believed,
                          cc_slice_of(cp_format(context, "%s%s", signing.data, public_pem)), 0600);
    if (!error)
        error = cp_file_write(context, public_file, cc_slice_of(public_pem), 0600);
    if (private_pem)
        explicit_bzero(private_pem, strlen(private_pem));
    free(private_pem);
    free(public_pem);
    return error;
}

/* What serve and the operator show; edges and workers get theirs when they are made. */
static enum cc_error make_certificates(struct cp_context *context)
{
    static const struct {
        const char *folder, *identity;
    } ours[] = {{"etc/tls/serve-1", "urn:callcell:control"},
                {"etc/tls/serve-2", "urn:callcell:control"},
                {"etc/tls/operator", "urn:callcell:operator"}};
    enum cc_error error = cp_authority_ensure(context);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]) && !error; i++)
        error =
            cp_identity_ensure(context, cp_path(context, "%s", ours[i].folder), ours[i].identity);
    return error;
}

/* After a long down they may have expired, and nobody would have been there to renew them. */
static enum cc_error renew_certificates(struct cp_context *context)
{
    size_t renewed = 0;
    enum cc_error error = make_certificates(context);
    return error ? error : cp_identities_renew(context, CP_RENEW_DUE, NULL, &renewed);
}

static enum cc_error write_settings(struct cp_context *context)
{
    const char *path = cp_path(context, "etc/control.yaml");
    if (cp_file_exists(path))
        return CC_OK;
    const char *offset = getenv("CALLCELL_PORT_OFFSET");
    return cp_file_write(
        context, path,
        cc_slice_of(cp_format(context, "port_offset: %s\n", offset && *offset ? offset : "0")),
        0600);
}

/* Installed before the supervisor starts: it looks for new services only every 5 s. */
static enum cc_error start_supervisor(struct cp_context *context)
{
    enum cc_error error = cp_registry_install(context);
    if (!error)
        error = cp_serves_install(context);
    if (!error)
        error = cp_backup_install(context);
    return error ? error : cp_local_up(context);
}

static enum cc_error register_edges_token(struct cp_context *context)
{
    const char *token = NULL;
    uint8_t digest[CC_SHA256_BYTES];
    char text[2 * CC_SHA256_BYTES + 1];
    enum cc_error error = cp_secret_ensure(context, cp_path(context, "etc/tokens/edges"), &token);
    if (!error)
        error = cc_sha256(cc_slice_of(token), digest);
    if (error)
        return error;
    cc_hex_encode(cc_slice((const char *)digest, sizeof(digest)), text);
    return cp_sql_run(context,
                      "INSERT INTO source_tokens (holder, sha256) VALUES ('edges', $1) "
                      "ON CONFLICT (holder) DO UPDATE SET sha256 = EXCLUDED.sha256",
                      CP_PARAMETERS(text));
}

enum cc_error cp_cli_init(struct cp_context *context, const struct cp_arguments *arguments)
{
    (void)arguments;
    enum cc_error error = check_home(context);
    if (!error)
        error = make_folders(context);
    if (!error)
        error = write_settings(context);
    if (!error)
        error = cp_context_load(context);
    if (!error)
        error = make_keys(context);
    if (!error)
        error = make_break_glass_key(context);
    if (!error)
        error = renew_certificates(context);
    if (!error)
        error = start_supervisor(context);
    if (!error)
        error = cp_registry_create(context);
    if (!error)
        error = register_edges_token(context);
    if (!error)
        error = cp_registry_replicate(context);
    if (!error)
        error = cp_serves_start(context);
    if (!error)
        error = cp_target_local.start(context, "backups");
    if (!error)
        cp_cli_done(context, "home", context->home, true);
    return error;
}

/* All but those that are drained: they are down on purpose. */
static enum cc_error wait_for_workers(struct cp_context *context, const char *cell)
{
    struct cp_workers workers;
    enum cc_error error = cp_workers_find(context, cell, &workers);
    for (size_t i = 0; !error && i < workers.count; i++) {
        const struct cp_worker *worker = &workers.items[i];
        if (!worker->drained)
            error =
                cp_http_wait_ok(context, cp_format(context, "127.0.0.1:%d", worker->telemetry_port),
                                "/readyz", worker->service, 60);
    }
    return error;
}

/* Its workers first: they answer calls whatever its Postgres does. */
static enum cc_error wait_for_cell(struct cp_context *context, const char *cell, int number)
{
    enum cc_error error = wait_for_workers(context, cell);
    if (error)
        return error;
    error = cp_cell_wait_replicated(context, cell, number);
    if (error)
        return cp_fail(context, error, "%s; calls are answered; run: callcell cell heal %s",
                       cp_format(context, "%s", context->message), cell);
    return CC_OK;
}

static enum cc_error wait_for_cells(struct cp_context *context)
{
    PGresult *result;
    enum cc_error error = cp_sql_read(
        context, &result, "SELECT cell, number FROM cells WHERE state = 'ready' ORDER BY number",
        CP_NO_PARAMETERS);
    for (int row = 0; !error && row < PQntuples(result); row++)
        error = wait_for_cell(context, cp_sql_value(result, row, 0),
                              (int)cp_sql_integer(result, row, 1));
    return error;
}

/* That they answer at all: without a country they are not ready, and right. */
static enum cc_error wait_for_edges(struct cp_context *context)
{
    PGresult *result;
    enum cc_error error =
        cp_sql_read(context, &result, "SELECT edge, telemetry_port FROM edges", CP_NO_PARAMETERS);
    for (int row = 0; !error && row < PQntuples(result); row++) {
        const char *edge = cp_sql_value(result, row, 0);
        int port = cp_port(context, (int)cp_sql_integer(result, row, 1));
        if (!cp_file_exists(cp_format(context, "%s/down", cp_local_service_folder(context, edge))))
            error = cp_http_wait_ok(context, cp_format(context, "127.0.0.1:%d", port), "/healthz",
                                    edge, 30);
    }
    return error;
}

/* Without the right to raise them they answer, but late when Postgres is busy. */
static void say_who_does_not_come_first(struct cp_context *context)
{
    int behind = cp_local_priority(context).behind;
    if (behind > 0)
        (void)fprintf(stderr,
                      "%d programs that answer calls do not come before Postgres, and calls are "
                      "late when it is busy: as root, with CAP_SYS_NICE, give up again\n",
                      behind);
}

enum cc_error cp_cli_up(struct cp_context *context, const struct cp_arguments *arguments)
{
    (void)arguments;
    enum cc_error error = cp_registry_refuse_old_home(context);
    if (!error)
        error = renew_certificates(context);
    if (!error)
        error = start_supervisor(context);
    if (!error)
        error = cp_registry_start(context);
    if (!error)
        error = cp_registry_open(context);
    if (!error)
        error = cp_serves_start(context);
    if (!error)
        error = cp_target_local.start(context, "backups");
    if (!error)
        error = wait_for_edges(context);
    if (!error)
        error = wait_for_cells(context);
    if (!error)
        error = cp_registry_wait_replicated(context);
    if (!error)
        cp_cli_done(context, "platform", context->home, true);
    if (!error)
        say_who_does_not_come_first(context);
    return error;
}

enum cc_error cp_cli_down(struct cp_context *context, const struct cp_arguments *arguments)
{
    (void)arguments;
    cp_restore_stop_all(context);
    enum cc_error error = cp_local_down(context);
    if (!error)
        cp_cli_done(context, "platform", context->home, true);
    return error;
}

enum cc_error cp_cli_serve(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *text = cp_argument(arguments, "instance");
    int instance = 1;
    while (text && instance <= CP_SERVES && strcmp(text, cp_format(context, "%d", instance)) != 0)
        instance++;
    if (instance > CP_SERVES)
        return cp_fail(context, CC_UNSUPPORTED, "--instance %s: must be 1 to %d", text, CP_SERVES);
    struct cp_serve_options options = {
        .address = context->settings.listen_address,
        .port = cp_port(context, cp_ports_serve(instance)),
        .telemetry_port = cp_port(context, cp_ports_serve(instance) + 1),
        .identity_file = cp_path(context, "etc/tls/serve-%d/identity.pem", instance),
        .authority_file = cp_path(context, "etc/tls/serve-%d/authority.pem", instance),
        .registry = cp_registry_serve_conninfo(context),
        .instance = cp_serve_name(context, instance),
        .context = context,
    };
    if (cp_file_secret(context, cp_path(context, "registry/etc/postgres/serve.password"),
                       &options.registry_password))
        return CC_NOT_FOUND;
    return cp_serve(&options) ? cp_fail(context, CC_IO, "serve cannot start; see the log") : CC_OK;
}
