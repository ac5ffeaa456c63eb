"""Runs a scenario file: its tests in the order of the file, on one platform, as TAP.

A test is a function decorated with @test; it gets the platform. After a failure the others still run.
CALLCELL_TEST_SEED repeats a run's random choices.
"""
import os
import random
import signal
import sys
import traceback

LONG = bool(os.environ.get("CALLCELL_LONG"))
SEED = int(os.environ.get("CALLCELL_TEST_SEED") or random.SystemRandom().randrange(1 << 32))

_tests = []
_afterwards = []


def test(function):
    _tests.append(function)
    return function


def test_afterwards(function):
    """A test that takes nothing: it runs after all others, when the scenario's own platform is gone."""
    _afterwards.append(function)
    return function


def long_test(function):
    """A test of the long form alone: it takes more than ten seconds."""
    return test(function) if LONG else function


def generator():
    """The scenario's one source of chance."""
    return random.Random(SEED)


def note(text):
    """A figure worth seeing in a passed run too."""
    print(f"# note: {text}", flush=True)


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def expect_equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: {actual!r} instead of {expected!r}")


def _on_signal(number, _frame):
    raise KeyboardInterrupt(f"signal {number}")


def _run_one(number, function, *arguments):
    name = function.__name__.replace("_", " ")
    try:
        function(*arguments)
    except Exception:
        print(f"not ok {number} - {name}", flush=True)
        for line in traceback.format_exc().splitlines():
            print("# " + line, flush=True)
        return False
    print(f"ok {number} - {name}", flush=True)
    return True


def _run_all(functions, first, *arguments):
    return [_run_one(number, function, *arguments) for number, function in enumerate(functions, first)]


def main(make_platform=None):
    """make_platform: a callable giving a context manager, or None for scenarios that start their own."""
    signal.signal(signal.SIGTERM, _on_signal)
    note(f"seed {SEED} (CALLCELL_TEST_SEED={SEED} repeats it)")
    if make_platform is None:
        results = _run_all(_tests, 1)
    else:
        platform = make_platform()
        with platform:
            results = _run_all(_tests, 1, platform)
            if not all(results):
                platform.show_logs()
        if not platform.is_shared:
            results.append(_run_one(len(results) + 1, stopped_cleanly, platform))
    results += _run_all(_afterwards, len(results) + 1)
    print(f"1..{len(results)}", flush=True)
    sys.exit(0 if all(results) else 1)


def stopped_cleanly(platform):
    """Nothing is left running, and no sanitizer had anything to say."""
    expect(not platform.findings, "\n".join(platform.findings))
