"""A real callcell-edge in a temp folder: publications on disk, fake cell workers, a fake control plane."""
import base64
import binascii
import datetime
import hashlib
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import urllib.parse

from support.authority import Authority
from support.carrier import get
from support.wait import wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOKEN = "token-of-the-sources"


def edge_binary():
    """Of $CALLCELL_BUILD, else of the gate's build folder."""
    build = pathlib.Path(os.environ.get("CALLCELL_BUILD") or ROOT / "build-test")
    return build / "edge/callcell-edge"


class Publisher:
    """Makes and signs publications as the control plane does."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.private, self.public = self.folder / "signing.pem", self.folder / "signing.pub"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.private], check=True,
                       capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", self.private, "-pubout", "-out", self.public], check=True,
                       capture_output=True)

    def sign(self, content):
        path = self.folder / "to-sign"
        path.write_bytes(content)
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.private, "-in", path],
                              check=True, capture_output=True).stdout

    def publication(self, kind, country, epoch, payload, previous=None):
        """(bytes, signature); payload: text. previous: bytes of the publication before."""
        header = {"format": f"callcell-{kind}-1", "country": country, "epoch": epoch,
                  "previous_sha256": hashlib.sha256(previous).hexdigest() if previous else "",
                  "created_at": "2026-11-21T09:00:00Z"}
        content = (json.dumps(header, separators=(",", ":")) + "\n" + payload).encode()
        return content, self.sign(content)


def slot_of(tenant):
    return binascii.crc_hqx(tenant.encode(), 0) % 16384


def map_payload(cells, pins=None, slots=None, slots_changed=0):
    """cells: {id: [address:port]}; slots: [[from, to, cell]], default all in the first."""
    first = next(iter(cells))
    pins, slots = pins or {}, slots or [[0, 16383, first]]

    def cell_of(tenant):
        return pins.get(tenant) or next(c for a, b, c in slots if a <= slot_of(tenant) <= b)

    return json.dumps({
        "cells": [{"id": cell, "sites": [{"name": "a", "endpoints": endpoints}]}
                  for cell, endpoints in cells.items()],
        "slots": slots, "pins": pins, "slots_changed": slots_changed,
        "policy": {"country_code": "46", "national_prefix": "0", "emergency": ["112"],
                   "barred_prefixes": ["+4690"]},
        "self_test": [{"tenant": tenant, "slot": slot_of(tenant), "cell": cell_of(tenant)}
                      for tenant in ["acme", *pins]]})


def numbers_payload(entries):
    """entries: (number, tenant, kind, fallback or None)."""
    return "".join(f"{number}\t{tenant}\t{kind}\t{fallback or '-'}\n"
                   for number, tenant, kind, fallback in sorted(entries))


def carriers_payload(keys, cells):
    """keys: {id: (secrets, tenants, mode)}; cells: {id: token}."""
    return json.dumps({"keys": [{"id": key, "carrier": "c", "tenants": tenants, "mode": mode,
                                 "secrets": secrets} for key, (secrets, tenants, mode) in keys.items()],
                       "cells": cells})


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, *arguments):
        self.connections, self.open = 0, []
        super().__init__(*arguments)

    def get_request(self):
        connection, address = super().get_request()
        self.connections += 1
        self.open.append(connection)
        return connection, address

    def cut(self):
        """Also the connections that are open."""
        self.shutdown()
        self.server_close()
        for connection in self.open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def handle_error(self, request, client_address):
        """A scripted reset is no news."""


class FakeWorker:
    """A cell worker that does as it is told: behaviour is "answer", "hang", "reset", ("delay", s),
    "no-call-plan" or a status. Keeps every request it saw."""

    def __init__(self, name, port=0, tls=None):
        self.name, self.port, self.tls = name, port, tls
        self.behaviour, self.journal_status = "answer", 200
        self.poison = None  # event id of a journal record that is answered 400
        self.calls, self.journalled = [], []
        self.released = threading.Event()
        self.server = None
        self.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def is_ready(self):
        return self.behaviour == "answer" or isinstance(self.behaviour, tuple)

    @property
    def connections(self):
        return self.server.connections

    def start(self):
        worker = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1  # an answer leaves as one write

            def log_message(self, *arguments):
                """Silent."""

            def do_GET(self):
                self.reply(200 if self.path == "/readyz" and worker.is_ready else 503, b"{}")

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                worker.serve(self, body)

            def reply(self, status, body, headers=None):
                self.send_response(status)
                for name, value in {"content-type": "application/json", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.released.clear()
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        if self.tls:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True,
                                                      do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def serve(self, handler, body):
        if handler.path.endswith("/journal"):
            records = json.loads(body)["records"]
            refused = any(record["event_id"] == self.poison for record in records)
            status = 400 if refused else self.journal_status
            if status == 200:
                self.journalled += records
            handler.reply(status, b'{"accepted":1}')
            return
        self.calls.append((handler.path, {k.lower(): v for k, v in handler.headers.items()}, body))
        kind = self.behaviour[0] if isinstance(self.behaviour, tuple) else self.behaviour
        if kind == "hang":
            self.released.wait(30)
        elif kind == "delay":
            self.released.wait(self.behaviour[1])
        if kind in ("hang", "reset"):
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            handler.connection.close()
            handler.close_connection = True
        elif kind == "no-call-plan":
            handler.reply(503, b'{"type":"urn:callcell:problem:no-call-plan","status":503}')
        elif isinstance(kind, int):
            handler.reply(kind, b"{}", {"retry-after": "1"} if kind == 503 else None)
        else:
            answer = self.answer(body)
            handler.reply(200, answer, {"callcell-source": "memory", "callcell-plan-version": "5",
                                        "callcell-decision-id": "ab" * 16})

    def answer(self, body):
        event = json.loads(body)["event_id"]
        return json.dumps({"decision_id": "ab" * 16, "flow": {"id": "main", "version": 3}, "state": None,
                           "actions": [{"hangup": {}}], "on_timeout": [],
                           "by": self.name, "of": event}).encode()

    def stop(self):
        """As a killed process: the port refuses, connections are gone."""
        if self.server:
            self.released.set()
            self.server.cut()
            self.server = None

    def forget(self):
        self.calls.clear()
        self.journalled.clear()


class FakeSource:
    """A control plane's publications and reports: docs/api/internal.md."""

    def __init__(self):
        source = self
        self.files, self.version, self.reports, self.tokens = {}, 1, [], set()
        self.clock_ahead_s = 0
        self.changed = threading.Condition()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                """Silent."""

            def do_GET(self):
                source.tokens.add(self.headers.get("authorization"))
                parts = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(parts.query))
                if parts.path == "/v1/publications":
                    self.reply(200, source.index(int(query["after"]), float(query["wait_s"])))
                    return
                _, _, _, country, kind = parts.path.split("/")
                _, content, signature = source.files[country, kind]
                self.reply(200, content, {"callcell-signature": base64.b64encode(signature).decode()})

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                source.reports.append(json.loads(body))
                now = datetime.datetime.now(datetime.timezone.utc)
                told = now + datetime.timedelta(seconds=source.clock_ahead_s)
                self.reply(200, b"{}", {"callcell-time": told.isoformat(timespec="microseconds")})

            def reply(self, status, body, headers=None):
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def index(self, after, wait_s):
        with self.changed:
            self.changed.wait_for(lambda: self.version > after, wait_s)
            return json.dumps({"version": self.version, "publications": [
                {"country": country, "kind": kind, "epoch": epoch,
                 "sha256": hashlib.sha256(content).hexdigest()}
                for (country, kind), (epoch, content, _) in self.files.items()]}).encode()

    def publish(self, country, kind, epoch, content, signature):
        with self.changed:
            self.files[country, kind] = (epoch, content, signature)
            self.version += 1
            self.changed.notify_all()

    def refusals(self, epoch, error):
        return [refusal for report in self.reports for refusal in report["refused"]
                if refusal["epoch"] == epoch and refusal["error"] == error]

    def holds(self, kind, epoch):
        """Whether the newest report says so."""
        return self.reports and any(held["kind"] == kind and held["country"] == "se" and held["epoch"] == epoch
                                    for held in self.reports[-1]["held"])

    def stop(self):
        with self.changed:
            self.version += 1
            self.changed.notify_all()
        self.server.cut()


class EdgeHost:
    """with EdgeHost(...) as host: an edge with two cells se-1 (two workers) and se-2 (one worker).
    tls: all of them show certificates of host.authority; else they speak plain HTTP."""

    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    second_secret = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
    acme_secret = "whsec_QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC"
    report_secret = "whsec_Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0ND"
    norway_secret = "whsec_RERERERERERERERERERERERERERERERE"

    numbers = [("+46101234567", "acme", "pbx", "+46700000001"), ("+46101234568", "acme", "pbx", None),
               ("+46701112233", "acme", "mobile", None), ("+46701112244", "globex", "mobile", None)]

    def __init__(self, source=None, tls=False, under=None, **settings):
        """under: a support.callgrind.Callgrind to run the edge under."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="callcell-edge-test-"))
        self.settings, self.source, self.under = settings, source, under
        self.process = self.port = self.telemetry_port = None
        self.log_path = self.folder / "edge.log"
        self.log_start = 0
        self.authority = Authority(self.folder / "authority") if tls else None
        self.workers = [FakeWorker(name, tls=self.shown_by("se-1")) for name in ("se-1/worker-1", "se-1/worker-2")]
        self.other = FakeWorker("se-2/worker-1", tls=self.shown_by("se-2"))
        self.publisher = Publisher(self.folder / "keys")
        self.published = {}
        self.place_all()

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.log_path.touch()
            self.__exit__(True)
            raise
        return self

    def __exit__(self, *failure):
        self.stop()
        for worker in [*self.workers, self.other]:
            worker.stop()
        if failure[0] is not None:
            print("# edge log: " + self.log_path.read_text()[-3000:].replace("\n", "\n#   "))
        shutil.rmtree(self.folder)

    def shown_by(self, cell):
        return self.authority and self.authority.server(f"urn:callcell:cell:{cell}")

    # ---- publications ----

    def map_of(self, **changes):
        cells = {"se-1": [worker.address for worker in self.workers], "se-2": [self.other.address]}
        return map_payload(**{"cells": cells, "pins": {"globex": "se-2"}, **changes})

    def place_all(self):
        self.place("map", "se", 7, self.map_of())
        self.place("numbers", "se", 3, numbers_payload(self.numbers))
        enforced = {"telia-1": ([self.secret, self.second_secret], ["*"], "enforce"),
                    "acme-only": ([self.acme_secret], ["acme"], "enforce")}
        self.place("carriers", "se", 2,
                   carriers_payload(enforced, {"se-1": "token-of-se-1", "se-2": "token-of-se-2"}))
        self.place("map", "no", 1, map_payload({"no-1": ["127.0.0.1:1"]}))
        reporting = {"telenor-1": ([self.norway_secret], ["*"], "enforce"),
                     "upgrade-1": ([self.report_secret], ["*"], "report-only")}
        self.place("carriers", "no", 1, carriers_payload(reporting, {"no-1": "token-of-no-1"}))

    def place(self, kind, country, epoch, payload, signature=None, content=None):
        made = self.publisher.publication(kind, country, epoch, payload)
        content, signature = content or made[0], signature if signature is not None else made[1]
        folder = self.folder / "publications" / country
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{kind}-{epoch:020}.pub").write_bytes(content)
        (folder / f"{kind}-{epoch:020}.sig").write_bytes(signature)
        self.published[(country, kind)] = (epoch, content)

    def discover(self, cell, text):
        folder = self.folder / "discovery"
        (folder / "new").write_text(text)
        os.replace(folder / "new", folder / f"{cell}.endpoints")

    # ---- the process ----

    def start(self):
        for name in ("publications", "discovery"):
            (self.folder / name).mkdir(exist_ok=True)
        (self.folder / "token").write_text(TOKEN + "\n")
        settings = {"id": "edge-1", "listen_port": 0, "telemetry_port": 0,
                    "publications_directory": self.folder / "publications",
                    "journal_directory": self.folder / "journal",
                    "discovery_directory": self.folder / "discovery",
                    "public_key_file": self.publisher.public, "source_token_file": self.folder / "token",
                    "sources": [self.source.address] if self.source else [], **self.settings}
        if self.authority:
            settings["tls"] = {"certificate_file": str(self.authority.issue("urn:callcell:edge:edge-1")),
                               "authority_file": str(self.authority.certificate)}
        lines = [f"{key}: {json.dumps(value if isinstance(value, (int, list, dict)) else str(value))}"
                 for key, value in settings.items() if value != []]
        (self.folder / "edge.yaml").write_text("\n".join(lines) + "\n")
        self.log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*(self.under.wrapper if self.under else []), edge_binary(), "--config", self.folder / "edge.yaml"],
                stderr=log, env=self.under and self.under.environment)
        started = wait_until("the edge has started", lambda: self.log("started"),
                             180 if self.under else 10, 0.01)[0]
        self.port, self.telemetry_port = started["port"], started["telemetry_port"]

    def stop(self, how=signal.SIGTERM):
        """The exit status."""
        if not self.process:
            return None
        self.process.send_signal(how)
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the edge did not end within 20 s") from None
        finally:
            self.process = None
        return status

    def log(self, event=None):
        """Lines of this run, parsed; of one event."""
        with open(self.log_path, "rb") as log:
            log.seek(self.log_start)
            text = log.read().decode(errors="replace")
        complete = text[:text.rfind("\n") + 1].splitlines()
        lines = []
        for line in complete:
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append({"event": "not_json", "text": line})
        return [line for line in lines if event is None or line["event"] == event]

    # ---- what it says of itself ----

    def metric(self, name, **labels):
        text = get(self.telemetry_port, "/metrics").body.decode()
        wanted = {f'{key}="{value}"' for key, value in labels.items()}
        for line in text.splitlines():
            series, _, value = line.rpartition(" ")
            plain, _, inside = series.partition("{")
            if plain == name and wanted <= set(inside.rstrip("}").split(",")):
                return float(value)
        raise KeyError(f"{name} {labels}")

    def state(self):
        return get(self.telemetry_port, "/state").json()

    def state_of(self, cell):
        return next(c for c in self.state()["cells"] if c["cell"] == cell)

    def calls_seen(self):
        return sum(len(worker.calls) for worker in [*self.workers, self.other])

    def forget(self):
        for worker in [*self.workers, self.other]:
            worker.forget()

    def behave(self, first="answer", second="answer"):
        self.workers[0].behaviour, self.workers[1].behaviour = first, second

    def wait_all_healthy(self):
        wait_until("no worker is ejected", lambda: not any(
            worker["ejected"] for cell in self.state()["cells"] if cell["cell"] != "no-1"
            for worker in cell["workers"]))
