#include "cell/flows/node.h"

enum {
    DIGITS_MAX = 16,
    DIGIT_BRANCHES_MAX = 100,
    TIMEOUT_MAX_S = 60,
    TIMEOUT_DEFAULT_S = 5,
    RETRIES_MAX = 9,
    RETRIES_DEFAULT = 2
};

struct digit_branch {
    struct cc_slice digits;
    uint16_t node;
};

struct menu {
    struct cc_prompt prompt;
    int64_t minimum, maximum;
    struct cc_slice finish_on_key;
    int64_t timeout_s;
    int64_t retries;
    uint16_t invalid;
    uint16_t timeout;
    struct digit_branch *branches;
    size_t branch_count;
};

static bool is_dtmf(const char *text)
{
    return text[0] && strspn(text, "0123456789*#ABCD") == strlen(text);
}

static enum cc_error compile_digit_branch(struct cell_compiler *compiler, struct menu *menu,
                                          const char *digits)
{
    size_t length = strlen(digits);
    struct digit_branch *branch = &menu->branches[menu->branch_count];
    char *copy = NULL;
    if (!is_dtmf(digits) || length > DIGITS_MAX)
        return cell_refuse(compiler, digits,
                           "must be 1 to %d of 0-9 * # A-D, or invalid or timeout", DIGITS_MAX);
    if (menu->branch_count == DIGIT_BRANCHES_MAX)
        return cell_refuse(compiler, NULL, "must have at most %d digit branches",
                           DIGIT_BRANCHES_MAX);
    copy = cell_flow_alloc(compiler->flow, length + 1);
    if (!copy)
        return CC_NO_MEMORY;
    memcpy(copy, digits, length);
    branch->digits = cc_slice(copy, length);
    menu->branch_count++;
    if ((int64_t)length > menu->maximum)
        menu->maximum = (int64_t)length;
    return cell_read_reference(compiler, digits, true, &branch->node);
}

static enum cc_error compile_branch(struct cell_compiler *compiler, struct menu *menu,
                                    const char *name)
{
    if (strcmp(name, "invalid") == 0)
        return cell_read_reference(compiler, name, true, &menu->invalid);
    if (strcmp(name, "timeout") == 0)
        return cell_read_reference(compiler, name, true, &menu->timeout);
    return compile_digit_branch(compiler, menu, name);
}

static enum cc_error compile_branches(struct cell_compiler *compiler, struct menu *menu)
{
    json_t *object = (json_t *)(uintptr_t)compiler->json; /* jansson's iterators take no const */
    size_t count = json_object_size(object);
    if (!json_is_object(object))
        return cell_refuse(compiler, NULL, "must be an object");
    if (count > DIGIT_BRANCHES_MAX)
        count = DIGIT_BRANCHES_MAX;
    menu->branches = cell_flow_alloc(compiler->flow, (count + 1) * sizeof(*menu->branches));
    if (!menu->branches)
        return CC_NO_MEMORY;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        enum cc_error error = compile_branch(compiler, menu, json_object_iter_key(at));
        if (error)
            return error;
    }
    if (menu->branch_count == 0)
        return cell_refuse(compiler, NULL, "must have at least one digit branch");
    return CC_OK;
}

static enum cc_error compile_finish_on_key(struct cell_compiler *compiler, struct menu *menu)
{
    bool given = json_object_get(compiler->json, "finish_on_key");
    enum cc_error error =
        cell_read_text(compiler, "finish_on_key", false, 0, 1, &menu->finish_on_key);
    if (error)
        return error;
    if (!given)
        menu->finish_on_key = CC_SLICE_LITERAL("#");
    if (menu->finish_on_key.length > 0 && !strchr("0123456789*#", menu->finish_on_key.data[0]))
        return cell_refuse(compiler, "finish_on_key", "must be one of 0-9 * #, or empty");
    return CC_OK;
}

static enum cc_error compile_limits(struct cell_compiler *compiler, struct menu *menu)
{
    enum cc_error error = cell_read_integer(compiler, "max", 1, DIGITS_MAX, &menu->maximum);
    if (!error)
        error = cell_read_integer(compiler, "min", 1, DIGITS_MAX, &menu->minimum);
    if (!error && menu->minimum > menu->maximum)
        error =
            cell_refuse(compiler, "min", "must not be greater than max (%d)", (int)menu->maximum);
    if (!error)
        error = compile_finish_on_key(compiler, menu);
    if (!error)
        error = cell_read_integer(compiler, "timeout_s", 1, TIMEOUT_MAX_S, &menu->timeout_s);
    if (!error)
        error = cell_read_integer(compiler, "retries", 0, RETRIES_MAX, &menu->retries);
    return error;
}

static enum cc_error compile(struct cell_compiler *compiler, struct cell_node *node)
{
    struct menu *menu = cell_flow_alloc(compiler->flow, sizeof(*menu));
    struct cell_compiler_place back;
    enum cc_error error = CC_OK;
    if (!menu)
        return CC_NO_MEMORY;
    *menu = (struct menu){.minimum = 1,
                          .timeout_s = TIMEOUT_DEFAULT_S,
                          .retries = RETRIES_DEFAULT,
                          .invalid = CELL_NODE_NONE,
                          .timeout = CELL_NODE_NONE};
    node->data = menu;
    error = cell_read_enter(compiler, "prompt", &back);
    if (!error)
        error = cell_read_prompt(compiler, &menu->prompt);
    if (error)
        return error;
    cell_read_leave(compiler, back);
    error = cell_read_enter(compiler, "branches", &back);
    if (!error)
        error = compile_branches(compiler, menu);
    if (error)
        return error;
    cell_read_leave(compiler, back);
    return compile_limits(compiler, menu);
}

static enum cell_node_then gather(const struct menu *menu, struct cell_step *step)
{
    struct cc_action action = {.kind = CC_ACTION_GATHER,
                               .prompt = menu->prompt,
                               .minimum = menu->minimum,
                               .maximum = menu->maximum,
                               .finish_on_key = menu->finish_on_key,
                               .timeout_s = menu->timeout_s};
    (void)cell_step_act(step, &action);
    return CELL_NODE_WAIT;
}

static enum cell_node_then enter(const struct cell_node *node, struct cell_step *step)
{
    return gather(node->data, step);
}

static enum cell_node_then failed_try(const struct menu *menu, struct cell_step *step,
                                      uint16_t branch)
{
    if (step->tries < menu->retries) {
        step->tries++;
        return gather(menu, step);
    }
    step->next = branch;
    return CELL_NODE_GO;
}

static bool timed_out(const struct cc_call_event *event)
{
    if (event->reason == CC_REASON_TIMEOUT || event->reason == CC_REASON_ERROR)
        return true;
    return event->digits.length == 0 && !event->digits_invalid;
}

static enum cell_node_then resume(const struct cell_node *node, struct cell_step *step)
{
    const struct menu *menu = node->data;
    if (timed_out(step->event))
        return failed_try(menu, step, menu->timeout);
    for (size_t i = 0; i < menu->branch_count; i++) {
        if (!cc_slice_equal(menu->branches[i].digits, step->event->digits))
            continue;
        step->next = menu->branches[i].node;
        return CELL_NODE_GO;
    }
    return failed_try(menu, step, menu->invalid);
}

const struct cell_node_type cell_node_menu = {
    .name = "menu",
    .fields = (const char *const[]){"prompt", "branches", "min", "max", "finish_on_key",
                                    "timeout_s", "retries", NULL},
    .acts = true,
    .waits = true,
    .awaits = CC_EVENT_GATHER_COMPLETED,
    .compile = compile,
    .enter = enter,
    .resume = resume,
};
