"""A cell without its control plane: a real Postgres primary with a streaming replica, a real Redis, real
workers, in a temp folder. Postgres runs as an unprivileged user."""
import base64
import contextlib
import http.client
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile

from support.edgehost import Publisher, map_payload
from support.wait import wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
POSTGRES_BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
EDGE_TOKEN, CONTROL_TOKEN = "token-of-edges", "token-of-control"
ROLES = ("calls", "events", "directory")


def worker_binary():
    build = pathlib.Path(os.environ.get("CALLCELL_BUILD") or ROOT / "build-test")
    return build / "cell/callcell-cell"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def unprivileged():
    """Whom Postgres runs as: itself nobody when we are not root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def call_path(tenant, event):
    started = event["event"] == "call.initiated"
    return f"/internal/v1/se/tenants/{tenant}/calls" + ("" if started else f"/{event['call']['id']}/events")


def call_headers(remaining_ms):
    return {"callcell-attempt": "1", "callcell-remaining-ms": str(remaining_ms), "callcell-carrier-key": "carrier-1"}


class Answer:
    """What a worker said."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def source(self):
        return self.headers.get("callcell-source")

    @property
    def plan_version(self):
        return int(self.headers["callcell-plan-version"])


class Postgres:
    """One node."""

    def __init__(self, folder, name, port):
        self.folder, self.name, self.port = folder, name, port
        self.data = folder / name
        self.account = unprivileged()
        self.checks = "scram-sha-256"  # how it checks who connects

    def run(self, *command):
        options = {"user": self.account.pw_uid, "group": self.account.pw_gid} if os.geteuid() == 0 else {}
        subprocess.run([str(part) for part in command], check=True, cwd="/", capture_output=True,
                       timeout=60, **options)

    def make_primary(self):
        self.run(POSTGRES_BIN / "initdb", "-D", self.data, "-U", "postgres", "-A", self.checks,
                 "--auth-local=trust", "--pwfile", self.folder / "superuser.password", "-N")
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as file:
            file.write("fsync = off\nwal_retrieve_retry_interval = 100ms\nhot_standby_feedback = on\n"
                       f"unix_socket_directories = '{self.folder}'\nmax_connections = 100\n")
        with open(self.data / "pg_hba.conf", "a", encoding="ascii") as file:
            file.write("local replication all trust\n")

    def make_replica_of(self, primary):
        self.run(POSTGRES_BIN / "pg_basebackup", "-D", self.data, "-h", self.folder, "-p", primary.port,
                 "-U", "postgres", "-R", "-c", "fast")

    def start(self):
        # Output to a file: a pipe would be held open by the server.
        self.run(POSTGRES_BIN / "pg_ctl", "-D", self.data, "-w", "-l", self.folder / f"{self.name}.log",
                 "-o", f"-p {self.port} -c listen_addresses=127.0.0.1", "start")

    def stop(self, mode="fast"):
        if (self.data / "postmaster.pid").exists():
            self.run(POSTGRES_BIN / "pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def processes(self):
        """The postmaster and its children."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        found = [postmaster]
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if parent == postmaster:
                found.append(int(stat.parent.name))
        return found

    def signal(self, number):
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):  # a child may end at any time
                os.kill(process, number)

    def query(self, sql, role=None, password=None):
        """Rows as lists of text; as the superuser over the socket, or as a role with its password."""
        host = "127.0.0.1" if role else str(self.folder)
        result = subprocess.run(
            ["psql", "-h", host, "-p", str(self.port), "-U", role or "postgres", "-d", "cell", "-qAt",
             "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", sql], capture_output=True, text=True, check=False,
            timeout=30, env={**os.environ, "PGPASSWORD": password or ""})
        if result.returncode:
            raise RuntimeError(result.stderr.strip())
        return [line.split("\t") for line in result.stdout.splitlines()]

    def value(self, sql):
        rows = self.query(sql)
        return rows[0][0] if rows else None


class Redis:
    def __init__(self, port):
        self.port, self.process = port, None

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        wait_until("Redis answers", lambda: self.command("PING") == "PONG")

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def command(self, *words):
        return subprocess.run(["redis-cli", "-p", str(self.port), *words], capture_output=True, text=True,
                              check=False, timeout=10).stdout.strip()


class Worker:
    """One callcell-cell. under: a support.callgrind.Callgrind to run it under."""

    def __init__(self, host, name, settings=None, under=None):
        self.host, self.name, self.settings, self.under = host, name, settings or {}, under
        self.folder = host.folder / name
        self.port = free_port()
        self.process = None
        self.log = self.folder / "log"
        self.folder.mkdir()
        shutil.copytree(host.publications, self.folder / "publications")

    def configuration(self):
        nodes = ",".join(f"127.0.0.1:{node.port}" for node in (self.host.primary, self.host.replica))
        secrets = self.host.folder / "secrets"
        settings = {"country": "se", "cell": "se-1", "worker": self.name, "listen_port": self.port,
                    "edge_token_file": secrets / "edge", "control_token_file": secrets / "control",
                    "publications_directory": self.folder / "publications",
                    "public_key_file": self.host.publisher.public, "lease_file": self.host.lease,
                    "spool_directory": self.folder / "spool",
                    "plans_directory": self.folder / "plans",
                    "spool_siblings_directory": f"[{self.host.folder}]", **self.settings}
        return "".join(f"{key}: {value}\n" for key, value in settings.items()) + (
            f"redis:\n  host: 127.0.0.1\n  port: {self.host.redis.port}\n"
            f"postgres:\n  hosts: {nodes}\n  password_directory: {secrets}\n")

    def start(self, stores=True):
        """stores: they are alive, and the worker is to have its connections."""
        self.start_process()
        wait_until(f"{self.name} is ready", lambda: self.get("/readyz").status == 200,
                   timeout_s=180 if self.under else 20, every_s=0.01)
        if stores:
            wait_until(f"{self.name} has its connections", self.connected)
        return self

    def start_process(self):
        path = self.folder / "cell.yaml"
        path.write_text(self.configuration())
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*(self.under.wrapper if self.under else []), str(worker_binary()), "--config", str(path)],
                stderr=log, cwd="/", env=self.under and self.under.environment)
        return self.process

    def hang(self):
        """A connection with half a request on it."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.sendall(b"POST /internal/v1/se/journal HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        return connection

    def connected(self):
        state = self.state()
        return state["redis_up"] and state["postgres_up"] and state["replica_up"]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, timeout_s=20):
        """SIGTERM; the exit status."""
        if not self.process:
            return 0
        self.process.terminate()
        status = self.process.wait(timeout_s)
        self.process = None
        return status

    def request(self, method, path, body=None, token=None, headers=None, timeout_s=10):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            sent = {"content-type": "application/json", **(headers or {})}
            if token:
                sent["authorization"] = f"Bearer {token}"
            data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
            connection.request(method, path, data, sent)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path):
        return self.request("GET", path)

    def control(self, method, path, body=None):
        return self.request(method, f"/internal/v1/{path}", body, CONTROL_TOKEN)

    def call(self, tenant, event, remaining_ms=350, request_id=None):
        """Sends a call event as an edge does; mid-call ones to the call's events."""
        headers = call_headers(remaining_ms)
        if request_id:
            headers["callcell-request-id"] = request_id
        return self.request("POST", call_path(tenant, event), event, EDGE_TOKEN, headers)

    def calls_of_one_moment(self, tenant, events):
        """The answers to events that all lie before the worker when its loop turns: each on its own open
        connection, sent while the worker is frozen."""
        with contextlib.ExitStack() as opened:
            connections = [opened.enter_context(contextlib.closing(
                http.client.HTTPConnection("127.0.0.1", self.port, timeout=10))) for _ in events]
            for connection in connections:
                connection.request("GET", "/healthz")
                connection.getresponse().read()
            self.process.send_signal(signal.SIGSTOP)
            for connection, event in zip(connections, events):
                connection.request("POST", call_path(tenant, event), json.dumps(event).encode(),
                                   {"content-type": "application/json", "authorization": f"Bearer {EDGE_TOKEN}",
                                    **call_headers(350)})
            self.process.send_signal(signal.SIGCONT)
            return [Answer(connection.getresponse()) for connection in connections]

    def state(self):
        return self.control("GET", "state").json

    def metric(self, series):
        for line in self.get("/metrics").body.decode().splitlines():
            if line.startswith(series + " "):
                return float(line.rsplit(" ", 1)[1])
        raise KeyError(series)


class CellHost:
    """with CellHost() as host: ... two workers, worker-1 and worker-2, and what they need."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cell-"))
        os.chmod(self.folder, 0o755)
        self.redis = Redis(free_port())
        self.nodes = self.folder / "pg"
        self.primary = Postgres(self.nodes, "node1", free_port())
        self.replica = Postgres(self.nodes, "node2", free_port())
        self.publisher = None
        self.publications = self.folder / "publications"
        self.lease = self.folder / "lease"
        self.workers = []

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, error, trace):
        self.close(show=kind is not None)

    def start(self):
        self.start_stores()
        self.start_replica()
        for name in ("worker-1", "worker-2"):
            self.add_worker(name)

    def start_stores(self):
        """And what workers find on their disk."""
        self.write_secrets()
        self.publish()
        self.write_lease(1)
        self.start_primary()
        self.redis.start()

    def write_secrets(self):
        secrets = self.folder / "secrets"
        secrets.mkdir(mode=0o700)
        for name, text in {"edge": EDGE_TOKEN, "control": CONTROL_TOKEN}.items():
            (secrets / name).write_text(text + "\n")
        for role in ROLES:
            (secrets / f"{role}.password").write_text(f"password-of-{role}\n")

    def publish(self, epoch=1, pins=None):
        """Map (two cells; all slots in se-1) and sealing keys, as files that workers start from."""
        self.publisher = Publisher(self.folder / "signing")
        folder = self.publications / "se"
        folder.mkdir(parents=True)
        cells = {"se-1": ["127.0.0.1:1"], "se-2": ["127.0.0.1:2"]}
        key = base64.b64encode(bytes(range(64))).decode()
        payloads = {"map": map_payload(cells, pins={"elsewhere": "se-2", **(pins or {})}),
                    "sealing": json.dumps({"keys": [{"id": 1, "key": key,
                                                     "active_from": "2020-01-01T00:00:00Z"}]})}
        for kind, payload in payloads.items():
            content, signature = self.publisher.publication(kind, "se", epoch, payload)
            (folder / f"{kind}-{epoch:020d}.pub").write_bytes(content)
            (folder / f"{kind}-{epoch:020d}.sig").write_bytes(signature)

    def write_lease(self, term, cell="se-1", issued_by="control-plane", damage=False):
        """The signature first, as the control plane does."""
        line = json.dumps({"cell": cell, "term": term, "site": "a", "issued_at": "2026-11-21T09:00:00Z",
                           "issued_by": issued_by}, separators=(",", ":")).encode() + b"\n"
        signature = self.publisher.sign(line + b" " if damage else line)
        for path, content in ((self.lease.with_name("lease.sig"), signature), (self.lease, line)):
            path.with_suffix(".tmp").write_bytes(content)
            path.with_suffix(".tmp").rename(path)

    def start_primary(self):
        self.nodes.mkdir()
        (self.nodes / "superuser.password").write_text("superuser\n")
        os.chmod(self.nodes / "superuser.password", 0o644)
        if os.geteuid() == 0:
            account = unprivileged()
            os.chown(self.nodes, account.pw_uid, account.pw_gid)
        self.primary.make_primary()
        self.primary.start()
        self.migrate()

    def start_replica(self):
        self.replica.make_replica_of(self.primary)
        self.replica.start()

    def migrate(self):
        base = ["psql", "-h", str(self.nodes), "-p", str(self.primary.port), "-U", "postgres", "-qAt",
                "-v", "ON_ERROR_STOP=1"]
        subprocess.run([*base, "-c", "CREATE DATABASE cell"], check=True, capture_output=True)
        for path in sorted((ROOT / "migrations/cell").glob("*.sql")):
            subprocess.run([*base, "-d", "cell", "-1", "-f", str(path)], check=True, capture_output=True)
        for role in ROLES:
            self.primary.query(f"ALTER ROLE {role} PASSWORD 'password-of-{role}'")

    def add_worker(self, name, settings=None):
        worker = Worker(self, name, settings)
        self.workers.append(worker)
        return worker.start()

    def replicated(self):
        """Waits until the replica has all that the primary has."""
        lsn = self.primary.value("SELECT pg_current_wal_lsn()")
        wait_until("the replica has caught up", lambda: self.replica.value(
            f"SELECT pg_last_wal_replay_lsn() >= '{lsn}'::pg_lsn") == "t")

    def shipped(self):
        """Waits until no worker has anything left in its spool."""
        wait_until("spools are empty", lambda: all(
            worker.state()["spool"]["records"] == 0 for worker in self.workers if worker.process))

    def show_logs(self):
        for worker in self.workers:
            lines = worker.log.read_text(errors="replace").splitlines() if worker.log.exists() else []
            for line in lines[-25:]:
                print(f"# {worker.name}: {line}")

    def close(self, show=False):
        if show:
            self.show_logs()
        for worker in self.workers:
            if worker.process and worker.process.poll() is None:
                worker.kill()
        self.redis.stop()
        for node in (self.replica, self.primary):
            try:
                node.stop("immediate")
            except (subprocess.SubprocessError, OSError) as error:
                print(f"# {node.name}: {error}")
        shutil.rmtree(self.folder, ignore_errors=True)
