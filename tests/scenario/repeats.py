"""A repeat gets the same bytes from any worker; a dialogue outlives its worker and its Redis."""
import json

from support.carrier import event
from support.dataset import deep_flow
from support.platform import Platform
from support.scenario import expect, expect_equal, generator, main, test
from support.wait import wait_until

TENANT, MOBILE, SWITCHBOARD, FALLBACK = "repeats", "+46704000001", "+46104000001", "+46700000009"
FLOW = {"version": 1, "entry": "menu", "nodes": {
    "menu": {"type": "menu", "prompt": {"say": {"text": "1 or 2", "language": "en"}}, "retries": 2,
             "branches": {"1": "sales", "2": "bye"}},
    "sales": {"type": "connect", "targets": [{"e164": "+46700000001"}], "branches": {"busy": "bye"}},
    "bye": {"type": "hangup"}}}


@test
def tenant_is_there(platform):
    platform.cli("tenant", "create", TENANT, "--country", "se")
    path = platform.file("flow.json", json.dumps(FLOW))
    platform.cli("flow", "put", "main", "--tenant", TENANT, "--file", path)
    platform.cli("flow", "publish", "main", "--tenant", TENANT)
    platform.cli("number", "create", MOBILE, "--tenant", TENANT, "--kind", "mobile", "--forward-always",
                 "+46733333333")
    platform.cli("number", "create", SWITCHBOARD, "--tenant", TENANT, "--kind", "pbx", "--flow", "main",
                 "--fallback", FALLBACK)


def switchboard_call():
    return event(kind="pbx", to=SWITCHBOARD)


def only_worker(platform, number):
    """Leaves one of the two workers running."""
    other = 3 - number
    platform.start_service(f"worker-{number}")
    wait_until(f"worker-{number} is ready", lambda: platform.worker_is_ready(number))
    platform.stop_service(f"worker-{other}")


def repeat_everywhere(platform, carrier, message):
    """The bodies of the same event at each worker alone, Redis empty in between; None when one was late, and the edge
    answered in its place."""
    bodies = []
    for number in (1, 2, 1):
        only_worker(platform, number)
        carrier.wait_until_the_cell_answers(switchboard_call, TENANT)
        reply = carrier.send(message, TENANT)
        expect_equal(reply.status, 200, f"status of worker-{number}'s answer")
        if reply.source == "edge":
            return None
        bodies.append(reply.body)
        platform.flush_redis()
    return bodies


def mobile_call():
    return event(kind="mobile", to=MOBILE, sender="+46701112233")


@test
def a_repeat_gets_the_same_bytes_from_the_other_worker(platform):
    carrier = platform.carrier()
    for make_message in (mobile_call, switchboard_call):
        first, second, third = wait_until("three answers in time", lambda make=make_message: repeat_everywhere(
            platform, carrier, make()), 120)
        expect_equal(second, first, "body of the other worker")
        expect_equal(third, first, "body after a restart")


@test
def both_edges_give_the_same_bytes(platform):
    carrier = platform.carrier()
    for edge in (0, 1):
        carrier.wait_until_the_cell_answers(switchboard_call, TENANT, edge)
    message = switchboard_call()
    expect_equal(carrier.send(message, TENANT, edge=1).body, carrier.send(message, TENANT, edge=0).body, "body")


def has_answered(platform, carrier, number):
    """Whether the worker has answered a call since its start; places one."""
    carrier.send(event(kind="mobile", to=MOBILE), TENANT)
    answered = platform.telemetry(platform.worker_telemetry_port(number))
    return sum(value for name, value in answered.items() if name.startswith("callcell_cell_answers_total"))


@test
def a_dialogue_goes_on_with_the_other_worker_and_an_empty_redis(platform):
    carrier = platform.carrier()
    only_worker(platform, 1)
    carrier.wait_until_the_cell_answers(switchboard_call, TENANT)
    first = event(kind="pbx", to=SWITCHBOARD, sender="+46701112233")
    answer = carrier.send(first, TENANT)
    expect("gather" in answer.json()["actions"][-1], f"a menu was expected: {answer}")
    platform.start_service("worker-2")
    wait_until("worker-2 answers", lambda: has_answered(platform, carrier, 2))
    platform.kill_for_good("worker-1")
    platform.flush_redis()
    carrier.wait_until_the_cell_answers(switchboard_call, TENANT)
    second = carrier.follow_up(first, answer, "gather.completed", {"reason": "dtmf", "digits": "1"})
    answer = carrier.send(second, TENANT)
    expect(answer.source not in (None, "edge"), f"the other worker was expected to answer: {answer}")
    targets = answer.json()["actions"][-1]["connect"]["targets"]
    expect_equal(targets, [{"e164": "+46700000001"}], "whom the call is connected to")
    third = carrier.follow_up(first, answer, "dial.completed", {"status": "busy"})
    answer = carrier.send(third, TENANT)
    expect_equal(answer.json()["actions"], [{"hangup": {}}], "actions after busy")
    expect_equal(answer.json()["state"], None, "state after the end")


@test
def a_published_change_does_not_reach_calls_under_way(platform):
    platform.start_service("worker-1")
    carrier = platform.carrier()
    carrier.wait_until_the_cell_answers(switchboard_call, TENANT)
    first = switchboard_call()
    answer = carrier.send(first, TENANT)
    expect_equal(answer.json()["flow"], {"id": "main", "version": 1}, "flow")
    path = platform.file("second.json", json.dumps(deep_flow(generator())))
    platform.cli("flow", "put", "main", "--tenant", TENANT, "--file", path)
    platform.cli("flow", "publish", "main", "--tenant", TENANT)
    wait_until("new calls follow version 2", lambda: carrier.send(event(kind="pbx", to=SWITCHBOARD), TENANT)
               .json()["flow"]["version"] == 2)
    second = carrier.follow_up(first, answer, "gather.completed", {"reason": "dtmf", "digits": "1"})
    answer = carrier.send(second, TENANT)
    expect_equal(answer.json()["flow"], {"id": "main", "version": 1}, "flow of the call under way")
    expect("connect" in answer.json()["actions"][-1], f"a connect was expected: {answer}")


main(Platform)
