#!/usr/bin/env python3
"""What a platform does beside what it should, on a platform of its own: start, memory, latency at 70 % of full load,
twice full load, a million numbers, ten cells. Prints a table and writes it to bench/results. Usage: see --help."""
import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
os.environ.setdefault("CALLCELL_BUILD", str(ROOT / "build"))
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench/compare")]

import machine  # noqa: E402
from support.platform import Platform  # noqa: E402
from support.wait import wait_for_seconds, wait_until  # noqa: E402

NORMAL_MS = 10  # p99 of a second that is as before; or twice the worst before, where that is more
SETTLE_S = 5
WARM_S = 3  # the generator opens its connections, and cells read call plans


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench figures", description=__doc__)
    parser.add_argument("--only", choices=tuple(GROUPS), nargs="+", help="these groups alone")
    return parser.parse_args()


def say(what):
    print(what, file=sys.stderr, flush=True)


class Bench:
    """A platform, and a cell's services by name."""

    def __init__(self, platform):
        self.platform = platform

    def run(self, name, steps, tenants=4, mobiles=2500, pbxs=250):
        """A report of the load generator; numbers are made once for each name."""
        planned = json.dumps([f"{rate:.0f}:{seconds}" for rate, seconds in steps])
        scenario = self.platform.file(f"{name}.yaml", (
            f"about: {name}\ntenants: {tenants}\nmobiles: {mobiles}\npbxs: {pbxs}\npbx_percent: 25\n"
            f"arrivals: poisson\nsteps: {planned}\n"))
        report = self.platform.file(f"{name}.json", "")
        report.chmod(0o666)
        edges = ",".join(f"127.0.0.1:{port}" for port in self.platform.edge_ports())
        self.platform.as_owner([self.platform.home / "bin/callcell-bench", "run", scenario, "--name", name, "--home",
                                self.platform.home, "--edge", edges, "--json", report, "--allow-unanswered"],
                               timeout_s=3000)
        return json.loads(report.read_text())

    def pids(self, cell):
        """Heads of the cell's services."""
        names = [name for name in self.platform.services() if name.startswith(cell + "-")]
        return [pid for name in names if (pid := self.platform.pid(name))]


def pss_mb(roots):
    """Memory of these processes and of all that they started, shared pages divided among those who have them."""
    sum_kib = 0
    for pid in machine.tree(roots):
        try:
            lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        sum_kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return sum_kib / 1024


def is_answered(platform):
    """By the cell."""
    said = platform.bench("call", "--tenant", "figures", "--to", "+46708000001", "--from", "+46701112233",
                          "--output", "json", check=False)
    return said.returncode == 0 and '"source":"edge"' not in said.stdout


def start(bench):
    platform = bench.platform
    platform.cli("tenant", "create", "figures", "--country", "se")
    platform.cli("number", "create", "+46708000001", "--tenant", "figures", "--kind", "mobile")
    wait_until("a call is answered", lambda: is_answered(platform), 30)
    wait_for_seconds(SETTLE_S)
    yield "memory of an idle cell, all processes", "MB PSS", pss_mb(bench.pids("se-1")), 250
    platform.dev("down")
    begun = time.monotonic()
    up = subprocess.Popen([str(ROOT / "dev"), "start"], env=platform.environment, stdout=subprocess.DEVNULL)
    wait_until("a call is answered", lambda: is_answered(platform), 60)
    yield "start of a stopped platform to its first answer", "s", time.monotonic() - begun, 10
    up.wait(120)


def full_rate(bench):
    """Calls a second, the most of a search at which cells answer all and p99 stays below 100 ms."""
    def holds(rate):
        step = bench.run("full", [(rate / 4, WARM_S), (rate, 5)])["steps"][1]
        p99_ms = step["latency_us"]["p99"] / 1000
        say(f"{rate:.0f} calls/s: {step['answered_per_s']:.0f} answers/s, p99 {p99_ms:.1f} ms, {step['by_edge']} by edges")
        return step["unanswered"] == 0 and step["by_edge"] == 0 and p99_ms < 100

    low, high = 0, 300
    while holds(high):
        low, high = high, high * 1.5
    for _ in range(3):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def seconds_until_normal(report, begun_s, ended_s):
    """After the step that began and ended then; the last second that was not normal counts."""
    p99 = report["seconds"]["p99"]
    by_edge = report["seconds"]["by_edge"]
    normal = max(NORMAL_MS * 1000, 2 * max(p99[1:begun_s]))
    late = [second for second in range(ended_s, len(p99)) if p99[second] > normal or by_edge[second]]
    return late[-1] + 1 - ended_s if late else 0


def overload(bench):
    full = full_rate(bench)
    step = bench.run("full", [(full * 0.35, WARM_S), (full * 0.7, 30)])["steps"][1]
    yield f"p99 at 70 % of full load ({full:.0f} calls/s)", "ms", step["latency_us"]["p99"] / 1000, 10
    yield "p99.9 there", "ms", step["latency_us"]["p999"] / 1000, 25
    report = bench.run("full", [(full * 0.5, 5), (full * 2, 10), (full * 0.5, 15)])
    share = 100 / report["steps"][1]["offered"]
    yield "unanswered within a second at 200 %", "%", report["unanswered"] * share, 0
    yield "answered there by edges", "%", report["by_edge"] * share, None
    yield "lateness of the load generator there, p99", "ms", max(report["seconds"]["late_us"][5:15]) / 1000, None
    yield "normal again after it", "s", seconds_until_normal(report, 5, 15), 5


def worker_us(report):
    """CPU of the cell's workers for each webhook."""
    used_s = 0
    for service in report["processes"]:
        if "-worker-" in service["name"]:
            at = [0, *service["at_s"]]
            used_s += sum(cpu / 100 * (at[i + 1] - at[i]) for i, cpu in enumerate(service["cpu_percent"]))
    return used_s * 1e6 / report["webhooks"]


def numbers(bench):
    """Twice each: the second time the same calls find their plans in memory."""
    cost = {}
    for name, tenants, mobiles, pbxs in (("small", 1, 900, 100), ("large", 1000, 900, 100)):
        begun = time.monotonic()
        for _ in range(2):
            report = bench.run(name, [(200, 20)], tenants, mobiles, pbxs)
        cost[name] = worker_us(report)
        say(f"{name}: {cost[name]:.1f} us of workers for a webhook; {time.monotonic() - begun:.0f} s")
    yield ("CPU for a webhook with a million numbers, 100,000 switchboards, 1,000 tenants, against a thousand numbers",
           "times", cost["large"] / cost["small"], 1.15)


def idle_cost(bench, cells):
    roots = [pid for cell in cells for pid in bench.pids(cell)]
    before, begun = machine.cpu_us(roots), time.monotonic()
    wait_for_seconds(30)
    return pss_mb(roots), (machine.cpu_us(roots) - before) / (time.monotonic() - begun) / 1e6


def cells(bench):
    wait_for_seconds(SETTLE_S)
    one_mb, one_cores = idle_cost(bench, ["se-1"])
    names = ["se-1", *(f"se-{number}" for number in range(2, 11))]
    for name in names[1:]:
        bench.platform.cli("cell", "create", "se", "--cell", name, timeout_s=240)
    wait_for_seconds(SETTLE_S)
    ten_mb, ten_cores = idle_cost(bench, names)
    yield "memory of ten cells against ten times one", "times", ten_mb / one_mb / 10, 1.05
    yield "CPU of ten idle cells against ten times one", "times", ten_cores / one_cores / 10, 1.05


GROUPS = {"start": start, "overload": overload, "numbers": numbers, "cells": cells}


def rows(chosen):
    with Platform() as platform:
        for name in chosen:
            say(name)
            for what, unit, value, aim in GROUPS[name](Bench(platform)):
                verdict = "" if aim is None else "met" if value <= aim else "missed"
                yield {"what": what, "unit": unit, "value": value, "aim": aim, "verdict": verdict}


def markdown(result):
    facts = result["machine"]
    lines = [f"{result['at'][:10]}, {facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, "
             f"{facts['system']}, kernel {facts['kernel']}.", "", "| | | at most | |", "|---|---:|---:|---|"]
    lines += [f"| {row['what']} | {row['value']:,.2f} {row['unit']} | {'' if row['aim'] is None else row['aim']} "
              f"| {row['verdict']} |" for row in result["rows"]]
    return "\n".join(lines) + "\n"


def main():
    arguments = parse_arguments()
    at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    chosen = arguments.only or list(GROUPS)
    result = {"at": at, "machine": machine.facts(), "rows": list(rows(chosen))}
    print(markdown(result))
    folder = ROOT / "bench/results"
    folder.mkdir(exist_ok=True)
    (folder / f"{at[:10]}-figures.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    (folder / f"{at[:10]}-figures.md").write_text(markdown(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
