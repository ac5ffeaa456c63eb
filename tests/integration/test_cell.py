#!/usr/bin/env python3
"""Cell workers over a real Postgres primary with a replica and a real Redis. Prints TAP."""
import concurrent.futures
import datetime
import itertools
import json
import pathlib
import signal
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support.cellhost import CONTROL_TOKEN, EDGE_TOKEN, CellHost  # noqa: E402
from support.wait import wait_until  # noqa: E402

TODAY = datetime.datetime.now(datetime.timezone.utc)
OCCURRED = TODAY.strftime("%Y-%m-%dT%H:%M:%SZ")
counter = itertools.count(1)
MENU = {"version": 1, "entry": "menu", "nodes": {
    "menu": {"type": "menu", "prompt": {"say": {"text": "For sales press 1.", "language": "en"}},
             "branches": {"1": "sales"}},
    "sales": {"type": "connect", "targets": [{"e164": "+46700000001"}], "branches": {}}}}


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def equal(got, wanted, what=""):
    check(got == wanted, f"{what}: got {got!r}, wanted {wanted!r}")


def fresh_number(prefix="+4670"):
    return f"{prefix}{next(counter):07d}"


def event(number, kind="mobile", name="call.initiated", call=None, occurred_at=OCCURRED, **more):
    index = next(counter)
    return {"event_id": f"e-{index}", "sequence": 1, "event": name, "occurred_at": occurred_at,
            "call": {"id": call or f"c-{index}", "kind": kind, "direction": "terminating",
                     "from": {"e164": "+46701112233"}, "to": {"e164": number, "dialled": number}}, **more}


def make_tenant(host, tenant):
    equal(host.workers[0].control("PUT", f"tenants/{tenant}", {"name": tenant}).status, 200, "tenant")


def put(host, tenant, *numbers, worker=0):
    answer = host.workers[worker].control("PUT", f"tenants/{tenant}/numbers", {"numbers": list(numbers)})
    equal(answer.status, 200, answer.body)
    return answer


def mobile(number, **fields):
    return {"number": number, "kind": "mobile", **fields}


def pbx(number, flow="main", fallback=None):
    return {"number": number, "kind": "pbx", "flow": flow, "fallback_target": fallback}


def put_flow(host, tenant, document, flow="main"):
    answer = host.workers[0].control("PUT", f"tenants/{tenant}/flows/{flow}", document)
    equal(answer.status, 200, answer.body)
    answer = host.workers[0].control("POST", f"tenants/{tenant}/flows/{flow}/publish")
    equal(answer.status, 200, answer.body)
    return answer


def answered(worker, tenant, sent, **options):
    answer = worker.call(tenant, sent, **options)
    equal(answer.status, 200, answer.body)
    return answer


def left_to_others(answer):
    """The worker could not learn the number's call plan and says so."""
    return (answer.status, (answer.json or {}).get("type")) == (503, "urn:callcell:problem:no-call-plan")


def connected_to(answer):
    return answer.json["actions"][0]["connect"]["targets"][0]["e164"]


def rows_of(host, tenant, call):
    answer = host.workers[0].control("GET", f"tenants/{tenant}/calls/{call}")
    equal(answer.status, 200, answer.body)
    return answer.json["events"]


def record(tenant, event_id, **fields):
    return {"tenant": tenant, "event_id": event_id, "event": "call.initiated", "occurred_at": OCCURRED,
            "call_id": f"call-{event_id}", "kind": "mobile", "direction": "terminating", "from": "", "to": "+461",
            "sequence": 1, "source": "edge", "decision_id": "d-edge", "plan_version": 0, "flow": None,
            "flow_version": 0, "carrier_key": "k", "giver": "edge-1", "attempt": 0, "delivered": True,
            "received_at": OCCURRED, "processing_us": 10, "actions": [], **fields}


def journal(worker, *records):
    return worker.request("POST", "/internal/v1/se/journal", {"records": list(records)}, EDGE_TOKEN)


# --- the tests ---

def test_ready_and_state(host):
    worker = host.workers[0]
    equal(worker.get("/healthz").status, 200)
    equal(worker.get("/readyz").status, 200)
    state = worker.state()
    equal((state["worker"], state["cell"], state["map_epoch"]), ("worker-1", "se-1", 1))
    check("callcell_cell_call_events_total 0" in worker.get("/metrics").body.decode(), "metrics")


def test_tokens_are_asked_for_everywhere(host):
    worker = host.workers[0]
    sent = event("+46701")
    path = "/internal/v1/se/tenants/acme/calls"
    for method, where, body, token in (
            ("POST", path, sent, None), ("POST", path, sent, CONTROL_TOKEN), ("POST", path, sent, EDGE_TOKEN + "x"),
            ("POST", path, sent, EDGE_TOKEN[:-1]), ("POST", "/internal/v1/se/journal", {"records": []}, CONTROL_TOKEN),
            ("GET", "/internal/v1/state", None, EDGE_TOKEN), ("GET", "/internal/v1/tenants", None, None),
            ("PUT", "/internal/v1/tenants/acme", {"name": "x"}, EDGE_TOKEN),
            ("PUT", "/internal/v1/tenants/acme/numbers", {"numbers": []}, EDGE_TOKEN),
            ("GET", "/internal/v1/tenants/acme/numbers", None, None),
            ("DELETE", "/internal/v1/tenants/acme/numbers/+461", None, None),
            ("PUT", "/internal/v1/tenants/acme/flows/main", MENU, None),
            ("GET", "/internal/v1/tenants/acme/flows/main", None, None),
            ("POST", "/internal/v1/tenants/acme/flows/main/publish", None, None),
            ("GET", "/internal/v1/tenants/acme/calls/c-1", None, EDGE_TOKEN)):
        equal(worker.request(method, where, body, token).status, 401, f"{method} {where}")


def test_directory_refuses_with_node_and_field(host):
    worker = host.workers[0]
    make_tenant(host, "refuses")
    equal(worker.control("PUT", "tenants/Refuses", {"name": "x"}).status, 422)
    equal(worker.control("PUT", "tenants/refuses", {"title": "x"}).status, 422)
    equal(worker.control("PUT", "tenants/nobody/numbers", {"numbers": [mobile("+4670")]}).status, 404)
    for numbers, detail in (
            ([{"number": "070", "kind": "mobile"}], "numbers.0.number"),
            ([mobile("+46701"), {"number": "+46702", "kind": "mobile", "flow": "main"}], "numbers.1.flow"),
            ([mobile("+46701", barring=["everything"])], "numbers.0.barring"),
            ([mobile("+46701"), mobile("+46701")], "numbers.1.number"), ([], "numbers")):
        answer = worker.control("PUT", "tenants/refuses/numbers", {"numbers": numbers})
        equal(answer.status, 422)
        check(answer.json["detail"].startswith(detail), answer.body)
    bad = json.loads(json.dumps(MENU).replace('"sales"', '"nowhere"', 1))
    answer = worker.control("PUT", "tenants/refuses/flows/main", bad)
    equal(answer.status, 422)
    check("nodes.menu.branches.1" in answer.json["detail"], answer.body)
    equal(worker.control("POST", "tenants/refuses/flows/main/publish").status, 404)
    equal(worker.control("GET", "tenants/refuses/flows/main").status, 404)
    equal(worker.control("DELETE", "tenants/refuses/numbers/+46701").status, 404)
    equal(worker.control("GET", "tenants/refuses/numbers").json["numbers"], [])


def test_directory_writes_again_change_nothing(host):
    worker = host.workers[0]
    number, other = sorted((fresh_number(), fresh_number()))
    make_tenant(host, "again")
    first = put(host, "again", mobile(number), mobile(other)).json
    equal(put(host, "again", mobile(other), mobile(number, barring=[])).json, first)
    changed = put(host, "again", mobile(number, barring=["incoming"]), mobile(other)).json
    check(changed["row_version"] > first["row_version"], "row_version grows")
    versions = {row["number"]: row["row_version"] for row in changed["numbers"]}
    equal(versions[other], first["row_version"], "the other number")
    make_tenant(host, "again-2")
    equal(worker.control("PUT", "tenants/again-2/numbers", {"numbers": [mobile(number)]}).status, 409)
    listed = worker.control("GET", "tenants/again/numbers?limit=1").json["numbers"]
    equal([row["number"] for row in listed], [number])
    listed = worker.control("GET", f"tenants/again/numbers?after=%2B{number[1:]}").json["numbers"]
    equal([row["number"] for row in listed], [other])
    put_flow(host, "again", MENU)
    published = put_flow(host, "again", MENU).json
    equal(published["version"], 1, "an unchanged draft is not published again")
    equal(worker.control("GET", "tenants/again/flows/main").json["published_version"], 1)
    check({"tenant": "again", "name": "again", "row_version": 1} in worker.control("GET", "tenants").json["tenants"],
          "the list of tenants")


def test_each_source_in_turn(host):
    one, two = host.workers
    number = fresh_number()
    make_tenant(host, "sources")
    put(host, "sources", mobile(number, forward_always="+46709999999"))
    host.replicated()
    answers = [answered(one, "sources", event(number)), answered(one, "sources", event(number)),
               answered(two, "sources", event(number)), answered(two, "sources", event(number))]
    equal([answer.source for answer in answers], ["replica", "memory", "redis", "memory"])
    equal({connected_to(answer) for answer in answers}, {"+46709999999"})
    check(len({answer.plan_version for answer in answers}) == 1, "one plan version")
    equal(two.metric('callcell_cell_answers_total{source="redis"}') >= 1, True)


def test_primary_answers_when_the_replica_is_gone(host):
    one = host.workers[0]
    number = fresh_number()
    make_tenant(host, "primary")
    put(host, "primary", mobile(number))
    host.replica.stop("immediate")
    wait_until("the worker knows", lambda: not one.state()["replica_up"])
    equal(answered(one, "primary", event(number)).source, "primary")
    host.replica.start()
    host.replicated()
    wait_until("the replica is used again", lambda: all(worker.state()["replica_up"] for worker in host.workers))


def test_a_repeat_gives_the_same_bytes_anywhere(host):
    one, two = host.workers
    number = fresh_number("+4610")
    make_tenant(host, "repeat")
    put_flow(host, "repeat", MENU)
    put(host, "repeat", pbx(number))
    host.replicated()
    sent = event(number, "pbx")
    first = answered(one, "repeat", sent)
    host.redis.command("FLUSHALL")
    second = answered(two, "repeat", sent)
    equal(second.body, first.body)
    equal(second.source, "replica")
    equal(second.headers["callcell-decision-id"], first.headers["callcell-decision-id"])
    check("gather" in json.dumps(first.json["actions"]), first.body)


def test_a_dialogue_goes_on_elsewhere_with_its_own_flow_version(host):
    one, two = host.workers
    number = fresh_number("+4610")
    make_tenant(host, "dialogue")
    put_flow(host, "dialogue", MENU)
    put(host, "dialogue", pbx(number))
    host.replicated()
    first = answered(one, "dialogue", event(number, "pbx", call="dialogue-1"))
    changed = json.loads(json.dumps(MENU).replace("+46700000001", "+46700000002"))
    put_flow(host, "dialogue", changed)
    host.replicated()
    host.redis.command("FLUSHALL")
    pressed = event(number, "pbx", "gather.completed", "dialogue-1", state=first.json["state"],
                    result={"digits": "1", "reason": "dtmf"})
    for worker in (two, one, two):
        equal(connected_to(answered(worker, "dialogue", pressed)), "+46700000001", "pinned version")
    fresh = answered(two, "dialogue", event(number, "pbx", call="dialogue-2"))
    equal(fresh.json["flow"], {"id": "main", "version": 2})
    forged = {**pressed, "event_id": "forged", "state": "A" * 60}
    equal(answered(two, "dialogue", forged).json["actions"], [{"hangup": {}}])


def test_a_write_reaches_the_other_worker_before_it_returns(host):
    one, two = host.workers
    number = fresh_number()
    make_tenant(host, "spread")
    for i in range(20):
        target = f"+4670{i:07d}"
        answer = put(host, "spread", mobile(number, forward_always=target), worker=i % 2)
        check("callcell-propagation" not in answer.headers, f"pending: {answer.headers}")
        for worker in (one, two):
            got = answered(worker, "spread", event(number))
            equal(connected_to(got), target, f"round {i}")
            equal(got.plan_version, answer.json["row_version"])
    equal(one.control("DELETE", f"tenants/spread/numbers/{number}").status, 200)
    gone = answered(two, "spread", event(number))
    equal(gone.json["actions"][0]["reject"]["sip_code"], 404)
    put(host, "spread", mobile(number))
    equal(connected_to(answered(two, "spread", event(number))), number, "made again")


def test_publishing_reaches_all_numbers_that_use_the_flow(host):
    one, two = host.workers
    numbers = [fresh_number("+4610") for _ in range(200)]
    unpublished, other = fresh_number("+4610"), fresh_number()
    make_tenant(host, "publish")
    put_flow(host, "publish", MENU)
    put(host, "publish", *[pbx(number) for number in numbers], pbx(unpublished, "later"), mobile(other))
    for number in (*numbers, unpublished, other):
        answered(two, "publish", event(number, "pbx" if number != other else "mobile"))
    put_flow(host, "publish", {**MENU, "nodes": {**MENU["nodes"], "menu": {**MENU["nodes"]["menu"], "retries": 3}}})
    for number in numbers:
        equal(answered(two, "publish", event(number, "pbx")).json["flow"]["version"], 2)
    equal(answered(two, "publish", event(other)).source, "memory", "a number without the flow is untouched")
    equal(answered(two, "publish", event(unpublished, "pbx")).json["actions"][0]["reject"]["sip_code"], 480)
    put_flow(host, "publish", MENU, "later")
    equal(answered(two, "publish", event(unpublished, "pbx")).json["flow"], {"id": "later", "version": 1})
    equal(answered(one, "publish", event(numbers[0], "pbx")).json["flow"]["version"], 2)


def test_redis_cannot_put_an_old_plan_back(host):
    one, two = host.workers
    number, corrupt = fresh_number(), fresh_number()
    make_tenant(host, "version")
    put(host, "version", mobile(number, forward_always="+46700000001"), mobile(corrupt))
    answered(one, "version", event(number))
    key = f"plan:version:{number}"
    old = host.redis.command("--raw", "GET", key)
    check(old.startswith("p "), old)
    answer = put(host, "version", mobile(number, forward_always="+46700000002"))
    check(host.redis.command("GET", key).startswith("m "), "a marker replaced the plan")
    equal(connected_to(answered(one, "version", event(number))), "+46700000002")
    equal(connected_to(answered(two, "version", event(number))), "+46700000002")
    host.redis.command("SET", key, old + "\n")
    equal(connected_to(answered(two, "version", event(number))), "+46700000002", "memory is newer")
    equal(answered(two, "version", event(number)).plan_version, answer.json["row_version"])
    host.redis.command("SET", f"plan:version:{corrupt}", "nonsense")
    host.replicated()
    equal(answered(one, "version", event(corrupt)).source, "replica", "a corrupt value is passed over")


def test_memory_is_bounded(host):
    worker = host.add_worker("worker-small", {"call_plans_max": 50})
    try:
        numbers = [fresh_number() for _ in range(300)]
        make_tenant(host, "bounded")
        put(host, "bounded", *[mobile(number) for number in numbers])
        host.replicated()
        sources = {answered(worker, "bounded", event(number)).source for number in numbers}
        equal(sources, {"replica"})
        state = worker.state()
        equal(state["plans"]["held"], 50)
        check(state["plans"]["evicted"] >= 250, state)
        # A Redis that is late on a loaded machine is passed over: the replica answers then.
        sources = {answered(worker, "bounded", event(number)).source for number in numbers[:200]}
        check("redis" in sources and sources <= {"redis", "replica"}, sources)
    finally:
        equal(worker.stop(), 0, "exit status")
        host.workers.remove(worker)


def test_a_cold_number_is_loaded_once(host):
    worker = host.workers[0]
    number = fresh_number()
    make_tenant(host, "hot")
    put(host, "hot", mobile(number))
    host.replicated()
    series = 'callcell_cell_call_plan_loads_total{source="replica",outcome="ok"}'
    before = worker.metric(series)
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: answered(worker, "hot", event(number)), range(40)))
    equal({connected_to(answer) for answer in answers}, {number})
    equal(worker.metric(series) - before, 1)


def test_unknown_and_emergency_and_safest(host):
    worker = host.workers[0]
    number = fresh_number()
    make_tenant(host, "unknown")
    got = answered(worker, "unknown", event(number))
    equal(got.json["actions"][0]["reject"]["sip_code"], 404)
    equal(worker.metric('callcell_cell_decisions_total{decision="unknown_number"}') >= 1, True)
    equal(answered(worker, "unknown", event(number)).source, "memory", "known not to exist")
    put(host, "unknown", mobile(number))
    equal(connected_to(answered(worker, "unknown", event(number))), number, "heard of it at once")
    sos = event("112")
    sos["call"]["direction"] = "originating"
    sos["call"]["to"] = {"dialled": "112"}
    equal(answered(worker, "unknown", sos).json["actions"][0]["connect"]["targets"], [{"dialled": "112"}])
    equal(answered(worker, "unknown", event(number, name="play.completed")).json["actions"], [])
    equal(answered(worker, "unknown", event(number, name="coffee.brewed")).json["actions"], [])


def test_what_is_no_call_event_or_not_ours(host):
    worker = host.workers[0]
    sent = event("+46701")
    equal(worker.call("elsewhere", sent).status, 421)
    equal(worker.call("elsewhere", sent).headers["callcell-map-epoch"], "1")
    for body in (b"", b"{", b"[]", json.dumps({**sent, "event_id": ""}).encode()):
        answer = worker.request("POST", "/internal/v1/se/tenants/acme/calls", body, EDGE_TOKEN)
        equal(answer.status, 400, body)
    answer = worker.request("POST", "/internal/v1/se/tenants/acme/calls/another/events", sent, EDGE_TOKEN)
    equal(answer.status, 400, "call id of another call")
    answer = worker.request("POST", "/internal/v1/no/tenants/acme/calls", sent, EDGE_TOKEN)
    equal(answer.status, 404, "another country")


def test_one_event_on_both_workers_counts_once(host):
    make_tenant(host, "once")
    number = fresh_number()
    put(host, "once", mobile(number))
    host.replicated()
    for worker in host.workers:
        answered(worker, "once", event(number))  # warm: then both say "memory"
    host.shipped()
    sent = event(number)
    for _ in range(3):
        for worker in host.workers[:2]:
            equal(answered(worker, "once", sent).source, "memory")
    host.shipped()
    rows = rows_of(host, "once", sent["call"]["id"])
    equal(len(rows), 1)
    equal((rows[0]["source"], rows[0]["delivered"]), ("memory", False))
    equal(rows[0]["carrier_key"], "carrier-1")
    counts = host.primary.query("SELECT sum(count) FROM events.rollup WHERE tenant_id = 'once'")
    equal(counts, [["3"]], "two warm-up events and one")


def test_journal_reconciliation(host):
    worker = host.workers[0]
    number = fresh_number()
    make_tenant(host, "journal")
    put(host, "journal", mobile(number))
    host.replicated()

    def row(call):
        rows = rows_of(host, "journal", call)
        equal(len(rows), 1)
        return rows[0]["source"], rows[0]["decision_id"], rows[0]["giver"], rows[0]["delivered"]

    # First by replica, then by memory or Redis: the source is unknown, the decision is the same.
    sent = event(number)
    decision = answered(worker, "journal", sent).headers["callcell-decision-id"]
    answered(worker, "journal", sent)
    host.shipped()
    equal(row(sent["call"]["id"])[:2], ("unknown", decision))
    # What the edge says was delivered replaces, and no spooled copy changes it.
    said = record("journal", sent["event_id"], call_id=sent["call"]["id"], source="memory", decision_id=decision,
                  giver="se-1/worker-1", attempt=2)
    equal(journal(worker, said).json, {"accepted": 1})
    equal(row(sent["call"]["id"]), ("memory", decision, "se-1/worker-1", True))
    equal(journal(worker, said).json, {"accepted": 1})
    answered(host.workers[1], "journal", sent)
    host.shipped()
    equal(row(sent["call"]["id"]), ("memory", decision, "se-1/worker-1", True))
    # Another edge delivered another one: the carrier may have had either.
    equal(journal(worker, {**said, "source": "edge", "giver": "edge-2"}).status, 200)
    equal(row(sent["call"]["id"]), ("unknown", decision, "se-1/worker-1", True))
    equal(journal(worker, {**said, "source": "edge", "decision_id": "other", "giver": "edge-2"}).status, 200)
    equal(row(sent["call"]["id"])[:2], ("unknown", "unknown"))
    # The journal comes first.
    sent = event(number)
    said = record("journal", sent["event_id"], call_id=sent["call"]["id"])
    equal(journal(worker, said, said).json, {"accepted": 2})
    answered(worker, "journal", sent)
    host.shipped()
    equal(row(sent["call"]["id"]), ("edge", "d-edge", "edge-1", True))
    # Both edges' entries in one batch.
    sent = event(number)
    said = record("journal", sent["event_id"], call_id=sent["call"]["id"])
    equal(journal(worker, said, {**said, "source": "memory", "giver": "edge-2"}).json, {"accepted": 2})
    equal(row(sent["call"]["id"])[:2], ("unknown", "d-edge"))
    # Different decisions, nobody knows which was delivered.
    sent = event(number)
    answered(worker, "journal", sent)
    put(host, "journal", mobile(number, forward_always="+46700000009"))
    answered(worker, "journal", sent)
    host.shipped()
    equal(row(sent["call"]["id"])[1], "unknown")
    equal(journal(worker, {"tenant": "journal"}).status, 400, "not delivered")


ONE, TWO = "01900000-0000-7000-8000-000000000001", "01900000-0000-7000-8000-000000000002"


def told(request, source, decision, delivered, giver):
    """What a record of one request says; request None: of a program of before."""
    return {"request_id": request, "source": source, "decision_id": decision, "delivered": delivered, "giver": giver,
            "processing_us": 30 if delivered else 10}


BY_ONE = told(ONE, "edge", "d-edge", True, "edge-1")
SPOOLED_FOR_ONE = told(ONE, "memory", "d-cell", False, "se-1/worker-1")
SPOOLED_FOR_TWO = told(TWO, "memory", "d-cell", False, "se-1/worker-2")
OLD = told(None, "redis", "d-cell", False, "se-1/worker-1")
# What the records say, and what the carrier can have been given: (source, decision).
DELIVERIES = {
    # Edge 1 answers by itself; edge 2 passes on a worker's first answer, and journals nothing.
    "edge-and-worker": ([BY_ONE, SPOOLED_FOR_TWO], ("unknown", "unknown")),
    "edge-late-worker-and-worker": ([SPOOLED_FOR_ONE, BY_ONE, SPOOLED_FOR_TWO], ("unknown", "unknown")),
    "one-delivery": ([SPOOLED_FOR_ONE, BY_ONE], ("edge", "d-edge")),
    "second-worker": ([SPOOLED_FOR_ONE, told(ONE, "redis", "d-cell", False, "se-1/worker-2"),
                       told(ONE, "redis", "d-cell", True, "se-1/worker-2")], ("redis", "d-cell")),
    "both-edges-alike": ([BY_ONE, told(TWO, "edge", "d-edge", True, "edge-2")], ("edge", "d-edge")),
    "both-workers-alike": ([SPOOLED_FOR_ONE, SPOOLED_FOR_TWO], ("memory", "d-cell")),
    "other-source": ([SPOOLED_FOR_ONE, told(TWO, "replica", "d-cell", False, "se-1/worker-2")],
                     ("unknown", "d-cell")),
    # What a worker did for edge 1 without delivering it is no reason to doubt, once both edges are heard.
    "late-workers": ([SPOOLED_FOR_ONE, SPOOLED_FOR_TWO, BY_ONE, told(TWO, "edge", "d-edge", True, "edge-2")],
                     ("edge", "d-edge")),
    "three-deliveries": ([BY_ONE, SPOOLED_FOR_TWO, told("01900000-0000-7000-8000-000000000003", "memory", "d-cell",
                                                        True, "se-1/worker-1")], ("unknown", "unknown")),
    # Half upgraded: who has no request id is taken as before, and an edge's word counts.
    "old-worker": ([OLD, BY_ONE], ("edge", "d-edge")),
    "old-edge": ([SPOOLED_FOR_ONE, told(None, "edge", "d-edge", True, "edge-1")], ("edge", "d-edge")),
    "old-and-two": ([OLD, SPOOLED_FOR_ONE, SPOOLED_FOR_TWO], ("unknown", "d-cell")),
}


def ingest(host, batches):
    """One after the other; how many rows each changed after they were there."""
    documents = [json.dumps(batch).replace("'", "''") for batch in batches]
    statements = "".join(f"SELECT events.ingest('{document}') ->> 'reconciled';" for document in documents)
    return [int(row[0]) for row in host.primary.query(statements)]


def test_of_several_deliveries_only_what_all_agree_in_is_known(host):
    """In every order, each record alone or all in one batch, and once more: the outcome is the same."""
    kept = "SELECT source, decision_id, delivered FROM events.events WHERE event_id IN ('{}', '{}')"
    for name, (said, outcome) in DELIVERIES.items():
        wanted = [[*outcome, "t" if any(each["delivered"] for each in said) else "f"]] * 2
        for number, order in enumerate(itertools.permutations(said)):
            alone, batch = f"{name}-{number}-alone", f"{name}-{number}-batch"
            batches = [[record("deliveries", alone, **each)] for each in order]
            batches.append([record("deliveries", batch, **each) for each in order])
            ingest(host, batches)
            equal(host.primary.query(kept.format(alone, batch)), wanted, f"{name}: {order}")
            equal(set(ingest(host, batches[::-1])), {0}, f"rows that a replay changes, {name}: {order}")
            equal(host.primary.query(kept.format(alone, batch)), wanted, f"{name}, replayed: {order}")
    sums = "SELECT sum({}), sum(processing_us) FROM events.{} WHERE tenant_id = 'deliveries'"
    equal(host.primary.query(sums.format("count", "rollup")), host.primary.query(sums.format("1", "events")), "rollup")


def test_a_repeat_at_the_second_edge(host):
    """The same through a worker: what it spools has the request id of the edge that asked."""
    worker = host.workers[0]
    number = fresh_number()
    make_tenant(host, "second")
    put(host, "second", mobile(number))
    for journal_first in (True, False):
        sent = event(number)
        said = record("second", sent["event_id"], call_id=sent["call"]["id"], request_id=ONE)
        if journal_first:
            equal(journal(worker, said).status, 200)
        answered(worker, "second", sent, request_id=TWO)
        host.shipped()
        if not journal_first:
            row, = rows_of(host, "second", sent["call"]["id"])
            equal(row["request_id"], TWO)
            equal(journal(worker, said).status, 200)
        for _ in range(2):
            row, = rows_of(host, "second", sent["call"]["id"])
            equal((row["source"], row["decision_id"]), ("unknown", "unknown"))
            answered(worker, "second", sent, request_id=TWO)
            equal(journal(worker, said).status, 200)
            host.shipped()
    sent = event(number)
    answered(worker, "second", sent, request_id="no uuid")
    host.shipped()
    row, = rows_of(host, "second", sent["call"]["id"])
    equal(row["request_id"], None, "an id that is none is not kept")


def test_absurd_dates_and_old_spools(host):
    worker = host.workers[0]
    number = fresh_number()
    make_tenant(host, "absurd")
    put(host, "absurd", mobile(number))
    for moment in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2019-05-05T05:05:05+02:00"):
        answered(worker, "absurd", event(number, occurred_at=moment))
    host.shipped()
    days = host.primary.query("SELECT tableoid::regclass FROM events.events WHERE tenant_id = 'absurd'")
    equal(days, [["events.events_default"]] * 3)
    # The inbox has forgotten; the events themselves have not.
    said = record("absurd", "old-1", occurred_at="2019-05-05T00:00:00Z")
    equal(journal(worker, said).status, 200)
    host.primary.query("DELETE FROM events.inbox WHERE tenant_id = 'absurd'")
    equal(journal(worker, said).status, 200)
    equal(host.primary.value("SELECT count(*) FROM events.events WHERE event_id = 'old-1'"), "1")
    total = "SELECT sum(count) FROM events.rollup WHERE tenant_id = 'absurd'"
    equal(host.primary.value(total), "4")


def test_a_poison_record_is_put_apart(host):
    worker = host.workers[0]
    good = [record("poison", f"p-{i}") for i in range(20)]
    bad = record("poison", "p-bad", occurred_at="some day")
    equal(journal(worker, *good[:7], bad, *good[7:]).json, {"accepted": 21})
    equal(host.primary.value("SELECT count(*) FROM events.events WHERE tenant_id = 'poison'"), "20")
    lines = (worker.folder / "spool/quarantine.jsonl").read_text().splitlines()
    equal([json.loads(line)["event_id"] for line in lines], ["p-bad"])
    equal(worker.state()["spool"]["quarantined"], 1)


def test_row_level_security_isolates(host):
    node = host.primary
    make_tenant(host, "mine")
    number = fresh_number()
    put(host, "mine", mobile(number))
    plans = "SELECT count(*) FROM directory.call_plans"

    def seen(sql, role, tenant=None):
        prefix = f"SET callcell.tenant = '{tenant}'; " if tenant else ""
        return node.query(prefix + sql, role, f"password-of-{role}")[-1][0]

    equal(seen(plans, "calls"), "0", "without a tenant")
    equal(seen(plans, "calls", "nobody"), "0", "another tenant")
    equal(seen(plans, "calls", "mine"), "1", "its own")
    equal(seen("SELECT count(*) FROM directory.numbers", "directory", "nobody"), "0")
    for role, sql in (("calls", "SELECT * FROM directory.numbers"), ("calls", "SELECT * FROM events.events"),
                      ("calls", "UPDATE directory.call_plans SET plan = ''"),
                      ("events", "INSERT INTO events.inbox VALUES ('mine', now(), 'x')"),
                      ("events", "SELECT * FROM directory.call_plans"),
                      ("directory", "SELECT * FROM events.events"),
                      ("directory", "UPDATE directory.flow_versions SET version = 1"),
                      ("directory", "INSERT INTO directory.numbers VALUES ('mine', '+4699', 'mobile', NULL, '{}', 1)")):
        try:
            seen(sql, role, "nobody" if role == "directory" else "mine")
        except RuntimeError as error:
            check("permission denied" in str(error) or "row-level security" in str(error), error)
        else:
            raise AssertionError(f"{role} may: {sql}")
    unsafe = node.query("SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
                        "WHERE nspname IN ('directory', 'events') AND relkind IN ('r', 'p') "
                        "AND NOT (relrowsecurity AND relforcerowsecurity)")
    equal(unsafe, [], "tables without forced row-level security")
    keyless = node.query("SELECT conrelid::regclass FROM pg_constraint c WHERE contype = 'p' AND conrelid::regclass"
                         "::text ~ '^(directory|events)[.]' AND NOT EXISTS (SELECT FROM pg_attribute a WHERE "
                         "attrelid = conrelid AND attnum = ANY (conkey) AND attname = 'tenant_id')")
    equal(keyless, [], "primary keys without the tenant")


def test_redis_dead(host):
    one, two = host.workers
    warm, cold, changed = fresh_number(), fresh_number(), fresh_number()
    make_tenant(host, "deaf")
    put(host, "deaf", mobile(warm), mobile(cold), mobile(changed))
    for worker in (one, two):
        answered(worker, "deaf", event(warm))
        answered(worker, "deaf", event(changed))
    host.replicated()
    host.redis.stop()
    wait_until("the worker knows", lambda: not one.state()["redis_up"])
    equal(answered(one, "deaf", event(warm)).source, "memory")
    equal(answered(one, "deaf", event(cold)).source, "replica")
    answer = put(host, "deaf", mobile(changed, forward_always="+46700000003"))
    equal(answer.headers.get("callcell-propagation"), "pending")
    host.replicated()
    wait_until("looked up again in the background while the stream is silent", lambda: connected_to(
        answered(two, "deaf", event(changed))) == "+46700000003")
    host.redis.start()
    wait_until("the workers are back", lambda: one.state()["redis_up"] and two.state()["redis_up"])
    wait_until("the change is announced after all",
               lambda: host.redis.command("GET", f"plan:deaf:{changed}")[:1] in ("m", "p"))
    wait_until("writes are taken up again", lambda: "callcell-propagation" not in put(
        host, "deaf", mobile(fresh_number())).headers)


def test_redis_frozen(host):
    one = host.workers[0]
    numbers = [fresh_number() for _ in range(5)]
    make_tenant(host, "frozen")
    put(host, "frozen", *[mobile(number) for number in numbers])
    host.replicated()
    host.redis.freeze()
    try:
        for number in numbers:
            equal(answered(one, "frozen", event(number)).source, "replica")
            equal(answered(one, "frozen", event(number)).source, "memory")
        slow = max(float(row[0]) for row in slowest(host, one, "frozen"))
        check(slow < 350000, f"slowest answer {slow} us")
    finally:
        host.redis.thaw()
    wait_until("Redis is used again", lambda: one.state()["redis_up"])


def slowest(host, worker, tenant):
    host.shipped()
    return host.primary.query(f"SELECT max(processing_us) FROM events.events WHERE tenant_id = '{tenant}'")


def test_replica_and_primary_frozen(host):
    """Sockets stay open and nobody answers: only deadlines help."""
    one = host.workers[0]
    numbers = [fresh_number() for _ in range(6)]
    make_tenant(host, "stiff")
    put(host, "stiff", *[mobile(number, forward_always="+46700000042") for number in numbers])
    host.replicated()
    host.replica.signal(signal.SIGSTOP)
    try:
        for number in numbers[:3]:
            got = answered(one, "stiff", event(number))
            equal((got.source, connected_to(got)), ("primary", "+46700000042"))
        host.primary.signal(signal.SIGSTOP)
        host.redis.command("FLUSHALL")
        started = time.monotonic()
        got = one.call("stiff", event(numbers[3]))
        check(time.monotonic() - started < 0.4, f"late: {time.monotonic() - started} s")
        check(left_to_others(got), f"nobody knows: {got.status} {got.body}")
        equal(answered(one, "stiff", event(numbers[0])).source, "memory")
    finally:
        host.primary.signal(signal.SIGCONT)
        host.replica.signal(signal.SIGCONT)
    wait_until("both are used again", lambda: one.call("stiff", event(numbers[4])).status == 200)
    equal(connected_to(answered(one, "stiff", event(numbers[4]))), "+46700000042")


def test_primary_dead(host):
    one = host.workers[0]
    number = fresh_number()
    make_tenant(host, "headless")
    put(host, "headless", mobile(number))
    host.replicated()
    host.primary.stop("immediate")
    try:
        host.redis.command("FLUSHALL")
        equal(answered(one, "headless", event(number)).source, "replica")
        answer = one.control("PUT", "tenants/headless/numbers", {"numbers": [mobile(fresh_number())]})
        equal(answer.status, 503)
        equal(journal(one, record("headless", "j-1")).status, 503)
        equal(one.get("/readyz").status, 200, "calls are still answered")
    finally:
        host.primary.start()
    wait_until("Postgres is back", lambda: rows_of(host, "headless", "nothing") == [])
    host.shipped()
    equal(host.primary.value("SELECT count(*) FROM events.events WHERE tenant_id = 'headless'"), "1")


def test_killed_with_postgres_stopped_loses_nothing(host):
    one = host.workers[0]
    number = fresh_number()
    make_tenant(host, "killed")
    put(host, "killed", mobile(number))
    host.replicated()
    answered(one, "killed", event(number))
    host.shipped()
    host.primary.stop("immediate")
    host.replica.stop("immediate")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda _: event(number), range(1000)))
        list(pool.map(lambda one_event: answered(one, "killed", one_event), sent))
    host.redis.command("FLUSHALL")
    wait_until("a number that nobody can look up is left to others",
               lambda: left_to_others(one.call("killed", event("+46708888888"))))
    one.kill()
    host.primary.start()
    host.replica.start()
    one.start()
    host.shipped()
    arrived = host.primary.query("SELECT event_id FROM events.events WHERE tenant_id = 'killed'")
    ids = [row[0] for row in arrived]
    equal(len(ids), len(set(ids)), "once each")
    missing = {one_event["event_id"] for one_event in sent} - set(ids)
    equal(missing, set(), "missing")
    count = host.primary.value("SELECT sum(count) FROM events.rollup WHERE tenant_id = 'killed'")
    equal(count, str(len(ids)))


def test_stop_drops_no_request(host):
    worker = host.add_worker("worker-stops")
    number = fresh_number()
    make_tenant(host, "stops")
    put(host, "stops", mobile(number))
    host.replicated()
    wait_until("the number is known", lambda: worker.call("stops", event(number)).status == 200)
    answered_ids, refused = [], []

    def call_until_refused(_):
        while True:
            sent = event(number)
            try:
                answered(worker, "stops", sent)
            except ConnectionRefusedError:
                return
            except (OSError, AssertionError) as error:
                refused.append(error)
                return
            answered_ids.append(sent["event_id"])

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(call_until_refused, i) for i in range(4)]
        wait_until("calls flow", lambda: len(answered_ids) > 100)
        status = worker.stop()
        host.workers.remove(worker)
        for one in running:
            one.result()
    equal(status, 0, "exit status")
    check(all(isinstance(error, ConnectionResetError) for error in refused),
          f"cut off: {refused}")  # in the listener's backlog: never accepted
    rows = host.primary.query("SELECT event_id FROM events.events WHERE tenant_id = 'stops'")
    equal({row[0] for row in rows} >= set(answered_ids), True, "what was answered was shipped before the end")


def test_a_stop_is_not_waited_for_and_clean(host):
    """Under the sanitizers a leak shows as another exit status."""
    one, two = host.workers
    equal(two.stop(), 0, "exit status")
    make_tenant(host, "left")
    check("callcell-propagation" not in put(host, "left", mobile(fresh_number())).headers, "waited for who left")
    equal(one.stop(), 0, "exit status")


TESTS = [value for name, value in list(globals().items()) if name.startswith("test_")]


def main():
    chosen = [test for test in TESTS if not sys.argv[1:] or any(word in test.__name__ for word in sys.argv[1:])]
    failed = 0
    with CellHost() as host:
        for index, test in enumerate(chosen, 1):
            try:
                test(host)
                print(f"ok {index} - {test.__name__}", flush=True)
            except Exception:  # each test says for itself
                failed += 1
                print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="")
                print(f"not ok {index} - {test.__name__}", flush=True)
        if failed:
            host.show_logs()
    print(f"1..{len(chosen)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
