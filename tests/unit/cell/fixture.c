#include "tests/unit/cell/fixture.h"

#include <stdio.h>
#include <stdlib.h>

enum { ZONES_MAX = 64, ZONE_FILE_MAX = 64 * 1024 };

static struct {
    char name[64];
    struct cell_zone *zone;
} known_zones[ZONES_MAX];
static size_t known_zone_count;

struct cc_slice fixture_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(ZONE_FILE_MAX);
    size_t length = 0;
    ck_assert_ptr_nonnull(bytes);
    if (file)
        length = fread(bytes, 1, ZONE_FILE_MAX, file);
    if (file)
        (void)fclose(file);
    return cc_slice(bytes, length);
}

static const struct cell_zone *find_zone(void *context, struct cc_slice name)
{
    char path[128];
    struct cc_slice bytes;
    struct cell_zone *zone = NULL;
    (void)context;
    for (size_t i = 0; i < known_zone_count; i++) {
        if (cc_slice_is(name, known_zones[i].name))
            return known_zones[i].zone;
    }
    (void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%.*s", (int)name.length, name.data);
    bytes = fixture_file(path);
    if (cell_zone_parse(bytes, &zone) == CC_OK && known_zone_count < ZONES_MAX) {
        (void)snprintf(known_zones[known_zone_count].name, sizeof(known_zones[0].name), "%.*s",
                       (int)name.length, name.data);
        known_zones[known_zone_count++].zone = zone;
    }
    free((char *)(uintptr_t)bytes.data);
    return zone;
}

const struct cell_zones *fixture_zones(void)
{
    static const struct cell_zones zones = {find_zone, NULL};
    return &zones;
}

char *fixture_quote(const char *text)
{
    char *copy = strdup(text);
    ck_assert_ptr_nonnull(copy);
    for (char *at = copy; *at; at++) {
        if (*at == '\'')
            *at = '"';
    }
    return copy;
}

int64_t fixture_time(const char *text)
{
    int64_t time_us = 0;
    ck_assert_int_eq(cc_timestamp_parse(cc_slice_of(text), &time_us), CC_OK);
    return time_us;
}

static enum cc_error compile(const char *quoted, struct cell_flow **out,
                             struct cc_json_reason *reason)
{
    char *text = fixture_quote(quoted);
    json_t *document = NULL;
    enum cc_error error = cc_json_parse(cc_slice_of(text), CELL_FLOW_BYTES_MAX, &document, reason);
    ck_assert_msg(error == CC_OK, "%s: %s", reason->text, text);
    error = cell_flow_compile(document, fixture_zones(), out, reason);
    json_decref(document);
    free(text);
    return error;
}

struct cell_flow *fixture_flow(const char *quoted)
{
    struct cc_json_reason reason = {""};
    struct cell_flow *flow = NULL;
    enum cc_error error = compile(quoted, &flow, &reason);
    ck_assert_msg(error == CC_OK, "%s", reason.text);
    ck_assert_ptr_nonnull(flow);
    return flow;
}

void fixture_flow_refused(const char *quoted, const char *expected)
{
    struct cc_json_reason reason = {""};
    struct cell_flow *flow = NULL;
    ck_assert_msg(compile(quoted, &flow, &reason) == CC_INVALID, "compiles: %s", quoted);
    ck_assert_ptr_null(flow);
    ck_assert_str_eq(reason.text, expected);
}

struct cell_call_plan *fixture_plan(const char *quoted)
{
    char *text = fixture_quote(quoted);
    struct cc_json_reason reason = {""};
    struct cell_call_plan *plan = NULL;
    enum cc_error error = cell_call_plan_parse(cc_slice_of(text), fixture_zones(), &plan, &reason);
    ck_assert_msg(error == CC_OK, "%s: %s", reason.text, text);
    free(text);
    return plan;
}

/* 64 bytes of 'A' and of 'B', in base64. */
#define KEY_A                                                                                      \
    "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"                                                 \
    "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQQ=="
#define KEY_B                                                                                      \
    "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC"                                                 \
    "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQg=="

const char *const fixture_two_keys =
    "{'keys':[{'id':1,'key':'" KEY_A "','active_from':'2026-01-01T00:00:00Z'},"
    "{'id':2,'key':'" KEY_B "','active_from':'2026-06-01T00:00:00Z'}]}";

struct cc_sealing_keyring *fixture_keyring(const char *quoted)
{
    char *text = fixture_quote(quoted);
    struct cc_json_reason reason = {""};
    struct cc_publication publication = {
        .kind = CC_PUBLICATION_SEALING, .country = "se", .epoch = 1, .payload = cc_slice_of(text)};
    struct cc_sealing_keyring *keyring = NULL;
    enum cc_error error = cc_sealing_keyring_parse(&publication, &keyring, &reason);
    ck_assert_msg(error == CC_OK, "%s", reason.text);
    free(text);
    return keyring;
}

static void render(const struct cc_action *actions, size_t count, char *out)
{
    struct cc_buffer buffer;
    cc_buffer_init(&buffer, FIXTURE_TEXT_MAX);
    cc_answer_render_actions(actions, count, &buffer);
    ck_assert_uint_lt(buffer.length, FIXTURE_TEXT_MAX);
    memcpy(out, buffer.data, buffer.length);
    out[buffer.length] = '\0';
    for (; *out; out++) {
        if (*out == '"')
            *out = '\'';
    }
    cc_buffer_deinit(&buffer);
}

struct fixture_walk fixture_walk(const struct cell_flow *flow,
                                 const struct cell_flow_position *position,
                                 const struct cc_call_event *event)
{
    static struct cc_action actions[CC_ACTIONS_MAX];
    struct fixture_walk walk = {.outcome = CELL_FLOW_UNFIT};
    size_t count = 0;
    walk.outcome = cell_flow_walk(flow, position, event, actions, &count, &walk.position);
    render(actions, count, walk.actions);
    return walk;
}

struct fixture_walk fixture_start(const struct cell_flow *flow, const char *occurred_at)
{
    struct cc_call_event event = {.type = CC_EVENT_CALL_INITIATED, .kind = CC_CALL_PBX};
    event.occurred_at_us = fixture_time(occurred_at);
    return fixture_walk(flow, NULL, &event);
}

int fixture_run(const char *name, const TTest *const *tests, size_t count)
{
    enum { TIMEOUT_S = 60 };
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner = srunner_create(suite);
    int failed = 0;
    tcase_set_timeout(tcase, TIMEOUT_S);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, getenv("CK_TAP_LOG_FILE_NAME") ? CK_SILENT : CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
