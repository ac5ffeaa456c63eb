#include "control-plane/cli/doctor_judge.h"

#include <string.h>

#include "tests/unit/control-plane/suite.h"

#define NOW_S 1000000

/* A platform with one leader, and this in it. */
#define STATUS(facts, edge, spool)                                                                 \
    "{\"registry\":\"up\",\"serves\":[{\"instance\":\"serve-1\",\"health\":\"ready\","             \
    "\"leads\":true}],\"facts\":[" facts                                                           \
    "],\"edges\":[{\"edge\":\"edge-1\",\"health\":\"ready\"" edge                                  \
    "}],\"cells\":[{\"cell\":\"se-1\",\"primary\":{\"node\":\"node1\",\"synchronous\":true},"      \
    "\"workers\":[{\"worker\":\"worker-1\",\"health\":\"ready\",\"state\":{\"spool\":{" spool      \
    "}}}]}]}"
#define FACT(name, value, age)                                                                     \
    "{\"name\":\"" name "\",\"subject\":\"se-1\",\"value\":" value ",\"age_s\":" age "}"

/* Everything that is not ok, "verdict check: text" a line. */
static void expect(const char *json, const char *expected)
{
    size_t i;
    json_t *status = json_loads(json, 0, NULL), *findings = json_array(), *item;
    char said[2048] = "";
    ck_assert_ptr_nonnull(status);
    cp_doctor_judge(status, NOW_S * INT64_C(1000000), findings);
    json_array_foreach(findings, i, item)
    {
        const char *verdict = json_string_value(json_object_get(item, "verdict"));
        size_t length = strlen(said);
        if (strcmp(verdict, "ok") != 0)
            (void)snprintf(said + length, sizeof(said) - length, "%s %s: %s\n", verdict,
                           json_string_value(json_object_get(item, "check")),
                           json_string_value(json_object_get(item, "text")));
    }
    ck_assert_str_eq(said, expected);
    json_decref(findings);
    json_decref(status);
}

START_TEST(what_no_ticket_is_about_is_no_finding)
{
    expect(STATUS(FACT("certificate_expires_at", "1028801", "3000") "," /* 8 h and 1 s */
                  FACT("backup_finished_at", "892000", "90000") ","     /* 30 h */
                  FACT("restore_drill_finished_at", "136000", "90000") "," FACT(
                      "archive_gap", "0", "8") "," FACT("archive_oldest_seconds", "600", "600"),
                  ",\"clock_skew_s\":-30,\"journal_oldest_s\":900,\"journal_lost\":0,"
                  "\"certificate_expires_at\":1028800",
                  "\"oldest_us\":999880000000,\"unrecorded\":0,\"quarantined\":0"),
           "");
}
END_TEST

START_TEST(what_a_ticket_is_about_is_a_finding)
{
    expect(STATUS(FACT("certificate_expires_at", "1028799", "3000") "," FACT(
                      "backup_finished_at", "891999",
                      "90000") "," FACT("restore_drill_finished_at", "135999",
                                        "90000") "," FACT("archive_gap", "1",
                                                          "8") "," FACT("archive_oldest_seconds",
                                                                        "601", "601"),
                  ",\"clock_skew_s\":-31,\"journal_oldest_s\":901",
                  "\"oldest_us\":999879000000,\"quarantined\":1"),
           "finding certificates: the certificate of se-1 expires in 28799 s\n"
           "finding backups: the last backup of se-1 is 30 h old\n"
           "finding backups: the last restore drill of se-1 is 240 h old\n"
           "finding backups: the archive of se-1 has a gap\n"
           "finding backups: WAL of se-1 has waited 601 s to be archived\n"
           "finding facts: nobody has measured archive_oldest_seconds of se-1 for 601 s\n"
           "finding clock: the clock of edge-1 is -31.0 s off\n"
           "finding journal: records of edge-1 have waited 901 s for their cell\n"
           "finding spool: records of worker-1 of se-1 have waited 121 s for Postgres\n"
           "finding spool: worker-1 of se-1 has put records aside\n");
}
END_TEST

START_TEST(what_was_lost_is_worth_knowing)
{
    expect(STATUS("", ",\"journal_lost\":3", "\"unrecorded\":7"),
           "note journal: edge-1 has lost 3 records since it started\n"
           "note spool: worker-1 of se-1 has given 7 answers unrecorded since it started\n");
}
END_TEST

/* A worker tells its spool's state, and beside it what its telemetry counts. */
START_TEST(what_a_spool_and_its_disk_went_through_is_worth_knowing)
{
    expect(STATUS("", "", "}},\"sync_failures\":2,\"damage_cut\":0,\"more\":{\"x\":{"),
           "note spool: worker-1 of se-1 since it started: 2 times that its disk did not take its "
           "spool\n");
    expect(STATUS("", "",
                  "}},\"damage_cut\":1,\"event_id_clashes\":6,"
                  "\"event_id_clashes_lost\":2,\"records_lost\":40,"
                  "\"more\":{\"x\":{"),
           "note spool: worker-1 of se-1 since it started: 1 damaged ends of its spool cut away\n"
           "note spool: worker-1 of se-1 since it started: 6 records put aside whose event id "
           "another event has\n"
           "note spool: worker-1 of se-1 since it started: 2 of these not kept: their file is "
           "full, or cannot be written\n"
           "note spool: worker-1 of se-1 since it started: 40 records lost that Postgres "
           "refuses\n");
}
END_TEST

#define REPLICA(state, connected_s)                                                                \
    "{\"registry\":\"up\",\"serves\":[{\"health\":\"ready\",\"leads\":true}],"                     \
    "\"facts\":[{\"name\":\"durability_degraded\",\"subject\":\"registry\",\"value\":1}],"         \
    "\"registry_replica\":{\"state\":\"" state "\",\"connected_s\":" connected_s "}}"

/* The fact is what the leader saw last, before the replica had joined. */
START_TEST(the_registrys_replica_is_judged_as_it_is_now)
{
    expect(REPLICA("synchronous", "9"), "");
    expect(REPLICA("joining", "60"),
           "note registry: the registry's replica is joining: commits do not wait for it yet\n");
    expect(REPLICA("joining", "61"), "finding registry: the registry's replica has been connected "
                                     "for 61 s and is not synchronous\n");
    expect(REPLICA("none", "0"), "finding registry: the registry has no synchronous replica\n");
}
END_TEST

/* A ready cell whose workers are these. */
#define WORKERS(workers)                                                                           \
    "{\"registry\":\"up\",\"serves\":[{\"health\":\"ready\",\"leads\":true}],\"cells\":[{"         \
    "\"cell\":\"se-1\",\"state\":\"ready\",\"primary\":{\"node\":\"node1\",\"synchronous\":true}," \
    "\"workers\":[" workers "]}]}"
#define WORKER(number, health, drained)                                                            \
    "{\"worker\":\"worker-" number "\",\"health\":\"" health "\",\"drained\":" drained "}"

START_TEST(a_drained_worker_is_no_finding_unless_nobody_else_serves)
{
    expect(WORKERS(WORKER("1", "drained", "true") "," WORKER("2", "ready", "false")),
           "note workers: worker-1 of se-1 is drained\n");
    expect(WORKERS(WORKER("1", "drained", "true") "," WORKER("2", "ready", "true")),
           "finding workers: no worker of se-1 serves: edges answer its calls themselves\n"
           "note workers: worker-1 of se-1 is drained\n"
           "note workers: worker-2 of se-1 is drained\n");
    expect(WORKERS(WORKER("1", "drained", "true") "," WORKER("2", "down", "false")),
           "finding workers: no worker of se-1 serves: edges answer its calls themselves\n"
           "note workers: worker-1 of se-1 is drained\n"
           "finding workers: worker-2 of se-1: down\n");
}
END_TEST

/* What is to be done about the first finding. */
static void expect_todo(const char *json, const char *expected)
{
    size_t i;
    json_t *status = json_loads(json, 0, NULL), *findings = json_array(), *item;
    const char *found = NULL;
    ck_assert_ptr_nonnull(status);
    cp_doctor_judge(status, NOW_S * INT64_C(1000000), findings);
    json_array_foreach(findings, i, item)
    {
        if (!found && strcmp(json_string_value(json_object_get(item, "verdict")), "finding") == 0)
            found = json_string_value(json_object_get(item, "do"));
    }
    ck_assert_str_eq(found, expected);
    json_decref(findings);
    json_decref(status);
}

START_TEST(what_brings_a_worker_back_is_said)
{
    expect_todo(WORKERS(WORKER("1", "down", "false") "," WORKER("2", "drained", "true")),
                "callcell cell undrain se-1 worker-2");
    expect_todo(WORKERS(WORKER("1", "down", "false")),
                "callcell cell heal se-1, and log/se-1-worker-1/current");
}
END_TEST

START_TEST(what_was_begun_and_not_finished_is_worth_knowing)
{
    expect(
        "{\"registry\":\"up\",\"serves\":[{\"health\":\"ready\",\"leads\":true}],\"unfinished\":["
        "{\"table\":\"cell_drain\",\"target\":\"se-1/worker-1\",\"age_s\":40,"
        "\"under_way\":false,\"command\":\"callcell cell drain se-1 worker-1\"},"
        "{\"table\":\"cell_heal\",\"target\":\"se-1\",\"age_s\":2,\"under_way\":true}]}",
        "note runs: cell_drain of se-1/worker-1 was begun 40 s ago and not finished\n");
}
END_TEST

SUITE_MAIN("doctor_judge", a_drained_worker_is_no_finding_unless_nobody_else_serves,
           what_brings_a_worker_back_is_said, what_was_begun_and_not_finished_is_worth_knowing,
           the_registrys_replica_is_judged_as_it_is_now, what_no_ticket_is_about_is_no_finding,
           what_a_ticket_is_about_is_a_finding, what_was_lost_is_worth_knowing,
           what_a_spool_and_its_disk_went_through_is_worth_knowing)
