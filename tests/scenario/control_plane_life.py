"""The control plane dies in parts and goes on: another serve leads, the registry's replica takes over, and a
registry that was restored from an old backup publishes nothing that would be refused."""
import json
import shutil
import time

from support.platform import Platform
from support.recipes import registry
from support.scenario import LONG, expect, expect_equal, main, note, test
from support.wait import wait_until

TENANT, FIRST, SECOND = "lives", "+46709000001", "+46709000002"
TELEMETRY = {"serve-1": 7301, "serve-2": 7303}
OLD = "create table old_{0} as table {0}"
RESTORE = ("delete from {0}; insert into {0} select * from old_{0}; drop table old_{0}")
KEPT = ("publications", "publication_index", "numbers", "tenants")


def leaders(platform):
    """Who leads; a serve that does not answer does not."""
    found = []
    for name, port in TELEMETRY.items():
        try:
            if platform.telemetry(platform.port(port)).get("callcell_control_leader") == 1:
                found.append(name)
        except OSError:
            continue
    return found


def findings(platform):
    said = platform.cli("doctor", "--output", "json", check=False)
    return [item for item in json.loads(said.stdout) if item["verdict"] == "finding"]


def replicated(platform):
    return registry(platform, "select count(*) from pg_stat_replication where sync_state in ('sync', 'quorum')"
                    ) == [["1"]]


@test
def one_leads_and_the_doctor_finds_nothing(platform):
    wait_until("one serve leads", lambda: len(leaders(platform)) == 1)
    wait_until("the registry has a replica", lambda: replicated(platform), 60)
    status = platform.cli_json("status")
    expect_equal((status["registry"], status["serve"]), ("up", "ready"), "control plane")
    expect_equal(sum(serve["leads"] for serve in status["serves"]), 1, "leaders in status")
    cell = status["cells"][0]
    expect(cell["primary"]["synchronous"] and cell["primary"]["timeline"] >= 1, cell["primary"])
    expect_equal([item for item in findings(platform) if item["check"] not in ("disk", "limits")], [], "findings")


@test
def another_leads_when_the_leader_is_gone(platform):
    leader = wait_until("one serve leads", lambda: leaders(platform))[0]
    begun = time.monotonic()
    platform.stop_service(leader)
    wait_until("the other leads", lambda: leaders(platform) and leaders(platform) != [leader], 5)
    note(f"lead taken over {time.monotonic() - begun:.2f} s after the stop began")
    said = platform.cli("doctor", check=False)
    expect(said.returncode == 1 and leader in said.stdout, said.stdout)
    platform.start_service(leader)
    wait_until("it answers again", lambda: platform.get(TELEMETRY[leader], "/readyz").status == 200)


@test
def a_frozen_leader_is_replaced(platform):
    if not LONG:
        return
    leader = wait_until("one serve leads", lambda: leaders(platform))[0]
    begun = time.monotonic()
    platform.freeze(leader)
    wait_until("the other leads", lambda: leaders(platform) not in ([], [leader]), 20)
    note(f"lead of a frozen serve taken over after {time.monotonic() - begun:.2f} s")
    begun = time.monotonic()
    expect("no answer" in platform.cli("status").stdout, "status does not say so")
    note(f"status with a frozen serve: {time.monotonic() - begun:.2f} s")
    platform.thaw(leader)
    wait_until("only one leads", lambda: len(leaders(platform)) == 1)


@test
def the_registry_fails_over_and_commands_work_again(platform):
    platform.cli("tenant", "create", TENANT, "--country", "se")
    port = registry(platform, "select current_setting('port')")[0][0]
    node = "registry-node1" if int(port) == platform.port(7305) else "registry-node2"
    platform.stop_service(node)
    begun = time.monotonic()
    platform.cli("number", "create", FIRST, "--tenant", TENANT, "--kind", "mobile")
    took = time.monotonic() - begun
    note(f"a number was made {took:.1f} s after the registry's primary had stopped")
    expect(took <= 20, f"{took:.1f} s")
    platform.start_service(node)
    wait_until("the registry has a replica again", lambda: replicated(platform), 60)
    wait_until("one serve leads", lambda: len(leaders(platform)) == 1)


@test
def a_registry_from_an_old_backup_refuses_and_says_how_to_go_on(platform):
    for table in KEPT:
        registry(platform, OLD.format(table))
    platform.cli("number", "create", SECOND, "--tenant", TENANT, "--kind", "mobile")
    held = platform.newest_publication("numbers").name
    registry(platform, "set session_replication_role = replica; "
             + "; ".join(RESTORE.format(table) for table in KEPT))
    refused = platform.cli("number", "create", "+46709000003", "--tenant", TENANT, "--kind", "mobile",
                           check=False)
    expect(refused.returncode == 1 and "registry reconcile" in refused.stderr, refused.stderr)
    expect("1 only held" in platform.cli("registry", "reconcile", "--country", "se").stdout, "not shown")
    expect("publications" in [item["check"] for item in findings(platform)], "doctor does not say so")
    platform.cli("registry", "reconcile", "--country", "se", "--keep", "held")
    platform.cli("number", "create", "+46709000003", "--tenant", TENANT, "--kind", "mobile")
    wait_until("the next epoch is taken", lambda: platform.newest_publication("numbers").name > held)
    listed = {item["number"] for item in platform.cli_json("number", "list", "--tenant", TENANT)}
    expect_equal(listed, {FIRST, SECOND, "+46709000003"}, "numbers")


def epochs(platform, kind):
    """{edge or worker: the epoch it holds}."""
    return {reporter: int(epoch) for reporter, epoch in registry(
        platform, f"SELECT reporter, epoch FROM reports WHERE country = 'se' AND kind = '{kind}'")}


def moment_after_a_backup(platform):
    """By the registry's clock. A backup serves for moments from the second after its end."""
    platform.cli("registry", "backup")
    ended = time.time()
    wait_until("a second after the backup", lambda: time.time() > ended + 1)
    return registry(platform, "select to_char(clock_timestamp() at time zone 'UTC', "
                              "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")[0][0]


def make_archived(platform):
    segment = registry(platform, "select pg_walfile_name(pg_switch_wal()) from (select pg_current_xact_id()) x")[0][0]
    wait_until("the registry's WAL is archived", lambda: registry(
        platform, f"select last_archived_wal >= '{segment}' from pg_stat_archiver") == [["t"]], 60)


def lose_the_registry(platform):
    """Both nodes, their files with them."""
    for part in ("registry-monitor", "registry-node1", "registry-node2"):
        platform.stop_service(part)
    for node in ("node1", "node2"):
        shutil.rmtree(platform.home / f"registry/pg/{node}/data/base")


def restore(platform, moment):
    begun = time.monotonic()
    platform.cli("registry", "restore", "--to", moment, "--confirm", "registry", timeout_s=180)
    note(f"registry restored: {time.monotonic() - begun:.1f} s")
    wait_until("one serve leads", lambda: len(leaders(platform)) == 1, 30)


def publish_all(platform, number, carrier, emergency):
    """Something new of every kind."""
    platform.cli("number", "create", number, "--tenant", TENANT, "--kind", "mobile")
    platform.cli("carrier", "create", carrier, "--tenants", TENANT, "--country", "se")
    registry(platform, "insert into sealing_keys (country, key_id, key, active_from) select country, max(key_id) + 1, "
                       f"sha512('{carrier}'), now() from sealing_keys group by country")
    platform.cli("registry", "reconcile", "--country", "se", "--keep", "registry")
    registry(platform, f"update countries set policy = jsonb_set(policy, '{{emergency}}', '{json.dumps(emergency)}') "
                       "where country = 'se'")
    platform.cli("map", "publish", "--country", "se")


KINDS = ("map", "numbers", "carriers", "sealing")


def wait_taken(platform, before):
    """Every edge and worker that holds a kind takes an epoch above the one held before."""
    for kind in KINDS:
        wait_until(f"the next {kind} is taken by all", lambda kind=kind: all(
            epoch > before[kind] for epoch in epochs(platform, kind).values()), 30)


def a_lost_registry_is_restored_to_an_older_moment(platform):
    moment = moment_after_a_backup(platform)
    publish_all(platform, "+46709000011", "newer", ["112", "911"])
    held = {kind: max(epochs(platform, kind).values()) for kind in KINDS}
    wait_until("all hold the newest", lambda: all(set(epochs(platform, kind).values()) == {held[kind]}
                                                  for kind in KINDS), 30)
    make_archived(platform)
    lose_the_registry(platform)
    restore(platform, moment)
    wait_until("edges and workers tell the restored registry what they hold", lambda: all(
        set(epochs(platform, kind).values()) == {held[kind]} for kind in KINDS), 30)
    for words in (("number", "create", "+46709000013", "--tenant", TENANT, "--kind", "mobile"),
                  ("map", "publish", "--country", "se")):
        refused = platform.cli(*words, check=False)
        expect(refused.returncode == 1 and "registry reconcile" in refused.stderr, refused.stderr)
    shown = {row["kind"]: row for row in platform.cli_json("registry", "reconcile", "--country", "se")}
    for kind in KINDS:
        expect(shown[kind]["held_epoch"] > shown[kind]["registry_epoch"], f"{kind}: {shown[kind]}")
    platform.cli("registry", "reconcile", "--country", "se", "--keep", "held")
    expect_equal(platform.map()["policy"]["emergency"], ["112", "911"], "the policy that only the held map knew")
    expect_equal(registry(platform, "select count(*) from sealing_keys"), [["2"]], "sealing keys")
    expect("newer" in platform.cli("carrier", "list").stdout, "the carrier that only edges knew")
    publish_all(platform, "+46709000012", "newest", ["112"])
    wait_taken(platform, held)
    listed = {item["number"] for item in platform.cli_json("number", "list", "--tenant", TENANT)}
    expect({"+46709000011", "+46709000012"} <= listed, f"numbers: {listed}")


def keep_registry_takes_back_what_was_published_after(platform):
    moment = moment_after_a_backup(platform)
    platform.cli("carrier", "create", "mistake", "--tenants", TENANT, "--country", "se")
    held = {kind: max(epochs(platform, kind).values()) for kind in KINDS}
    restore(platform, moment)
    refused = platform.cli("carrier", "create", "other", "--tenants", TENANT, "--country", "se", check=False)
    expect(refused.returncode == 1 and "registry reconcile" in refused.stderr, refused.stderr)
    platform.cli("registry", "reconcile", "--country", "se", "--keep", "registry")
    wait_until("edges take what the registry says", lambda: all(
        epoch > held["carriers"] for epoch in epochs(platform, "carriers").values()), 30)
    expect("mistake" not in platform.cli("carrier", "list").stdout, "the mistake is back")
    platform.cli("carrier", "create", "other", "--tenants", TENANT, "--country", "se")
    wait_until("the registry has a replica", lambda: replicated(platform), 60)


if LONG:
    test(a_lost_registry_is_restored_to_an_older_moment)
    test(keep_registry_takes_back_what_was_published_after)

main(Platform)
