#!/usr/bin/env python3
"""One event id for two events of a tenant's day: the first is recorded, the record of the other is put aside, whole
and counted, and changes nothing. Prints TAP."""
import concurrent.futures
import contextlib
import datetime
import itertools
import json
import os
import re
import sys

import test_cell
from support.cellhost import ROOT
from support.wait import wait_until
from test_cell import (OCCURRED, ONE, TODAY, TWO, answered, check, equal, event, fresh_number, journal, make_tenant, mobile,
                       put, record, rows_of)
from test_cell_durability import Session, a_worker_on_a_small_disk, fill

LATER = (TODAY + datetime.timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
CLASHES = "callcell_cell_event_id_clashes_total"
CLASHES_LOST = "callcell_cell_event_id_clashes_lost_total"
CLASHES_MAX = 16 * 1024 * 1024
FILES = ("quarantine.jsonl", "event_id_clashes.jsonl")


def call_of(batch):
    return f"SELECT events.ingest('{json.dumps(batch)}')"


def ingest(host, *batch):
    return json.loads(host.primary.value(call_of(batch)))


def clashes(host, *batch):
    """Where, and with which call."""
    said = ingest(host, *batch)
    return dict(zip(said["clashes"], said.get("held_by", [])))


def kept(host, tenant):
    """All that Postgres has of a tenant: events, rollup, inbox."""
    rows = (f"(SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY to_jsonb(t)), '[]') FROM events.{table} t "
            f"WHERE tenant_id = '{tenant}')" for table in ("events", "rollup", "inbox"))
    return json.loads(host.primary.value(f"SELECT jsonb_build_array({', '.join(rows)})"))


def put_aside(worker, tenant):
    """(event id, call id, event) of the tenant's records that the worker put aside: refused ones, then clashing ones."""
    records = []
    for name in FILES:
        with contextlib.suppress(FileNotFoundError):
            lines = (worker.folder / "spool" / name).read_text().splitlines()
            records.extend(json.loads(line) for line in lines)
    return [(each["event_id"], each["call_id"], each["event"]) for each in records if each["tenant"] == tenant]


def others(tenant, event_id):
    """Records of other events under the same id. As delivered ones, or spooled: each would change the first's row if
    it were taken for a repeat."""
    return [record(tenant, event_id, request_id=TWO, received_at=LATER, decision_id="d-other", processing_us=99,
                   **fields)
            for fields in ({"call_id": "other"}, {"event": "call.completed"},
                           {"call_id": "other", "event": "call.completed", "delivered": False})]


# --- what Postgres says ---

def test_in_two_batches(host):
    for number, other in enumerate(others("two", "x")):
        tenant = f"two-{number}"
        first, other = record(tenant, "x", request_id=ONE), {**other, "tenant": tenant}
        equal(clashes(host, first), {})
        before = kept(host, tenant)
        for _ in range(2):
            said = ingest(host, other)
            equal((said["inserted"], said["reconciled"], said["clashes"], said["held_by"]), (0, 0, [0], ["call-x"]))
            equal(kept(host, tenant), before, "the first event's row, its count and its time")


def test_in_one_batch(host):
    """In every order: what holds the id is as ever, and the rest is as if the other had not come."""
    first, again = (record("one", "x", request_id=request, received_at=at) for request, at in ((ONE, OCCURRED),
                                                                                               (TWO, LATER)))
    fresh = record("one", "y")
    ingest(host, *({**each, "tenant": "alone"} for each in (first, again, fresh)))
    alone = json.dumps(kept(host, "alone")[:2])
    for other in others("one", "x"):
        for number, order in enumerate(itertools.permutations((first, again, fresh, other))):
            tenant = f"one-{other['call_id'][:5]}-{other['event'][5:]}-{number}"
            batch = [{**each, "tenant": tenant} for each in order]
            wanted = {order.index(other): "call-x"}
            equal(clashes(host, *batch), wanted)
            before = kept(host, tenant)
            equal(json.dumps(before[:2]).replace(tenant, "alone"), alone, "the first event's row and its count")
            equal(clashes(host, *batch), wanted, "the same batch again")
            equal(kept(host, tenant), before)


def test_what_is_no_clash(host):
    first = record("same", "x", request_id=ONE)
    for batch in ([first, first],
                  [{**first, "request_id": TWO, "source": "memory", "decision_id": "d-2", "giver": "se-1/worker-1",
                    "delivered": False, "sequence": 7, "to": "+469", "received_at": LATER, "attempt": 2}],
                  [{**first, "tenant": "same-2", "call_id": "another"}],
                  [{**first, "occurred_at": "2026-01-01T23:59:59Z", "call_id": "another"}],
                  [{**first, "event_id": "X", "call_id": "another"}]):
        equal(ingest(host, *batch)["clashes"], [])
    equal([len(kept(host, tenant)[0]) for tenant in ("same", "same-2")], [3, 1])


def test_a_record_without_its_call_is_not_passed_over_either(host):
    ingest(host, record("nameless", "x"))
    equal(clashes(host, {**record("nameless", "x"), "call_id": None}), {0: "call-x"})


def test_many_of_each_in_one_batch(host):
    """Positions are the batch's, whatever stands between."""
    batch, wanted = [], {}
    for number in range(120):
        batch.append(record("many", f"m-{number}"))
        if number % 3 == 0:
            wanted[len(batch)] = f"call-m-{number}"
            batch.append(record("many", f"m-{number}", call_id="other", received_at=LATER))
        if number % 4 == 0:
            batch.append(batch[-1] if number % 3 else record("many", f"m-{number}", request_id=TWO))
    equal(clashes(host, *batch), wanted)
    equal(clashes(host, *batch), wanted, "again")
    backwards = {len(batch) - 1 - position: call for position, call in wanted.items()}
    equal(clashes(host, *batch[::-1]), backwards)
    equal(len(kept(host, "many")[0]), 120)


def test_an_event_older_than_the_inbox(host):
    day = (TODAY - datetime.timedelta(days=40)).strftime("%Y-%m-%dT12:00:00Z")
    first = record("old", "x", occurred_at=day)
    other = record("old", "x", occurred_at=day, call_id="other", request_id=TWO)
    ingest(host, first)
    before = kept(host, "old")[:2]
    for _ in range(2):
        host.primary.query("DELETE FROM events.inbox WHERE tenant_id = 'old'")
        equal(clashes(host, other, first), {0: "call-x"})
        equal(kept(host, "old")[:2], before)


def test_a_fresh_batch_costs_no_further_query(host):
    without = "DROP FUNCTION events.holders(events.events[]), events.clashes(jsonb, events.events[]); "
    batch = [record("fresh", f"f-{number}") for number in range(20)]
    equal(json.loads(host.primary.value(without + call_of(batch) + "; ROLLBACK"))["inserted"], 20)
    try:
        host.primary.value(without + call_of(batch + batch) + "; ROLLBACK")
    except RuntimeError as error:
        check("events.holders" in str(error), error)
    else:
        raise AssertionError("a batch with repeats asks who holds their keys")


def ingest_of(migration):
    text = (ROOT / "migrations/cell" / migration).read_text(encoding="utf-8")
    return "SET ROLE migrator; " + re.search(r"CREATE OR REPLACE FUNCTION events\.ingest.*?\n\$\$;", text, re.S).group()


def test_a_worker_that_is_ahead_of_its_postgres(host):
    """Code and migrations roll over cells at different times: it ships, and hears of no clash."""
    worker = host.workers[0]
    before = worker.metric(CLASHES)
    host.primary.query(ingest_of("0011_deliveries.sql"))
    try:
        both = record("ahead", "x"), record("ahead", "x", call_id="other", received_at=LATER)
        equal(journal(worker, *both).json, {"accepted": 2})
    finally:
        host.primary.query(ingest_of("0012_event_id_clashes.sql"))
    equal((len(kept(host, "ahead")[0]), put_aside(worker, "ahead"), worker.metric(CLASHES)), (1, [], before))


# --- two workers ---

def racing(host, tenant, end):
    """A worker brings an event while another transaction has brought another one under its id, and then ends."""
    worker = host.workers[0]
    session = Session(host.primary)
    before = worker.metric(CLASHES)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        session.run(f"BEGIN; {call_of([record(tenant, 'x', call_id='first')])}")
        second = pool.submit(journal, worker, record(tenant, "x", call_id="second"))
        wait_until("it waits for the other", lambda: host.primary.value(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND query LIKE '%events.ingest%'") == "1")
        session.run(end)
        equal(second.result().json, {"accepted": 1})
    session.close()
    rows = host.primary.query(f"SELECT call_id FROM events.events WHERE tenant_id = '{tenant}'")
    return rows, put_aside(worker, tenant), worker.metric(CLASHES) - before


def test_one_that_waits_for_the_other_sees_its_row(host):
    equal(racing(host, "race-1", "COMMIT"), ([["first"]], [("x", "second", "call.initiated")], 1))
    equal(racing(host, "race-2", "ROLLBACK"), ([["second"]], [], 0), "the other never came")


def test_two_workers(host):
    """Each answers as ever and ships its own; one of the two is recorded, the other put aside."""
    make_tenant(host, "both")
    number = fresh_number()
    put(host, "both", mobile(number))
    before = sum(worker.metric(CLASHES) for worker in host.workers)
    sent = [{**event(number, call=f"both-{each}"), "event_id": "x"} for each in range(2)]
    answers = [answered(worker, "both", one).json["actions"] for worker, one in zip(host.workers, sent)]
    equal(answers[0], answers[1])
    host.shipped()
    rows = [row["call_id"] for one in sent for row in rows_of(host, "both", one["call"]["id"])]
    aside = [call for worker in host.workers for _, call, _ in put_aside(worker, "both")]
    equal((len(rows), len(aside), {*rows, *aside}), (1, 1, {"both-0", "both-1"}))
    equal(sum(worker.metric(CLASHES) for worker in host.workers) - before, 1)
    equal(host.primary.value("SELECT sum(count) FROM events.rollup WHERE tenant_id = 'both'"), "1")


# --- what a worker does ---

def test_a_worker_puts_them_aside_and_says_so(host):
    worker = host.add_worker("worker-says")
    make_tenant(host, "says")
    number = fresh_number()
    put(host, "says", mobile(number))
    host.replicated()
    first = event(number, call="says-1")
    answered(worker, "says", first)
    host.shipped()
    row, = rows_of(host, "says", "says-1")
    # Another call, another event of the same call, and a repeat.
    other = {**event(number, call="says-2"), "event_id": first["event_id"]}
    completed = {**event(number, name="call.completed", call="says-1"), "event_id": first["event_id"]}
    for sent in (other, first, completed):
        answered(worker, "says", sent)
        host.shipped()
    equal(put_aside(worker, "says"), [(first["event_id"], "says-2", "call.initiated"),
                                      (first["event_id"], "says-1", "call.completed")])
    after, = rows_of(host, "says", "says-1")
    equal((after["event"], after["decision_id"]), (row["event"], row["decision_id"]))
    equal(rows_of(host, "says", "says-2"), [])
    equal((worker.metric(CLASHES), worker.metric(CLASHES_LOST)), (2, 0))
    equal(worker.metric("callcell_cell_records_quarantined_total"), 0, "Postgres refuses none")
    equal(worker.metric("callcell_cell_records_shipped_total"), 2, "the first and its repeat")
    lines = [json.loads(line) for line in worker.log.read_text().splitlines() if '"event_id_clash"' in line]
    said = [lines[0][name] for name in ("tenant", "event_id", "call_event", "call_id", "held_by_call")]
    equal(said, ["says", first["event_id"], "call.initiated", "says-2", "says-1"])
    equal(worker.stop(), 0)
    host.workers.remove(worker)


def test_a_log_line_a_second_is_enough(host):
    worker = host.add_worker("worker-terse")
    began = datetime.datetime.now()
    ingest(host, record("terse", "x"))
    for number in range(40):
        equal(journal(worker, *[record("terse", "x", call_id=f"c-{number}-{each}") for each in range(5)]).status, 200)
    most = 2 + (datetime.datetime.now() - began).total_seconds()
    told = worker.log.read_text().count('"event_id_clash"')
    check(1 <= told <= most, f"{told} lines, at most {most}")
    equal((worker.metric(CLASHES), len(put_aside(worker, "terse"))), (200, 200), "counted and kept, each")
    equal(worker.stop(), 0)
    host.workers.remove(worker)


def test_with_one_that_postgres_refuses(host):
    """The batch is halved until that one is alone; positions are then those of what is left behind it."""
    worker = host.add_worker("worker-mixed")
    batch = [record("mixed", f"m-{number}") for number in range(40)]
    batch[7] = record("mixed", "m-bad", occurred_at="some day")
    for position, holder in ((12, 3), (20, 39), (33, 34)):  # within the half, before and behind it
        batch[position] = record("mixed", f"m-{holder}", call_id="other", received_at=LATER)
    equal(journal(worker, *batch).json, {"accepted": 40})
    aside = sorted(put_aside(worker, "mixed"))
    equal(len(kept(host, "mixed")[0]), 36)
    equal((worker.metric(CLASHES), worker.metric("callcell_cell_records_quarantined_total")), (3, 1))
    equal([(event_id, call) for event_id, call, _ in aside],
          [("m-3", "other"), ("m-34", "other"), ("m-39", "other"), ("m-bad", "call-m-bad")])
    equal(worker.stop(), 0)
    host.workers.remove(worker)


def test_a_full_disk_keeps_all_that_is_refused_or_none(host):
    """The batch is tried again until there is space, and then leaves each record once."""
    with a_worker_on_a_small_disk(host, "worker-full", {}) as (worker, mount):
        ingest(host, record("full", "x"))
        sent = [record("full", "x", call_id="c"),
                *[record("full", f"bad-{number}", occurred_at="some day") for number in range(20)]]
        aside = mount / "spool/quarantine.jsonl"
        fill(mount / "ballast")
        os.truncate(mount / "ballast", (mount / "ballast").stat().st_size - 4096)
        check(len(json.dumps(sent)) > 4096, "some fit, not all")
        for _ in range(3):
            equal(journal(worker, *sent).status, 503)
            equal((aside.read_text(), worker.metric(CLASHES)), ("", 0))
        (mount / "ballast").unlink()
        equal(journal(worker, *sent).json, {"accepted": 21})
        ids = sorted(json.loads(line)["event_id"] for line in aside.read_text().splitlines())
        equal(ids, sorted(each["event_id"] for each in sent[1:]))
        equal((worker.metric(CLASHES), worker.metric(CLASHES_LOST)), (1, 0))


def test_on_a_full_disk_nobody_waits_for_what_clashes(host):
    with a_worker_on_a_small_disk(host, "worker-holds", {}) as (worker, mount):
        ingest(host, record("holds", "x"))
        fill(mount / "ballast")
        equal(journal(worker, record("holds", "x", call_id="other"), record("waits", "y")).json, {"accepted": 2})
        equal(len(kept(host, "waits")[0]), 1)
        equal((worker.metric(CLASHES), worker.metric(CLASHES_LOST)), (1, 1))
        (mount / "ballast").unlink()
        equal(journal(worker, record("holds", "x", call_id="third")).json, {"accepted": 1})
        line, = (mount / "spool/event_id_clashes.jsonl").read_text().splitlines()
        equal(json.loads(line)["call_id"], "third")
        equal((worker.metric(CLASHES), worker.metric(CLASHES_LOST)), (2, 1))


def test_what_has_no_room_in_the_file_is_counted_as_lost(host):
    worker = host.add_worker("worker-brim")
    ingest(host, record("brim", "x"))
    aside = worker.folder / "spool/event_id_clashes.jsonl"
    with open(aside, "wb") as file:
        file.truncate(CLASHES_MAX)
    equal(journal(worker, *[record("brim", "x", call_id=f"c-{number}") for number in range(3)]).status, 200)
    equal((worker.metric(CLASHES), worker.metric(CLASHES_LOST), aside.stat().st_size), (3, 3, CLASHES_MAX))
    equal(worker.metric("callcell_cell_records_lost_total"), 0, "that is what Postgres refuses")
    equal(worker.stop(), 0)
    host.workers.remove(worker)


TESTS = [value for name, value in list(globals().items()) if name.startswith("test_") and callable(value)]

if __name__ == "__main__":
    test_cell.TESTS[:] = TESTS
    sys.exit(test_cell.main())
