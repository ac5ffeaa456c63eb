"""./dev up from nothing, again without change, and ./dev down without a trace."""
import contextlib
import os
import re
import shutil
import signal
import socket

from support import faults, priority
from support.platform import PORTS, Platform, port_is_free
from support.scenario import expect, expect_equal, main, test
from support.wait import wait_until

UP_TIMEOUT_S = 300
_first = []


def answers_of(output):
    """Questions and answers as printed, without how long each took and where the call plan was."""
    return [re.sub(r" from \w+ in [0-9.]+ ms", "", line) for line in output.splitlines()
            if line.startswith(("->", "<-", "   {"))]


def everything_configured(platform):
    """What must not change: files of configuration and keys, processes, the map's epoch, row versions."""
    files = {str(path): path.read_bytes() for folder in ("etc", "cells/se-1/etc", "carriers")
             for path in sorted((platform.home / folder).rglob("*")) if path.is_file()}
    pids = {name: platform.pid(name) for name in platform.services()}
    return {"files": files, "processes": pids, "map": platform.newest_publication("map").name,
            "numbers": platform.newest_publication("numbers").name,
            "versions": platform.psql("select tenant_id, number, row_version from directory.numbers order by 2")}


@test
def up_from_nothing_places_both_calls(platform):
    output = platform.dev("up", timeout_s=UP_TIMEOUT_S).stdout
    answers = answers_of(output)
    _first.extend([answers, everything_configured(platform)])
    text = "\n".join(answers)
    expect("-> call.initiated mobile terminating" in text, f"no mobile call in:\n{output}")
    expect('"gather"' in text and '"connect"' in text, f"no dialogue in:\n{output}")
    expect_equal([line for line in answers if line.startswith("<-") and not line.startswith("<- 200")], [],
                 "answers other than 200")


@test
def up_again_changes_nothing_and_prints_the_same(platform):
    answers, configured = _first
    output = platform.dev("up", timeout_s=UP_TIMEOUT_S).stdout
    expect_equal(answers_of(output), answers, "questions and answers")
    now = everything_configured(platform)
    for what, before in configured.items():
        expect_equal(now[what], before, what)


@test
def calls_come_first_after_the_supervisors_were_killed_too(platform):
    """As after a reboot: what they wrote is still there, and names processes that are gone."""
    supervisor = int((platform.home / "run/runsvdir.pid").read_text())
    pids = {pid for service in platform.services() for pid in faults.descendants(faults.parent(platform.pid(service)))}
    for pid in (supervisor, *pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until("nothing is left", lambda: not platform.processes(), 20)
    platform.dev("start")
    wait_until("both workers are ready", lambda: platform.worker_is_ready(1) and platform.worker_is_ready(2), 60)
    priority.check(platform)


@test
def down_leaves_no_process_and_no_port(platform):
    output = platform.dev("down", timeout_s=120).stdout
    expect("is down" in output, output)
    expect_equal(platform.processes(), [], "processes")
    expect_equal([port for port in PORTS if not port_is_free(platform.port(port))], [], "ports in use")


@test
def down_twice_is_fine(platform):
    platform.dev("down")


@test
def down_asks_the_home_for_its_ports(platform):
    """One of a second cell's, which something else holds: the files tell, the platform is down."""
    etc = platform.home / "cells/no-1/etc"
    etc.mkdir(parents=True)
    (etc / "cell-worker-1.yaml").write_text(f"id: no-1\nlisten_port: {platform.port(20201)}\n")
    platform.give_to_owner(etc.parent, etc, etc / "cell-worker-1.yaml")
    with socket.create_server(("127.0.0.1", platform.port(20231))):
        done = platform.dev("down", check=False)
    shutil.rmtree(etc.parent)
    expect_equal((done.returncode, f"listens on its ports {platform.port(20231)}:" in done.stderr), (1, True), done.stderr)
    platform.dev("down")


main(lambda: Platform(start=False))
