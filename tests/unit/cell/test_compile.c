#include "tests/unit/cell/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define BYE "'bye':{'type':'hangup'}"
#define HOURS(members)                                                                             \
    "{'version':1,'entry':'h','nodes':{'h':{'type':'hours'," members "}," BYE "}}"
#define TO_BYE "'branches':{'open':'bye','closed':'bye'}"
#define MENU(members) "{'version':1,'entry':'m','nodes':{'m':{'type':'menu'," members "}," BYE "}}"
#define PROMPT "'prompt':{'say':{'text':'Press 1.'}}"
#define CONNECT(members)                                                                           \
    "{'version':1,'entry':'c','nodes':{'c':{'type':'connect'," members "},"                        \
    "'x':{'type':'say','text':'x','next':'c'}}}"
#define TO_ANNA "'targets':[{'user':'anna'}]"
#define SAY(members) "{'version':1,'entry':'s','nodes':{'s':{'type':'say'," members "}," BYE "}}"
#define PLAY(members) "{'version':1,'entry':'p','nodes':{'p':{'type':'play'," members "}," BYE "}}"

struct refusal {
    const char *document;
    const char *reason;
};

static void check_refusals(const struct refusal *refusals, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fixture_flow_refused(refusals[i].document, refusals[i].reason);
}
#define CHECK_REFUSALS(list) check_refusals(list, sizeof(list) / sizeof((list)[0]))

START_TEST(the_documents_example_compiles)
{
    struct cell_flow *flow = fixture_flow(
        "{'version':1,'entry':'hours','nodes':{'hours':{'type':'hours','zone':'Europe/Stockholm',"
        "'weekly':{'mon':[['08:00','17:00']],'tue':[['08:00','12:00'],['13:00','17:00']]},"
        "'branches':{'open':'menu','closed':'closed'}},'menu':{'type':'menu','prompt':{'say':{"
        "'text':'For sales press 1.','language':'en'}},'retries':2,'branches':{'1':'sales',"
        "'invalid':'bye','timeout':'bye'}},'sales':{'type':'connect','targets':[{'e164':"
        "'+46700000001'}],'timeout_s':20,'branches':{'busy':'bye','no_answer':'bye'}},'closed':{"
        "'type':'say','text':'We are closed.','language':'en','next':'bye'}," BYE "}}");
    static const char *const ids[] = {"bye", "closed", "hours", "menu", "sales"};
    for (uint16_t i = 0; i < 5; i++)
        ck_assert(cc_slice_is(cell_flow_node_id(flow, i), ids[i]));
    ck_assert_uint_eq(cell_flow_node_id(flow, 5).length, 0);
    ck_assert_uint_gt(cell_flow_memory_bytes(flow), 1000);
    cell_flow_free(flow);
}
END_TEST

START_TEST(documents_of_a_wrong_form)
{
    static const struct refusal refusals[] = {
        {"[]", "must be an object"},
        {"{'entry':'bye','nodes':{" BYE "}}", "version: missing"},
        {"{'version':2,'entry':'bye','nodes':{" BYE "}}",
         "version: must be an integer from 1 to 1"},
        {"{'version':1,'nodes':{" BYE "}}", "entry: missing"},
        {"{'version':1,'entry':7,'nodes':{" BYE "}}", "entry: must be the id of a node"},
        {"{'version':1,'entry':'x','nodes':{" BYE "}}", "entry: no node \"x\""},
        {"{'version':1,'entry':'bye'}", "nodes: missing"},
        {"{'version':1,'entry':'bye','nodes':[]}", "nodes: must be an object of 1 to 1000 nodes"},
        {"{'version':1,'entry':'bye','nodes':{}}", "nodes: must be an object of 1 to 1000 nodes"},
        {"{'version':1,'entry':'bye','name':'x','nodes':{" BYE "}}", "name: unknown field"},
        {"{'version':1,'entry':'Bye','nodes':{'Bye':{'type':'hangup'}}}",
         "nodes: node id \"Bye\" must match [a-z][a-z0-9_-]{0,62}"},
        {"{'version':1,'entry':'bye','nodes':{'bye':[]}}", "nodes.bye: must be an object"},
        {"{'version':1,'entry':'bye','nodes':{'bye':{}}}", "nodes.bye.type: missing"},
        {"{'version':1,'entry':'bye','nodes':{'bye':{'type':1}}}",
         "nodes.bye.type: must be a text"},
        {"{'version':1,'entry':'bye','nodes':{'bye':{'type':'fax'}}}",
         "nodes.bye.type: no node type \"fax\""},
        {"{'version':1,'entry':'bye','nodes':{'bye':{'type':'hangup','next':'bye'}}}",
         "nodes.bye.next: unknown field"},
    };
    CHECK_REFUSALS(refusals);
}
END_TEST

START_TEST(a_thousand_nodes_and_not_one_more)
{
    for (int count = 1000; count <= 1001; count++) {
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        ck_assert_ptr_nonnull(out);
        (void)fprintf(out, "{'version':1,'entry':'n1','nodes':{'n0':{'type':'hangup'}");
        for (int i = 1; i < count; i++)
            (void)fprintf(out, ",'n%d':{'type':'menu'," PROMPT ",'branches':{'1':'n%d'}}", i,
                          i + 1 < count ? i + 1 : 0);
        (void)fprintf(out, "}}");
        (void)fclose(out);
        if (count == 1000)
            cell_flow_free(fixture_flow(text));
        else
            fixture_flow_refused(text, "nodes: must be an object of 1 to 1000 nodes");
        free(text);
    }
}
END_TEST

START_TEST(hours_of_a_wrong_form)
{
    static const struct refusal refusals[] = {
        {HOURS("'weekly':{}," TO_BYE), "nodes.h.zone: missing"},
        {HOURS("'zone':'Europe/Atlantis','weekly':{}," TO_BYE),
         "nodes.h.zone: no time zone \"Europe/Atlantis\""},
        {HOURS("'zone':'UTC'," TO_BYE), "nodes.h.weekly: missing"},
        {HOURS("'zone':'UTC','weekly':[]," TO_BYE), "nodes.h.weekly: must be an object"},
        {HOURS("'zone':'UTC','weekly':{'day':[]}," TO_BYE), "nodes.h.weekly.day: unknown field"},
        {HOURS("'zone':'UTC','weekly':{'mon':{}}," TO_BYE),
         "nodes.h.weekly.mon: must be a list of at most 10 intervals"},
        {HOURS("'zone':'UTC','weekly':{'mon':[['00:00','01:00'],['00:00','01:00'],['00:00',"
               "'01:00'],['00:00','01:00'],['00:00','01:00'],['00:00','01:00'],['00:00','01:00'],"
               "['00:00','01:00'],['00:00','01:00'],['00:00','01:00'],['00:00','01:00']]}," TO_BYE),
         "nodes.h.weekly.mon: must be a list of at most 10 intervals"},
        {HOURS("'zone':'UTC','weekly':{'sun':[['08:00']]}," TO_BYE),
         "nodes.h.weekly.sun[0]: must be [\"HH:MM\", \"HH:MM\"]"},
        {HOURS("'zone':'UTC','weekly':{'sun':[['08:00','09:00'],['8:00','17:00']]}," TO_BYE),
         "nodes.h.weekly.sun[1]: must be [\"HH:MM\", \"HH:MM\"]"},
        {HOURS("'zone':'UTC','weekly':{'sun':[['08:00','24:01']]}," TO_BYE),
         "nodes.h.weekly.sun[0]: must be [\"HH:MM\", \"HH:MM\"]"},
        {HOURS("'zone':'UTC','weekly':{'sun':[['08:60','09:00']]}," TO_BYE),
         "nodes.h.weekly.sun[0]: must be [\"HH:MM\", \"HH:MM\"]"},
        {HOURS("'zone':'UTC','weekly':{'sun':[['24:00','24:00']]}," TO_BYE),
         "nodes.h.weekly.sun[0]: must be [\"HH:MM\", \"HH:MM\"]"},
        {HOURS("'zone':'UTC','weekly':{'sun':[[8,17]]}," TO_BYE),
         "nodes.h.weekly.sun[0]: must be [\"HH:MM\", \"HH:MM\"]"},
        {HOURS("'zone':'UTC','weekly':{'sun':[['08:00','08:00']]}," TO_BYE),
         "nodes.h.weekly.sun[0]: the end must be later than the start"},
        {HOURS("'zone':'UTC','weekly':{}"), "nodes.h.branches: missing"},
        {HOURS("'zone':'UTC','weekly':{},'branches':{'open':'bye'}"),
         "nodes.h.branches.closed: missing"},
        {HOURS("'zone':'UTC','weekly':{},'branches':{'closed':'bye'}"),
         "nodes.h.branches.open: missing"},
        {HOURS("'zone':'UTC','weekly':{},'branches':{'open':'bye','closed':'bye','x':'bye'}"),
         "nodes.h.branches.x: unknown field"},
        {HOURS("'zone':'UTC','weekly':{},'holidays':[]," TO_BYE),
         "nodes.h.holidays: unknown field"},
    };
    CHECK_REFUSALS(refusals);
}
END_TEST

START_TEST(announcements_of_a_wrong_form)
{
    static const struct refusal refusals[] = {
        {SAY("'next':'bye'"), "nodes.s.text: missing"},
        {SAY("'text':'','next':'bye'"), "nodes.s.text: must be a text of 1 to 2000 bytes"},
        {SAY("'text':5,'next':'bye'"), "nodes.s.text: must be a text of 1 to 2000 bytes"},
        {SAY("'text':'x'"), "nodes.s.next: missing"},
        {SAY("'text':'x','next':'sales'"), "nodes.s.next: no node \"sales\""},
        {SAY("'text':'x','language':'e','next':'bye'"),
         "nodes.s.language: must be a text of 2 to 35 bytes"},
        {SAY("'text':'x','language':'en_GB','next':'bye'"),
         "nodes.s.language: must be a BCP 47 language tag"},
        {SAY("'text':'x','language':'en-','next':'bye'"),
         "nodes.s.language: must be a BCP 47 language tag"},
        {SAY("'text':'x','language':'englishes','next':'bye'"),
         "nodes.s.language: must be a BCP 47 language tag"},
        {SAY("'text':'x','url':'http://x','next':'bye'"), "nodes.s.url: unknown field"},
        {PLAY("'next':'bye'"), "nodes.p.url: missing"},
        {PLAY("'url':'ftp://x/y','next':'bye'"), "nodes.p.url: must be an http or https URL"},
        {PLAY("'url':'http://','next':'bye'"), "nodes.p.url: must be an http or https URL"},
        {PLAY("'url':'https:///x','next':'bye'"), "nodes.p.url: must be an http or https URL"},
        {PLAY("'url':'http://x/a b','next':'bye'"), "nodes.p.url: must be an http or https URL"},
        {PLAY("'url':'http://x'"), "nodes.p.next: missing"},
    };
    CHECK_REFUSALS(refusals);
}
END_TEST

START_TEST(menus_of_a_wrong_form)
{
    static const struct refusal refusals[] = {
        {MENU("'branches':{'1':'bye'}"), "nodes.m.prompt: missing"},
        {MENU("'prompt':'x','branches':{'1':'bye'}"), "nodes.m.prompt: must be an object"},
        {MENU("'prompt':{},'branches':{'1':'bye'}"),
         "nodes.m.prompt: must have either say or play"},
        {MENU("'prompt':{'say':{'text':'x'},'play':{'url':'http://x'}},'branches':{'1':'bye'}"),
         "nodes.m.prompt: must have either say or play"},
        {MENU("'prompt':{'say':{}},'branches':{'1':'bye'}"), "nodes.m.prompt.say.text: missing"},
        {MENU("'prompt':{'play':{'url':'x'}},'branches':{'1':'bye'}"),
         "nodes.m.prompt.play.url: must be an http or https URL"},
        {MENU("'prompt':{'say':{'text':'x','next':'bye'}},'branches':{'1':'bye'}"),
         "nodes.m.prompt.say.next: unknown field"},
        {MENU(PROMPT), "nodes.m.branches: missing"},
        {MENU(PROMPT ",'branches':[]"), "nodes.m.branches: must be an object"},
        {MENU(PROMPT ",'branches':{'invalid':'bye'}"),
         "nodes.m.branches: must have at least one digit branch"},
        {MENU(PROMPT ",'branches':{'1':'sales'}"), "nodes.m.branches.1: no node \"sales\""},
        {MENU(PROMPT ",'branches':{'1':'bye','timeout':'x'}"),
         "nodes.m.branches.timeout: no node \"x\""},
        {MENU(PROMPT ",'branches':{'x':'bye'}"),
         "nodes.m.branches.x: must be 1 to 16 of 0-9 * # A-D, or invalid or timeout"},
        {MENU(PROMPT ",'branches':{'12345678901234567':'bye'}"),
         "nodes.m.branches.12345678901234567: must be 1 to 16 of 0-9 * # A-D, or invalid or "
         "timeout"},
        {MENU(PROMPT ",'branches':{'1':'bye'},'min':2"),
         "nodes.m.min: must not be greater than max (1)"},
        {MENU(PROMPT ",'branches':{'1':'bye'},'min':0"),
         "nodes.m.min: must be an integer from 1 to 16"},
        {MENU(PROMPT ",'branches':{'1':'bye'},'max':17"),
         "nodes.m.max: must be an integer from 1 to 16"},
        {MENU(PROMPT ",'branches':{'1':'bye'},'finish_on_key':'A'"),
         "nodes.m.finish_on_key: must be one of 0-9 * #, or empty"},
        {MENU(PROMPT ",'branches':{'1':'bye'},'finish_on_key':'##'"),
         "nodes.m.finish_on_key: must be a text of 0 to 1 bytes"},
        {MENU(PROMPT ",'branches':{'1':'bye'},'timeout_s':61"),
         "nodes.m.timeout_s: must be an integer from 1 to 60"},
        {MENU(PROMPT ",'branches':{'1':'bye'},'retries':10"),
         "nodes.m.retries: must be an integer from 0 to 9"},
        {MENU(PROMPT ",'branches':{'1':'bye'},'retries':1.5"),
         "nodes.m.retries: must be an integer from 0 to 9"},
        {MENU(PROMPT ",'branches':{'1':'bye'},'next':'bye'"), "nodes.m.next: unknown field"},
    };
    CHECK_REFUSALS(refusals);
}
END_TEST

START_TEST(a_hundred_digit_branches_and_not_one_more)
{
    for (int count = 100; count <= 101; count++) {
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        ck_assert_ptr_nonnull(out);
        (void)fprintf(out, "{'version':1,'entry':'m','nodes':{'m':{'type':'menu'," PROMPT
                           ",'branches':{'invalid':'bye','timeout':'bye'");
        for (int i = 0; i < count; i++)
            (void)fprintf(out, ",'%d':'bye'", 1000 + i);
        (void)fprintf(out, "}}," BYE "}}");
        (void)fclose(out);
        if (count == 100)
            cell_flow_free(fixture_flow(text));
        else
            fixture_flow_refused(text, "nodes.m.branches: must have at most 100 digit branches");
        free(text);
    }
}
END_TEST

START_TEST(connects_of_a_wrong_form)
{
    static const struct refusal refusals[] = {
        {CONNECT("'timeout_s':20"), "nodes.c.targets: missing"},
        {CONNECT("'targets':[]"), "nodes.c.targets: must be a list of 1 to 16 targets"},
        {CONNECT("'targets':{}"), "nodes.c.targets: must be a list of 1 to 16 targets"},
        {CONNECT("'targets':[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]"),
         "nodes.c.targets: must be a list of 1 to 16 targets"},
        {CONNECT("'targets':['anna']"), "nodes.c.targets[0]: must be an object"},
        {CONNECT("'targets':[{}]"), "nodes.c.targets[0]: must have one of e164, sip and user"},
        {CONNECT("'targets':[{'user':'anna','sip':'sip:a@b'}]"),
         "nodes.c.targets[0]: must have one of e164, sip and user"},
        {CONNECT("'targets':[{'user':'anna'},{'e164':'0701'}]"),
         "nodes.c.targets[1].e164: must be E.164 (+ and 2 to 15 digits)"},
        {CONNECT("'targets':[{'sip':'anna@example.org'}]"),
         "nodes.c.targets[0].sip: must be a sip: or sips: address"},
        {CONNECT("'targets':[{'sip':'sip:'}]"),
         "nodes.c.targets[0].sip: must be a sip: or sips: address"},
        {CONNECT("'targets':[{'user':'a b'}]"),
         "nodes.c.targets[0].user: must be letters, digits, . _ or -"},
        {CONNECT("'targets':[{'user':'anna','dialled':'1'}]"),
         "nodes.c.targets[0].dialled: unknown field"},
        {CONNECT("'targets':[{'user':'anna','timeout_s':121}]"),
         "nodes.c.targets[0].timeout_s: must be an integer from 1 to 120"},
        {CONNECT("'targets':[{'user':'anna','caller_id':'hidden'}]"),
         "nodes.c.targets[0].caller_id: must be E.164 or anonymous"},
        {CONNECT(TO_ANNA ",'strategy':'round_robin'"),
         "nodes.c.strategy: must be simultaneous or sequential"},
        {CONNECT(TO_ANNA ",'timeout_s':0"), "nodes.c.timeout_s: must be an integer from 1 to 120"},
        {CONNECT(TO_ANNA ",'time_limit_s':86401"),
         "nodes.c.time_limit_s: must be an integer from 1 to 86400"},
        {CONNECT(TO_ANNA ",'branches':[]"), "nodes.c.branches: must be an object"},
        {CONNECT(TO_ANNA ",'branches':{'no-answer':'x'}"),
         "nodes.c.branches.no-answer: unknown field"},
        {CONNECT(TO_ANNA ",'branches':{'failed':'y'}"), "nodes.c.branches.failed: no node \"y\""},
        {CONNECT(TO_ANNA ",'next':false"), "nodes.c.next: must be the id of a node"},
    };
    CHECK_REFUSALS(refusals);
    cell_flow_free(fixture_flow(CONNECT(TO_ANNA ",'next':'x'")));
}
END_TEST

START_TEST(long_names_are_cut_not_overrun)
{
    char document[1024];
    char name[400];
    struct cc_json_reason reason = {""};
    struct cell_flow *flow = NULL;
    json_t *json = NULL;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)snprintf(document, sizeof(document),
                   "{\"version\":1,\"entry\":\"%s\",\"nodes\":{\"bye\":{\"type\":\"hangup\"}}}",
                   name);
    ck_assert_int_eq(cc_json_parse(cc_slice_of(document), sizeof(document), &json, &reason), CC_OK);
    ck_assert_int_eq(cell_flow_compile(json, NULL, &flow, &reason), CC_INVALID);
    ck_assert_uint_eq(strlen(reason.text), strlen("entry: no node \"\"") + 63);
    ck_assert_int_eq(cell_flow_compile(json, NULL, &flow, NULL), CC_INVALID);
    json_decref(json);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_documents_example_compiles,
        documents_of_a_wrong_form,
        a_thousand_nodes_and_not_one_more,
        hours_of_a_wrong_form,
        announcements_of_a_wrong_form,
        menus_of_a_wrong_form,
        a_hundred_digit_branches_and_not_one_more,
        connects_of_a_wrong_form,
        long_names_are_cut_not_overrun,
    };
    return fixture_run("compile", tests, sizeof(tests) / sizeof(tests[0]));
}
