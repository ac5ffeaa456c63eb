#include "control-plane/provision/edge_create.h"

#include "base/names.h"
#include "control-plane/cell_api.h"
#include "control-plane/certificates/certificates.h"
#include "control-plane/files.h"
#include "control-plane/fleet/edge_remove.h"
#include "control-plane/provision/serves.h"
#include "control-plane/registry.h"
#include "control-plane/run.h"
#include "control-plane/targets/local.h"

enum { HEALTH_S = 30 };

struct edge_create {
    struct cp_context *context;
    const char *edge;
    struct cp_edge_ports ports;
};

static enum cc_error configure(void *subject);
static enum cc_error start(void *subject);
static enum cc_error verify(void *subject);
static enum cc_error claim(void *subject);

/* Claimed last: only an edge that lives is waited for when something is published. */
static const struct cc_transition rows[] = {
    {"new", NULL, NULL, configure, NULL, "configured", "folders and configuration"},
    {"configured", NULL, NULL, start, verify, "healthy", "started and healthy"},
    {"healthy", NULL, NULL, claim, NULL, "ready", "registered"},
};
const struct cc_transition_table cp_edge_create_table = {"edge_create", "new", "ready", rows,
                                                         sizeof(rows) / sizeof(rows[0])};

static enum cc_error configure(void *subject)
{
    struct edge_create *create = subject;
    struct cp_context *context = create->context;
    const char *folder = cp_path(context, "edges/%s", create->edge);
    const char *text = cp_format(
        context,
        "id: %s\nlisten_address: 127.0.0.1\nlisten_port: %d\ntelemetry_port: %d\ntls_port: %d\n"
        "tls:\n  certificate_file: %s/tls/identity.pem\n  authority_file: %s/tls/authority.pem\n"
        "publications_directory: %s/publications\njournal_directory: %s/journal\n"
        "sources: %s\nsource_token_file: %s\npublic_key_file: %s\n"
        "discovery_directory: %s\nlog_level: %s\n",
        create->edge, cp_port(context, create->ports.plain),
        cp_port(context, create->ports.telemetry), cp_port(context, create->ports.tls), folder,
        folder, folder, folder, cp_serve_sources(context), cp_path(context, "etc/tokens/edges"),
        cp_path(context, "etc/keys/signing.pub"), cp_path(context, "discovery"),
        context->settings.log_level);
    enum cc_error error = cp_folder_make(context, cp_format(context, "%s/publications", folder));
    if (!error)
        error = cp_folder_make(context, cp_format(context, "%s/journal", folder));
    if (!error)
        error = cp_identity_ensure(context, cp_format(context, "%s/tls", folder),
                                   cp_format(context, "urn:callcell:edge:%s", create->edge));
    return error ? error
                 : cp_file_write(context, cp_format(context, "%s/edge.yaml", folder),
                                 cc_slice_of(text), 0600);
}

static enum cc_error start(void *subject)
{
    struct edge_create *create = subject;
    struct cp_context *context = create->context;
    const char *const argv[] = {cp_format(context, "%s/callcell-edge", context->bin), "--config",
                                cp_path(context, "edges/%s/edge.yaml", create->edge), NULL};
    struct cp_service service = {.name = create->edge, .argv = argv};
    enum cc_error error = cp_target_local.install(context, &service);
    return error ? error : cp_target_local.start(context, create->edge);
}

static enum cc_error verify(void *subject)
{
    struct edge_create *create = subject;
    return cp_http_wait_ok(create->context,
                           cp_format(create->context, "127.0.0.1:%d",
                                     cp_port(create->context, create->ports.telemetry)),
                           "/healthz", create->edge, HEALTH_S);
}

static enum cc_error claim(void *subject)
{
    struct edge_create *create = subject;
    struct cp_context *context = create->context;
    return cp_sql_run(
        context,
        "INSERT INTO edges (edge, port, telemetry_port) VALUES ($1, $2::int, $3::int) "
        "ON CONFLICT (edge) DO NOTHING",
        CP_PARAMETERS(create->edge, cp_format(context, "%d", create->ports.plain),
                      cp_format(context, "%d", create->ports.telemetry)));
}

static enum cc_error check(const struct edge_create *create)
{
    struct cp_context *context = create->context;
    if (!cc_name_is_resource(cc_slice_of(create->edge)) || strncmp(create->edge, "edge", 4) != 0)
        return cp_fail(context, CC_UNSUPPORTED, "%s is no edge id; an edge is named like edge-1",
                       create->edge);
    if (!cp_ports_edge_ok(create->ports.plain) || !cp_ports_edge_ok(create->ports.telemetry) ||
        !cp_ports_edge_ok(create->ports.tls) || create->ports.plain == create->ports.telemetry ||
        create->ports.plain == create->ports.tls || create->ports.tls == create->ports.telemetry)
        return cp_fail(
            context, CC_UNSUPPORTED,
            "ports %d, %d and %d cannot be an edge's: 7300 to 7309 and 20100 to 60099 are taken",
            create->ports.plain, create->ports.tls, create->ports.telemetry);
    return CC_OK;
}

enum cc_error cp_edge_create(struct cp_context *context, const char *edge,
                             const struct cp_edge_ports *ports, bool *changed)
{
    struct edge_create create = {context, edge, *ports};
    PGresult *result;
    *changed = false;
    enum cc_error error = check(&create);
    if (!error)
        error = cp_sql(context, &result,
                       "SELECT edge, port, telemetry_port FROM edges WHERE edge = $1 OR "
                       "port IN ($2::int, $3::int) OR telemetry_port IN ($2::int, $3::int)",
                       CP_PARAMETERS(edge, cp_format(context, "%d", ports->plain),
                                     cp_format(context, "%d", ports->telemetry)));
    if (error)
        return error;
    for (int row = 0; row < PQntuples(result); row++) {
        if (strcmp(cp_sql_value(result, row, 0), edge) != 0 ||
            cp_sql_integer(result, row, 1) != ports->plain ||
            cp_sql_integer(result, row, 2) != ports->telemetry)
            return cp_fail(context, CC_CONFLICT, "%s exists with port %s and telemetry port %s",
                           cp_sql_value(result, row, 0), cp_sql_value(result, row, 1),
                           cp_sql_value(result, row, 2));
    }
    const struct cp_run_request request = {.table = &cp_edge_create_table,
                                           .opposite = &cp_edge_remove_table,
                                           .subject = edge,
                                           .data = &create};
    bool due = false;
    error = cp_run_is_due(context, &request, &due);
    *changed = PQntuples(result) == 0 || due;
    if (error || !*changed)
        return error;
    return cp_run(context, &request);
}
