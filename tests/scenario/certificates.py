#!/usr/bin/python3
"""Certificates are renewed under load, on both ports of both edges, and no call notices."""
import json
import ssl
import subprocess

from support.carrier import event, get
from support.meanwhile import Meanwhile
from support.platform import Platform
from support.scenario import expect, expect_equal, main, note, test
from support.wait import wait_until

NUMBER = "+46705550001"
RATE = 20
DURATION_S = 3
RENEWALS = 2


class Load(Meanwhile):
    """Calls on one kind of port for as long as the block lasts: one run of the load tool after another."""

    def __init__(self, platform, tls, numbers):
        arguments = ["load", "--numbers", numbers, "--rate", RATE, "--duration", DURATION_S, "--output", "json"]
        self.command = [str(part) for part in platform.bench_command(arguments, tls=tls)]
        self.environment, self.name, self.runs = platform.environment, "TLS" if tls else "plain", []
        super().__init__()

    def work(self):
        while not self.over.is_set():
            self.runs.append(subprocess.run(self.command, env=self.environment, stdout=subprocess.PIPE, text=True, cwd="/",
                                            check=False))

    def expect_all_answered(self):
        note(f"{self.name}: {len(self.runs)} runs, the last: {self.runs[-1].stdout.strip()[:300]}")
        for run in self.runs:
            expect_equal(run.returncode, 0, f"exit status of the load, {self.name}")
            expect_equal(json.loads(run.stdout)["unanswered"], 0, f"unanswered, {self.name}")


def shown(platform):
    """Serial numbers that the ports show to those who ask."""
    ports = [*platform.tls_ports(), platform.port(7300), platform.port(20101), platform.port(20102)]
    return [platform.serial(port) for port in ports]


def listed(platform):
    rows = {row["name"]: row["serial"] for row in platform.cli_json("certificates", "list")}
    return [rows[name] for name in ("edge-1", "edge-2", "serve-1", "se-1/worker-1", "se-1/worker-2")]


@test
def a_call_over_tls_is_answered(platform):
    platform.cli("tenant", "create", "tls", "--country", "se")
    platform.cli("number", "create", NUMBER, "--tenant", "tls", "--kind", "mobile")
    for edge in (0, 1):
        reply = platform.tls_carrier().send(event(to=NUMBER), tenant="tls", edge=edge)
        expect_equal(reply.status, 200, "status")
        expect("connect" in reply.json()["actions"][0], f"{reply}")


@test
def tls_1_2_is_refused(platform):
    context = platform.public_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        get(platform.tls_ports()[0], "/readyz", tls=context)
    except ssl.SSLError:
        return
    raise AssertionError("TLS 1.2 was accepted")


@test
def a_worker_asks_who_calls(platform):
    """Not an edge and not the operator: 403; nobody: not even that."""
    headers = {"authorization": "Bearer " + platform.secret_file("cells/se-1/etc/tokens/control")}
    path = "/internal/v1/tenants"
    worker = platform.port(20101)
    answers = [get(worker, path, headers, tls=platform.tls_context(folder)).status
               for folder in ("etc/tls/operator", "etc/tls/serve-1", "edges/edge-1/tls")]
    expect_equal(answers, [200, 200, 403], "operator, control, edge")
    try:
        get(worker, path, headers, tls=platform.public_context())
    except OSError:
        return
    raise AssertionError("a client without a certificate was answered")


@test
def certificates_are_renewed_without_a_dropped_request(platform):
    numbers = platform.file("certificates.numbers", json.dumps(
        {"number": NUMBER, "tenant": "tls", "kind": "mobile"}) + "\n")
    seen = [shown(platform)]
    with Load(platform, False, numbers) as plain, Load(platform, True, numbers) as tls:
        for _ in range(RENEWALS):
            platform.cli("certificates", "renew", "--all")
            wait_until("every port shows the new certificate", lambda: shown(platform) == listed(platform))
            seen.append(shown(platform))
    plain.expect_all_answered()
    tls.expect_all_answered()
    for before, after in zip(seen, seen[1:]):
        expect(all(one != other for one, other in zip(before, after)), f"the same serial: {before} {after}")
    refused = [platform.telemetry(port)[series] for port, series in (
        (platform.port(8081), "callcell_edge_certificates_refused_total"),
        (platform.worker_telemetry_port(1), "callcell_cell_certificates_refused_total"))]
    expect_equal(refused, [0, 0], "refused files")


main(Platform)
