#!/usr/bin/env python3
"""A worker's call plans on its own disk, breakers and readiness, over real stores. Prints TAP."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys
import time

import test_cell
from test_cell import (MENU, answered, check, connected_to, equal, event, fresh_number, left_to_others, make_tenant,
                       mobile, pbx, put, put_flow)
from support.wait import wait_until

SETTINGS = {"plans_interval_ms": 200}
OPENAT = {"x86_64": "257", "aarch64": "56"}[platform.machine()]
SNAPSHOTS = 'callcell_cell_snapshots_total{outcome="%s"}'


@contextlib.contextmanager
def a_worker(host, name, settings=None):
    worker = host.add_worker(name, {**SETTINGS, **(settings or {})})
    try:
        yield worker
    finally:
        equal(worker.stop(), 0, "exit status")
        host.workers.remove(worker)


@contextlib.contextmanager
def everything_dead(host):
    """Redis and both nodes; no worker has a source of publications in these tests at all."""
    host.redis.stop()
    host.primary.stop("immediate")
    host.replica.stop("immediate")
    try:
        yield
    finally:
        host.primary.start()
        host.replica.start()
        host.redis.start()


def kept(worker):
    """All that the worker knows now is on its disk."""
    before = worker.metric(SNAPSHOTS % "written")
    wait_until("a snapshot is written", lambda: worker.metric(SNAPSHOTS % "written") > before)


def rejected(answer):
    return answer.json["actions"][0]["reject"]["sip_code"]


def connections_are_back(worker):
    wait_until("the stores are used again", lambda: worker.connected() and all(
        worker.metric(f'callcell_cell_breaker_open{{step="{step}"}}') == 0 for step in ("redis", "replica", "primary")))


def test_up_from_disk_alone(host):
    make_tenant(host, "alone")
    put_flow(host, "alone", MENU)
    known = [fresh_number() for _ in range(20)]
    menu, deleted, unknown = fresh_number("+4610"), fresh_number(), fresh_number()
    put(host, "alone", *[mobile(number, forward_always="+46700000077") for number in known], pbx(menu), mobile(deleted))
    host.replicated()
    with a_worker(host, "worker-alone") as worker:
        for number in (*known, deleted):
            answered(worker, "alone", event(number))
        begun = answered(worker, "alone", event(menu, "pbx", call="alone-1"))
        put_flow(host, "alone", json.loads(json.dumps(MENU).replace("+46700000001", "+46700000002")))
        host.replicated()
        pressed = event(menu, "pbx", "gather.completed", "alone-1", state=begun.json["state"],
                        result={"digits": "1", "reason": "dtmf"})
        equal(connected_to(answered(worker, "alone", pressed)), "+46700000001", "the pinned version")
        equal(host.workers[0].control("DELETE", f"tenants/alone/numbers/{deleted}").status, 200)
        equal(rejected(answered(worker, "alone", event(deleted))), 404)
        kept(worker)
        worker.kill()
        with everything_dead(host):
            started = time.monotonic()
            worker.start(stores=False)
            first = answered(worker, "alone", event(known[0]))
            took = time.monotonic() - started
            print(f"# started, ready and the first right answer from disk alone: {took * 1000:.0f} ms")
            check(took < 5, f"{took} s")
            equal((first.source, connected_to(first)), ("disk", "+46700000077"))
            for number in known:
                equal(answered(worker, "alone", event(number)).source, "disk")
            equal(rejected(answered(worker, "alone", event(deleted))), 404, "a deleted number stays deleted")
            equal(connected_to(answered(worker, "alone", pressed)), "+46700000001", "a dialogue goes on")
            got = answered(worker, "alone", event(menu, "pbx"))
            equal((got.source, got.json["flow"]["version"]), ("disk", 2))
            check(left_to_others(worker.call("alone", event(unknown))), "it never guesses")
            ready = worker.get("/readyz")
            equal((ready.status, ready.json["status"]), (200, "degraded"))
            equal(worker.metric("callcell_cell_call_plans_loaded"), 21, "numbers on disk")
        connections_are_back(worker)
        wait_until("no plan is answered from disk any more",
                   lambda: answered(worker, "alone", event(known[1])).source != "disk")


def test_the_disk_never_beats_what_a_store_knows(host):
    changed, deleted, same = fresh_number(), fresh_number(), fresh_number()
    make_tenant(host, "newer")
    put(host, "newer", mobile(changed, forward_always="+46700000001"), mobile(deleted), mobile(same))
    host.replicated()
    with a_worker(host, "worker-newer") as worker:
        for number in (changed, deleted, same):
            answered(worker, "newer", event(number))
        equal(worker.stop(), 0, "exit status")  # writes them too
        put(host, "newer", mobile(changed, forward_always="+46700000002"))
        equal(host.workers[0].control("DELETE", f"tenants/newer/numbers/{deleted}").status, 200)
        host.replicated()
        with everything_dead(host):
            worker.start(stores=False)
            got = answered(worker, "newer", event(changed))
            equal((got.source, connected_to(got)), ("disk", "+46700000001"), "last known")
            answered(worker, "newer", event(deleted))
        connections_are_back(worker)
        got = answered(worker, "newer", event(changed))
        equal(connected_to(got), "+46700000002", f"from {got.source}")
        equal(rejected(answered(worker, "newer", event(deleted))), 404)
        equal(worker.stop(), 0, "exit status")
        host.redis.command("FLUSHALL")
        worker.start()
        got = answered(worker, "newer", event(same))
        equal(got.source, "replica", "looked up although the disk has it")
        equal(answered(worker, "newer", event(same)).source, "memory")
        with everything_dead(host):
            worker.kill()
            worker.start(stores=False)
            equal(rejected(answered(worker, "newer", event(deleted))), 404, "not made alive by the next start")
            equal(connected_to(answered(worker, "newer", event(changed))), "+46700000002")


def opens_a_file(process):
    """Whether one of its threads stands in openat(2)."""
    for thread in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(OSError):
            if (thread / "syscall").read_text().split()[0] == OPENAT:
                return True
    return False


def test_the_last_snapshot_waits_for_the_one_under_way(host):
    early, late = fresh_number(), fresh_number()
    make_tenant(host, "last")
    put(host, "last", mobile(early), mobile(late))
    host.replicated()
    with a_worker(host, "worker-last") as worker:
        plans = worker.folder / "plans"
        plans.mkdir(exist_ok=True)
        os.mkfifo(plans / "call-plans.tmp")
        os.chmod(plans / "call-plans.tmp", 0o666)
        answered(worker, "last", event(early))
        wait_until("a write is stuck", lambda: opens_a_file(worker.process))
        answered(worker, "last", event(late))
        worker.process.send_signal(signal.SIGTERM)
        wait_until("it stops", lambda: "worker_stopping" in worker.log.read_text())
        with open(plans / "call-plans.tmp", "rb") as reader:  # the stuck write ends, and fails: a pipe takes no fsync
            reader.read()
        equal(worker.process.wait(20), 0, "exit status")
        worker.start()
        equal(worker.metric("callcell_cell_call_plans_loaded"), 2, "the number learned last is there too")


def test_a_damaged_or_foreign_snapshot_is_refused(host):
    number = fresh_number()
    make_tenant(host, "damaged")
    put(host, "damaged", mobile(number))
    host.replicated()
    with a_worker(host, "worker-damaged") as worker:
        answered(worker, "damaged", event(number))
        equal(worker.stop(), 0)
        path = worker.folder / "plans/call-plans"
        whole = path.read_bytes()
        other = bytearray(whole)
        other[len(other) // 2] ^= 1
        for content in (bytes(other), whole[:-5], whole.replace(b"plans 1", b"plans 2", 1), b""):
            path.write_bytes(content)
            worker.start()
            equal(worker.metric(SNAPSHOTS % "refused"), 1)
            equal(worker.metric("callcell_cell_call_plans_loaded"), 0, "empty")
            equal(worker.log.read_text().count("call_plans_on_disk_refused"), 1, "one line")
            equal(connected_to(answered(worker, "damaged", event(number))), number)
            worker.kill()
            worker.log.unlink()
        path.write_bytes(whole)
        worker.settings["cell"] = "se-2"
        worker.start()
        equal(worker.metric(SNAPSHOTS % "refused"), 1, "another cell's")


def test_a_full_disk_leaves_the_worker_serving(host):
    number, later = fresh_number(), fresh_number()
    make_tenant(host, "full")
    put(host, "full", mobile(number), mobile(later))
    host.replicated()
    small = host.folder / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=True)
    try:
        filler = small / "filler"
        with contextlib.suppress(OSError), open(filler, "wb") as file:
            file.write(bytes(2 * 1024 * 1024))
        with a_worker(host, "worker-full", {"plans_directory": small}) as worker:
            answered(worker, "full", event(number))
            wait_until("the disk is full", lambda: worker.metric(SNAPSHOTS % "failed") >= 2)
            equal(answered(worker, "full", event(number)).source, "memory")
            equal(answered(worker, "full", event(later)).source in ("redis", "replica"), True)
            equal(worker.get("/readyz").status, 200)
            equal(worker.log.read_text().count("call_plans_not_kept"), 1, "told once")
            filler.unlink()
            wait_until("it is written once there is space", lambda: worker.metric(SNAPSHOTS % "written") >= 1)
            equal([entry.name for entry in small.iterdir()], ["call-plans"])
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def freeze(host, what):
    if what == "redis":
        host.redis.freeze()
    else:
        getattr(host, what).signal(signal.SIGSTOP)


def thaw(host, what):
    if what == "redis":
        host.redis.thaw()
    else:
        getattr(host, what).signal(signal.SIGCONT)


def steps(worker):
    return {step: worker.metric(f'callcell_cell_step_seconds_count{{step="{step}"}}')
            for step in ("redis", "replica", "primary")}


def test_who_is_frozen_costs_the_first_call_alone(host):
    make_tenant(host, "ice")
    numbers = [fresh_number() for _ in range(40)]
    put(host, "ice", *[mobile(number, forward_always="+46700000055") for number in numbers])
    host.replicated()
    with a_worker(host, "worker-ice") as worker:
        for number in numbers:
            answered(worker, "ice", event(number))
        cases = (("redis",), "replica"), (("replica",), "primary"), (("primary",), "replica"), \
            (("redis", "replica", "primary"), "disk")
        for round_of, (frozen, wanted) in enumerate(cases):
            equal(worker.stop(), 0)
            host.redis.command("FLUSHALL")
            worker.start()
            before = steps(worker)
            for what in frozen:
                freeze(host, what)
            try:
                slowest = 0.0
                for number in numbers[round_of * 10:round_of * 10 + 10]:
                    started = time.monotonic()
                    got = answered(worker, "ice", event(number))
                    slowest = max(slowest, time.monotonic() - started)
                    equal((got.source, connected_to(got)), (wanted, "+46700000055"), f"{frozen} frozen")
                after = steps(worker)
                asked = {what: after[what] - before[what] for what in after}
                print(f"# {' and '.join(frozen)} frozen: from {wanted}, slowest of ten {slowest * 1000:.0f} ms, "
                      f"asked {asked}")
                check(slowest < 0.5, f"{frozen}: {slowest} s")
                for what in frozen:
                    wanted_count = 0 if frozen == ("primary",) else 1
                    equal(asked[what], wanted_count, f"{what} is asked by the first call alone")
                equal(worker.get("/readyz").status, 200)
            finally:
                for what in reversed(frozen):
                    thaw(host, what)
            connections_are_back(worker)


def test_a_worker_that_was_frozen_blames_no_store(host):
    """Half the calls are to numbers that it does not know: look-ups are under way at each freeze."""
    numbers = [fresh_number() for _ in range(900)]
    make_tenant(host, "thawed")
    put(host, "thawed", *[mobile(number, forward_always="+46700000061") for number in numbers])
    host.replicated()
    # Steps so long that a busy machine alone does not open a breaker, and a freeze that is longer still.
    patient = {"budget": "{redis_ms: 300, replica_ms: 300, primary_ms: 300}"}
    with a_worker(host, "worker-thawed", patient) as worker, concurrent.futures.ThreadPoolExecutor(12) as pool:
        for start in range(0, len(numbers), 150):
            host.redis.command("FLUSHALL")
            answers = [pool.submit(worker.call, "thawed", event(number)) for number in numbers[start:start + 150]]
            wait_until("calls are under way", lambda a=answers: sum(each.done() for each in a) >= 20)
            worker.process.send_signal(signal.SIGSTOP)
            over = time.monotonic() + 0.6
            wait_until("every budget is over", lambda end=over: time.monotonic() > end)
            worker.process.send_signal(signal.SIGCONT)
            statuses = {each.result().status for each in answers}
            check(statuses <= {200, 503}, f"a plan, or that there was no time to load it: {statuses}")
        trips = [worker.metric(f'callcell_cell_breaker_trips_total{{step="{step}"}}')
                 for step in ("redis", "replica", "primary")]
        equal(trips, [0, 0, 0], "breakers opened")


def test_a_short_time_is_shared_out(host):
    """A call with 100 ms left does not spend 80 of them on a replica that hangs."""
    make_tenant(host, "short")
    number = fresh_number()
    put(host, "short", mobile(number, forward_always="+46700000056"))
    host.replicated()
    with a_worker(host, "worker-short") as worker:
        freeze(host, "replica")
        try:
            host.redis.command("FLUSHALL")
            got = answered(worker, "short", event(number), remaining_ms=150)
            equal((got.source, connected_to(got)), ("primary", "+46700000056"))
        finally:
            thaw(host, "replica")
        connections_are_back(worker)


def test_not_ready_without_any_store_or_disk(host):
    with a_worker(host, "worker-bare") as worker:
        worker.kill()
        with everything_dead(host):
            process = worker.start_process()
            wait_until("it listens", lambda: worker.get("/healthz").status == 200)
            refused = worker.get("/readyz")
            equal(refused.status, 503)
            check("no store" in refused.json["detail"], refused.body)
            check(process.poll() is None, "it lives")
        wait_until("ready with a store", lambda: worker.get("/readyz").status == 200)
        connections_are_back(worker)


def test_a_stop_is_over_in_five_seconds_whatever_clients_do(host):
    with a_worker(host, "worker-stubborn") as worker:
        hanging = [worker.hang() for _ in range(3)]
        started = time.monotonic()
        equal(worker.stop(), 0)
        took = time.monotonic() - started
        print(f"# stopped with clients that hang: {took:.1f} s")
        check(took < 5, f"{took} s")
        for connection in hanging:
            connection.close()


TESTS = [value for name, value in list(globals().items()) if name.startswith("test_") and callable(value)]

if __name__ == "__main__":
    test_cell.TESTS[:] = TESTS
    sys.exit(test_cell.main())
