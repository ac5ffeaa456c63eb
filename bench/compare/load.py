"""Requests of a file over kept connections, as fast as they are answered (wrk, one thread): what is asked of
a round is CPU per answer, not latency; percentiles of an open loop are callcell-bench's."""
import base64
import hashlib
import hmac
import json
import pathlib
import subprocess
import time

PEERS = pathlib.Path(__file__).resolve().parent.parent / "peers"
CONNECTIONS = 32
REQUESTS = 20000
OCCURRED = "2026-11-23T09:00:00Z"


def event(index, number):
    """A mobile call as carriers announce it, 400 bytes."""
    return json.dumps({
        "event_id": f"e-{index}", "sequence": 1, "event": "call.initiated", "occurred_at": OCCURRED,
        "deadline_ms": 1000,
        "call": {"id": f"c-{index}", "leg_id": f"l-{index}", "kind": "mobile", "direction": "terminating",
                 "from": {"e164": "+46701112233", "presentation": "allowed"},
                 "to": {"e164": number, "dialled": number}, "forwarded_from": [], "country": "se"},
        "state": None, "result": None}, separators=(",", ":")).encode()


def post(path, headers, body):
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n{head}"
            f"content-length: {len(body)}\r\n\r\n").encode() + body


def to_worker(token, tenant, numbers):
    """As an edge asks a worker."""
    headers = {"authorization": f"Bearer {token}", "callcell-attempt": "1", "callcell-remaining-ms": "700",
               "callcell-carrier-key": "bench"}
    run = time.time_ns()
    for i in range(REQUESTS):
        yield post(f"/internal/v1/se/tenants/{tenant}/calls", headers,
                   event(f"{run}-{i}", numbers[i % len(numbers)]))


def to_edge(secret, key, tenant, numbers):
    """As a carrier asks an edge; signed now."""
    run, now = time.time_ns(), int(time.time())
    for i in range(REQUESTS):
        body, name = event(f"{run}-{i}", numbers[i % len(numbers)]), f"e-{run}-{i}"
        signature = hmac.digest(secret, f"{name}.{now}.".encode() + body, hashlib.sha256)
        yield post(f"/v1/se/tenants/{tenant}/calls",
                   {"callcell-key": key, "webhook-id": name, "webhook-timestamp": now,
                    "webhook-signature": "v1," + base64.b64encode(signature).decode()}, body)


def write(path, requests):
    with open(path, "wb") as file:
        for request in requests:
            file.write(b"%010d" % len(request) + request)
    return path


class Unanswered(RuntimeError):
    """A contender did not answer as it should: there is nothing to compare."""


def run(port, path, seconds, core):
    """wrk's count: requests, duration_us, not_2xx, lost, p50_us, p99_us."""
    command = ["taskset", "-c", str(core), "wrk", "--threads", "1", "--connections", str(CONNECTIONS),
               "--duration", f"{seconds}s", "--timeout", "5s", "--script", PEERS / "load.lua",
               f"http://127.0.0.1:{port}", "--", path]
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                            timeout=seconds + 30)
    if result.returncode:
        raise Unanswered(f"port {port}: {result.stdout}{result.stderr}")
    counted = json.loads(result.stdout.strip().splitlines()[-1])
    if not counted["requests"] or counted["not_2xx"] or counted["lost"]:
        raise Unanswered(f"port {port}: {counted}")
    return counted
