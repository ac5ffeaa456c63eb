#!/usr/bin/python3
"""The gate's runner counts what it must: nothing that did not run, or ran badly, looks like success."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from support.scenario import expect_equal, main, test

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import run  # noqa: E402


class Silent(run.Tally):
    """Counts, and keeps what would be printed."""

    def __init__(self):
        super().__init__()
        self.shown = []

    def show(self, text):
        self.shown.append(text)


def counted(script, timeout_s=20, tap=True):
    tally = Silent()
    run.run_all([run.Program("x", [sys.executable, "-c", script], timeout_s=timeout_s, tap=tap)], tally, 1)
    return tally.passed, tally.failed


@test
def passes_and_failures_are_counted():
    expect_equal(counted("print('ok 1 - a\\nnot ok 2 - b\\nok 3 - c\\n1..3'); exit(1)"), (2, 1), "counts")
    expect_equal(counted("print('1..2\\nok 1 a\\nok 2 b')"), (2, 0), "plan first")


@test
def a_skip_is_a_failure():
    expect_equal(counted("print('ok 1 - a # SKIP no database\\n1..1')"), (0, 1), "skip")
    expect_equal(counted("print('1..0 # SKIP nothing here')"), (0, 1), "skip all")
    expect_equal(counted("print('not ok 1 - a # todo later\\n1..1')"), (0, 1), "unfinished")


@test
def what_did_not_run_is_a_failure():
    expect_equal(counted(""), (0, 1), "silence")
    expect_equal(counted("print('ok 1 - a\\n1..3')"), (1, 1), "fewer than planned")
    expect_equal(counted("print('ok 1 - a')"), (1, 1), "no plan")


@test
def a_crash_or_a_bad_exit_is_a_failure():
    expect_equal(counted("import os; print('ok 1 - a', flush=True); os.abort()"), (1, 1), "crash")
    expect_equal(counted("print('ok 1 - a\\n1..1'); exit(3)"), (1, 1), "exit status")
    expect_equal(counted("exit(3)", tap=False), (0, 1), "lint")
    expect_equal(counted("", tap=False), (1, 0), "clean lint")


@test
def a_program_that_is_not_there_is_a_failure():
    tally = Silent()
    run.run_all([run.Program("x", ["/nonexistent/program"])], tally, 1)
    expect_equal((tally.passed, tally.failed), (0, 1), "counts")


def tried_again(script, count=1):
    """(passed, failed) where a second try is allowed, and how the lines about results begin."""
    with tempfile.TemporaryDirectory() as folder:
        programs = [run.Program(f"x{i}", [sys.executable, "-c", script, f"{folder}/{i}"]) for i in range(count)]
        tally = Silent()
        run.run_all(programs, tally, 1, may_try_again=True)
    return (tally.passed, tally.failed), [text.split()[0] for text in tally.shown if text[:5].strip().isalpha()]


@test
def a_second_try_counts_and_is_said():
    once = ("import os, sys; good = os.path.exists(sys.argv[1]); open(sys.argv[1], 'w').close(); "
            "print('ok 1 - a\\n' + ('ok' if good else 'not ok') + ' 2 - b\\n1..2'); sys.exit(not good)")
    expect_equal(tried_again(once), ((2, 0), ["ok", "MISS", "AGAIN", "ok", "ok"]), "good at the second try")
    never = "print('not ok 1 - a\\n1..1'); exit(1)"
    expect_equal(tried_again(never), ((0, 1), ["MISS", "AGAIN", "FAIL"]), "bad at the second too")
    expect_equal(tried_again(never, run.AGAIN_MAX + 1)[0], (0, run.AGAIN_MAX + 1), "so many are no accident")


@test
def a_program_that_hangs_is_ended():
    script = "import threading; print('ok 1 - a', flush=True); threading.Event().wait()"
    expect_equal(counted(script, timeout_s=1), (1, 1), "counts")


@test
def the_last_line_and_the_exit_status():
    empty = subprocess.run([sys.executable, str(ROOT / "run.py"), "--build", "/nonexistent", "--shipped", "/nonexistent",
                            "--threads", "/nonexistent", "lint", "--only", "no such lint"], text=True, capture_output=True, check=False)
    expect_equal(empty.stdout.splitlines()[-1], "0 passed, 0 failed", "last line")
    expect_equal(empty.returncode, 1, "exit status when nothing ran")


@test
def every_test_file_is_run():
    """A file that nobody registered would pass for ever."""
    listing = subprocess.run(["meson", "introspect", os.environ["CALLCELL_BUILD"], "--tests"], capture_output=True, text=True,
                             check=True)
    commands = " ".join(part for entry in json.loads(listing.stdout) for part in entry["cmd"])
    missing = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("*/test_*.py"))
               if path.name not in commands]
    expect_equal(missing, [], "test files that no program of the build runs")


main()
