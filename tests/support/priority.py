"""Which processes the scheduler weighs more than others (docs/adr/0021-calls-come-first.md)."""
import os
import pathlib

from support.scenario import expect_equal

NICE = -5


def may_be_raised():
    """Tried, since in some containers root has the right and is refused all the same."""
    child = os.fork()
    if child == 0:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, NICE)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def comes_first(pid):
    """A process by itself, and its session where the kernel has autogroups."""
    group = pathlib.Path(f"/proc/{pid}/autogroup")
    said = group.read_text().split() if group.exists() else []  # nothing: in none
    return os.getpriority(os.PRIO_PROCESS, pid) == NICE and (not said or said[-1] == str(NICE))


def answers_calls(service):
    return service.startswith("edge-") or "-worker-" in service or service.endswith("-redis")


def check(platform):
    may = may_be_raised()
    for service in platform.services():
        if pid := platform.pid(service):
            expect_equal(comes_first(pid), may and answers_calls(service), f"{service} comes first")
