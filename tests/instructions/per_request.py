#!/usr/bin/python3
"""The gate on speed: instructions per request of the programs as shipped, under callgrind, against baseline files.

usage: per_request.py edge|cell

A path that costs over 3 % more than its baseline fails. CALLCELL_TEST_INSTRUCTIONS=write writes the baseline anew
and prints where the time goes; a commit that makes a path dearer or cheaper brings its new baseline. TAP.
"""
import http.client
import itertools
import json
import os
import pathlib
import signal
import sys
import tempfile
import traceback
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from support.callgrind import Callgrind, profile_of  # noqa: E402
from support.carrier import event, get, path_of, sign  # noqa: E402
from support.cellhost import EDGE_TOKEN, CellHost, Worker  # noqa: E402
from support.edgehost import EdgeHost  # noqa: E402
from support.wait import wait_until  # noqa: E402

ALLOWED = 0.03
MENU = {"version": 1, "entry": "menu", "nodes": {
    "menu": {"type": "menu", "prompt": {"say": {"text": "For sales press 1.", "language": "en"}},
             "branches": {"1": "sales"}},
    "sales": {"type": "connect", "targets": [{"e164": "+46700000001"}], "timeout_s": 20, "branches": {}}}}
numbers = itertools.count(100000)  # ids of one length: every request costs the same


class Line:
    """One kept-alive connection that posts call events."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, path, body, headers):
        self.connection.request("POST", path, body, {"content-type": "application/json", **headers})
        response = self.connection.getresponse()
        answer = response.read()
        if response.status != 200 or response.headers["callcell-source"] != "memory":
            raise AssertionError(f"{response.status} from {response.headers['callcell-source']}: {answer!r}")
        return json.loads(answer)


def message(name="call.initiated", **fields):
    number = next(numbers)
    made = event(name, call_id=f"c-{number}", event_id=f"e-{number}", sender="+46700000009", **fields)
    return {**made, "sequence": 1}


def body_of(made):
    return json.dumps(made, separators=(",", ":")).encode()


def edge_paths(folder):
    """A signed webhook: authenticated, limited, routed, forwarded, and its answer passed on."""
    callgrind = Callgrind(folder, "edge_on_healthz")
    with EdgeHost(under=callgrind, deadline_ms=60000) as host:  # however busy the machine is
        line = Line(host.port)

        def webhook():
            made = message(to="+46701112233")
            body = body_of(made)
            line.post(path_of(made), body, {"callcell-key": "telia-1", **sign(host.secret, made["event_id"], body)})

        yield "edge_webhook", *callgrind.per_request(webhook, lambda: get(host.telemetry_port, "/healthz"))


class OneWorkerHost(CellHost):
    """A Postgres, a Redis and no worker yet."""

    def start(self):
        self.primary.checks = "trust"  # thousands of hashes for a password are dear under callgrind
        self.start_stores()


def cell_paths(folder):
    """A mobile call and a step of a switchboard's dialogue, from call plans in memory."""
    callgrind = Callgrind(folder, "on_healthz")
    with OneWorkerHost() as host:
        worker = Worker(host, "worker-1", under=callgrind)
        host.workers.append(worker)
        worker.start(stores=False)
        wait_until("the worker has its connections",
                   lambda: worker.state()["redis_up"] and worker.state()["postgres_up"], timeout_s=90)
        for path, content in (("", {"name": "acme"}), ("/flows/main", MENU),
                              ("/numbers", {"numbers": [{"number": "+46701112233", "kind": "mobile"},
                                                        {"number": "+46101234567", "kind": "pbx", "flow": "main",
                                                         "fallback_target": "+46700000009"}]})):
            saved = worker.control("PUT", f"tenants/acme{path}", content)
            assert saved.status == 200, saved.body
        assert worker.control("POST", "tenants/acme/flows/main/publish").status == 200
        line = Line(worker.port)

        def ask(made):
            path = path_of(made).replace("/v1/", "/internal/v1/")
            return line.post(path, body_of(made), {
                "authorization": f"Bearer {EDGE_TOKEN}", "callcell-map-epoch": "1", "callcell-attempt": "1",
                "callcell-request-id": str(uuid.UUID(int=next(numbers))), "callcell-remaining-ms": "350",
                "callcell-carrier-key": "telia-1",
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})

        def mobile():
            ask(message(to="+46701112233"))

        first = message(kind="pbx", to="+46101234567")
        for made in (message(to="+46701112233"), first):
            wait_until("the call plan is in memory", lambda made=made: ask(made))
        state = ask(first)["state"]

        def pbx():
            ask({**message("gather.completed", kind="pbx", to="+46101234567", state=state,
                           result={"status": "completed", "digits": "1", "reason": "dtmf"}), "call": first["call"]})

        yield "cell_mobile", *callgrind.per_request(mobile, lambda: worker.get("/healthz"))
        yield "cell_pbx", *callgrind.per_request(pbx, lambda: worker.get("/healthz"))


def show_profile(name, profile):
    print(f"# note: {name}, instructions per request by library and by function:")
    for line in profile_of(profile):
        print(f"# note: {line}")


def check(index, name, cost, baseline):
    change = cost / baseline - 1
    print(f"{'ok' if change <= ALLOWED else 'not ok'} {index} - {name}: {cost:,} instructions per request, "
          f"{change:+.2%} of the baseline's {baseline:,}")
    if change < -ALLOWED:
        print(f"# note: {name} is over 3 % cheaper: lower the baseline with CALLCELL_TEST_INSTRUCTIONS=write")


def main():
    program = sys.argv[1]
    paths = {"edge": edge_paths, "cell": cell_paths}[program]
    file = HERE / f"{program}.json"
    writes = os.environ.get("CALLCELL_TEST_INSTRUCTIONS") == "write"
    baseline = json.loads(file.read_text()) if file.exists() else {}
    measured = {}
    with tempfile.TemporaryDirectory(prefix="callcell-instructions-") as folder:
        for name, cost, profile in paths(pathlib.Path(folder)):
            measured[name] = cost
            if writes:
                show_profile(name, profile)
            check(len(measured), name, cost, cost if writes else baseline[name])
    if writes:
        file.write_text(json.dumps(measured, indent=1) + "\n")
    if measured.keys() != baseline.keys() and not writes:
        raise AssertionError(f"{sorted(measured)} were measured, {sorted(baseline)} have a baseline")
    print(f"1..{len(measured)}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # with all that was started
    try:
        main()
    except Exception:
        print("# " + traceback.format_exc().replace("\n", "\n# "))
        sys.exit(1)
