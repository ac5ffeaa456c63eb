#!/usr/bin/python3
"""The HTML report opens in a browser without a word on its console, and shows the figures of the JSON report."""
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from html.parser import HTMLParser

from support.answering_server import start_server

STEPS = "50:1,100:1,150:1,200:1"
CHROMIUM_TIMEOUT_S = 60


class Figures(HTMLParser):
    """{id: text} of the table cells that have an id, and how often each drawing element stands there."""

    def __init__(self):
        super().__init__()
        self.figures, self.elements, self.current = {}, {}, None

    def handle_starttag(self, tag, attributes):
        self.elements[tag] = self.elements.get(tag, 0) + 1
        self.current = dict(attributes).get("id") if tag == "td" else None
        if self.current:
            self.figures[self.current] = ""

    def handle_data(self, data):
        if self.current:
            self.figures[self.current] += data

    def handle_endtag(self, tag):
        self.current = None


def load(folder, port):
    numbers, secret = folder / "numbers", folder / "secret"
    numbers.write_text('{"number":"+46700000001","tenant":"acme","kind":"mobile"}\n')
    secret.write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    bench = pathlib.Path(os.environ["CALLCELL_BUILD"]) / "bench/callcell-bench"
    progress = subprocess.run(
        [bench, "load", "--edge", f"127.0.0.1:{port}", "--secret-file", secret, "--numbers", numbers, "--steps", STEPS,
         "--home", "/nonexistent", "--name", "</script>", "--allow-unanswered", "--progress",
         "--json", folder / "report.json", "--html", folder / "report.html"],
        capture_output=True, text=True, check=True, timeout=60).stderr
    return json.loads((folder / "report.json").read_text()), progress


def browse(folder):
    """(DOM after its scripts, what the console said)."""
    browser = shutil.which("chromium")
    if not browser:
        raise RuntimeError("chromium is not installed")
    result = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", "--v=0", "--dump-dom",
         (folder / "report.html").as_uri()],
        capture_output=True, text=True, check=True, timeout=CHROMIUM_TIMEOUT_S)
    return result.stdout, [line for line in result.stderr.splitlines() if "CONSOLE" in line]


def expected_figures(report):
    figures = {name: report[name] for name in ("calls", "webhooks", "unanswered", "by_edge", "repeated")}
    for name in ("p50", "p90", "p99", "p999", "max"):
        figures[f"latency_{name}"] = report["latency_us"][name] / 1000
        figures[f"late_{name}"] = report["generator_late_us"][name] / 1000
    figures.update({f"source_{name}": count for name, count in report["sources"].items()})
    return figures


def without_code(dom):
    return re.sub(r"<script.*?</script>", "", dom, flags=re.DOTALL)


def main():
    server, port = start_server()
    try:
        with tempfile.TemporaryDirectory() as name:
            report, progress = load(pathlib.Path(name), port)
            page = (pathlib.Path(name) / "report.html").read_text()
            dom, console = browse(pathlib.Path(name))
    finally:
        server.kill()
    shown = Figures()
    shown.feed(without_code(dom))
    expected = expected_figures(report)
    wrong = {name: (shown.figures.get(name), value) for name, value in expected.items()
             if float(shown.figures.get(name) or "nan") != value}
    lines = re.findall(r"offered \d+/s, answered \d+ \(edge 0\), unanswered \d+, p50 [0-9.]+ p99 [0-9.]+ ms", progress)
    checks = [
        ("every call of every step is in it", [step["offered"] for step in report["steps"]] == [100, 200, 300, 400],
         report["steps"]),
        ("a line of progress every second", len(lines) >= 3, progress),
        ("the console stays empty", console == [], console),
        ("a name is text and no markup", "</script>: " in html.unescape(without_code(dom)), report["name"]),
        ("the page shows the figures of the JSON", len(expected) > 12 and not wrong, wrong),
        ("it draws latency, throughput, errors, calls, the law's fit, CPU and memory",
         shown.elements.get("svg") == 6 + (report["usl"] is not None), shown.elements),
        ("it needs nothing from elsewhere", not re.search(r"(src|href)=.?(https?:)?//", page), "an address"),
        ("processes are measured", [service["name"] for service in report["processes"]] == ["callcell-bench"] and
         max(report["processes"][0]["pss_kib"]) > 1000 and max(report["processes"][0]["cpu_percent"]) > 0,
         report["processes"]),
    ]
    for number, (name, good, detail) in enumerate(checks, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {name}" + ("" if good else f"\n# {detail}"), flush=True)
    print(f"1..{len(checks)}")
    return 0 if all(good for _, good, _ in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
