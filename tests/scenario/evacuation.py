"""A cell of two sites is moved: by plan without losing a write, never on a memory, never over another move.

--long only: sites are made, lost and rebuilt.
"""
import re
import signal
import time

from support import faults
from support.platform import SERVES, CliError
from support.scenario import expect, expect_equal, main, note, test
from support.two_sites import NODES, TwoSites
from support.wait import wait_until

HELD_MAX_S = 5


def refused(platform, *words):
    """What the command said when it would not."""
    try:
        platform.cli(*words, timeout_s=120)
    except CliError as error:
        return str(error)
    raise AssertionError(f"{' '.join(words)} was not refused")


def node_at(platform, site):
    return faults.SitePart(platform, site, "node", ["se-1-" + NODES[site]])


def term_of(platform):
    return int(platform.psql("select term from fencing.term")[0][0])


@test
def an_unfinished_switchover_is_finished_first(platform):
    faults.wait_until_whole(platform)
    killed = platform.run(["env", "CALLCELL_KILL_AT=cell_switchover:new:record", platform.home / "bin/callcell",
                           "cell", "switchover", "se-1"], 120, check=False)
    expect_equal(killed.returncode, -signal.SIGKILL, "exit status of the killed switchover")
    said = refused(platform, "cell", "evacuate", "se-1")
    expect("callcell cell switchover se-1 was begun and not finished" in said, said)
    for _ in ("that one", "and back, so that the primary is at the active site"):
        platform.cli("cell", "switchover", "se-1", timeout_s=120)
        faults.wait_until_whole(platform)


@test
def with_both_sites_alive_it_is_a_plan(platform):
    """A clean stop of the old primary: what was acknowledged is there, and the hold is short."""
    old = platform.active_site()
    with faults.WriteProbe(platform) as probe:
        probe.wait_for_one_since(0)
        platform.cli("cell", "evacuate", "se-1", timeout_s=120)
        acknowledged = len(probe.acknowledged)
        held_s = probe.seconds_without(probe.acknowledged[0])
    note(f"writes held for {held_s:.1f} s of {acknowledged} acknowledged")
    expect(platform.active_site() != old, f"still at site {old}")
    kept = int(platform.psql("select count(*) from public.write_probe")[0][0])
    expect(kept >= len(probe.acknowledged), f"{len(probe.acknowledged)} acknowledged, {kept} kept")
    expect(held_s <= HELD_MAX_S, f"writes were held for {held_s:.1f} s, not at most {HELD_MAX_S}")
    started = platform.cli("up", timeout_s=120)
    expect("se-1 has no replica; run: callcell cell heal se-1" in started.stderr, started.stderr)
    platform.heal()


@test
def a_primary_that_went_on_alone_unseen_is_not_given_up(platform):
    """What a cut line looks like: nobody observes, the replica runs but is out of reach (frozen), the old site
    acknowledges alone and is lost then. The last note says synchronous."""
    faults.wait_until_whole(platform)
    old = platform.active_site()
    standby = {"a": "b", "b": "a"}[old]
    term = term_of(platform)
    platform.wait_until_noted(old)
    for serve in SERVES:
        platform.stop_service(serve)
    old_port, port = platform.primary_port(), platform.port(20131 if standby == "a" else 20132)
    replica = node_at(platform, standby)
    replica.freeze()
    try:
        platform.psql("create table public.moved (number int)", old_port)
        platform.psql("insert into public.moved values (1)", old_port)
        faults.site_of(platform, old).kill_for_good()
    finally:
        replica.thaw()
    wait_until("the standby answers", lambda: platform.psql("select pg_is_in_recovery()", port) == [["t"]], 30)
    said = refused(platform, "cell", "evacuate", "se-1")
    expect("may have gone on alone since: its settings changed afterwards" in said, said)
    expect_equal(platform.active_site(), old, "active site")
    said = platform.cli("cell", "evacuate", "se-1", "--accept-loss", timeout_s=120).stderr
    expect(re.search(r"^cost: writes .*; at least \d+ events shipped \(2 of 4 workers say\)$", said, re.M), said)
    expect_equal(platform.active_site(), standby, "active site")
    expect(term_of(platform) > term, f"the term is still {term}")
    platform.heal()


def recovers_until(file):
    """A restore_command that keeps a replica in recovery, as much WAL would, until the file is there."""
    return f"restore_command = 'while [ ! -e {file} ]; do sleep 0.1; done; false'\n"


def starts_alone(data):
    """Process ids of a node's Postgres, each time that a command started it without its keeper."""
    log = (data.parent / f"{data.name}.alone.log").read_text()
    return re.findall(r"\[(\d+)\] LOG:  starting PostgreSQL", log)


@test
def a_replica_that_recovers_is_waited_for_and_the_old_primary_goes_on(platform):
    """Its keeper is stopped; the first try starts it and gives up, the second one goes on with the same recovery."""
    faults.wait_until_whole(platform)
    old = platform.active_site()
    standby = {"a": "b", "b": "a"}[old]
    data = platform.site(standby) / "cells/se-1/pg" / NODES[standby] / "data"
    recovered = platform.home / "recovered"
    service = node_at(platform, standby).folders()
    platform.as_owner(["sv", "-w", "20", "force-stop", *service], timeout_s=60)
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write(recovers_until(recovered))
    with faults.WriteProbe(platform) as probe:
        probe.wait_for_one_since(time.monotonic())
        begun = time.monotonic()
        said = refused(platform, "cell", "evacuate", "se-1", "--accept-loss")
        probe.wait_for_one_since(time.monotonic())
        held_s = probe.seconds_without(begun)
    expect("still recovers after 60 s; give the command again" in said, said)
    expect(held_s <= HELD_MAX_S, f"writes were held for {held_s:.1f} s while the replica was waited for")
    expect_equal(platform.active_site(), old, "active site")
    begun_once = starts_alone(data)
    recovered.touch()
    platform.cli("cell", "evacuate", "se-1", "--accept-loss", timeout_s=180)
    expect_equal(platform.active_site(), standby, "active site")
    expect_equal(starts_alone(data), begun_once, "starts of the replica")
    platform.psql("alter system reset restore_command")
    platform.heal()


@test
def a_replica_that_is_down_is_started_and_promoted(platform):
    """The old site is lost and the machine of the other starts anew: its keeper finds no monitor and starts nothing."""
    faults.wait_until_whole(platform)
    old = platform.active_site()
    standby = {"a": "b", "b": "a"}[old]
    platform.wait_until_noted(old)
    kept = platform.psql("select count(*) from public.write_probe")
    faults.site_of(platform, old).kill_for_good()
    for action in ("force-stop", "start"):
        platform.as_owner(["sv", "-w", "20", action, *node_at(platform, standby).folders()], timeout_s=60)
    platform.cli("cell", "evacuate", "se-1", timeout_s=180)
    expect_equal(platform.active_site(), standby, "active site")
    expect_equal(platform.psql("select count(*) from public.write_probe"), kept, "what was acknowledged")
    platform.heal()


def service_of(platform, worker):
    site = "a" if worker <= 2 else "b"
    return platform.site(site) / f"run/services/se-1-worker-{worker}"


@test
def drained_workers_stay_out_and_stopped_ones_are_woken(platform):
    """At the site that it goes to: one is drained, one stopped."""
    faults.wait_until_whole(platform)
    standby = {"a": "b", "b": "a"}[platform.active_site()]
    drained, stopped = (1, 2) if standby == "a" else (3, 4)
    for worker in (drained, stopped):
        platform.cli("cell", "drain", "se-1", f"worker-{worker}")
    said = refused(platform, "cell", "evacuate", "se-1")
    expect(f"every worker of se-1 at site {standby} is drained" in said, said)
    expect(f"callcell cell undrain se-1 worker-{drained}" in said, said)
    platform.cli("cell", "undrain", "se-1", f"worker-{stopped}")
    platform.as_owner(["sv", "-w", "20", "force-stop", service_of(platform, stopped)], timeout_s=40)
    platform.cli("cell", "evacuate", "se-1", timeout_s=180)
    expect_equal(platform.active_site(), standby, "active site")
    lines = (platform.home / "discovery/se-1.endpoints").read_text().splitlines()
    expect(f"# drained worker-{drained}" in lines, f"{lines}")
    states = [(service_of(platform, worker) / "supervise/stat").read_text().strip() for worker in (drained, stopped)]
    expect_equal(states, ["down", "run"], "the drained and the stopped worker")
    healed = platform.cli("cell", "heal", "se-1", timeout_s=180)
    expect(f"worker-{drained}: drained; to take it back" in healed.stderr, healed.stderr)
    platform.cli("cell", "undrain", "se-1", f"worker-{drained}")
    platform.heal()


main(TwoSites)
