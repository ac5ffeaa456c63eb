"""What answers calls comes before Postgres on its machine, and `doctor` says when it does not."""
import os

from support import priority
from support.platform import Platform
from support.scenario import expect, expect_equal, main, note, test
from support.wait import wait_until


def said(platform):
    found = [line for line in platform.dev("cli", "doctor", check=False).stdout.splitlines() if "priority:" in line]
    expect_equal(len(found), 1, "lines of doctor about priority")
    return found[0]


@test
def what_answers_calls_comes_first(platform):
    priority.check(platform)
    first = platform.pid("worker-1")
    platform.kill("worker-1")
    wait_until("another worker", lambda: platform.pid("worker-1") not in (None, first), 10)
    priority.check(platform)


@test
def doctor_says_when_it_does_not(platform):
    running = sum(priority.answers_calls(service) and bool(platform.pid(service)) for service in platform.services())
    if not priority.may_be_raised():
        note("SKIPPED in part: priorities cannot be raised here")
        expect(f"{running} of {running} programs that answer calls do not come before Postgres" in said(platform),
               said(platform))
        return
    expect("calls come first" in said(platform), said(platform))
    os.setpriority(os.PRIO_PROCESS, platform.pid("worker-2"), 0)
    expect(f"1 of {running} programs" in said(platform), said(platform))
    platform.dev("cli", "up")
    expect("calls come first" in said(platform), said(platform))


main(Platform)
