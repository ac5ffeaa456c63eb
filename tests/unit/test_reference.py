#!/usr/bin/python3
"""The reference walk itself, on cases whose answers were worked out by hand from the documents."""
import json

from support.carrier import event
from support.dataset import wrong_answers
from support.records import agrees
from support.reference import Policy, Reference, differences
from support.scenario import expect_equal, main, test

POLICY = Policy("46", "0", ("112",), ("+46900",))
FLOW = {"version": 1, "entry": "hours", "nodes": {
    "hours": {"type": "hours", "zone": "Europe/Stockholm", "weekly": {"mon": [["08:00", "17:00"]]},
              "branches": {"open": "menu", "closed": "closed"}},
    "menu": {"type": "menu", "prompt": {"say": {"text": "1"}}, "retries": 1,
             "branches": {"1": "sales", "22": "closed", "timeout": "closed"}},
    "sales": {"type": "connect", "targets": [{"e164": "+46700000001"}], "branches": {"busy": "closed"}},
    "closed": {"type": "say", "text": "Closed.", "next": "bye"},
    "bye": {"type": "hangup"}}}
NUMBERS = {
    "+46701": {"number": "+46701", "tenant": "acme", "kind": "mobile", "forward_always": "+46702"},
    "+46703": {"number": "+46703", "tenant": "acme", "kind": "mobile", "barring": ["international"],
               "caller_id": {"presentation": "restricted"}},
    "+46101": {"number": "+46101", "tenant": "acme", "kind": "pbx", "flow": "main",
               "fallback_target": "+46709"},
}


def reference():
    return Reference(NUMBERS, {("acme", "main"): (3, FLOW)}, POLICY)


def actions(message, tenant="acme", walker=None):
    return (walker or reference()).answer(message, tenant).actions


def connect(**target):
    return [{"connect": {"targets": [target]}}]


REJECT_BARRED = [{"reject": {"sip_code": 603, "q850": 21}}]


@test
def mobile_calls():
    expect_equal(actions(event(to="+46701")), connect(e164="+46702"), "forward")
    loop = event(to="+46701", call={"forwarded_from": ["+46701"]})
    expect_equal(actions(loop), connect(e164="+46701"), "no forward in a circle")
    expect_equal(actions(event(to="+46799")), [{"reject": {"sip_code": 404, "q850": 1}}], "unknown")
    abroad = event(direction="originating", sender="+46703", dialled="004790")
    expect_equal(actions(abroad), REJECT_BARRED, "abroad")
    home = event(direction="originating", sender="+46703", dialled="0812")
    expect_equal(actions(home), connect(dialled="0812", caller_id="anonymous"), "restricted")
    short = event(direction="originating", sender="+46703", dialled="118118")
    expect_equal(actions(short), connect(dialled="118118", caller_id="anonymous"), "short code")
    stranger = event(direction="originating", sender="+46788", dialled="0900123")
    expect_equal(actions(stranger), REJECT_BARRED, "barred prefix")
    emergency = event(direction="originating", sender="+46703", dialled="112")
    expect_equal(actions(emergency), connect(dialled="112"), "emergency")
    expect_equal(actions(event("call.completed", to="+46701")), [], "later event")


@test
def a_dialogue():
    walker = reference()
    common = {"kind": "pbx", "to": "+46101", "call_id": "c", "occurred_at": "2026-11-23T07:00:00Z"}
    gather = walker.answer(event(**common), "acme")
    expect_equal((gather.waits, gather.flow, gather.on_timeout), (True, ("main", 3), connect(e164="+46709")),
                 "answer")
    expect_equal(gather.actions[0]["gather"]["max"], 2, "longest branch")
    again = actions(event("gather.completed", result={"digits": "7"}, **common), walker=walker)
    expect_equal(again, gather.actions, "a second try")
    sales = walker.answer(event("gather.completed", result={"digits": "1"}, **common), "acme")
    expect_equal(sales.actions[0]["connect"]["timeout_s"], 30, "default")
    expect_equal(walker.answer(event("play.completed", **common), "acme").waits, True, "still waiting")
    end = walker.answer(event("dial.completed", result={"status": "busy"}, **common), "acme")
    expect_equal(end.actions, [{"say": {"text": "Closed.", "language": "en"}}, {"hangup": {}}], "end")
    expect_equal((end.waits, end.on_timeout), (False, []), "end")


@test
def hours_in_the_tenants_zone():
    for time, first in (("2026-11-23T06:59:59Z", "say"), ("2026-11-23T07:00:00Z", "gather"),
                        ("2026-11-23T15:59:59Z", "gather"), ("2026-11-23T16:00:00Z", "say"),
                        ("2026-06-22T06:00:00Z", "gather"), ("2026-11-24T09:00:00Z", "say")):
        answer = actions(event(kind="pbx", to="+46101", occurred_at=time))
        expect_equal(list(answer[0])[0], first, time)


@test
def safest_actions():
    walker = reference()
    unfit = event("gather.completed", kind="pbx", to="+46101", result={"digits": "1"})
    expect_equal(actions(unfit, walker=walker), connect(e164="+46709"), "no dialogue")
    edge = walker.edge_answer(event(direction="originating", sender="+46703", to="+46900123"), "acme")
    expect_equal(edge.actions, REJECT_BARRED, "barred by the edge")
    expect_equal(walker.edge_answer(event(to="+46701"), "acme").actions, connect(e164="+46701"),
                 "the edge knows no forwards")


def line(number, name, state, body, source="memory", **fields):
    """A line of the load tool's log, of one PBX call."""
    return {"event_id": f"c.{number}", "event": name, "occurred_at": "2026-11-23T07:00:00Z", "call_id": "c",
            "kind": "pbx", "direction": "terminating", "from": "+46700000000", "to": "+46101", "dialled": "",
            "tenant": "acme", "state": state, "status": None, "digits": None, "reason": None, "source": source,
            "unanswered": body is None, "body": body and json.dumps({"on_timeout": [], **body}), **fields}


def a_call(gathered, source="memory", ended_flow=("main", 3)):
    """Its lines: the menu, what was pressed (answered with this body by this source), the end."""
    menu = {"gather": {"prompt": {"say": {"text": "1", "language": "en"}}, "min": 1, "max": 2, "finish_on_key": "#",
                       "timeout_s": 5}}
    flow = {"id": "main", "version": 3}
    pinned = ended_flow and {"id": ended_flow[0], "version": ended_flow[1]}
    return [line(1, "call.initiated", "", {"actions": [menu], "state": "s1", "flow": flow,
                                           "on_timeout": connect(e164="+46709")}),
            line(2, "gather.completed", "s1", gathered, source, digits="22", reason="dtmf"),
            line(3, "call.completed", "s1", {"actions": [], "state": None, "flow": pinned})]


@test
def only_a_cells_answer_moves_the_dialogue():
    by_edge = {"actions": connect(e164="+46709"), "state": "s1", "flow": None}
    expect_equal(wrong_answers(a_call(by_edge, "edge"), reference()), [], "the edge echoed the state: still at the menu")
    expect_equal(wrong_answers(a_call(None), reference()), [], "no answer: still at the menu")
    for source, gathered in (("edge", by_edge), ("memory", None)):
        wrong = wrong_answers(a_call(gathered, source, ended_flow=None), reference())
        expect_equal(len(wrong), 1, f"a cell that forgot the flow, after {source}'s {gathered}")
    lost = wrong_answers(a_call({**by_edge, "state": None}, "edge"), reference())
    expect_equal(len(lost), 1, "an edge that does not echo the state")
    by_cell = {"actions": [{"say": {"text": "Closed.", "language": "en"}}, {"hangup": {}}], "state": None,
               "flow": {"id": "main", "version": 3}}
    expect_equal(len(wrong_answers(a_call(by_cell), reference())), 1, "a flow after the dialogue has ended")


@test
def unknown_is_right_only_of_a_repeated_event():
    told = ("memory", "d1")
    for held, once, repeated in ((told, True, True), (("unknown", "d1"), False, True),
                                 (("unknown", "unknown"), False, True), (("memory", "unknown"), False, True),
                                 (("unknown", "d2"), False, False), (("edge", "d1"), False, False)):
        expect_equal((agrees(held, told, False), agrees(held, told, True)), (once, repeated), f"Postgres has {held}")


@test
def differences_are_found():
    message = event(to="+46701")
    expected = reference().answer(message, "acme")
    body = {"flow": None, "state": None, "actions": connect(e164="+46702"), "on_timeout": []}
    expect_equal(differences(expected, body, message, "memory"), [], "the same")
    for change in ({"actions": []}, {"actions": connect(e164="+46701")}, {"state": "x"},
                   {"flow": {"id": "main", "version": 1}}, {"on_timeout": [{"hangup": {}}]}):
        found = differences(expected, {**body, **change}, message, "memory")
        expect_equal(len(found), 1, f"differences with {change}")


main()
