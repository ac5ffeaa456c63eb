"""A whole platform in a home of its own, started exactly as `./dev up` starts it (`./dev start`)."""
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile

from support.carrier import Carrier, get
from support.reference import Policy
from support.wait import wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ACCOUNT = "callcell"
PORTS = (7300, 7301, 7302, 7303, 7304, 7305, 7306, 8080, 8081, 8090, 8091, 8443, 8453, 20101, 20102, 20111, 20112,
         20120, 20130, 20131, 20132)
SERVES = ("serve-1", "serve-2")
START_TIMEOUT_S = 240
SANITIZER = re.compile(r"(ERROR|WARNING): (Address|Leak|Thread)Sanitizer|runtime error:")


def build_directory():
    return pathlib.Path(os.environ.get("CALLCELL_BUILD") or ROOT / "build-test")


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_offset():
    """A port offset at which every port of a platform is free; spread by process id. All stay below 32768,
    where the kernel picks the local ports of outgoing connections."""
    for step in range(38):
        offset = 1000 + 300 * ((os.getpid() + step) % 38)
        if all(port_is_free(port + offset) for port in PORTS):
            return offset
    raise RuntimeError("no room for a platform's ports")


class CliError(AssertionError):
    """A command failed."""

    def __init__(self, command, result):
        super().__init__(f"{' '.join(command)}: exit {result.returncode}\n{result.stdout}{result.stderr}")
        self.status = result.returncode


class Platform:
    """with Platform() as platform: ... is torn down on failure and on Ctrl-C too.

    CALLCELL_TEST_PLATFORM names a platform that others share (shared_platform.py): it is then used, healed
    before and after, and left running.
    """

    def __init__(self, start=True):
        shared = os.environ.get("CALLCELL_TEST_PLATFORM") if start else None
        state = json.loads(pathlib.Path(shared).read_text()) if shared else {}
        self.is_shared = bool(shared)
        self.offset = state.get("offset") or free_offset()
        self.home = pathlib.Path(state.get("home") or tempfile.mkdtemp(prefix="cc-"))
        self.environment = {**os.environ, "CALLCELL_HOME": str(self.home),
                            "CALLCELL_PORT_OFFSET": str(self.offset),
                            "CALLCELL_BUILD": str(build_directory())}
        self.start_at_once = start
        self.findings = []
        self.secret = state.get("secret")

    # --- life ---

    def __enter__(self):
        try:
            if self.is_shared:
                self.heal()
            elif self.start_at_once:
                self.start()
        except BaseException:
            self.show_logs()
            if not self.is_shared:
                self.close()
            raise
        return self

    def __exit__(self, *_):
        if self.is_shared:
            self.heal()
        else:
            self.close()

    def heal(self):
        """Everything runs again, and is ready."""
        for name in self.services():
            if self.pid(name):
                self.thaw(name)
        self.as_owner(["sv", "start", *(self.home / "run/services" / name for name in self.services())])
        for number in (1, 2):
            wait_until(f"worker-{number} is ready", lambda: self.worker_is_ready(number), 60)
        wait_until("both edges are ready", lambda: all(self.edge_is_ready(edge) for edge in (0, 1)), 60)
        wait_until("the replica is synchronous", lambda: self.psql(
            "select count(*) from pg_stat_replication where sync_state in ('sync', 'quorum')") == [["1"]], 60)

    def start(self):
        self.dev("start", timeout_s=START_TIMEOUT_S)
        self.cli("carrier", "create", "test", "--country", "se", "--tenants", "*")
        self.secret = (self.home / "carriers/se/test.secret").read_text().strip()
        wait_until("both edges are ready", lambda: all(self.edge_is_ready(edge) for edge in (0, 1)))

    def close(self):
        """Ends everything, remembers what sanitizers said and what was left, removes the home."""
        down = subprocess.run([str(ROOT / "dev"), "down"], env=self.environment, text=True,
                              capture_output=True, timeout=120, check=False)
        if down.returncode:
            self.findings.append("dev down: " + down.stdout + down.stderr)
            self._kill_left_overs()
        for log in self.home.glob("log/**/*"):
            if log.is_file():
                self._scan(log)
        shutil.rmtree(self.home, ignore_errors=True)

    def _scan(self, log):
        lines = log.read_text(errors="replace").splitlines()
        for number, line in enumerate(lines):
            if SANITIZER.search(line):
                self.findings.append(f"{log.relative_to(self.home)}:\n" + "\n".join(lines[number:number + 25]))
                return

    def _kill_left_overs(self):
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def processes(self):
        """Processes whose command line names this home."""
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if f"{self.home}/".encode() in command and int(entry.name) != os.getpid():
                found.append(int(entry.name))
        return found

    def show_logs(self, lines=40):
        for log in sorted([*self.home.glob("log/*/current"), *self.home.glob("sites/*/log/*/current")]):
            tail = log.read_text(errors="replace").splitlines()[-lines:]
            print(f"# --- {log.relative_to(self.home)}")
            for line in tail:
                print("# " + line[:600])

    # --- commands ---

    def run(self, command, timeout_s=60, check=True, stdin=None):
        command = [str(part) for part in command]
        result = subprocess.run(command, env=self.environment, text=True, capture_output=True,
                                timeout=timeout_s, input=stdin, cwd="/", check=False)
        if check and result.returncode:
            raise CliError(command, result)
        return result

    def dev(self, *arguments, timeout_s=120, check=True):
        return self.run([ROOT / "dev", *arguments], timeout_s, check)

    def cli(self, *arguments, timeout_s=60, check=True):
        return self.run([self.home / "bin/callcell", *arguments], timeout_s, check)

    def cli_json(self, *arguments, timeout_s=60):
        return json.loads(self.cli(*arguments, "--output", "json", timeout_s=timeout_s).stdout)

    def owner_command(self, command):
        return ["runuser", "-u", ACCOUNT, "--", *command] if os.geteuid() == 0 else list(command)

    def as_owner(self, command, **options):
        return self.run(self.owner_command(command), **options)

    def give_to_owner(self, *paths):
        if os.geteuid() != 0:
            return
        owner = pwd.getpwnam(ACCOUNT)
        for path in paths:
            if path.exists():
                os.chown(path, owner.pw_uid, owner.pw_gid)

    def file(self, name, text):
        """A file in the home that every program may read."""
        path = self.home / "test" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        self.give_to_owner(path.parent, path)
        return path

    # --- edges and calls ---

    def port(self, base):
        return base + self.offset

    def edge_ports(self):
        return [self.port(8080), self.port(8090)]

    def tls_ports(self):
        return [self.port(8443), self.port(8453)]

    def worker_port(self, number):
        return self.port(20100 + number)

    def worker_telemetry_port(self, number):
        return self.port(20110 + number)

    def tls_context(self, identity="etc/tls/operator"):
        """For asking workers and serve as the program whose folder this is."""
        folder = self.home / identity
        context = ssl.create_default_context(cafile=folder / "authority.pem")
        context.load_cert_chain(folder / "identity.pem")
        context.check_hostname = False
        return context

    def tls_server_context(self, identity):
        """For a server that takes the place of the program whose folder this is."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.home / identity / "identity.pem")
        return context

    def authority(self):
        return self.home / "etc/ca/authority.pem"

    def public_context(self):
        """A carrier's: it knows the authority and shows nothing."""
        return ssl.create_default_context(cafile=self.authority())

    def tls_carrier(self):
        return Carrier(self.tls_ports(), "test", self.secret, self.public_context())

    def serial(self, port, identity="etc/tls/operator"):
        """Serial number of the certificate that a port shows now."""
        with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
            with self.tls_context(identity).wrap_socket(plain) as secure:
                return secure.getpeercert()["serialNumber"].lower()

    def edge_is_ready(self, edge):
        return get(self.port((8081, 8091)[edge]), "/readyz").status == 200

    def edge_map_epoch(self, edge, country="se"):
        """Epoch of the routing map that an edge uses, as it says itself."""
        state = get(self.port((8081, 8091)[edge]), "/state").json()
        return [held for held in state["countries"] if held["country"] == country][0]["map"]["epoch"]

    def get(self, base_port, path):
        return get(self.port(base_port), path)

    def carrier(self):
        return Carrier(self.edge_ports(), "test", self.secret)

    def bench_command(self, arguments, tls=False):
        scheme, ports = ("https://", self.tls_ports()) if tls else ("", self.edge_ports())
        edges = ",".join(f"{scheme}127.0.0.1:{port}" for port in ports)
        authority = ["--ca", self.authority()] if tls else []
        return [self.home / "bin/callcell-bench", *arguments, "--edge", edges, *authority, "--key", "test",
                "--secret-file", self.home / "carriers/se/test.secret"]

    def bench(self, *arguments, timeout_s=120, check=True):
        return self.run(self.bench_command(arguments), timeout_s=timeout_s, check=check)

    def start_bench(self, *arguments):
        command = [str(part) for part in self.bench_command(arguments)]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, cwd="/")

    def telemetry(self, port):
        """{series with labels: value} of a /metrics page."""
        values = {}
        for line in get(port, "/metrics").body.decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name] = float(value)
        return values

    # --- processes, by the name of their service ---

    def services(self):
        return sorted(path.name for path in (self.home / "run/services").iterdir())

    def service(self, name):
        """The folder of the service of this name, or of the cell se-1's part of this name."""
        match = [s for s in self.services() if s in (name, "se-1-" + name)]
        if len(match) != 1:
            raise AssertionError(f"service {name}: {match or self.services()}")
        return self.home / "run/services" / match[0]

    def pid(self, name):
        """None too for a service that its supervisor has not found yet: it looks every five seconds."""
        file = self.service(name) / "supervise/pid"
        text = file.read_text().strip() if file.exists() else ""
        return int(text) if text else None

    def signal(self, name, number):
        os.kill(self.pid(name), number)

    def kill(self, name):
        self.signal(name, signal.SIGKILL)

    def freeze(self, name):
        self.signal(name, signal.SIGSTOP)

    def thaw(self, name):
        self.signal(name, signal.SIGCONT)

    def sv(self, action, name):
        return self.as_owner(["sv", "-w", "20", action, self.service(name)], timeout_s=40)

    def stop_service(self, name):
        self.sv("force-stop", name)

    def start_service(self, name):
        self.sv("start", name)

    def kill_for_good(self, name):
        """kill -9, and the supervisor does not bring it back."""
        self.as_owner(["sv", "once", self.service(name)])
        self.kill(name)
        wait_until(f"{name} is dead", lambda: self.pid(name) is None)

    def configure_workers(self, **settings):
        """Changes keys of the workers' cell.yaml and restarts them, one after the other."""
        for number in (1, 2):
            path = self.home / f"cells/se-1/etc/cell-worker-{number}.yaml"
            text = path.read_text()
            for key, value in settings.items():
                text, count = re.subn(rf"^{key}:.*$", f"{key}: {value}", text, flags=re.MULTILINE)
                if count == 0:
                    text += f"{key}: {value}\n"
            path.write_text(text)
            self.sv("restart", f"worker-{number}")
            wait_until(f"worker-{number} is ready", lambda: self.worker_is_ready(number))

    def postgres_sockets(self):
        """The folder of the sockets of the cell's nodes."""
        return self.home / "cells/se-1/pg/sock"

    def keepers_notes(self):
        """Where each keeper is told that its Postgres is to run (docs/adr/0016-keepers-are-told.md)."""
        return list(self.home.rglob("node[12]/data/pg_autoctl.pg"))

    def worker_is_ready(self, number):
        return get(self.worker_telemetry_port(number), "/readyz").status == 200

    def stop_control_plane(self):
        for name in SERVES:
            self.stop_service(name)
        wait_until("the control plane is gone",
                   lambda: all(port_is_free(self.port(port)) for port in (7300, 7302)))

    def start_control_plane(self):
        for name in SERVES:
            self.start_service(name)
        wait_until("the control plane is ready",
                   lambda: all(self.get(port, "/readyz").status == 200 for port in (7301, 7303)))

    def stop_postgres(self):
        """Both nodes and their monitor: nobody promotes anything."""
        for name in ("monitor", "node1", "node2"):
            self.stop_service(name)

    def start_postgres(self):
        for name in ("monitor", "node1", "node2"):
            self.start_service(name)
        wait_until("Postgres has a primary", self.primary_port, 60)

    def stop_cell_stores(self):
        """Redis and the primary, without a failover: the replica stays a replica."""
        primary = 1 if self.primary_port() == self.port(20131) else 2
        self.stop_service("monitor")
        self.stop_service("redis")
        self.stop_service(f"node{primary}")

    # --- stores ---

    def secret_file(self, *parts):
        return self.home.joinpath(*parts).read_text().strip()

    def psql(self, sql, port=None, database="cell"):
        """Rows of text from a Postgres of cell se-1, over its socket as the home's owner, a superuser."""
        socket_folder = self.home / "cells/se-1/pg/sock"
        result = self.as_owner(["psql", "-h", socket_folder, "-p", port or self.primary_port(), "-d", database,
                                "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", sql])
        return [line.split("\t") for line in result.stdout.splitlines()]

    def primary_port(self):
        for port in (self.port(20131), self.port(20132)):
            try:
                if self.psql("select pg_is_in_recovery()", port) == [["f"]]:
                    return port
            except CliError:
                continue
        raise AssertionError("no Postgres of the cell is a primary")

    def redis(self, *command):
        """As the operator."""
        password = self.secret_file("cells/se-1/etc/redis-operator.password")
        environment = {**self.environment, "REDISCLI_AUTH": password}
        result = subprocess.run(["redis-cli", "-p", str(self.port(20120)), "--user", "operator", *command],
                                env=environment, text=True, capture_output=True, timeout=20, check=True)
        return result.stdout.strip()

    def flush_redis(self):
        reply = self.redis("FLUSHALL")
        if reply != "OK":
            raise AssertionError(f"FLUSHALL: {reply}")

    # --- what the edges route by ---

    def newest_publication(self, kind, edge="edge-1", country="se"):
        folder = self.home / "edges" / edge / "publications" / country
        return sorted(folder.glob(f"{kind}-*.pub"))[-1]

    def map(self, edge="edge-1"):
        """The routing map that an edge holds on disk."""
        _header, _, payload = self.newest_publication("map", edge).read_bytes().partition(b"\n")
        return json.loads(payload)

    def policy(self):
        """The country's call policy, for the reference."""
        policy = self.map()["policy"]
        return Policy(policy["country_code"], policy["national_prefix"], policy["emergency"],
                      policy["barred_prefixes"])

    # --- what waits to be recorded ---

    def worker_telemetry_ports(self):
        return [self.worker_telemetry_port(number) for number in (1, 2)]

    def backlog(self):
        """Records still in spools and journals."""
        spooled = sum(self.telemetry(port)["callcell_cell_spool_records"] for port in self.worker_telemetry_ports())
        journalled = sum(self.telemetry(self.port(p))["callcell_edge_journal_records"] for p in (8081, 8091))
        return int(spooled + journalled)

    def backlog_of_worker(self, number):
        return int(self.telemetry(self.worker_telemetry_port(number))["callcell_cell_spool_records"])

    def wait_until_recorded(self, timeout_s=60):
        wait_until("spools and journals are empty", lambda: self.backlog() == 0, timeout_s)

    def recorded(self, where="true"):
        """{(tenant, event id): (source, decision id)} of the events in Postgres."""
        rows = self.psql(f"select tenant_id, event_id, source, decision_id from events.events where {where}")
        return {(tenant, event): (source, decision) for tenant, event, source, decision in rows}

    def recorded_of_calls(self, calls):
        """[((tenant, event id), (source, decision id))] of these calls' events in Postgres."""
        listed = ",".join("'" + call.replace("'", "''") + "'" for call in calls)
        rows = self.psql("select tenant_id, event_id, source, decision_id from events.events "
                         f"where call_id = any(array[{listed}]::text[])")
        return [((tenant, event), (source, decision)) for tenant, event, source, decision in rows]
