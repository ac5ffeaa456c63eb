"""Every answer under load is the reference's, whatever the source, and replicas answer when all else is gone.

20,000 seeded numbers, workers that hold 2,000 call plans, 200 calls/s; a third of each in the gate, which may run on
a slow machine. Half of the calls go to numbers that were never asked before.
"""
import collections
import itertools
import json

from support.dataset import Dataset, read_log, wrong_answers
from support.platform import Platform
from support.scenario import LONG, SEED, expect, expect_equal, generator, main, note, test

RATE, SECONDS = (200, 60) if LONG else (67, 15)
NUMBERS, CALLS = (20000 if LONG else 6700), RATE * SECONDS
CALL_PLANS_MAX, WARM = (2000, 3000) if LONG else (670, 1000)
COLD_AT_THE_END = 100

chance = generator()
dataset = Dataset(chance, "right", 1, tenants=6 if LONG else 2, mobiles=NUMBERS * 3 // 4, pbxs=NUMBERS // 4)
_order = list(dataset.numbers)
chance.shuffle(_order)
_reserved, _known, _fresh = (_order[:COLD_AT_THE_END], _order[COLD_AT_THE_END:COLD_AT_THE_END + WARM],
                             iter(_order[COLD_AT_THE_END + WARM:]))
_ids = (f"right-{SEED}-{i}" for i in itertools.count(1))


def calls_file(platform, name, numbers):
    scripts = [dataset.script(next(_ids), number) for number in numbers]
    return platform.file(name, "".join(json.dumps(script) + "\n" for script in scripts))


def load(platform, name, numbers, rate=RATE):
    calls = calls_file(platform, name + ".ndjson", numbers)
    log = platform.file(name + ".log", "")
    platform.bench("load", "--calls", calls, "--rate", rate, "--log", log, timeout_s=240)
    return read_log(log)


def compare(platform, log, calls):
    lost = [line["event_id"] for line in log if line["unanswered"]]
    expect(not lost, f"{len(lost)} unanswered: {lost[:5]}")
    expect_equal(len({line["call_id"] for line in log}), calls, "calls played")
    wrong = wrong_answers(log, dataset.reference(platform.policy()))
    expect(not wrong, f"{len(wrong)} wrong of {len(log)}:\n" + "\n".join(wrong[:10]))
    return collections.Counter(line["source"] for line in log)


@test
def workers_are_capped(platform):
    platform.configure_workers(call_plans_max=CALL_PLANS_MAX)


@test
def numbers_are_imported(platform):
    dataset.load_into(platform)
    held = platform.psql("select count(*) from directory.call_plans where tenant_id like 'right-%'")
    expect_equal(held, [[str(NUMBERS)]], "call plans")


@test
def every_answer_under_load_is_the_references(platform):
    asked = [next(_fresh) if i % 2 else chance.choice(_known) for i in range(CALLS)]
    sources = compare(platform, load(platform, "load", asked), CALLS)
    note(f"{sum(sources.values())} answers compared: {dict(sources)}")
    for source in ("memory", "redis", "replica"):
        expect(sources[source] > 0, f"{source} was never used: {dict(sources)}")


@test
def without_redis_and_primary_cold_numbers_come_from_the_replica(platform):
    platform.stop_cell_stores()
    log = load(platform, "cold", _reserved, rate=20)
    first = [line for line in log if line["event"] == "call.initiated"]
    compare(platform, log, COLD_AT_THE_END)
    sources = collections.Counter(line["source"] for line in first)
    expect_equal(set(sources), {"replica"}, f"sources of cold numbers ({dict(sources)})")


main(Platform)
