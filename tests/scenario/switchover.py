#!/usr/bin/python3
"""A switchover promotes the replica itself (ADR 15): only one that the monitor lets take over, and for good."""
import os
import pathlib
import signal
import subprocess

from support import faults
from support.platform import Platform
from support.scenario import expect, expect_equal, main, test
from support.wait import wait_until

COMMAND = ["cell", "switchover", "se-1"]


def is_replica(platform, node):
    return platform.psql("select pg_is_in_recovery()", platform.port(20130 + node)) == [["t"]]


def seconds_since_report(platform, node):
    asked = f"select extract(epoch from now() - reporttime)::int from pgautofailover.node where nodename = 'node{node}'"
    return int(platform.psql(asked, platform.port(20130), "pg_auto_failover")[0][0])


def signal_all(pids, number):
    for pid in pids:
        os.kill(pid, number)


@test
def a_replica_whose_keeper_is_silent_is_not_promoted(platform):
    faults.wait_until_whole(platform)
    old = faults.primary_node(platform)
    new = 3 - old
    keepers = faults.keepers_of(platform, new)
    signal_all(keepers, signal.SIGSTOP)
    try:
        wait_until("its last report is old", lambda: seconds_since_report(platform, new) > 6, 30)
        refused = platform.cli(*COMMAND, timeout_s=120, check=False)
        expect_equal(refused.returncode, 1, "exit status")
        expect(f"node{new} may not take over just now" in refused.stderr and "nothing was begun" in refused.stderr,
               refused.stderr)
        expect(is_replica(platform, new), "it was promoted")
    finally:
        signal_all(keepers, signal.SIGCONT)
    wait_until("it reports again", lambda: seconds_since_report(platform, new) <= 2, 30)
    faults.wait_until_whole(platform)
    expect_equal(faults.primary_node(platform), old, "primary")
    platform.cli(*COMMAND, timeout_s=120)
    expect_equal(faults.primary_node(platform), new, "primary, given again")


def node_active(platform, node):
    """The process of a keeper that reports to the monitor."""
    return [pid for pid in faults.keepers_of(platform, node)
            if b"node active" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"-", b" ")]


@test
def a_keeper_that_starts_after_the_promotion_leaves_no_replica_behind(platform):
    faults.wait_until_whole(platform)
    new = 3 - faults.primary_node(platform)
    wait_until("it reports", lambda: seconds_since_report(platform, new) <= 2, 30)
    keeper = node_active(platform, new)
    expect_equal(len(keeper), 1, f"keepers that report: {keeper}")
    signal_all(keeper, signal.SIGSTOP)
    command = platform.owner_command([platform.home / "bin/callcell", *COMMAND])
    with subprocess.Popen(command, env=platform.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          cwd="/") as running:
        try:
            wait_until("it is promoted", lambda: not is_replica(platform, new), 30)
        finally:
            signal_all(keeper, signal.SIGKILL)
        said = running.communicate(timeout=120)[1]
    expect_equal(running.returncode, 0, f"exit status ({said})")
    faults.wait_until_whole(platform)
    expect_equal(faults.primary_node(platform), new, "primary")
    signal_file = platform.home / f"cells/se-1/pg/node{new}/data/standby.signal"
    expect(not signal_file.exists(), "at its next start the primary would be a replica")


main(Platform)
