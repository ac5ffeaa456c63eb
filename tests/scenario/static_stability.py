"""Edges and workers go on from disk without the control plane, and take no map that they should not."""
import hashlib
import json
import pathlib
import tempfile

from support.carrier import event
from support.fake_source import FakeSource, sign
from support.platform import Platform
from support.scenario import expect, expect_equal, main, test
from support.wait import wait_until

TENANT, MOBILE, FORWARD = "stable", "+46706000001", "+46733333333"
REFUSED = 'callcell_edge_publications_refused_total{kind="map"}'


def place_call(platform, edge=0):
    """Each edge that runs answers from the map it has, and soon from the cell: what has just started may be late for a
    deadline at first."""
    carrier = platform.carrier()
    carrier.wait_until_the_cell_answers(lambda: event(to=MOBILE, sender="+46701112233"), TENANT, edge)
    reply = carrier.send(event(to=MOBILE, sender="+46701112233"), TENANT, edge=edge)
    expect_equal(reply.status, 200, "status")
    expect(reply.source not in (None, "edge"), f"a cell was expected to answer: {reply}")
    expect_equal(reply.json()["actions"][0]["connect"]["targets"][0]["e164"], FORWARD, "forward")


def restart_edge(platform):
    before = platform.pid("edge-1")
    platform.kill("edge-1")
    wait_until("edge-1 is back", lambda: platform.pid("edge-1") not in (None, before)
               and platform.edge_is_ready(0))


@test
def a_call_is_answered(platform):
    epoch = platform.edge_map_epoch(0)
    platform.cli("tenant", "create", TENANT, "--country", "se", "--cell", "se-1")
    wait_until("a pin makes a new map", lambda: platform.edge_map_epoch(0) == epoch + 1)
    platform.cli("number", "create", MOBILE, "--tenant", TENANT, "--kind", "mobile", "--forward-always",
                 FORWARD)
    place_call(platform)


@test
def an_edge_restarts_and_serves_with_the_control_plane_gone(platform):
    platform.stop_control_plane()
    restart_edge(platform)
    place_call(platform, 0)


@test
def a_worker_restarts_and_serves_with_the_control_plane_gone(platform):
    platform.stop_service("worker-1")
    platform.start_service("worker-1")
    wait_until("worker-1 is back", lambda: platform.worker_is_ready(1))
    platform.stop_service("worker-2")
    place_call(platform, 1)
    platform.start_service("worker-2")
    wait_until("worker-2 is back", lambda: platform.worker_is_ready(2))


class Forgery:
    """Maps of our making, from the one that edge-1 holds."""

    def __init__(self, platform):
        self.platform = platform
        self.current = platform.newest_publication("map")
        self.content = self.current.read_bytes()
        header, _, self.payload = self.content.partition(b"\n")
        self.header = json.loads(header)
        self.signature = self.current.with_suffix(".sig").read_bytes()
        self.epoch = self.header["epoch"]

    def successor(self, payload=None, **changes):
        """A well-formed direct successor, but for what is asked for."""
        header = {**self.header, "epoch": self.epoch + 1,
                  "previous_sha256": hashlib.sha256(self.content).hexdigest(), **changes}
        return json.dumps(header, separators=(",", ":")).encode() + b"\n" + (payload or self.payload)

    def sign(self, content):
        """With the platform's own key."""
        with tempfile.TemporaryDirectory() as folder:
            return sign(self.platform.home / "etc/keys/signing.pem", content, pathlib.Path(folder))

    def too_different(self):
        """Half of the slots move to another cell, and the map says that none does."""
        payload = json.loads(self.payload)
        other = json.loads(json.dumps(payload["cells"][0]))
        other["id"] = "se-2"
        payload["cells"].append(other)
        payload["slots"] = [[0, 8191, "se-1"], [8192, 16383, "se-2"]]
        payload["slots_changed"] = 0
        for vector in payload["self_test"]:
            moved = vector["slot"] >= 8192 and vector["tenant"] not in payload["pins"]
            vector["cell"] = "se-2" if moved else "se-1"
        return self.successor(json.dumps(payload).encode())


def refused_from_disk(platform, make):
    """A file that make() plants before a restart is refused, counted, and the one before it serves."""
    forgery = Forgery(platform)
    content, signature = make(forgery)
    path = forgery.current.with_name(f"map-{forgery.epoch + 1:020d}.pub")
    path.write_bytes(content)
    if signature is not None:
        path.with_suffix(".sig").write_bytes(signature)
    platform.give_to_owner(path, path.with_suffix(".sig"))
    try:
        restart_edge(platform)
        expect(platform.telemetry(platform.port(8081))[REFUSED] > 0, "the refusal was not counted")
        expect_equal(platform.edge_map_epoch(0), forgery.epoch, "epoch in use")
        place_call(platform, 0)
    finally:
        path.unlink(missing_ok=True)
        path.with_suffix(".sig").unlink(missing_ok=True)


@test
def a_corrupted_map_on_disk_is_refused(platform):
    def make(forgery):
        content = forgery.successor()
        return content.replace(b'"112"', b'"113"'), forgery.sign(content)
    refused_from_disk(platform, make)


@test
def an_unsigned_map_on_disk_is_refused(platform):
    refused_from_disk(platform, lambda forgery: (forgery.successor(), None))


def refused_from_source(platform, error, make):
    """What make() offers to running edges is refused and reported with this error; the old one serves."""
    forgery = Forgery(platform)
    before = platform.telemetry(platform.port(8081))[REFUSED]
    with FakeSource(platform.port(7300), tls=platform.tls_server_context("etc/tls/serve-1")) as source:
        epoch, content, signature = make(forgery)
        source.offer("map", epoch, content, signature)
        wait_until("the refusal is counted",
                   lambda: platform.telemetry(platform.port(8081))[REFUSED] > before, 30)
        wait_until(f"edge-1 reports {error}", lambda: error in source.refusals("edge-1"), 30)
        expect_equal(platform.edge_map_epoch(0), forgery.epoch, "epoch in use")
        place_call(platform, 0)


@test
def a_corrupted_map_from_the_source_is_refused_and_reported(platform):
    def make(forgery):
        content = forgery.successor()
        return forgery.epoch + 1, content.replace(b'"112"', b'"113"'), forgery.sign(content)
    refused_from_source(platform, "signature", make)


@test
def an_unsigned_map_from_the_source_is_refused_and_reported(platform):
    # Other bytes than the unsigned file on disk: the same ones would be counted once only.
    def make(forgery):
        return forgery.epoch + 1, forgery.successor(created_at="2026-01-01T00:00:00Z"), None
    refused_from_source(platform, "signature", make)


@test
def an_older_map_from_the_source_is_refused_and_reported(platform):
    def make(forgery):
        old = forgery.current.with_name(f"map-{forgery.epoch - 1:020d}.pub")
        return forgery.epoch - 1, old.read_bytes(), old.with_suffix(".sig").read_bytes()
    refused_from_source(platform, "stale", make)


@test
def a_map_too_different_from_the_source_is_refused_and_reported(platform):
    def make(forgery):
        content = forgery.too_different()
        return forgery.epoch + 1, content, forgery.sign(content)
    refused_from_source(platform, "too_different", make)


@test
def the_control_plane_returns(platform):
    platform.start_control_plane()
    place_call(platform, 0)


main(Platform)
