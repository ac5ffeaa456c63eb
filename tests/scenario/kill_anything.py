"""Each part of a cell is killed, frozen and cut off under load: no call stays unanswered, every answer is the
reference's, and every answered event is recorded once.

In the gate: a choice of faults on the shared platform. --long: all of them, on a platform with two sites in a
network namespace of its own (the cuts are nft rules), and the table goes into docs/reliability.md.
"""
import collections
import itertools
import json
import time

from support import faults, network
from support.dataset import Dataset, read_log, wrong_answers
from support.platform import ROOT, Platform
from support.records import Records
from support.reliability import Row, table, write_document
from support.scenario import LONG, SEED, expect, expect_equal, generator, main, note, test
from support.wait import wait_for_seconds, wait_until

RATE = 150
BEFORE_S, FAULT_S, AFTER_S = (1.5, 5, 2.5) if LONG else (0.5, 2, 1)
CALLS = int(RATE * (BEFORE_S + FAULT_S + AFTER_S))
KNOWN = 2000
ALL_PARTS = ["Redis", "primary", "replica", "monitor", "one worker", "both workers", "control plane",
             "one edge of two", "Redis and primary"]
FAULTS = ["kill", "freeze", "cut"] if LONG else []
CHOICE = [("one worker", "kill"), ("both workers", "freeze"), ("Redis", "freeze"), ("one edge of two", "kill"),
          ("control plane", "kill"), ("Redis and primary", "kill"), ("replica", "freeze")]
CASES = [(part, fault) for part in ALL_PARTS for fault in FAULTS] if LONG else CHOICE

chance = generator()
fresh_numbers = CALLS * (len(CASES) + 2) // 2 + CALLS
dataset = Dataset(chance, "kill", 3, tenants=6, mobiles=(KNOWN + fresh_numbers) * 3 // 4,
                  pbxs=(KNOWN + fresh_numbers) // 4)
_order = list(dataset.numbers)
chance.shuffle(_order)
_known, _fresh = _order[:KNOWN], iter(_order[KNOWN:])
_ids = (f"kill-{SEED}-{i}" for i in itertools.count(1))
_rows = []


class Load:
    """Half of the calls to numbers that nobody asked for before."""

    def __init__(self, platform, name):
        numbers = [next(_fresh) if i % 2 else chance.choice(_known) for i in range(CALLS)]
        scripts = [dataset.script(next(_ids), number) for number in numbers]
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
        expect_equal(len({line["call_id"] for line in self.lines}), CALLS, "calls played")


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


def play(platform, name, fault_name, fault):
    """Load, the fault in the middle of it, and what came of it."""
    probe = faults.WriteProbe(platform)
    load = Load(platform, f"{name}-{fault_name}".replace(" ", "-"))
    load.wait_for_answers(int(RATE * BEFORE_S))
    started = time.monotonic()
    with probe:
        fault()
        load.finish()
        probe.wait_for_one_since(time.monotonic())
    return check(platform, Row(name, fault_name, load.lines, started, probe.seconds_without(started)))


def check(platform, row):
    _rows.append(row)
    faults.wait_until_whole(platform)
    row.wrong = wrong_answers(row.lines, dataset.reference(platform.policy()))
    row.records = Records(platform, row.lines, tenant_of)
    note(row.text())
    unanswered = [line["event_id"] for line in row.lines if line["unanswered"]]
    expect(not unanswered, f"{len(unanswered)} unanswered: {unanswered[:5]}")
    expect(not row.wrong, f"{len(row.wrong)} wrong of {len(row.lines)}:\n" + "\n".join(row.wrong[:10]))
    row.records.check()


def tenant_of(line):
    number = line["from"] if line["direction"] == "originating" else line["to"]
    return line["tenant"] or dataset.numbers[number]["tenant"]


@test
def numbers_are_there(platform):
    if LONG:
        faults.prepare_cuts()
    dataset.load_into(platform)


def case(name, fault):
    def run(platform):
        part = faults.parts_of(platform)[name]()
        play(platform, name, fault, lambda: apply(part, fault))
    run.__name__ = f"{name.replace(' ', '_')}_{fault}"
    return test(run)


for _part, _fault in CASES:
    case(_part, _fault)


@test
def the_table_is_printed(platform):
    print("\n".join("# " + line for line in table(_rows)), flush=True)
    sources = collections.Counter(line["source"] for row in _rows for line in row.lines)
    note(f"{sum(sources.values())} answers: {dict(sources)}")
    if LONG:
        write_document(ROOT / "docs/reliability.md", _rows, SEED)


if LONG:
    network.enter_own(__file__)
main(Platform)
