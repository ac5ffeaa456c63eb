"""The old primary, cut off but alive and with a client of its own, acknowledges nothing after the promotion.

--long only: it needs links to cut. The keeper of the old primary is frozen too, so that nobody tells the old
primary to stop: what stops it is that its commits wait for a replica that no longer follows it.
"""
import subprocess
import time

from support import faults, links, network
from support.meanwhile import Meanwhile
from support.platform import Platform
from support.scenario import expect, expect_equal, main, note, test
from support.wait import wait_for_seconds, wait_until

AFTER_PROMOTION_S = 10


class Client(Meanwhile):
    """Inserts 1, 2, 3 … on one node over its socket, whatever that node is; a commit with a warning is none."""

    def __init__(self, platform, port):
        folder = platform.home / "cells/se-1/pg/sock"
        self.base = platform.owner_command(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", folder, "-p",
                                            str(port), "-d", "cell", "-c"])
        self.acknowledged = {}
        self.tried = []
        super().__init__()

    def work(self):
        number = 0
        while not self.over.is_set():
            number += 1
            self.tried.append((number, time.monotonic()))
            try:
                result = subprocess.run([*self.base, f"insert into public.split_brain values ({number})"],
                                        capture_output=True, text=True, timeout=2, check=False)
            except subprocess.TimeoutExpired:
                continue
            if result.returncode == 0 and "WARNING" not in result.stderr:
                self.acknowledged[number] = time.monotonic()

    def acknowledged_since(self, moment):
        return sorted(number for number, at in self.acknowledged.items() if at > moment)

    def tries_since(self, moment):
        return [number for number, at in self.tried if at > moment]


@test
def an_old_primary_acknowledges_nothing(platform):
    links.prepare()
    platform.psql("create table public.split_brain (number int primary key)")
    old = faults.primary_node(platform)
    old_port, new_port = platform.port(20130 + old), platform.port(20133 - old)
    part = faults.Part(platform, "old primary", [f"node{old}"])
    with Client(platform, old_port) as client:
        wait_until("ten rows", lambda: len(client.acknowledged) >= 10)
        keepers = faults.keepers_of(platform, old)
        expect(keepers, "no keeper was found")
        part.signal(19, keepers)
        part.cut()
        try:
            wait_until("the other node is primary",
                       lambda: platform.psql("select pg_is_in_recovery()", new_port) == [["f"]], 30)
            promoted = time.monotonic()
            wait_until("the new primary takes writes",
                       lambda: platform.psql("insert into public.split_brain values (-1)", new_port) == [], 30)
            wait_for_seconds(AFTER_PROMOTION_S)
            expect_equal(platform.psql("select pg_is_in_recovery()", old_port), [["f"]],
                         "the old primary believes that it is none (alive, cut off)")
            expect(client.tries_since(promoted), "its client tried nothing after the promotion")
            expect_equal(client.acknowledged_since(promoted), [], "acknowledged by the old primary")
        finally:
            part.mend()
            part.signal(18, keepers)
    note(f"{len(client.acknowledged)} rows acknowledged before, {len(client.tries_since(promoted))} tries after")
    # Until then it passes for the primary, with the replica that it last had.
    wait_until("the old primary follows the new one",
               lambda: platform.psql("select pg_is_in_recovery()", old_port) == [["t"]], 60)
    faults.wait_until_whole(platform)
    held = {int(row[0]) for row in platform.psql("select number from public.split_brain")}
    expect(set(client.acknowledged) <= held, f"acknowledged and lost: {set(client.acknowledged) - held}")


@test
def the_old_primary_is_rebuilt_without_hands(platform):
    def states():
        return platform.psql("select reportedstate from pgautofailover.node order by 1", platform.port(20130),
                             "pg_auto_failover")
    wait_until("a primary and its secondary", lambda: states() == [["primary"], ["secondary"]], 30)


network.enter_own(__file__)
main(Platform)
