/* ports: which ports are the home's, by its files alone: also of one that is down. */
#include <stdio.h>
#include <stdlib.h>

#include "control-plane/cli/commands.h"
#include "control-plane/places.h"
#include "control-plane/sites.h"

static void add(struct cp_context *context, json_t *list, int port, const char *of)
{
    json_array_append_new(list, json_pack("{s:i, s:s}", "port", cp_port(context, port), "of", of));
}

static void add_control_plane(struct cp_context *context, json_t *list)
{
    for (int i = 1; i <= CP_SERVES; i++) {
        add(context, list, cp_ports_serve(i), cp_format(context, "serve-%d", i));
        add(context, list, cp_ports_serve(i) + 1, cp_format(context, "serve-%d telemetry", i));
    }
    add(context, list, cp_ports_registry_monitor(), "registry-monitor");
    add(context, list, cp_ports_pooler(cp_ports_registry_monitor()), "registry-monitor-pooler");
    for (int node = 1; node <= 2; node++)
        add(context, list, cp_ports_registry_node(node),
            cp_format(context, "registry-node%d", node));
}

/* At both sites, whether it has a standby site or not, and of its scratches. */
static void add_cell(struct cp_context *context, json_t *list, const struct cp_place_cell *cell)
{
    static const char *const sites[] = {CP_SITE_FIRST, CP_SITE_SECOND};
    const char *name = cell->cell;
    for (int worker = 1; worker <= 2 * CP_WORKERS_PER_CELL; worker++) {
        add(context, list, cp_ports_worker(cell->number, worker),
            cp_format(context, "%s-worker-%d", name, worker));
        add(context, list, cp_ports_worker_telemetry(cell->number, worker),
            cp_format(context, "%s-worker-%d telemetry", name, worker));
    }
    for (size_t i = 0; i < 2; i++) {
        add(context, list, cp_site_port(sites[i], cp_ports_redis(cell->number)),
            cp_format(context, "%s-redis at site %s", name, sites[i]));
        add(context, list, cp_site_port(sites[i], cp_ports_monitor(cell->number)),
            cp_format(context, "%s-monitor at site %s", name, sites[i]));
        add(context, list, cp_site_port(sites[i], cp_ports_pooler(cp_ports_monitor(cell->number))),
            cp_format(context, "%s-monitor-pooler at site %s", name, sites[i]));
    }
    for (int node = 1; node <= 2; node++)
        add(context, list, cp_ports_node(cell->number, node),
            cp_format(context, "%s-node%d", name, node));
    for (int slot = 0; slot < CP_SCRATCHES_PER_CELL; slot++)
        add(context, list, cp_ports_scratch(cell->number, slot),
            cp_format(context, "%s scratch", name));
}

/* An edge's ports come with the offset. */
static void add_edge(json_t *list, const struct cp_place_edge *edge)
{
    const struct {
        const char *what;
        int port;
    } ports[] = {{"", edge->port}, {" telemetry", edge->telemetry_port}, {" TLS", edge->tls_port}};
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]) && ports[i].port > 0; i++)
        json_array_append_new(list, json_pack("{s:i, s:o}", "port", ports[i].port, "of",
                                              json_sprintf("%s%s", edge->edge, ports[i].what)));
}

static void print(struct cp_context *context, const json_t *list)
{
    size_t i;
    json_t *item;
    char *text = context->json ? json_dumps(list, JSON_INDENT(1)) : NULL;
    if (text)
        printf("%s\n", text);
    free(text);
    if (context->json)
        return;
    json_array_foreach(list, i, item)
    {
        printf("%5lld  %s\n", (long long)json_integer_value(json_object_get(item, "port")),
               json_string_value(json_object_get(item, "of")));
    }
}

enum cc_error cp_cli_ports(struct cp_context *context, const struct cp_arguments *arguments)
{
    (void)arguments;
    static const struct cp_place_cell first = {.cell = "the first cell", .number = 1};
    struct cp_places *places = cp_alloc(context, sizeof(*places));
    json_t *list = json_array();
    cp_places_read(context, places);
    add_control_plane(context, list);
    for (size_t i = 0; i < places->edge_count; i++)
        add_edge(list, &places->edges[i]);
    for (size_t i = 0; i < places->cell_count; i++)
        add_cell(context, list, &places->cells[i]);
    if (places->cell_count == 0)
        add_cell(context, list, &first);
    print(context, list);
    json_decref(list);
    return CC_OK;
}
