"""Each event answered 200 is in Postgres once, with the source and the decision that the carrier saw; "unknown" at
most where it repeated the event."""
import itertools
import json

from support.dataset import Dataset, read_log
from support.platform import Platform
from support.records import Records
from support.scenario import LONG, SEED, expect, expect_equal, generator, main, note, test
from support.wait import wait_until

RATE = 100 if LONG else 40
CALLS_QUIET, CALLS_KILLED, ANSWERS_BEFORE = (200, 700, 1000) if LONG else (80, 280, 400)

chance = generator()
dataset = Dataset(chance, "once", 2, tenants=2, mobiles=200, pbxs=100)
_ids = (f"once-{SEED}-{i}" for i in itertools.count(1))
_sent = []


def start_load(platform, name, calls, rate):
    scripts = [dataset.script(next(_ids), chance.choice(list(dataset.numbers))) for _ in range(calls)]
    path = platform.file(name + ".ndjson", "".join(json.dumps(script) + "\n" for script in scripts))
    log = platform.file(name + ".log", "")
    return log, ("load", "--calls", path, "--rate", rate, "--log", log, "--allow-unanswered")


def load(platform, name, calls, rate):
    log, command = start_load(platform, name, calls, rate)
    platform.bench(*command)
    _sent.extend(read_log(log))


def check_records(platform):
    platform.wait_until_recorded()
    records = Records(platform, _sent, tenant_of)
    records.check()
    note(f"{len(records.answered)} answered, {len(records.recorded)} recorded, {len(records.unanswered)} unanswered, "
         f"{len(records.unknown)} unknown")


def tenant_of(line):
    if line["tenant"]:
        return line["tenant"]
    number = line["from"] if line["direction"] == "originating" else line["to"]
    return dataset.numbers[number]["tenant"]


@test
def numbers_are_there(platform):
    dataset.load_into(platform)


@test
def in_quiet_times(platform):
    load(platform, "quiet", CALLS_QUIET, RATE)
    check_records(platform)


@test
def with_a_worker_killed_and_postgres_stopped(platform):
    platform.stop_postgres()
    log, command = start_load(platform, "killed", CALLS_KILLED, RATE)
    running = platform.start_bench(*command)
    wait_until("calls are under way", lambda: len(log.read_text().splitlines()) >= ANSWERS_BEFORE, 60)
    platform.kill("worker-1")
    expect_equal(running.wait(timeout=60), 0, "load tool's exit status")
    _sent.extend(read_log(log))
    expect(platform.backlog_of_worker(2) > 0, "with Postgres stopped the records wait in the spool")
    platform.start_postgres()
    check_records(platform)


main(Platform)
