"""What a run of faults measured, as a table for people and as docs/reliability.md."""
import datetime

HEAD = ["part", "fault", "webhooks", "unanswered", "wrong", "by the edge", "repeated", "p50 ms", "p99 ms",
        "max ms", "writes back s", "recorded"]


def quantile(values, q):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0


P99_LIMIT_MS = 500
WRITES_LIMIT_S = {"the primary's site": 60}  # evacuated by a command
NODE_LOST_LIMIT_S = 7


class Row:
    """One fault: the webhooks sent from its beginning on, and what became of them."""

    def __init__(self, part, fault, lines, started, seconds_without_writes):
        self.part = part
        self.fault = fault
        self.lines = lines
        self.during = [line for line in lines if line["ended_us"] - line["latency_us"] >= started * 1e6]
        self.seconds_without_writes = seconds_without_writes
        self.wrong = []
        self.records = None

    def latencies_ms(self):
        return [line["latency_us"] / 1000 for line in self.during if not line["unanswered"]]

    def cells(self):
        during, latencies = self.during, self.latencies_ms()
        return [self.part, self.fault, str(len(during)), str(sum(line["unanswered"] for line in during)),
                str(len(self.wrong)), str(sum(line["source"] == "edge" for line in during)),
                str(sum(line["attempts"] > 1 for line in during)), f"{quantile(latencies, .5):.1f}",
                f"{quantile(latencies, .99):.0f}", f"{max(latencies, default=0):.0f}",
                f"{self.seconds_without_writes:.1f}", self.recorded_text()]

    def broken_limits(self):
        """Sentences on the figures that the product promises and this run did not keep."""
        p99, limit = quantile(self.latencies_ms(), .99), WRITES_LIMIT_S.get(self.part, NODE_LOST_LIMIT_S)
        # A part that is frozen or cut off for longer than that may hold writes for as long as it is.
        held = self.seconds_without_writes if self.fault == "kill" else 0
        return ([f"p99 {p99:.0f} ms, at most {P99_LIMIT_MS}"] if p99 >= P99_LIMIT_MS else []) + (
            [f"writes held for {held:.1f} s, at most {limit}"] if held > limit else [])

    def recorded_text(self):
        if self.records is None:
            return "not compared"
        bad = len(self.records.missing) + len(self.records.other) + len(self.records.twice)
        unknown = len(self.records.unknown)
        return f"{bad} wrong" if bad else "once" + (f" ({unknown} unknown)" if unknown else "")

    def text(self):
        return ", ".join(f"{name} {value}" for name, value in zip(HEAD, self.cells()))


def table(rows):
    lines = [HEAD, ["---"] * len(HEAD), *(row.cells() for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


INTRODUCTION = """# Reliability, measured

Written by `./dev test scenario --long kill-anything`, which plays calls at 150 a second (mobile calls and
switchboard dialogues of several steps, half of the numbers never asked for before) from a carrier with two edge
addresses, and does one thing after another to the platform: `kill` is kill -9 (its supervisor starts it again),
`freeze` is SIGSTOP for five seconds, `cut` drops every packet that the part's processes send or are sent for five
seconds, also on connections that they open meanwhile (nft, in a network namespace of the run's own).

- *unanswered*: no answer within 1.0 s of the first attempt. *wrong*: differs from the independent reference walk
  (a cell's answer) or from the published policy (an edge's answer, which also echoes `state`).
- *by the edge*: no worker answered in time. *repeated*: the carrier repeated the webhook at its other address.
- latencies count from the intended time of sending, from the beginning of the fault to the end of the load.
- *writes back*: the longest time without an acknowledged write to the cell's Postgres.
- *recorded*: each answered event is in Postgres once, with the decision that the carrier was given; `unknown`:
  a repeated event that both edges answered by themselves.
"""


def write_document(path, rows, seed):
    today = datetime.date.today().isoformat()
    text = INTRODUCTION + f"\nRun of {today}, seed {seed}, two shared cores, programs as `./dev up` builds them.\n\n"
    path.write_text(text + "\n".join(table(rows)) + "\n")
