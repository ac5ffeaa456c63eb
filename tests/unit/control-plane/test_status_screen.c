#include "control-plane/cli/status_screen.h"

#include "tests/unit/control-plane/suite.h"

static void expect_part(const char *json, bool colour, const char *part)
{
    struct cc_buffer out;
    struct cp_screen how = {.now_us = 1000 * INT64_C(1000000), .colour = colour};
    json_t *status = json_loads(json, 0, NULL);
    ck_assert_ptr_nonnull(status);
    cc_buffer_init(&out, 0);
    cp_screen_status(status, &how, &out);
    ck_assert_int_eq(out.error, CC_OK);
    cc_buffer_append(&out, cc_slice("", 1));
    ck_assert_msg(strstr(out.data, part) != NULL, "%s\nnot in:\n%s", part, out.data);
    cc_buffer_deinit(&out);
    json_decref(status);
}

START_TEST(a_cell_without_a_replica_or_a_primary_stands_out)
{
    const char *alone = "{\"cells\":[{\"cell\":\"se-1\",\"state\":\"ready\",\"site\":\"a\","
                        "\"primary\":{\"node\":\"node2\",\"timeline\":3,\"term\":2,"
                        "\"synchronous\":false,\"lag_bytes\":20000}}]}";
    expect_part(alone, false,
                "cell se-1: ready, site a, term 2, primary node2 (timeline 3), "
                "DEGRADED DURABILITY, lag 20 kB\n");
    expect_part(alone, true, "\033[31mDEGRADED DURABILITY\033[0m");
    expect_part("{\"cells\":[{\"cell\":\"se-1\",\"primary\":{}}]}", false, "NO PRIMARY");
}
END_TEST

START_TEST(an_edge_that_is_behind_or_refuses_stands_out)
{
    const char *behind =
        "{\"edges\":[{\"edge\":\"edge-1\",\"health\":\"ready\",\"port\":8080,\"answers\":200,"
        "\"edge_answers\":1,\"clock_skew_s\":0.25,\"journal_in_memory\":2,"
        "\"state\":{\"journal_records\":3,"
        "\"control_plane_contact_age_ms\":1500},\"holds\":[{\"country\":\"se\",\"kind\":\"map\","
        "\"epoch\":4,\"newest\":5,\"refused\":{\"epoch\":5,\"error\":\"stale\",\"reason\":\"r\"}},"
        "{\"country\":\"se\",\"kind\":\"numbers\",\"epoch\":2,\"newest\":2}]}]}";
    expect_part(behind, false,
                "answers 200, edge answers 1 (0.50 %), journal 3, 2 OF IT IN MEMORY ONLY, ");
    expect_part(behind, false, "heard 1.5 s ago, clock skew 0.250 s");
    expect_part(behind, false,
                "se map epoch 4 NOT THE NEWEST 5 (REFUSED epoch 5: stale r), "
                "numbers epoch 2\n");
}
END_TEST

START_TEST(the_control_plane_says_who_leads_and_how_the_registry_is)
{
    expect_part("{\"serves\":[{\"instance\":\"serve-1\",\"health\":\"ready\",\"leads\":true}],"
                "\"registry\":\"up\",\"registry_replica\":{\"state\":\"synchronous\"},"
                "\"facts\":[{\"name\":\"replication_lag_bytes\","
                "\"subject\":\"registry\",\"value\":12},{\"name\":\"certificate_expires_at\","
                "\"subject\":\"edge-1\",\"value\":8200}]}",
                false,
                "serve-1 ready (leads)\n  registry up, replica synchronous, lag 12 B\n"
                "  certificates: edge-1 first to expire, in 2 h\n");
    expect_part("{\"registry\":\"up\",\"registry_replica\":{\"state\":\"joining\"}}", false,
                "registry up, DEGRADED DURABILITY: replica joining");
    expect_part("{\"registry\":\"up\",\"registry_replica\":{\"state\":\"none\"}}", false,
                "registry up, DEGRADED DURABILITY: no synchronous replica");
    expect_part("{\"serves\":[],\"registry\":\"down\"}", false, "NO LEADER\n  registry DOWN\n");
}
END_TEST

START_TEST(backups_and_drills_are_shown_with_their_cell)
{
    expect_part("{\"cells\":[{\"cell\":\"se-1\",\"primary\":{}}],\"facts\":["
                "{\"name\":\"backup_finished_at\",\"subject\":\"se-1\",\"value\":400},"
                "{\"name\":\"restore_drill_finished_at\",\"subject\":\"se-1\",\"value\":900},"
                "{\"name\":\"restore_drill_ok\",\"subject\":\"se-1\",\"value\":0}]}",
                false, "backup 10 min ago, restore drill 100 s ago FAILED\n");
}
END_TEST

START_TEST(a_cell_says_what_it_serves)
{
    expect_part("{\"cells\":[{\"cell\":\"se-1\",\"primary\":{},\"slots\":8192,"
                "\"slots_of_country\":16384,\"pinned_tenants\":1}]}",
                false, "\n    serves 8192 of 16384 slots, 1 pinned tenant\n");
    expect_part("{\"cells\":[{\"cell\":\"se-1\",\"primary\":{},\"slots\":0,"
                "\"slots_of_country\":16384,\"pinned_tenants\":0}]}",
                false, "\n    serves 0 of 16384 slots, 0 pinned tenants\n");
}
END_TEST

START_TEST(what_was_not_finished_stands_out_and_says_what_to_do)
{
    expect_part(
        "{\"unfinished\":[{\"table\":\"cell_drain\",\"target\":\"se-1/worker-1\","
        "\"age_s\":300,\"under_way\":false,\"command\":\"callcell cell drain se-1 "
        "worker-1\"}]}",
        true,
        "\033[31mNOT FINISHED\033[0m since 5 min: cell_drain of se-1/worker-1; give the same "
        "command again: callcell cell drain se-1 worker-1\n");
    expect_part("{\"unfinished\":[{\"table\":\"cell_heal\",\"target\":\"se-1\",\"age_s\":9,"
                "\"under_way\":true,\"command\":\"callcell cell heal se-1\"}]}",
                true, "\nunder way since 9 s: cell_heal of se-1\n");
}
END_TEST

SUITE_MAIN("status_screen", a_cell_says_what_it_serves,
           what_was_not_finished_stands_out_and_says_what_to_do,
           a_cell_without_a_replica_or_a_primary_stands_out,
           an_edge_that_is_behind_or_refuses_stands_out,
           the_control_plane_says_who_leads_and_how_the_registry_is,
           backups_and_drills_are_shown_with_their_cell)
