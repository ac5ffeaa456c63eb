"""The simulator against three real cells: the workers of one die for some seconds. --long only."""
import json
import time

from support.platform import Platform
from support.scenario import expect, expect_equal, main, note, test
from support.wait import wait_for_seconds, wait_until

CELLS = ("se-1", "se-2", "se-3")
NUMBERS = {cell: f"+4670880010{number}" for number, cell in enumerate(CELLS)}
CALLS_S, BEFORE_S, DEAD_S, LOAD_S = 90, 3, 8, 22
APART = 0.15


def make_cells(platform):
    for cell in CELLS:
        if cell != "se-1":
            platform.cli("cell", "create", "se", "--cell", cell, timeout_s=240)
        platform.cli("tenant", "create", f"of-{cell}", "--country", "se", "--cell", cell)
        platform.cli("number", "create", NUMBERS[cell], "--tenant", f"of-{cell}", "--kind", "mobile")


def webhooks_of(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


def run_with_a_dead_cell(platform):
    """The load's webhooks, and when the workers were killed and started again (monotonic)."""
    numbers = platform.file("numbers", "".join(
        json.dumps({"number": NUMBERS[cell], "tenant": f"of-{cell}", "kind": "mobile"}) + "\n" for cell in CELLS))
    log = platform.file("log", "")
    load = platform.start_bench("load", "--numbers", numbers, "--rate", str(CALLS_S), "--duration", str(LOAD_S),
                                "--log", log, "--allow-unanswered")
    wait_until("calls are answered", lambda: log.stat().st_size > 0)
    wait_for_seconds(BEFORE_S)
    workers = [f"se-2-worker-{number}" for number in (1, 2)]
    killed = time.monotonic()
    for worker in workers:
        platform.kill_for_good(worker)
    wait_for_seconds(DEAD_S)
    started = time.monotonic()
    for worker in workers:
        platform.start_service(worker)
    expect_equal(load.wait(timeout=120), 0, "exit status of the load")
    return webhooks_of(log), killed, started


def simulated(platform, offered_s, lasts_s):
    users = 3000
    said = platform.run([platform.home / "bin/callcell-bench", "simulate", "--failure", "cell", "--cells", len(CELLS),
                         "--users", users, "--webhooks-user-hour", f"{offered_s * 3600 / users:.4f}",
                         "--size-spread", 0, "--begins", BEFORE_S, "--lasts", f"{lasts_s:.3f}", "--json"])
    return json.loads(said.stdout)


def expect_near(what, measured, predicted):
    note(f"{what}: simulated {predicted:.1f}, measured {measured:.1f} ({measured / predicted - 1:+.1%})")
    expect(abs(measured / predicted - 1) <= APART, f"{what}: {measured:.2f} measured, {predicted:.2f} simulated")


@test
def edge_answers_and_recovery_are_as_simulated(platform):
    make_cells(platform)
    wait_until("every cell answers", lambda: all(
        '"source":"edge"' not in platform.bench("call", "--tenant", f"of-{cell}", "--to", NUMBERS[cell], "--from",
                                                "+46701112233", "--output", "json").stdout for cell in CELLS), 60)
    webhooks, killed, started = run_with_a_dead_cell(platform)
    ended_s = [webhook["ended_us"] / 1e6 for webhook in webhooks]
    by_edge = [at for webhook, at in zip(webhooks, ended_s) if webhook["source"] == "edge"]
    expected = simulated(platform, len(webhooks) / (max(ended_s) - min(ended_s)), started - killed)
    expect_equal(sum(webhook["unanswered"] for webhook in webhooks), 0, "unanswered webhooks")
    expect_equal(expected["unanswered"], 0, "unanswered webhooks, simulated")
    expect_equal({webhook["tenant"] for webhook in webhooks if webhook["source"] == "edge"}, {"of-se-2"},
                 "tenants that an edge answered for")
    expect_equal(expected["cells_hit"], 1, "cells hit, simulated")
    expect_near("webhooks answered by edges", len(by_edge), expected["by_edge"])
    expect_near("seconds from the death to the last edge answer", max(by_edge) - killed,
                expected["edge_answers_until_s"])


main(Platform)
