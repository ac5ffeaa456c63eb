"""Waiting for a condition: the only place in the tests that sleeps."""
import time


class NeverHappened(AssertionError):
    """The condition did not come true in time."""


def wait_until(what, condition, timeout_s=20.0, every_s=0.05):
    """Returns the first true value of condition(); its exceptions count as "not yet"."""
    deadline = time.monotonic() + timeout_s
    last = None
    while time.monotonic() < deadline:
        try:
            last = condition()
            if last:
                return last
        except Exception as error:  # the thing waited for may not exist yet
            last = error
        time.sleep(every_s)
    raise NeverHappened(f"not within {timeout_s} s: {what} (last: {last!r})")


def wait_for_seconds(seconds):
    """Only where the length of a fault is what is being tested."""
    time.sleep(seconds)
