"""How long writes wait when a part of Postgres is lost, and how long it takes to have a cell or a worker again.

--long only: it takes some minutes, and its figures, which go into docs/recovery-times.md, mean something only where
nothing else runs.
"""
import datetime
import json
import os
import pathlib
import signal
import time

from support import faults
from support.carrier import event
from support.dataset import Dataset
from support.platform import ROOT, Platform
from support.scenario import SEED, expect, generator, main, note, test
from support.wait import wait_for_seconds, wait_until

QUIET_S = 1  # of writes before and after
NUMBERS = 5000

dataset = Dataset(generator(), "times", 7, tenants=2, mobiles=NUMBERS, pbxs=0)
_rows = []


def record(what, seconds, limit):
    """One line of the table; the slowest counts."""
    _rows.append((what, len(seconds), min(seconds), sorted(seconds)[len(seconds) // 2], max(seconds), limit))
    note(f"{what}: {', '.join(f'{value:.2f}' for value in seconds)} s, at most {limit} s")
    expect(max(seconds) <= limit, f"{what}: {max(seconds):.2f} s, at most {limit} s")


def seconds_without_writes(platform, act):
    """act() under writes that go as fast as they can; the longest time without one since."""
    probe = faults.WriteProbe(platform)
    with probe:
        probe.wait_for_one_since(time.monotonic())
        wait_for_seconds(QUIET_S)
        started = time.monotonic()
        act()
        probe.wait_for_one_since(time.monotonic())
        wait_for_seconds(QUIET_S)
    return probe.seconds_without(started)


@test
def numbers_are_there(platform):
    dataset.load_into(platform)


def crash_postgres(platform):
    node = faults.primary_node(platform)
    file = platform.home / f"cells/se-1/pg/node{node}/data/postmaster.pid"
    first = int(file.read_text().split()[0])
    os.kill(first, signal.SIGKILL)
    wait_until("another Postgres", lambda: platform.primary_port() and int(file.read_text().split()[0]) != first, 60)


def wait_until_monitored(platform):
    """The monitor has looked since, and all is well: two crashes in a row that it sees may be one to it, which it
    ends with a failover."""
    since = platform.psql("select now()", platform.port(20130), "pg_auto_failover")[0][0]
    wait_until("the monitor has seen both nodes", lambda: platform.psql(
        "select bool_and(health = 1 and reportedstate = goalstate and least(healthchecktime, reporttime) > "
        f"'{since}') from pgautofailover.node", platform.port(20130), "pg_auto_failover") == [["t"]], 30)


@test
def postgres_crashes_on_a_platform_just_made(platform):
    """Its keepers have promoted nothing yet (docs/adr/0016-keepers-are-told.md)."""
    faults.wait_until_whole(platform)
    wait_until("the keepers are told", lambda: len(platform.keepers_notes()) == 4, 10)
    times = [seconds_without_writes(platform, lambda: crash_postgres(platform))]
    record("Postgres of the primary crashes (kill -9) on a platform just made", times, 2)


@test
def the_primarys_node_is_lost(platform):
    times = []
    for _ in range(10):
        faults.wait_until_whole(platform)
        number = faults.primary_node(platform)
        node = faults.Part(platform, "primary", [f"se-1-node{number}"])
        times.append(seconds_without_writes(platform, node.kill_for_good))
        expect(faults.primary_node(platform) != number, f"node{number} is still the primary: it was not lost")
        platform.start_service(f"node{number}")
    faults.wait_until_whole(platform)
    record("the primary's node is lost (all its processes killed, none started again)", times, 7)


@test
def postgres_crashes(platform):
    times = []
    for _ in range(10):
        faults.wait_until_whole(platform)
        wait_until_monitored(platform)
        times.append(seconds_without_writes(platform, lambda: crash_postgres(platform)))
    record("Postgres of the primary crashes (kill -9)", times, 2)


@test
def switchover(platform):
    times = []
    for _ in range(5):
        faults.wait_until_whole(platform)
        times.append(seconds_without_writes(platform, lambda: platform.cli("cell", "switchover", "se-1")))
    faults.wait_until_whole(platform)
    record("callcell cell switchover", times, 1.5)


@test
def a_cell_is_made(platform):
    started = time.monotonic()
    platform.cli("cell", "create", "no", timeout_s=180)
    record("callcell cell create, one more cell on this machine", [time.monotonic() - started], 60)


@test
def workers_are_up_from_disk_alone(platform):
    """Redis, Postgres and the control plane are gone; the workers' disks hold the plans of all numbers asked for."""
    scripts = [dataset.script(f"times-{SEED}-{i}", number) for i, number in enumerate(dataset.numbers)]
    calls = platform.file("times.ndjson", "".join(json.dumps(script) + "\n" for script in scripts))
    platform.bench("load", "--calls", calls, "--rate", 150)
    for number in (1, 2):
        platform.sv("restart", f"worker-{number}")
        wait_until(f"worker-{number} is ready", lambda n=number: platform.worker_is_ready(n), 60)
    platform.stop_control_plane()
    stores = [f"se-1-{name}" for name in ("redis", "node1", "node2", "monitor")]
    faults.Part(platform, "stores", stores).kill_for_good()
    plan = list(dataset.numbers.values())[0]
    times = [time_to_answer(platform, plan) for _ in range(3)]
    record("both workers killed, until the first answer from disk alone", times, 1)


def source_of(platform, plan):
    call = event(to=plan["number"], sender="+46701112233", kind=plan["kind"])
    return platform.carrier().send(call, plan["tenant"]).source


def time_to_answer(platform, plan):
    """From the start of the first new process (a supervisor waits a second before) to an answer from disk."""
    heads = {}
    for number in (1, 2):
        heads[number] = platform.pid(f"worker-{number}")
        platform.kill(f"worker-{number}")
    wait_until("new processes", lambda: all(platform.pid(f"worker-{n}") not in (None, heads[n]) for n in heads), 20,
               every_s=0.01)
    begun = min(started_at(platform.pid(f"worker-{n}")) for n in heads)
    wait_until("an answer from disk", lambda: source_of(platform, plan) == "disk", 20, every_s=0.01)
    return time.clock_gettime(time.CLOCK_BOOTTIME) - begun


def started_at(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


@test
def the_table_is_written(_platform):
    lines = [f"| {what} | {count} | {least:.2f} | {middle:.2f} | {most:.2f} | {limit} |"
             for what, count, least, middle, most, limit in _rows]
    text = (HEAD + f"\nRun of {datetime.date.today().isoformat()}, seed {SEED}, two shared cores.\n\n"
            "| what | times | least s | median s | most s | at most s |\n|---|---|---|---|---|---|\n"
            + "\n".join(lines) + "\n")
    print("\n".join("# " + line for line in lines), flush=True)
    (ROOT / "docs/recovery-times.md").write_text(text)


HEAD = """# Recovery times, measured

Written by `./dev test scenario --long recovery-times`, with the programs as `./dev up` builds them. Where it is about
writes: the longest time without an acknowledged write to the cell's Postgres, from the fault on, by a client that
writes to whichever node takes it as fast as that answers.
"""

main(Platform)
