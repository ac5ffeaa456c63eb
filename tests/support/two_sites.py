"""A platform whose cell has a standby site, and the loss of one."""
from support import faults
from support.carrier import get
from support.platform import CliError, Platform
from support.wait import wait_until

NODES = {"a": "node1", "b": "node2"}


class TwoSites(Platform):
    """Nodes are found by their sockets: either may be the primary."""

    def __init__(self):
        super().__init__()
        self.environment["CALLCELL_TEMPLATE"] = "demo-two-sites"

    def __exit__(self, kind, *rest):
        if kind:
            self.show_logs()
        return super().__exit__(kind, *rest)

    def postgres_sockets(self):
        return self.home / "run/pg/se-1"

    def worker_telemetry_ports(self):
        return [self.port(port) for port in (20111, 20112, 20161, 20162)]

    def psql(self, sql, port=None, database="cell"):
        result = self.as_owner(["psql", "-h", self.postgres_sockets(), "-p", port or self.primary_port(), "-d",
                                database, "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", sql])
        return [line.split("\t") for line in result.stdout.splitlines()]

    def primary_port(self):
        for socket in self.postgres_sockets().glob(".s.PGSQL.?????"):
            port = int(socket.name.rpartition(".")[2])
            try:
                if self.psql("select pg_is_in_recovery()", port, "postgres") == [["f"]] and self.psql(
                        "select to_regclass('directory.numbers') is not null", port) == [["t"]]:
                    return port
            except CliError:
                continue
        raise AssertionError("no Postgres of the cell is a primary")

    def heal(self):
        """As the evacuation page has it: a site that was lost is not brought up before it is healed."""
        self.cli("cell", "heal", "se-1", timeout_s=120)
        self.cli("up", timeout_s=120)
        wait_until("both edges are ready", lambda: all(self.edge_is_ready(edge) for edge in (0, 1)), 60)

    def site(self, name):
        return self.home if name == "a" else self.home / "sites" / name

    def active_site(self):
        return self.cli_json("cell", "show", "se-1")["site"]

    def wait_until_noted(self, active):
        """What the other site may be promoted on, when this one is lost, is noted at both."""
        data = self.site(active) / "cells/se-1/pg" / NODES[active] / "data"
        wait_until("it is noted as replicated", lambda: all(
            faults.is_noted_synchronous(self.site(site) / "cells/se-1", data) for site in NODES), 60)

    def lose(self, site, *also):
        """All of the cell at this site at once, and these services; the rest of the control plane and the edges
        stay."""
        folders = [*(self.service(name) for name in also), *sorted((self.site(site) / "run/services").glob("se-1-*"))]
        self.as_owner(["sv", "-w", "20", "force-stop", *folders], timeout_s=60)

    def workers_are_ready(self, site):
        ports = self.worker_telemetry_ports()
        return all(get(port, "/readyz").status == 200 for port in (ports[:2] if site == "a" else ports[2:]))
