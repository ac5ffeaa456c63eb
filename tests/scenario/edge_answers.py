"""With no worker alive the edge answers by its policy, in time, and hands its journal over later."""
import json

from support.carrier import event, post, sign
from support.platform import Platform
from support.reference import differences
from support.scenario import expect, expect_equal, generator, main, test
from support.wait import wait_until

CLOCK_S = 1.0
CALLS = 60
MOBILE, SWITCHBOARD, BARE, OPERATOR = "+46705000001", "+46105000001", "+46105000002", "+46105000003"
TENANT, FALLBACK, STRANGER = "edge-answers", "+46700000009", "+46799999999"
FLOW = {"version": 1, "entry": "menu", "nodes": {
    "menu": {"type": "menu", "prompt": {"say": {"text": "1", "language": "en"}}, "branches": {"1": "bye"}},
    "bye": {"type": "hangup"}}}
DIRECT = {"version": 1, "entry": "alarm", "nodes": {
    "alarm": {"type": "connect", "targets": [{"sip": "sip:alarm@example.com"}]}}}
NUMBERS = {
    MOBILE: {"number": MOBILE, "tenant": TENANT, "kind": "mobile"},
    SWITCHBOARD: {"number": SWITCHBOARD, "tenant": TENANT, "kind": "pbx", "flow": "main",
                  "fallback_target": FALLBACK},
    BARE: {"number": BARE, "tenant": TENANT, "kind": "pbx", "flow": "main", "fallback_target": None},
    OPERATOR: {"number": OPERATOR, "tenant": "sos", "kind": "pbx", "flow": "alarm", "fallback_target": None},
}

_delivered = {}


def reference_of(platform):
    from support.reference import Reference
    flows = {(TENANT, "main"): (1, FLOW), ("sos", "alarm"): (1, DIRECT)}
    return Reference(NUMBERS, flows, platform.policy())


def publish(platform, tenant, flow, document):
    path = platform.file(f"{flow}.json", json.dumps(document))
    platform.cli("tenant", "create", tenant, "--country", "se")
    platform.cli("flow", "put", flow, "--tenant", tenant, "--file", path)
    platform.cli("flow", "publish", flow, "--tenant", tenant)


@test
def tenants_are_there(platform):
    publish(platform, TENANT, "main", FLOW)
    publish(platform, "sos", "alarm", DIRECT)
    lines = "".join(json.dumps(number) + "\n" for number in NUMBERS.values())
    platform.cli("number", "import", platform.file("numbers.ndjson", lines))


def check_emergency(platform, reply, what):
    expect_equal(reply.status, 200, what)
    expect_equal(reply.json()["actions"], [{"connect": {"targets": [{"dialled": "112"}]}}], what)
    expect_equal(reply.source, "edge", what)
    expect(reply.seconds < CLOCK_S, f"{what} took {reply.seconds} s")


def call_emergency(platform):
    """Signed, unsigned, badly signed, from nobody we know: always connected."""
    carrier = platform.carrier()
    for dialled in ("112",):
        message = event(direction="originating", sender=MOBILE, dialled=dialled)
        check_emergency(platform, carrier.send(message, TENANT), "signed")
    message = event(direction="originating", sender=STRANGER, dialled="112")
    check_emergency(platform, carrier.send(message, tenant=None), "from an unknown number, one URL")
    message = event(direction="originating", sender=MOBILE, dialled="112")
    body = json.dumps(message).encode()
    port = platform.edge_ports()[0]
    check_emergency(platform, post(port, f"/v1/se/tenants/{TENANT}/calls", body), "unsigned")
    headers = sign("whsec_" + "A" * 32, message["event_id"], body)
    check_emergency(platform, post(port, f"/v1/se/tenants/{TENANT}/calls", body, headers), "badly signed")
    message = event(direction="originating", sender=MOBILE, dialled="urn:service:sos.fire")
    reply = carrier.send(message, TENANT)
    expect_equal(reply.json()["actions"], [{"connect": {"targets": [{"dialled": "urn:service:sos.fire"}]}}],
                 "a sub-service of urn:service:sos")


@test
def emergency_calls_are_connected_by_the_edge(platform):
    call_emergency(platform)


@test
def a_call_to_the_emergency_operator_follows_its_tenants_flow(platform):
    message = event(kind="pbx", to=OPERATOR, sender=MOBILE, dialled="112")
    reply = platform.carrier().send(message, tenant="sos")
    expect(reply.source != "edge", f"the cell was expected to answer: {reply}")
    target = reply.json()["actions"][0]["connect"]["targets"][0]
    expect_equal(target["sip"], "sip:alarm@example.com", "whom the call is connected to")


def policy_cases(platform):
    """(message, tenant) of every row of the edge-answer policy."""
    barred = platform.map()["policy"]["barred_prefixes"][0] + "123456"
    state = {"state": "whatever-it-was"}
    return [
        (event(to=MOBILE, sender="+46701112233"), TENANT),
        (event(to=MOBILE, sender="+46701112233"), None),
        (event(direction="originating", sender=MOBILE, to="+46812345678"), TENANT),
        (event(direction="originating", sender=MOBILE, to=barred), TENANT),
        (event("call.completed", to=MOBILE), TENANT),
        (event("dial.completed", to=MOBILE, result={"status": "busy"}), TENANT),
        (event(kind="pbx", to=SWITCHBOARD), TENANT),
        (event("gather.completed", kind="pbx", to=SWITCHBOARD, result={"digits": "1"}, **state), TENANT),
        (event(kind="pbx", to=BARE), TENANT),
        (event("gather.completed", kind="pbx", to=BARE, result={"digits": "1"}, **state), TENANT),
        (event("call.answered", kind="pbx", to=BARE, **state), TENANT),
        (event("play.completed", kind="pbx", to=SWITCHBOARD, **state), TENANT),
        (event("coffee.ready", kind="pbx", to=SWITCHBOARD, **state), TENANT),
        (event(to=STRANGER), TENANT),
        (event(kind="pbx", to=STRANGER), None),
        (event("gather.completed", kind="pbx", to=STRANGER, result={"digits": "1"}, **state), TENANT),
    ]


@test
def with_both_workers_killed_each_answer_follows_the_policy_in_time(platform):
    platform.kill_for_good("worker-1")
    platform.kill_for_good("worker-2")
    carrier, reference = platform.carrier(), reference_of(platform)
    cases = policy_cases(platform)
    chance = generator()
    while len(cases) < CALLS:
        cases.append((event(to=MOBILE, sender="+4670%07d" % chance.randrange(10 ** 7)), TENANT))
    for number, (message, tenant) in enumerate(cases):
        reply = carrier.send(message, tenant, edge=number % 2)
        what = f"{message['event']} {message['call']} for {tenant}"
        expect_equal(reply.status, 200, what)
        expect(reply.seconds < CLOCK_S, f"{what} took {reply.seconds} s")
        expect_equal(reply.source, "edge", what)
        wrong = differences(reference.edge_answer(message, tenant), reply.json(), message, "edge")
        expect(not wrong, f"{what}: {wrong}")
        if message["call"]["to"].get("e164") != STRANGER:
            _delivered[(TENANT, message["event_id"])] = ("edge", reply.json()["decision_id"])


@test
def emergency_calls_are_connected_with_the_cell_dead(platform):
    call_emergency(platform)


@test
def the_journal_reaches_postgres_when_the_workers_return(platform):
    platform.start_service("worker-1")
    platform.start_service("worker-2")
    for number in (1, 2):
        wait_until(f"worker-{number} is ready", lambda: platform.worker_is_ready(number), 60)
    platform.wait_until_recorded()
    recorded = platform.recorded()
    for key, answer in _delivered.items():
        expect_equal(recorded.get(key), answer, f"record of {key}")


main(Platform)
