#!/usr/bin/python3
"""Every page of docs/runbooks/ is lived through: the platform is broken as the page says, the page's commands are given
as they are typed, and what they promise is looked at from outside, under calls of which none stays unanswered.

In the gate: the pages of IN_GATE, on the shared platform. --long: all, on a platform, network and mounts of its own.
"""
import os
import subprocess
import time

import support.situations_of_pages  # noqa: F401  they register themselves
from support import network, runbook
from support.platform import Platform
from support.scenario import LONG, expect_equal, main, note, stopped_cleanly, test
from support.situations import Scene, situations
from support.two_sites import TwoSites

IN_GATE = ("certificates",)  # 20 s; the others take from half a minute to two minutes
DISK_MB = 5000  # doctor wants two thousand free
TWO_SITES = ("evacuation",)  # pages of which each has a platform with a standby site


@test
def every_section_has_a_situation(_platform):
    wanted = {(page, section) for page in runbook.names()
              for section in runbook.read(page).sections_with_commands()}
    expect_equal(sorted(wanted - set(situations)), [], "sections without a situation")
    expect_equal(sorted(set(situations) - wanted), [], "situations without a section")


def live_through(platform, name):
    page, ran = runbook.read(name), []
    begun = time.monotonic()
    with Scene(platform, name) as scene:
        for section in page.sections_with_commands():
            with situations[name, section](scene) as variables:
                for command in page.commands_of(section):
                    runbook.run(platform, command, variables or {})
                    ran.append(command)
        scene.is_whole()
        calls, edge, slowest = scene.check_calls()
    expect_equal([command.line for command in ran], [command.line for command in page.commands], "commands run")
    note(f"{name}: {len(ran)} commands, {calls} calls answered ({edge} by the edge, slowest {slowest} ms), "
         f"{time.monotonic() - begun:.0f} s")


def page_test(name):
    def on_shared(platform):
        try:
            live_through(platform, name)
        finally:
            platform.heal()

    def on_two_sites(_platform):
        with TwoSites() as platform:
            live_through(platform, name)
        stopped_cleanly(platform)

    run = on_two_sites if name in TWO_SITES else on_shared
    run.__name__ = name.replace("-", "_")
    return test(run)


for _name in runbook.names() if LONG else IN_GATE:
    if not os.environ.get("CALLCELL_TEST_PAGES") or _name in os.environ["CALLCELL_TEST_PAGES"].split(","):
        page_test(_name)


class OnSmallDisk(Platform):
    """A platform of our own whose home is a disk that can be filled."""

    def __init__(self):
        os.environ.pop("CALLCELL_TEST_PLATFORM", None)
        super().__init__()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "tmpfs", str(self.home)], check=True)

    def close(self):
        super().close()
        subprocess.run(["umount", "-l", str(self.home)], check=True)
        self.home.rmdir()


if LONG:
    network.enter_own(__file__)
main(OnSmallDisk if LONG else Platform)
