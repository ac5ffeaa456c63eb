"""A second, independent answer to every call event, for comparison.

Written from docs/api/calls.md and docs/api/flows.md alone; shares no code with the programs under test.
Standard library only.
"""
import datetime
import hashlib
import re
import zoneinfo

E164 = re.compile(r"^\+[0-9]{2,15}$")
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MENU_BRANCH = re.compile(r"^[0-9*#A-D]{1,16}$")
KNOWN_EVENTS = {
    "call.initiated", "call.answered", "call.completed", "dial.completed", "gather.completed",
    "play.completed", "queue.wait", "queue.completed", "record.completed", "transfer.completed",
}
SILENT_EVENTS = {"call.answered", "call.completed", "play.completed"}


def without_code(dialled):
    """A caller-ID code in front of the number is not part of it."""
    return dialled[4:] if dialled.startswith(("*31#", "#31#")) else dialled


class Policy:
    """A country's numbering: what its routing map says."""

    def __init__(self, country_code="46", national_prefix="0", emergency=("112",), barred=()):
        self.country_code = country_code
        self.national_prefix = national_prefix
        self.emergency = set(emergency)
        self.barred = tuple(barred)

    def to_e164(self, dialled):
        dialled = without_code(dialled)
        if dialled.startswith("+"):
            return dialled
        if dialled.startswith("00"):
            return "+" + dialled[2:]
        if self.national_prefix and dialled.startswith(self.national_prefix):
            return "+" + self.country_code + dialled[len(self.national_prefix):]
        return dialled

    def is_emergency(self, event):
        call = event["call"]
        dialled = without_code(call["to"].get("dialled") or "")
        if call["direction"] != "originating":
            return False
        return (dialled in self.emergency or dialled == "urn:service:sos"
                or dialled.startswith("urn:service:sos."))

    def is_barred(self, event):
        number = self.to_e164(dialled_of(event))
        return any(number.startswith(prefix) for prefix in self.barred)

    def is_abroad(self, event):
        number = self.to_e164(dialled_of(event))
        return number.startswith("+") and not number.startswith("+" + self.country_code)


class Answer:
    """What is expected. waits: the dialogue goes on, so `state` is not null. flow: (id, version)."""

    def __init__(self, actions, waits=False, flow=None, on_timeout=None):
        self.actions = actions
        self.waits = waits
        self.flow = flow
        self.on_timeout = on_timeout or []

    def __repr__(self):
        return f"Answer({self.actions}, waits={self.waits}, flow={self.flow})"


def dialled_of(event):
    to = event["call"]["to"]
    return to.get("e164") or to["dialled"]


def served_number(event):
    call = event["call"]
    if call["direction"] == "originating":
        return (call.get("from") or {}).get("e164") or ""
    to = call["to"]
    return to.get("e164") or (to["dialled"] if E164.match(to.get("dialled") or "") else "")


def connect_as_dialled(event, caller_id=None):
    to = event["call"]["to"]
    target = {"e164": to["e164"]} if to.get("e164") else {"dialled": to["dialled"]}
    if caller_id:
        target["caller_id"] = caller_id
    return {"connect": {"targets": [target]}}


def connect_to(number):
    return {"connect": {"targets": [{"e164": number}]}}


def reject(sip_code, q850):
    return {"reject": {"sip_code": sip_code, "q850": q850}}


HANGUP = {"hangup": {}}


def connect_emergency(event):
    return {"connect": {"targets": [{"dialled": event["call"]["to"]["dialled"]}]}}


def safest(event, policy, known=True, fallback=None):
    """The table "The safest action" of calls.md."""
    kind, name = event["call"]["kind"], event["event"]
    first = name == "call.initiated"
    if policy.is_emergency(event):
        return [connect_emergency(event)]
    if name not in KNOWN_EVENTS or name in SILENT_EVENTS:
        return []
    if not known:
        return ([reject(404, 1)] if first else [HANGUP])
    if kind == "mobile":
        if not first:
            return []
        return [reject(603, 21)] if policy.is_barred(event) else [connect_as_dialled(event)]
    if fallback:
        return [connect_to(fallback)]
    return [reject(480, 20)] if first else [HANGUP]


def mobile(event, plan, policy):
    """The table "Mobile calls" of calls.md. plan None: unknown number."""
    if event["event"] != "call.initiated":
        return []
    call = event["call"]
    originating = call["direction"] == "originating"
    if originating and policy.is_emergency(event):
        return [connect_emergency(event)]
    if plan is None:
        if not originating:
            return [reject(404, 1)]
        return [reject(603, 21)] if policy.is_barred(event) else [connect_as_dialled(event)]
    barring = set(plan.get("barring") or [])
    return mobile_originating(event, plan, policy, barring) if originating else \
        mobile_terminating(event, plan, barring)


def mobile_originating(event, plan, policy, barring):
    if (barring & {"all", "outgoing"}
            or "international" in barring and policy.is_abroad(event)
            or "premium" in barring and policy.is_barred(event)):
        return [reject(603, 21)]
    shown = plan.get("caller_id") or {}
    caller = event["call"].get("from") or {}
    if "restricted" in (shown.get("presentation"), caller.get("presentation")):
        return [connect_as_dialled(event, "anonymous")]
    return [connect_as_dialled(event, shown.get("number"))]


def mobile_terminating(event, plan, barring):
    if barring & {"all", "incoming"}:
        return [reject(603, 21)]
    forward = plan.get("forward_always")
    forwarded_from = event["call"].get("forwarded_from") or []
    if forward and plan["number"] not in forwarded_from and len(forwarded_from) < 5:
        return [connect_to(forward)]
    return [connect_as_dialled(event)]


class Unfit(Exception):
    """The event does not fit the waiting node."""


class Walk:
    """One answer's way through a flow."""

    def __init__(self, flow, event):
        self.nodes = flow["nodes"]
        self.entry = flow["entry"]
        self.event = event
        self.result = event.get("result") or {}
        self.actions = []
        self.waiting = None  # (node id, failed tries)

    def run(self, position):
        if position is None:
            self.enter(self.entry)
        else:
            self.resume(*position)
        return self.actions, self.waiting

    def enter(self, node_id):
        while node_id is not None:
            node = self.nodes[node_id]
            node_id = getattr(self, "enter_" + node["type"])(node_id, node)

    def enter_hours(self, _node_id, node):
        return node["branches"]["open" if is_open(node, self.event["occurred_at"]) else "closed"]

    def enter_say(self, _node_id, node):
        self.actions.append({"say": {"text": node["text"], "language": node.get("language", "en")}})
        return node["next"]

    def enter_play(self, _node_id, node):
        self.actions.append({"play": {"url": node["url"]}})
        return node["next"]

    def enter_menu(self, node_id, node):
        self.gather(node_id, node, 0)

    def enter_connect(self, node_id, node):
        connect = {"targets": node["targets"], "strategy": node.get("strategy", "simultaneous"),
                   "timeout_s": node.get("timeout_s", 30), "on_busy": "event",
                   "on_no_answer": "event"}
        if node.get("time_limit_s"):
            connect["time_limit_s"] = node["time_limit_s"]
        self.actions.append({"connect": connect})
        self.waiting = (node_id, 0)

    def enter_hangup(self, _node_id, _node):
        self.actions.append(HANGUP)

    def gather(self, node_id, node, tries):
        longest = max(len(key) for key in node["branches"] if key not in ("invalid", "timeout"))
        self.actions.append({"gather": {
            "prompt": spoken(node["prompt"]), "min": node.get("min", 1), "max": node.get("max", longest),
            "finish_on_key": node.get("finish_on_key", "#"), "timeout_s": node.get("timeout_s", 5)}})
        self.waiting = (node_id, tries)

    def resume(self, node_id, tries):
        node, name = self.nodes[node_id], self.event["event"]
        awaited = {"menu": "gather.completed", "connect": "dial.completed"}[node["type"]]
        if name == awaited:
            getattr(self, "resume_" + node["type"])(node_id, node, tries)
        elif name in ("gather.completed", "dial.completed"):
            raise Unfit
        else:
            self.waiting = (node_id, tries)

    def branch(self, node_id):
        if node_id:
            self.enter(node_id)
        else:
            self.actions.append(HANGUP)

    def resume_menu(self, node_id, node, tries):
        digits, reason = self.result.get("digits") or "", self.result.get("reason")
        timed_out = not digits or reason in ("timeout", "error")
        if not timed_out and MENU_BRANCH.match(digits) and digits in node["branches"]:
            self.enter(node["branches"][digits])
        elif tries < node.get("retries", 2):
            self.gather(node_id, node, tries + 1)
        else:
            self.branch(node["branches"].get("timeout" if timed_out else "invalid"))

    def resume_connect(self, _node_id, node, _tries):
        branches = node.get("branches") or {}
        after = {"completed": node.get("next"), "busy": branches.get("busy"),
                 "no-answer": branches.get("no_answer"), "failed": branches.get("failed")}
        self.branch(after.get(self.result.get("status")))


def spoken(prompt):
    if "say" in prompt:
        return {"say": dict({"language": "en"}, **prompt["say"])}
    return prompt


def minutes(text):
    return int(text[:2]) * 60 + int(text[3:])


def is_open(node, occurred_at):
    time = datetime.datetime.fromisoformat(occurred_at.replace("Z", "+00:00"))
    local = time.astimezone(zoneinfo.ZoneInfo(node["zone"]))
    now = local.hour * 60 + local.minute
    intervals = (node.get("weekly") or {}).get(DAYS[local.weekday()]) or []
    return any(minutes(start) <= now < minutes(end) for start, end in intervals)


class Reference:
    """Answers the events of many calls, remembering for itself where each dialogue stands.

    numbers: {number: plan as in internal.md plus "tenant"}; flows: {(tenant, flow): (version, document)}.
    """

    def __init__(self, numbers, flows, policy):
        self.numbers = numbers
        self.flows = flows
        self.policy = policy
        self.dialogues = {}  # call id -> (flow id, version, document, position, fallback)

    def plan_of(self, event, tenant):
        plan = self.numbers.get(served_number(event))
        return plan if plan and tenant in (None, plan["tenant"]) else None

    def answer(self, event, tenant=None):
        """What the cell answers; tenant None: the one-URL form."""
        plan = self.plan_of(event, tenant)
        if (plan or event["call"])["kind"] == "mobile":
            return Answer(mobile(event, plan, self.policy))
        if event["call"]["direction"] == "originating":
            return Answer([connect_as_dialled(event)] if event["event"] == "call.initiated" else [])
        if plan is None:
            return Answer(safest(event, self.policy, known=False))
        return self.pbx(event, plan)

    def pbx(self, event, plan):
        call_id, fallback = event["call"]["id"], plan.get("fallback_target")
        if event["event"] == "call.completed":
            ended = self.dialogues.pop(call_id, None)
            return Answer([], flow=ended and event.get("state") and (ended["id"], ended["version"]))
        if event["event"] == "call.initiated":
            version, document = self.flows.get((plan["tenant"], plan.get("flow")), (None, None))
            dialogue = {"id": plan.get("flow"), "version": version, "document": document, "at": None}
        else:
            dialogue = self.dialogues.get(call_id)
        if not dialogue or not dialogue["document"]:
            return Answer(safest(event, self.policy, fallback=fallback))
        return self.walk(event, dialogue, fallback)

    def walk(self, event, dialogue, fallback):
        try:
            actions, waiting = Walk(dialogue["document"], event).run(dialogue["at"])
        except Unfit:
            return Answer(safest(event, self.policy, fallback=fallback))
        if waiting:
            self.dialogues[event["call"]["id"]] = dict(dialogue, at=waiting)
        else:
            self.dialogues.pop(event["call"]["id"], None)
        on_timeout = [connect_to(fallback)] if fallback else [HANGUP]
        return Answer(actions, bool(waiting), (dialogue["id"], dialogue["version"]),
                      on_timeout if waiting else [])

    def edge_answer(self, event, tenant=None):
        """What the edge answers when no cell does."""
        plan = self.plan_of(event, tenant)
        known = plan is not None or event["call"]["direction"] == "originating"
        actions = safest(event, self.policy, known, (plan or {}).get("fallback_target"))
        return Answer(actions)


def normal(action):
    """An action without what the document leaves to us: reasons in words, and defaults spelt out."""
    (verb, fields), = action.items()
    fields = {key: value for key, value in fields.items() if value not in (None, "")}
    if verb == "reject":
        fields.pop("reason", None)
    if verb == "connect" and fields.get("strategy") == "simultaneous":
        fields.pop("strategy")
    return {verb: fields}


def differences(expected, body, event, source):
    """Human sentences on where an answer's body is not what was expected; empty: it is right."""
    found = []
    if [normal(a) for a in body["actions"]] != [normal(a) for a in expected.actions]:
        found.append(f"actions {body['actions']} instead of {expected.actions}")
    if source == "edge":
        if body["state"] != (event.get("state") or None):
            found.append("the edge did not echo the state")
        return found
    if bool(body["state"]) != expected.waits:
        found.append(f"state {body['state']!r} where waits is {expected.waits}")
    flow = body["flow"] and (body["flow"]["id"], body["flow"]["version"])
    if flow != expected.flow:
        found.append(f"flow {flow} instead of {expected.flow}")
    if [normal(a) for a in body["on_timeout"]] != expected.on_timeout:
        found.append(f"on_timeout {body['on_timeout']} instead of {expected.on_timeout}")
    return found


def decision_id(tenant, event_id, plan_version, body_text):
    """From answer.h's definition, over the body with its first member cut out."""
    rest = re.sub(r'^\{"decision_id":"[0-9a-f]{32}",', "{", body_text)
    digest = hashlib.sha256()
    for part in (tenant, event_id, str(plan_version), rest):
        data = part.encode()
        digest.update(len(data).to_bytes(4, "big") + data)
    return digest.hexdigest()[:32]
