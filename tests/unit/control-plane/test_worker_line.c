#include "control-plane/cli/worker_line.h"

#include "tests/unit/control-plane/suite.h"

static void expect(const char *json, const char *expected)
{
    json_t *worker = json_loads(json, 0, NULL);
    struct cc_buffer line;
    ck_assert_ptr_nonnull(worker);
    cc_buffer_init(&line, 0);
    cp_worker_line(worker, 100 * INT64_C(1000000), &line);
    cc_buffer_append(&line, cc_slice("", 1));
    ck_assert_str_eq(line.data, expected);
    cc_buffer_deinit(&line);
    json_decref(worker);
}

#define STATE(spool, stores, answers)                                                              \
    "{\"worker\":\"worker-1\",\"health\":\"ready\",\"port\":20101,\"state\":{\"map_epoch\":7,"     \
    "\"spool\":{" spool "}," stores ",\"plans\":{\"held\":2000,\"maximum\":100000,"                \
    "\"bytes\":3100000},\"answers\":{" answers "}}}"
#define ALL_UP "\"postgres_up\":true,\"redis_up\":true,\"replica_up\":true"
#define EMPTY "\"records\":0,\"bytes\":1720,\"oldest_us\":0,\"quarantined\":0"

START_TEST(a_healthy_worker_is_one_calm_line)
{
    expect(STATE(EMPTY, ALL_UP, "\"memory\":960,\"redis\":39,\"replica\":1,\"primary\":0"),
           "worker-1: ready, port 20101, map epoch 7, spool empty, from memory 96% redis 3% "
           "replica <1%, plans 2000 of 100000 (3 MB)");
    expect(STATE(EMPTY, ALL_UP, "\"memory\":0"),
           "worker-1: ready, port 20101, map epoch 7, spool empty, no call yet, plans 2000 of "
           "100000 (3 MB)");
}
END_TEST

START_TEST(what_is_wrong_stands_first_and_in_capitals)
{
    expect(STATE("\"records\":12,\"in_memory\":3,\"bytes\":3001,\"oldest_us\":58000000,"
                 "\"quarantined\":2,"
                 "\"unrecorded\":7",
                 "\"postgres_up\":false,\"redis_up\":false,\"replica_up\":false", "\"memory\":5"),
           "worker-1: ready, port 20101, REDIS UNREACHABLE, REPLICA UNREACHABLE, PRIMARY "
           "UNREACHABLE, map epoch 7, spool 12 records (4 kB), oldest 42 s, 3 OF THEM IN "
           "MEMORY ONLY, 2 QUARANTINED, 7 ANSWERS UNRECORDED, "
           "from memory 100%, plans 2000 of 100000 (3 MB)");
}
END_TEST

START_TEST(a_worker_that_says_nothing_has_a_short_line)
{
    expect("{\"worker\":\"worker-2\",\"health\":\"down\",\"port\":20102,\"state\":null}",
           "worker-2: down, port 20102");
    expect("{}", "?: ?, port 0");
}
END_TEST

START_TEST(a_drained_worker_says_so)
{
    expect("{\"worker\":\"worker-2\",\"health\":\"drained\",\"drained\":true,\"port\":20102}",
           "worker-2: drained, port 20102");
    expect("{\"worker\":\"worker-2\",\"health\":\"ready\",\"drained\":true,\"port\":20102}",
           "worker-2: ready, drained all the same, port 20102");
}
END_TEST

SUITE_MAIN("worker_line", a_healthy_worker_is_one_calm_line,
           what_is_wrong_stands_first_and_in_capitals, a_worker_that_says_nothing_has_a_short_line,
           a_drained_worker_says_so)
