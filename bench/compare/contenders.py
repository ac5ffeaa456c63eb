"""Who is compared. Each is started on a port of its own, does the same work for the same bytes, and ends."""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import load  # noqa: E402
from support.cellhost import EDGE_TOKEN, CellHost, free_port  # noqa: E402
from support.edgehost import EdgeHost, carriers_payload, map_payload, numbers_payload  # noqa: E402
from support.wait import wait_until  # noqa: E402

PEERS = ROOT / "bench/peers"
TENANT, KEY = "bench", "bench"
SECRET = bytes(range(32))
NUMBERS = [f"+4670{1000000 + i}" for i in range(1000)]
SECRET_BASE64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


class Cell(CellHost):
    """One worker with its stores, over plain HTTP: what the edge's hop and the peers speak too."""

    def add_worker(self, name, settings=None):
        return super().add_worker(name, settings) if not self.workers or settings else None

    def fill(self):
        worker = self.workers[0]
        answers = [worker.control("PUT", f"tenants/{TENANT}", {"name": "Bench"}),
                   worker.control("PUT", f"tenants/{TENANT}/numbers", {"numbers": [
                       {"number": number, "kind": "mobile"} for number in NUMBERS]})]
        if any(answer.status != 200 for answer in answers):
            raise load.Unanswered(f"the cell cannot be filled: {[answer.body for answer in answers]}")
        plan = json.dumps({"kind": "mobile", "tenant": TENANT, "barring": "none", "forward_always": None,
                           "presentation": "allowed"})
        commands = "".join(f"SET bench:{number} '{plan}'\n" for number in NUMBERS)
        subprocess.run(["redis-cli", "-p", str(self.redis.port)], input=commands, text=True, check=True,
                       capture_output=True, timeout=30)
        self.replicated()

    def postmasters(self):
        return [int((node.data / "postmaster.pid").read_text().split()[0]) for node in (self.primary, self.replica)]


class Edge(EdgeHost):
    """An edge in front of that worker alone."""

    numbers = [(number, TENANT, "mobile", None) for number in NUMBERS]

    def __init__(self, worker):
        self.cell_address = f"127.0.0.1:{worker.port}"
        super().__init__()

    def place_all(self):
        self.place("map", "se", 1, map_payload({"se-1": [self.cell_address]}))
        self.place("numbers", "se", 1, numbers_payload(self.numbers))
        keys = {KEY: ([f"whsec_{SECRET_BASE64}"], ["*"], "enforce")}
        self.place("carriers", "se", 1, carriers_payload(keys, {"se-1": EDGE_TOKEN}))

    def gave_up(self):
        """Calls that the edge answered itself: none of them went through the cell."""
        return sum(self.metric("callcell_edge_answers_total", by="edge", why=why)
                   for why in ("emergency", "no_cell", "overload", "unknown", "abandoned"))


class Contender:
    """role: "ours", "peer" or "limit"."""

    def __init__(self, name, role, aim=None):
        self.name, self.role, self.aim = name, role, aim
        self.port, self.processes = None, []

    def pids(self):
        return [process.pid for process in self.processes]

    def close(self):
        for process in self.processes:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


class Started(Contender):
    """A program of ours that a host has started."""

    def __init__(self, name, process, port):
        super().__init__(name, "ours")
        self.port, self.processes = port, [process]

    def close(self):
        """Its host ends it."""


class Program(Contender):
    """A peer: a command line with the port in it, in a folder of its own."""

    def __init__(self, name, role, folder, command, configuration=None, words=None, aim=None):
        super().__init__(name, role, aim)
        self.port = free_port()
        own = folder / name.replace(" ", "-").replace(",", "")
        own.mkdir()
        words = {"PORT": self.port, "FOLDER": own, "PEERS": PEERS, "SECRET_BASE64": SECRET_BASE64,
                 "TOKEN": EDGE_TOKEN, **(words or {})}
        path = own / "configuration"
        if configuration:
            text = (PEERS / configuration).read_text()
            for word, value in words.items():
                text = text.replace(f"@{word}@", str(value))
            path.write_text(text)
        command = [str(part).replace("@CONFIGURATION@", str(path)).replace("@PORT@", str(self.port))
                   for part in command]
        with open(own / "log", "ab") as log:
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=own,
                                                   env={**os.environ, "GOMAXPROCS": "1"}))
        try:
            wait_until(f"{name} listens", self.listens, 20)
        except AssertionError as error:
            self.close()
            raise load.Unanswered(f"{name}: {error}: {(own / 'log').read_text()[-500:]}") from error

    def listens(self):
        if self.processes[0].poll() is not None:
            raise AssertionError("it ended")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def build_go(name, build):
    """Debian's packages of fasthttp and redigo, no modules from elsewhere."""
    out = build / name
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
                   "GOCACHE": str(build / "go-cache")}
    subprocess.run(["go", "build", "-o", out, "main.go"], cwd=PEERS / name, env=environment, check=True, timeout=300)
    return out


def install_fastify(build):
    """npm writes its folder beside package.json, so that goes into the build folder first."""
    folder = build / "fastify"
    shutil.copytree(PEERS / "fastify", folder, dirs_exist_ok=True)
    subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=300)
    return folder / "server.mjs"


def nginx(name, role, folder, configuration, words=None, aim=None):
    return Program(name, role, folder, ["nginx", "-c", "@CONFIGURATION@", "-p", folder], configuration, words, aim)


def haproxy(name, folder, configuration, words, aim):
    return Program(name, "peer", folder, ["haproxy", "-db", "-f", "@CONFIGURATION@"], configuration, words, aim)


def deciders(cell, folder, build, answer):
    """Who answers a mobile call."""
    redis = cell.redis.port
    return [
        Started("callcell worker, hot", cell.workers[0].process, cell.workers[0].port),
        Program("libh2o static", "limit", folder,
                [build.parent / "bench/callcell-peer-h2o-static", "@PORT@", answer], aim="<= 1.3"),
        nginx("nginx static", "limit", folder, "nginx-static.conf", {"ANSWER": answer}),
        nginx("nginx-lua and Redis", "peer", folder, "nginx-lua.conf", {"REDIS_PORT": redis}, "<= 0.40"),
        Program("Go fasthttp and Redis", "peer", folder, [build_go("go-fasthttp", build), "@PORT@", redis],
                aim="<= 0.67"),
        Program("Go net-http and Redis", "peer", folder, [build_go("go-nethttp", build), "@PORT@", redis]),
        Program("fastify and Redis", "peer", folder, ["node", install_fastify(build), "@PORT@", redis],
                aim="<= 0.25"),
    ]


def forwarders(cell, edge, folder):
    """Who forwards one."""
    words = {"CELL_PORT": cell.workers[0].port}
    return [
        Started("callcell edge, signature checked", edge.process, edge.port),
        haproxy("HAProxy forwarding", folder, "haproxy.cfg", words, "<= 1.2"),
        haproxy("HAProxy with the signature in Lua", folder, "haproxy-hmac.cfg", words, "<= 0.8"),
        nginx("nginx forwarding", "peer", folder, "nginx-proxy.conf", words),
    ]
