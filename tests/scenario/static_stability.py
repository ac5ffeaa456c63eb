"""Edges go on from disk without the control plane, and take no map that they should not."""
import json
import subprocess

from support.carrier import event
from support.platform import Platform
from support.scenario import expect, expect_equal, main, test
from support.wait import wait_until

MOBILE, FORWARD = "+46701234567", "+46733333333"


def place_call(platform, edge=0):
    reply = platform.carrier().send(event(to=MOBILE, sender="+46701112233"), edge=edge)
    expect_equal(reply.status, 200, "status")
    expect(reply.source not in (None, "edge"), f"a cell was expected to answer: {reply}")
    expect_equal(reply.json()["actions"][0]["connect"]["targets"][0]["e164"], FORWARD, "forward")


@test
def a_call_is_answered(platform):
    platform.cli("tenant", "create", "acme", "--country", "se")
    platform.cli("number", "create", MOBILE, "--tenant", "acme", "--kind", "mobile", "--forward-always",
                 FORWARD)
    place_call(platform)


@test
def an_edge_restarts_and_serves_with_the_control_plane_gone(platform):
    platform.stop_control_plane()
    before = platform.pid("edge-1")
    platform.kill("edge-1")
    wait_until("edge-1 is back", lambda: platform.pid("edge-1") not in (None, before)
               and platform.edge_is_ready(0))
    place_call(platform, 0)
    platform.stop_service("worker-1")
    platform.start_service("worker-1")
    wait_until("worker-1 is back", lambda: platform.worker_is_ready(1))
    platform.stop_service("worker-2")
    place_call(platform, 1)
    platform.start_service("worker-2")


def header_and_payload(path):
    header, _, payload = path.read_bytes().partition(b"\n")
    return json.loads(header), payload


class Forgery:
    """Puts a publication of our making on the disk of edge-1 and restarts it."""

    def __init__(self, platform):
        self.platform = platform
        self.current = platform.newest_publication("map")
        self.header, self.payload = header_and_payload(self.current)
        self.signature = self.current.with_suffix(".sig").read_bytes()

    def compose(self, **changes):
        header = json.dumps({**self.header, **changes}, separators=(",", ":")).encode()
        return header + b"\n"

    def sign(self, content):
        """With the platform's own key: only its content is wrong."""
        source = self.platform.file("forged", "")
        source.write_bytes(content)
        target = self.platform.file("forged.sig", "")
        subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey",
                        self.platform.home / "etc/keys/signing.pem", "-in", source, "-out", target],
                       check=True)
        return target.read_bytes()

    def plant(self, epoch, content, signature):
        path = self.current.with_name(f"map-{epoch:020d}.pub")
        path.write_bytes(content)
        if signature is not None:
            path.with_suffix(".sig").write_bytes(signature)
        self.platform.give_to_owner(path, path.with_suffix(".sig"))
        return path


def refuse(platform, make):
    """The map that make() plants is refused by a restarted edge, which says so and serves the old one."""
    forgery = Forgery(platform)
    epoch = forgery.header["epoch"]
    planted = make(forgery, epoch + 1)
    before = platform.pid("edge-1")
    platform.kill("edge-1")
    wait_until("edge-1 is back", lambda: platform.pid("edge-1") not in (None, before)
               and platform.edge_is_ready(0))
    refused = platform.telemetry(platform.port(8081))['callcell_edge_publications_refused_total{kind="map"}']
    expect(refused > 0, "the refusal was not counted")
    place_call(platform, 0)
    planted.unlink(missing_ok=True)
    planted.with_suffix(".sig").unlink(missing_ok=True)


@test
def a_corrupted_map_is_refused(platform):
    def make(forgery, epoch):
        content = forgery.compose(epoch=epoch) + forgery.payload
        signature = forgery.sign(content)
        return forgery.plant(epoch, content.replace(b'"112"', b'"113"'), signature)
    refuse(platform, make)


@test
def an_unsigned_map_is_refused(platform):
    def make(forgery, epoch):
        return forgery.plant(epoch, forgery.compose(epoch=epoch) + forgery.payload, None)
    refuse(platform, make)


@test
def a_map_signed_with_another_key_is_refused(platform):
    def make(forgery, epoch):
        return forgery.plant(epoch, forgery.compose(epoch=epoch) + forgery.payload, forgery.signature)
    refuse(platform, make)


def serve_forgery(platform, make):
    """A control plane that serves a map of our making: edges refuse it while they run, and report it."""
    return platform.with_fake_source(make)


@test
def older_and_too_different_maps_are_refused(platform):
    raise NotImplementedError


main(Platform)
