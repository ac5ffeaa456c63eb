"""Under a seeded nemesis every acknowledged fact exists once, and none twice.

Two kinds of writers go on all the time: carriers with call events, and an operator who makes numbers, each under
an idempotency key that he repeats until it is acknowledged, and now and then once more. In each step the nemesis
kills a part, while it may be freezing or cutting off another, filling a disk or stepping a clock.
CALLCELL_TEST_SEED repeats a run's choices; CALLCELL_TEST_STEPS makes it shorter. --long only: on a platform,
network and mounts of its own.
"""
import contextlib
import itertools
import json
import os
import threading

from support import faults, network
from support.clocks import SteppedClock
from support.dataset import Dataset, read_log
from support.disks import SmallDisk
from support.platform import Platform
from support.records import Records
from support.scenario import SEED, expect, expect_equal, generator, main, note, test
from support.wait import wait_for_seconds, wait_until

STEPS = int(os.environ.get("CALLCELL_TEST_STEPS") or 100)
RATE = 40
STEP_S = 3
CLOCK_STEP_S = 600
TENANT = "history"
# What a worker on a full disk has answered stands in its memory until there is space or Postgres has it: killed at that
# moment it loses that (docs/ARCHITECTURE.md), and the step would say what is known.
WORKERS = ("one worker", "both workers")

chance = generator()
dataset = Dataset(chance, "hist", 4, tenants=2, mobiles=150, pbxs=50)
_ids = (f"hist-{SEED}-{i}" for i in itertools.count(1))
_lines = []


class NumberWriter:
    """Makes numbers one after another; each is tried under its key until the command says that it is done."""

    def __init__(self, platform):
        self.platform = platform
        self.acknowledged = []
        self.tries = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.write)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def write(self):
        for i in itertools.count(1):
            number = f"+4672{SEED % 100:02d}{i:05d}"
            while not self.try_once(number):
                if self.over.wait(0.1):
                    return
            self.acknowledged.append(number)
            if self.over.is_set():
                return

    def try_once(self, number):
        self.tries += 1
        result = self.platform.cli("number", "create", number, "--tenant", TENANT, "--kind", "mobile",
                                   "--idempotency-key", f"history-{SEED}-{number}", timeout_s=90, check=False)
        return result.returncode == 0

    def check(self, known):
        """All that was acknowledged after the first `known` is there, and an old key changes nothing."""
        new = self.acknowledged[known:]
        listed = ",".join(f"'{number}'" for number in new)
        held = self.platform.psql(f"select number from directory.numbers where number in ({listed or 'null'})")
        missing = set(new) - {number for number, in held}
        expect(not missing, f"acknowledged and not in the cell: {sorted(missing)[:5]}")
        if self.acknowledged:
            self.check_key(chance.choice(self.acknowledged))

    def check_key(self, number):
        plan = f"select row_version, md5(plan::text) from directory.call_plans where number = '{number}'"
        before = self.platform.psql(plan)
        expect(self.try_once(number), f"the key of {number}, acknowledged before, is refused")
        expect_equal(self.platform.psql(plan), before, f"the plan of {number} after its key was given again")

    def check_all(self):
        self.check(0)
        expect(self.acknowledged, "no number was acknowledged")
        told = [item["number"] for item in self.platform.cli_json("number", "list", "--tenant", TENANT, "--limit",
                                                                  100000)]
        missing = set(self.acknowledged) - set(told)
        expect(not missing, f"acknowledged and not in the registry: {sorted(missing)[:5]}")


def calls(platform, name, seconds):
    scripts = [dataset.script(next(_ids), chance.choice(list(dataset.numbers))) for _ in range(int(RATE * seconds))]
    path = platform.file(f"{name}.ndjson", "".join(json.dumps(script) + "\n" for script in scripts))
    log = platform.file(f"{name}.log", "")
    return log, platform.start_bench("load", "--calls", path, "--rate", RATE, "--log", log, "--allow-unanswered")


class Nemesis:

    def __init__(self, platform):
        self.platform = platform
        self.parts = faults.parts_of(platform)
        self.disks, self.clocks = [], []
        self.companions = [self.alone, self.alone, self.freeze, self.cut, self.fill, self.step_clock]

    def prepare(self):
        faults.prepare_cuts()
        self.clocks = [SteppedClock(self.platform, name)
                       for name in ("se-1-worker-1", "se-1-node1", faults.serve_of(self.platform))]
        self.disks = [SmallDisk(self.platform, "cells/se-1/workers/worker-1", 16, ["worker-1"]),
                      SmallDisk(self.platform, "cells/se-1/pg/node2", 400, ["node2"]),
                      SmallDisk(self.platform, "edges/edge-2", 16, ["edge-2"])]
        for disk in self.disks:
            disk.__enter__()

    def leave(self):
        for disk in self.disks:
            disk.__exit__()
        for clock in self.clocks:
            clock.restore()

    def step(self):
        """A part is killed in the middle of something else; returns what was done, in words."""
        with chance.choice(self.companions)() as meanwhile:
            wait_for_seconds(STEP_S / 3)
            part = self.part(() if "no space" not in meanwhile else WORKERS)
            part.kill()
            wait_for_seconds(STEP_S * 2 / 3)
        return f"kill {part.name}{meanwhile}"

    def part(self, but=()):
        name = chance.choice(sorted(set(self.parts) - set(but)))
        return self.parts[name]()

    @contextlib.contextmanager
    def alone(self):
        yield ""

    @contextlib.contextmanager
    def freeze(self):
        part = self.part()
        part.freeze()
        try:
            yield f", {part.name} frozen"
        finally:
            part.thaw()

    @contextlib.contextmanager
    def cut(self):
        part = self.part()
        part.cut()
        try:
            yield f", {part.name} cut off"
        finally:
            part.mend()

    @contextlib.contextmanager
    def fill(self):
        disk = chance.choice(self.disks)
        disk.fill()
        try:
            yield f", no space under {disk.folder.relative_to(self.platform.home)}"
        finally:
            disk.free()

    @contextlib.contextmanager
    def step_clock(self):
        clock, seconds = chance.choice(self.clocks), chance.choice([CLOCK_STEP_S, -CLOCK_STEP_S])
        clock.step(seconds)
        try:
            yield f", the clock of {clock.service} {seconds:+d} s"
        finally:
            clock.step(0)


def check_calls(platform, lines):
    Records(platform, lines, tenant_of).check()


def tenant_of(line):
    number = line["from"] if line["direction"] == "originating" else line["to"]
    return line["tenant"] or dataset.numbers[number]["tenant"]


@test
def tenants_and_numbers_are_there(platform):
    dataset.load_into(platform)
    platform.cli("tenant", "create", TENANT, "--country", "se")


@test
def every_acknowledged_fact_exists_once(platform):
    nemesis = Nemesis(platform)
    nemesis.prepare()
    try:
        with NumberWriter(platform) as writer:
            for i in range(1, STEPS + 1):
                log, running = calls(platform, f"history-{i}", STEP_S + 1)
                wait_until("the first answers", lambda path=log: path.stat().st_size > 0, 60)
                known, done = len(writer.acknowledged), nemesis.step()
                expect_equal(running.wait(timeout=120), 0, "load tool's exit status")
                faults.wait_until_whole(platform)
                lines = read_log(log)
                note(f"step {i}: {done}; {len(lines)} webhooks, {len(writer.acknowledged)} numbers")
                expect(not [1 for line in lines if line["unanswered"]], f"unanswered in step {i}: {done}")
                check_calls(platform, lines)
                writer.check(known)
                _lines.extend(lines)
        faults.wait_until_whole(platform)
        writer.check_all()
        note(f"{len(writer.acknowledged)} numbers acknowledged in {writer.tries} tries")
    finally:
        nemesis.leave()


@test
def at_the_end_all_events_are_still_there(platform):
    for start in range(0, len(_lines), 2000):
        check_calls(platform, [line for line in _lines[start:start + 2000]])


network.enter_own(__file__)
main(Platform)
