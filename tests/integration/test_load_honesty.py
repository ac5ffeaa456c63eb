#!/usr/bin/python3
"""The load tool's own honesty: an edge that freezes for a second shows in its percentiles.

A tool that waits for answers before it sends on (coordinated omission) would hide it.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

from support.wait import wait_for_seconds, wait_until

EDGE = r"""
import http.server, socketserver
BODY = b'{"decision_id":"d","flow":null,"state":null,"actions":[{"hangup":{}}],"on_timeout":[]}'
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    disable_nagle_algorithm = True
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(BODY)))
        self.send_header("callcell-source", "memory")
        self.end_headers()
        self.wfile.write(BODY)
    def log_message(self, *_):
        pass
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 512
server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
RATE, SECONDS, FREEZE_S = 100, 4, 0.7


def start_edge():
    edge = subprocess.Popen([sys.executable, "-c", EDGE], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True)
    return edge, int(edge.stdout.readline())


def run(folder, edge, port, freeze):
    numbers, secret, log = folder / "numbers", folder / "secret", folder / "log"
    numbers.write_text('{"number":"+46700000001","tenant":"acme","kind":"mobile"}\n')
    secret.write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    log.unlink(missing_ok=True)
    bench = pathlib.Path(os.environ["CALLCELL_BUILD"]) / "bench/callcell-bench"
    load = subprocess.Popen([bench, "load", "--edge", f"127.0.0.1:{port}", "--secret-file", secret,
                             "--numbers", numbers, "--rate", str(RATE), "--duration", str(SECONDS),
                             "--log", log, "--output", "json", "--allow-unanswered"],
                            stdout=subprocess.PIPE, text=True)
    if freeze:
        wait_until("load is under way", lambda: log.stat().st_size > 0)
        os.kill(edge.pid, signal.SIGSTOP)
        wait_for_seconds(FREEZE_S)
        os.kill(edge.pid, signal.SIGCONT)
    output, _ = load.communicate(timeout=60)
    return json.loads(output)


def check(number, name, ok, detail):
    print(f"{'ok' if ok else 'not ok'} {number} - {name}")
    print(f"# {detail}", flush=True)
    return ok


def main():
    edge, port = start_edge()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            calm = run(folder, edge, port, freeze=False)
            frozen = run(folder, edge, port, freeze=True)
    finally:
        edge.kill()
    expected = RATE * SECONDS
    results = [
        check(1, "every intended call was placed", calm["calls"] == frozen["calls"] == expected,
              f"{calm['calls']} and {frozen['calls']} of {expected}"),
        check(2, "a calm edge shows no stall", calm["latency_us"]["p90"] < 200_000, calm["latency_us"]),
        check(3, "a frozen edge shows its stall",
              frozen["latency_us"]["p99"] > FREEZE_S * 0.8e6, frozen["latency_us"]),
    ]
    print(f"1..{len(results)}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
