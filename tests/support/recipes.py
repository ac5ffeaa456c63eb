"""How each transitions table is put to the test that kills its command at every row.

A new table needs a recipe here, or tests/scenario/kill_every_row.py fails. A recipe says how to walk its table
twice, once undisturbed (turn 0) and once killed at every row (turn 1), on the real platform, and which facts must
then be the same:

    class TenantCreate(Recipe):
        table = "tenant_create"
        def prepare(self, turn): ...        what must be there before the command
        def command(self, turn): ...        the words after `callcell`
        def facts(self, turn): ...          a text: self.same() makes it of anything JSON can hold
        def clean(self, turn): ...          puts away what this turn made

Further: `long = True` for what takes more than a few seconds (run with --long only); `untaken = {"state": "why"}`
for states that this recipe's run does not pass (some other recipe of the table must); `again = False` when giving
the finished command once more would do it once more (a failover), so that the last kill is not followed by a run.
"""
import json
import pathlib
import re
import secrets
import shutil

from support import faults
from support.carrier import event, get
from support.wait import wait_until

COUNTRY = "se"
RUN = secrets.token_hex(3)  # what cannot be taken away again is named anew in each run


class Recipe:
    """Base of all; self.p is the platform."""
    table = None
    long = False
    again = True
    untaken = {}

    def __init__(self, platform):
        self.p = platform

    def prepare(self, turn):
        pass

    def command(self, turn):
        raise NotImplementedError

    def facts(self, turn):
        raise NotImplementedError

    def clean(self, turn):
        pass

    def same(self, turn, value):
        """The value as text, with this turn's names and ports replaced by words."""
        text = json.dumps(value, sort_keys=True, indent=1)
        for name, word in self.names(turn).items():
            text = text.replace(str(name), word)
        return text

    def names(self, turn):
        return {}


# --- what facts are made of ---

def registry(platform, sql):
    """Rows of the registry, wherever its primary runs now."""
    for socket in sorted(platform.home.glob("registry/pg/sock/.s.PGSQL.*")):
        if socket.name.endswith(".lock"):
            continue
        command = ["psql", "-h", socket.parent, "-p", socket.name.rpartition(".")[2], "-d", "registry", "-XAtq",
                   "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c"]
        if platform.as_owner([*command, "SELECT pg_is_in_recovery()"], check=False).stdout.strip() == "f":
            return [line.split("\t") for line in platform.as_owner([*command, sql]).stdout.splitlines()]
    raise AssertionError("no registry answers")


def files(platform, folder):
    """{path below folder: text} of settings; of secrets and binary files only that they are there."""
    found = {}
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if not path.is_file() or "/supervise/" in str(path):
            continue
        name = str(path.relative_to(folder))
        plain = path.suffix in (".yaml", ".conf", ".endpoints") or path.name in ("run", "config")
        found[name] = path.read_text() if plain else "there"
    return {name: text.replace(str(platform.home), "HOME") for name, text in found.items()}


def services(platform, prefix):
    """{service: state} of the services whose name starts so."""
    found = {}
    for name in platform.services():
        if name.startswith(prefix):
            stat = platform.home / "run/services" / name / "supervise/stat"
            found[name] = stat.read_text().strip()
    return found


def answer(platform, to, kind="mobile", tenant="acme"):
    """What a caller of this number is answered: status and actions."""
    reply = platform.carrier().send(event(kind=kind, to=to, sender="+46701112233"), tenant=tenant)
    return [reply.status, reply.json().get("actions"), reply.source == "edge"]


def unfinished(platform, table):
    return [run for run in platform.cli_json("transitions", "list")
            if run["transition_table"] == table and not run["finished_at"]]


# --- recipes ---

class TenantCreate(Recipe):
    table = "tenant_create"

    def names(self, turn):
        return {self.tenant(turn): "TENANT"}

    def tenant(self, turn):
        return f"row-{RUN}-{turn}"

    def command(self, turn):
        return ["tenant", "create", self.tenant(turn), "--country", COUNTRY]

    def facts(self, turn):
        rows = registry(self.p, "SELECT country, tenant, name, pinned_cell, state FROM tenants "
                                f"WHERE tenant = '{self.tenant(turn)}'")
        inside = self.p.psql(f"SELECT * FROM directory.tenants WHERE tenant_id = '{self.tenant(turn)}'")
        return self.same(turn, {"registry": rows, "cell": len(inside)})


class NumberCreate(Recipe):
    table = "number_create"

    def names(self, turn):
        return {self.number(turn): "NUMBER"}

    def number(self, turn):
        return f"+4670909010{turn}"

    def rows(self, turn):
        return [row for row in self.p.cli_json("number", "list", "--tenant", "acme") if row["number"] ==
                self.number(turn)]

    def prepare(self, turn):
        self.p.cli("tenant", "create", "acme", "--country", COUNTRY)
        if self.rows(turn):
            self.p.cli("number", "delete", self.number(turn))

    def command(self, turn):
        return ["number", "create", self.number(turn), "--tenant", "acme", "--kind", "mobile", "--forward-always",
                "+46701112299"]

    def facts(self, turn):
        published = self.p.newest_publication("numbers").read_bytes().count(self.number(turn).encode())
        return self.same(turn, {"registry": self.rows(turn), "published": published,
                                "answer": answer(self.p, self.number(turn))})

    def clean(self, turn):
        self.p.cli("number", "delete", self.number(turn))


class NumberDelete(NumberCreate):
    table = "number_delete"

    def number(self, turn):
        return f"+4670909020{turn}"

    def prepare(self, turn):
        super().prepare(turn)
        self.p.cli(*super().command(turn))

    def command(self, turn):
        return ["number", "delete", self.number(turn)]


class CarrierCreate(Recipe):
    table = "carrier_create"

    def names(self, turn):
        return {self.key(turn): "KEY"}

    def key(self, turn):
        return f"row-{RUN}-{turn}"

    def command(self, turn):
        return ["carrier", "create", self.key(turn), "--tenants", "*"]

    def facts(self, turn):
        rows = [row for row in self.p.cli_json("carrier", "list") if row["key_id"] == self.key(turn)]
        stored = registry(self.p, f"SELECT secrets[1] FROM carrier_keys WHERE key_id = '{self.key(turn)}'")
        written = (self.p.home / f"carriers/{COUNTRY}/{self.key(turn)}.secret").read_text().strip()
        return self.same(turn, {"registry": rows, "file": stored == [[written]]})


class CarrierDelete(CarrierCreate):
    table = "carrier_delete"

    def key(self, turn):
        return f"gone-{RUN}-{turn}"

    def prepare(self, turn):
        self.p.cli(*super().command(turn))

    def command(self, turn):
        return ["carrier", "delete", self.key(turn), "--country", COUNTRY]

    def facts(self, turn):
        stored = registry(self.p, f"SELECT 1 FROM carrier_keys WHERE key_id = '{self.key(turn)}'")
        published = self.p.newest_publication("carriers").read_bytes().count(self.key(turn).encode())
        written = (self.p.home / f"carriers/{COUNTRY}/{self.key(turn)}.secret").exists()
        return self.same(turn, {"registry": stored, "published": published, "file": written})


class EdgeCreate(Recipe):
    table = "edge_create"
    long = True

    def names(self, turn):
        return {f"edge-{8 + turn}": "EDGE", self.port(turn) + self.p.offset: "PORT",
                self.port(turn) + 1 + self.p.offset: "TELEMETRY", self.port(turn): "PORT",
                self.port(turn) + 1: "TELEMETRY", self.port(turn) + 363 + self.p.offset: "TLS"}

    def port(self, turn):
        return 8180 + 10 * turn

    def command(self, turn):
        return ["edge", "add", f"edge-{8 + turn}", "--port", str(self.port(turn))]

    def facts(self, turn):
        rows = [row for row in self.p.cli_json("edge", "list") if row["edge"] == f"edge-{8 + turn}"]
        ready = get(self.p.port(self.port(turn) + 1), "/healthz").status
        # Publications and journals come and go while it runs.
        folder = self.p.home / f"edges/edge-{8 + turn}"
        return self.same(turn, {"registry": rows, "health": ready, "services": services(self.p, f"edge-{8 + turn}"),
                                "configuration": files(self.p, folder)["edge.yaml"]})

    def clean(self, turn):
        """An edge that is registered is waited for by every publication: no other test may meet it."""
        self.p.cli("edge", "remove", f"edge-{8 + turn}")


class EdgeRemove(EdgeCreate):
    table = "edge_remove"

    def prepare(self, turn):
        self.p.cli(*super().command(turn))

    def command(self, turn):
        return ["edge", "remove", f"edge-{8 + turn}"]

    def facts(self, turn):
        edge = f"edge-{8 + turn}"
        known = {table: registry(self.p, f"SELECT count(*) FROM {table} WHERE {column} = '{edge}'")
                 for table, column in (("edges", "edge"), ("reports", "reporter"), ("facts", "subject"))}
        left = [str(path) for path in (self.p.home / "edges" / edge, self.p.home / "run" / f"old-{edge}")
                if path.exists()]
        return self.same(turn, {"registry": known, "services": services(self.p, edge), "left": left})

    def clean(self, turn):
        pass


class CellCreate(Recipe):
    table = "cell_create"
    long = True

    def cell(self, turn):
        return f"se-{8 + turn}"

    def names(self, turn):
        return {self.cell(turn): "CELL"}

    def command(self, turn):
        return ["cell", "create", COUNTRY, "--cell", self.cell(turn)]

    def shown(self, turn):
        """None while a worker is too busy to say how it is."""
        cell = self.p.cli_json("cell", "show", self.cell(turn))
        return cell if {worker["health"] for worker in cell["workers"]} == {"ready"} else None

    def facts(self, turn):
        shown = wait_until("its workers answer", lambda: self.shown(turn))
        for node in shown["nodes"]:
            del node["lsn"]
        number = registry(self.p, f"SELECT number FROM cells WHERE cell = '{self.cell(turn)}'")[0][0]
        text = json.dumps({
            "nodes": sorted(node["state"] for node in shown["nodes"]), "replication": shown["replication"],
            "workers": [worker["health"] for worker in shown["workers"]],
            "services": services(self.p, self.cell(turn) + "-"),
            "files": files(self.p, self.p.home / "cells" / self.cell(turn) / "etc"),
            "discovery": (self.p.home / f"discovery/{self.cell(turn)}.endpoints").read_text()}, sort_keys=True)
        base = 20000 + 100 * int(number) + self.p.offset
        text = re.sub(r"\b[23]\d{4}\b", lambda match: f"+{int(match[0]) - base}" if 0 <= int(match[0]) - base < 100 else
                      match[0], text)
        return self.same(turn, json.loads(text))

    def clean(self, turn):
        self.p.cli("cell", "destroy", self.cell(turn), "--confirm", self.cell(turn), timeout_s=120)


class CellBackup(Recipe):
    table = "cell_backup"
    long = True

    def command(self, turn):
        return ["cell", "backup", "se-1", "--full"]

    def facts(self, turn):
        newest = self.p.cli_json("cell", "backups", "se-1")[-1]
        told = registry(self.p, "SELECT value > extract(epoch FROM now()) - 60 FROM facts WHERE subject = 'se-1' AND "
                                "name = 'backup_finished_at'")
        return self.same(turn, {"type": newest["type"], "damaged": newest["damaged"], "told": told})


class CellRestore(Recipe):
    """To the end of the archive: the copy holds what the cell holds."""
    table = "cell_restore"
    long = True
    again = False

    def names(self, turn):
        return {f"copy-{turn}": "COPY"}

    def prepare(self, turn):
        self.p.cli("cell", "backup", "se-1")

    def command(self, turn):
        return ["cell", "restore", "se-1", "--to", "latest", "--as", f"copy-{turn}"]

    def facts(self, turn):
        port = (self.p.home / f"cells/se-1/scratch/copy-{turn}/port").read_text().strip()
        sql = "SELECT pg_is_in_recovery(), (SELECT count(*) FROM directory.numbers)"
        return self.same(turn, {"copy": self.p.psql(sql, port), "services": services(self.p, "se-1-scratch")})

    def clean(self, turn):
        self.p.cli("cell", "restore", "se-1", "--drop", f"copy-{turn}")


class CellRestoreInPlace(Recipe):
    """To the end of the archive: nothing that was written is missing, and the term is higher, though the registry
    knew of a lower one than the primary held."""
    table = "cell_restore_in_place"
    long = True
    again = False

    def prepare(self, turn):
        self.p.psql("SELECT fencing.raise((SELECT term FROM fencing.term) + 5)")
        self.p.cli("cell", "backup", "se-1")
        self.term = int(self.p.psql("SELECT term FROM fencing.term")[0][0])

    def command(self, turn):
        return ["cell", "restore", "se-1", "--in-place", "--to", "latest", "--confirm", "se-1"]

    def facts(self, turn):
        raised = int(self.p.psql("SELECT term FROM fencing.term")[0][0])
        leases = [int(registry(self.p, "SELECT term FROM cell_leases WHERE cell = 'se-1'")[0][0]),
                  json.loads((self.p.home / "cells/se-1/etc/lease").read_text())["term"]]
        shown = self.p.cli_json("cell", "show", "se-1")
        numbers = self.p.psql("SELECT number, document FROM directory.numbers ORDER BY number")
        aside = sorted(path.name for path in (self.p.home / "cells/se-1").glob("pg.before-restore*"))
        return self.same(turn, {"raised": raised > self.term, "leased": leases == [raised] * 2,
                                "nodes": sorted(node["state"] for node in shown["nodes"]), "numbers": numbers,
                                "aside": aside})


class RegistryRestore(Recipe):
    """To the end of the archive: nothing that was written is missing. The run is kept in a file meanwhile."""
    table = "registry_restore"
    long = True
    again = False

    def prepare(self, turn):
        self.p.cli("registry", "backup")

    def command(self, turn):
        return ["registry", "restore", "--to", "latest", "--confirm", "registry"]

    def facts(self, turn):
        replicas = registry(self.p, "SELECT state, sync_state IN ('sync', 'quorum') FROM pg_stat_replication")
        return self.same(turn, {
            "replicas": replicas, "services": services(self.p, "registry-"),
            "rows": [registry(self.p, f"SELECT count(*) FROM {table}") for table in ("cells", "tenants", "numbers")],
            "left": (self.p.home / "run/backup/registry.restore").exists()})


class RestoreDrill(Recipe):
    table = "restore_drill"
    long = True

    def command(self, turn):
        return ["cell", "restore-drill", "se-1"]

    def facts(self, turn):
        told = registry(self.p, "SELECT name, value FROM facts WHERE subject = 'se-1' AND name = 'restore_drill_ok'")
        left = (self.p.home / "cells/se-1/scratch/drill").exists()
        return self.same(turn, {"told": told, "left": left})


class CellDrain(Recipe):
    table = "cell_drain"
    long = True

    def prepare(self, turn):
        self.p.cli("cell", "undrain", "se-1", "worker-1")

    def command(self, turn):
        return ["cell", "drain", "se-1", "worker-1"]

    def facts(self, turn):
        return self.same(turn, {
            "registry": registry(self.p, "SELECT cell, worker FROM drained_workers"),
            "discovery": (self.p.home / "discovery/se-1.endpoints").read_text(),
            "services": services(self.p, "se-1-worker-")})

    def clean(self, turn):
        self.p.cli("cell", "undrain", "se-1", "worker-1")


class CellUndrain(CellDrain):
    table = "cell_undrain"

    def prepare(self, turn):
        self.p.cli("cell", "drain", "se-1", "worker-1")

    def command(self, turn):
        return ["cell", "undrain", "se-1", "worker-1"]


class CellRestart(CellDrain):
    table = "cell_restart"

    def prepare(self, turn):
        super().prepare(turn)
        self.before = {name: self.p.pid(name) for name in ("se-1-worker-1", "se-1-worker-2")}

    def command(self, turn):
        return ["cell", "restart", "se-1"]

    def facts(self, turn):
        new = {name: self.p.pid(name) not in (None, pid) for name, pid in self.before.items()}
        return super().facts(turn) + self.same(turn, new)


class CellSwitchover(Recipe):
    """Given again it would go back: the primary is the other node than before, whatever was killed."""
    table = "cell_switchover"
    long = True
    again = False

    def prepare(self, turn):
        self.before = self.p.primary_port()

    def command(self, turn):
        return ["cell", "switchover", "se-1"]

    def facts(self, turn):
        return self.same(turn, {
            "moved": self.p.primary_port() != self.before,
            "replicas": self.p.psql("select state, sync_state from pg_stat_replication"),
            "terms": self.terms(),
            "moves": registry(self.p, "SELECT count(*) FROM primary_moves")})

    def terms(self):
        """Switching over needs no new term."""
        return "unchanged"


class CellFailover(CellSwitchover):
    """The same, and the term is the next one, once, for the registry, the new primary and the workers."""
    table = "cell_failover"

    def prepare(self, turn):
        super().prepare(turn)
        self.term = self.held()

    def command(self, turn):
        return ["cell", "failover", "se-1"]

    def held(self):
        return int(self.p.psql("select term from fencing.term")[0][0])

    def terms(self):
        lease = json.loads((self.p.home / "cells/se-1/etc/lease").read_text())["term"]
        leased = int(registry(self.p, "SELECT term FROM cell_leases WHERE cell = 'se-1'")[0][0])
        return [term - self.term for term in (self.held(), lease, leased)]


class CellFailoverWithoutMonitor(CellFailover):
    """The same with the monitor's data lost, the primary dead and the replica down: it is started and promoted by
    itself, under a new monitor, and the old primary is made anew."""

    def prepare(self, turn):
        super().prepare(turn)
        node = "node1" if self.before == self.p.port(20131) else "node2"
        cell = self.p.home / "cells/se-1"
        wait_until("it is noted as replicated", lambda: faults.is_noted_synchronous(cell, cell / "pg" / node / "data"))
        self.p.stop_service("se-1-monitor")
        shutil.rmtree(cell / "pg/monitor/data/base")
        self.p.stop_service(f"se-1-{node}")
        self.p.stop_service("se-1-node2" if node == "node1" else "se-1-node1")

    def facts(self, turn):
        states = self.p.psql("select reportedstate, goalstate from pgautofailover.node order by 1",
                             self.p.port(20130), "pg_auto_failover")
        return super().facts(turn) + self.same(turn, states)


class CellEvacuate(Recipe):
    """A cell of two sites, made anew for each turn: its old site stays stopped until it is healed."""
    table = "cell_evacuate"
    long = True
    again = False

    def prepare(self, turn):
        self.p.cli("cell", "create", "no", "--template", "demo-two-sites", timeout_s=240)

    def command(self, turn):
        return ["cell", "evacuate", "no-1", "--to", "b"]

    def facts(self, turn):
        cell = json.loads((self.p.home / "sites/b/cells/no-1/cell.json").read_text())
        lease = json.loads((self.p.home / "sites/b/cells/no-1/etc/lease").read_text())
        endpoints = (self.p.home / "discovery/no-1.endpoints").read_text().splitlines()
        return self.same(turn, {
            "active": cell["active"], "terms": [cell["term"], lease["term"]],
            "leased": registry(self.p, "SELECT term, site FROM cell_leases WHERE cell = 'no-1'"),
            "endpoints": ["standby" if line.endswith("standby") else "active" for line in endpoints[1:]],
            "moves": registry(self.p, "SELECT count(*) FROM primary_moves")})

    def clean(self, turn):
        self.p.cli("cell", "destroy", "no-1", "--confirm", "no-1", "--without-backup", "--with-tenants")


class BreakGlassEvacuate(CellEvacuate):
    """The same from files: the registry is asked nothing and told nothing."""
    table = "break_glass_evacuate"

    def command(self, turn):
        return ["break-glass", "evacuate", "no-1", "--key", str(self.p.home / "etc/keys/break-glass.pem")]

    def facts(self, turn):
        log = (self.p.home / "sites/b/cells/no-1/break-glass.log").read_text()
        walks = [path.name for path in (self.p.home / "run/break-glass").glob("*.run")]
        return super().facts(turn) + log + str(walks)


class CellHeal(Recipe):
    """The replica's data is gone, so are the workers' lease and what edges are told of them; Redis is stopped."""
    table = "cell_heal"
    long = True

    def prepare(self, turn):
        replica = 2 if self.p.primary_port() == self.p.port(20131) else 1
        self.p.stop_service(f"se-1-node{replica}")
        shutil.rmtree(self.p.home / f"cells/se-1/pg/node{replica}/data")
        self.p.stop_service("se-1-redis")
        for name in ("cells/se-1/etc/lease", "cells/se-1/etc/lease.sig", "discovery/se-1.endpoints"):
            (self.p.home / name).unlink(missing_ok=True)
        self.term = int(self.p.psql("SELECT term FROM fencing.term")[0][0])

    def command(self, turn):
        return ["cell", "heal", "se-1"]

    def facts(self, turn):
        return self.same(turn, {
            "endpoints": (self.p.home / "discovery/se-1.endpoints").read_text(),
            "replicas": self.p.psql("select state, sync_state from pg_stat_replication"),
            "services": services(self.p, "se-1-"),
            "lease": json.loads((self.p.home / "cells/se-1/etc/lease").read_text())["term"] - self.term,
            "moves": registry(self.p, "SELECT count(*) FROM primary_moves")})


class CellApply(Recipe):
    table = "cell_apply"
    long = True

    def prepare(self, turn):
        """Workers' settings and the country's policy have drifted."""
        for number in (1, 2):
            path = self.p.home / f"cells/se-1/etc/cell-worker-{number}.yaml"
            path.write_text(path.read_text() + "# drift\n")
        registry(self.p, "UPDATE countries SET policy = jsonb_set(policy, '{emergency}', '[\"112\", \"999\"]') "
                         f"WHERE country = '{COUNTRY}'")

    def command(self, turn):
        return ["cell", "apply", "se-1"]

    def facts(self, turn):
        settings = files(self.p, self.p.home / "cells/se-1/etc")
        return self.same(turn, {
            "differences": json.loads(self.p.cli("cell", "diff", "se-1", "--output", "json", check=False).stdout),
            "settings": {name: text for name, text in settings.items() if name.endswith(".yaml")},
            "emergency": self.p.map()["policy"]["emergency"], "services": services(self.p, "se-1-worker-")})


class CellDestroy(Recipe):
    """A cell of its own with a tenant and a number in it, of the same name each turn: a cell that was destroyed can
    be made again, and what is kept of the one before stays readable."""
    table = "cell_destroy"
    long = True

    def cell(self, _turn):
        return "se-6"

    def kept(self):
        """Dumps, repositories and pgBackRest's settings for these, of cells of this name that are gone."""
        return {path for folder in ("backups", "etc/kept-backups")
                for path in (self.p.home / folder).glob("se-6-made-*")}

    def names(self, turn):
        return {self.cell(turn): "CELL", f"gone-{RUN}-{turn}": "TENANT", f"+4670909030{turn}": "NUMBER"}

    def prepare(self, turn):
        self.before = self.kept()
        self.p.cli("cell", "create", COUNTRY, "--cell", self.cell(turn), timeout_s=240)
        self.p.cli("tenant", "create", f"gone-{RUN}-{turn}", "--country", COUNTRY, "--cell", self.cell(turn))
        self.p.cli("number", "create", f"+4670909030{turn}", "--tenant", f"gone-{RUN}-{turn}", "--country", COUNTRY,
                   "--kind", "mobile")
        answered = answer(self.p, f"+4670909030{turn}", tenant=f"gone-{RUN}-{turn}")
        if answered[0] != 200 or answered[2]:
            raise AssertionError(f"the cell to be destroyed does not answer: {answered}")

    def command(self, turn):
        return ["cell", "destroy", self.cell(turn), "--confirm", self.cell(turn), "--with-tenants"]

    def facts(self, turn):
        cell, tenant = self.cell(turn), f"gone-{RUN}-{turn}"
        counts = {table: registry(self.p, f"SELECT count(*) FROM {table} WHERE {column} = '{value}'")
                  for table, column, value in (("cells", "cell", cell), ("tenants", "tenant", tenant),
                                               ("numbers", "tenant", tenant), ("cell_tokens", "cell", cell),
                                               ("source_tokens", "holder", cell), ("slot_ranges", "cell", cell))}
        if not self.before <= self.kept():
            raise AssertionError(f"what was kept of an earlier {cell} is gone: {self.before - self.kept()}")
        kept = {path.suffix: path for path in self.kept() - self.before}
        listed = self.p.as_owner(["/usr/lib/postgresql/15/bin/pg_restore", "--list", kept[".dump"]]).stdout
        repository = json.loads(self.p.as_owner(["pgbackrest", f"--config={kept['.ini']}", f"--stanza={cell}", "info",
                                                 "--output=json"]).stdout)
        return self.same(turn, {
            "registry": counts, "services": services(self.p, f"{cell}-"), "kept": sorted(kept),
            "repository": [[each["name"], each["status"]["message"]] for each in repository],
            "left": (self.p.home / "backups" / cell).exists(),
            "restorable": "TABLE DATA directory numbers" in listed,
            "files": [str(path) for path in (self.p.home / "cells" / cell, self.p.home / f"discovery/{cell}.endpoints")
                      if path.exists()],
            "map": [each["id"] for each in self.p.map()["cells"]],
            "answer": answer(self.p, f"+4670909030{turn}", tenant=tenant)})


def subclasses(base):
    for child in base.__subclasses__():
        yield child
        yield from subclasses(child)


def all_recipes():
    return [recipe for recipe in subclasses(Recipe) if recipe.table]
