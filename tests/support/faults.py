"""What can happen to a part of a platform: killed, frozen, cut off. Parts are named as on-call names them."""
import datetime
import json
import os
import pathlib
import select
import signal
import subprocess
import time

from support import links
from support.carrier import get
from support.meanwhile import Meanwhile
from support.platform import ACCOUNT, CliError
from support.wait import wait_until


def parent(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def descendants(pid):
    """pid and all its children, theirs too: a Postgres node is a tree."""
    children = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            children.setdefault(parent(entry.name), []).append(int(entry.name))
        except (OSError, IndexError):
            continue
    found, todo = [], [pid]
    while todo:
        found.append(todo[-1])
        todo.extend(children.get(todo.pop(), []))
    return found


class Part:
    """services: names of their service folders."""

    def __init__(self, platform, name, services):
        self.platform = platform
        self.name = name
        self.services = services
        self.frozen = []

    def heads(self):
        """The processes that the supervisors started."""
        pids = [(folder / "supervise/pid").read_text().strip() for folder in self.folders()]
        return [int(pid) for pid in pids if pid]

    def pids(self):
        return [pid for head in self.heads() for pid in descendants(head)]

    def signal(self, number, pids):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill(self):
        """kill -9; the supervisor starts it again."""
        self.signal(signal.SIGKILL, self.pids())

    def freeze(self):
        self.frozen = self.pids()
        self.signal(signal.SIGSTOP, self.frozen)

    def thaw(self):
        self.signal(signal.SIGCONT, self.frozen)
        self.frozen = []

    def folders(self):
        return [self.platform.service(service) for service in self.services]

    def kill_for_good(self):
        """kill -9, and the supervisor does not start it again: what a lost machine looks like."""
        self.platform.as_owner(["sv", "once", *self.folders()])
        self.kill()

    def cut(self):
        """Packets from it and to it vanish without a word. Its supervisors are cut too: what they start again stays
        cut off."""
        links.cut([pid for head in self.heads() for pid in descendants(parent(head))])

    def mend(self):
        links.mend()


def primary_node(platform):
    return 1 if platform.primary_port() == platform.port(20131) else 2


def keepers_of(platform, node):
    """The processes of pg_autoctl on a node, without Postgres itself."""
    names = {}
    for pid in descendants(platform.pid(f"node{node}")):
        names[pid] = pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    return [pid for pid, name in names.items() if name == "pg_autoctl"]


def parts_of(platform):
    """{name: function that finds it as things stand now}: which node is the primary changes."""
    def postgres(name, is_primary, services=()):
        number = primary_node(platform)
        return Part(platform, name, [f"se-1-node{number if is_primary else 3 - number}", *services])

    workers = ["se-1-worker-1", "se-1-worker-2"]
    control = [s for s in platform.services() if s.startswith(("serve", "registry"))]
    return {
        "Redis": lambda: Part(platform, "Redis", ["se-1-redis"]),
        "primary": lambda: postgres("primary", True),
        "replica": lambda: postgres("replica", False),
        "monitor": lambda: Part(platform, "monitor", ["se-1-monitor", "se-1-monitor-pooler"]),
        "one worker": lambda: Part(platform, "one worker", workers[:1]),
        "both workers": lambda: Part(platform, "both workers", workers),
        "control plane": lambda: Part(platform, "control plane", control),
        "one edge of two": lambda: Part(platform, "one edge of two", ["edge-1"]),
        "Redis and primary": lambda: postgres("Redis and primary", True, ["se-1-redis"]),
    }


def site_of(platform, site):
    """All of the cell at a site of a platform with two; the control plane and the edges stay."""
    services = sorted(folder.name for folder in (platform.site(site) / "run/services").glob("se-1-*"))
    return SitePart(platform, site, f"site {site}", services)


class SitePart(Part):
    """Its services lie in the site's own folder."""

    def __init__(self, platform, site, name, services):
        super().__init__(platform, name, services)
        self.site = site

    def folders(self):
        return [self.platform.site(self.site) / "run/services" / service for service in self.services]


def serve_of(platform):
    """A server of the control plane."""
    return [service for service in platform.services() if service.startswith("serve")][0]


def is_noted_synchronous(cell, data):
    """serve has noted in the cell's folder, since the settings of the primary with this data last changed, that its
    commits wait for the replica: what a replica may be promoted on."""
    noted = json.loads((cell / "durability.json").read_text())
    changed = (data / "postgresql.auto.conf").stat().st_mtime
    return (noted["synchronous"] and noted["primary"] == data.parent.name and
            datetime.datetime.fromisoformat(noted["at"]).timestamp() > changed)


class WriteProbe(Meanwhile):
    """Writes to whichever node takes it, as fast as it goes, and remembers when writes were acknowledged.

    A commit that comes with a warning ("not replicated") is no acknowledgement. with probe: ... writes meanwhile.
    """

    WRITE = b"insert into public.write_probe default values;\n\\echo acknowledged\n"
    PATIENCE_S = 1
    # Between sessions, doubled for each that was in vain: on a slow machine one takes more CPU than what it watches.
    PAUSE_S, LONGEST_PAUSE_S = 0.1, 0.4

    def __init__(self, platform):
        platform.psql("create table if not exists public.write_probe (at timestamptz default clock_timestamp())")
        folder = platform.postgres_sockets()
        ports = [platform.port(20131), platform.port(20132)]
        self.commands = [["psql", "-XAtq", "-v", "ON_ERROR_STOP=1",
                          f"host={folder},{folder} port={first},{second} dbname=cell "
                          "target_session_attrs=read-write connect_timeout=2"]
                         for first, second in (ports, reversed(ports))]
        # Not through runuser: its own start would count as time without writes.
        self.owner = {"user": ACCOUNT, "group": ACCOUNT, "extra_groups": []} if os.geteuid() == 0 else {}
        self.acknowledged = []
        self.last_sent = 0.0  # when the last acknowledged one was
        super().__init__()

    def work(self):
        pause_s = self.PAUSE_S
        while not self.over.wait(pause_s):
            known = len(self.acknowledged)
            # A primary that is cut off goes on to offer itself over its socket: the other node is asked first then.
            self.commands.reverse()
            with subprocess.Popen(self.commands[0], **self.owner, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, start_new_session=True, bufsize=0) as session:
                sent = time.monotonic()
                while self._is_acknowledged(session):
                    self.acknowledged.append(time.monotonic())
                    self.last_sent = sent
                    if self.over.wait(0.02):
                        break
                    sent = time.monotonic()
                os.killpg(session.pid, signal.SIGKILL)
            in_vain = len(self.acknowledged) == known
            pause_s = min(2 * pause_s, self.LONGEST_PAUSE_S) if in_vain else self.PAUSE_S

    def _is_acknowledged(self, session):
        """One session serves until a write in it fails, warns or takes too long: one for each write would take
        more of the machine than the platform does."""
        try:
            session.stdin.write(self.WRITE)
        except BrokenPipeError:
            return False
        said, deadline = b"", time.monotonic() + self.PATIENCE_S
        while b"acknowledged\n" not in said:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not select.select([session.stdout], [], [], left_s)[0]:
                return False
            chunk = os.read(session.stdout.fileno(), 4096)
            if not chunk:
                return False
            said += chunk
        return b"WARNING" not in said

    def wait_for_one_since(self, moment):
        """Sent since, that is: what was acknowledged just before may be heard of just after."""
        wait_until("a write is acknowledged", lambda: self.last_sent > moment, 60)

    def seconds_without(self, since):
        """The longest time from `since` on in which nothing was acknowledged."""
        times = [since, *(moment for moment in list(self.acknowledged) if moment > since)]
        return max((later - earlier for earlier, later in zip(times, times[1:])), default=0.0)


def wait_until_whole(platform, timeout_s=90):
    """Every part runs, the replica is synchronous, nothing waits to be recorded."""
    def replica_is_synchronous():
        try:
            return platform.psql("select count(*) from pg_stat_replication "
                                 "where sync_state in ('sync', 'quorum')") == [["1"]]
        except (CliError, AssertionError):
            return False
    for port in platform.worker_telemetry_ports():
        wait_until(f"the worker of port {port} is ready", lambda p=port: get(p, "/readyz").status == 200, timeout_s)
    wait_until("both edges are ready", lambda: all(platform.edge_is_ready(e) for e in (0, 1)), timeout_s)
    wait_until("the replica is synchronous", replica_is_synchronous, timeout_s)
    platform.wait_until_recorded(timeout_s)
