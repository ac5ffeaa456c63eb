"""Each event answered 200 is in Postgres once, with the source and the decision that the carrier saw."""
import itertools
import json

from support.dataset import Dataset, read_log
from support.platform import Platform
from support.scenario import SEED, expect, expect_equal, generator, main, note, test
from support.wait import wait_until

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
    recorded = platform.recorded(f"event_id like 'once-{SEED}-%'")
    answered = {}
    for line in _sent:
        tenant = line["tenant"] or tenant_of(line)
        if not line["unanswered"]:
            answered[(tenant, line["event_id"])] = (line["source"], line["decision_id"])
    missing = [key for key in answered if key not in recorded]
    expect(not missing, f"{len(missing)} of {len(answered)} answered events are not recorded: {missing[:5]}")
    other = [(key, answered[key], recorded[key]) for key in answered if recorded[key] != answered[key]]
    expect(not other, f"{len(other)} recorded otherwise (client, Postgres): {other[:5]}")
    unanswered = {line["event_id"] for line in _sent if line["unanswered"]}
    surplus = [key for key in recorded if key not in answered and key[1] not in unanswered]
    expect(not surplus, f"recorded and never sent: {surplus[:5]}")
    twice = platform.psql("select event_id from events.events group by tenant_id, event_id having count(*) > 1")
    expect_equal(twice, [], "events recorded twice")
    note(f"{len(answered)} answered, {len(recorded)} recorded, {len(unanswered)} unanswered")


def tenant_of(line):
    number = line["from"] if line["direction"] == "originating" else line["to"]
    return dataset.numbers[number]["tenant"]


@test
def numbers_are_there(platform):
    dataset.load_into(platform)


@test
def in_quiet_times(platform):
    load(platform, "quiet", 200, 100)
    check_records(platform)


@test
def with_a_worker_killed_and_postgres_stopped(platform):
    platform.stop_postgres()
    log, command = start_load(platform, "killed", 700, 100)
    running = platform.start_bench(*command)
    wait_until("1,000 answers", lambda: len(log.read_text().splitlines()) >= 1000, 60)
    platform.kill("worker-1")
    expect_equal(running.wait(timeout=60), 0, "load tool's exit status")
    _sent.extend(read_log(log))
    expect(platform.backlog_of_worker(2) > 0, "with Postgres stopped the records wait in the spool")
    platform.start_postgres()
    check_records(platform)


main(Platform)
