#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/json.h"
#include "tests/unit/base/suite.h"

static struct cc_buffer lines;
static size_t line_count;

static void catch_line(void *context, struct cc_slice line)
{
    ck_assert_ptr_eq(context, &lines);
    cc_buffer_append(&lines, line);
    line_count++;
}

static int64_t fixed_time_us(void)
{
    return INT64_C(1795253400123456);
}

static void redirect(enum cc_log_level minimum)
{
    cc_buffer_init(&lines, 0);
    line_count = 0;
    cc_log_init("edge", minimum);
    cc_log_redirect(catch_line, fixed_time_us, &lines);
}

START_TEST(a_line_is_one_json_object)
{
    redirect(CC_LOG_DEBUG);
    CC_LOG(CC_LOG_WARNING, "map_refused", cc_log_text("country", "se"), cc_log_number("epoch", 7),
           cc_log_error_field(CC_STALE));
    ASSERT_SLICE(cc_buffer_slice(&lines),
                 "{\"ts\":\"2026-11-21T09:30:00.123456Z\",\"level\":\"warning\",\"component\":"
                 "\"edge\",\"event\":\"map_refused\",\"country\":\"se\",\"epoch\":7,\"error\":"
                 "\"stale\"}\n");
    cc_buffer_deinit(&lines);
}
END_TEST

START_TEST(secrets_are_redacted_whatever_their_kind)
{
    static const char *const names[] = {"secret",       "carrier_secret", "Authorization", "token",
                                        "edge_token",   "password",       "signature",     "state",
                                        "sealed_state", "State",          "PGPASSWORD"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        redirect(CC_LOG_DEBUG);
        CC_LOG(CC_LOG_INFO, "e", cc_log_text(names[i], "hunter2"));
        CC_LOG(CC_LOG_INFO, "e", cc_log_number(names[i], 424242));
        ck_assert_ptr_null(memmem(lines.data, lines.length, "hunter2", 7));
        ck_assert_ptr_null(memmem(lines.data, lines.length, "424242", 6));
        ck_assert_ptr_nonnull(memmem(lines.data, lines.length, "[redacted]", 10));
        cc_buffer_deinit(&lines);
    }
}
END_TEST

START_TEST(what_only_sounds_like_a_secret_is_shown)
{
    redirect(CC_LOG_DEBUG);
    CC_LOG(CC_LOG_INFO, "e", cc_log_text("sqlstate", "57P01"), cc_log_text("statement", "ingest"));
    ck_assert_ptr_nonnull(memmem(lines.data, lines.length, "57P01", 5));
    ck_assert_ptr_nonnull(memmem(lines.data, lines.length, "ingest", 6));
    cc_buffer_deinit(&lines);
}
END_TEST

START_TEST(lines_below_the_minimum_are_dropped)
{
    redirect(CC_LOG_WARNING);
    CC_LOG(CC_LOG_INFO, "quiet", cc_log_number("n", 1));
    ck_assert_uint_eq(line_count, 0);
    CC_LOG(CC_LOG_ERROR, "loud", cc_log_number("n", 1));
    ck_assert_uint_eq(line_count, 1);
    cc_buffer_deinit(&lines);
}
END_TEST

START_TEST(hostile_values_stay_inside_their_line)
{
    static char huge[100000];
    json_t *value = NULL;
    struct cc_slice text;
    memset(huge, 'x', sizeof(huge));
    redirect(CC_LOG_DEBUG);
    CC_LOG(CC_LOG_INFO, "e", cc_log_text("a", "x\"}\n{\"level\":\"error\xFF"),
           cc_log_slice("b", cc_slice(huge, sizeof(huge))), cc_log_text("c", NULL));
    ck_assert_uint_eq(line_count, 1);
    ck_assert_ptr_eq(memchr(lines.data, '\n', lines.length), lines.data + lines.length - 1);
    ck_assert_int_eq(cc_json_parse(cc_buffer_slice(&lines), 65536, &value, NULL), CC_OK);
    ck_assert_int_eq(cc_json_string_at(value, "b", 2048, &text, NULL), CC_OK);
    ck_assert_uint_eq(text.length, 2048);
    json_decref(value);
    cc_buffer_deinit(&lines);
}
END_TEST

START_TEST(a_line_beyond_the_bound_is_said_to_be_lost)
{
    static char huge[4096];
    struct cc_log_field fields[64];
    memset(huge, 'x', sizeof(huge));
    for (size_t i = 0; i < 64; i++)
        fields[i] = cc_log_slice("a", cc_slice(huge, sizeof(huge)));
    redirect(CC_LOG_DEBUG);
    cc_log_write(CC_LOG_INFO, "e", fields, 64);
    ASSERT_SLICE(cc_buffer_slice(&lines), "{\"level\":\"error\",\"event\":\"log_lost\"}\n");
    cc_buffer_deinit(&lines);
}
END_TEST

/* How many lines of the text hold this. */
static int count_of(const char *text, const char *part)
{
    int count = 0;
    while ((text = strstr(text, part))) {
        text++;
        count++;
    }
    return count;
}

/* All that is in the pipe, as text. */
static void drain(int from, char *text, size_t size)
{
    ssize_t got = read(from, text, size - 1);
    ck_assert_int_gt(got, 0);
    text[got] = '\0';
}

START_TEST(a_log_that_nobody_reads_holds_nobody_up)
{
    enum { LINES = 5000 };
    static char text[1 << 20];
    int ends[2], kept = dup(STDERR_FILENO);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    cc_log_redirect(NULL, NULL, NULL);
    for (int i = 0; i < LINES; i++)
        CC_LOG(CC_LOG_WARNING, "written", cc_log_number("line", i));
    drain(ends[0], text, sizeof(text));
    int taken = count_of(text, "\"written\"");
    CC_LOG(CC_LOG_WARNING, "after", cc_log_number("line", LINES));
    drain(ends[0], text, sizeof(text));
    ck_assert_int_ge(dup2(kept, STDERR_FILENO), 0);
    ck_assert_int_gt(taken, 0);
    ck_assert_int_lt(taken, LINES);
    char lost[64];
    (void)snprintf(lost, sizeof(lost), "\"log_lines_lost\",\"lines\":%d}\n", LINES - taken);
    ck_assert_msg(strstr(text, lost) != NULL, "%s is not in: %s", lost, text);
    ck_assert_int_eq(count_of(text, "\"after\""), 1);
    (void)close(kept);
    (void)close(ends[0]);
    (void)close(ends[1]);
}
END_TEST

SUITE_MAIN("log", a_line_is_one_json_object, secrets_are_redacted_whatever_their_kind,
           what_only_sounds_like_a_secret_is_shown, lines_below_the_minimum_are_dropped,
           hostile_values_stay_inside_their_line, a_line_beyond_the_bound_is_said_to_be_lost,
           a_log_that_nobody_reads_holds_nobody_up)
