#include "cell/calls/decide.h"

enum { FORWARDS_MAX = 5 };

const char *cell_decision_name(enum cell_decision decision)
{
    static const char *const names[] = {
#define X(name, text) text,
        CELL_DECISION_LIST(X)
#undef X
    };
    return (unsigned)decision < CELL_DECISION_COUNT ? names[decision] : "none";
}

/* One decision. event is a copy in which the plan's kind rules. */
struct deciding {
    const struct cell_decide_input *input;
    struct cc_arena *arena;
    struct cc_call_event event;
    struct cc_slice fallback_target; /* the plan's, or without one what the state remembers of it */
    struct cc_answer *answer;        /* actions has room for CC_ACTIONS_MAX */
};

static void only(struct deciding *deciding, struct cc_action action)
{
    deciding->answer->actions[0] = action;
    deciding->answer->action_count = 1;
}

/* Nothing is to be done on these, wherever the dialogue stands. */
static bool is_notice(enum cc_call_event_type type)
{
    return type == CC_EVENT_CALL_ANSWERED || type == CC_EVENT_CALL_COMPLETED ||
           type == CC_EVENT_PLAY_COMPLETED || type == CC_EVENT_UNKNOWN;
}

/* The dialogue is over: flow and state are null. */
static enum cell_decision safest(struct deciding *deciding, enum cell_decision decision)
{
    const struct cell_decide_input *input = deciding->input;
    struct cc_answer *answer = deciding->answer;
    bool known_number = input->plan || !input->plan_known;
    answer->action_count = 0;
    answer->flow_id = cc_slice(NULL, 0);
    answer->flow_version = 0;
    answer->state = cc_slice(NULL, 0);
    (void)cc_safest(&deciding->event, input->policy, known_number, deciding->fallback_target,
                    answer->actions, &answer->action_count);
    return decision;
}

static struct cell_call_identity identity(const struct cell_decide_input *input)
{
    return (struct cell_call_identity){input->country, input->tenant, input->event->call_id};
}

static struct cell_opened open_anew(const struct cell_decide_input *input, struct cc_arena *arena)
{
    struct cell_call_identity call = identity(input);
    struct cell_opened opened = {.why_not = CELL_DECISION_STATE_FORGED};
    const struct cc_call_event *event = input->event;
    enum cc_error error = CC_OK;
    if (event->state_oversized)
        return opened;
    if (event->state.length == 0) {
        opened.why_not = CELL_DECISION_STATE_MISSING;
        return opened;
    }
    error = cell_state_open(event->state, &call, input->keyring, event->occurred_at_us, arena,
                            &opened.state);
    opened.ok = error == CC_OK;
    if (error == CC_EXPIRED)
        opened.why_not = CELL_DECISION_STATE_EXPIRED;
    else if (error != CC_INVALID && error != CC_SIGNATURE)
        opened.why_not = CELL_DECISION_FAULT;
    return opened;
}

static struct cell_opened open_state(const struct cell_decide_input *input, struct cc_arena *arena)
{
    struct cell_opened opened;
    if (input->opened && input->opened->is_known)
        return *input->opened;
    opened = open_anew(input, arena);
    opened.is_known = true;
    if (input->opened)
        *input->opened = opened;
    return opened;
}

/* Short codes have no E.164 form: they belong to the country. */
static bool is_international(const struct deciding *deciding)
{
    char room[CC_DIALLED_ROOM];
    const struct cc_call_policy *policy = deciding->input->policy;
    struct cc_slice number =
        cc_dialled_to_e164(cc_call_event_dialled(&deciding->event), policy, room);
    if (number.length == 0 || number.data[0] != '+')
        return false;
    return !cc_slice_starts_with(cc_slice(number.data + 1, number.length - 1),
                                 policy->country_code);
}

static enum cell_decision bar(struct deciding *deciding)
{
    only(deciding, cc_action_reject(603, 21, "barred"));
    return CELL_DECISION_BARRED;
}

static enum cell_decision connect_as_dialled(struct deciding *deciding)
{
    only(deciding, cc_action_connect_event(&deciding->event));
    return CELL_DECISION_CONNECT;
}

static enum cell_decision mobile_originating(struct deciding *deciding)
{
    const struct cell_call_plan *plan = deciding->input->plan;
    struct cc_target *target = &deciding->answer->actions[0].targets[0];
    if (plan->barring & (CELL_BAR_ALL | CELL_BAR_OUTGOING))
        return bar(deciding);
    if (plan->barring & CELL_BAR_INTERNATIONAL && is_international(deciding))
        return bar(deciding);
    if (plan->barring & CELL_BAR_PREMIUM && cc_is_barred(&deciding->event, deciding->input->policy))
        return bar(deciding);
    connect_as_dialled(deciding);
    target->caller_id = plan->caller_id;
    if (plan->caller_id_restricted || cc_slice_is(deciding->event.from_presentation, "restricted"))
        target->caller_id = CC_SLICE_LITERAL("anonymous");
    return CELL_DECISION_CONNECT;
}

/* A call that already went through here, or through many, is not sent on again. */
static bool may_forward(const struct deciding *deciding)
{
    const struct cc_call_event *event = &deciding->event;
    const struct cell_call_plan *plan = deciding->input->plan;
    if (plan->forward_always.length == 0 || event->forwarded_count >= FORWARDS_MAX)
        return false;
    for (size_t i = 0; i < event->forwarded_count; i++) {
        if (cc_slice_equal(event->forwarded_from[i], plan->number))
            return false;
    }
    return true;
}

static enum cell_decision mobile_terminating(struct deciding *deciding)
{
    const struct cell_call_plan *plan = deciding->input->plan;
    if (plan->barring & (CELL_BAR_ALL | CELL_BAR_INCOMING))
        return bar(deciding);
    if (!may_forward(deciding))
        return connect_as_dialled(deciding);
    only(deciding, cc_action_connect_e164(plan->forward_always));
    return CELL_DECISION_FORWARD;
}

/* No plan of ours stands behind an originating call: it goes where it was dialled to. */
static enum cell_decision unknown_originating(struct deciding *deciding)
{
    if (cc_is_barred(&deciding->event, deciding->input->policy))
        return bar(deciding);
    connect_as_dialled(deciding);
    return CELL_DECISION_UNKNOWN_NUMBER;
}

static enum cc_error seal(struct deciding *deciding, struct cell_call_state *state)
{
    const struct cell_decide_input *input = deciding->input;
    struct cell_call_identity call = identity(input);
    const struct cc_sealing_key *key =
        cc_sealing_keyring_for(input->keyring, input->event->occurred_at_us);
    state->fallback_target = deciding->fallback_target;
    return cell_state_seal(state, &call, key, deciding->arena, &deciding->answer->state);
}

/* The dialogue goes on: what the carrier may do should our next answer be late. */
static enum cell_decision promise(struct deciding *deciding, enum cell_decision decision)
{
    struct cc_slice target = deciding->fallback_target;
    struct cc_answer *answer = deciding->answer;
    answer->on_timeout = cc_arena_alloc(deciding->arena, sizeof(*answer->on_timeout));
    if (!answer->on_timeout)
        return safest(deciding, CELL_DECISION_FAULT);
    answer->on_timeout[0] = target.length ? cc_action_connect_e164(target) : cc_action_hangup();
    answer->on_timeout_count = 1;
    return decision;
}

static void name_flow(struct deciding *deciding, const struct cell_call_state *state)
{
    deciding->answer->flow_id = state->flow_id;
    deciding->answer->flow_version = state->flow_version;
}

/* Nothing is due: the dialogue waits where it was, under the very same state. */
static enum cell_decision wait_on(struct deciding *deciding, const struct cell_call_state *state,
                                  enum cell_decision decision)
{
    name_flow(deciding, state);
    deciding->answer->state = deciding->event.state;
    return promise(deciding, decision);
}

/* From the entry when position is NULL, else from the waiting node. */
static enum cell_decision follow(struct deciding *deciding, const struct cell_flow *flow,
                                 const struct cell_flow_position *position,
                                 struct cell_call_state *state)
{
    struct cc_answer *answer = deciding->answer;
    switch (cell_flow_walk(flow, position, &deciding->event, answer->actions, &answer->action_count,
                           &state->position)) {
    case CELL_FLOW_UNFIT:
        return safest(deciding, CELL_DECISION_UNFIT);
    case CELL_FLOW_ENDED:
        name_flow(deciding, state);
        return CELL_DECISION_FLOW;
    case CELL_FLOW_WAITING:
        break;
    }
    if (position && answer->action_count == 0)
        return wait_on(deciding, state, CELL_DECISION_NOTHING);
    name_flow(deciding, state);
    if (seal(deciding, state))
        return safest(deciding, CELL_DECISION_FAULT);
    return promise(deciding, CELL_DECISION_FLOW);
}

static enum cell_decision start_flow(struct deciding *deciding)
{
    const struct cell_call_plan *plan = deciding->input->plan;
    struct cell_call_state state = {.started_at_us = deciding->event.occurred_at_us};
    if (!plan->flow)
        return safest(deciding, CELL_DECISION_NO_FLOW);
    state.flow_id = plan->flow_id;
    state.flow_version = plan->flow_version;
    return follow(deciding, plan->flow, NULL, &state);
}

static bool is_plans_flow(const struct cell_call_plan *plan, const struct cell_call_state *state)
{
    return plan && plan->flow && plan->flow_version == state->flow_version &&
           cc_slice_equal(plan->flow_id, state->flow_id);
}

static enum cell_decision continue_flow(struct deciding *deciding, struct cell_opened *opened)
{
    const struct cell_decide_input *input = deciding->input;
    const struct cell_flow *flow =
        is_plans_flow(input->plan, &opened->state) ? input->plan->flow : input->pinned_flow;
    struct cell_flow_position position = opened->state.position;
    if (!flow)
        return safest(deciding, CELL_DECISION_NO_FLOW);
    return follow(deciding, flow, &position, &opened->state);
}

/* A notice needs no flow: the state says all. After call.completed there is nothing to wait for. */
static enum cell_decision take_notice(struct deciding *deciding, const struct cell_opened *opened)
{
    bool unknown = deciding->event.type == CC_EVENT_UNKNOWN;
    enum cell_decision decision = unknown ? CELL_DECISION_UNKNOWN_EVENT : CELL_DECISION_NOTHING;
    if (!opened->ok && !unknown && opened->why_not != CELL_DECISION_STATE_MISSING)
        return opened->why_not;
    if (!opened->ok)
        return decision;
    if (deciding->event.type != CC_EVENT_CALL_COMPLETED)
        return wait_on(deciding, &opened->state, decision);
    name_flow(deciding, &opened->state);
    return decision;
}

static enum cell_decision decide_dialogue(struct deciding *deciding, struct cell_opened *opened)
{
    if (is_notice(deciding->event.type))
        return take_notice(deciding, opened);
    if (!opened->ok)
        return safest(deciding, opened->why_not);
    return continue_flow(deciding, opened);
}

/* First events that a plan answers, and mid-call events of a plan without a dialogue. */
static enum cell_decision decide_planned(struct deciding *deciding)
{
    bool originating = deciding->event.direction == CC_CALL_ORIGINATING;
    if (!cc_call_event_is_first(&deciding->event))
        return deciding->event.type == CC_EVENT_UNKNOWN ? CELL_DECISION_UNKNOWN_EVENT
                                                        : CELL_DECISION_NOTHING;
    if (deciding->input->plan->kind == CC_CALL_MOBILE)
        return originating ? mobile_originating(deciding) : mobile_terminating(deciding);
    return originating ? connect_as_dialled(deciding) : start_flow(deciding);
}

static enum cell_decision decide_unplanned(struct deciding *deciding)
{
    const struct cell_decide_input *input = deciding->input;
    bool first = cc_call_event_is_first(&deciding->event);
    if (deciding->event.type == CC_EVENT_UNKNOWN)
        return CELL_DECISION_UNKNOWN_EVENT;
    if (!input->plan_known)
        return safest(deciding, CELL_DECISION_NO_PLAN);
    if (deciding->event.direction == CC_CALL_TERMINATING)
        return safest(deciding, CELL_DECISION_UNKNOWN_NUMBER);
    return first ? unknown_originating(deciding) : CELL_DECISION_NOTHING;
}

/* Whether a dialogue of a flow can be under way: mid-call of a terminating call that is not known
 * to be a mobile one. */
static bool may_have_dialogue(const struct cell_decide_input *input)
{
    return !cc_call_event_is_first(input->event) &&
           input->event->direction == CC_CALL_TERMINATING &&
           (!input->plan || input->plan->kind == CC_CALL_PBX);
}

static enum cell_decision decide(struct deciding *deciding)
{
    const struct cell_decide_input *input = deciding->input;
    if (cc_is_emergency(&deciding->event, input->policy))
        return safest(deciding, CELL_DECISION_EMERGENCY);
    if (may_have_dialogue(input)) {
        struct cell_opened opened = open_state(input, deciding->arena);
        bool notice = is_notice(deciding->event.type);
        if (!input->plan)
            deciding->fallback_target = opened.state.fallback_target;
        if (input->plan || (opened.ok && (notice || input->pinned_flow)))
            return decide_dialogue(deciding, &opened);
    }
    return input->plan ? decide_planned(deciding) : decide_unplanned(deciding);
}

enum cell_decision cell_decide(const struct cell_decide_input *input, struct cc_arena *arena,
                               struct cc_answer *answer)
{
    struct deciding deciding = {
        .input = input, .arena = arena, .event = *input->event, .answer = answer};
    *answer = (struct cc_answer){0};
    answer->actions = cc_arena_alloc(arena, CC_ACTIONS_MAX * sizeof(*answer->actions));
    if (!answer->actions)
        return CELL_DECISION_FAULT;
    if (input->plan) {
        deciding.event.kind = input->plan->kind;
        deciding.fallback_target = input->plan->fallback_target;
    }
    return decide(&deciding);
}

enum cc_error cell_decide_needs(const struct cell_decide_input *input, struct cc_arena *arena,
                                struct cc_slice *flow_id, int64_t *flow_version)
{
    struct cell_opened opened;
    *flow_id = cc_slice(NULL, 0);
    *flow_version = 0;
    if (!may_have_dialogue(input) || is_notice(input->event->type))
        return CC_NOT_FOUND;
    opened = open_state(input, arena);
    if (!opened.ok || is_plans_flow(input->plan, &opened.state))
        return CC_NOT_FOUND;
    *flow_id = opened.state.flow_id;
    *flow_version = opened.state.flow_version;
    return CC_OK;
}
