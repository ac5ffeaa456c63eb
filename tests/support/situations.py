"""What the pages of docs/runbooks/ are for: each situation breaks the platform as a section of a page describes,
lets the section's commands run (its yield, with the variables that the page speaks of), and then holds the platform
against what the page promises.

    @situation("failover", "Redis")
    def redis_is_stopped(scene):
        scene.platform.stop_service("redis")
        yield
        ...
"""
import contextlib
import json
import os
import pathlib
import signal
import tempfile

from support import alerting
from support.dataset import read_log
from support.recipes import registry
from support.scenario import expect, expect_equal
from support.wait import wait_until

RATE = 20
TENANT, NUMBER, FORWARD = "oncall", "+46709990001", "+46733990001"
SYNCHRONOUS = "select count(*) from pg_stat_replication where sync_state in ('sync', 'quorum')"

situations = {}  # (page, section): function


def situation(page, *sections):
    """The sections whose commands this situation is for."""
    def register(function):
        for section in sections:
            assert (page, section) not in situations, f"{page}: {section}: two situations"
            situations[page, section] = contextlib.contextmanager(function)
        return function
    return register


class Scene:
    """One page being lived through: a platform, and calls at a low rate all the time."""

    def __init__(self, platform, page):
        self.platform, self.page = platform, page
        self.folder = tempfile.TemporaryDirectory()
        self.log = pathlib.Path(self.folder.name) / "calls.log"
        self.kept = {}
        self.afterwards = contextlib.ExitStack()  # what must not outlive the page, even when it fails

    def __enter__(self):
        self.platform.cli("tenant", "create", TENANT, "--country", "se")
        self.platform.cli("number", "create", NUMBER, "--tenant", TENANT, "--kind", "mobile", "--forward-always",
                          FORWARD)
        numbers = pathlib.Path(self.folder.name) / "numbers"
        numbers.write_text(json.dumps({"number": NUMBER, "tenant": TENANT, "kind": "mobile"}) + "\n")
        self.load = self.platform.start_bench("load", "--numbers", numbers, "--rate", RATE, "--duration", 3600,
                                              "--log", self.log, "--allow-unanswered")
        wait_until("the first answers", lambda: len(self.lines()) > RATE, 60)
        return self

    def __exit__(self, *_):
        self.afterwards.close()
        self.load.kill()
        self.load.wait()
        self.folder.cleanup()

    def lines(self):
        text = self.log.read_text()
        return text[:text.rfind("\n") + 1].splitlines()

    def check_calls(self):
        """(how many were answered, by the edge, slowest in ms); none may be left unanswered."""
        whole = self.log.with_suffix(".whole")
        whole.write_text("\n".join(self.lines()) + "\n")
        lines = read_log(whole)
        unanswered = [line["event_id"] for line in lines if line["unanswered"]]
        expect(not unanswered, f"{self.page}: {len(unanswered)} of {len(lines)} unanswered: {unanswered[:5]}")
        return (len(lines), sum(line["source"] == "edge" for line in lines),
                max(line["latency_us"] for line in lines) // 1000)

    # --- what is promised ---

    def cell_answers(self):
        """The calls that come from now on are the cell's again, one second of them without a break."""
        def by_the_cell():
            newest = [json.loads(line) for line in self.lines()[-RATE:]]
            return all(line["source"] != "edge" and not line["unanswered"] for line in newest)
        seen = len(self.lines())
        wait_until("a second of calls", lambda: len(self.lines()) >= seen + RATE, 30)
        wait_until("the cell answers", by_the_cell, 60)

    def is_replicated(self):
        return self.platform.psql(SYNCHRONOUS) == [["1"]]

    def is_whole(self):
        """As a healthy cell is, seen from outside."""
        wait_until("the replica is synchronous", self.is_replicated, 60)
        self.cell_answers()
        self.writes()
        self.platform.wait_until_recorded()

    def writes(self):
        """A write is taken and reaches the primary."""
        target = f"+467339{len(self.lines()) % 100000:05d}"
        wait_until("a write is taken", lambda: self.platform.cli(
            "number", "create", NUMBER, "--tenant", TENANT, "--kind", "mobile", "--forward-always", target), 60)
        found = self.platform.psql(f"select document from directory.numbers where number = '{NUMBER}'")
        expect(target in found[0][0], f"{found}")

    def alert(self, name, since=None, within_s=40):
        wait_until(f"{name} is true", lambda: alerting.is_true(self.platform, name, since), within_s, 1)

    def no_alert(self, *names, since=None, within_s=40):
        for name in names:
            wait_until(f"{name} is false", lambda n=name: not alerting.is_true(self.platform, n, since), within_s, 1)

    # --- what is broken ---

    def primary(self):
        return "se-1-node1" if self.platform.primary_port() == self.platform.port(20131) else "se-1-node2"

    def freeze_tree(self, service):
        """A service and all that it started."""
        head, found = self.platform.pid(service), []
        parents = {}
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, IndexError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        waiting = [head]
        while waiting:
            found.append(waiting.pop())
            waiting += [pid for pid, parent in parents.items() if parent == found[-1]]
        for pid in found:
            os.kill(pid, signal.SIGSTOP)

    def fact(self, name, value, subject="se-1"):
        registry(self.platform, f"insert into facts values ('{name}', '{subject}', {value}, now()) "
                                "on conflict (name, subject) do update set value = excluded.value, at = now()")

    def told(self, name, subject="se-1"):
        rows = registry(self.platform, f"select value from facts where name = '{name}' and subject = '{subject}'")
        return float(rows[0][0]) if rows else None


def expect_whole(scene):
    """For sections that only look."""
    yield
    scene.is_whole()


def terms(scene):
    """The fencing term as the primary and as the lease hold it."""
    lease = json.loads((scene.platform.home / "cells/se-1/etc/lease").read_text())["term"]
    return int(scene.platform.psql("select term from fencing.term")[0][0]), lease


def expect_terms_raised(scene, before):
    now = terms(scene)
    expect(now[0] > before[0], f"terms: {before}, then {now}")
    expect_equal(now[0], now[1], "the term of the primary and of the lease")
