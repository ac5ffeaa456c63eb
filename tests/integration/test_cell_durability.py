#!/usr/bin/env python3
"""What a cell keeps, and when it writes: fencing, unknown outcomes, spools, retention. Prints TAP."""
import concurrent.futures
import pathlib
import subprocess
import sys
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support.cellhost import CellHost  # noqa: E402
from support.wait import wait_until  # noqa: E402
from test_cell import answered, check, equal, event, fresh_number, journal, make_tenant, mobile, put, record  # noqa: E402


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
