/* Commands about edges, cells and tenants. */
#include <stdio.h>
#include <stdlib.h>

#include "control-plane/cell_api.h"
#include "control-plane/cli/commands.h"
#include "control-plane/cli/country.h"
#include "control-plane/fleet/edge_remove.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/provision/edge_create.h"
#include "control-plane/provision/tenant_create.h"
#include "control-plane/registry.h"

static enum cc_error print_query(struct cp_context *context, const char *sql, const char *parameter)
{
    PGresult *result;
    enum cc_error error = parameter ? cp_sql_read(context, &result, sql, CP_PARAMETERS(parameter))
                                    : cp_sql_read(context, &result, sql, CP_NO_PARAMETERS);
    if (!error)
        cp_cli_print(context, result);
    return error;
}

static bool read_port(const char *text, int *out)
{
    char *end = NULL;
    long value = strtol(text, &end, 10);
    *out = (int)value;
    return *text && !*end && value > 0 && value < 65536;
}

enum cc_error cp_cli_edge_add(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *edge = arguments->positionals[0];
    const char *telemetry = cp_argument(arguments, "telemetry-port");
    const char *tls = cp_argument(arguments, "tls-port");
    struct cp_edge_ports ports = {0};
    bool changed = false;
    if (!read_port(cp_argument(arguments, "port"), &ports.plain) ||
        (tls && !read_port(tls, &ports.tls)) ||
        (telemetry && !read_port(telemetry, &ports.telemetry)))
        return cp_fail(context, CC_UNSUPPORTED, "edge add: a port is a number from 1 to 65535");
    if (!tls)
        ports.tls = cp_ports_edge_tls(ports.plain);
    if (!telemetry)
        ports.telemetry = ports.plain + 1;
    enum cc_error error = cp_edge_create(context, edge, &ports, &changed);
    if (!error)
        cp_cli_done(context, "edge", edge, changed);
    return error;
}

enum cc_error cp_cli_edge_remove(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *edge = arguments->positionals[0];
    const struct cp_edge_removal options = {.last = cp_argument(arguments, "last") != NULL,
                                            .accept_loss =
                                                cp_argument(arguments, "accept-loss") != NULL};
    bool changed = false;
    enum cc_error error = cp_edge_remove(context, edge, &options, &changed);
    if (!error)
        cp_cli_done(context, "edge", edge, changed);
    return error;
}

enum cc_error cp_cli_edge_list(struct cp_context *context, const struct cp_arguments *arguments)
{
    (void)arguments;
    return print_query(context,
                       "SELECT edge, port + $1::int AS port, telemetry_port + $1::int AS "
                       "telemetry_port FROM edges ORDER BY edge",
                       cp_format(context, "%d", (int)context->settings.port_offset));
}

enum cc_error cp_cli_cell_create(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *country = arguments->positionals[0];
    const char *cell = cp_argument(arguments, "cell");
    const char *template_name = cp_argument(arguments, "template");
    const char *target = cp_argument(arguments, "target");
    bool changed = false;
    enum cc_error error =
        cp_cell_create(context, country, cell, template_name ? template_name : "demo",
                       target ? target : "local", &changed);
    if (!error)
        cp_cli_done(context, "cell", cell ? cell : cp_format(context, "%s-1", country), changed);
    return error;
}

enum cc_error cp_cli_cell_list(struct cp_context *context, const struct cp_arguments *arguments)
{
    (void)arguments;
    return print_query(
        context,
        "SELECT cell, country, state, template, target, "
        "(SELECT count(*) FROM slot_ranges s WHERE s.cell = c.cell) > 0 AS has_slots, "
        "20000 + 100 * number + $1::int AS first_port FROM cells c ORDER BY number",
        cp_format(context, "%d", (int)context->settings.port_offset));
}

enum cc_error cp_cli_tenant_create(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *tenant = arguments->positionals[0], *country = NULL;
    bool changed = false;
    enum cc_error error = cp_cli_country(context, arguments, &country);
    if (!error)
        error = cp_tenant_create(context, country, tenant, cp_argument(arguments, "name"),
                                 cp_argument(arguments, "cell"), &changed);
    if (!error)
        cp_cli_done(context, "tenant", tenant, changed);
    return error;
}

enum cc_error cp_cli_tenant_list(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *country = NULL;
    enum cc_error error = cp_cli_some_country(context, arguments, &country);
    if (error)
        return error;
    return print_query(context,
                       "SELECT country, tenant, name, pinned_cell, state, (SELECT count(*) FROM "
                       "numbers n WHERE n.country = t.country AND n.tenant = t.tenant) AS numbers "
                       "FROM tenants t WHERE $1 = '' OR country = $1 ORDER BY country, tenant",
                       country);
}
