#!/usr/bin/python3
"""Workers are drained, restarted and taken back under calls, and no call notices; calls are explained.

--long also destroys a cell that has records which are nowhere else yet.
"""
import collections
import json
import re
import shutil
import signal

from support.carrier import event
from support.meanwhile import Meanwhile
from support.platform import Platform
from support.recipes import registry
from support.scenario import LONG, expect, expect_equal, long_test, main, note, test
from support.wait import wait_until

# Deadlines of tens of milliseconds are missed on a slow machine, whatever is done to the workers.
BY_THE_EDGE_MAX = 0 if LONG else 0.33
PAUSE_S = 0.05
REGISTRY = ("registry-monitor", "registry-node1", "registry-node2")
TENANT, MOBILE, FORWARD = "fleet", "+46708800001", "+46733333333"


class Calls(Meanwhile):
    """Calls at both edges, one after another, for as long as the block lasts."""

    def __init__(self, platform):
        self.carrier, self.replies = platform.carrier(), []
        super().__init__()

    def work(self):
        while not self.over.is_set():
            for edge in (0, 1):
                reply = self.carrier.send(event(to=MOBILE, sender="+46701112233"), TENANT, edge=edge)
                self.replies.append((reply.status, reply.source, reply.json().get("actions"), reply.seconds))
            self.over.wait(PAUSE_S)

    def expect_all_from_the_cell(self, what):
        expect(len(self.replies) > 20, f"only {len(self.replies)} calls")
        expect_equal({status for status, *_ in self.replies}, {200}, "statuses")
        sources = collections.Counter(source for _, source, *_ in self.replies)
        expect(sources["edge"] <= BY_THE_EDGE_MAX * len(self.replies),
               f"edge answers while workers were restarted: {dict(sources)}")
        targets = {str(actions) for _, source, actions, _ in self.replies if source != "edge"}
        expect_equal(len(targets), 1, f"different answers: {targets}")
        note(f"{what}: {len(self.replies)} calls, {sources['edge']} by the edge, "
             f"slowest {max(reply[3] for reply in self.replies):.3f} s")


def endpoints(platform):
    lines = (platform.home / "discovery/se-1.endpoints").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


@test
def every_worker_is_restarted_under_calls(platform):
    platform.cli("tenant", "create", TENANT)
    platform.cli("number", "create", MOBILE, "--tenant", TENANT, "--kind", "mobile", "--forward-always", FORWARD)
    before = [platform.pid(f"se-1-worker-{number}") for number in (1, 2)]
    with Calls(platform) as calls:
        platform.cli("cell", "restart", "se-1")
    calls.expect_all_from_the_cell("cell restart")
    after = [platform.pid(f"se-1-worker-{number}") for number in (1, 2)]
    expect(not set(before) & set(after), f"the same processes: {before} {after}")
    expect_equal(len(endpoints(platform)), 2, "workers that edges are told about")


def counted(platform):
    """(answers by edges, events shipped), as edges and workers tell."""
    edges = sum(value for port in (8081, 8091) for name, value in platform.telemetry(platform.port(port)).items()
                if name.startswith("callcell_edge_answers_total") and 'by="edge"' in name)
    workers = sum(platform.telemetry(port)["callcell_cell_records_shipped_total"]
                  for port in platform.worker_telemetry_ports())
    return edges, workers


@test
def what_a_switchover_cost_is_what_edges_and_workers_counted(platform):
    with Calls(platform):
        before = counted(platform)
        said = platform.cli("cell", "switchover", "se-1", timeout_s=120).stderr
        after = counted(platform)
    # "at least", when one of them was too slow to say.
    found = re.search(r"^cost: writes were held up for [\d.]+ s; (?:at least )?(\d+) edge answers(?: \([^)]+\))?; "
                      r"(?:at least )?(\d+) events shipped(?: \([^)]+\))?$", said, re.M)
    expect(found and not (LONG and "at least" in found.group(0)), said)
    edges, shipped = int(found.group(1)), int(found.group(2))
    expect(0 < shipped <= after[1] - before[1], f"{shipped} said, {after[1] - before[1]} counted around it")
    expect(0 <= edges <= after[0] - before[0], f"{edges} said, {after[0] - before[0]} counted around it")
    note(found.group(0))


@test
def a_drained_worker_stays_drained(platform):
    with Calls(platform) as calls:
        platform.cli("cell", "drain", "se-1", "worker-1")
    calls.expect_all_from_the_cell("cell drain")
    expect_equal(platform.pid("se-1-worker-1"), None, "the drained worker's process")
    expect_equal(endpoints(platform), [f"127.0.0.1:{platform.worker_port(2)}"], "announced")
    refused = platform.cli("cell", "drain", "se-1", "worker-2", check=False)
    expect_equal(refused.returncode, 1, "draining the last worker")
    expect("no other worker of se-1 is ready" in refused.stderr, refused.stderr)
    missing = platform.cli("cell", "drain", "se-1", "worker-9", check=False)
    expect('no worker of se-1 "worker-9"' in missing.stderr, missing.stderr)
    platform.cli("cell", "undrain", "se-1", "worker-1")
    expect(platform.worker_is_ready(1), "worker-1 is not back")
    expect_equal(len(endpoints(platform)), 2, "announced again")


def worker_1(platform):
    """As status shows it, and what doctor says about workers: (verdict, check) of each line."""
    shown = platform.cli_json("cell", "show", "se-1")["workers"][0]
    said = json.loads(platform.cli("doctor", "--output", "json", check=False).stdout)
    return shown["health"], shown["drained"], [line for line in said if line["check"] == "workers"]


def lose_service(platform, name):
    """As a person does who clears up too much."""
    folder = platform.service(name)
    lost = folder.parent.parent / f"lost-{name}"
    folder.rename(lost)
    for action in ("force-stop", "exit"):
        platform.as_owner(["sv", "-w", "20", action, lost], timeout_s=40)
    shutil.rmtree(lost)


@long_test
def a_drained_worker_is_left_out_until_it_is_taken_back(platform):
    """Nobody but `cell undrain` starts it, not even after its service was lost."""
    platform.cli("cell", "drain", "se-1", "worker-1")
    health, drained, said = worker_1(platform)
    expect_equal((health, drained), ("drained", True), "worker-1")
    expect_equal([line["verdict"] for line in said], ["note"], f"what doctor says: {said}")
    expect("callcell cell undrain se-1 worker-1" in said[0]["do"], f"{said}")
    expect("worker-1: drained, port" in platform.cli("status").stdout, "status")
    healed = platform.cli("cell", "heal", "se-1", timeout_s=120)
    expect_equal(healed.stdout, "heal se-1: no change\n", "what heal did")
    expect("left out: se-1-worker-1: drained; to take it back: callcell cell undrain se-1 worker-1" in healed.stderr,
           healed.stderr)
    expect_equal(platform.pid("se-1-worker-1"), None, "the drained worker's process after heal")
    lose_service(platform, "se-1-worker-1")
    lost = platform.cli("cell", "undrain", "se-1", "worker-1", check=False)
    expect_equal((lost.returncode, "callcell cell heal se-1" in lost.stderr), (1, True), lost.stderr)
    healed = platform.cli("cell", "heal", "se-1", timeout_s=120)
    expect("found: se-1-worker-1: missing" in healed.stderr, healed.stderr)
    expect_equal(platform.pid("se-1-worker-1"), None, "the drained worker's process after its service came back")
    platform.cli("cell", "undrain", "se-1", "worker-1")
    expect_equal(worker_1(platform), ("ready", False, []), "worker-1 taken back")
    expect_equal(len(endpoints(platform)), 2, "announced again")


@test
def a_stopped_worker_is_started_by_undrain(platform):
    platform.stop_service("worker-1")
    platform.cli("cell", "undrain", "se-1", "worker-1")
    expect(platform.worker_is_ready(1), "worker-1 is not ready")
    expect("no change" in platform.cli("cell", "undrain", "se-1", "worker-1").stdout, "given again")


@long_test
def a_cell_without_a_worker_is_a_finding(platform):
    platform.cli("cell", "drain", "se-1", "worker-1")
    platform.cli("cell", "drain", "se-1", "worker-2", "--force")
    said = platform.cli("doctor", check=False)
    expect_equal(said.returncode, 1, "exit status of doctor")
    expect(re.search(r"^finding +workers: no worker of se-1 serves.*; callcell cell undrain se-1 worker-1$",
                     said.stdout, re.M), said.stdout)
    for number in (1, 2):
        platform.cli("cell", "undrain", "se-1", f"worker-{number}")


def what_is_drained_is_known_without_the_registry(platform):
    platform.cli("cell", "drain", "se-1", "worker-1")
    for name in REGISTRY:
        platform.stop_service(name)
    try:
        shown = platform.cli("status", check=False)
        expect("registry DOWN" in shown.stdout and "worker-1: drained, port" in shown.stdout, shown.stdout)
    finally:
        platform.cli("up", timeout_s=120)
    platform.cli("cell", "undrain", "se-1", "worker-1")


def of_drain(status):
    """Of the unfinished runs: others may have left theirs on a platform that is shared."""
    return [each for each in status["unfinished"] if "cell drain" in each["command"]]


@test
def what_a_cell_serves_and_what_was_not_finished_is_shown(platform):
    platform.cli("tenant", "create", "fleet-pinned", "--cell", "se-1")
    killed = platform.run(["env", "CALLCELL_KILL_AT=cell_drain:claimed:record", platform.home / "bin/callcell", "cell",
                           "drain", "se-1", "worker-1"], 60, check=False)
    expect_equal(killed.returncode, -signal.SIGKILL, "exit status of the killed drain")
    status = platform.cli_json("status")
    cell = [each for each in status["cells"] if each["cell"] == "se-1"][0]
    pinned = int(registry(platform, "SELECT count(*) FROM tenants WHERE pinned_cell = 'se-1'")[0][0])
    expect_equal((cell["slots"], cell["slots_of_country"], cell["pinned_tenants"]), (16384, 16384, pinned), "serves")
    begun = [(each["command"], each["target"], each["under_way"]) for each in of_drain(status)]
    expect_equal(begun, [("callcell cell drain se-1 worker-1", "se-1/worker-1", False)], "unfinished")
    shown = platform.cli("status").stdout
    expect(f"serves 16384 of 16384 slots, {pinned} pinned tenant" in shown, shown)
    expect(re.search(r"^NOT FINISHED since \d+ s: cell_drain of se-1/worker-1; give the same command again: callcell "
                     r"cell drain se-1 worker-1$", shown, re.M), shown)
    platform.cli("cell", "drain", "se-1", "worker-1")
    platform.cli("cell", "undrain", "se-1", "worker-1")
    expect_equal(of_drain(platform.cli_json("status")), [], "unfinished, once it was given again")


def explain(platform, call):
    return platform.cli("call", "explain", call, "--tenant", TENANT, "--output", "json", check=False)


def send_both(platform):
    """A call's two events; its id."""
    first = event(to=MOBILE, sender="+46701112233")
    last = event(to=MOBILE, sender="+46701112233", name="call.completed", call_id=first["call"]["id"])
    replies = [platform.carrier().send(each, TENANT) for each in (first, last)]
    return first["call"]["id"], [reply.source for reply in replies]


def events_of(done):
    """(event, not yet in Postgres) in the order in which they are said."""
    expect_equal(done.returncode, 0, done.stderr)
    return [(each["event"], "where" in each) for each in json.loads(done.stdout)["events"]]


BOTH = ("call.initiated", "call.completed")


@test
def a_call_is_explained(platform):
    call, _ = send_both(platform)
    # In the spool first, in Postgres soon after: it is found in either, and never in both.
    expect_equal(len(events_of(explain(platform, call))), 2, "events")
    platform.wait_until_recorded()
    expect_equal(events_of(explain(platform, call)), [(name, False) for name in BOTH], "all shipped")
    text = platform.cli("call", "explain", call, "--tenant", TENANT).stdout
    expect(f"answered  connect to {FORWARD}" in text and "not yet in Postgres" not in text, text)
    missing = platform.cli("call", "explain", "nobody-called", "--tenant", TENANT, check=False)
    expect_equal((missing.returncode, missing.stderr.count("\n")), (2, 1), "a call that was not")
    expect('no call "nobody-called" of tenant fleet' in missing.stderr, missing.stderr)


@long_test
def a_call_is_explained_while_nothing_is_shipped(platform):
    shipped, _ = send_both(platform)
    platform.wait_until_recorded()
    platform.stop_postgres()
    call, _ = send_both(platform)
    done = explain(platform, call)
    expect_equal(events_of(done), [(name, True) for name in BOTH], "in spools")
    expect("what is elsewhere follows" in done.stderr, done.stderr)
    expect_equal(explain(platform, shipped).returncode, 1, "shipped, and Postgres cannot be asked")
    platform.start_postgres()
    wait_until("all is shipped", lambda: events_of(explain(platform, call)) == [(name, False) for name in BOTH], 60)


@long_test
def a_call_that_the_edge_answered_alone_is_explained(platform):
    for number in (1, 2):
        platform.stop_service(f"worker-{number}")
    call, sources = send_both(platform)
    expect_equal(sources, ["edge", "edge"], "sources")
    done = explain(platform, call)
    expect_equal(events_of(done), [(name, True) for name in BOTH], "in journals")
    expect(all(each["where"].startswith("edges/edge-") for each in json.loads(done.stdout)["events"]), done.stdout)
    for number in (1, 2):
        platform.start_service(f"worker-{number}")
    wait_until("workers answer", lambda: platform.worker_is_ready(1) and platform.worker_is_ready(2))
    platform.wait_until_recorded()
    done = explain(platform, call)
    expect_equal(events_of(done), [(name, False) for name in BOTH], "all shipped")
    expect("answered by the edge itself" in done.stdout, done.stdout)


@test
def a_cell_is_not_destroyed_by_accident(platform):
    for words, status, part in (((), 2, "--confirm se-1"), (("--confirm", "se-2"), 2, "is not se-1"),
                                (("--confirm", "se-1"), 1, "tenants live in se-1, and no command moves a tenant: --with-")):
        done = platform.cli("cell", "destroy", "se-1", *words, check=False)
        expect_equal(done.returncode, status, f"cell destroy {words}")
        expect(part in done.stderr, done.stderr)
    expect(platform.cli("cell", "destroy", "se-1", "--with-tenants", "--dry-run").stdout.startswith("would run 1/"),
           "dry run")


def differences(platform):
    done = platform.cli("cell", "diff", "se-1", "--output", "json", check=False)
    found = json.loads(done.stdout)
    expect_equal(done.returncode, 1 if found else 0, "exit status of cell diff")
    return [(each["what"], each["name"], each["is"], each["should"]) for each in found]


@test
def drift_is_seen_and_mended(platform):
    expect_equal(differences(platform), [], "a cell as it was made")
    settings = platform.home / "cells/se-1/etc/cell-worker-2.yaml"
    settings.write_text(settings.read_text() + "# by hand\n")
    discovery = platform.home / "discovery/se-1.endpoints"
    discovery.write_text("# by hand\n")
    node = 1 if platform.primary_port() == platform.port(20131) else 2
    conf = platform.home / f"cells/se-1/pg/node{node}/data/postgresql.conf"
    conf.write_text(conf.read_text() + "work_mem = '9MB'\n")
    platform.psql("select pg_reload_conf()")
    platform.psql(f"update directory.numbers set kind = 'pbx' where number = '{MOBILE}'")
    wait_until("Postgres has taken the setting", lambda: platform.psql("show work_mem") == [["9MB"]])
    found = differences(platform)
    expect_equal(sorted(each[0] for each in found), ["file", "file", "numbers", "service", "setting"], f"{found}")
    expect(("setting", f"se-1 node{node} work_mem", "9MB", "8MB") in found, f"{found}")
    expect_equal(differences(platform), found, "after a second look")
    before = platform.pid("se-1-worker-2")
    with Calls(platform) as calls:
        platform.cli("cell", "apply", "se-1")
    calls.expect_all_from_the_cell("cell apply")
    expect(platform.pid("se-1-worker-2") != before, "the worker with older settings was not renewed")
    expect_equal([each[0] for each in differences(platform)], ["numbers"], "what apply leaves alone")
    platform.psql(f"update directory.numbers set kind = 'mobile' where number = '{MOBILE}'")
    expect_equal(differences(platform), [], "mended")


def records_on_disk_keep_a_cell_from_being_destroyed(platform):
    """Its Postgres was away, then its workers died: their silence does not mean that they had nothing."""
    number, parts = "+46708800077", ("monitor", "node1", "node2")
    platform.cli("cell", "create", "se", "--cell", "se-7", timeout_s=120)
    platform.cli("tenant", "create", "last-words", "--cell", "se-7")
    platform.cli("number", "create", number, "--tenant", "last-words", "--kind", "mobile")

    def call():
        sent = event(to=number, sender="+46701112233")
        reply = platform.carrier().send(sent, "last-words")
        return sent["call"]["id"] if reply.status == 200 and reply.source != "edge" else None

    destroy = ["cell", "destroy", "se-7", "--confirm", "se-7", "--with-tenants"]
    wait_until("the cell answers", call)
    for part in parts:
        platform.stop_service(f"se-7-{part}")
    last = wait_until("it answers from memory", call)
    for worker in (1, 2):
        platform.kill_for_good(f"se-7-worker-{worker}")
    for part in parts:
        platform.start_service(f"se-7-{part}")
    refused = platform.cli(*destroy, check=False, timeout_s=120)
    expect_equal(refused.returncode, 1, "destroying it")
    expect(re.search(r"[1-9]\d* records of se-7 are not in Postgres .*cells/se-7/workers/worker-\d/spool",
                     refused.stderr), refused.stderr)
    workers = platform.home / "cells/se-7/workers"
    workers.rename(workers.with_name("away"))
    refused = platform.cli(*destroy, check=False)
    expect(refused.returncode == 1 and "cells/se-7/workers is not there" in refused.stderr, refused.stderr)
    workers.with_name("away").rename(workers)
    for worker in (1, 2):
        platform.start_service(f"se-7-worker-{worker}")
    platform.cli(*destroy, timeout_s=120)
    dumps = list(platform.home.glob("backups/se-7-made-*-final.dump"))
    expect_equal(len(dumps), 1, "final dumps")
    text = platform.as_owner(["/usr/lib/postgresql/15/bin/pg_restore", "--data-only", "-f", "-", dumps[0]]).stdout
    expect(last in text, "the last call is not in the final dump")


if LONG:
    test(what_is_drained_is_known_without_the_registry)
    test(records_on_disk_keep_a_cell_from_being_destroyed)


if __name__ == "__main__":
    main(Platform)
