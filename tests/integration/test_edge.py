#!/usr/bin/python3
"""callcell-edge itself, between a carrier over real sockets and scripted cell workers. TAP."""
import base64
import hashlib
import hmac
import http.client
import json
import pathlib
import re
import signal
import socket
import sys
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support.carrier import event, get, path_of, post, sign
from support.edgehost import EdgeHost, FakeSource, FakeWorker, Publisher, carriers_payload, numbers_payload
from support.wait import wait_until

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def equal(actual, wanted, what=""):
    if actual != wanted:
        raise AssertionError(f"{what}: {actual!r} is not {wanted!r}")


def send(host, message, tenant="acme", secret=None, key="telia-1", path=None, headers=None, timestamp=None,
         body=None):
    body = json.dumps(message).encode() if body is None else body
    signed = sign(secret or host.secret, message.get("event_id", "x"), body, timestamp)
    signed.update({"callcell-key": key, **(headers or {})})
    signed = {name: value for name, value in signed.items() if value is not None}
    return post(host.port, path or path_of(message, tenant), body, signed)


def mobile(**fields):
    return event(**{"to": "+46701112233", "sender": "+46700000009", **fields})


def pbx(**fields):
    return event(**{"kind": "pbx", "to": "+46101234567", "sender": "+46700000009", **fields})


def refused(reply, status, host, seen=0):
    equal(reply.status, status, "status")
    equal(reply.headers["content-type"].split(";")[0], "application/problem+json", "content-type")
    expect(reply.json()["type"].startswith("urn:callcell:problem:"), "problem type")
    equal(host.calls_seen(), seen, "requests that the cell saw")


def journal_of(*workers):
    return [record for worker in workers for record in worker.journalled]


# ---- the plain path ----

@test
def a_call_is_passed_on_and_answered_as_the_cell_says(host):
    message = mobile()
    body = json.dumps(message, indent=1).encode()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    reply = send(host, message, body=body, headers={"traceparent": trace, "cookie": "a=b", "x-evil": "1",
                                                    "callcell-attempt": "9", "authorization": "Bearer me"})
    equal(reply.status, 200)
    path, headers, seen = next(worker for worker in host.workers if worker.calls).calls[0]
    equal(path, "/internal/v1/se/tenants/acme/calls")
    equal(seen, body, "body")
    equal(set(headers), {"host", "content-length", "content-type", "authorization", "callcell-attempt",
                         "callcell-remaining-ms", "callcell-map-epoch", "callcell-request-id",
                         "callcell-carrier-key", "traceparent"}, "head")
    equal(headers["authorization"], "Bearer token-of-se-1")
    equal(headers["callcell-attempt"], "1")
    expect(300 <= int(headers["callcell-remaining-ms"]) <= 350, headers["callcell-remaining-ms"])
    equal(headers["callcell-map-epoch"], "7")
    equal(headers["callcell-carrier-key"], "telia-1")
    expect(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
                        headers["callcell-request-id"]), headers["callcell-request-id"])
    expect(headers["traceparent"].startswith(trace[:36]) and headers["traceparent"] != trace,
           headers["traceparent"])
    equal(reply.body, next(w for w in host.workers if w.calls).answer(body), "answer")
    equal((reply.source, reply.headers["callcell-plan-version"], reply.headers["callcell-decision-id"]),
          ("memory", "5", "ab" * 16))


@test
def a_dialogue_goes_on_at_its_own_path(host):
    message = pbx(name="gather.completed", call_id="c-77")
    equal(send(host, message).status, 200)
    refused(send(host, message, path="/v1/se/tenants/acme/calls/c-78/events"), 400, host, 1)
    paths = [call[0] for worker in host.workers for call in worker.calls]
    equal(paths, ["/internal/v1/se/tenants/acme/calls/c-77/events"])


@test
def one_url_finds_tenant_and_cell_by_the_served_number(host):
    equal(send(host, mobile(to="+46701112244"), tenant=None).status, 200)
    equal(host.other.calls[0][0], "/internal/v1/se/tenants/globex/calls")
    equal(host.other.calls[0][1]["authorization"], "Bearer token-of-se-2")
    equal(send(host, mobile(direction="originating", sender="+46701112244", to="+46101234567"),
               tenant=None).status, 200)
    equal(len(host.other.calls), 2)
    equal(send(host, pbx(name="dial.completed", call_id="c-5"), tenant=None).status, 200)
    paths = [call[0] for worker in host.workers for call in worker.calls]
    equal(paths, ["/internal/v1/se/tenants/acme/calls/c-5/events"])


@test
def unknown_numbers_on_the_one_url_form(host):
    reply = send(host, mobile(to="+46109999999"), tenant=None)
    equal((reply.status, reply.source), (200, "edge"))
    equal(reply.json()["actions"], [{"reject": {"sip_code": 404, "q850": 1, "reason": "unknown number"}}])
    reply = send(host, mobile(direction="originating", sender="+46109999999", to="+46701112233"), tenant=None)
    equal(reply.json()["actions"], [{"connect": {"targets": [{"e164": "+46701112233"}]}}])
    equal(host.calls_seen(), 0)


# ---- who may ----

@test
def signatures(host):
    now = int(time.time())
    for what, status, options in [
            ("first secret", 200, {}), ("second secret", 200, {"secret": host.second_secret}),
            ("no key name", 200, {"key": None}), ("old enough", 200, {"timestamp": now - 290}),
            ("another key's secret", 401, {"secret": host.acme_secret}),
            ("a key that is not there", 401, {"key": "nobody"}),
            ("no such secret", 401, {"secret": host.report_secret, "key": None}),
            ("too old", 401, {"timestamp": now - 310}), ("too new", 401, {"timestamp": now + 310}),
            ("no id", 401, {"headers": {"webhook-id": None}}),
            ("no timestamp", 401, {"headers": {"webhook-timestamp": None}}),
            ("no signature", 401, {"headers": {"webhook-signature": None}}),
            ("another scheme", 401, {"headers": {"webhook-signature": "v2,AAAA"}}),
            ("another id", 401, {"headers": {"webhook-id": "other"}}),
            ("key of the tenant", 200, {"key": "acme-only", "secret": host.acme_secret})]:
        host.forget()
        reply = send(host, mobile(), **options)
        equal(reply.status, status, what)
        equal(host.calls_seen(), int(status == 200), what)
    reply = send(host, mobile(to="+46701112244"), tenant="globex", key="acme-only", secret=host.acme_secret)
    equal(reply.status, 403, "another tenant")
    reply = send(host, mobile(to="+46701112244"), tenant=None, key=None, secret=host.acme_secret)
    equal(reply.status, 403, "another tenant, by number")
    reply = send(host, mobile(), key="telenor-1", secret=host.norway_secret)
    equal(reply.status, 403, "a key of another country")
    equal(host.metric("callcell_edge_refused_total", why="forbidden"), 3)
    equal(host.metric("callcell_edge_refused_total", why="signature"), 10)
    equal(len([line for line in host.log("request_refused") if line["status"] in (401, 403)]), 13, "log lines")
    expect("whsec" not in host.log_path.read_text(), "a secret in the log")


@test
def a_signature_may_be_one_of_several_and_may_come_again(host):
    body = json.dumps(mobile()).encode()
    signed = sign(host.secret, "m-1", body)
    other = base64.b64encode(hmac.new(b"x", body, hashlib.sha256).digest()).decode()
    signed["webhook-signature"] = f"v1,{other} {signed['webhook-signature']}"
    for _ in range(3):
        equal(post(host.port, "/v1/se/tenants/acme/calls", body, signed).status, 200)
    signed["webhook-signature"] = f"v1,{other}"
    equal(post(host.port, "/v1/se/tenants/acme/calls", body, signed).status, 401)


@test
def report_only_lets_a_bad_signature_through_and_counts_it(host):
    message = mobile()
    reply = send(host, message, path="/v1/no/tenants/acme/calls", key="upgrade-1", secret=host.secret)
    equal((reply.status, reply.source), (200, "edge"))  # its only worker does not exist
    reply = send(host, message, path="/v1/no/tenants/acme/calls", key="telenor-1", secret=host.secret)
    equal(reply.status, 401)
    equal(host.metric("callcell_edge_report_only_total"), 1)


@test
def bodies_that_are_no_call_event(host):
    for body in (b"", b"{}", b"[1]", b"null", b'{"event_id":"e"}', b"\xff\xfe", b"{" * 5000):
        refused(post(host.port, "/v1/se/tenants/acme/calls", body), 401, host)
        refused(send(host, {"event_id": "e"}, path="/v1/se/tenants/acme/calls", body=body), 400, host)
        refused(send(host, {"event_id": "e"}, path="/v1/se/calls", body=body), 400, host)
    refused(send(host, mobile(), path="/v1/xx/tenants/acme/calls"), 404, host)
    refused(send(host, mobile(), path="/v1/se/nothing"), 404, host)
    refused(get(host.port, "/v1/se/calls"), 405, host)
    equal(send(host, mobile(), path="/v1/se/calls", body=b"x" * 70000).status, 413)
    reply = send(host, mobile(), path="/v1/se/tenants/ACME/calls")  # no tenant has such a name
    equal((reply.status, reply.source), (200, "edge"))
    equal(host.calls_seen(), 0)


@test
def verify_says_what_is_wrong(host):
    def verify(**options):
        reply = send(host, mobile(), path="/v1/se/carrier/verify", **options)
        equal(reply.status, 200)
        return reply.json()
    equal(verify(), {"valid": True, "problem": None, "key": "telia-1"})
    for words, options in [("does not match", {"secret": host.acme_secret}),
                           ("webhook-timestamp", {"timestamp": 1000}),
                           ("webhook-id is missing", {"headers": {"webhook-id": None}}),
                           ("names no key", {"key": "nobody"})]:
        said = verify(**options)
        expect(not said["valid"] and words in said["problem"], said)
    equal(host.calls_seen(), 0)


# ---- framing ----

def raw(port, data, timeout_s=3.0):
    """All bytes until the server closes, and whether it did."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.sendall(data)
        received = b""
        try:
            while True:
                piece = connection.recv(65536)
                if not piece:
                    return received, True
                received += piece
        except ConnectionResetError:
            return received, True
        except TimeoutError:
            return received, False


@test
def doubtful_framing_never_reaches_the_cell(host):
    body = json.dumps(mobile()).encode()
    signed = "".join(f"{k}: {v}\r\n" for k, v in sign(host.secret, "m", body).items())
    length = f"content-length: {len(body)}\r\n"
    line = "POST /v1/se/tenants/acme/calls HTTP/1.1\r\n"
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    smuggled = body + line.encode() + b"host: a\r\n" + signed.encode() + length.encode() + b"\r\n" + body
    cases = [
        ("CL and TE", line + "host: a\r\n" + signed + length + "transfer-encoding: chunked\r\n\r\n", chunked),
        ("TE", line + "host: a\r\n" + signed + "transfer-encoding: chunked\r\n\r\n", chunked),
        ("TE identity", line + "host: a\r\n" + signed + length + "transfer-encoding: identity\r\n\r\n", body),
        ("two CL", line + "host: a\r\n" + signed + length + "content-length: 1\r\n\r\n", smuggled),
        ("signed CL", line + "host: a\r\n" + signed + f"content-length: +{len(body)}\r\n\r\n", body),
        ("two Hosts", line + "host: a\r\nhost: b\r\n" + signed + length + "\r\n", smuggled),
        ("no Host", line + signed + length + "\r\n", body),
        ("absolute form", line.replace("/v1", "http://a/v1") + "host: a\r\n" + signed + length + "\r\n", body),
        ("folding", line + "host: a\r\n" + signed + "x: a\r\n b\r\n" + length + "\r\n", body),
        ("bare LF", line + "host: a\n" + signed + length + "\r\n", body),
        ("space before colon", line + "host: a\r\ncontent-length : 5\r\n" + signed + length + "\r\n", body),
        ("large head", line + "host: a\r\nx: " + "y" * 20000 + "\r\n" + signed + length + "\r\n", body),
    ]
    for what, head, rest in cases:
        before = host.metric("callcell_edge_refused_total", why="framing")
        received, closed = raw(host.port, head.encode() + rest)
        expect(closed, f"{what}: the connection stays open")
        expect(not received or re.match(rb"HTTP/1\.1 (4\d\d|501) ", received), f"{what}: {received[:60]}")
        expect(b"HTTP/1.1 200" not in received, f"{what}: answered 200")
        wait_until(f"{what}: counted once",
                   lambda: host.metric("callcell_edge_refused_total", why="framing") == before + 1, 3)
    equal(host.calls_seen(), 0, "requests that the cell saw")
    equal(send(host, mobile()).status, 200, "an honest request afterwards")


# ---- emergency ----

@test
def emergency_calls_always_connect(host):
    connect = [{"connect": {"targets": [{"dialled": "112"}]}}]

    def call(**options):
        return send(host, mobile(direction="originating", sender="+46701112233", to=None, dialled="112"),
                    **options)
    for what, options in [("signed", {}), ("bad", {"secret": host.acme_secret}),
                          ("unsigned", {"headers": {"webhook-signature": None}}),
                          ("too old", {"timestamp": 1000}), ("one URL", {"tenant": None}),
                          ("another tenant's key", {"tenant": "globex", "key": "acme-only",
                                                    "secret": host.acme_secret})]:
        reply = call(**options)
        equal((reply.status, reply.source, reply.json()["actions"]), (200, "edge", connect), what)
    sos = send(host, mobile(direction="originating", sender="+46701112233", to=None,
                            dialled="urn:service:sos.police"), headers={"webhook-signature": None})
    equal(sos.json()["actions"], [{"connect": {"targets": [{"dialled": "urn:service:sos.police"}]}}])
    equal(host.calls_seen(), 0)
    equal(host.metric("callcell_edge_emergency_unverified_total"), 5)
    wait_until("the verified ones are journalled", lambda: len(journal_of(*host.workers)) == 2)
    equal({r["tenant"] for r in journal_of(*host.workers)}, {"acme"})
    reply = send(host, mobile(to=None, dialled="112"))  # terminating: the operator's own number
    equal(reply.source, "memory")
    for worker in host.workers:
        worker.stop()
    equal(call(headers={"webhook-signature": None}).json()["actions"], connect)


# ---- discovery ----

@test
def workers_are_found_by_the_discovery_file(host):
    new = FakeWorker("se-1/new")
    try:
        host.discover("se-1", f"# moved\n{new.address}\n")
        wait_until("the file is read", lambda: [w["address"] for w in host.state_of("se-1")["workers"]]
                   == [new.address])
        wait_until("it is met before its first call", lambda: new.connections == 1)
        for _ in range(4):
            equal(send(host, mobile()).json()["by"], "se-1/new")
        equal(new.connections, 1, "the calls go over the connection that it was met on")
        host.discover("se-1", "")
        host.discover("se-2", f"{host.other.address}\n")  # read later
        wait_until("an empty file is passed over", lambda: host.state_of("se-2")["discovered"])
        equal(send(host, mobile()).json()["by"], "se-1/new")
        host.discover("se-1", "\n".join(f"{worker.address} # {worker.name}" for worker in host.workers))
        wait_until("a new file counts", lambda: len(host.state_of("se-1")["workers"]) == 2)
    finally:
        new.stop()


# ---- signed files ----

@test
def an_edge_restarts_from_disk_without_any_source(host):
    equal(host.stop(), 0)
    host.start()
    equal(get(host.port, "/readyz").status, 200)
    equal(send(host, mobile()).source, "memory")
    state = host.state()
    equal(state["control_plane_contact_age_ms"], None)
    country = next(c for c in state["countries"] if c["country"] == "se")
    equal((country["map"]["epoch"], country["numbers"]["epoch"], country["carriers"]["epoch"]), (7, 3, 2))
    equal(country["map"]["sha256"], hashlib.sha256(host.published[("se", "map")][1]).hexdigest())


@test
def damaged_files_on_disk_are_passed_over(host):
    equal(host.stop(), 0)
    good = host.published[("se", "map")]
    content, signature = host.publisher.publication("map", "se", 8, host.map_of())
    host.place("map", "se", 8, "", signature=signature, content=content.replace(b"acme", b"acmf"))
    host.place("map", "se", 9, host.map_of(), signature=b"")
    host.start()
    equal(send(host, mobile()).source, "memory")
    country = next(c for c in host.state()["countries"] if c["country"] == "se")
    equal(country["map"]["epoch"], good[0])
    expect(host.metric("callcell_edge_publications_refused_total", kind="map") >= 2, "not counted")


@test
def no_country_no_readiness(host):
    equal(host.stop(), 0)
    for path in (host.folder / "publications").glob("*/*"):
        path.unlink()
    host.start()
    equal(get(host.port, "/healthz").status, 200)
    for port in (host.port, host.telemetry_port):
        equal(get(port, "/readyz").status, 503)
    refused(send(host, mobile()), 404, host)


def map_epoch(host):
    return next(c for c in host.state()["countries"] if c["country"] == "se")["map"]["epoch"]


@test
def a_new_map_is_taken_kept_and_reported(host):
    held = host.published[("se", "map")][1]
    wait_until("the first report", lambda: host.source.holds("map", 7))
    changed = host.map_of(pins={}, slots_changed=1)  # globex moves to se-1
    host.source.publish("se", "map", 8, *host.publisher.publication("map", "se", 8, changed, held))
    wait_until("epoch 8 serves", lambda: map_epoch(host) == 8)
    equal(send(host, mobile(to="+46701112244"), tenant="globex").json()["by"][:4], "se-1")
    wait_until("it is reported", lambda: host.source.holds("map", 8))
    expect(0 <= host.state()["control_plane_contact_age_ms"] < 30000, "contact age")
    equal(host.source.tokens, {"Bearer token-of-the-sources"})
    wait_until("it is on disk", lambda: (host.folder / f"publications/se/map-{8:020}.pub").exists())
    host.source.stop()
    equal(host.stop(), 0)
    host.start()
    equal(map_epoch(host), 8, "after a restart without its source")


a_new_map_is_taken_kept_and_reported.source = True


@test
def the_control_planes_clock_is_compared(host):
    equal(host.metric("callcell_edge_map_epoch", country="se"), 7)
    equal(host.metric("callcell_edge_map_epoch", country="no"), 1)
    wait_until("it has reported", lambda: host.source.reports)
    wait_until("it is compared", lambda: host.state()["clock_skew_us"] is not None)
    expect(abs(host.metric("callcell_edge_clock_skew_seconds")) < 0.5, "two programs of one machine")
    host.source.clock_ahead_s = 600
    changed = host.map_of()
    for epoch in range(8, 12):  # each is reported at once
        held = host.source.files["se", "map"][1] if epoch > 8 else host.published["se", "map"][1]
        host.source.publish("se", "map", epoch, *host.publisher.publication("map", "se", epoch, changed, held))
        wait_until("it is reported", lambda e=epoch: host.source.holds("map", e))
    wait_until("the median moves", lambda: -601 <= host.metric("callcell_edge_clock_skew_seconds") <= -599)
    expect(-601e6 <= host.state()["clock_skew_us"] <= -599e6, "the state page")
    equal(host.metric("callcell_edge_map_epoch", country="se"), 11)


the_control_planes_clock_is_compared.source = True


@test
def maps_that_are_refused_leave_the_old_one_serving(host):
    held = host.published[("se", "map")][1]
    good, signature = host.publisher.publication("map", "se", 8, host.map_of(), held)
    moved = host.map_of(slots=[[0, 16383, "se-2"]], pins={}, slots_changed=0)
    stranger = Publisher(host.folder / "other-keys")
    cases = [
        ("corrupted", "signature", 8, good.replace(b"112", b"113"), signature),
        ("unsigned", "signature", 8, good, b""),
        ("of another key", "signature", 8, *stranger.publication("map", "se", 8, moved, held)),
        ("of another country", "conflict", 8, *host.publisher.publication("map", "no", 8, host.map_of(), held)),
        ("of another past", "conflict", 8, *host.publisher.publication("map", "se", 8, host.map_of(), b"x")),
        ("older", "stale", 6, *host.publisher.publication("map", "se", 6, host.map_of())),
        ("too different", "too_different", 8, *host.publisher.publication("map", "se", 8, moved, held)),
        ("too different by far", "too_different", 8, *host.publisher.publication(
            "map", "se", 8, host.map_of(slots=[[0, 16383, "se-2"]], pins={}, slots_changed=16384), held)),
        ("no map", "invalid", 8, *host.publisher.publication("map", "se", 8, "{}", held)),
    ]
    for count, (what, error, epoch, content, signed) in enumerate(cases, 1):
        before = len(host.source.refusals(epoch, error))
        logged = len(host.log("publication_refused"))
        host.source.publish("se", "map", epoch, content, signed)
        wait_until(f"{what}: counted", lambda: host.metric(
            "callcell_edge_publications_refused_total", kind="map") == count)
        wait_until(f"{what}: reported", lambda: len(host.source.refusals(epoch, error)) > before)
        lines = host.log("publication_refused")[logged:]
        equal([(line["epoch"], line["error"]) for line in lines], [(epoch, error)], f"{what}: log")
        equal(map_epoch(host), 7, what)
        equal(send(host, mobile()).json()["by"][:4], "se-1", what)
    host.source.publish("se", "map", 8, good, signature)
    wait_until("a good one is taken afterwards", lambda: map_epoch(host) == 8)


maps_that_are_refused_leave_the_old_one_serving.source = True


@test
def numbers_and_carriers_follow_the_source(host):
    numbers = numbers_payload([*host.numbers, ("+46109999999", "acme", "pbx", "+46700000002")])
    equal(send(host, pbx(to="+46109999999"), tenant=None).source, "edge")
    host.source.publish("se", "numbers", 4, *host.publisher.publication(
        "numbers", "se", 4, numbers, host.published[("se", "numbers")][1]))
    wait_until("the number is known", lambda: send(host, pbx(to="+46109999999"), tenant=None).source == "memory")
    rotated = carriers_payload({"telia-1": ([host.report_secret], ["*"], "enforce")}, {"se-1": "token-2"})
    host.source.publish("se", "carriers", 3, *host.publisher.publication(
        "carriers", "se", 3, rotated, host.published[("se", "carriers")][1]))
    wait_until("the new secret counts", lambda: send(host, mobile(), secret=host.report_secret).status == 200)
    equal(send(host, mobile()).status, 401, "the old secret")
    equal({call[1]["authorization"] for worker in host.workers for call in worker.calls[-1:]} &
          {"Bearer token-2"}, {"Bearer token-2"})


numbers_and_carriers_follow_the_source.source = True


# ---- whom the edge believes ----

@test
def a_worker_of_another_cell_is_sent_nothing(host):
    host.other.stop()
    host.other.tls = host.shown_by("se-1")
    host.other.start()
    to_other = mobile(to="+46701112244")
    equal(send(host, to_other, "globex").source, "edge")
    equal(send(host, mobile()).source, "memory", "by a worker of the cell that is asked")
    wait_until("it is ejected", lambda: send(host, to_other, "globex").source == "edge" and
               host.state_of("se-2")["workers"][0]["ejected"])
    equal((host.other.calls, host.other.journalled), ([], []))
    host.other.stop()
    host.other.tls = host.shown_by("se-2")
    host.other.start()
    wait_until("it is believed", lambda: send(host, to_other, "globex").source == "memory")


a_worker_of_another_cell_is_sent_nothing.settings = {"tls": True}


@test
def what_the_edge_says_of_itself_is_not_said_at_the_carriers_address(host):
    socket.create_connection(("127.0.0.2", host.port), 5).close()
    try:
        socket.create_connection(("127.0.0.2", host.telemetry_port), 5).close()
    except ConnectionRefusedError:
        equal(get(host.telemetry_port, "/metrics").status, 200, "over loopback")
        return
    raise AssertionError("the telemetry port is open at the carriers' address")


what_the_edge_says_of_itself_is_not_said_at_the_carriers_address.settings = {"listen_address": "127.0.0.2"}


# ---- stopping ----

@test
def sigterm_under_load_drops_nothing(host):
    host.behave(("delay", 0.05), ("delay", 0.05))
    lost, answered = [], []
    stopping = threading.Event()

    def carrier():
        connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=5)
        while True:
            body = json.dumps(mobile()).encode()
            headers = sign(host.secret, "m", body)
            try:
                if connection.sock is None:
                    connection.connect()
            except OSError:
                return
            try:
                connection.request("POST", "/v1/se/tenants/acme/calls", body, headers)
                reply = connection.getresponse()
                reply.read()
            except (OSError, http.client.HTTPException) as error:
                lost.append(f"{error!r} after stop: {stopping.is_set()}")
                return
            answered.append((reply.status, reply.getheader("callcell-source"), stopping.is_set()))
    threads = [threading.Thread(target=carrier) for _ in range(16)]
    for thread in threads:
        thread.start()
    wait_until("load is on", lambda: len(answered) > 200)
    stopping.set()
    started = time.monotonic()
    equal(host.stop(), 0, "exit status")
    took = time.monotonic() - started
    for thread in threads:
        thread.join(10)
    equal(lost, [])
    equal({(status, source) for status, source, _ in answered}, {(200, "memory")})
    expect(any(after for _, _, after in answered), "nothing was in flight at the stop")
    expect(took < 8, f"draining took {took} s")
    expect(host.log("stopped"), "no last line")


@test
def telemetry_is_well_formed(host):
    send(host, mobile())
    send(host, mobile(), secret=host.acme_secret)
    text = get(host.telemetry_port, "/metrics")
    equal(text.headers["content-type"].split(";")[0], "text/plain")
    for line in text.body.decode().splitlines():
        expect(line.startswith("# ") or re.fullmatch(r'[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.e+-]+|'
                                                     r'[a-z_]+\{.*le="\+Inf".*\} [0-9]+', line), line)
    equal(host.metric("callcell_edge_answers_total", by="cell", why="first"), 1)
    equal(host.metric("callcell_edge_answer_seconds_count"), 1)
    equal(host.metric("callcell_edge_countries"), 2)
    equal(get(host.telemetry_port, "/healthz").status, 200)
    equal(get(host.port, "/metrics").status, 404)
    expect(all("ts" in line and line["component"] == "edge" for line in host.log()), "log lines")


def run(function):
    source = FakeSource() if getattr(function, "source", False) else None
    try:
        with EdgeHost(source=source, **getattr(function, "settings", {})) as host:
            function(host)
            if host.process:
                equal(host.stop(), 0, "exit status at the end")
    finally:
        if source:
            source.stop()


def main(all_tests):
    wanted = sys.argv[1:]
    tests = [t for t in all_tests if not wanted or any(w in t.__name__ for w in wanted)]
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, function in enumerate(tests, 1):
        name = function.__name__.replace("_", " ")
        try:
            run(function)
            print(f"ok {number} - {name}", flush=True)
        except BaseException as error:
            failed += 1
            text = traceback.format_exc().replace("\n", "\n# ")
            print(f"not ok {number} - {name}\n# {text}", flush=True)
            if isinstance(error, KeyboardInterrupt):
                return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(TESTS))
