#!/usr/bin/python3
"""Backups, copies of the past and restore drills of a cell that serves.

--long also kills backups, fills the repository's disk, and drills after a failover.
"""
import os
import shutil
import signal
import subprocess
import threading
import time

from support import recipes
from support.platform import CliError, Platform
from support.recipes import registry
from support.scenario import LONG, expect, expect_equal, long_test, main, note, test
from support.wait import wait_until


class Writer:
    """Writes to the cell's directory, as fast as one client can, for as long as it lives."""

    def __init__(self, platform, first):
        self.platform, self.first, self.done, self.stopping = platform, first, 0, False
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        wait_until("the first write", lambda: self.done > 0)
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()

    def run(self):
        while not self.stopping:
            self.platform.cli("number", "create", f"+4670{self.first + self.done % 50:07d}", "--tenant", "acme",
                              "--kind", "mobile", "--forward-always", f"+4671{self.done:07d}")
            self.done += 1


def facts(platform):
    return {name: float(value) for name, value in registry(platform, "SELECT name, value FROM facts "
                                                                     "WHERE subject = 'se-1'")}


def drill(platform, *words):
    return platform.cli_json("cell", "restore-drill", "se-1", *words)


@test
def a_cell_archives_and_can_be_backed_up(platform):
    platform.cli("tenant", "create", "acme", "--country", "se")
    before = platform.cli_json("cell", "backups", "se-1")
    started = time.monotonic()
    taken = platform.cli_json("cell", "backup", "se-1")
    note(f"first backup: {time.monotonic() - started:.1f} s, {taken['repository_bytes']} bytes")
    expect_equal(taken["type"], "incr" if before else "full", "what the first backup is")
    listed = [backup["backup"] for backup in platform.cli_json("cell", "backups", "se-1")]
    expect_equal(listed, [backup["backup"] for backup in before] + [taken["backup"]], "the list")
    expect(abs(facts(platform)["backup_finished_at"] - time.time()) < 60, "its time is told")


@test
def secrets_are_in_no_argument_and_the_repository_is_encrypted(platform):
    cell = platform.home / "cells/se-1/etc"
    passphrase = (cell / "backup.passphrase").read_text().strip()
    for name in ("backup.passphrase", "pgbackrest.ini"):
        expect_equal((cell / name).stat().st_mode & 0o777, 0o600, name)
    expect(passphrase not in platform.psql("show archive_command")[0][0], "the passphrase is in archive_command")
    for path in (platform.home / "backups/se-1").rglob("*"):
        if path.is_file():
            expect(b"backrest" not in path.read_bytes(), f"{path} is not encrypted")


@test
def a_drill_compares_exactly_while_writes_go_on(platform):
    with Writer(platform, 9100000) as writer:
        before = writer.done
        done = drill(platform)
        expect(writer.done > before, "no write while the drill ran")
    expect(done["equal"] and done["compared"] >= 4, f"{done}")
    told = facts(platform)
    expect_equal(told["restore_drill_ok"], 1, "restore_drill_ok")
    expect(told["restore_drill_seconds"] > 0, "restore_drill_seconds")
    expect(not (platform.home / "cells/se-1/scratch/drill").exists(), "the drill's scratch is dropped")
    note(f"drill: restored in {done['restored_ms']} ms, writes held {done['held_us']} us, "
         f"exposed {done['exposed_ms']} ms")


@test
def a_copy_of_a_moment_holds_what_was_there_then(platform):
    """The mistake: a number deleted. The copy of the second before still has it."""
    count = "select count(*) from directory.numbers where number = '+46709200001'"
    platform.cli("number", "create", "+46709200001", "--tenant", "acme", "--kind", "mobile")
    moment = platform.psql("select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    platform.cli("number", "delete", "+46709200001")
    copy = platform.cli_json("cell", "restore", "se-1", "--to", moment[0][0], "--as", "before")
    expect_equal(platform.psql(count, copy["port"]), [["1"]], "in the copy")
    expect_equal(platform.psql(count), [["0"]], "in the cell")
    try:
        platform.psql("delete from directory.numbers", copy["port"])
        raise AssertionError("the copy can be written to")
    except CliError as error:
        expect("read-only" in str(error), str(error))
    platform.cli("cell", "restore", "se-1", "--drop", "before")
    expect(not (platform.home / "cells/se-1/scratch/before").exists(), "dropped")


def damage(folder):
    """A bit in every 4 KiB of the data of all backups; returns what puts it right."""
    before = {path: path.read_bytes() for path in folder.glob("*/*/bundle/*")}
    expect(before, f"no bundles below {folder}")
    for path, data in before.items():
        damaged = bytearray(data)
        for at in range(len(data) // 2 % 4096, len(data), 4096):
            damaged[at] ^= 1
        path.write_bytes(damaged)
    return lambda: [path.write_bytes(data) for path, data in before.items()]


@long_test
def a_drill_of_a_damaged_backup_fails_and_says_so(platform):
    put_right = damage(platform.home / "backups/se-1/backup")
    try:
        done = platform.cli("cell", "restore-drill", "se-1", check=False)
    finally:
        put_right()
    expect(done.returncode == 1 and "backup of se-1: pgBackRest:" in done.stderr, done.stderr)
    expect_equal(facts(platform)["restore_drill_ok"], 0, "restore_drill_ok")
    expect(drill(platform)["equal"], "the drill of the whole backup")
    expect_equal(facts(platform)["restore_drill_ok"], 1, "restore_drill_ok afterwards")


@test
def the_registry_is_backed_up_too(platform):
    wait_until("the backups agent has made its stanza", (
        platform.home / "backups/registry/archive/registry/archive.info").exists, 60)
    taken = platform.cli_json("registry", "backup")
    expect(taken["backup"] in [backup["backup"] for backup in platform.cli_json("registry", "backups")], "listed")
    done = platform.cli_json("registry", "restore-drill")
    expect(done["equal"] and done["compared"] >= 10, f"{done}")
    note(f"registry: {taken['database_bytes']} bytes; drill restored in {done['restored_ms']} ms")


@test
def mistakes_are_told_in_words(platform):
    for words, part in ((["--to", "yesterday", "--as", "x"], "2026-11-21T14:30:00Z"),
                        (["--to", "2999-01-01T00:00:00Z", "--as", "x"], "future"),
                        (["--to", "latest"], "--as SCRATCH"),
                        (["--to", "latest", "--as", "../x"], "a name like"),
                        (["--to", "latest", "--as", "drill"], "restore drill would throw it away")):
        done = platform.cli("cell", "restore", "se-1", *words, check=False)
        expect_equal(done.returncode, 2, f"{words}")
        expect(part in done.stderr, done.stderr)
    for words, part in ((["registry", "restore", "--to", "latest"], "--confirm registry"),
                        (["cell", "restore", "registry", "--in-place", "--to", "latest", "--confirm", "registry"],
                         "callcell registry restore")):
        done = platform.cli(*words, check=False)
        expect(done.returncode == 2 and part in done.stderr, f"{words}: {done.stderr}")
    for words in (["cell", "restore", "se-1", "--in-place", "--confirm", "se-1"],
                  ["registry", "restore", "--confirm", "registry"]):
        done = platform.cli(*words, "--to", "2001-01-01T00:00:00Z", check=False)
        expect(done.returncode == 1 and "the oldest backup of" in done.stderr, f"{words}: {done.stderr}")
    begun = [each["command"] for each in platform.cli_json("status")["unfinished"] if "restore" in each["command"]]
    expect_equal(begun, [], "restores that were refused and yet begun")
    expect(platform.psql("select 1") == [["1"]], "a restore to before all backups touches nothing")
    elsewhere = platform.home / "elsewhere/scratch/x"
    elsewhere.mkdir(parents=True)
    platform.give_to_owner(elsewhere.parent.parent, elsewhere.parent, elsewhere)
    done = platform.cli("cell", "restore", "../elsewhere", "--drop", "x", check=False)
    expect(done.returncode == 2 and 'no cell "../elsewhere"' in done.stderr, done.stderr)
    expect(elsewhere.exists(), "a folder that is no cell's was removed")
    shutil.rmtree(elsewhere.parent.parent)
    done = platform.cli("cell", "backup", "se-9", check=False)
    expect(done.returncode == 2 and 'no cell that is ready "se-9"' in done.stderr, done.stderr)


def kill_a_backup(platform):
    """kill -9 of pgBackRest and of the command, in the middle of a full backup."""
    command = platform.owner_command([platform.home / "bin/callcell", "cell", "backup", "se-1", "--full"])
    process = subprocess.Popen([str(part) for part in command], env=platform.environment, cwd="/",
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def workers():
        found = subprocess.run(["pgrep", "-f", f"pgbackrest.*{platform.home}/.*backup"], text=True,
                               capture_output=True, check=False)
        return [int(pid) for pid in found.stdout.split()]

    wait_until("pgBackRest is at work", workers)
    for pid in workers():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.kill()
    process.wait()


def backup_killed_and_given_again(platform):
    before = len(platform.cli_json("cell", "backups", "se-1"))
    kill_a_backup(platform)
    expect_equal(len(platform.cli_json("cell", "backups", "se-1")), before, "backups after the kill")
    platform.cli("cell", "backup", "se-1", "--full")
    expect(drill(platform)["equal"], "the drill after it")


def archive_after_failovers(platform):
    """By command, and because the primary's node is gone: each a new timeline."""
    old = platform.primary_port()
    platform.cli("cell", "failover", "se-1", timeout_s=90)
    expect(platform.primary_port() != old, "cell failover moved nothing")
    expect(drill(platform)["equal"], "the drill after cell failover")
    wait_until("commits wait for the replica again", lambda: platform.cli_json(
        "status")["cells"][0]["primary"]["synchronous"], 60)
    old = platform.primary_port()
    platform.stop_service("node1" if old == platform.port(20131) else "node2")
    wait_until("the other node is the primary", lambda: platform.primary_port() != old, 60)
    try:
        wait_until("a write on the new primary", lambda: platform.cli(
            "number", "create", "+46709200002", "--tenant", "acme", "--kind", "mobile").returncode == 0, 60)
        expect(drill(platform)["equal"], "the drill on the new timeline")
        platform.cli("cell", "backup", "se-1")
    finally:
        platform.heal()


def full_repository(platform):
    """A disk of its own, too small, in the repository's place: backups and the archive fail and say so."""
    repository = platform.home / "backups/se-1"
    owner = repository.stat()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=1m,uid={owner.st_uid},gid={owner.st_gid},mode=700", "tmpfs",
                    str(repository)], check=True)
    try:
        done = platform.cli("cell", "backup", "se-1", check=False)
        expect(done.returncode == 1 and ("space" in done.stderr or "pgBackRest" in done.stderr), done.stderr)
        platform.psql("select pg_switch_wal()")
        platform.psql("create table public.filler as select g, md5(g::text) from generate_series(1, 100000) g")
        platform.psql("select pg_switch_wal()")
        wait_until("the archiver's failure is told", lambda: (
            platform.cli("backups", "round"), facts(platform)["archive_failing"] == 1)[1], 90, 2)
    finally:
        subprocess.run(["umount", str(repository)], check=True)
    platform.psql("drop table public.filler")
    wait_until("the archive goes on by itself", lambda: (
        platform.cli("backups", "round"), facts(platform)["archive_failing"] == 0)[1], 120, 2)
    platform.cli("cell", "backup", "se-1")
    expect(drill(platform)["equal"], "the drill once there is space again")


def restore_in_place(platform, moment, *words):
    return platform.cli("cell", "restore", "se-1", "--in-place", "--to", moment, "--confirm", "se-1", *words,
                        timeout_s=180)


def a_cell_restored_in_its_own_place(platform):
    """Both data folders are destroyed; later, a mistake is undone as a whole. Calls go on meanwhile.

    The first try has the wrong moment and is killed once the nodes are set aside: the second must not lose them."""
    platform.cli("number", "create", "+46709200005", "--tenant", "acme", "--kind", "mobile", "--forward-always",
                 "+46711111111")
    platform.cli("cell", "backup", "se-1")
    moment = platform.psql("select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    platform.cli("number", "delete", "+46709200005")
    wait_until("the archive has the deletion", lambda: platform.psql(
        "select pg_switch_wal(), last_archived_time > now() - interval '10 s' from pg_stat_archiver")[0][1] == "t")
    platform.stop_postgres()
    for node in ("node1", "node2"):
        subprocess.run(["rm", "-rf", str(platform.home / f"cells/se-1/pg/{node}/data/base")], check=True)
        (platform.home / f"cells/se-1/pg/{node}/data/the-old-one").touch()
    killed = platform.run(["env", "CALLCELL_KILL_AT=cell_restore_in_place:copied:record",
                           platform.home / "bin/callcell", "cell", "restore", "se-1", "--in-place", "--to", "latest",
                           "--confirm", "se-1"], 180, check=False)
    expect_equal(killed.returncode, -signal.SIGKILL, killed.stderr)
    started = time.monotonic()
    restore_in_place(platform, moment[0][0])
    note(f"restored in place: {time.monotonic() - started:.1f} s")
    kept = platform.home / "cells/se-1/pg.before-restore"
    expect_equal(sorted(path.parent.name for path in kept.rglob("the-old-one")), ["node1", "node2"],
                 "old nodes that are kept")
    expect(not kept.with_name(kept.name + ".unfinished").exists(), "nothing is unfinished")
    count = "select count(*) from directory.numbers where number = '+46709200005'"
    expect_equal(platform.psql(count), [["1"]], "the number that was deleted by mistake")
    platform.cli("number", "create", "+46709200006", "--tenant", "acme", "--kind", "mobile")
    expect(drill(platform)["equal"], "the drill on the new timeline")
    restored_to_the_same_moment_again(platform, moment[0][0])


def restored_to_the_same_moment_again(platform, moment):
    """Workers have answered from something newer, and answer as it was then."""
    def target():
        return str(recipes.answer(platform, "+46709200005")[1])

    wait_until("the restored answer", lambda: "+46711111111" in target())
    platform.cli("number", "create", "+46709200005", "--tenant", "acme", "--kind", "mobile", "--forward-always",
                 "+46722222222")
    wait_until("the changed answer", lambda: "+46722222222" in target())
    restore_in_place(platform, moment, "--output", "json")
    wait_until("the answer of then", lambda: "+46711111111" in target())
    platform.cli("number", "delete", "+46709200005")


if LONG:
    test(a_cell_restored_in_its_own_place)
    test(backup_killed_and_given_again)
    test(archive_after_failovers)
    if os.geteuid() == 0:
        test(full_repository)


if __name__ == "__main__":
    main(Platform)
