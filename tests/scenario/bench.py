"""`./dev bench smoke`: seeds the platform, loads it, and reports what it saw of it."""
import json
import re

from support.platform import ROOT, Platform
from support.scenario import expect, expect_equal, main, note, test

SECONDS = 4


def run_bench(platform, *arguments):
    """(what was printed, JSON report, HTML report, the run's status)"""
    result = platform.dev("bench", *arguments, timeout_s=150, check=False)
    files = re.findall(r"^bench/results/\S+", result.stdout, re.MULTILINE)
    expect_equal([name.rpartition(".")[2] for name in files], ["html", "json"],
                 f"reports ({result.stdout}{result.stderr})")
    texts = [(ROOT / name).read_text() for name in files]
    for name in files:
        (ROOT / name).unlink()
    return result, json.loads(texts[1]), texts[0]


@test
def the_smoke_scenario_runs_on_the_platform(platform):
    result, report, page = run_bench(platform, "smoke", "--duration", str(SECONDS))
    expect_equal(result.returncode, 0, f"exit status ({result.stdout}{result.stderr})")
    note(f"{report['webhooks']} webhooks, p99 {report['latency_us']['p99'] / 1000} ms, "
         f"generator late by up to {report['generator_late_us']['max'] / 1000} ms")
    expect_equal(report["unanswered"], 0, "unanswered")
    expect(report["calls"] > 100 and report["webhooks"] >= 2 * report["calls"], report)
    expect(set(report["sources"]) & {"memory", "redis", "replica", "primary"}, report["sources"])
    services = {service["name"]: service for service in report["processes"]}
    expect({"edge-1", "edge-2", "se-1-worker-1", "se-1-redis", "se-1-node1", "serve-1", "callcell-bench"}
           <= set(services), sorted(services))
    expect(max(services["se-1-node1"]["processes"]) > 3, "a Postgres without its backends")
    expect(max(services["edge-1"]["cpu_percent"]) > 0, "an edge that used no CPU under load")
    expect('"name":"smoke"' in page, "the HTML report is of another run")


@test
def a_service_is_killed_under_calls(platform):
    scenario = platform.file("killed.yaml", "about: Redis is killed.\nmobiles: 50\npbxs: 5\n"
                             "steps: [\"30:3\"]\nkill: [\"1:se-1-redis\"]\n")
    before = platform.pid("se-1-redis")
    result, report, _ = run_bench(platform, scenario)
    expect_equal(result.returncode, 0, f"exit status ({result.stdout}{result.stderr})")
    expect_equal([mark["what"] for mark in report["marks"]], ["kill se-1-redis"], "marks")
    expect(platform.pid("se-1-redis") != before, "Redis was not killed")


@test
def a_mistake_in_a_scenario_is_told_with_its_place(platform):
    scenario = platform.file("wrong.yaml", "about: x\nsteps: [\"30:3\"]\nrate: 3\n")
    result = platform.dev("bench", scenario, check=False)
    expect_equal(result.returncode, 1, "exit status")
    expect("wrong.yaml:3: rate: unknown key" in result.stderr, result.stderr)


main(Platform)
