#include "cell/flows/node.h"

enum {
    TARGET_TIMEOUT_MAX_S = 120,
    TIMEOUT_DEFAULT_S = 30,
    TIME_LIMIT_MAX_S = 86400,
    SIP_MAX_BYTES = 255,
    USER_MAX_BYTES = 64
};

struct connect {
    struct cc_action action;
    uint16_t next; /* after a completed conversation */
    uint16_t busy;
    uint16_t no_answer;
    uint16_t failed;
};

static bool is_sip(struct cc_slice text)
{
    size_t scheme = cc_slice_starts_with(text, CC_SLICE_LITERAL("sip:"))    ? 4
                    : cc_slice_starts_with(text, CC_SLICE_LITERAL("sips:")) ? 5
                                                                            : 0;
    if (scheme == 0 || text.length == scheme)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    }
    return true;
}

static bool is_user(struct cc_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return text.length > 0;
}

/* The ways to name a target. */
static const struct {
    const char *field;
    enum cc_target_kind kind;
    size_t maximum;
    bool (*check)(struct cc_slice text);
    const char *words;
} ways[] = {
    {"e164", CC_TARGET_E164, CC_E164_MAX, cc_name_is_e164, "must be E.164 (+ and 2 to 15 digits)"},
    {"sip", CC_TARGET_SIP, SIP_MAX_BYTES, is_sip, "must be a sip: or sips: address"},
    {"user", CC_TARGET_USER, USER_MAX_BYTES, is_user, "must be letters, digits, . _ or -"},
};
enum { WAY_COUNT = sizeof(ways) / sizeof(ways[0]) };

static enum cc_error compile_value(struct cell_compiler *compiler, struct cc_target *target)
{
    size_t given = 0, way = 0;
    enum cc_error error = CC_OK;
    for (size_t i = 0; i < WAY_COUNT; i++) {
        if (!json_object_get(compiler->json, ways[i].field))
            continue;
        given++;
        way = i;
    }
    if (given != 1)
        return cell_refuse(compiler, NULL, "must have one of e164, sip and user");
    target->kind = ways[way].kind;
    error = cell_read_text(compiler, ways[way].field, true, 1, ways[way].maximum, &target->value);
    if (!error && !ways[way].check(target->value))
        error = cell_refuse(compiler, ways[way].field, "%s", ways[way].words);
    return error;
}

static enum cc_error compile_target(struct cell_compiler *compiler, struct cc_target *target)
{
    static const char *const fields[] = {"e164", "sip", "user", "timeout_s", "caller_id", NULL};
    enum cc_error error = cell_read_fields(compiler, fields);
    if (!error)
        error = compile_value(compiler, target);
    if (!error)
        error =
            cell_read_integer(compiler, "timeout_s", 1, TARGET_TIMEOUT_MAX_S, &target->timeout_s);
    if (!error)
        error = cell_read_text(compiler, "caller_id", false, 1, CC_E164_MAX, &target->caller_id);
    if (error || target->caller_id.length == 0)
        return error;
    if (!cc_slice_is(target->caller_id, "anonymous") && !cc_name_is_e164(target->caller_id))
        return cell_refuse(compiler, "caller_id", "must be E.164 or anonymous");
    return CC_OK;
}

static enum cc_error compile_targets(struct cell_compiler *compiler, struct cc_action *action)
{
    size_t count = json_array_size(compiler->json);
    if (count < 1 || count > CC_TARGETS_MAX)
        return cell_refuse(compiler, NULL, "must be a list of 1 to %d targets", CC_TARGETS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct cell_compiler_place back;
        enum cc_error error = CC_OK;
        cell_read_enter_element(compiler, i, &back);
        error = compile_target(compiler, &action->targets[action->target_count++]);
        if (error)
            return error;
        cell_read_leave(compiler, back);
    }
    return CC_OK;
}

static enum cc_error compile_strategy(struct cell_compiler *compiler, struct cc_action *action)
{
    enum { STRATEGY_MAX = 12 };
    enum cc_error error =
        cell_read_text(compiler, "strategy", false, 1, STRATEGY_MAX, &action->strategy);
    if (error)
        return error;
    if (action->strategy.length == 0)
        action->strategy = CC_SLICE_LITERAL("simultaneous");
    if (!cc_slice_is(action->strategy, "simultaneous") &&
        !cc_slice_is(action->strategy, "sequential"))
        return cell_refuse(compiler, "strategy", "must be simultaneous or sequential");
    return CC_OK;
}

static enum cc_error compile_branches(struct cell_compiler *compiler, struct connect *connect)
{
    static const char *const fields[] = {"busy", "no_answer", "failed", NULL};
    struct cell_compiler_place back;
    enum cc_error error = CC_OK;
    if (!json_object_get(compiler->json, "branches"))
        return CC_OK;
    error = cell_read_enter(compiler, "branches", &back);
    if (!error)
        error = cell_read_fields(compiler, fields);
    if (!error)
        error = cell_read_reference(compiler, "busy", false, &connect->busy);
    if (!error)
        error = cell_read_reference(compiler, "no_answer", false, &connect->no_answer);
    if (!error)
        error = cell_read_reference(compiler, "failed", false, &connect->failed);
    if (!error)
        cell_read_leave(compiler, back);
    return error;
}

static enum cc_error compile_options(struct cell_compiler *compiler, struct connect *connect)
{
    struct cc_action *action = &connect->action;
    enum cc_error error = compile_strategy(compiler, action);
    if (!error)
        error =
            cell_read_integer(compiler, "timeout_s", 1, TARGET_TIMEOUT_MAX_S, &action->timeout_s);
    if (!error)
        error =
            cell_read_integer(compiler, "time_limit_s", 1, TIME_LIMIT_MAX_S, &action->time_limit_s);
    if (!error)
        error = compile_branches(compiler, connect);
    if (!error)
        error = cell_read_reference(compiler, "next", false, &connect->next);
    return error;
}

static enum cc_error compile(struct cell_compiler *compiler, struct cell_node *node)
{
    struct connect *connect = cell_flow_alloc(compiler->flow, sizeof(*connect));
    struct cell_compiler_place back;
    enum cc_error error = CC_OK;
    if (!connect)
        return CC_NO_MEMORY;
    *connect = (struct connect){.next = CELL_NODE_NONE,
                                .busy = CELL_NODE_NONE,
                                .no_answer = CELL_NODE_NONE,
                                .failed = CELL_NODE_NONE};
    connect->action.kind = CC_ACTION_CONNECT;
    connect->action.timeout_s = TIMEOUT_DEFAULT_S;
    connect->action.reports = true;
    node->data = connect;
    error = cell_read_enter(compiler, "targets", &back);
    if (!error)
        error = compile_targets(compiler, &connect->action);
    if (error)
        return error;
    cell_read_leave(compiler, back);
    return compile_options(compiler, connect);
}

static enum cell_node_then enter(const struct cell_node *node, struct cell_step *step)
{
    const struct connect *connect = node->data;
    (void)cell_step_act(step, &connect->action);
    return CELL_NODE_WAIT;
}

static uint16_t branch_for(const struct connect *connect, enum cc_result_status status)
{
    switch (status) {
    case CC_RESULT_COMPLETED:
        return connect->next;
    case CC_RESULT_BUSY:
        return connect->busy;
    case CC_RESULT_NO_ANSWER:
        return connect->no_answer;
    case CC_RESULT_FAILED:
        return connect->failed;
    case CC_RESULT_CANCELED:
    case CC_RESULT_NONE:
        break;
    }
    return CELL_NODE_NONE;
}

static enum cell_node_then resume(const struct cell_node *node, struct cell_step *step)
{
    step->next = branch_for(node->data, step->event->status);
    return CELL_NODE_GO;
}

const struct cell_node_type cell_node_connect = {
    .name = "connect",
    .fields = (const char *const[]){"targets", "strategy", "timeout_s", "time_limit_s", "branches",
                                    "next", NULL},
    .acts = true,
    .waits = true,
    .awaits = CC_EVENT_DIAL_COMPLETED,
    .compile = compile,
    .enter = enter,
    .resume = resume,
};
