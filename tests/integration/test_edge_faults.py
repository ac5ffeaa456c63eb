#!/usr/bin/python3
"""callcell-edge while its cells' workers fail in every way; what it answers by itself. TAP."""
import contextlib
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import test_edge
from support.carrier import get, path_of, sign
from support.edgehost import FakeWorker
from support.wait import wait_until
from test_edge import equal, expect, journal_of, mobile, pbx, send

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def attempts(host):
    return sorted(int(call[1]["callcell-attempt"]) for worker in host.workers for call in worker.calls)


def ejected(host, worker):
    return [w["ejected"] for w in host.state_of("se-1")["workers"] if w["address"] == worker.address] == [True]


def found_out(host, *frozen):
    """Asked with wait_until, under calls: an edge that has just been kept waiting itself blames nobody."""
    if all(ejected(host, worker) for worker in frozen):
        return True
    all_at_once(host, 8)
    return False


def all_at_once(host, count):
    """Replies to so many calls sent side by side."""
    replies = [None] * count

    def call(i):
        replies[i] = send(host, mobile())
    threads = [threading.Thread(target=call, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies


def slowest_ms(what, replies):
    slow = max(reply.seconds for reply in replies) * 1000
    print(f"# {what}: slowest of {len(replies)} answered after {slow:.0f} ms")
    return slow


# ---- two attempts ----

@test
def a_fast_failure_is_tried_at_the_other_worker_at_once(host):
    for behaviour in (503, 421, "reset", 500):
        host.behave(behaviour, "answer")
        host.forget()
        replies = [send(host, mobile()) for _ in range(2)]
        host.behave()
        for reply in replies:
            equal((reply.status, reply.source, reply.json()["by"]), (200, "memory", "se-1/worker-2"), behaviour)
            expect(reply.seconds < 0.3, f"{behaviour}: {reply.seconds} s")
        # a reset on a kept connection may be a stale one: the attempt is made again on a fresh one
        equal(attempts(host), [1, 1, 1, 2] if behaviour == "reset" else [1, 1, 2], behaviour)
    records = wait_until("second attempts are journalled", lambda: len(journal_of(*host.workers)) >= 1
                         and journal_of(*host.workers))
    record = records[-1]
    equal((record["tenant"], record["attempt"], record["delivered"], record["source"], record["decision_id"],
           record["plan_version"], record["flow"], record["flow_version"], record["actions"]),
          ("acme", 2, True, "memory", "ab" * 16, 5, "main", 3, [{"hangup": {}}]))
    host.wait_all_healthy()


@test
def a_silent_worker_costs_a_hedge_delay(host):
    host.behave("hang", "answer")
    replies = [send(host, mobile()) for _ in range(2)]
    slow = max(reply.seconds for reply in replies)
    print(f"# answered after {slow * 1000:.0f} ms")
    equal([(r.status, r.source) for r in replies], [(200, "memory")] * 2)
    expect(slow < 0.35, f"{slow} s: not before the first attempt's end")
    equal(attempts(host), [1, 1, 2])
    equal(host.metric("callcell_edge_hedges_won_total"), 1)
    record = wait_until("it is journalled", lambda: journal_of(*host.workers))[0]
    equal((record["attempt"], record["giver"]), (2, f"se-1/{host.workers[1].address}"))
    asked = {headers["callcell-request-id"] for worker in host.workers for _path, headers, _body in worker.calls}
    equal(len(asked), 2, "both workers are asked under one request id, each call under its own")
    expect(record["request_id"] in asked, f"{record['request_id']} is none of {asked}")


@test
def a_worker_that_fails_is_left_alone_and_probed_back(host):
    host.behave(503, "answer")
    for _ in range(8):
        equal(send(host, mobile()).status, 200)
    broken = host.workers[0]
    wait_until("it is ejected", lambda: [w["ejected"] for w in host.state_of("se-1")["workers"]
                                         if w["address"] == broken.address] == [True])
    host.forget()
    for _ in range(6):
        equal(send(host, mobile()).json()["by"], "se-1/worker-2")
    equal(len(broken.calls), 0, "calls spent on an ejected worker")
    host.behave()
    host.wait_all_healthy()
    for _ in range(4):
        send(host, mobile())
    expect(broken.calls, "the worker is not used again")
    equal(host.metric("callcell_edge_reinstated_total"), 1)


# ---- the edge's own answer ----

POLICY = [
    ("mobile", mobile(), [{"connect": {"targets": [{"e164": "+46701112233"}]}}]),
    ("barred", mobile(direction="originating", sender="+46701112233", to=None, dialled="0900123456"),
     [{"reject": {"sip_code": 603, "q850": 21, "reason": "barred"}}]),
    ("mobile, mid-call", mobile(name="dial.completed", state="c3RhdGU"), []),
    ("fallback target", pbx(), [{"connect": {"targets": [{"e164": "+46700000001"}]}}]),
    ("busy", pbx(to="+46101234568"), [{"reject": {"sip_code": 480, "q850": 20, "reason": "unavailable"}}]),
    ("PBX, mid-call", pbx(name="gather.completed", state="c3RhdGU"),
     [{"connect": {"targets": [{"e164": "+46700000001"}]}}]),
    ("PBX, mid-call, no target", pbx(name="dial.completed", to="+46101234568", state="c3RhdGU"),
     [{"hangup": {}}]),
    ("answered", pbx(name="call.answered", state="c3RhdGU"), []),
    ("another event", pbx(name="call.invented"), []),
    ("unknown number", pbx(to="+46109999999"),
     [{"reject": {"sip_code": 404, "q850": 1, "reason": "unknown number"}}]),
    ("emergency", mobile(direction="originating", sender="+46701112233", to=None, dialled="112"),
     [{"connect": {"targets": [{"dialled": "112"}]}}]),
]


def check_policy(host, limit_s):
    for what, message, actions in POLICY:
        reply = send(host, message)
        equal((reply.status, reply.source, reply.headers["callcell-plan-version"]), (200, "edge", "7"), what)
        answer = reply.json()
        equal(answer["actions"], actions, what)
        equal(answer["state"], message["state"], what)
        equal(answer["decision_id"], reply.headers["callcell-decision-id"], what)
        expect(reply.seconds < limit_s, f"{what}: {reply.seconds} s")


@test
def both_workers_dead_then_the_journal_reaches_them(host):
    for worker in host.workers:
        worker.stop()
    check_policy(host, 0.5)
    equal(host.state_of("se-1")["journal_records"], len(POLICY))
    reply = send(host, mobile(to="+46701112244"), tenant="globex")
    equal(reply.source, "memory", "the other cell")
    host.other.stop()
    equal(send(host, mobile(to="+46701112244"), tenant="globex").source, "edge")
    host.other.start()
    wait_until("the other cell's record is not held back", lambda: len(host.other.journalled) == 1)
    equal(host.state_of("se-1")["journal_records"], len(POLICY), "the dead cell's records wait")
    for worker in host.workers:
        worker.journal_status = 503
        worker.start()
    wait_until("it was tried", lambda: all(worker.connections for worker in host.workers))
    equal(host.state_of("se-1")["journal_records"], len(POLICY), "not taken, not forgotten")
    for worker in host.workers:
        worker.journal_status = 200
    wait_until("the journal is empty", lambda: host.state_of("se-1")["journal_records"] == 0)
    records = journal_of(*host.workers)
    equal(sorted(r["event_id"] for r in records), sorted(m["event_id"] for _, m, _ in POLICY))
    for record in records:
        equal((record["tenant"], record["source"], record["attempt"], record["delivered"], record["giver"],
               record["carrier_key"], record["plan_version"]),
              ("acme", "edge", 0, True, "edge-1", "telia-1", 7))
    wanted = {m["event_id"]: actions for _, m, actions in POLICY}
    equal({r["event_id"]: r["actions"] for r in records}, wanted)
    host.wait_all_healthy()


@test
def a_killed_edge_loses_no_journal_record(host):
    for worker in host.workers:
        worker.stop()
    messages = [mobile() for _ in range(20)]
    for message in messages:
        equal(send(host, message).source, "edge")
    host.stop(signal.SIGKILL)
    host.start()
    equal(host.state_of("se-1")["journal_records"], len(messages))
    for worker in host.workers:
        worker.start()
    wait_until("the journal is empty", lambda: host.state_of("se-1")["journal_records"] == 0)
    equal(sorted(record["event_id"] for record in journal_of(*host.workers)),
          sorted(message["event_id"] for message in messages))


@test
def a_record_that_the_cell_refuses_holds_back_no_other(host):
    for worker in host.workers:
        worker.stop()
    messages = [mobile() for _ in range(9)]
    for message in messages:
        send(host, message)
    for worker in host.workers:
        worker.poison = messages[4]["event_id"]
        worker.start()
    wait_until("the journal is empty", lambda: host.state_of("se-1")["journal_records"] == 0)
    equal(sorted(record["event_id"] for record in journal_of(*host.workers)),
          sorted(message["event_id"] for message in messages if message is not messages[4]))
    equal(host.metric("callcell_edge_journal_lost_total"), 0)
    equal(host.metric("callcell_edge_journal_quarantined_total"), 1)
    equal(host.metric("callcell_edge_journal_delivered_total"), 8)
    equal(host.metric("callcell_edge_journal_oldest_seconds"), 0)
    kept = next(host.folder.rglob("quarantine.jsonl")).read_text().splitlines()
    equal([json.loads(line)["event_id"] for line in kept], [messages[4]["event_id"]])


@test
def both_workers_silent(host):
    host.behave("hang", "hang")
    started = time.monotonic()
    replies = [None] * len(POLICY)

    def call(i):
        replies[i] = send(host, POLICY[i][1])
    threads = [threading.Thread(target=call, args=(i,)) for i in range(len(POLICY))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(time.monotonic() - started < 1.5, "they were not served side by side")
    for (what, _, actions), reply in zip(POLICY, replies):
        equal((reply.status, reply.source, reply.json()["actions"]), (200, "edge", actions), what)
        expect(reply.seconds < 1.0, f"{what}: {reply.seconds} s")


@test
def the_carriers_deadline_is_kept(host):
    host.behave("hang", "hang")
    for deadline_ms in (100, 300, 600):
        host.forget()
        reply = send(host, mobile(deadline_ms=deadline_ms))
        equal((reply.status, reply.source), (200, "edge"))
        # A busy machine may add some; without the deadline it would be 0.7 s.
        expect(reply.seconds < min(deadline_ms / 1000 + 0.1, 0.65), f"{deadline_ms} ms: {reply.seconds} s")
        given = [int(call[1]["callcell-remaining-ms"]) for w in host.workers for call in w.calls]
        expect(given and max(given) <= deadline_ms * 0.35, f"{deadline_ms} ms: {given}")
    equal(host.metric("callcell_edge_ejections_total"), 0, "short deadlines ejected a worker")


@test
def too_many_in_flight_get_the_edge_answer_at_once(host):
    host.behave("hang", "hang")
    replies = [None] * 12

    def call(i):
        replies[i] = send(host, mobile())
    threads = [threading.Thread(target=call, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal({(r.status, r.source) for r in replies}, {(200, "edge")})
    expect(host.metric("callcell_edge_answers_total", by="edge", why="overload") >= 8, "nobody was spared")
    expect(sorted(r.seconds for r in replies)[7] < 0.3, "waited although over the bound")


too_many_in_flight_get_the_edge_answer_at_once.settings = {"in_flight_max": 4}


# ---- silence ----

class FrozenWorker:
    """A process of its own in a worker's place: it can be stopped and continued."""

    def __init__(self, worker):
        self.worker, self.address = worker, worker.address
        worker.stop()
        body = json.dumps({"decision_id": "ab" * 16, "flow": None, "state": None, "actions": [{"hangup": {}}],
                           "on_timeout": [], "by": worker.name})
        self.process = subprocess.Popen([sys.executable, "-c", SERVER, str(worker.port), body])
        wait_until("it listens", lambda: answers(worker.port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)


SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def log_message(self, *arguments): pass
    def do_GET(self): self.reply(b"{}")
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.reply(sys.argv[2].encode())
    def reply(self, body):
        self.send_response(200)
        for name, value in (("callcell-source", "memory"), ("callcell-plan-version", "5"),
                            ("callcell-decision-id", "ab" * 16), ("content-length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    def handle_error(self, *arguments): pass
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever(0.02)
"""


def answers(port):
    try:
        return get(port, "/readyz").status == 200
    except OSError:
        return False


@test
def a_frozen_worker_is_found_out_by_the_first_calls(host):
    with FrozenWorker(host.workers[0]) as frozen:
        for _ in range(2):
            equal(send(host, mobile()).source, "memory")
        frozen.freeze()
        expect(slowest_ms("one frozen", all_at_once(host, 8)) < 350, "late")
        wait_until("it is ejected", lambda: found_out(host, frozen))
        ejections = {why: host.metric("callcell_edge_ejections_total", why=why) for why in ("frozen", "slow", "failed")}
        expect(ejections["frozen"] + ejections["slow"] == 1 and not ejections["failed"], ejections)
        replies = [send(host, mobile()) for _ in range(10)]
        equal({reply.json()["by"] for reply in replies}, {"se-1/worker-2"})
        slowest_ms("afterwards", replies)
        frozen.thaw()
        wait_until("it is back", lambda: not ejected(host, frozen))


@test
def with_all_frozen_the_edge_answers_and_they_come_back(host):
    with FrozenWorker(host.workers[0]) as one, FrozenWorker(host.workers[1]) as two:
        for worker in (one, two):
            worker.freeze()
        replies = all_at_once(host, 8)
        equal({(reply.status, reply.source) for reply in replies}, {(200, "edge")})
        expect(slowest_ms("both frozen", replies) < 1000, "late")
        wait_until("both are ejected", lambda: found_out(host, one, two))
        seen = host.metric("callcell_edge_attempts_failed_total", why="timeout")
        replies = [send(host, mobile()) for _ in range(10)]
        slowest_ms("both ejected", replies)
        equal({reply.source for reply in replies}, {"edge"})
        equal(host.metric("callcell_edge_attempts_failed_total", why="timeout"), seen, "attempts spent")
        for worker in (one, two):
            worker.thaw()
        host.wait_all_healthy()
        equal(send(host, mobile()).source, "memory")


@test
def an_edge_that_was_frozen_itself_blames_nobody(host):
    host.behave(("delay", 0.2), ("delay", 0.2))
    replies = []
    thread = threading.Thread(target=lambda: replies.extend(all_at_once(host, 8)))
    thread.start()
    wait_until("the calls are with the workers", lambda: host.calls_seen() >= 8)
    host.process.send_signal(signal.SIGSTOP)
    wait_for_stop(host.process.pid)
    deadline = time.monotonic() + 0.8  # past both attempts' ends
    wait_until("the attempts' time is over", lambda: time.monotonic() > deadline)
    host.process.send_signal(signal.SIGCONT)
    thread.join()
    equal({(reply.status, reply.source) for reply in replies}, {(200, "memory")})
    equal(host.metric("callcell_edge_ejections_total", why="failed"), 0)
    equal(host.metric("callcell_edge_ejections_total", why="frozen"), 0)


def send_and_close(host, body, then=lambda: None):
    """A carrier that gives up: it has sent its webhook, something happens, and it closes the connection."""
    message = json.dumps(body).encode()
    head = {"host": "edge", "callcell-key": "telia-1", "content-length": len(message),
            **sign(host.secret, body["event_id"], message)}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    with socket.create_connection(("127.0.0.1", host.port), timeout=5) as carrier:
        carrier.sendall(f"POST {path_of(body, 'acme')} HTTP/1.1\r\n{lines}\r\n".encode() + message)
        then()


@test
def what_was_sent_to_a_frozen_edge_and_given_up_is_not_asked_for(host):
    def given_up():
        return host.metric("callcell_edge_answers_total", by="edge", why="abandoned")

    before = given_up()
    host.process.send_signal(signal.SIGSTOP)
    wait_for_stop(host.process.pid)
    try:
        for _ in range(8):
            send_and_close(host, mobile())
        # A stall is a deadline 0.1 s late, and the edge may have none but its prober's, each 0.25 s.
        deadline = time.monotonic() + 0.5
        wait_until("the edge stood still", lambda: time.monotonic() > deadline)
    finally:
        host.process.send_signal(signal.SIGCONT)
    wait_until("all are given up", lambda: given_up() == before + 8)
    equal(host.calls_seen(), 0, "calls at the workers")
    equal(send(host, mobile()).source, "memory")


@test
def an_answer_that_reaches_nobody_is_not_in_the_journal(host):
    host.behave(("delay", 5), ("delay", 5))
    written = host.metric("callcell_edge_journal_written_total")
    send_and_close(host, mobile(), lambda: wait_until("a worker was asked", lambda: host.calls_seen() >= 1))
    wait_until("it is answered for nobody", lambda: host.metric("callcell_edge_answers_undelivered_total") == 1)
    equal(host.metric("callcell_edge_journal_written_total"), written, "records in the journal")


def wait_for_stop(pid):
    wait_until("it is stopped", lambda: pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
               == "T")


@test
def a_slow_worker_is_left_alone_as_long_as_another_is_not(host):
    slow = host.workers[0]
    host.behave(("delay", 0.25), "answer")
    replies = [send(host, mobile()) for _ in range(24)]
    equal({reply.source for reply in replies}, {"memory"})
    slowest_ms("one slow", replies)
    wait_until("it is left alone", lambda: ejected(host, slow))
    equal(host.metric("callcell_edge_ejections_total", why="slow"), 1)
    host.workers[1].stop()
    wait_until("it is better than nothing", lambda: send(host, mobile()).source == "memory")
    host.workers[1].start()
    host.behave()
    host.wait_all_healthy()


@test
def a_flapping_worker_costs_no_answer(host):
    replies = []
    for behaviour in (503, "answer", "reset", "answer", "hang", "answer", 503, "answer"):
        host.behave(behaviour, "answer")
        replies += [send(host, mobile()) for _ in range(8)]
    slowest_ms("one flapping", replies)
    equal({(reply.status, reply.source) for reply in replies}, {(200, "memory")})
    host.wait_all_healthy()


@test
def both_attempts_answer_and_one_reply_leaves(host):
    host.behave(("delay", 0.15), ("delay", 0.15))
    replies = all_at_once(host, 12)
    equal({(reply.status, reply.source) for reply in replies}, {(200, "memory")})
    host.behave()
    records = wait_until("they are journalled", lambda: len(journal_of(*host.workers)) == 12
                         and journal_of(*host.workers))
    equal(len({record["event_id"] for record in records}), 12)
    equal(attempts(host), [1] * 12 + [2] * 12)
    equal(host.metric("callcell_edge_in_flight"), 0)


@test
def no_call_plan_is_no_fault_of_the_worker(host):
    host.behave("no-call-plan", "answer")
    for _ in range(12):
        equal(send(host, mobile()).json()["by"], "se-1/worker-2")
    host.behave("no-call-plan", "no-call-plan")
    reply = send(host, pbx())
    equal((reply.source, reply.json()["actions"]), ("edge", [{"connect": {"targets": [{"e164": "+46700000001"}]}}]))
    equal(host.metric("callcell_edge_ejections_total", why="failed"), 0)
    expect(host.metric("callcell_edge_attempts_failed_total", why="no_plan") >= 8, "not counted")


# ---- the standby site ----

@test
def the_standby_site_takes_over_and_gives_back(host):
    standby = FakeWorker("se-1/worker-3")
    active = [worker.address for worker in host.workers]
    try:
        host.discover("se-1", "\n".join([f"{standby.address} standby", *active, ""]))
        wait_until("the file is read", lambda: len(host.state_of("se-1")["workers"]) == 3)
        equal([w["site"] for w in host.state_of("se-1")["workers"]], [1, 0, 0])
        for _ in range(6):
            equal(send(host, mobile()).json()["by"][:11], "se-1/worker")
        equal(standby.calls, [], "calls at the standby site")
        for worker in host.workers:
            worker.stop()
        replies = [send(host, mobile()) for _ in range(12)]
        slowest_ms("active site gone", replies)
        equal({(reply.source, reply.json().get("by")) for reply in replies}, {("memory", "se-1/worker-3")})
        for worker in host.workers:
            worker.start()
        host.wait_all_healthy()
        standby.forget()
        equal(send(host, mobile()).source, "memory")
        equal(standby.calls, [], "calls at the standby site")
    finally:
        standby.stop()


# ---- last known good, full disk ----

@test
def discovery_is_remembered(host):
    new = FakeWorker("se-1/new")
    try:
        host.discover("se-1", f"{new.address}\n")
        kept = host.folder / "publications/endpoints/se-1.endpoints"
        wait_until("it is kept", lambda: kept.exists() and new.address in kept.read_text())
        equal(host.stop(), 0)
        shutil.rmtree(host.folder / "discovery")
        host.start()
        equal([w["address"] for w in host.state_of("se-1")["workers"]], [new.address])
        equal(send(host, mobile()).json()["by"], "se-1/new")
    finally:
        new.stop()


@test
def an_edge_starts_from_its_own_disk_with_everything_else_dead(host):
    addresses = [worker.address for worker in host.workers]
    host.discover("se-1", "\n".join(addresses))
    wait_until("the file is read", lambda: host.state_of("se-1")["discovered"])
    equal(host.stop(), 0)
    shutil.rmtree(host.folder / "discovery")
    for worker in host.workers:
        worker.stop()
    host.start()
    check_policy(host, 0.5)
    for worker in host.workers:
        worker.start()
    host.wait_all_healthy()
    equal(send(host, mobile()).source, "memory")


@contextlib.contextmanager
def small_disk(folder, kilobytes):
    """The folder on a file system of its own that is soon full."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(ballast):
    with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass


@contextlib.contextmanager
def full_disk(folder):
    """Not one byte more goes in, until the block ends."""
    with small_disk(folder, 4096):
        fill(folder / "ballast")
        yield folder / "ballast"


def in_memory(host):
    return host.metric("callcell_edge_journal_in_memory")


def check_all_arrive(host, messages):
    for worker in host.workers:
        worker.start()
    wait_until("the journal is handed over", lambda: host.state_of("se-1")["journal_records"] == 0)
    equal(sorted(record["event_id"] for record in journal_of(*host.workers)),
          sorted(message["event_id"] for message in messages))
    equal(host.metric("callcell_edge_journal_lost_total"), 0)
    equal(in_memory(host), 0)


def answered_without_cell(host, count):
    messages = [mobile() for _ in range(count)]
    replies = [send(host, message) for message in messages]
    equal({(reply.status, reply.source) for reply in replies}, {(200, "edge")})
    slowest_ms("disk full", replies)
    return messages


def start_without_workers(host):
    for worker in host.workers:
        worker.stop()
    host.start()


@test
def a_full_disk_under_the_edge_keeps_records_in_memory_until_there_is_space(host):
    equal(host.stop(), 0)
    with full_disk(host.folder / "journal") as ballast:
        start_without_workers(host)
        messages = answered_without_cell(host, 60)
        expect(in_memory(host) > 0, "the disk took them")
        equal(host.state_of("se-1")["journal_records"], len(messages))
        expect(host.metric("callcell_edge_journal_held_total") > 0, "nothing is counted")
        ballast.unlink()
        wait_until("the disk has them", lambda: in_memory(host) == 0)
        equal(host.stop(), 0)
        host.start()
        equal(host.state_of("se-1")["journal_records"], len(messages))
        check_all_arrive(host, messages)
        equal(host.stop(), 0)


@test
def a_full_disk_under_the_edge_holds_back_no_record_from_the_cell(host):
    equal(host.stop(), 0)
    with full_disk(host.folder / "journal"):
        start_without_workers(host)
        check_all_arrive(host, answered_without_cell(host, 60))
        equal(host.stop(), 0)


def answered_until_memory_holds_one(host):
    """On a full disk: its last page may still take some."""
    messages = []
    while in_memory(host) == 0:
        messages += answered_without_cell(host, 1)
    return messages


@test
def a_refused_record_that_the_full_disk_does_not_take_holds_back_no_other(host):
    """It is memory's; the disk's wait behind it, and have their turns. With space it is put apart."""
    folder, first = host.folder / "journal/se-1", mobile()
    equal(host.stop(), 0)
    with small_disk(folder.parent, 4096):
        start_without_workers(host)
        equal(send(host, first).source, "edge")
        for worker in host.workers:
            worker.start()
        wait_until("after a record of the disk's it is memory's turn",
                   lambda: host.state_of("se-1")["journal_records"] == 0)
        for worker in host.workers:
            worker.stop()
        others = [first, *answered_without_cell(host, 5)]
        equal(in_memory(host), 0)
        fill(folder.parent / "ballast")
        others += answered_until_memory_holds_one(host)
        held = others.pop()
        for worker in host.workers:
            worker.poison = held["event_id"]
            worker.start()
        wait_until("the disk's are not held back", lambda: len(journal_of(*host.workers)) == len(others))
        (folder.parent / "ballast").unlink()
        wait_until("the journal is empty", lambda: host.state_of("se-1")["journal_records"] == 0)
        kept = (folder / "quarantine.jsonl").read_text().splitlines()
        equal([json.loads(line)["event_id"] for line in kept], [held["event_id"]])
        equal(sorted(record["event_id"] for record in journal_of(*host.workers)),
              sorted(message["event_id"] for message in others))
        equal(host.metric("callcell_edge_journal_lost_total"), 0)
        equal(host.stop(), 0)


@test
def what_memory_holds_of_two_cells_goes_to_the_disk_at_a_stop(host):
    equal(host.stop(), 0)
    host.other.stop()
    with full_disk(host.folder / "journal") as ballast:
        start_without_workers(host)
        messages = answered_without_cell(host, 20)
        other = mobile(to="+46701112244")
        equal(send(host, other, tenant="globex").source, "edge")
        equal(host.state_of("se-2")["journal_records"], 1)
        ballast.unlink()
        equal(host.stop(), 0)
        host.other.start()
        host.start()
        check_all_arrive(host, messages)
        wait_until("the other cell has its own", lambda: [r["event_id"] for r in journal_of(host.other)] ==
                   [other["event_id"]])
        equal(host.stop(), 0)


@test
def what_neither_disk_nor_memory_takes_is_counted_as_lost(host):
    equal(host.stop(), 0)
    with full_disk(host.folder / "journal") as ballast:
        start_without_workers(host)
        answered_without_cell(host, 60)
        lost = host.metric("callcell_edge_journal_lost_total")
        expect(lost > 0, "nothing is counted")
        equal(host.state_of("se-1")["journal_records"] + lost, 60)
        ballast.unlink()
        wait_until("the disk has what memory held", lambda: in_memory(host) == 0)
        answered_without_cell(host, 1)
        equal(host.metric("callcell_edge_journal_lost_total"), lost)
        equal(host.stop(), 0)


what_neither_disk_nor_memory_takes_is_counted_as_lost.settings = {"journal_memory_max_bytes": 16384}


if __name__ == "__main__":
    sys.exit(test_edge.main(TESTS))
