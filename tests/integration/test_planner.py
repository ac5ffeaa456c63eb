#!/usr/bin/python3
"""callcell-bench plan and simulate from outside: exit statuses, the committed prices and templates, JSON, live telemetry."""
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = pathlib.Path(os.environ.get("CALLCELL_BUILD") or ROOT / "build-test") / "bench/callcell-bench"
PARTS = ("edge", "worker", "redis", "primary", "replica", "control", "loader")


def calibration():
    """Made up: a machine where every part takes 100 us a webhook."""
    def step(webhooks_s):
        return {"webhooks_s": webhooks_s, "p50_ms": 1, "p99_ms": 5, "foreign_cores": 0,
                "cores": {part: 0.01 + webhooks_s * 1e-4 for part in PARTS}}
    curve = {"steps": [step(0), step(100), step(500)]}
    return {"machine": "made up", "date": "2026-11-29", "cores": 2, "edges": 2, "workers": 2, "numbers": 1000,
            "worker_bytes_per_number": 500, "redis_bytes_per_number": 300, "postgres_bytes_per_number": 650,
            "postgres_bytes_per_record": 600, "spool_bytes_per_record": 700,
            "memory_mb": {part: 20 for part in PARTS},
            "mobile": {"webhooks_per_call": 2, **curve}, "pbx": {"webhooks_per_call": 4, **curve}}


class Telemetry(http.server.BaseHTTPRequestHandler):
    """An edge and a worker in one: ten calls of three webhooks between two looks, half of them PBX."""
    looks = 0

    def do_GET(self):
        n = 10 * Telemetry.looks
        Telemetry.looks += 1
        page = (f"callcell_edge_requests_total {3 * n}\n"
                f'callcell_cell_decisions_total{{decision="connect"}} {n // 2}\n'
                f'callcell_cell_decisions_total{{decision="nothing"}} {n}\n').encode()
        self.send_response(200)
        self.send_header("content-length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_):
        pass


class Planner:
    def __init__(self, folder):
        self.file = folder / "calibration.json"
        self.file.write_text(json.dumps(calibration()))

    def run(self, *words):
        return subprocess.run([BENCH, *words], capture_output=True, text=True, timeout=60, check=False)

    def plan(self, *words, prices="european-cloud"):
        return self.run("plan", "--calibration", self.file, "--templates", ROOT / "control-plane/templates",
                        "--prices", ROOT / f"bench/prices/{prices}.yaml", *words)

    def planned(self, *words, **options):
        result = self.plan(*words, "--json", **options)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def refused(self, status, *words):
        result = self.plan(*words)
        assert result.returncode == status and result.stdout == "", (words, result)
        assert result.stderr.count("\n") == 1 and result.stderr.startswith("callcell-bench: "), result.stderr

    # --- tests ---

    def the_committed_files_make_a_plan(self):
        small, large = self.planned("--users", "250000"), self.planned("--users", "10000000")
        assert (small["template"], small["cells"]) == ("small", 1), small
        assert (large["template"], large["cells"]) == ("large", 10), large
        assert abs(small["peak_webhooks_per_second"] - 250000 / 3600 * 2.5 * 3) < 1e-3, small
        assert large["cost_user_month"] < small["cost_user_month"], (small, large)
        dear = self.planned("--users", "250000", prices="aws-eu-north-1")
        assert dear["cost_month"] > small["cost_month"], (dear, small)

    def text_says_the_same(self):
        text, said = self.plan("--users", "250000").stdout, self.planned("--users", "250000")
        assert f"{said['cost_month']:.2f} EUR" in text and f"{said['cost_user_month']:.5f} EUR" in text, text

    def mistakes_end_with_2_and_one_line(self):
        for words in ([], ["--users", "0"], ["--users", "1", "--frobnicate"], ["--users", "1", "--zones", "0"]):
            self.refused(2, *words)

    def what_cannot_be_read_ends_with_1_and_one_line(self):
        self.refused(1, "--users", "1", "--calibration", "/nonexistent")
        self.refused(1, "--users", "1", "--template", "no-such-template")
        self.refused(1, "--users", "1", "--template", "../demo")
        self.refused(1, "--users", "9999999999", "--template", "demo")

    def live_telemetry_replaces_the_assumptions(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Telemetry)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        said = self.planned("--users", "1000", "--from-live", "--telemetry", f"127.0.0.1:{server.server_port}",
                            "--live-users", "100", "--live-seconds", "1")
        server.shutdown()
        assert abs(said["webhooks_per_call"] - 3) < 1e-6, said
        assert abs(said["assumed"]["pbx_share"] - 0.5) < 1e-6, said
        assert 200 < said["assumed"]["attempts_per_user"] <= 360, said

    def a_simulation_is_the_same_twice(self):
        words = ["simulate", "--failure", "cell", "--countries", "3", "--cells", "4", "--json"]
        one, other = self.run(*words), self.run(*words)
        assert one.returncode == 0 and one.stdout == other.stdout, (one, other)
        said = json.loads(one.stdout)
        assert abs(said["by_cell"] + said["by_edge"] + said["unanswered"] - said["offered"]) < 1e-3, said


def main() -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        planner = Planner(pathlib.Path(name))
        tests = [planner.the_committed_files_make_a_plan, planner.text_says_the_same,
                 planner.mistakes_end_with_2_and_one_line, planner.what_cannot_be_read_ends_with_1_and_one_line,
                 planner.live_telemetry_replaces_the_assumptions, planner.a_simulation_is_the_same_twice]
        for number, test in enumerate(tests, 1):
            try:
                test()
                print(f"ok {number} - {test.__name__.replace('_', ' ')}")
            except Exception as error:  # one failure must not hide the others
                failed += 1
                print(f"not ok {number} - {test.__name__.replace('_', ' ')}\n# {error!r}")
    print(f"1..{len(tests)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
