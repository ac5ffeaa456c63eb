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
from support.scenario import LONG, expect, expect_equal, main, note, test
from support.situations import Scene, situations

IN_GATE = ("certificates",)  # 20 s; the others take from half a minute to two minutes
DISK_MB = 2000
# Pages whose commands are not there yet: they fail when all are run.
WAITING = {"evacuation": "no `cell evacuate` yet"}


@test
def every_section_has_a_situation(_platform):
    wanted = {(page, section) for page in runbook.names() if page not in WAITING
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
    def run(platform):
        expect(name not in WAITING, f"{name} is not lived through: {WAITING.get(name)}")
        try:
            live_through(platform, name)
        finally:
            platform.heal()
    run.__name__ = name.replace("-", "_")
    return test(run)


for _name in runbook.names() if LONG else IN_GATE:
    if not os.environ.get("CALLCELL_TEST_PAGES") or _name in os.environ["CALLCELL_TEST_PAGES"].split(","):
        page_test(_name)


def own_platform():
    """On a small disk of its own, which can be filled; its mount ends with this process."""
    os.environ.pop("CALLCELL_TEST_PLATFORM", None)
    platform = Platform()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "tmpfs", str(platform.home)], check=True)
    return platform


if LONG:
    network.enter_own(__file__)
main(own_platform if LONG else Platform)
