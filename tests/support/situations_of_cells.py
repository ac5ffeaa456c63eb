"""Situations in which a cell is in trouble: failover, full disk, restore."""
import contextlib
import os
import shutil
import time

from support import alerting, priority
from support.carrier import event
from support.scenario import expect, expect_equal
from support.situations import TENANT, expect_terms_raised, expect_whole, situation, terms
from support.wait import wait_until

# --- failover ---


@situation("failover", "First minute")
def the_primary_is_lost(scene):
    scene.kept["lease"] = keep_lease(scene)
    lost = scene.primary()
    scene.platform.stop_service(lost)
    yield
    expect(scene.primary() != lost, f"{lost} is still the primary")
    scene.cell_answers()
    scene.writes()


@situation("failover", "Degraded durability")
def the_lost_node_stays_away(scene):
    expect(not scene.is_replicated(), "the node that was lost is back")
    scene.alert("CellDurabilityDegraded")
    yield
    scene.no_alert("CellDurabilityDegraded", "CellPrimaryAway")
    scene.is_whole()


@situation("failover", "The primary is ill but not dead")
def the_primary_is_to_be_moved(scene):
    before = scene.primary()
    yield
    expect(scene.primary() != before, f"{before} is still the primary")
    scene.is_whole()


@situation("failover", "The primary is dead and nothing happened")
def primary_and_monitor_are_lost(scene):
    scene.platform.stop_service("se-1-monitor")
    scene.platform.stop_service(scene.primary())
    scene.alert("CellPrimaryAway")
    scene.cell_answers()
    yield
    scene.no_alert("CellPrimaryAway")
    scene.is_whole()


@situation("failover", "A program is down")
def programs_are_frozen(scene):
    names = ("edge-1", "worker-1")
    before = [scene.platform.pid(name) for name in names]
    for name in names:
        scene.platform.freeze(name)
    yield
    for name, pid in zip(names, before):
        expect(scene.platform.pid(name) != pid, f"{name} was not ended")
    scene.cell_answers()


@situation("failover", "Calls are late and Postgres is well")
def a_worker_does_not_come_first(scene):
    if not priority.may_be_raised():
        raise AssertionError("this page needs root with CAP_SYS_NICE")
    os.setpriority(os.PRIO_PROCESS, scene.platform.pid("worker-2"), 0)
    wait_until("it is seen", lambda: scene.told("calls_behind", "home") == 1, 30)
    yield
    priority.check(scene.platform)
    wait_until("it is seen", lambda: scene.told("calls_behind", "home") == 0, 30)


@situation("failover", "The primary hangs")
def the_primary_hangs(scene):
    before, held = scene.primary(), terms(scene)
    scene.freeze_tree(before)
    yield
    expect(scene.primary() != before, f"{before} is still the primary")
    expect_terms_raised(scene, held)
    scene.is_whole()


@situation("failover", "Redis")
def redis_is_stopped(scene):
    scene.platform.stop_service("redis")
    scene.alert("CellRedisAway")
    scene.cell_answers()
    yield
    scene.no_alert("CellRedisAway")
    expect_equal(scene.platform.redis("PING"), "PONG", "Redis")


def keep_lease(scene):
    folder = scene.platform.home / "cells/se-1/etc"
    return {name: (folder / name).read_bytes() for name in ("lease", "lease.sig")}


@situation("failover", "A worker with an old term")
def an_old_lease_is_put_back(scene):
    folder = scene.platform.home / "cells/se-1/etc"
    in_force, primary = terms(scene)[0], scene.primary()
    for name, content in scene.kept["lease"].items():
        (folder / name).write_bytes(content)
    for number in (1, 2):
        scene.platform.sv("restart", f"worker-{number}")
    before = alerting.Look(scene.platform)
    scene.alert("CellFencedWrites", since=before)
    scene.cell_answers()
    yield
    expect_equal(terms(scene), (in_force, in_force), "the term of the primary and of the lease")
    expect_equal(scene.primary(), primary, "the primary")
    scene.no_alert("CellFencedWrites", since=alerting.Look(scene.platform))
    scene.is_whole()


situation("failover", "How to see that it worked")(expect_whole)


@situation("failover", "Afterwards")
def a_backup_is_due(scene):
    before = len(scene.platform.cli_json("cell", "backups", "se-1"))
    yield
    wait_until("the backup is listed", lambda: len(scene.platform.cli_json("cell", "backups", "se-1")) > before)


# --- full disk ---


@situation("full-disk", "First minute")
def the_disk_of_the_home_is_full(scene):
    """A copy of the past was forgotten, and the nodes that a restore set aside were kept."""
    platform = scene.platform
    platform.cli("cell", "backup", "se-1")
    platform.cli("cell", "restore", "se-1", "--to", "latest", "--as", "look")
    aside = platform.home / "cells/se-1/pg.before-restore"
    aside.mkdir(exist_ok=True)
    platform.give_to_owner(aside)
    before = alerting.Look(platform)
    scene.afterwards.callback(shutil.rmtree, aside, ignore_errors=True)
    fill(aside / "base")
    scene.alert("CellRecordsInMemory", since=before, within_s=60)
    scene.alert("DiskFull", within_s=120)
    scene.kept["before"] = before
    yield


@situation("full-disk", "Make space")
def two_things_may_go(scene):
    yield
    scene.no_alert("DiskFull", "DiskFilling", within_s=120)
    expect(not (scene.platform.home / "cells/se-1/scratch/look").exists(), "the copy is still there")
    scene.cell_answers()


@situation("full-disk", "A worker's spool", "The edge", "The repository")
def space_is_back(scene):
    now = alerting.Look(scene.platform)
    yield
    scene.no_alert("CellRecordsInMemory", "CellRecordsRefused", "EdgeJournalLost", since=now)
    scene.no_alert("CellSpoolOld", "EdgeJournalOld")
    scene.platform.wait_until_recorded()


situation("full-disk", "How to see that it worked")(expect_whole)


@situation("full-disk", "Afterwards")
@situation("restore", "Afterwards")
def the_backup_is_proven(scene):
    scene.fact("restore_drill_ok", 0)
    yield
    expect_equal(scene.told("restore_drill_ok"), 1, "restore_drill_ok")
    scene.no_alert("ArchiveFailing", "RestoreDrillFailed", within_s=120)


def fill(path):
    """Until not one byte more goes in."""
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        for chunk in (b"\0" * 65536, b"\0"):
            with contextlib.suppress(OSError):
                while True:
                    file.write(chunk)


# --- restore ---

MOMENT = "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
LOST = "+46709990003"


@situation("restore", "First minute")
def there_are_backups(scene):
    scene.platform.cli("cell", "backup", "se-1")
    yield


def exists(scene, number):
    return scene.platform.psql(f"select count(*) from directory.numbers where number = '{number}'") == [["1"]]


def asked(scene, number):
    """Who answers a call to it, and what."""
    reply = scene.platform.carrier().send(event(to=number, sender="+46701112233"), TENANT)
    return reply.source, reply.json()["actions"]


@situation("restore", "A mistake in the data")
def a_number_is_deleted_by_mistake(scene):
    scene.platform.cli("number", "create", LOST, "--tenant", TENANT, "--kind", "mobile")
    before = asked(scene, LOST)
    moment = scene.platform.psql(MOMENT)[0][0]
    scene.platform.cli("number", "delete", LOST)
    expect(asked(scene, LOST)[1] != before[1], "a deleted number is answered as before")
    yield {"MOMENT": moment, "NUMBER": LOST, "TENANT": TENANT}
    expect(exists(scene, LOST), f"{LOST} is not back")
    wait_until("it is answered as before", lambda: asked(scene, LOST)[1] == before[1])
    expect(not (scene.platform.home / "cells/se-1/scratch/look").exists(), "the copy is still there")


@situation("restore", "Both nodes are lost")
def both_data_folders_are_destroyed(scene):
    scene.platform.psql("select pg_switch_wal()")
    wait_until("the archive has all", lambda: scene.platform.psql(
        "select last_archived_time > now() - interval '10 s' from pg_stat_archiver") == [["t"]])
    scene.platform.stop_postgres()
    for node in ("node1", "node2"):
        shutil.rmtree(scene.platform.home / f"cells/se-1/pg/{node}/data/base")
    scene.cell_answers()
    yield
    expect(exists(scene, LOST), f"{LOST} is not in the restored cell")
    scene.is_whole()
    scene.no_alert("CellPrimaryAway")


GONE, DESTROYED = "gone", "+46709990004"


@situation("restore", "A cell was destroyed")
def a_cell_is_destroyed_with_its_tenant(scene):
    platform = scene.platform
    platform.cli("cell", "create", "se", "--cell", "se-2", timeout_s=120)
    platform.cli("tenant", "create", GONE, "--cell", "se-2")
    platform.cli("number", "create", DESTROYED, "--tenant", GONE, "--kind", "mobile")
    platform.cli("cell", "destroy", "se-2", "--confirm", "se-2", "--with-tenants", timeout_s=120)
    expect(not exists(scene, DESTROYED), f"{DESTROYED} is in se-1")
    yield {"DUMP": next((platform.home / "backups").glob("se-2-*-final.dump")), "NUMBER": DESTROYED, "TENANT": GONE}
    expect(exists(scene, DESTROYED), f"{DESTROYED} is not in se-1")
    wait_until("it is answered by se-1", lambda: platform.carrier().send(
        event(to=DESTROYED, sender="+46701112233"), GONE).source not in ("edge", None))
    expect(not (platform.home / "cells/se-1/scratch/gone").exists(), "the scratch is still there")


@situation("restore", "The backup is old")
def no_backup_for_four_days(scene):
    scene.platform.stop_service("backups")
    scene.fact("backup_finished_at", time.time() - 4 * 86400)
    scene.alert("BackupOld")
    scene.alert("BackupVeryOld")
    yield
    scene.no_alert("BackupOld", "BackupVeryOld")
    expect(scene.platform.pid("backups"), "the service that takes backups is not up")


@situation("restore", "The drill failed")
def the_drill_said_no(scene):
    scene.fact("restore_drill_ok", 0)
    scene.fact("restore_drill_finished_at", time.time() - 11 * 86400)
    scene.alert("RestoreDrillFailed")
    scene.alert("RestoreDrillOld")
    yield
    scene.no_alert("RestoreDrillFailed", "RestoreDrillOld")


def end_segment(scene):
    """Its name."""
    scene.platform.psql("select pg_current_xact_id()")
    return scene.platform.psql("select pg_walfile_name(pg_switch_wal())")[0][0]


@situation("restore", "The archive has a gap")
def a_segment_was_given_up(scene):
    """Postgres was told that it is kept, and it is not; segments after it are."""
    walk = scene.platform.home / "backups/se-1/archive"
    lost = end_segment(scene)
    lost_file = wait_until(f"{lost} is archived", lambda: next(walk.rglob(f"{lost}-*"), None))
    lost_file.unlink()
    later = end_segment(scene)
    wait_until(f"{later} is archived", lambda: next(walk.rglob(f"{later}-*"), None))
    wait_until("ArchiveGap is true", lambda: (scene.platform.cli("backups", "round"),
                                              alerting.is_true(scene.platform, "ArchiveGap"))[1], 60, 2)
    yield
    scene.no_alert("ArchiveGap", within_s=120)


@situation("restore", "The registry")
def the_registrys_drill_is_old(scene):
    scene.platform.cli("registry", "restore-drill")
    scene.fact("restore_drill_finished_at", time.time() - 11 * 86400, "registry")
    scene.alert("RestoreDrillOld")
    yield
    scene.no_alert("RestoreDrillOld", "RestoreDrillFailed")


situation("restore", "How to see that it worked")(expect_whole)
