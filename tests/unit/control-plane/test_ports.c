#include "control-plane/ports.h"

#include "tests/unit/control-plane/suite.h"

START_TEST(ports_are_those_of_the_plan)
{
    ck_assert_int_eq(cp_ports_serve(1), 7300);
    ck_assert_int_eq(cp_ports_serve(2), 7302);
    ck_assert_int_eq(cp_ports_registry_monitor(), 7304);
    ck_assert_int_eq(cp_ports_registry_node(2), 7306);
    ck_assert_int_eq(cp_ports_worker(1, 1), 20101);
    ck_assert_int_eq(cp_ports_worker(1, 2), 20102);
    ck_assert_int_eq(cp_ports_worker_telemetry(1, 1), 20111);
    ck_assert_int_eq(cp_ports_worker_telemetry(1, 2), 20112);
    ck_assert_int_eq(cp_ports_worker(1, 3), 20151);
    ck_assert_int_eq(cp_ports_worker_telemetry(1, 4), 20162);
    ck_assert_int_eq(cp_ports_edge_tls(8080), 8443);
    ck_assert_int_eq(cp_ports_edge_tls(8090), 8453);
    ck_assert_int_eq(cp_ports_redis(1), 20120);
    ck_assert_int_eq(cp_ports_monitor(2), 20230);
    ck_assert_int_eq(cp_ports_node(2, 1), 20231);
    ck_assert_int_eq(cp_ports_node(2, 2), 20232);
    ck_assert_int_eq(cp_ports_pooler(cp_ports_monitor(2)), 20233);
}
END_TEST

START_TEST(no_two_cells_and_no_edge_share_a_port)
{
    ck_assert_int_lt(cp_ports_node(1, 2), cp_ports_worker(2, 1));
    ck_assert_int_le(cp_ports_node(CP_CELL_NUMBER_MAX, 2), 65535);
    ck_assert(cp_ports_edge_ok(8080) && cp_ports_edge_ok(20099));
    ck_assert(!cp_ports_edge_ok(cp_ports_serve(2) + 1) &&
              !cp_ports_edge_ok(cp_ports_registry_node(2)) &&
              !cp_ports_edge_ok(cp_ports_pooler(cp_ports_registry_monitor())));
    ck_assert(!cp_ports_edge_ok(cp_ports_worker(1, 1)));
    ck_assert(!cp_ports_edge_ok(cp_ports_node(CP_CELL_NUMBER_MAX, 2)));
    ck_assert(!cp_ports_edge_ok(0) && !cp_ports_edge_ok(65536));
}
END_TEST

SUITE_MAIN("ports", ports_are_those_of_the_plan, no_two_cells_and_no_edge_share_a_port)
