#include "tests/unit/cell/fixture.h"

#include <stdio.h>
#include <stdlib.h>

static const struct cc_slice emergency_numbers[] = {{"112", 3}};
static const struct cc_slice barred_prefixes[] = {{"+46900", 6}, {"+881", 4}};
static const struct cc_call_policy policy = {.country_code = {"46", 2},
                                             .national_prefix = {"0", 1},
                                             .emergency = emergency_numbers,
                                             .emergency_count = 1,
                                             .barred_prefixes = barred_prefixes,
                                             .barred_count = 2};

/* One decision; all text with ' for ". */
struct decided {
    enum cell_decision decision;
    char actions[FIXTURE_TEXT_MAX];
    char on_timeout[1024];
    char flow[80];
    char state[CC_STATE_TEXT_MAX + 1];
    char body[FIXTURE_TEXT_MAX];
};

/* What the decision is given besides the event. */
struct given {
    const char *plan; /* NULL: none */
    bool no_such_number;
    const char *pinned; /* a flow, or NULL */
};

static void single_quote(struct cc_slice text, char *out, size_t capacity)
{
    ck_assert_uint_lt(text.length, capacity);
    for (size_t i = 0; i < text.length; i++)
        out[i] = text.data[i] == '"' ? '\'' : text.data[i];
    out[text.length] = '\0';
}

static void keep_answer(const struct cc_answer *answer, const struct cc_call_event *event,
                        struct decided *out)
{
    struct cc_buffer buffer;
    char decision_id[CC_DECISION_ID_TEXT + 1];
    cc_buffer_init(&buffer, 0);
    cc_answer_render_actions(answer->actions, answer->action_count, &buffer);
    single_quote(cc_buffer_slice(&buffer), out->actions, sizeof(out->actions));
    cc_buffer_clear(&buffer);
    cc_answer_render_actions(answer->on_timeout, answer->on_timeout_count, &buffer);
    single_quote(cc_buffer_slice(&buffer), out->on_timeout, sizeof(out->on_timeout));
    cc_buffer_clear(&buffer);
    ck_assert_int_eq(cc_answer_render(answer, CC_SLICE_LITERAL("acme"), event->event_id, 7, &buffer,
                                      decision_id),
                     CC_OK);
    single_quote(cc_buffer_slice(&buffer), out->body, sizeof(out->body));
    cc_buffer_deinit(&buffer);
    single_quote(answer->state, out->state, sizeof(out->state));
    if (answer->flow_id.length > 0)
        (void)snprintf(out->flow, sizeof(out->flow), "%.*s/%lld", (int)answer->flow_id.length,
                       answer->flow_id.data, (long long)answer->flow_version);
}

static struct decided decide(const struct given *given, const char *quoted_event)
{
    static struct decided out;
    char *body = fixture_quote(quoted_event);
    struct cell_call_plan *plan = given->plan ? fixture_plan(given->plan) : NULL;
    struct cell_flow *pinned = given->pinned ? fixture_flow(given->pinned) : NULL;
    struct cc_sealing_keyring *keyring = fixture_keyring(fixture_two_keys);
    struct cc_json_reason reason = {""};
    struct cc_call_event event;
    struct cc_answer answer;
    struct cc_arena arena;
    struct cell_decide_input input = {.event = &event,
                                      .country = CC_SLICE_LITERAL("se"),
                                      .tenant = CC_SLICE_LITERAL("acme"),
                                      .plan = plan,
                                      .plan_known = given->no_such_number,
                                      .pinned_flow = pinned,
                                      .policy = &policy,
                                      .keyring = keyring};
    memset(&out, 0, sizeof(out));
    cc_arena_init(&arena, 0);
    ck_assert_msg(cc_call_event_parse(cc_slice_of(body), &arena, &event, &reason) == CC_OK,
                  "%s: %s", reason.text, body);
    out.decision = cell_decide(&input, &arena, &answer);
    keep_answer(&answer, &event, &out);
    cc_arena_reset(&arena);
    cc_sealing_keyring_free(keyring);
    cell_flow_free(pinned);
    cell_call_plan_unref(plan);
    free(body);
    return out;
}

static void check_plain(struct decided decided, enum cell_decision decision, const char *actions)
{
    ck_assert_str_eq(cell_decision_name(decided.decision), cell_decision_name(decision));
    ck_assert_str_eq(decided.actions, actions);
    ck_assert_str_eq(decided.flow, "");
    ck_assert_str_eq(decided.state, "");
    ck_assert_str_eq(decided.on_timeout, "[]");
}

#define EVENT_AT(type, time, call, more)                                                           \
    "{'event_id':'e-1','event':'" type "','occurred_at':'" time "','call':{'id':'c-1'," call       \
    "}" more "}"
#define EVENT(type, call, more) EVENT_AT(type, "2026-03-02T09:00:00Z", call, more)
#define FIRST(call) EVENT("call.initiated", call, "")
#define MOBILE_OUT(dialled)                                                                        \
    "'kind':'mobile','direction':'originating','from':{'e164':'+46701234567'},"                    \
    "'to':{'dialled':'" dialled "'}"
#define MOBILE_IN                                                                                  \
    "'kind':'mobile','direction':'terminating','from':{'e164':'+4681'},"                           \
    "'to':{'e164':'+46701234567'}"
#define PBX_IN "'kind':'pbx','direction':'terminating','to':{'e164':'+46101234567'}"
#define PBX_OUT                                                                                    \
    "'kind':'pbx','direction':'originating','from':{'e164':'+46101234567'},"                       \
    "'to':{'dialled':'0701','e164':'+46701'}"

#define MOBILE(members)                                                                            \
    "{'format':1,'row_version':7,'tenant':'acme','number':'+46701234567','kind':'mobile',"         \
    "'mobile':{" members "}}"
#define FLOW                                                                                       \
    "{'version':1,'entry':'menu','nodes':{'menu':{'type':'menu','prompt':{'say':{'text':'Press'}"  \
    "},'branches':{'1':'sales'}},'sales':{'type':'connect','targets':[{'user':'anna'}]}}}"
#define PBX(fallback, flow)                                                                        \
    "{'format':1,'row_version':7,'tenant':'acme','number':'+46101234567','kind':'pbx',"            \
    "'fallback_target':" fallback ",'flow':" flow "}"
#define PROGRAM(version) "{'id':'main','version':" version ",'program':" FLOW "}"

static const struct given pbx = {.plan = PBX("'+46812'", PROGRAM("3"))};
static const struct given pbx_without_fallback = {.plan = PBX("null", PROGRAM("3"))};
static const struct given no_such_number = {.no_such_number = true};
static const struct given no_plan = {.plan = NULL};

#define FALLBACK "[{'connect':{'targets':[{'e164':'+46812'}]}}]"
#define HANGUP "[{'hangup':{}}]"
#define BARRED "[{'reject':{'sip_code':603,'q850':21,'reason':'barred'}}]"
#define BUSY "[{'reject':{'sip_code':480,'q850':20,'reason':'unavailable'}}]"
#define UNKNOWN "[{'reject':{'sip_code':404,'q850':1,'reason':'unknown number'}}]"
#define DIALLED(number) "[{'connect':{'targets':[{'dialled':'" number "'}]}}]"
#define GATHER                                                                                     \
    "[{'gather':{'prompt':{'say':{'text':'Press','language':'en'}},'min':1,'max':1,"               \
    "'finish_on_key':'#','timeout_s':5}}]"
#define SALES                                                                                      \
    "[{'connect':{'targets':[{'user':'anna'}],'timeout_s':30,'on_busy':'event',"                   \
    "'on_no_answer':'event'}}]"

START_TEST(mobile_calls_of_a_subscriber)
{
    static const struct {
        const char *mobile;
        const char *call;
        enum cell_decision decision;
        const char *actions;
    } rows[] = {
        {"", MOBILE_OUT("0855"), CELL_DECISION_CONNECT, DIALLED("0855")},
        {"'barring':['all','outgoing']", MOBILE_OUT("112"), CELL_DECISION_EMERGENCY,
         DIALLED("112")},
        {"'barring':['all']", MOBILE_OUT("0855"), CELL_DECISION_BARRED, BARRED},
        {"'barring':['outgoing']", MOBILE_OUT("0855"), CELL_DECISION_BARRED, BARRED},
        {"'barring':['incoming']", MOBILE_OUT("0855"), CELL_DECISION_CONNECT, DIALLED("0855")},
        {"'barring':['international']", MOBILE_OUT("0855"), CELL_DECISION_CONNECT, DIALLED("0855")},
        {"'barring':['international']", MOBILE_OUT("+46855"), CELL_DECISION_CONNECT,
         DIALLED("+46855")},
        {"'barring':['international']", MOBILE_OUT("0046855"), CELL_DECISION_CONNECT,
         DIALLED("0046855")},
        {"'barring':['international']", MOBILE_OUT("118118"), CELL_DECISION_CONNECT,
         DIALLED("118118")},
        {"'barring':['international']", MOBILE_OUT("0047855"), CELL_DECISION_BARRED, BARRED},
        {"'barring':['international']", MOBILE_OUT("+47855"), CELL_DECISION_BARRED, BARRED},
        {"'barring':['premium']", MOBILE_OUT("0900123"), CELL_DECISION_BARRED, BARRED},
        {"'barring':['premium']", MOBILE_OUT("00881123"), CELL_DECISION_BARRED, BARRED},
        {"'barring':['premium']", MOBILE_OUT("0855"), CELL_DECISION_CONNECT, DIALLED("0855")},
        {"", MOBILE_OUT("0900123"), CELL_DECISION_CONNECT, DIALLED("0900123")},
        {"'caller_id':{'presentation':'allowed','number':'+4677'}", MOBILE_OUT("0855"),
         CELL_DECISION_CONNECT,
         "[{'connect':{'targets':[{'dialled':'0855','caller_id':'+4677'}]}}]"},
        {"'caller_id':{'presentation':'restricted','number':'+4677'}", MOBILE_OUT("0855"),
         CELL_DECISION_CONNECT,
         "[{'connect':{'targets':[{'dialled':'0855','caller_id':'anonymous'}]}}]"},
        {"'caller_id':{'presentation':'allowed','number':'+4677'}",
         "'kind':'mobile','direction':'originating','from':{'e164':'+46701234567',"
         "'presentation':'restricted'},'to':{'dialled':'0855','e164':'+46855'}",
         CELL_DECISION_CONNECT,
         "[{'connect':{'targets':[{'e164':'+46855','caller_id':'anonymous'}]}}]"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char plan[1024], event[1024];
        struct given given = {.plan = plan};
        (void)snprintf(plan, sizeof(plan), MOBILE("%s"), rows[i].mobile);
        (void)snprintf(event, sizeof(event), FIRST("%s"), rows[i].call);
        check_plain(decide(&given, event), rows[i].decision, rows[i].actions);
    }
}
END_TEST

START_TEST(mobile_calls_to_a_subscriber)
{
    static const struct {
        const char *mobile;
        const char *forwarded_from;
        enum cell_decision decision;
        const char *actions;
    } rows[] = {
        {"", "", CELL_DECISION_CONNECT, "[{'connect':{'targets':[{'e164':'+46701234567'}]}}]"},
        {"'barring':['all']", "", CELL_DECISION_BARRED, BARRED},
        {"'barring':['incoming'],'forward_always':'+4699'", "", CELL_DECISION_BARRED, BARRED},
        {"'barring':['outgoing','international','premium']", "", CELL_DECISION_CONNECT,
         "[{'connect':{'targets':[{'e164':'+46701234567'}]}}]"},
        {"'forward_always':'+4699'", "", CELL_DECISION_FORWARD,
         "[{'connect':{'targets':[{'e164':'+4699'}]}}]"},
        {"'forward_always':'+4699'", "'+461','+462','+463','+464'", CELL_DECISION_FORWARD,
         "[{'connect':{'targets':[{'e164':'+4699'}]}}]"},
        {"'forward_always':'+4699'", "'+461','+462','+463','+464','+465'", CELL_DECISION_CONNECT,
         "[{'connect':{'targets':[{'e164':'+46701234567'}]}}]"},
        {"'forward_always':'+4699'", "'+461','+46701234567'", CELL_DECISION_CONNECT,
         "[{'connect':{'targets':[{'e164':'+46701234567'}]}}]"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char plan[1024], event[1024];
        struct given given = {.plan = plan};
        (void)snprintf(plan, sizeof(plan), MOBILE("%s"), rows[i].mobile);
        (void)snprintf(event, sizeof(event), FIRST(MOBILE_IN ",'forwarded_from':[%s]"),
                       rows[i].forwarded_from);
        check_plain(decide(&given, event), rows[i].decision, rows[i].actions);
    }
}
END_TEST

START_TEST(later_events_of_mobile_and_originating_calls)
{
    static const struct given mobile = {.plan = MOBILE("'barring':['all']")};
    check_plain(decide(&mobile, EVENT("call.answered", MOBILE_IN, "")), CELL_DECISION_NOTHING,
                "[]");
    check_plain(decide(&mobile, EVENT("dial.completed", MOBILE_IN, ",'state':'x'")),
                CELL_DECISION_NOTHING, "[]");
    check_plain(decide(&mobile, EVENT("call.parked", MOBILE_IN, "")), CELL_DECISION_UNKNOWN_EVENT,
                "[]");
    check_plain(decide(&pbx, EVENT("dial.completed", PBX_OUT, "")), CELL_DECISION_NOTHING, "[]");
    check_plain(decide(&pbx, FIRST(PBX_OUT)), CELL_DECISION_CONNECT,
                "[{'connect':{'targets':[{'e164':'+46701'}]}}]");
}
END_TEST

START_TEST(unknown_numbers)
{
    check_plain(decide(&no_such_number, FIRST(MOBILE_IN)), CELL_DECISION_UNKNOWN_NUMBER, UNKNOWN);
    check_plain(decide(&no_such_number, FIRST(PBX_IN)), CELL_DECISION_UNKNOWN_NUMBER, UNKNOWN);
    check_plain(decide(&no_such_number, FIRST(MOBILE_OUT("0855"))), CELL_DECISION_UNKNOWN_NUMBER,
                DIALLED("0855"));
    check_plain(decide(&no_such_number, FIRST(MOBILE_OUT("0900123"))), CELL_DECISION_BARRED,
                BARRED);
    check_plain(decide(&no_such_number, FIRST(MOBILE_OUT("112"))), CELL_DECISION_EMERGENCY,
                DIALLED("112"));
    check_plain(decide(&no_such_number, EVENT("dial.completed", PBX_IN, "")),
                CELL_DECISION_UNKNOWN_NUMBER, HANGUP);
    check_plain(decide(&no_such_number, EVENT("call.completed", PBX_IN, "")),
                CELL_DECISION_UNKNOWN_NUMBER, "[]");
    check_plain(decide(&no_such_number, EVENT("dial.completed", MOBILE_OUT("0855"), "")),
                CELL_DECISION_NOTHING, "[]");
    check_plain(decide(&no_such_number, EVENT("call.parked", PBX_IN, "")),
                CELL_DECISION_UNKNOWN_EVENT, "[]");
}
END_TEST

START_TEST(the_safest_action_without_a_plan)
{
    check_plain(decide(&no_plan, FIRST(MOBILE_IN)), CELL_DECISION_NO_PLAN,
                "[{'connect':{'targets':[{'e164':'+46701234567'}]}}]");
    check_plain(decide(&no_plan, FIRST(MOBILE_OUT("0900123"))), CELL_DECISION_NO_PLAN, BARRED);
    check_plain(decide(&no_plan, FIRST(MOBILE_OUT("112"))), CELL_DECISION_EMERGENCY,
                DIALLED("112"));
    check_plain(decide(&no_plan, EVENT("dial.completed", MOBILE_IN, "")), CELL_DECISION_NO_PLAN,
                "[]");
    check_plain(decide(&no_plan, FIRST(PBX_IN)), CELL_DECISION_NO_PLAN, BUSY);
    check_plain(decide(&no_plan, EVENT("gather.completed", PBX_IN, "")), CELL_DECISION_NO_PLAN,
                HANGUP);
    check_plain(decide(&no_plan, EVENT("play.completed", PBX_IN, "")), CELL_DECISION_NO_PLAN, "[]");
    check_plain(decide(&no_plan, EVENT("call.parked", PBX_IN, "")), CELL_DECISION_UNKNOWN_EVENT,
                "[]");
}
END_TEST

START_TEST(emergency_wins_over_all)
{
    check_plain(decide(&pbx, EVENT("call.parked",
                                   "'kind':'pbx','direction':'originating','from':{'e164':"
                                   "'+46101234567'},'to':{'dialled':'urn:service:sos.fire'}",
                                   "")),
                CELL_DECISION_EMERGENCY, DIALLED("urn:service:sos.fire"));
    ck_assert_str_eq(decide(&pbx, FIRST("'kind':'pbx','direction':'terminating','to':{'e164':"
                                        "'+46101234567','dialled':'112'}"))
                         .actions,
                     GATHER);
}
END_TEST

START_TEST(pbx_calls_without_a_published_flow)
{
    static const struct given with = {.plan = PBX("'+46812'", "null")};
    static const struct given without = {.plan = PBX("null", "null")};
    check_plain(decide(&with, FIRST(PBX_IN)), CELL_DECISION_NO_FLOW, FALLBACK);
    check_plain(decide(&without, FIRST(PBX_IN)), CELL_DECISION_NO_FLOW, BUSY);
}
END_TEST

/* An event of the dialogue, with the state of an earlier answer. */
static struct decided go_on(const struct given *given, const char *state, const char *type,
                            const char *time, const char *result)
{
    char event[4096];
    (void)snprintf(event, sizeof(event),
                   EVENT_AT("%s", "%s", PBX_IN, ",'state':'%s','result':{%s}"), type, time, state,
                   result);
    return decide(given, event);
}

#define LATER "2026-03-02T09:01:00Z"

static void check_dialogue(struct decided decided, const char *actions, const char *on_timeout)
{
    ck_assert_int_eq(decided.decision, CELL_DECISION_FLOW);
    ck_assert_str_eq(decided.actions, actions);
    ck_assert_str_eq(decided.on_timeout, on_timeout);
    ck_assert_str_eq(decided.flow, "main/3");
    ck_assert_str_ne(decided.state, "");
}

START_TEST(a_dialogue_from_beginning_to_end)
{
    struct decided menu = decide(&pbx, FIRST(PBX_IN));
    struct decided again, sales, end;
    check_dialogue(menu, GATHER, FALLBACK);
    again = go_on(&pbx, menu.state, "gather.completed", LATER, "'digits':'9'");
    check_dialogue(again, GATHER, FALLBACK);
    ck_assert_str_ne(again.state, menu.state);
    sales = go_on(&pbx, again.state, "gather.completed", LATER, "'digits':'1'");
    check_dialogue(sales, SALES, FALLBACK);
    end = go_on(&pbx, sales.state, "dial.completed", LATER, "'status':'busy'");
    ck_assert_int_eq(end.decision, CELL_DECISION_FLOW);
    ck_assert_str_eq(end.actions, HANGUP);
    ck_assert_str_eq(end.on_timeout, "[]");
    ck_assert_str_eq(end.flow, "main/3");
    ck_assert_str_eq(end.state, "");
}
END_TEST

START_TEST(without_a_fallback_target_a_late_answer_hangs_up)
{
    check_dialogue(decide(&pbx_without_fallback, FIRST(PBX_IN)), GATHER, HANGUP);
}
END_TEST

START_TEST(events_without_a_result_keep_the_state)
{
    static const struct {
        const char *type;
        enum cell_decision decision;
    } rows[] = {{"call.answered", CELL_DECISION_NOTHING},
                {"play.completed", CELL_DECISION_NOTHING},
                {"queue.wait", CELL_DECISION_NOTHING},
                {"call.parked", CELL_DECISION_UNKNOWN_EVENT}};
    struct decided menu = decide(&pbx, FIRST(PBX_IN));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct decided kept = go_on(&pbx, menu.state, rows[i].type, LATER, "");
        ck_assert_int_eq(kept.decision, rows[i].decision);
        ck_assert_str_eq(kept.actions, "[]");
        ck_assert_str_eq(kept.state, menu.state);
        ck_assert_str_eq(kept.flow, "main/3");
        ck_assert_str_eq(kept.on_timeout, FALLBACK);
    }
    /* The very same bytes even when a new key has become active. */
    menu = decide(&pbx, EVENT_AT("call.initiated", "2026-05-31T23:59:00Z", PBX_IN, ""));
    ck_assert_str_eq(go_on(&pbx, menu.state, "call.answered", "2026-06-01T00:01:00Z", "").state,
                     menu.state);
}
END_TEST

START_TEST(a_completed_call_has_no_state)
{
    struct decided menu = decide(&pbx, FIRST(PBX_IN));
    struct decided end = go_on(&pbx, menu.state, "call.completed", LATER, "");
    ck_assert_int_eq(end.decision, CELL_DECISION_NOTHING);
    ck_assert_str_eq(end.actions, "[]");
    ck_assert_str_eq(end.state, "");
    ck_assert_str_eq(end.flow, "main/3");
    ck_assert_str_eq(end.on_timeout, "[]");
    check_plain(decide(&pbx, EVENT("call.completed", PBX_IN, "")), CELL_DECISION_NOTHING, "[]");
    check_plain(decide(&pbx, EVENT("call.answered", PBX_IN, "")), CELL_DECISION_NOTHING, "[]");
}
END_TEST

START_TEST(states_that_do_not_open)
{
    struct decided menu = decide(&pbx, FIRST(PBX_IN));
    char longer[700];
    check_plain(decide(&pbx, EVENT("gather.completed", PBX_IN, "")), CELL_DECISION_STATE_MISSING,
                FALLBACK);
    check_plain(decide(&pbx_without_fallback, EVENT("gather.completed", PBX_IN, ",'state':null")),
                CELL_DECISION_STATE_MISSING, HANGUP);
    check_plain(go_on(&pbx, "AQEB", "gather.completed", LATER, ""), CELL_DECISION_STATE_FORGED,
                FALLBACK);
    check_plain(go_on(&pbx, "not a state", "call.answered", LATER, ""), CELL_DECISION_STATE_FORGED,
                "[]");
    check_plain(go_on(&pbx, "not a state", "call.parked", LATER, ""), CELL_DECISION_UNKNOWN_EVENT,
                "[]");
    memset(longer, 'A', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    check_plain(go_on(&pbx, longer, "gather.completed", LATER, ""), CELL_DECISION_STATE_FORGED,
                FALLBACK);
    check_plain(go_on(&pbx, menu.state, "gather.completed", "2026-03-03T09:00:01Z", ""),
                CELL_DECISION_STATE_EXPIRED, FALLBACK);
    check_plain(go_on(&pbx, menu.state, "play.completed", "2026-03-03T09:00:01Z", ""),
                CELL_DECISION_STATE_EXPIRED, "[]");
    ck_assert_int_eq(
        go_on(&pbx, menu.state, "gather.completed", "2026-03-03T09:00:00Z", "").decision,
        CELL_DECISION_FLOW);
}
END_TEST

START_TEST(a_result_of_another_node_does_not_fit)
{
    struct decided menu = decide(&pbx, FIRST(PBX_IN));
    check_plain(go_on(&pbx, menu.state, "dial.completed", LATER, "'status':'busy'"),
                CELL_DECISION_UNFIT, FALLBACK);
}
END_TEST

START_TEST(the_flow_version_is_pinned)
{
    static const struct given newer = {.plan = PBX("'+46812'", PROGRAM("4"))};
    static const struct given pinned = {.plan = PBX("'+46812'", PROGRAM("4")), .pinned = FLOW};
    struct decided menu = decide(&pbx, FIRST(PBX_IN));
    check_dialogue(go_on(&pinned, menu.state, "gather.completed", LATER, "'digits':'1'"), SALES,
                   FALLBACK);
    check_plain(go_on(&newer, menu.state, "gather.completed", LATER, "'digits':'1'"),
                CELL_DECISION_NO_FLOW, FALLBACK);
}
END_TEST

START_TEST(a_dialogue_goes_on_without_its_plan)
{
    static const struct given lost = {.pinned = FLOW};
    static const struct given deleted = {.pinned = FLOW, .no_such_number = true};
    struct decided menu = decide(&pbx, FIRST(PBX_IN));
    struct decided bare = decide(&pbx_without_fallback, FIRST(PBX_IN));
    check_dialogue(go_on(&lost, menu.state, "gather.completed", LATER, "'digits':'1'"), SALES,
                   FALLBACK);
    check_dialogue(go_on(&deleted, menu.state, "gather.completed", LATER, "'digits':'1'"), SALES,
                   FALLBACK);
    check_dialogue(go_on(&lost, bare.state, "gather.completed", LATER, "'digits':'1'"), SALES,
                   HANGUP);
    ck_assert_str_eq(go_on(&no_plan, menu.state, "call.answered", LATER, "").state, menu.state);
    check_plain(go_on(&no_plan, menu.state, "gather.completed", LATER, "'digits':'1'"),
                CELL_DECISION_NO_PLAN, FALLBACK);
    check_plain(go_on(&lost, "AQEB", "gather.completed", LATER, "'digits':'1'"),
                CELL_DECISION_NO_PLAN, HANGUP);
}
END_TEST

START_TEST(the_plans_kind_rules)
{
    static const struct given mobile = {.plan = MOBILE("'forward_always':'+4699'")};
    check_plain(decide(&mobile, FIRST("'kind':'pbx','direction':'terminating','to':{'e164':"
                                      "'+46701234567'}")),
                CELL_DECISION_FORWARD, "[{'connect':{'targets':[{'e164':'+4699'}]}}]");
    check_dialogue(decide(&pbx, FIRST("'kind':'mobile','direction':'terminating','to':{'e164':"
                                      "'+46101234567'}")),
                   GATHER, FALLBACK);
    check_plain(decide(&pbx, EVENT("gather.completed",
                                   "'kind':'mobile','direction':'terminating','to':{'e164':"
                                   "'+46101234567'}",
                                   "")),
                CELL_DECISION_STATE_MISSING, FALLBACK);
}
END_TEST

START_TEST(the_same_input_gives_the_same_bytes)
{
    struct decided first = decide(&pbx, FIRST(PBX_IN));
    struct decided again = decide(&pbx, FIRST(PBX_IN));
    struct decided sales = go_on(&pbx, first.state, "gather.completed", LATER, "'digits':'1'");
    ck_assert_str_eq(first.body, again.body);
    again = go_on(&pbx, first.state, "gather.completed", LATER, "'digits':'1'");
    ck_assert_str_eq(sales.body, again.body);
    ck_assert_str_ne(sales.body, first.body);
}
END_TEST

static enum cc_error needs(const char *plan_text, const char *type, const char *state, char id[64],
                           int64_t *version)
{
    struct cell_call_plan *plan = plan_text ? fixture_plan(plan_text) : NULL;
    struct cc_sealing_keyring *keyring = fixture_keyring(fixture_two_keys);
    char quoted[4096];
    char *body = NULL;
    struct cc_call_event event;
    struct cc_slice flow_id;
    struct cc_arena arena;
    struct cell_decide_input input = {.event = &event,
                                      .country = CC_SLICE_LITERAL("se"),
                                      .tenant = CC_SLICE_LITERAL("acme"),
                                      .plan = plan,
                                      .policy = &policy,
                                      .keyring = keyring};
    enum cc_error error = CC_OK;
    (void)snprintf(quoted, sizeof(quoted), EVENT("%s", PBX_IN, ",'state':'%s'"), type, state);
    body = fixture_quote(quoted);
    cc_arena_init(&arena, 0);
    ck_assert_int_eq(cc_call_event_parse(cc_slice_of(body), &arena, &event, NULL), CC_OK);
    error = cell_decide_needs(&input, &arena, &flow_id, version);
    single_quote(flow_id, id, 64);
    cc_arena_reset(&arena);
    cc_sealing_keyring_free(keyring);
    cell_call_plan_unref(plan);
    free(body);
    return error;
}

START_TEST(what_a_dialogue_needs_besides_the_plan)
{
    struct decided menu = decide(&pbx, FIRST(PBX_IN));
    char id[64];
    int64_t version = 0;
    ck_assert_int_eq(needs(PBX("null", PROGRAM("4")), "gather.completed", menu.state, id, &version),
                     CC_OK);
    ck_assert_str_eq(id, "main");
    ck_assert_int_eq(version, 3);
    ck_assert_int_eq(needs(NULL, "dial.completed", menu.state, id, &version), CC_OK);
    ck_assert_int_eq(version, 3);
    ck_assert_int_eq(needs(PBX("null", "null"), "dial.completed", menu.state, id, &version), CC_OK);
    ck_assert_int_eq(needs(PBX("null", PROGRAM("3")), "gather.completed", menu.state, id, &version),
                     CC_NOT_FOUND);
    ck_assert_str_eq(id, "");
    ck_assert_int_eq(version, 0);
    ck_assert_int_eq(needs(NULL, "call.answered", menu.state, id, &version), CC_NOT_FOUND);
    ck_assert_int_eq(needs(NULL, "call.initiated", menu.state, id, &version), CC_NOT_FOUND);
    ck_assert_int_eq(needs(NULL, "gather.completed", "AQEB", id, &version), CC_NOT_FOUND);
    ck_assert_int_eq(needs(MOBILE(""), "gather.completed", menu.state, id, &version), CC_NOT_FOUND);
}
END_TEST

START_TEST(without_memory_there_is_still_an_answer)
{
    struct cell_call_plan *plan = fixture_plan(pbx.plan);
    struct cc_sealing_keyring *keyring = fixture_keyring(fixture_two_keys);
    struct cc_call_event event = {.event_id = CC_SLICE_LITERAL("e-1"),
                                  .type = CC_EVENT_CALL_INITIATED,
                                  .call_id = CC_SLICE_LITERAL("c-1"),
                                  .kind = CC_CALL_PBX,
                                  .direction = CC_CALL_TERMINATING,
                                  .to_e164 = CC_SLICE_LITERAL("+46101234567")};
    struct cell_decide_input input = {.event = &event,
                                      .country = CC_SLICE_LITERAL("se"),
                                      .tenant = CC_SLICE_LITERAL("acme"),
                                      .plan = plan,
                                      .policy = &policy,
                                      .keyring = keyring};
    size_t actions_bytes = CC_ACTIONS_MAX * sizeof(struct cc_action);
    for (size_t limit = 1; limit < actions_bytes + 4000; limit += 97) {
        struct cc_arena arena;
        struct cc_answer answer;
        enum cell_decision decision = CELL_DECISION_COUNT;
        cc_arena_init(&arena, limit);
        decision = cell_decide(&input, &arena, &answer);
        ck_assert(decision == CELL_DECISION_FAULT || decision == CELL_DECISION_FLOW);
        if (decision == CELL_DECISION_FAULT && answer.action_count > 0)
            ck_assert(cc_slice_is(answer.actions[0].targets[0].value, "+46812"));
        ck_assert_uint_eq(answer.action_count, limit < actions_bytes ? 0 : 1);
        cc_arena_reset(&arena);
    }
    cc_sealing_keyring_free(keyring);
    cell_call_plan_unref(plan);
}
END_TEST

START_TEST(decisions_have_names)
{
    ck_assert_str_eq(cell_decision_name(CELL_DECISION_CONNECT), "connect");
    ck_assert_str_eq(cell_decision_name(CELL_DECISION_FAULT), "fault");
    ck_assert_str_eq(cell_decision_name(CELL_DECISION_COUNT), "none");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        mobile_calls_of_a_subscriber,
        mobile_calls_to_a_subscriber,
        later_events_of_mobile_and_originating_calls,
        unknown_numbers,
        the_safest_action_without_a_plan,
        emergency_wins_over_all,
        pbx_calls_without_a_published_flow,
        a_dialogue_from_beginning_to_end,
        without_a_fallback_target_a_late_answer_hangs_up,
        events_without_a_result_keep_the_state,
        a_completed_call_has_no_state,
        states_that_do_not_open,
        a_result_of_another_node_does_not_fit,
        the_flow_version_is_pinned,
        a_dialogue_goes_on_without_its_plan,
        the_plans_kind_rules,
        the_same_input_gives_the_same_bytes,
        what_a_dialogue_needs_besides_the_plan,
        without_memory_there_is_still_an_answer,
        decisions_have_names,
    };
    return fixture_run("decide", tests, sizeof(tests) / sizeof(tests[0]));
}
