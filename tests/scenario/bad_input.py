"""Whatever is not a signed call event in good framing gets 4xx and never reaches a cell."""
import http.client
import json
import socket
import time

from support.carrier import event, path_of, sign
from support.platform import Platform
from support.scenario import expect, expect_equal, main, test
from support.wait import wait_until

TENANT, MOBILE = "bad-input", "+46707000001"
HEAD_MAX, BODY_MAX = 16 * 1024, 64 * 1024
SLOW_LIMIT_S = 15


@test
def a_good_event_is_answered(platform):
    platform.cli("tenant", "create", TENANT, "--country", "se")
    platform.cli("number", "create", MOBILE, "--tenant", TENANT, "--kind", "mobile")
    platform.cli("tenant", "create", "other", "--country", "se")
    platform.cli("carrier", "create", "narrow", "--country", "se", "--tenants", "other")
    expect_equal(platform.carrier().send(event(to=MOBILE), TENANT).status, 200, "status")


def cell_count(platform):
    return sum(platform.telemetry(platform.worker_telemetry_port(number))["callcell_cell_call_events_total"]
               for number in (1, 2))


def refused_count(platform):
    values = platform.telemetry(platform.port(8081))
    return sum(value for name, value in values.items() if name.startswith("callcell_edge_refused_total"))


def read_reply(connection):
    """(status, head, whether the connection was closed after it); status None: closed without a word."""
    connection.settimeout(SLOW_LIMIT_S)
    data = b""
    try:
        while chunk := connection.recv(65536):
            data += chunk
    except TimeoutError:
        return int(data.split()[1]), data, False
    except ConnectionResetError:
        pass
    return (int(data.split()[1]) if data else None), data, True


def send_raw(platform, raw):
    with socket.create_connection(("127.0.0.1", platform.edge_ports()[0])) as connection:
        try:
            connection.sendall(raw)
        except ConnectionError:
            pass
        return read_reply(connection)


def signed_request(platform, message, extra=(), drop=(), body=None):
    """A whole request as bytes, rightly signed, with header lines added or left out."""
    body = json.dumps(message).encode() if body is None else body
    headers = {"Host": "edge", "Content-Type": "application/json", "callcell-key": "test",
               "Content-Length": str(len(body)), **sign(platform.secret, message["event_id"], body)}
    lines = [f"{name}: {value}" for name, value in headers.items() if name not in drop]
    head = "\r\n".join([f"POST {path_of(message, TENANT)} HTTP/1.1", *lines, *extra])
    return head.encode() + b"\r\n\r\n" + body


def refused(platform, what, raw, statuses, closes=True):
    cells, counted = cell_count(platform), refused_count(platform)
    status, data, closed = send_raw(platform, raw)
    expect(status in statuses, f"{what}: {data[:200]!r} instead of one of {statuses}")
    if closes:
        expect(closed, f"{what}: the connection stayed open")
    expect_equal(cell_count(platform), cells, f"{what}: call events that reached the cell")
    return refused_count(platform) - counted


@test
def framing_in_doubt_closes_the_connection(platform):
    message = event(to=MOBILE)
    length = len(json.dumps(message))
    cases = {
        "CL and TE": signed_request(platform, message, ["Transfer-Encoding: chunked"]),
        "TE": signed_request(platform, message, ["Transfer-Encoding: chunked"], ["Content-Length"],
                             b"0\r\n\r\n"),
        "TE identity": signed_request(platform, message, ["Transfer-Encoding: identity"]),
        "two Content-Lengths": signed_request(platform, message, [f"Content-Length: {length}"]),
        "two different Content-Lengths": signed_request(platform, message, ["Content-Length: 3"]),
        "no Host": signed_request(platform, message, drop=["Host"]),
        "two Hosts": signed_request(platform, message, ["Host: other"]),
        "obs-fold": signed_request(platform, message, ["X-A: b", " folded"]),
        "bare LF": signed_request(platform, message, ["X-A: b\nX-C: d"]),
        "absolute form": signed_request(platform, message).replace(b"POST /v1", b"POST http://edge/v1", 1),
    }
    for what, raw in cases.items():
        counted = refused(platform, what, raw, (400, 411, 501, None))
        expect(counted <= 1, f"{what}: counted {counted} times")


@test
def too_large_is_refused(platform):
    message = event(to=MOBILE)
    head = signed_request(platform, message, ["X-Large: " + "a" * HEAD_MAX])
    refused(platform, "head over 16 KB", head, (400, 431, None))
    body = json.dumps({**message, "padding": "a" * BODY_MAX}).encode()
    refused(platform, "body over 64 KB", signed_request(platform, message, body=body), (413, None), False)


@test
def slow_requests_are_cut(platform):
    raw = signed_request(platform, event(to=MOBILE))
    cells = cell_count(platform)
    for what, part in (("slow head", raw[:40]), ("slow body", raw[:-10])):
        started = time.monotonic()
        status, _, closed = send_raw(platform, part)
        expect(closed and status in (None, 400, 408), f"{what}: {status}, closed {closed}")
        expect(time.monotonic() - started < SLOW_LIMIT_S, f"{what}: not cut")
    expect_equal(cell_count(platform), cells, "call events that reached the cell")


def refused_by_handler(platform, what, status, message=None, body=None, headers=None, path=None):
    message = message or event(to=MOBILE)
    cells, counted = cell_count(platform), refused_count(platform)
    reply = platform.carrier().send(message, TENANT, body=body, headers=headers, path=path)
    expect_equal(reply.status, status, what)
    expect_equal(reply.headers.get("content-type"), "application/problem+json", what)
    problem = reply.json()
    expect(problem["type"].startswith("urn:callcell:problem:"), f"{what}: {problem}")
    expect_equal(problem["status"], status, what)
    expect_equal(cell_count(platform), cells, f"{what}: call events that reached the cell")
    expect_equal(refused_count(platform) - counted, 1, f"{what}: times counted")


@test
def a_bad_signature_is_refused(platform):
    def headers_at(seconds):
        message = event(to=MOBILE)
        body = json.dumps(message).encode()
        return message, body, sign(platform.secret, message["event_id"], body, int(time.time()) + seconds)

    refused_by_handler(platform, "no signature", 401, headers={"webhook-signature": None})
    refused_by_handler(platform, "no timestamp", 401, headers={"webhook-timestamp": None})
    refused_by_handler(platform, "no id", 401, headers={"webhook-id": None})
    refused_by_handler(platform, "another signature", 401,
                       headers={"webhook-signature": "v1," + "A" * 43 + "="})
    refused_by_handler(platform, "an unknown key", 401, headers={"callcell-key": "nobody"})
    for what, seconds in (("replayed", -301), ("from the future", 301)):
        message, body, headers = headers_at(seconds)
        refused_by_handler(platform, what, 401, message, body, headers)
    message, body, headers = headers_at(0)
    refused_by_handler(platform, "another body", 401, message, body + b" ", headers)


@test
def a_key_of_another_tenant_is_refused(platform):
    secret = platform.secret_file("carriers/se", "narrow.secret")
    message = event(to=MOBILE)
    body = json.dumps(message).encode()
    headers = {**sign(secret, message["event_id"], body), "callcell-key": "narrow"}
    refused_by_handler(platform, "a key for other tenants", 403, message, body, headers)


def without(message, *path):
    copy = json.loads(json.dumps(message))
    inner = copy
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    return json.dumps(copy).encode()


@test
def a_body_that_is_no_call_event_is_refused(platform):
    message = event(to=MOBILE)
    whole = json.dumps(message)
    bodies = {
        "no JSON": b"hello", "cut JSON": whole.encode()[:-1], "an array": b"[]", "empty": b"",
        "trailing bytes": whole.encode() + b"{}", "a number": b"7",
        "a duplicate key": whole.replace("{", '{"event":"x",', 1).encode(),
        "invalid UTF-8": whole.encode().replace(b"mobile", b"mob\xffle"),
        "too deep": whole.replace('"sequence"', '"x":' + "[" * 100 + "]" * 100 + ',"sequence"').encode(),
        "a kind of no kind": whole.replace('"mobile"', '"fax"').encode(),
        "a time that is none": whole.replace("2026-11-23T09:00:00Z", "yesterday").encode(),
        "an empty event id": whole.replace(message["event_id"], "").encode(),
    }
    for path in (("event_id",), ("event",), ("occurred_at",), ("call",), ("call", "id"), ("call", "kind"),
                 ("call", "direction"), ("call", "to")):
        bodies["without " + ".".join(path)] = without(message, *path)
    for what, body in bodies.items():
        refused_by_handler(platform, what, 400, message, body)


@test
def a_call_id_other_than_the_paths_is_refused(platform):
    message = event("call.completed", to=MOBILE)
    refused_by_handler(platform, "another call id", 400, message,
                       path="/v1/se/tenants/bad-input/calls/another/events")


@test
def a_call_event_of_a_carrier_never_gets_an_error(platform):
    carrier = platform.carrier()
    for what, message, tenant in (
            ("unknown tenant", event(to=MOBILE), "nobody-here"), ("unknown number", event(to="+46799999999"), None),
            ("unknown event", event("coffee.ready", to=MOBILE), TENANT),
            ("odd optional fields", event(to=MOBILE, deadline_ms="soon", result={"status": 7}), TENANT),
            ("a forged state", event("gather.completed", kind="pbx", to="+46100000000", state="AAAA"), TENANT),
            ("a huge state", event("gather.completed", to=MOBILE, state="A" * 5000), TENANT)):
        reply = carrier.send(message, tenant)
        expect_equal(reply.status, 200, what)
        expect("actions" in reply.json(), f"{what}: {reply}")


@test
def a_mistake_on_the_command_line_gets_one_helpful_line(platform):
    for command in (["number", "create"], ["dance"], ["cell", "create", "se", "--template", "none-such"],
                    ["number", "create", "123", "--tenant", TENANT, "--kind", "mobile"],
                    ["number", "delete", "+46799999999"], ["edge", "remove", "edge-99"],
                    ["cell", "list", "--colour"]):
        result = platform.cli(*command, check=False)
        expect_equal(result.returncode, 2, f"{command}: {result.stderr}")
        expect_equal(len(result.stderr.strip().splitlines()), 1, f"{command}: lines on stderr: {result.stderr}")


@test
def connections_that_were_refused_leave_the_edge_ready(platform):
    wait_until("edge-1 is ready", lambda: platform.edge_is_ready(0))
    expect_equal(platform.carrier().send(event(to=MOBILE), TENANT).status, 200, "status")


main(Platform)
