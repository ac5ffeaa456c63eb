#!/usr/bin/python3
"""`cell heal` mends what is broken and never makes it worse: what works is left alone, and so is whatever may hold
acknowledged writes.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

from support import faults
from support.platform import Platform
from support.recipes import registry
from support.scenario import expect, expect_equal, long_test, main, test
from support.wait import wait_until

TENANT, NUMBER = "healed", "+46708800091"


def known_nodes(platform):
    """What the monitor has in its list; a node that is registered anew gets another id."""
    return platform.psql("select nodeid, nodename from pgautofailover.node order by nodeid", platform.port(20130),
                         "pg_auto_failover")


def terms(platform):
    """As the primary holds it, as the registry does, and as the workers' lease says."""
    lease = json.loads((platform.home / "cells/se-1/etc/lease").read_text())["term"]
    leased = registry(platform, "SELECT term FROM cell_leases WHERE cell = 'se-1'")[0][0]
    return [int(platform.psql("select term from fencing.term")[0][0]), int(leased), lease]


def expect_writes(platform, target):
    """Through the workers, under their lease."""
    platform.cli("number", "create", NUMBER, "--tenant", TENANT, "--kind", "mobile", "--forward-always", target)
    expect(target in platform.psql(f"select document from directory.numbers where number = '{NUMBER}'")[0][0],
           "the number is not as it was written")


def nodes(platform):
    """Names of the primary and of the replica."""
    return ("node1", "node2") if platform.primary_port() == platform.port(20131) else ("node2", "node1")


def state_of_heal(platform):
    rows = registry(platform, "SELECT state FROM runs WHERE subject = 'se-1' AND transition_table = 'cell_heal' "
                              "AND finished_at IS NULL")
    return rows[0][0] if rows else None


@test
def a_monitor_that_was_stopped_is_started_and_the_primary_is_not_touched(platform):
    def primary():
        return [platform.primary_port(), platform.psql("select pg_postmaster_start_time()"), known_nodes(platform)]
    before = primary()
    platform.stop_service("monitor")
    done = platform.cli("cell", "heal", "se-1", timeout_s=120)
    expect("found: se-1-monitor: down" in done.stderr, done.stderr)
    expect_equal(primary(), before, "the primary, and what the monitor knows")


@test
def a_pooler_that_was_stopped_or_froze_is_started_and_nodes_report_through_it(platform):
    def last_report():
        rows = platform.psql("select extract(epoch from min(reporttime)) from pgautofailover.node",
                             platform.port(20130), "pg_auto_failover")
        return float(rows[0][0])
    pooler = "monitor-pooler"
    for trouble in ("down", "frozen"):
        if trouble == "down":
            platform.stop_service(pooler)
        else:
            os.kill(platform.pid(pooler), signal.SIGSTOP)
        done = platform.cli("cell", "heal", "se-1", timeout_s=120)
        expect(f"found: se-1-monitor-pooler: {trouble}" in done.stderr, done.stderr)
        healed = time.time()
        wait_until("reports of both nodes", lambda: last_report() > healed)


@test
def a_frozen_postgres_is_found_under_a_keeper_that_is_well(platform):
    """The head of its service is pg_autoctl."""
    replica = 2 if platform.primary_port() == platform.port(20131) else 1
    postmaster = int((platform.home / f"cells/se-1/pg/node{replica}/data/postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGSTOP)
    try:
        done = platform.cli("cell", "heal", "se-1", "--dry-run")
        expect(f"found: se-1-node{replica}: frozen" in done.stderr, done.stderr)
        expect(f"found: se-1-node{3 - replica}" not in done.stderr, done.stderr)
    finally:
        os.kill(postmaster, signal.SIGCONT)


def redis_answers(platform, timeout_s=20):
    """Whoever does not say who they are is answered too."""
    try:
        with socket.create_connection(("127.0.0.1", platform.port(20120)), timeout=timeout_s) as plain:
            plain.sendall(b"PING\r\n")
            return plain.recv(64).startswith(b"-NOAUTH")
    except OSError:
        return False


def expect_heal_renews_redis(platform, trouble):
    before = platform.pid("redis")
    done = platform.cli("cell", "heal", "se-1", timeout_s=120)
    expect(f"found: se-1-redis: {trouble}" in done.stderr and "heal se-1: done" in done.stdout, done)
    wait_until("Redis answers", lambda: redis_answers(platform), 20)
    expect(platform.pid("redis") != before, f"Redis is still process {before}")


@test
def a_frozen_redis_is_replaced(platform):
    platform.freeze("redis")
    expect_heal_renews_redis(platform, "frozen")


@test
def a_redis_that_hangs_is_replaced(platform):
    """Its process runs, in a script without end."""
    environment = {**platform.environment, "REDISCLI_AUTH": platform.secret_file("cells/se-1/etc/redis-operator.password")}
    endless = ["redis-cli", "-p", str(platform.port(20120)), "--user", "operator", "EVAL", "while true do end", "0"]
    with subprocess.Popen(endless, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as script:
        wait_until("Redis is silent", lambda: not redis_answers(platform, timeout_s=1), 20)
        expect_heal_renews_redis(platform, "hangs")
        script.wait(timeout=20)


@test
def a_keeper_without_its_note_is_told_that_its_postgres_is_to_run(platform):
    """As one is that was started just now (docs/adr/0016-keepers-are-told.md); heal has nothing to do."""
    notes = platform.keepers_notes()
    expect_equal(len(notes), 4, "keepers that were told")
    for note in notes:
        note.unlink()
    wait_until("they are told", lambda: all(note.exists() and note.stat().st_size for note in notes), 20)


def postgres_of(platform, node):
    """Its processes, the first one first, without its keeper's."""
    postmaster = int((platform.home / f"cells/se-1/pg/{node}/data/postmaster.pid").read_text().split()[0])
    return faults.descendants(postmaster)


def is_to_be_promoted(platform, node):
    return platform.psql(f"select goalstate from pgautofailover.node where nodename = '{node}'", platform.port(20130),
                         "pg_auto_failover") == [["stop_replication"]]


@test
def a_promotion_that_was_lost_with_its_postgres_is_asked_for_again(platform):
    """The replica's recovery is frozen, so that it cannot follow the request; then its Postgres is killed with it."""
    faults.wait_until_whole(platform)
    primary, replica = nodes(platform)
    recovery = [pid for pid in postgres_of(platform, replica)
                if b"startup" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]
    expect_equal(len(recovery), 1, f"processes that recover: {recovery}")
    os.kill(recovery[0], signal.SIGSTOP)
    platform.stop_service(primary)
    wait_until(f"{replica} is to be promoted", lambda: is_to_be_promoted(platform, replica), 60)
    log = platform.home / f"log/se-1-{replica}/current"
    wait_until("its Postgres was asked", lambda: "Waiting for postgres to promote" in log.read_text(), 20)
    refused = platform.cli("cell", "failover", "se-1", check=False)
    expect_equal(refused.returncode, 1, f"exit status of a failover beside it, which said {refused.stderr}")
    expect(f"is promoting {replica} already" in refused.stderr, refused.stderr)
    for pid in postgres_of(platform, replica):
        os.kill(pid, signal.SIGKILL)
    wait_until(f"{replica} is the primary", lambda: nodes(platform)[0] == replica, 60)
    platform.start_service(primary)
    faults.wait_until_whole(platform)
    expect_equal(nodes(platform)[0], replica, "the primary")


@test
def leases_are_of_the_term_in_force_whatever_the_registry_knows(platform):
    """As after a restore of the registry from before some failovers: the primary holds the higher term."""
    platform.cli("tenant", "create", TENANT)
    in_force = terms(platform)[0] + 40
    platform.psql(f"select fencing.raise({in_force})")
    done = platform.cli("cell", "heal", "se-1", timeout_s=120)
    expect(f"found: lease at site a: of term {in_force - 40}, not {in_force}" in done.stderr, done.stderr)
    expect_equal(terms(platform), [in_force] * 3, "terms after an old lease")
    expect_writes(platform, "+46733000001")
    for name in ("lease", "lease.sig"):
        (platform.home / "cells/se-1/etc" / name).unlink()
    done = platform.cli("cell", "heal", "se-1", timeout_s=120)
    expect("found: lease at site a: missing" in done.stderr, done.stderr)
    expect_equal(terms(platform), [in_force] * 3, "terms after a lost lease")
    expect_writes(platform, "+46733000002")


@long_test
def a_failover_goes_on_from_the_primarys_term(platform):
    platform.cli("tenant", "create", TENANT)
    in_force = terms(platform)[0] + 40
    platform.psql(f"select fencing.raise({in_force})")
    platform.cli("cell", "failover", "se-1", timeout_s=120)
    expect_equal(terms(platform), [in_force + 1] * 3, "terms after the failover")
    expect_writes(platform, "+46733000003")


@long_test
def a_replica_that_is_promoted_while_heal_waits_for_it_is_kept(platform):
    """Commits do not wait for it, so that heal gives it ten seconds; the primary dies in the first of them."""
    platform.cli("tenant", "create", TENANT)
    expect_writes(platform, "+46733000004")
    primary, replica = nodes(platform)
    platform.psql("alter system set synchronous_standby_names = ''")
    platform.psql("select pg_reload_conf()")
    command = [str(platform.home / "bin/callcell"), "cell", "heal", "se-1"]
    with subprocess.Popen(command, env=platform.environment, text=True, stderr=subprocess.PIPE, cwd="/") as healing:
        wait_until("heal waits for the replica", lambda: state_of_heal(platform) == "monitored", 60)
        platform.stop_service(primary)
        said = healing.communicate(timeout=120)[1]
    expect_equal(healing.returncode, 1, f"exit status of heal, which said {said}")
    wait_until(f"{replica} is the primary", lambda: nodes(platform)[0] == replica, 60)
    expect(not (platform.home / f"cells/se-1/pg/{replica}/data.before").exists(), f"the data of {replica} was set aside")
    platform.cli("cell", "heal", "se-1", timeout_s=180)
    expect_equal(nodes(platform)[0], replica, "the primary")
    expect_writes(platform, "+46733000005")


@long_test
def a_replica_is_promoted_without_its_monitor(platform):
    """The monitor's data is lost and the primary is dead: heal does not judge, failover goes by what was last seen."""
    platform.cli("tenant", "create", TENANT)
    expect_writes(platform, "+46733000006")
    primary, replica = nodes(platform)
    platform.stop_service("monitor")
    shutil.rmtree(platform.home / "cells/se-1/pg/monitor/data/base")
    platform.stop_service(primary)
    done = platform.cli("cell", "failover", "se-1", timeout_s=240)
    expect(f"primary is {replica}" in done.stdout, done.stdout)
    expect_equal(nodes(platform), (replica, primary), "primary and replica")
    expect_equal([name for _, name in known_nodes(platform)], [replica, primary], "what the new monitor knows")
    expect_equal(len(set(terms(platform))), 1, f"terms: {terms(platform)}")
    expect_writes(platform, "+46733000007")


@long_test
def what_was_set_aside_outlives_a_second_try(platform):
    """A heal was killed in the middle of a base backup; what it had set aside is the node's only old copy."""
    replica = nodes(platform)[1]
    data = platform.home / "cells/se-1/pg" / replica / "data"
    platform.stop_service(replica)
    shutil.rmtree(data.with_suffix(".before"), ignore_errors=True)
    data.rename(data.with_suffix(".before"))
    data.with_suffix(".created").unlink()
    data.mkdir()
    (data / "half").touch()
    data.with_suffix(".again").touch()
    platform.give_to_owner(data, data / "half", data.with_suffix(".again"))
    platform.cli("cell", "heal", "se-1", timeout_s=180)
    expect((data.with_suffix(".before") / "PG_VERSION").exists(), "what was set aside is gone")
    expect_equal(nodes(platform)[1], replica, "the replica")


@long_test
def two_nodes_that_take_writes_are_both_left_alone(platform):
    primary, replica = nodes(platform)
    port = platform.port(20130 + int(replica[-1]))
    platform.as_owner(["/usr/lib/postgresql/15/bin/pg_ctl", "promote", "-D",
                       platform.home / "cells/se-1/pg" / replica / "data"])
    wait_until(f"{replica} takes writes", lambda: platform.psql("select pg_is_in_recovery()", port) == [["f"]])
    platform.psql("create table public.rival as select 1 as one", port)
    done = platform.cli("cell", "heal", "se-1", timeout_s=120, check=False)
    expect_equal(done.returncode, 1, "exit status of heal")
    expect(re.search(r"node1 \(timeline \d+\) and node2 \(timeline \d+\) of se-1 both follow nobody", done.stderr),
           done.stderr)
    expect_equal(platform.psql("select one from public.rival", port), [["1"]], f"what {replica} holds")
    platform.stop_service(replica)
    data = platform.home / "cells/se-1/pg" / replica / "data"
    data.rename(data.with_suffix(".rival"))
    platform.cli("cell", "heal", "se-1", timeout_s=180)
    expect_equal(nodes(platform), (primary, replica), "primary and replica")
    shutil.rmtree(data.with_suffix(".rival"))


if __name__ == "__main__":
    main(Platform)
