#include "cell/flows/node.h"

#include <stdlib.h>

#include "base/names.h"

/* A document of CELL_FLOW_BYTES_MAX, with room for what its nodes become. */
enum { REGION_BYTES = 16 * 1024 * 1024 };

int cell_node_order(const void *a, const void *b)
{
    const struct cell_node *left = a, *right = b;
    size_t shorter = left->id.length < right->id.length ? left->id.length : right->id.length;
    int order = memcmp(left->id.data, right->id.data, shorter);
    if (order)
        return order;
    return left->id.length < right->id.length ? -1 : left->id.length > right->id.length;
}

static enum cc_error add_node(struct cell_compiler *compiler, const char *id)
{
    struct cell_flow *flow = compiler->flow;
    struct cc_slice name = cc_slice_of(id);
    char *copy = NULL;
    if (!cc_name_is_resource(name))
        return cell_refuse(compiler, NULL, "node id \"%.70s\" must match [a-z][a-z0-9_-]{0,62}",
                           id);
    copy = cell_flow_alloc(flow, name.length + 1);
    if (!copy)
        return CC_NO_MEMORY;
    memcpy(copy, id, name.length);
    flow->nodes[flow->node_count++].id = cc_slice(copy, name.length);
    return CC_OK;
}

static enum cc_error list_nodes(struct cell_compiler *compiler)
{
    struct cell_flow *flow = compiler->flow;
    size_t count = json_object_size(compiler->json);
    json_t *nodes = (json_t *)(uintptr_t)compiler->json; /* jansson's iterators take no const */
    if (!json_is_object(nodes) || count < 1 || count > CELL_FLOW_NODES_MAX)
        return cell_refuse(compiler, NULL, "must be an object of 1 to %d nodes",
                           CELL_FLOW_NODES_MAX);
    flow->nodes = cell_flow_alloc(flow, count * sizeof(*flow->nodes));
    if (!flow->nodes)
        return CC_NO_MEMORY;
    for (void *at = json_object_iter(nodes); at; at = json_object_iter_next(nodes, at)) {
        enum cc_error error = add_node(compiler, json_object_iter_key(at));
        if (error)
            return error;
    }
    qsort(flow->nodes, flow->node_count, sizeof(*flow->nodes), cell_node_order);
    return CC_OK;
}

static enum cc_error check_node_fields(struct cell_compiler *compiler,
                                       const struct cell_node_type *type)
{
    enum { FIELDS_MAX = 16 };
    const char *fields[FIELDS_MAX + 2] = {"type"};
    for (size_t i = 0; i < FIELDS_MAX && type->fields[i]; i++)
        fields[i + 1] = type->fields[i];
    return cell_read_fields(compiler, fields);
}

static enum cc_error compile_inner(struct cell_compiler *compiler, struct cell_node *node)
{
    const json_t *type = json_object_get(compiler->json, "type");
    enum cc_error error = CC_OK;
    if (!json_is_object(compiler->json))
        return cell_refuse(compiler, NULL, "must be an object");
    if (!type)
        return cell_refuse(compiler, "type", "missing");
    if (!json_is_string(type))
        return cell_refuse(compiler, "type", "must be a text");
    node->type = cell_node_type_find(cc_slice_of(json_string_value(type)));
    if (!node->type)
        return cell_refuse(compiler, "type", "no node type \"%.40s\"", json_string_value(type));
    error = check_node_fields(compiler, node->type);
    return error ? error : node->type->compile(compiler, node);
}

static enum cc_error compile_nodes(struct cell_compiler *compiler)
{
    struct cell_flow *flow = compiler->flow;
    for (size_t i = 0; i < flow->node_count; i++) {
        struct cell_compiler_place back;
        enum cc_error error = cell_read_enter(compiler, flow->nodes[i].id.data, &back);
        if (error)
            return error;
        compiler->node = (uint16_t)i;
        error = compile_inner(compiler, &flow->nodes[i]);
        if (error)
            return error;
        cell_read_leave(compiler, back);
    }
    return CC_OK;
}

/* The entry is read last: it is no edge between nodes. */
static enum cc_error compile_document(struct cell_compiler *compiler)
{
    static const char *const fields[] = {"version", "entry", "nodes", NULL};
    struct cell_compiler_place back;
    int64_t version = 0;
    enum cc_error error = cell_read_fields(compiler, fields);
    if (!error && !json_object_get(compiler->json, "version"))
        error = cell_refuse(compiler, "version", "missing");
    if (!error)
        error = cell_read_integer(compiler, "version", 1, 1, &version);
    if (!error)
        error = cell_read_enter(compiler, "nodes", &back);
    if (!error)
        error = list_nodes(compiler);
    if (!error)
        error = compile_nodes(compiler);
    if (error)
        return error;
    cell_read_leave(compiler, back);
    compiler->node = CELL_NODE_NONE;
    error = cell_read_reference(compiler, "entry", true, &compiler->flow->entry);
    return error ? error : cell_flow_check(compiler);
}

enum cc_error cell_flow_compile(const json_t *document, const struct cell_zones *zones,
                                struct cell_flow **out, struct cc_json_reason *reason)
{
    struct cell_compiler compiler = {.zones = zones, .reason = reason, .json = document};
    enum cc_error error = CC_OK;
    *out = NULL;
    compiler.flow = calloc(1, sizeof(*compiler.flow));
    if (!compiler.flow)
        return CC_NO_MEMORY;
    cc_arena_init(&compiler.flow->region, REGION_BYTES);
    error = compile_document(&compiler);
    free(compiler.edges);
    if (error)
        cell_flow_free(compiler.flow);
    else
        *out = compiler.flow;
    return error;
}
