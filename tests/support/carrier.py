"""A carrier in stdlib Python: composes, signs and posts webhooks. Shares no code with the programs."""
import base64
import hashlib
import hmac
import http.client
import itertools
import json
import time

from support.wait import wait_until

CLOCK_S = 1.0


class Reply:
    """An HTTP answer and how long it took."""

    def __init__(self, status, headers, body, seconds):
        self.status, self.headers, self.body, self.seconds = status, headers, body, seconds

    @property
    def source(self):
        return self.headers.get("callcell-source")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"Reply({self.status}, {self.headers}, {self.body[:300]!r}, {self.seconds:.3f} s)"


def sign(secret, event_id, body, timestamp=None):
    """Standard Webhooks headers. secret: "whsec_<base64>"."""
    timestamp = str(int(time.time()) if timestamp is None else timestamp)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-id": event_id, "webhook-timestamp": timestamp,
            "webhook-signature": "v1," + base64.b64encode(digest).decode()}


def _connection(address, port, timeout_s, tls):
    """tls: an ssl.SSLContext; None: plain."""
    if tls:
        return http.client.HTTPSConnection(address, port, timeout=timeout_s, context=tls)
    return http.client.HTTPConnection(address, port, timeout=timeout_s)


def post(port, path, body, headers=None, timeout_s=5.0, address="127.0.0.1", tls=None):
    connection = _connection(address, port, timeout_s, tls)
    started = time.monotonic()
    try:
        connection.request("POST", path, body, {"content-type": "application/json", **(headers or {})})
        response = connection.getresponse()
        text = response.read()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, names, text, time.monotonic() - started)
    finally:
        connection.close()


def get(port, path, headers=None, timeout_s=5.0, address="127.0.0.1", tls=None):
    connection = _connection(address, port, timeout_s, tls)
    started = time.monotonic()
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        text = response.read()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, names, text, time.monotonic() - started)
    finally:
        connection.close()


_numbers = itertools.count(1)


def event(name="call.initiated", kind="mobile", direction="terminating", to=None, sender=None,
          dialled=None, call_id=None, event_id=None, occurred_at="2026-11-23T09:00:00Z", state=None,
          result=None, country="se", **extra):
    """A call event. Ids are made up where none are given."""
    number = next(_numbers)
    call_id = call_id or f"c-{time.time_ns()}-{number}"
    target = {key: value for key, value in (("e164", to), ("dialled", dialled)) if value}
    call = {"id": call_id, "kind": kind, "direction": direction, "to": target, "country": country}
    if sender:
        call["from"] = {"e164": sender, "presentation": "allowed"}
    call.update(extra.pop("call", {}))
    return {"event_id": event_id or f"{call_id}.{number}", "sequence": number, "event": name,
            "occurred_at": occurred_at, "call": call, "state": state, "result": result, **extra}


def path_of(message, tenant="acme", country="se"):
    """Where a call event is posted; tenant None: the one-URL form."""
    if tenant is None:
        return f"/v1/{country}/calls"
    base = f"/v1/{country}/tenants/{tenant}/calls"
    if message["event"] == "call.initiated":
        return base
    return f"{base}/{message['call']['id']}/events"


class Carrier:
    """Posts signed call events to the edges of a platform."""

    def __init__(self, ports, key, secret, tls=None):
        self.ports, self.key, self.secret, self.tls = ports, key, secret, tls

    def send(self, message, tenant="acme", edge=0, path=None, body=None, headers=None, timeout_s=5.0):
        body = json.dumps(message).encode() if body is None else body
        signed = sign(self.secret, message["event_id"], body)
        signed["callcell-key"] = self.key
        signed.update(headers or {})
        signed = {name: value for name, value in signed.items() if value is not None}
        return post(self.ports[edge], path or path_of(message, tenant), body, signed, timeout_s,
                    tls=self.tls)

    def wait_until_the_cell_answers(self, make_message, tenant, edge=0):
        """New calls until several in a row were answered by the cell: programs that have just started, and a cache that
        was emptied, may be late for a deadline on a slow machine."""
        def calm():
            return all(self.send(make_message(), tenant, edge).source not in (None, "edge") for _ in range(5))
        wait_until("the cell answers", calm)

    def follow_up(self, first, reply, name, result=None, **fields):
        """The next event of the same call, with the state of the answer before."""
        call = dict(first["call"])
        state = reply.json()["state"]
        return event(name, kind=call["kind"], direction=call["direction"], to=call["to"].get("e164"),
                     sender=(call.get("from") or {}).get("e164"), call_id=call["id"],
                     occurred_at=first["occurred_at"], state=state, result=result, **fields)
