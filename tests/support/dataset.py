"""Seeded tenants, flows, numbers and scripted calls, and the comparison of a load log with the reference."""
import json

from support.reference import Reference, differences

STATUSES = ["completed", "busy", "no-answer", "failed", "canceled"]
ALL_WEEK = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
ZONES = ["Europe/Stockholm", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "UTC"]
BARRINGS = [[], [], [], ["all"], ["outgoing"], ["incoming"], ["international"], ["premium"]]


def say(text):
    return {"say": {"text": text, "language": "en"}}


def deep_flow(chance):
    """Hours, a greeting, a menu in a menu, ring groups, every branch used somewhere."""
    week = {day: [["07:30", "12:00"], ["13:00", "17:15"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    week["sat"] = [["10:00", "24:00"]]
    support = {"type": "connect", "targets": [{"user": "anna"}, {"user": "bo", "timeout_s": 15}],
               "strategy": chance.choice(["simultaneous", "sequential"]), "time_limit_s": 3600,
               "next": "again", "branches": {"busy": "again", "no_answer": "sorry"}}
    return {
        "version": 1, "entry": "hours",
        "nodes": {
            "hours": {"type": "hours", "zone": chance.choice(ZONES),
                      "weekly": chance.choice([week, ALL_WEEK]),
                      "branches": {"open": "hello", "closed": "closed"}},
            "hello": {"type": "say", "text": f"Welcome, {chance.randrange(1000)}.", "language": "sv",
                      "next": "menu"},
            "menu": {"type": "menu", "prompt": say("1 sales, 2 support"), "retries": chance.randrange(3),
                     "timeout_s": 7, "branches": {"1": "sales", "2": "queue", "12": "sales",
                                                  "invalid": "sorry", "timeout": "bye"}},
            "queue": {"type": "menu", "prompt": {"play": {"url": "https://example.com/q.wav"}},
                      "finish_on_key": "", "branches": {"*": "support", "9": "menu"}},
            "sales": {"type": "connect", "targets": [{"e164": "+4670%07d" % chance.randrange(10 ** 7)}],
                      "timeout_s": chance.randrange(5, 60), "branches": {"busy": "queue", "failed": "bye"}},
            "support": support,
            "again": {"type": "play", "url": "https://example.com/again.wav", "next": "menu"},
            "sorry": {"type": "say", "text": "Sorry.", "next": "bye"},
            "closed": {"type": "say", "text": "We are closed.", "next": "bye"},
            "bye": {"type": "hangup"},
        },
    }


class Dataset:
    """numbers: {number: as imported}; flows: {(tenant, flow): document}. name and block (a digit) keep
    tenants and numbers of several scenarios on one platform apart."""

    def __init__(self, chance, name, block, tenants, mobiles, pbxs):
        self.chance = chance
        self.tenants = [f"{name}-{i}" for i in range(1, tenants + 1)]
        self.flows = {(tenant, flow): deep_flow(chance) for tenant in self.tenants
                      for flow in ("main", "second")}
        self.numbers = {}
        for i in range(mobiles):
            self.add(self.mobile(f"+4671{block}{i:06d}"))
        for i in range(pbxs):
            self.add(self.pbx(f"+4610{block}{i:06d}"))

    def add(self, number):
        self.numbers[number["number"]] = number

    def mobile(self, number):
        chance = self.chance
        return {"number": number, "tenant": chance.choice(self.tenants), "kind": "mobile",
                "forward_always": "+4673%07d" % chance.randrange(10 ** 7) if chance.random() < .2 else None,
                "barring": chance.choice(BARRINGS),
                "caller_id": {"presentation": chance.choice(["allowed", "allowed", "restricted"]),
                              "number": "+46812345678" if chance.random() < .2 else None}}

    def pbx(self, number):
        chance = self.chance
        return {"number": number, "tenant": chance.choice(self.tenants), "kind": "pbx",
                "flow": chance.choice(["main", "second"]),
                "fallback_target": "+4672%07d" % chance.randrange(10 ** 7) if chance.random() < .7 else None}

    def load_into(self, platform):
        for tenant in self.tenants:
            platform.cli("tenant", "create", tenant, "--country", "se")
        for (tenant, flow), document in self.flows.items():
            path = platform.file(f"{tenant}-{flow}.json", json.dumps(document))
            platform.cli("flow", "put", flow, "--tenant", tenant, "--file", path)
            platform.cli("flow", "publish", flow, "--tenant", tenant)
        lines = "".join(json.dumps(number) + "\n" for number in self.numbers.values())
        platform.cli("number", "import", platform.file("numbers.ndjson", lines), timeout_s=180)

    def reference(self, policy):
        return Reference(self.numbers, {key: (1, flow) for key, flow in self.flows.items()}, policy)

    def script(self, call_id, number):
        """A call to or from a number: its side, its time and the caller's inputs."""
        chance, plan = self.chance, self.numbers[number]
        originating = plan["kind"] == "mobile" and chance.random() < .5
        other = chance.choice(["+46701112233", "+4790012345", "+46900123456", "+46812340000"])
        dialled = {"+46701112233": "0701112233", "+4790012345": "004790012345"}.get(other, other)
        inputs = []
        for _ in range(chance.randrange(0, 7)):
            inputs.append(chance.choice(["1", "2", "12", "9", "*", "77", "", "timeout"] + STATUSES))
        return {"call_id": call_id, "tenant": chance.choice([plan["tenant"], ""]), "kind": plan["kind"],
                "direction": "originating" if originating else "terminating",
                "from": number if originating else other,
                "to": (other if chance.random() < .5 else "") if originating else number,
                "dialled": dialled if originating else "",
                "occurred_at": "2026-11-%02dT%02d:%02d:00Z" % (chance.randrange(20, 28),
                                                               chance.randrange(24),
                                                               chance.randrange(60)),
                "inputs": inputs}


def read_log(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def event_of(line):
    """The call event that a line of the load tool's log says was sent."""
    result = {name: line[name] for name in ("status", "digits", "reason") if line[name] is not None}
    to = {key: line[field] for key, field in (("e164", "to"), ("dialled", "dialled")) if line[field]}
    return {"event_id": line["event_id"], "event": line["event"], "occurred_at": line["occurred_at"],
            "call": {"id": line["call_id"], "kind": line["kind"], "direction": line["direction"],
                     "from": {"e164": line["from"]} if line["from"] else {}, "to": to},
            "state": line["state"] or None, "result": result or None}


def wrong_answers(log, reference):
    """Sentences on each answered webhook whose answer is not the reference's. Only a cell's answer moves the
    dialogue: an edge's echoes the state, and without an answer the carrier keeps the one it has."""
    found = []
    for line in log:
        if line["unanswered"]:
            continue
        event, tenant = event_of(line), line["tenant"] or None
        expected = (reference.edge_answer if line["source"] == "edge" else reference.answer)(event, tenant)
        for difference in differences(expected, json.loads(line["body"]), event, line["source"]):
            found.append(f"{line['event_id']} {line['event']} from {line['source']}: {difference}")
    return found
