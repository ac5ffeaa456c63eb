#!/usr/bin/env python3
"""What a cell keeps, and when it writes: fencing, unknown outcomes, spools, retention. Prints TAP."""
import concurrent.futures
import contextlib
import datetime
import fcntl
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support.cellhost import CellHost  # noqa: E402
from support.wait import wait_until  # noqa: E402
from test_cell import (answered, check, connected_to, equal, event, fresh_number, journal,  # noqa: E402
                       make_tenant, mobile, put, record)


def count_of(host, tenant):
    return int(host.primary.value(f"SELECT count(*) FROM events.events WHERE tenant_id = '{tenant}'"))


def counted(host, tenant):
    return int(host.primary.value(f"SELECT coalesce(sum(count), 0) FROM events.rollup WHERE tenant_id = '{tenant}'"))


class Session:
    """A psql of the superuser's that holds a transaction open."""

    def __init__(self, node):
        self.process = subprocess.Popen(
            ["psql", "-h", str(node.folder), "-p", str(node.port), "-U", "postgres", "-d", "cell", "-qAt"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, sql):
        """Returns when it was done."""
        self.process.stdin.write(f"{sql};\n\\echo done\n")
        self.process.stdin.flush()
        while self.process.stdout.readline() != "done\n":
            check(self.process.poll() is None, "psql ended")

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@contextlib.contextmanager
def synchronous(host):
    """Commits wait for the replica."""
    host.primary.query("ALTER SYSTEM SET synchronous_standby_names = '*'")
    host.primary.query("SELECT pg_reload_conf()")
    wait_until("the replica is synchronous", lambda: host.primary.value(
        "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1")
    try:
        yield
    finally:
        host.primary.query("ALTER SYSTEM RESET synchronous_standby_names")
        host.primary.query("SELECT pg_reload_conf()")
        wait_until("commits wait for nobody", lambda: host.primary.value(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "0")


def cancel_waits(host):
    return int(host.primary.value("SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity "
                                  "WHERE wait_event = 'SyncRep'"))


@contextlib.contextmanager
def refused_ingest(host):
    """Postgres takes no events."""
    host.primary.query("REVOKE EXECUTE ON FUNCTION events.ingest(jsonb) FROM events")
    try:
        yield
    finally:
        host.primary.query("GRANT EXECUTE ON FUNCTION events.ingest(jsonb) TO events")


def write(worker, tenant, *numbers):
    return worker.control("PUT", f"tenants/{tenant}/numbers", {"numbers": list(numbers)})


def terms(host):
    return [worker.state()["lease"]["term"] for worker in host.workers]


def test_an_old_term_writes_nothing(host):
    one, two = host.workers
    number = fresh_number()
    make_tenant(host, "fenced")
    put(host, "fenced", mobile(number))
    fenced = [worker.metric("callcell_cell_fenced_writes_total") for worker in host.workers]
    equal(host.primary.value("SELECT fencing.raise(2)"), "2")
    ids = {answered(worker, "fenced", sent := event(number)) and sent["event_id"]
           for worker in host.workers for _ in range(10)}
    for worker in host.workers:
        refused = write(worker, "fenced", mobile(fresh_number()))
        equal((refused.status, refused.json["type"]), (503, "urn:callcell:problem:unavailable"))
        equal(refused.headers["retry-after"], "1")
        equal(journal(worker, record("fenced", f"j-{worker.name}")).status, 503)
    for worker, before in zip(host.workers, fenced):
        wait_until("shipping was refused", lambda: worker.metric("callcell_cell_fenced_writes_total") >= before + 3)
    equal(count_of(host, "fenced"), 0, "nothing is written, nothing half")
    equal(host.primary.value("SELECT count(*) FROM directory.numbers WHERE tenant_id = 'fenced'"), "1")
    equal(host.primary.value("SELECT count(*) FROM events.inbox WHERE tenant_id = 'fenced'"), "0")
    host.write_lease(2)
    wait_until("the new lease is taken", lambda: terms(host) == [2, 2])
    host.shipped()
    arrived = host.primary.query("SELECT event_id FROM events.events WHERE tenant_id = 'fenced'")
    equal({row[0] for row in arrived}, ids)
    equal(counted(host, "fenced"), len(ids))
    equal(write(one, "fenced", mobile(fresh_number())).status, 200)
    equal(two.metric("callcell_cell_lease_term"), 2)


def test_leases_that_are_not_taken(host):
    held = terms(host)[0]
    worker = host.workers[0]

    def refused():
        return worker.metric("callcell_cell_leases_refused_total")

    for wrong in ({"term": held - 1}, {"term": held + 7, "damage": True}, {"term": held + 7, "cell": "se-2"},
                  {"term": held + 7, "issued_by": "somebody"}):
        before = refused()
        host.write_lease(**wrong)
        wait_until(f"{wrong} is refused", lambda: refused() == before + 1)
        equal(terms(host)[0], held)
    host.lease.unlink()
    wait_until("that it is missing is said", lambda: '"lease_missing"' in worker.log.read_text())
    equal(write(worker, "fenced", mobile(fresh_number())).status, 200, "the one held stays")
    host.write_lease(held, issued_by="break-glass")
    wait_until("a lease of the same term is taken", lambda: worker.state()["lease"]["issued_by"] == "break-glass")


def test_a_raise_waits_for_writers_and_writers_for_it(host):
    worker = host.workers[0]
    term = terms(host)[0]
    session = Session(host.primary)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        session.run(f"BEGIN; SELECT fencing.raise({term + 1})")
        waiting = pool.submit(write, worker, "fenced", mobile(fresh_number()))
        wait_until("the write waits", lambda: host.primary.value(
            "SELECT count(*) FROM pg_locks WHERE relation = 'fencing.term'::regclass AND NOT granted") == "1")
        session.run("COMMIT")
        equal(waiting.result().status, 503, "it sees what was raised meanwhile")
        host.write_lease(term + 1)
        wait_until("the new lease is taken", lambda: terms(host) == [term + 1] * 2)
        # A writer that was let in is waited for.
        session.run(f"BEGIN; SELECT fencing.require({term + 1})")
        raising = pool.submit(host.primary.value, f"SELECT fencing.raise({term + 2})")
        wait_until("the raise waits", lambda: host.primary.value(
            "SELECT count(*) FROM pg_locks WHERE relation = 'fencing.term'::regclass AND NOT granted") == "1")
        session.run("COMMIT")
        equal(raising.result(), str(term + 2))
    equal(host.primary.value(f"SELECT fencing.raise({term})"), str(term + 2), "only upwards")
    session.close()
    host.write_lease(term + 2)
    wait_until("the new lease is taken", lambda: terms(host) == [term + 2] * 2)


def test_an_outcome_that_is_unknown_is_repeated(host):
    """A commit whose wait for the replica is cancelled is on the primary alone: never acknowledged as it is."""
    one = host.workers[0]
    make_tenant(host, "unknown")
    number, other = fresh_number(), fresh_number()
    put(host, "unknown", mobile(number))
    repeated = one.metric("callcell_cell_directory_writes_repeated_total")
    with concurrent.futures.ThreadPoolExecutor(4) as pool, synchronous(host):
        try:
            host.replica.signal(signal.SIGSTOP)
            waiting = pool.submit(write, one, "unknown", mobile(number, forward_always="+46700000009"))
            wait_until("the commit waits for the replica", lambda: cancel_waits(host) > 0)
            wait_until("it is repeated", lambda: one.metric(
                "callcell_cell_directory_writes_repeated_total") > repeated)
            equal(waiting.done(), False, "nothing is acknowledged")
            host.replica.signal(signal.SIGCONT)
            equal(waiting.result().status, 200, "known in the end")
            # Until the time is up: the client is told what to do.
            host.replica.signal(signal.SIGSTOP)
            waiting = pool.submit(write, one, "unknown", mobile(other))
            wait_until("its time is up", lambda: cancel_waits(host) >= 0 and waiting.done())
            refused = waiting.result()
            equal((refused.status, refused.json["type"]), (503, "urn:callcell:problem:outcome-unknown"))
            equal(refused.headers["retry-after"], "1")
            # Ingest and journal: repeated under the same key.
            sent = event(number)
            answered(one, "unknown", sent)
            journalled = pool.submit(journal, one, record("unknown", "j-unknown"))
            wait_until("commits wait", lambda: cancel_waits(host) > 0)
            wait_until("the journal is not acknowledged", lambda: cancel_waits(host) >= 0 and journalled.done())
            equal(journalled.result().status, 503)
            check(one.state()["spool"]["records"] > 0, "the spool keeps it")
        finally:
            host.replica.signal(signal.SIGCONT)
        host.shipped()
        equal(write(one, "unknown", mobile(other)).status, 200, "the same request again")
        equal(journal(one, record("unknown", "j-unknown")).status, 200)
    equal((count_of(host, "unknown"), counted(host, "unknown")), (2, 2), "once each")


def test_a_repeat_that_finds_its_work_done_waits_for_the_replica_too(host):
    """Else it would acknowledge what only the primary has."""
    one = host.workers[0]
    make_tenant(host, "repeats")
    number = fresh_number()
    put(host, "repeats", mobile(number))
    said, spooled = record("repeats", "j-repeats"), {**record("repeats", "j-repeats"), "delivered": False}
    equal(journal(one, said).status, 200)
    with concurrent.futures.ThreadPoolExecutor(4) as pool, synchronous(host):
        host.replica.signal(signal.SIGSTOP)
        try:
            again = [pool.submit(journal, one, said), pool.submit(write, one, "repeats", mobile(number)),
                     pool.submit(host.primary.query, "BEGIN; SELECT fencing.require((SELECT term FROM fencing.term)); "
                                 f"SELECT events.ingest('{json.dumps([spooled])}'); COMMIT")]
            wait_until("all wait", lambda: host.primary.value(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "3")
            equal([one.done() for one in again], [False] * 3)
        finally:
            host.replica.signal(signal.SIGCONT)
        equal([again[0].result().status, again[1].result().status], [200, 200])
        again[2].result()
    equal(count_of(host, "repeats"), 1)


def test_a_repeated_write_is_announced(host):
    """Its first attempt may have written and told nobody."""
    one, two = host.workers
    make_tenant(host, "retold")
    number = fresh_number()
    put(host, "retold", mobile(number))
    answered(two, "retold", event(number))
    host.primary.query("SELECT set_config('callcell.tenant', 'retold', false); SELECT directory.put_numbers("
                       f"'{json.dumps([normalised(host, 'retold', number, '+46700000008')])}'::jsonb)")
    put(host, "retold", mobile(number, forward_always="+46700000008"))
    equal(connected_to(answered(two, "retold", event(number))), "+46700000008")
    for _ in range(2):
        equal(one.control("DELETE", f"tenants/retold/numbers/{number}").status, 200)
    equal(one.control("DELETE", "tenants/retold/numbers/+46799999999").status, 404)


def normalised(host, tenant, number, forward):
    document = json.loads(host.primary.value(
        f"SELECT document FROM directory.numbers WHERE tenant_id = '{tenant}' AND number = '{number}'"))
    return {**document, "forward_always": forward}


def test_degraded_durability_is_said(host):
    worker = host.workers[0]

    def degraded():
        return worker.state()["durability"]["degraded"]

    def lines(name):
        return worker.log.read_text().count(f'"{name}"')

    wait_until("commits wait for nobody: degraded", lambda: degraded() is True)
    said = lines("durability_degraded")
    restored = lines("durability_restored")
    with synchronous(host):
        wait_until("commits wait for a replica", lambda: degraded() is False)
        equal(worker.metric("callcell_cell_durability_degraded"), 0)
        equal(lines("durability_restored"), restored + 1)
    wait_until("degraded again", lambda: degraded() is True)
    equal((worker.metric("callcell_cell_durability_degraded"), lines("durability_degraded")), (1, said + 1))
    host.primary.signal(signal.SIGSTOP)
    try:
        wait_until("the primary is silent", lambda: worker.metric("callcell_cell_primary_seconds_since_ok") >= 2)
    finally:
        host.primary.signal(signal.SIGCONT)
    wait_until("it answers", lambda: worker.metric("callcell_cell_primary_seconds_since_ok") <= 1)


def leave_a_second_folder(host, number):
    """An owner whose spool is held, as when an adopter freezes with the lock, takes another folder; then it dies."""
    owner = host.add_worker("worker-second", {"spool_siblings_directory": "[]"})
    owner.kill()
    with open(owner.folder / "spool/lock", "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        owner.start()
        sent = event(number)
        answered(owner, "orphan", sent)
        owner.kill()
    host.workers.remove(owner)
    check(any((owner.folder / "spool-2").glob("*.spool")), "its second folder")
    return sent["event_id"]


def test_calls_of_one_moment_are_each_answered_and_recorded_once(host):
    """More of them than the outbox writes at a time."""
    worker = host.workers[0]
    make_tenant(host, "moment")
    number = fresh_number()
    put(host, "moment", mobile(number, forward_always="+46700000099"))
    answered(worker, "moment", event(number))
    sent = [event(number) for _ in range(150)]
    got = worker.calls_of_one_moment("moment", sent)
    equal({(each.status, connected_to(each)) for each in got}, {(200, "+46700000099")})
    host.shipped()
    equal(host.primary.value("SELECT count(*) || ' ' || count(DISTINCT event_id) FROM events.events "
                             "WHERE tenant_id = 'moment'"), "151 151")


def test_an_orphaned_spool_is_adopted(host):
    """And one whose owner is only frozen is not."""
    siblings = host.workers[:2]
    make_tenant(host, "orphan")
    number = fresh_number()
    put(host, "orphan", mobile(number))
    frozen, orphan = (host.add_worker(name, {"spool_siblings_directory": "[]"})
                      for name in ("worker-frozen", "worker-orphan"))
    with refused_ingest(host):
        kept = event(number)
        answered(frozen, "orphan", kept)
        frozen.process.send_signal(signal.SIGSTOP)
        second = leave_a_second_folder(host, number)
        ids = {answered(orphan, "orphan", sent := event(number)) and sent["event_id"] for _ in range(700)}
        orphan.kill()
        killed_at = time.monotonic()
    host.workers.remove(orphan)
    ids.add(second)
    wait_until("all is shipped", lambda: count_of(host, "orphan") == len(ids))
    print(f"# adopted and shipped {len(ids)} records {time.monotonic() - killed_at:.1f} s after kill -9")
    equal(counted(host, "orphan"), len(ids), "once each")
    equal([host.primary.value(f"SELECT count(*) FROM events.events WHERE event_id = '{kept['event_id']}'"),
           frozen.process.poll()], ["0", None], "a frozen owner keeps its spool")
    equal(sum(worker.metric("callcell_cell_records_adopted_total") for worker in siblings), len(ids))
    check(sum(worker.metric("callcell_cell_spools_adopted_total") for worker in siblings) >= 2, "two spools")
    check(any('"spool_adopted"' in worker.log.read_text() for worker in siblings), "said")
    frozen.process.send_signal(signal.SIGCONT)
    # Its owner comes back to an empty spool and can use it.
    host.workers.append(orphan)
    orphan.start()
    answered(orphan, "orphan", event(number))
    host.shipped()
    equal(count_of(host, "orphan"), len(ids) + 2)
    for worker in (orphan, frozen):
        equal(worker.stop(), 0)
        host.workers.remove(worker)


def test_a_record_of_40_days_ago_counts_once(host):
    """A spool found again after the inbox forgot its day: held against the events themselves."""
    day = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=40)
    make_tenant(host, "forty")
    number = fresh_number()
    put(host, "forty", mobile(number))
    worker = host.add_worker("worker-forty", {"spool_siblings_directory": "[]"})
    sent = [event(number, occurred_at=f"{day:%Y-%m-%dT%H:%M:%SZ}") for _ in range(20)]
    with refused_ingest(host):
        for one in sent:
            answered(worker, "forty", one)
        worker.kill()
        shutil.copytree(worker.folder / "spool", worker.folder / "found-again")
        worker.start()
        wait_until("its day's work is done", lambda: worker.log.read_text().count('"partitions_ensured"') == 2)
        host.primary.query(f"SET ROLE migrator; SELECT events.add_partition(p, '{day:%Y-%m-%d}') "
                           "FROM unnest(ARRAY['inbox', 'events']) p")
    host.shipped()
    equal((count_of(host, "forty"), counted(host, "forty")), (20, 20))
    equal(host.primary.value("SELECT count(*) FROM events.inbox WHERE tenant_id = 'forty'"), "20")
    worker.stop()
    host.primary.query("INSERT INTO events.inbox SELECT 'forty', date '2019-01-01', 'x-' || g, current_date - 36 "
                       "FROM generate_series(1, 5001) g")
    purged = [json.loads(host.primary.value("SELECT events.ensure_partitions(7)")) for _ in range(2)]
    equal([said["more"] for said in purged], [True, False], "bounded work")
    equal((purged[0]["dropped"], purged[0]["purged"], purged[1]["purged"]), (1, 5000, 1))
    equal(host.primary.value("SELECT count(*) FROM events.inbox WHERE tenant_id = 'forty'"), "0")
    shutil.rmtree(worker.folder / "spool")
    (worker.folder / "found-again").rename(worker.folder / "spool")
    worker.start()
    wait_until("it is shipped again", lambda: worker.metric("callcell_cell_records_shipped_total") >= 20)
    equal((count_of(host, "forty"), counted(host, "forty")), (20, 20), "once each")
    equal(worker.state()["spool"]["quarantined"], 0)
    worker.stop()
    host.workers.remove(worker)


@contextlib.contextmanager
def a_worker_on_a_small_disk(host, name, settings):
    """Its spool on a disk of 256 KiB; gives the worker and where the disk is."""
    mount = host.folder / f"{name}-mount"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", mount], check=True)
    try:
        worker = host.add_worker(name, {"spool_directory": mount / "spool", "spool_siblings_directory": "[]",
                                        **settings})
        yield worker, mount
        worker.stop()
        host.workers.remove(worker)
    finally:
        subprocess.run(["umount", "-l", mount], check=True)


def fill(path):
    """Until not one byte more goes in."""
    with contextlib.suppress(OSError), open(path, "ab", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


class Held:
    """Answers of a worker whose spool takes nothing."""

    def __init__(self, host, worker, tenant):
        self.host, self.worker, self.tenant, self.ids = host, worker, tenant, set()
        self.number = fresh_number()
        make_tenant(host, tenant)
        put(host, tenant, mobile(self.number))
        host.replicated()
        answered(worker, tenant, sent := event(self.number))  # known from now on
        self.ids.add(sent["event_id"])

    def metric(self, name):
        return self.worker.metric(f"callcell_cell_{name}")

    def until(self, name, more):
        """Answers calls until a counter has grown by so many."""
        wanted = self.metric(name) + more
        while self.metric(name) < wanted:
            answered(self.worker, self.tenant, sent := event(self.number))
            self.ids.add(sent["event_id"])

    def all_arrived(self):
        """Every answered event is in Postgres, once."""
        self.host.shipped()
        arrived = self.host.primary.query(f"SELECT event_id FROM events.events WHERE tenant_id = '{self.tenant}'")
        equal(sorted(row[0] for row in arrived), sorted(self.ids))
        equal(counted(self.host, self.tenant), len(self.ids))


def test_what_the_spool_refuses_is_shipped_from_memory(host):
    """A full disk alone loses nothing: Postgres has each record once while the disk is full."""
    with a_worker_on_a_small_disk(host, "worker-held", {}) as (worker, mount):
        held = Held(host, worker, "held")
        fill(mount / "ballast")
        with refused_ingest(host):
            held.until("records_held_total", 30)
            equal(held.metric("records_in_memory"), 30)
            equal(worker.state()["spool"]["in_memory"], 30)
            equal(held.metric("spool_records"), worker.state()["spool"]["records"])
            check(held.metric("spool_records") >= 30, "what is in memory waits too")
            wait_until("its age shows", lambda: held.metric("spool_oldest_seconds") >= 1)
        held.all_arrived()
        held.until("records_held_total", 10)
        held.all_arrived()
        equal((held.metric("records_in_memory"), held.metric("spool_refused_total")), (0, 0))
        check('"record_in_memory_only"' in worker.log.read_text(), "said")


def test_what_the_spool_refused_goes_to_it_when_space_returns(host):
    with a_worker_on_a_small_disk(host, "worker-back", {}) as (worker, mount):
        held = Held(host, worker, "back")
        with refused_ingest(host):
            fill(mount / "ballast")
            held.until("records_held_total", 20)
            (mount / "ballast").unlink()
            wait_until("none is in memory only", lambda: held.metric("records_in_memory") == 0)
            waiting = worker.state()["spool"]["records"]
            check(waiting >= 20, f"{waiting} wait")
            worker.kill()
            worker.start()
            equal(worker.state()["spool"]["records"], waiting, "on the disk")
        held.all_arrived()


def test_a_stop_puts_what_is_in_memory_into_the_spool(host):
    """Also what is on its way to a Postgres that does not answer; what nobody takes is counted as lost."""
    with a_worker_on_a_small_disk(host, "worker-stop", {}) as (worker, mount):
        held = Held(host, worker, "stop")
        host.shipped()
        host.primary.signal(signal.SIGSTOP)
        try:
            fill(mount / "ballast")
            held.until("records_held_total", 20)
            (mount / "ballast").unlink()
            equal(worker.stop(), 0, "exit status")
        finally:
            host.primary.signal(signal.SIGCONT)
        check("records_lost_at_stop" not in worker.log.read_text(), "nothing is lost")
        with refused_ingest(host):
            worker.start()
            check(worker.state()["spool"]["records"] >= 20, "they are on the disk")
        held.all_arrived()
        with refused_ingest(host):
            fill(mount / "ballast")
            held.until("records_held_total", 5)
            equal(worker.stop(), 0, "exit status")
        check('"records_lost_at_stop","records":5' in worker.log.read_text().replace(" ", ""), "said how many")
        worker.start()


def test_a_full_disk_and_full_memory(host):
    """Calls are answered, what is not recorded is counted; with room again it records without a restart."""
    make_tenant(host, "disk")
    number = fresh_number()
    put(host, "disk", mobile(number))
    with a_worker_on_a_small_disk(host, "worker-disk", {"spool_memory_max_bytes": 0}) as (worker, mount):
        refused, kept, lost = (lambda: worker.metric("callcell_cell_spool_refused_total")), [], []
        with refused_ingest(host):
            ballast = mount / "ballast"
            ballast.write_bytes(b"x" * 96 * 1024)
            while len(lost) < 20:
                sent = event(number)
                before = refused()
                answered(worker, "disk", sent)
                (lost if refused() > before else kept).append(sent["event_id"])
            check(kept and '"answer_unrecorded"' in worker.log.read_text(), "said")
            wait_until("its age shows", lambda: worker.metric("callcell_cell_spool_oldest_seconds") >= 1)
            ballast.unlink()
            sent = event(number)
            answered(worker, "disk", sent)
            equal(refused(), len(lost), "recorded again, without a restart")
            kept.append(sent["event_id"])
            fill(ballast)
            worker.kill()
            worker.start()  # on a full disk, over what it has written
            equal(worker.state()["spool"]["records"], len(kept), "no torn record")
        host.shipped()  # the disk is full still: shipping makes room
        arrived = host.primary.query("SELECT event_id FROM events.events WHERE tenant_id = 'disk'")
        equal({row[0] for row in arrived}, set(kept))
        answered(worker, "disk", event(number))
        host.shipped()
        equal(count_of(host, "disk"), len(kept) + 1)


TESTS = [value for name, value in list(globals().items()) if name.startswith("test_") and callable(value)]


def main():
    chosen = [test for test in TESTS if not sys.argv[1:] or any(word in test.__name__ for word in sys.argv[1:])]
    failed = 0
    with CellHost() as host:
        for index, test in enumerate(chosen, 1):
            try:
                test(host)
                print(f"ok {index} - {test.__name__}", flush=True)
            except Exception:  # each test says for itself
                failed += 1
                print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="")
                print(f"not ok {index} - {test.__name__}", flush=True)
        if failed:
            host.show_logs()
    print(f"1..{len(chosen)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
