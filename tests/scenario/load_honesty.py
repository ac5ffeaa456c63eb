"""The load tool's own honesty: a server that is frozen for a second shows in its percentiles, as it would show to
callers, and a generator that was frozen itself says so.

2,000 requests a second for 10 s; one in ten is meant to be sent while the server stands still, so that the
hundredth part that waits longest waits 0.9 s. A tool that waits for answers before it sends on (coordinated
omission) would call that a good run.
"""
import json
import os
import pathlib
import signal
import subprocess
import tempfile

from support.answering_server import start_server
from support.scenario import expect, expect_equal, main, note, test
from support.wait import wait_for_seconds, wait_until

RATE, SECONDS, FREEZE_S = 2000, 10, 1.0
CALM_RATE, CALM_S = 200, 3


class Load:
    """callcell-bench load in the background; result() waits for its JSON."""

    def __init__(self, folder, port, rate, seconds):
        numbers, secret, self.log = folder / "numbers", folder / "secret", folder / "log"
        numbers.write_text('{"number":"+46700000001","tenant":"acme","kind":"mobile"}\n')
        secret.write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
        self.log.unlink(missing_ok=True)
        bench = pathlib.Path(os.environ["CALLCELL_BUILD"]) / "bench/callcell-bench"
        self.process = subprocess.Popen(
            [bench, "load", "--edge", f"127.0.0.1:{port}", "--secret-file", secret, "--numbers", numbers,
             "--rate", str(rate), "--duration", str(seconds), "--first-only", "--log", self.log, "--output", "json",
             "--allow-unanswered"], stdout=subprocess.PIPE, text=True)

    def freeze(self, pid):
        """A second of standing still, once the load is under way."""
        wait_until("load is under way", lambda: self.log.stat().st_size > 0)
        os.kill(pid, signal.SIGSTOP)
        wait_for_seconds(FREEZE_S)
        os.kill(pid, signal.SIGCONT)

    def result(self):
        return json.loads(self.process.communicate(timeout=60)[0])


@test
def a_frozen_server_shows_in_the_percentiles(server):
    load = Load(pathlib.Path(server.folder.name), server.port, RATE, SECONDS)
    load.freeze(server.process.pid)
    report = load.result()
    latency_us = report["latency_us"]
    note(f"p50 {latency_us['p50'] / 1000} ms, p99 {latency_us['p99'] / 1000} ms, generator late by "
         f"{report['generator_late_us']['p99'] / 1000} ms at p99")
    expect_equal(report["webhooks"], RATE * SECONDS, "requests")
    expect_equal(sum(report["seconds"]["offered"]), RATE * SECONDS, "requests of all seconds")
    expect(850_000 <= latency_us["p99"] <= 1_000_000, f"p99 is not 0.85 to 1.0 s: {latency_us}")
    expect(latency_us["p50"] < 100_000, f"half of the run shows the stall: {latency_us}")
    expect_equal(max(report["seconds"]["max"]), latency_us["max"], "the worst of all seconds")


@test
def a_frozen_generator_says_so(server):
    load = Load(pathlib.Path(server.folder.name), server.port, CALM_RATE, CALM_S)
    load.freeze(load.process.pid)
    report = load.result()
    expect(report["generator_was_late"], report["generator_late_us"])
    expect(report["generator_late_us"]["max"] > FREEZE_S * .9e6, report["generator_late_us"])
    expect(report["latency_us"]["p90"] > 100_000, f"its own stall is left out: {report['latency_us']}")


class Server:
    """What the tests get in the place of a platform."""
    is_shared = True  # nothing of its own to be stopped cleanly

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.process, self.port = start_server()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.folder.cleanup()

    def show_logs(self):
        """It has none."""


main(Server)
