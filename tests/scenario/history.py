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

from support import faults, links, network
from support.clocks import SteppedClock
from support.dataset import Dataset, read_log
from support.disks import SmallDisk
from support.meanwhile import Meanwhile
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
# Apart: how many numbers there are to choose from differs from run to run, and must not turn the nemesis' dice.
choose_number = generator()
dataset = Dataset(chance, "hist", 4, tenants=2, mobiles=150, pbxs=50)
_ids = (f"hist-{SEED}-{i}" for i in itertools.count(1))
_lines_of_steps = []  # a call begins and ends within a step


class NumberWriter(Meanwhile):
    """Makes numbers one after another; each is tried under its key until the command says that it is done."""

    def __init__(self, platform):
        self.platform = platform
        self.begun, self.acknowledged = [], []
        self.tries = 0
        super().__init__()

    def work(self):
        for i in itertools.count(1):
            number = f"+4672{SEED % 100:02d}{i:05d}"
            self.begun.append(number)
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
        """More are acknowledged, all after the first `known` are there, and an old key changes nothing."""
        now = len(self.acknowledged)
        wait_until("a number is acknowledged again", lambda: len(self.acknowledged) > now, 60)
        new = self.acknowledged[known:]
        listed = ",".join(f"'{number}'" for number in new)
        held = self.platform.psql(f"select number from directory.numbers where number in ({listed})")
        missing = set(new) - {number for number, in held}
        expect(not missing, f"acknowledged and not in the cell: {sorted(missing)[:5]}")
        self.check_key(choose_number.choice(self.acknowledged))

    def check_key(self, number):
        plan = f"select row_version, md5(plan::text) from directory.call_plans where number = '{number}'"
        before = self.platform.psql(plan)
        expect(self.try_once(number), f"the key of {number}, acknowledged before, is refused")
        expect_equal(self.platform.psql(plan), before, f"the plan of {number} after its key was given again")

    def check_all(self):
        """Cell and registry hold what was acknowledged, once, and nothing else but one last try."""
        held = [number for number, in self.platform.psql(
            f"select number from directory.numbers where tenant_id = '{TENANT}'")]
        self.check_held(held, "cell")
        told = self.platform.cli_json("number", "list", "--tenant", TENANT, "--limit", 100000)
        self.check_held([item["number"] for item in told], "registry")
        # Each write takes one version of the tenant: making it was the first, and each number one more.
        versions = self.platform.psql(f"select last_version from directory.tenants where tenant_id = '{TENANT}'")
        expect_equal(versions, [[str(1 + len(held))]], "versions taken by the tenant and its numbers")

    def check_held(self, held, where):
        missing, unasked = set(self.acknowledged) - set(held), set(held) - set(self.begun)
        expect(not missing, f"acknowledged and not in the {where}: {sorted(missing)[:5]}")
        expect(not unasked, f"in the {where} and never asked for: {sorted(unasked)[:5]}")
        expect_equal(len(held), len(set(held)), f"numbers in the {where}, each counted once")


def calls(platform, name, seconds):
    scripts = [dataset.script(next(_ids), chance.choice(list(dataset.numbers))) for _ in range(int(RATE * seconds))]
    path = platform.file(f"{name}.ndjson", "".join(json.dumps(script) + "\n" for script in scripts))
    log = platform.file(f"{name}.log", "")
    return log, platform.start_bench("load", "--calls", path, "--rate", RATE, "--log", log, "--allow-unanswered")


class Companion:
    """What goes on while a part is killed. spared: parts that are not killed meanwhile."""

    def __init__(self, words, begin, end, spared=()):
        self.words, self.begin, self.end, self.spared = words, begin, end, spared


class Nemesis:

    def __init__(self, platform):
        self.platform = platform
        self.parts = faults.parts_of(platform)
        self.disks, self.clocks = {}, []
        self.companions = [self.alone, self.alone, self.freeze, self.cut, self.fill, self.step_clock]

    def prepare(self):
        links.prepare()
        self.clocks = [SteppedClock(self.platform, name)
                       for name in ("se-1-worker-1", "se-1-node1", faults.serve_of(self.platform))]
        self.disks = {SmallDisk(self.platform, "cells/se-1/workers/worker-1", 16, ["worker-1"]): WORKERS,
                      SmallDisk(self.platform, "cells/se-1/pg/node2", 1200, ["node2"]): (),
                      SmallDisk(self.platform, "edges/edge-2", 16, ["edge-2"]): ()}
        for disk in self.disks:
            disk.__enter__()

    def leave(self):
        for disk in self.disks:
            disk.__exit__()
        for clock in self.clocks:
            clock.restore()

    def step(self):
        """A part is killed in the middle of something else; returns what was done, in words.

        Parts are found before anything begins: which node is the primary, a frozen one does not say."""
        companion = chance.choice(self.companions)()
        part = self.part(companion.spared)
        companion.begin()
        try:
            wait_for_seconds(STEP_S / 3)
            part.kill()
            wait_for_seconds(STEP_S * 2 / 3)
        finally:
            companion.end()
        return f"kill {part.name}{companion.words}"

    def part(self, spared=()):
        return self.parts[chance.choice(sorted(set(self.parts) - set(spared)))]()

    def alone(self):
        return Companion("", lambda: None, lambda: None)

    def freeze(self):
        part = self.part()
        return Companion(f", {part.name} frozen", part.freeze, part.thaw)

    def cut(self):
        part = self.part()
        return Companion(f", {part.name} cut off", part.cut, part.mend)

    def fill(self):
        disk = chance.choice(list(self.disks))
        where = disk.folder.relative_to(self.platform.home)
        return Companion(f", no space under {where}", disk.fill, disk.free, self.disks[disk])

    def step_clock(self):
        clock, seconds = chance.choice(self.clocks), chance.choice([CLOCK_STEP_S, -CLOCK_STEP_S])
        return Companion(f", the clock of {clock.service} {seconds:+d} s", lambda: clock.step(seconds),
                         lambda: clock.step(0))


def check_calls(platform, lines):
    Records(platform, lines, tenant_of).check()


def tenant_of(line):
    number = line["from"] if line["direction"] == "originating" else line["to"]
    return line["tenant"] or dataset.numbers[number]["tenant"]


@test
def tenants_and_numbers_are_there(platform):
    dataset.load_into(platform)
    platform.cli("tenant", "create", TENANT, "--country", "se")


@contextlib.contextmanager
def named(what):
    """A failure says what repeats it, and where."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"CALLCELL_TEST_SEED={SEED}, {what}: {error}") from error


def one_step(platform, nemesis, writer, i):
    log, running = calls(platform, f"history-{i}", STEP_S + 1)
    wait_until("the first answers", lambda: log.stat().st_size > 0, 60)
    known, done = len(writer.acknowledged), nemesis.step()
    with named(f"step {i}, {done}"):
        expect_equal(running.wait(timeout=120), 0, "load tool's exit status")
        faults.wait_until_whole(platform)
        lines = read_log(log)
        unanswered = [line["event_id"] for line in lines if line["unanswered"]]
        expect(not unanswered, f"{len(unanswered)} unanswered: {unanswered[:5]}")
        check_calls(platform, lines)
        writer.check(known)
    note(f"step {i}: {done}; {len(lines)} webhooks, {len(writer.acknowledged)} numbers")
    _lines_of_steps.append(lines)


@test
def every_acknowledged_fact_exists_once(platform):
    nemesis = Nemesis(platform)
    nemesis.prepare()
    try:
        with NumberWriter(platform) as writer:
            for i in range(1, STEPS + 1):
                one_step(platform, nemesis, writer, i)
        faults.wait_until_whole(platform)
        writer.check_all()
        note(f"{sum(map(len, _lines_of_steps))} webhooks; {len(writer.acknowledged)} numbers acknowledged in "
             f"{writer.tries} tries")
    finally:
        nemesis.leave()


@test
def at_the_end_all_events_are_still_there(platform):
    faults.wait_until_whole(platform)  # clocks and disks were given back, Postgres nodes restarted for it
    for i, lines in enumerate(_lines_of_steps, 1):
        with named(f"the events of step {i} at the end"):
            check_calls(platform, lines)


network.enter_own(__file__)
main(Platform)
