"""What the carrier was answered against what the cell's Postgres holds."""
import collections

from support.scenario import expect, expect_equal


def agrees(held, told, repeated):
    """Whether Postgres holds what the carrier was told; "unknown" is right only where it repeated the event."""
    return all(kept == given or repeated and kept == "unknown" for kept, given in zip(held, told))


def put_aside(platform):
    """Files of records that nobody takes. One would be there if we gave an event id to two events."""
    spools = [path for root in (platform.home, *platform.home.glob("sites/*"))
              for path in root.glob("cells/*/workers/*/spool*")]
    expect(spools, f"no worker of {platform.home} has a spool")
    journals = platform.home.glob("edges/*/journal/*")
    return [str(path / name) for path in (*spools, *journals) for name in ("quarantine.jsonl", "event_id_clashes.jsonl")
            if (path / name).exists()]


class Records:
    """Of the events in these lines of the load tool's log. tenant_of(line): for calls on the one-URL form."""

    def __init__(self, platform, lines, tenant_of):
        self.answered, self.unanswered, repeated = {}, set(), set()
        for line in lines:
            key = (tenant_of(line), line["event_id"])
            if line["unanswered"]:
                self.unanswered.add(key)
            else:
                self.answered[key] = (line["source"], line["decision_id"])
            if line["attempts"] > 1:
                repeated.add(key)
        sent = {line["event_id"] for line in lines}
        calls = sorted({line["call_id"] for line in lines})
        held = platform.recorded_of_calls(calls)
        self.recorded = dict(held)
        self.twice = [key for key, times in collections.Counter(key for key, _ in held).items() if times > 1]
        self.surplus = [key for key in self.recorded if key[1] not in sent]
        self.put_aside = put_aside(platform)
        self.missing = [key for key in self.answered if key not in self.recorded]
        # Both edges may have answered a repeated event: which answer was taken, nobody knows.
        self.unknown = [key for key in self.answered if key in repeated and "unknown" in self.recorded.get(key, ())]
        self.other = [(key, told, self.recorded[key]) for key, told in self.answered.items()
                      if key in self.recorded and not agrees(self.recorded[key], told, key in repeated)]

    def check(self):
        count = len(self.answered)
        expect(not self.missing, f"{len(self.missing)} of {count} answered events are not recorded: "
               f"{self.missing[:5]}")
        expect(not self.other, f"{len(self.other)} recorded otherwise (client, Postgres): {self.other[:5]}")
        expect(not self.surplus, f"recorded and never sent: {self.surplus[:5]}")
        expect_equal(self.twice, [], "events recorded twice")
        expect_equal(self.put_aside, [], "files of records put aside")
