"""Each part of a cell is killed, frozen and cut off under load: no call stays unanswered, every answer is the
reference's, and every answered event is recorded once.

In the gate: a choice of faults, at a third of the rate, since it may run on a slow machine. --long: all of them, in a
network namespace of its own (the cuts are nft rules), and the loss of a whole site on a platform with two; the table
goes into docs/reliability.md.
CALLCELL_TEST_CASES, a regular expression on "part fault", chooses some and writes no document.
"""
import collections
import itertools
import json
import os
import re
import time

from support import faults, links, network
from support.dataset import Dataset, read_log, wrong_answers
from support.platform import ROOT, Platform
from support.records import Records
from support.reliability import Row, table, write_document
from support.scenario import (LONG, SEED, expect, expect_equal, generator, main, note, stopped_cleanly, test,
                              test_afterwards)
from support.two_sites import TwoSites
from support.wait import wait_for_seconds, wait_until

RATE = 150 if LONG else 50
BEFORE_S, FAULT_S, AFTER_S = (1.5, 5, 2.5) if LONG else (0.5, 2, 1)
CALLS = int(RATE * (BEFORE_S + FAULT_S + AFTER_S))
KNOWN = 2000
ALL_PARTS = ["Redis", "primary", "replica", "monitor", "one worker", "both workers", "control plane",
             "one edge of two", "Redis and primary"]
FAULTS = ["kill", "freeze", "cut"] if LONG else []
CHOICE = [("both workers", "freeze"), ("one edge of two", "kill"), ("Redis and primary", "kill"), ("replica", "freeze")]
ONLY = os.environ.get("CALLCELL_TEST_CASES", "")
CASES = [case for case in ([(part, fault) for part in ALL_PARTS for fault in FAULTS] if LONG else CHOICE)
         if re.fullmatch(ONLY or ".*", " ".join(case))]

SITE_S = 30  # of calls while the primary's site is lost and somebody evacuates the cell

chance = generator()
_ids = (f"kill-{SEED}-{i}" for i in itertools.count(1))
_rows = []


class Callers:
    """Whom calls go to and come from on one platform: of two numbers one was never asked for before."""

    def __init__(self, name, block, calls):
        self.dataset = Dataset(chance, name, block, tenants=6 if LONG else 2, mobiles=(KNOWN + calls // 2) * 3 // 4,
                               pbxs=(KNOWN + calls // 2) // 4 + 2)
        order = list(self.dataset.numbers)
        chance.shuffle(order)
        self.known, self.fresh = order[:KNOWN], iter(order[KNOWN:])

    def scripts(self, count):
        numbers = [next(self.fresh) if i % 2 else chance.choice(self.known) for i in range(count)]
        return [self.dataset.script(next(_ids), number) for number in numbers]

    def tenant_of(self, line):
        number = line["from"] if line["direction"] == "originating" else line["to"]
        return line["tenant"] or self.dataset.numbers[number]["tenant"]


callers = Callers("kill", 3, CALLS * len(CASES))


class Load:
    """Calls that go on while something happens to the platform."""

    def __init__(self, platform, whose, name, calls):
        self.count = calls
        scripts = whose.scripts(calls)
        calls = platform.file(f"{name}.ndjson", "".join(json.dumps(script) + "\n" for script in scripts))
        self.path = platform.file(f"{name}.log", "")
        self.running = platform.start_bench("load", "--calls", calls, "--rate", RATE, "--log", self.path,
                                            "--allow-unanswered")
        self.lines = []

    def wait_for_answers(self, count):
        wait_until(f"{count} answers", lambda: len(self.path.read_text().splitlines()) >= count, 60)

    def finish(self):
        expect_equal(self.running.wait(timeout=120), 0, "load tool's exit status")
        self.lines = read_log(self.path)
        expect_equal(len({line["call_id"] for line in self.lines}), self.count, "calls played")


def apply(part, fault):
    """The fault for its whole time; a killed part comes back when its supervisor brings it back."""
    if fault == "kill":
        part.kill()
        wait_for_seconds(FAULT_S)
        return
    start, end = {"freeze": (part.freeze, part.thaw), "cut": (part.cut, part.mend)}[fault]
    start()
    try:
        wait_for_seconds(FAULT_S)
    finally:
        end()


def play(platform, whose, row, fault, calls=CALLS):
    """Load, the fault in the middle of it, and what came of it. row: (part, fault) as the table names them."""
    probe = faults.WriteProbe(platform)
    load = Load(platform, whose, "-".join(row).replace(" ", "-"), calls)
    load.wait_for_answers(int(RATE * BEFORE_S))
    started = time.monotonic()
    with probe:
        fault()
        load.finish()
        probe.wait_for_one_since(time.monotonic())
    return Row(*row, load.lines, started, probe.seconds_without(started))


def check(platform, whose, row):
    """Once the platform is whole again."""
    _rows.append(row)
    faults.wait_until_whole(platform)
    row.wrong = wrong_answers(row.lines, whose.dataset.reference(platform.policy()))
    row.records = Records(platform, row.lines, whose.tenant_of)
    note(row.text())
    unanswered = [line["event_id"] for line in row.lines if line["unanswered"]]
    expect(not unanswered, f"{len(unanswered)} unanswered: {unanswered[:5]}")
    expect(not row.wrong, f"{len(row.wrong)} wrong of {len(row.lines)}:\n" + "\n".join(row.wrong[:10]))
    row.records.check()
    # Figures are judged where nothing else runs.
    expect(not LONG or not row.broken_limits(), "; ".join(row.broken_limits()))


@test
def numbers_are_there(platform):
    if LONG:
        links.prepare()
    callers.dataset.load_into(platform)


def case(name, fault):
    def run(platform):
        part = faults.parts_of(platform)[name]()
        check(platform, callers, play(platform, callers, (name, fault), lambda: apply(part, fault)))
    run.__name__ = f"{name.replace(' ', '_')}_{fault}"
    return test(run)


for _part, _fault in CASES:
    case(_part, _fault)


def lose_site(platform, site):
    """A site is lost under load, and on-call types one command."""
    def fault():
        site.kill_for_good()
        platform.cli("cell", "evacuate", "se-1", timeout_s=120)
    return fault


def primarys_site(platform):
    """The active site, with the primary brought home to it as on-call does after a failover."""
    site = platform.active_site()
    if faults.primary_node(platform) != {"a": 1, "b": 2}[site]:
        platform.cli("cell", "switchover", "se-1", timeout_s=120)
        faults.wait_until_whole(platform)
    return faults.site_of(platform, site)


def sites():
    """The whole primary site, on a platform whose cell has two; two platforms at once are more than two cores carry."""
    whose = Callers("site", 6, CALLS * 2 + SITE_S * RATE)
    with TwoSites() as platform:
        whose.dataset.load_into(platform)
        for fault in ("freeze", "cut"):
            part = primarys_site(platform)
            row = play(platform, whose, ("the primary's site", fault), lambda p=part, f=fault: apply(p, f))
            check(platform, whose, row)
        part = primarys_site(platform)
        row = play(platform, whose, ("the primary's site", "kill"), lose_site(platform, part), SITE_S * RATE)
        platform.heal()
        check(platform, whose, row)
    stopped_cleanly(platform)


if LONG and re.fullmatch(ONLY or ".*", "the primary's site"):
    sites.__name__ = "the_primarys_site"
    test_afterwards(sites)


@test_afterwards
def the_table_is_printed():
    print("\n".join("# " + line for line in table(_rows)), flush=True)
    sources = collections.Counter(line["source"] for row in _rows for line in row.lines)
    note(f"{sum(sources.values())} answers: {dict(sources)}")
    if LONG and not ONLY:
        write_document(ROOT / "docs/reliability.md", _rows, SEED)


if LONG:
    network.enter_own(__file__)
main(Platform)
