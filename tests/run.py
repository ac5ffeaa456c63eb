#!/usr/bin/python3
"""The gate's runner: lints, unit tests, integration tests and scenarios, all as TAP, counted together.

usage: run.py --build DIR --shipped DIR --threads DIR KIND [--long]

KIND: lint, unit, integration, instructions, scenario or threads; all without it.

Results are streamed; a failed program's output is printed. Skipped, missing, crashed and timed-out tests
count as failed. The last line is "N passed, N failed".

In a run of everything, integration tests and scenarios that fail ("MISS") are run once more, each alone, on a platform
of their own, and the second time counts: deadlines of tens of milliseconds are missed on a machine that is busy with
something else. Many that fail are no accident, and are not tried again; nor is anything in the long form, or by name.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINE = re.compile(r"^(not ok|ok)\b\s*[0-9]*\s*-?\s*(.*?)\s*(#\s*(skip|todo)\b.*)?$", re.IGNORECASE)
PLAN = re.compile(r"^1\.\.([0-9]+)\s*(#\s*skip.*)?$", re.IGNORECASE)
KINDS = ["lint", "unit", "integration", "instructions", "scenario", "threads"]
LINT_TIMEOUT_S, SCENARIO_TIMEOUT_S, LONG_SCENARIO_TIMEOUT_S = 300, 700, 3000
AGAIN_MAX = 3  # programs of a kind
SLOW_S = 5  # a test that takes as long says so, since the gate's time is limited


class Program:
    """One executable that speaks TAP, or (a lint) just succeeds."""

    def __init__(self, name, command, environment=None, timeout_s=60, tap=True, cwd=ROOT):
        self.name, self.command, self.timeout_s, self.tap = name, command, timeout_s, tap
        # Debian's psql is a Perl program that looks for this one.
        path = f"/usr/lib/postgresql/15/bin:{os.environ.get('PATH', '')}"
        self.environment = {**os.environ, "PATH": path, **(environment or {})}
        self.cwd = cwd
        self.process = None


class Tally:
    """Counts and prints; safe from several threads."""

    def __init__(self):
        self.passed = self.failed = 0
        self.lock = threading.Lock()

    def count(self, passed, failed):
        with self.lock:
            self.passed += passed
            self.failed += failed

    def show(self, text):
        with self.lock:
            print(text, flush=True)


class TapReader:
    """Reads TAP lines as they come; close() settles what was promised and never came."""

    def __init__(self, program, tally, counts):
        self.program, self.tally = program, tally
        self.failure = "FAIL" if counts else "MISS"
        self.seen = self.failed = 0
        self.planned = None
        self.before = time.monotonic()

    def add(self, ok, name):
        now = time.monotonic()
        took, self.before = now - self.before, now
        self.seen += 1
        self.failed += not ok
        self.tally.show(f"{'ok  ' if ok else self.failure} {self.program.name}: {name}" +
                        (f" ({took:.0f} s)" if took >= SLOW_S else ""))

    def line(self, text):
        plan, result = PLAN.match(text), LINE.match(text)
        if plan:
            self.planned = int(plan.group(1))
        elif result:
            skipped = result.group(3) is not None
            name = result.group(2) + (" (skipped)" if skipped else "")
            self.add(result.group(1).lower() == "ok" and not skipped, name)
        elif text.startswith("# note: "):
            self.tally.show(f"     {self.program.name}: {text.removeprefix('# note: ')}")

    def close(self, status):
        if self.seen == 0:
            self.add(False, f"no test ran (exit status {status})")
        elif self.planned is not None and self.planned != self.seen:
            self.add(False, f"{self.planned} tests planned, {self.seen} ran")
        elif self.planned is None:
            self.add(False, f"ended early (exit status {status})")
        elif status != 0 and self.failed == 0:
            self.add(False, f"exit status {status}")


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def start(program):
    program.process = subprocess.Popen(program.command, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, env=program.environment,
                                       cwd=program.cwd, text=True, errors="replace",
                                       start_new_session=True)
    return program.process


def shortened(output):
    """What failed, the beginning, and how it ended."""
    head, tail, reason = 150, 300, 25
    kept = set(range(head)) | set(range(len(output) - tail, len(output)))
    for at, line in enumerate(output):
        if line.startswith("not ok"):
            kept |= set(range(at, at + reason))
    lines, left_out = [], 0
    for at, line in enumerate(output):
        if at not in kept:
            left_out += 1
            continue
        if left_out:
            lines.append(f"... {left_out} lines are left out ...\n")
            left_out = 0
        lines.append(line)
    return lines


def run_program(program, tally, counts=True):
    """counts: whether it is the last try. Returns what was read; nothing is counted yet."""
    started, reader, output = time.monotonic(), TapReader(program, tally, counts), []
    try:
        process = start(program)
    except OSError as error:
        reader.add(False, f"cannot be started: {error}")
        return reader
    timed_out = threading.Event()

    def on_time_out():
        timed_out.set()
        kill_group(process)

    timer = threading.Timer(program.timeout_s, on_time_out)
    timer.start()
    try:
        for line in process.stdout:
            output.append(line)
            if program.tap:
                reader.line(line.rstrip("\n"))
        status = process.wait()
    except BaseException:
        kill_group(process)
        raise
    finally:
        timer.cancel()
    if timed_out.is_set():
        reader.add(False, f"no end within {program.timeout_s} s")
    elif program.tap:
        reader.close(status)
    else:
        reader.add(status == 0, "clean" if status == 0 else f"exit status {status}")
    if reader.failed:
        tally.show("".join(["--- output of " + program.name + "\n"] + shortened(output) + ["---"]))
    tally.show(f"     {program.name}: {time.monotonic() - started:.1f} s")
    return reader


def lints():
    for script in sorted([*(ROOT / "tests/lint").glob("*.sh"), *(ROOT / "tests/lint").glob("*.py")]):
        yield Program(f"lint {script.stem} self-test", [str(script), "--self-test"],
                      timeout_s=LINT_TIMEOUT_S, tap=False)
        yield Program(f"lint {script.stem}", [str(script)], timeout_s=LINT_TIMEOUT_S, tap=False)


def meson_tests(build, suite, long):
    listing = subprocess.run(["meson", "introspect", str(build), "--tests"], check=True,
                             capture_output=True, text=True)
    for test in json.loads(listing.stdout):
        if any(name.split(":")[-1] == suite for name in test["suite"]):
            environment = {**test.get("env", {}), "CK_TAP_LOG_FILE_NAME": "-", "CK_VERBOSITY": "silent",
                           "CALLCELL_LONG": "1" if long else ""}
            yield Program(f"{suite} {test['name'].removeprefix(suite + ' ')}", test["cmd"],
                          environment, test["timeout"] or 60, test["protocol"] == "tap",
                          test["workdir"] or ROOT)


def python_environment(build, long=False):
    return {"CALLCELL_BUILD": str(build.resolve()), "CALLCELL_LONG": "1" if long else "",
            "PYTHONPATH": str(ROOT / "tests"), "PYTHONDONTWRITEBYTECODE": "1"}


# As shipped: instructions of a build with sanitizers say nothing.
def instructions(shipped):
    for program in ("edge", "cell"):
        yield Program(f"instructions {program}",
                      ["/usr/bin/python3", str(ROOT / "tests/instructions/per_request.py"), program],
                      python_environment(shipped), timeout_s=300)


# They start platforms of their own, or need none; all others share one, which costs a minute to start.
OWN_PLATFORM = ("up_down", "readme", "load_honesty")
# So do these in their long form, which cuts links between parts.
OWN_PLATFORM_IF_LONG = ("history", "split_brain", "full_disk", "recovery_times", "runbooks", "evacuation",
                        "simulated_failure", "kill_anything", "right_answers")
# They have no short form, or one that is not worth its time. README's commands are up and down in the gate.
LONG_ONLY = ("split_brain", "full_disk", "history", "recovery_times", "evacuation", "simulated_failure", "up_down",
             "switchover", "runbooks")
# They run the programs as they are shipped: sanitizers take most of what two cores have, and stand in the way of
# a library that steps clocks; ./dev up is tried as its users have it.
SHIPPED = ("kill_anything", "right_answers", "history", "recovery_times", "load_honesty", "simulated_failure",
           "up_down", "readme", "bench")
# So do these in their long form: for the clocks, for two cells on two cores, for restarts that no call may notice.
SHIPPED_IF_LONG = ("runbooks", "kill_every_row", "fleet", "evacuation")


def scenarios(build, shipped, long):
    for script in sorted((ROOT / "tests/scenario").glob("*.py")):
        if script.stem in LONG_ONLY and not long:
            continue
        as_shipped = script.stem in SHIPPED or (long and script.stem in SHIPPED_IF_LONG)
        yield Program(f"scenario {script.stem}", ["/usr/bin/python3", str(script)],
                      python_environment(shipped if as_shipped else build, long),
                      LONG_SCENARIO_TIMEOUT_S if long else SCENARIO_TIMEOUT_S)


# Under ThreadSanitizer: what several threads share in every program, and, in the long form or when named, scenarios in
# which commands and duties work on several threads at once.
THREADED_TESTS = ("loop", "publication_client", "spool", "http_server")
THREADED_SCENARIOS = ("switchover", "heal", "fleet", "control_plane_life")


def threaded(build, scenarios_too):
    for program in meson_tests(build, "integration", long=False):
        name = program.name.split()[-1]
        if name in THREADED_TESTS:
            program.name = f"threads {name}"
            yield program
    for name in THREADED_SCENARIOS if scenarios_too else ():
        yield Program(f"threads {name}", ["/usr/bin/python3", str(ROOT / f"tests/scenario/{name}.py")],
                      python_environment(build), LONG_SCENARIO_TIMEOUT_S)


class SharedPlatform:
    """shared_platform.py in the background, for as long as the scenarios run."""

    def __init__(self, build, tally):
        self.folder = tempfile.TemporaryDirectory()
        self.file = pathlib.Path(self.folder.name) / "platform.json"
        self.program = Program("scenario shared platform",
                               ["/usr/bin/python3", str(ROOT / "tests/support/shared_platform.py"),
                                str(self.file)], python_environment(build), 3600)
        self.thread = threading.Thread(target=run_all, args=([self.program], tally, 1))

    def __enter__(self):
        self.thread.start()
        while self.thread.is_alive() and not self.file.exists():
            self.thread.join(0.1)
        return self

    def __exit__(self, *_):
        if self.program.process and self.thread.is_alive():
            self.program.process.terminate()
        self.thread.join()
        self.folder.cleanup()


def run_each(programs, tally, at_once, may_try_again):
    """Returns those that are to be run again."""
    with ThreadPoolExecutor(at_once) as pool:
        readers = list(pool.map(lambda program: run_program(program, tally, not may_try_again), programs))
    again = [reader for reader in readers if may_try_again and reader.failed]
    if len(again) > AGAIN_MAX:
        again = []
    for reader in readers:
        if reader not in again:
            tally.count(reader.seen - reader.failed, reader.failed)
    for reader in again:
        tally.show(f"AGAIN {reader.program.name}: {reader.failed} failed; a second try counts")
    return [reader.program for reader in again]


def run_all(programs, tally, at_once, may_try_again=False):
    run_each(run_each(programs, tally, at_once, may_try_again), tally, 1, False)


def run_on_shared_platform(programs, build, tally, may_try_again=False):
    if not programs:
        return
    with SharedPlatform(build, tally) as platform:
        for program in programs:
            program.environment["CALLCELL_TEST_PLATFORM"] = str(platform.file)
        again = run_each(programs, tally, 1, may_try_again)
    run_on_shared_platform(again, build, tally)


def run_scenarios(programs, build, shipped, tally, long, may_try_again):
    names = OWN_PLATFORM + (OWN_PLATFORM_IF_LONG if long else ())
    own = [program for program in programs if program.name.split()[-1] in names]
    for each in (build, shipped):
        run_on_shared_platform([program for program in programs if program not in own and
                                program.environment["CALLCELL_BUILD"] == str(each.resolve())], each, tally,
                               may_try_again)
    run_all(own, tally, 1, may_try_again)


def programs_of(kind, arguments):
    if kind == "lint":
        return list(lints())
    if kind == "instructions":
        return list(instructions(arguments.shipped))
    if kind == "scenario":
        return list(scenarios(arguments.build, arguments.shipped, arguments.long))
    if kind == "threads":
        return list(threaded(arguments.threads, arguments.long or arguments.name))
    return list(meson_tests(arguments.build, kind, arguments.long))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True, help="with sanitizers and tests")
    parser.add_argument("--shipped", type=pathlib.Path, required=True, help="as ./dev up builds")
    parser.add_argument("--threads", type=pathlib.Path, required=True, help="with ThreadSanitizer")
    parser.add_argument("kind", nargs="?", choices=KINDS)
    parser.add_argument("name", nargs="?", help="only the program of this name, as kill-anything")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", help="regular expression on a program's name")
    arguments = parser.parse_intermixed_args()
    tally, empty = Tally(), []
    may_try_again = not (arguments.kind or arguments.name or arguments.only or arguments.long)
    for kind in [arguments.kind] if arguments.kind else KINDS:
        programs = programs_of(kind, arguments)
        if arguments.name:
            programs = [p for p in programs if p.name.split()[-1] == arguments.name.replace("-", "_")]
        if arguments.only:
            programs = [p for p in programs if re.search(arguments.only, p.name)]
        elif not programs:
            empty.append(kind)
        if kind == "scenario":
            run_scenarios(programs, arguments.build, arguments.shipped, tally, arguments.long, may_try_again)
        elif kind == "threads":
            on_platform = [program for program in programs if program.name.split()[-1] in THREADED_SCENARIOS]
            run_all([program for program in programs if program not in on_platform], tally, 2)
            run_on_shared_platform(on_platform, arguments.threads, tally)
        else:
            # A whole platform alone: on a slow machine others would be late for deadlines of tens of milliseconds.
            # Then the long ones first, so that both cores are busy to the end.
            alone = [program for program in programs if program.name == "integration control_plane"]
            again = may_try_again and kind == "integration"
            run_all(alone, tally, 1, again)
            run_all(sorted((program for program in programs if program not in alone),
                           key=lambda program: -program.timeout_s), tally, 2, again)
    for kind in empty:
        tally.show(f"FAIL {kind}: there are no tests")
        tally.count(0, 1)
    print(f"{tally.passed} passed, {tally.failed} failed", flush=True)
    return 0 if tally.failed == 0 and tally.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
