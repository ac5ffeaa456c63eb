#include "base/safest.h"

#include "tests/unit/base/suite.h"

static const struct cc_slice emergency[] = {CC_SLICE_LITERAL("112"), CC_SLICE_LITERAL("90000")};
static const struct cc_slice barred[] = {CC_SLICE_LITERAL("+46900"), CC_SLICE_LITERAL("+881")};
static const struct cc_call_policy policy = {.country_code = CC_SLICE_LITERAL("46"),
                                             .national_prefix = CC_SLICE_LITERAL("0"),
                                             .emergency = emergency,
                                             .emergency_count = 2,
                                             .barred_prefixes = barred,
                                             .barred_count = 2};

enum { MOBILE = CC_CALL_MOBILE, PBX = CC_CALL_PBX };
enum { OUT = CC_CALL_ORIGINATING, IN = CC_CALL_TERMINATING };
enum { FIRST = CC_EVENT_CALL_INITIATED, MIDDLE = CC_EVENT_DIAL_COMPLETED };
#define CONNECT(number) "[{\"connect\":{\"targets\":[{\"e164\":\"" number "\"}]}}]"
#define DIAL(number) "[{\"connect\":{\"targets\":[{\"dialled\":\"" number "\"}]}}]"
#define REJECT(codes, reason) "[{\"reject\":{" codes ",\"reason\":\"" reason "\"}}]"
#define BARRED REJECT("\"sip_code\":603,\"q850\":21", "barred")
#define BUSY REJECT("\"sip_code\":480,\"q850\":20", "unavailable")
#define UNKNOWN REJECT("\"sip_code\":404,\"q850\":1", "unknown number")
#define HANGUP "[{\"hangup\":{}}]"

struct row {
    int kind, direction, type;
    const char *e164, *dialled;
    bool known;
    const char *fallback;
    enum cc_safest_case expected;
    const char *actions;
};

static const struct row rows[] = {
    /* emergency goes before everything */
    {MOBILE, OUT, FIRST, "", "112", true, "", CC_SAFEST_EMERGENCY, DIAL("112")},
    {PBX, OUT, FIRST, "", "112", true, "+461", CC_SAFEST_EMERGENCY, DIAL("112")},
    {MOBILE, OUT, FIRST, "+46701234567", "112", false, "", CC_SAFEST_EMERGENCY, DIAL("112")},
    {MOBILE, OUT, FIRST, "", "*31#112", true, "", CC_SAFEST_EMERGENCY, DIAL("*31#112")},
    {MOBILE, OUT, FIRST, "", "#31#112", true, "", CC_SAFEST_EMERGENCY, DIAL("#31#112")},
    {MOBILE, OUT, FIRST, "", "*31#1123", true, "", CC_SAFEST_CONNECT_DIALLED, DIAL("*31#1123")},
    {MOBILE, OUT, MIDDLE, "", "90000", true, "", CC_SAFEST_EMERGENCY, DIAL("90000")},
    {MOBILE, OUT, FIRST, "", "urn:service:sos", true, "", CC_SAFEST_EMERGENCY,
     DIAL("urn:service:sos")},
    {MOBILE, OUT, FIRST, "", "urn:service:sos.fire", true, "", CC_SAFEST_EMERGENCY,
     DIAL("urn:service:sos.fire")},
    {MOBILE, OUT, FIRST, "", "urn:service:sosx", true, "", CC_SAFEST_CONNECT_DIALLED,
     DIAL("urn:service:sosx")},
    {MOBILE, OUT, FIRST, "", "1120", true, "", CC_SAFEST_CONNECT_DIALLED, DIAL("1120")},
    {MOBILE, IN, FIRST, "", "112", true, "", CC_SAFEST_CONNECT_DIALLED, DIAL("112")},
    {PBX, IN, FIRST, "", "112", true, "", CC_SAFEST_BUSY, BUSY},
    /* nothing is to be done */
    {MOBILE, OUT, CC_EVENT_UNKNOWN, "+461", "", true, "", CC_SAFEST_NOTHING, "[]"},
    {PBX, IN, CC_EVENT_UNKNOWN, "+461", "", false, "+462", CC_SAFEST_NOTHING, "[]"},
    {PBX, IN, CC_EVENT_CALL_ANSWERED, "+461", "", true, "+462", CC_SAFEST_NOTHING, "[]"},
    {PBX, IN, CC_EVENT_CALL_COMPLETED, "+461", "", false, "+462", CC_SAFEST_NOTHING, "[]"},
    {PBX, IN, CC_EVENT_PLAY_COMPLETED, "+461", "", true, "+462", CC_SAFEST_NOTHING, "[]"},
    /* mobile */
    {MOBILE, OUT, FIRST, "+46701", "0701", true, "", CC_SAFEST_CONNECT_DIALLED, CONNECT("+46701")},
    {MOBILE, IN, FIRST, "+46701", "", true, "+462", CC_SAFEST_CONNECT_DIALLED, CONNECT("+46701")},
    {MOBILE, OUT, FIRST, "", "0701", true, "", CC_SAFEST_CONNECT_DIALLED, DIAL("0701")},
    {MOBILE, OUT, FIRST, "+469001234", "", true, "", CC_SAFEST_BARRED, BARRED},
    {MOBILE, OUT, FIRST, "", "09001234", true, "", CC_SAFEST_BARRED, BARRED},
    {MOBILE, OUT, FIRST, "", "00881123", true, "", CC_SAFEST_BARRED, BARRED},
    {MOBILE, OUT, FIRST, "+469001234", "", false, "", CC_SAFEST_BARRED, BARRED},
    {MOBILE, OUT, MIDDLE, "+469001234", "", true, "", CC_SAFEST_NOTHING, "[]"},
    {MOBILE, IN, MIDDLE, "+46701", "", true, "+462", CC_SAFEST_NOTHING, "[]"},
    /* PBX */
    {PBX, IN, FIRST, "+46101", "", true, "+462", CC_SAFEST_FALLBACK_TARGET, CONNECT("+462")},
    {PBX, IN, FIRST, "+46101", "", true, "", CC_SAFEST_BUSY, BUSY},
    {PBX, OUT, FIRST, "+46101", "", true, "", CC_SAFEST_BUSY, BUSY},
    {PBX, IN, MIDDLE, "+46101", "", true, "+462", CC_SAFEST_FALLBACK_TARGET, CONNECT("+462")},
    {PBX, IN, MIDDLE, "+46101", "", true, "", CC_SAFEST_HANGUP, HANGUP},
    /* unknown tenant or number */
    {PBX, IN, FIRST, "+46101", "", false, "", CC_SAFEST_UNKNOWN_NUMBER, UNKNOWN},
    {MOBILE, IN, FIRST, "+46701", "", false, "", CC_SAFEST_UNKNOWN_NUMBER, UNKNOWN},
    {PBX, IN, MIDDLE, "+46101", "", false, "", CC_SAFEST_HANGUP, HANGUP},
    {MOBILE, IN, MIDDLE, "+46701", "", false, "", CC_SAFEST_HANGUP, HANGUP},
    {MOBILE, OUT, FIRST, "+46701", "", false, "", CC_SAFEST_CONNECT_DIALLED, CONNECT("+46701")},
};

START_TEST(row_by_row)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct cc_action actions[CC_ACTIONS_MAX];
        size_t count = 99;
        struct cc_buffer out;
        const struct cc_call_event event = {.type = (enum cc_call_event_type)row->type,
                                            .kind = (enum cc_call_kind)row->kind,
                                            .direction = (enum cc_call_direction)row->direction,
                                            .to_e164 = cc_slice_of(row->e164),
                                            .to_dialled = cc_slice_of(row->dialled)};
        cc_buffer_init(&out, 0);
        enum cc_safest_case got =
            cc_safest(&event, &policy, row->known, cc_slice_of(row->fallback), actions, &count);
        ck_assert_msg(got == row->expected, "row %zu: case %d, expected %d", i, (int)got,
                      (int)row->expected);
        cc_answer_render_actions(actions, count, &out);
        ASSERT_SLICE(cc_buffer_slice(&out), row->actions);
        cc_buffer_deinit(&out);
    }
}
END_TEST

static void assert_e164(const struct cc_call_policy *country, const char *dialled,
                        const char *expected)
{
    char room[CC_DIALLED_ROOM];
    ASSERT_SLICE(cc_dialled_to_e164(cc_slice_of(dialled), country, room), expected);
}

START_TEST(dialled_forms)
{
    assert_e164(&policy, "+46701", "+46701");
    assert_e164(&policy, "0701", "+46701");
    assert_e164(&policy, "0046701", "+46701");
    assert_e164(&policy, "004970", "+4970");
    assert_e164(&policy, "112", "112");
    assert_e164(&policy, "*31#0701", "+46701");
    assert_e164(&policy, "#31#0046701", "+46701");
    assert_e164(&policy, "*21*0701#", "*21*0701#");
    assert_e164(&policy, "", "");
}
END_TEST

START_TEST(a_country_without_a_national_prefix)
{
    const struct cc_call_policy denmark = {.country_code = CC_SLICE_LITERAL("45")};
    assert_e164(&denmark, "33123456", "+4533123456");
    assert_e164(&denmark, "0046701", "+46701");
}
END_TEST

START_TEST(numbers_of_the_country)
{
    static const struct {
        const char *number;
        bool national;
    } numbers[] = {{"+46701234567", true}, {"+467", true}, {"+46", false}, {"+460701234567", false},
                   {"+4712345678", false}, {"+4", false},  {"", false}};
    const struct cc_call_policy norway = {.country_code = CC_SLICE_LITERAL("47")};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        ck_assert_msg(cc_is_national(cc_slice_of(numbers[i].number), &policy) ==
                          numbers[i].national,
                      "%s", numbers[i].number);
    const struct cc_call_policy lithuania = {.country_code = CC_SLICE_LITERAL("370"),
                                             .national_prefix = CC_SLICE_LITERAL("8")};
    ck_assert(cc_is_national(CC_SLICE_LITERAL("+4701234567"), &norway));
    ck_assert(cc_is_national(CC_SLICE_LITERAL("+37080012345"), &lithuania));
}
END_TEST

SUITE_MAIN("safest", row_by_row, dialled_forms, a_country_without_a_national_prefix,
           numbers_of_the_country)
