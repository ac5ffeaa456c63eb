#!/usr/bin/env python3
"""The control plane against a real registry, Postgres, Redis, workers and edges.

usage: test_control_plane.py BUILD_FOLDER    (TAP on stdout, exit 1 when a test fails)

One home in a temporary folder, ports moved by CALLCELL_PORT_OFFSET. The command under way is killed (-9) as
each row of a table begins, and given again.
"""
import base64
import hashlib
import http.client
import json
import os
import pathlib
import pwd
import re
import shutil
import ssl
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
import dry_runs  # noqa: E402
from support.platform import free_offset  # noqa: E402
from support.scenario import LONG, SEED, generator, note  # noqa: E402

chance = generator()
OFFSET = free_offset()
SERVE = 7300 + OFFSET
PORTS = (7300, 7301, 7302, 7303, 8080, 8443, 20101, 20111, 20120, 20130, 20131)
FLOW = {"version": 1, "entry": "m", "nodes": {
    "m": {"type": "menu", "prompt": {"say": {"text": "Hello.", "language": "en"}}, "branches": {"1": "b"}},
    "b": {"type": "hangup"}}}


class Platform:
    def __init__(self, build):
        # Short: sockets lie below it.
        self.home = tempfile.mkdtemp(prefix="cp-", dir="/tmp")
        for folder in ("bin", "share/templates"):
            os.makedirs(f"{self.home}/{folder}")
        for binary in ("control-plane/callcell", "edge/callcell-edge", "cell/callcell-cell"):
            shutil.copy(f"{build}/{binary}", f"{self.home}/bin/")
        shutil.copytree(f"{ROOT}/migrations", f"{self.home}/share/migrations")
        for name in os.listdir(f"{ROOT}/control-plane/templates"):
            if name.endswith(".yaml"):
                shutil.copy(f"{ROOT}/control-plane/templates/{name}", f"{self.home}/share/templates/")
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            subprocess.run(["chown", "-R", f"{owner.pw_uid}:{owner.pw_gid}", self.home], check=True)
        self.environment = dict(os.environ, CALLCELL_HOME=self.home, CALLCELL_PORT_OFFSET=str(OFFSET))
        for name in ("CALLCELL_BIN", "CALLCELL_SHARE"):
            self.environment.pop(name, None)
        self.binary = f"{self.home}/bin/callcell"

    def run(self, *words, status=0, environment=None):
        done = subprocess.run([self.binary, *words], env=environment or self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
        assert status in (None, done.returncode), f"{words}: {done.returncode} {done.stdout} {done.stderr}"
        return done

    def json(self, *words):
        return json.loads(self.run(*words, "--output", "json").stdout)

    def kill_at_each_row(self, *words, every=1):
        """Kills the command as each of its rows begins, or as one in every so many does, from a random one of the
        first on; returns how many rows there were."""
        rows = 0
        for row in range(chance.randint(1, every), 100, every):
            process = subprocess.Popen([self.binary, *words], env=self.environment, text=True,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE)
            killed = False
            for line in process.stderr:
                match = re.match(r"(\d+)/(\d+) ", line)
                assert match, line
                rows = int(match.group(2))
                if int(match.group(1)) == row:
                    process.send_signal(signal.SIGKILL)
                    killed = True
                    break
            process.stderr.close()
            code = process.wait(timeout=180)
            if not killed:
                assert code == 0, code
                return rows
        raise AssertionError("never finished")

    def token(self, path):
        with open(f"{self.home}/{path}", encoding="ascii") as file:
            return file.read().strip()

    def remove(self):
        subprocess.run([self.binary, "down"], env=self.environment, timeout=120, capture_output=True,
                       stdin=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.home, ignore_errors=True)


def tls_context(p, identity):
    folder = f"{p.home}/{identity}"
    context = ssl.create_default_context(cafile=f"{folder}/authority.pem")
    context.load_cert_chain(f"{folder}/identity.pem")
    return context


def ask(p, path, token=None, method="GET", body=None, timeout=40, identity="etc/tls/operator"):
    connection = http.client.HTTPSConnection("127.0.0.1", SERVE, timeout=timeout,
                                             context=tls_context(p, identity))
    headers = {"authorization": f"Bearer {token}"} if token else {}
    connection.request(method, path, body=body, headers=headers)
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response.status, dict((k.lower(), v) for k, v in response.getheaders()), data


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
    raise AssertionError("did not happen in time")


def misuse(p):
    for words, part in (
            (["nubmer", "create"], "did you mean: callcell number create"),
            (["number"], "needs one of"),
            (["number", "create", "+46701234567", "--tenant", "acme"], "--kind KIND is missing"),
            (["number", "create", "+4670", "--tenat", "a", "--kind", "pbx"], "did you mean --tenant"),
            (["status", "--output", "xml"], "text or json"),
            (["status", "now"], "one argument too many")):
        done = p.run(*words, status=2)
        assert part in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert "number create" in p.run("--help").stdout
    assert "--fallback" in p.run("number", "create", "--help").stdout
    before = dict(p.environment, CALLCELL_HOME=f"{p.home}/nowhere")
    assert "exist" in p.run("status", status=1, environment=before).stderr or os.geteuid() != 0


def root_owned_home(p):
    if os.geteuid() != 0:
        return
    home = tempfile.mkdtemp(prefix="cp-root-", dir="/tmp")
    done = p.run("init", status=1, environment=dict(p.environment, CALLCELL_HOME=home))
    assert "belongs to root" in done.stderr and "chown" in done.stderr, done.stderr
    os.rmdir(home)


def init(p):
    p.run("init")
    p.run("init")
    status = p.json("status")
    assert (status["supervisor"], status["registry"], status["serve"]) == ("up", "up", "ready"), status
    mode = os.stat(f"{p.home}/etc/keys/signing.pem").st_mode & 0o777
    assert mode == 0o600, oct(mode)


def edge_killed_at_each_row(p):
    assert p.kill_at_each_row("edge", "add", "edge-1", "--port", "8080") == 3
    assert p.json("edge", "add", "edge-1", "--port", "8080")["changed"] is False
    assert "exists with port" in p.run("edge", "add", "edge-1", "--port", "8090", status=1).stderr


def dry_run_changes_nothing(p):
    lines = p.run("cell", "create", "se", "--dry-run").stdout.splitlines()
    assert lines and all(line.startswith(f"would run {i}/{len(lines)} ") for i, line in enumerate(lines, 1)), lines
    assert p.json("cell", "list") == []


def cell_whose_workers_answer(p):
    """None while one is too busy to say how it is."""
    cell = p.json("cell", "show", "se-1")
    return cell if {worker["health"] for worker in cell["workers"]} == {"ready"} else None


def cell_killed_at_rows(p):
    """At each in the long form, at every fifth in the gate."""
    rows = len(p.run("cell", "create", "se", "--dry-run").stdout.splitlines())
    assert p.kill_at_each_row("cell", "create", "se", "--template", "demo", "--target", "local",
                              every=1 if LONG else 5) == rows
    assert p.json("cell", "create", "se")["changed"] is False
    cell = until(lambda: cell_whose_workers_answer(p))
    assert cell["state"] == "ready" and cell["replication"] == "streaming quorum", cell
    assert sorted(n["state"] for n in cell["nodes"]) == ["primary", "secondary"], cell
    assert len(cell["workers"]) == 2, cell
    spools = [(w["sync_failures"], w["damage_cut"], w["records_lost"]) for w in cell["workers"]]
    assert spools == [(0, 0, 0), (0, 0, 0)], cell
    assert "no target" in p.run("cell", "create", "se", "--target", "moon", status=2).stderr


def claim_to_be_the_operator(p, path):
    """What anybody can make who can write into one program's folder."""
    key, made = f"{p.home}/claim.key", f"{p.home}/claim.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", made, "-days", "30", "-subj", "/CN=claim",
                    "-addext", "subjectAltName=URI:urn:callcell:operator"], check=True, capture_output=True)
    path.write_text(pathlib.Path(made).read_text() + pathlib.Path(key).read_text())


def certificates(p):
    """Who has one, that they are renewed one by one and together, and what happens to a broken one."""
    def serials():
        return {row["name"]: row["serial"] for row in p.json("certificates", "list")}
    first = serials()
    assert set(first) == {"serve-1", "serve-2", "operator", "edge-1", "se-1/worker-1", "se-1/worker-2"}, first
    assert {row["state"] for row in p.json("certificates", "list")} == {"good"}
    p.run("certificates", "renew")
    assert serials() == first
    p.run("certificates", "renew", "--name", "edge-1")
    second = serials()
    assert [name for name in first if first[name] != second[name]] == ["edge-1"], (first, second)
    p.run("certificates", "renew", "--name", "x", "--all", status=2)
    assert "would renew edge-1" in p.run("certificates", "renew", "--all", "--dry-run").stdout
    assert serials() == second
    broken = pathlib.Path(f"{p.home}/cells/se-1/etc/tls/worker-1/identity.pem")
    broken.write_text("broken")
    assert {row["name"] for row in p.json("certificates", "list") if row["state"] == "unreadable"} == {"se-1/worker-1"}
    p.run("certificates", "renew")
    row = [row for row in p.json("certificates", "list") if row["name"] == "se-1/worker-1"][0]
    assert row["state"] == "good" and row["identity"] == "urn:callcell:cell:se-1", row
    claim_to_be_the_operator(p, broken)
    row = [row for row in p.json("certificates", "list") if row["name"] == "se-1/worker-1"][0]
    assert row["state"] == "FOREIGN", row
    p.run("certificates", "renew", "--name", "se-1/worker-1")
    row = [row for row in p.json("certificates", "list") if row["name"] == "se-1/worker-1"][0]
    assert row["state"] == "good" and row["identity"] == "urn:callcell:cell:se-1", row
    for folder, _, names in os.walk(f"{p.home}/etc"):
        for name in names:
            assert os.stat(f"{folder}/{name}").st_mode & 0o077 == 0, name


def nobody_is_trusted(p):
    """Over TCP, nobody gets in without a password, and the superuser not at all."""
    environment = {"PATH": os.environ["PATH"], "PGCONNECT_TIMEOUT": "5"}
    owner = pwd.getpwuid(os.stat(p.home).st_uid).pw_name
    for port in (20130, 20131, 20132):
        for user in (owner, "pgautofailover_replicator", "autoctl_node", "migrator", "directory"):
            for database in ("postgres", "cell", "pg_auto_failover"):
                done = subprocess.run(["psql", "-w", "-h", "127.0.0.1", "-p", str(port + OFFSET), "-U", user,
                                       "-d", database, "-c", "select 1"], env=environment,
                                      capture_output=True, text=True, check=False, timeout=20)
                assert done.returncode != 0, (port, user, database, done.stdout)
    for folder, _, files in os.walk(f"{p.home}/cells/se-1/etc"):
        for name in files:
            assert os.stat(f"{folder}/{name}").st_mode & 0o077 == 0, name


def serve_reaches_the_registry_over_a_socket_of_our_own(p):
    """Another user who listens on the registry's port is shown no password, and it opens nothing there."""
    environment = {"PATH": os.environ["PATH"], "PGCONNECT_TIMEOUT": "5",
                   "PGPASSWORD": p.token("registry/etc/postgres/serve.password")}
    done = subprocess.run(["psql", "-w", "-h", "127.0.0.1", "-p", str(7305 + OFFSET), "-U", "serve", "-d", "registry",
                           "-c", "select 1"], env=environment, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode != 0 and "no pg_hba.conf entry" in done.stderr, done
    sockets = f"{p.home}/registry/pg/sock"
    ask_registry = ["psql", "-XAtq", "-h", sockets, "-p", str(7305 + OFFSET), "-d", "registry", "-c",
                    "select distinct client_addr is null from pg_stat_activity where usename = 'serve'"]
    if os.geteuid() == 0:
        ask_registry = ["runuser", "-u", "postgres", "--", *ask_registry]
    assert subprocess.run(ask_registry, check=True, capture_output=True, text=True, timeout=20).stdout == "t\n"
    assert os.stat(sockets).st_mode & 0o777 == 0o700, os.stat(sockets)


def places_killed_at_each_row(p):
    assert p.kill_at_each_row("tenant", "create", "acme", "--country", "se") == 5
    assert p.kill_at_each_row("carrier", "create", "demo", "--tenants", "*") == 4
    assert p.token("carriers/se/demo.secret").startswith("whsec_")
    mobile = ("number", "create", "+46701234567", "--tenant", "acme", "--kind", "mobile")
    assert p.kill_at_each_row(*mobile) == 4
    path = f"{p.home}/flow.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(FLOW, file)
    os.chmod(path, 0o644)
    p.run("flow", "put", "main", "--tenant", "acme", "--file", path)
    p.run("flow", "publish", "main", "--tenant", "acme")
    p.run("number", "create", "+46101234567", "--tenant", "acme", "--kind", "pbx", "--flow", "main",
          "--fallback", "+46700000009")
    assert p.json(*mobile)["changed"] is False
    assert p.json("tenant", "create", "acme")["changed"] is False
    assert p.json("carrier", "create", "demo", "--tenants", "*")["changed"] is False
    assert p.json(*mobile, "--bar", "outgoing")["changed"] is True
    unfinished = [run for run in p.json("transitions", "list") if not run["finished_at"]]
    assert unfinished == [], unfinished


def conflicts(p):
    p.run("tenant", "create", "other")
    done = p.run("number", "create", "+46701234567", "--tenant", "other", "--kind", "mobile", status=1)
    assert "belongs to tenant acme" in done.stderr, done.stderr
    p.run("number", "create", "+46701234568", "--tenant", "nobody", "--kind", "fax", status=2)


def once_per_key(p):
    """The same key gives the same answer, whatever happened since; killed, it goes on."""
    words = ("number", "create", "+46701230001", "--tenant", "acme", "--kind", "mobile", "--idempotency-key", "first")
    assert p.json(*words)["changed"] is True
    assert p.json(*words)["changed"] is True
    assert p.json(*words[:-1], "second")["changed"] is False
    assert "belongs to another command" in p.run(*words, "--bar", "all", status=2).stderr
    for state in ("new", "claimed", "written", "published"):
        for moment in ("act", "record"):
            environment = dict(p.environment, CALLCELL_KILL_AT=f"number_create:{state}:{moment}")
            p.run(*words[:-1], "third", "--bar", "all", status=-signal.SIGKILL, environment=environment)
    assert p.json(*words[:-1], "third", "--bar", "all")["changed"] is True
    p.run("number", "delete", "+46701230001")
    for key, more in (("first", ()), ("third", ("--bar", "all"))):
        assert p.json(*words[:-1], key, *more)["changed"] is True
    assert [n for n in p.json("number", "list") if n["number"] == "+46701230001"] == []


EMPTY = "/empty"  # of the home
OF_CELL = (["cell", "show"], ["cell", "switchover"], ["cell", "failover"], ["cell", "evacuate"], ["cell", "heal"],
           ["break-glass", "evacuate", "--key", "x"], ["cell", "drain", "", "worker-1"],
           ["cell", "undrain", "", "worker-1"], ["cell", "restart"], ["cell", "backup"], ["cell", "backups"],
           ["cell", "restore", "--to", "latest", "--as", "copy"], ["cell", "restore", "--drop", "copy"],
           ["cell", "restore", "--to", "latest", "--in-place", "--confirm", "se-9"], ["cell", "restore-drill"],
           ["cell", "diff"], ["cell", "apply"], ["cell", "destroy", "--confirm", "se-9"])
OF_COUNTRY = (["tenant", "create", "t"], ["tenant", "list"], ["number", "list"], ["number", "delete", "+46701234567"],
              ["number", "create", "+46701234567", "--tenant", "acme", "--kind", "mobile"],
              ["number", "import", EMPTY], ["carrier", "create", "q", "--tenants", "*"],
              ["carrier", "rotate", "q"], ["carrier", "delete", "q"], ["carrier", "list"],
              ["flow", "put", "f", "--tenant", "acme", "--file", EMPTY],
              ["flow", "publish", "f", "--tenant", "acme"], ["flow", "show", "f", "--tenant", "acme"],
              ["call", "show", "c", "--tenant", "acme"], ["call", "explain", "c", "--tenant", "acme"], ["map", "show"],
              ["map", "publish"], ["map", "rollback", "--to", "1"], ["registry", "reconcile"])
OF_TENANT = (["number", "create", "+46701234568", "--kind", "mobile"], ["number", "list"],
             ["flow", "put", "f", "--file", EMPTY], ["flow", "publish", "f"], ["flow", "show", "f"],
             ["call", "show", "c"], ["call", "explain", "c"])
OF_OTHERS = (
    (["tenant", "create", "pinned", "--cell", "se-9"], 'cell of se "se-9"'),
    (["carrier", "create", "q", "--tenants", "acme,nobody"], 'tenant of se "nobody"'),
    (["carrier", "rotate", "nobody"], 'carrier key of se "nobody"'),
    (["carrier", "delete", "nobody"], 'carrier key of se "nobody"'),
    (["cell", "create", "se", "--template", "nope"], 'template "nope"'),
    (["cell", "create", "se", "--target", "nope"], 'target "nope"'),
    (["cell", "create", "xx"], 'country of template demo "xx"'),
    (["template", "show", "nope"], 'template "nope"'),
    (["template", "show", "nope", "--country", "se"], 'template "nope"'),
    (["template", "show", "demo", "--country", "xx"], 'country of template demo "xx"'),
    (["cell", "drain", "se-1", "worker-9"], 'worker of se-1 "worker-9"'),
    (["cell", "undrain", "se-1", "worker-9"], 'worker of se-1 "worker-9"'),
    (["cell", "restore", "se-1", "--drop", "nope"], 'scratch of se-1 "nope"'),
    (["number", "create", "+46101230001", "--tenant", "acme", "--kind", "pbx", "--flow", "nope"], 'flow "nope"'),
    (["flow", "publish", "nope", "--tenant", "acme"], 'flow "nope"'),
    (["flow", "show", "nope", "--tenant", "acme"], 'flow "nope"'),
    (["call", "explain", "nope", "--tenant", "acme"], 'call "nope"'),
    (["call", "show", "nope", "--tenant", "acme"], 'call "nope" of tenant acme'),
    (["number", "delete", "+46700009999"], 'number of se "+46700009999"'),
    (["edge", "remove", "edge-9"], 'edge "edge-9"'),
    (["map", "show", "--epoch", "999"], 'map of se of epoch "999"'),
    (["map", "rollback", "--to", "999"], 'map of se of epoch "999"'),
    (["certificates", "renew", "--name", "nobody"], 'certificate "nobody"'),
    (["transitions", "resume", "99999"], 'unfinished run "99999"'),
    (["transitions", "resume", "x"], 'unfinished run "x"'))


def unknown_things():
    for words in OF_CELL:
        yield [*words[:2], "se-9", *words[3 if "" in words else 2:]], 'cell "se-9"', 'cell that is ready "se-9"'
    for words in OF_COUNTRY:
        yield [*words, "--country", "xx"], 'country with a cell "xx"'
    for words in OF_TENANT:
        yield [*words, "--tenant", "nobody"], 'tenant of se "nobody"'
    yield from OF_OTHERS


def what_is_not_there(p):
    """One form everywhere: what, which one, where to look; one line, exit 2. In the gate a third of them."""
    wrong = []
    with open(p.home + EMPTY, "w", encoding="utf-8"):
        os.chmod(p.home + EMPTY, 0o644)
    for words, *expected in unknown_things():
        if not LONG and chance.random() > 1 / 3:
            continue
        done = p.run(*(p.home + word if word == EMPTY else word for word in words), status=None)
        said = any(done.stderr.startswith(f"callcell: no {what}") for what in expected)
        if not said or done.returncode != 2 or done.stderr.count("\n") != 1 or "; " not in done.stderr:
            wrong.append((words, done.returncode, done.stderr))
    assert not wrong, "\n".join(map(str, wrong))
    assert unfinished(p) == []


def unfinished(p):
    return [(run["transition_table"], run["subject"]) for run in p.json("transitions", "list") if not run["finished_at"]]


def killed(p, at, *words):
    p.run(*words, status=-signal.SIGKILL, environment=dict(p.environment, CALLCELL_KILL_AT=at))


def flow_refused(p):
    """What is wrong is in the document: exit 2, and where."""
    path = f"{p.home}/bad-flow.json"
    for change, part in (({"colour": "red"}, "nodes.m.colour: unknown field"),
                         ({"branches": {"1": "nowhere"}}, 'nodes.m.branches.1: no node "nowhere"')):
        bad = dict(FLOW, nodes=dict(FLOW["nodes"], m=dict(FLOW["nodes"]["m"], **change)))
        with open(path, "w", encoding="utf-8") as file:
            json.dump(bad, file)
        os.chmod(path, 0o644)
        done = p.run("flow", "put", "main", "--tenant", "acme", "--file", path, status=2)
        assert part in done.stderr and path in done.stderr and done.stderr.count("\n") == 1, done.stderr


def undone_half_way(p):
    """A command is killed, its opposite is given, killed too or not: then it begins anew at its first row."""
    drain, undrain = (("cell", word, "se-1", "worker-1") for word in ("drain", "undrain"))
    killed(p, "cell_drain:claimed:record", *drain)
    assert p.json(*undrain)["changed"] is True
    assert unfinished(p) == []
    assert p.json(*undrain)["changed"] is False
    killed(p, "cell_drain:silent:record", *drain)
    killed(p, "cell_undrain:new:act", *undrain)
    assert unfinished(p) == [("cell_undrain", "se-1/worker-1")], unfinished(p)
    assert p.run(*drain).stderr.startswith("1/5 ")
    assert unfinished(p) == []
    p.run(*undrain)
    number = ("number", "create", "+46700000555", "--tenant", "acme", "--kind", "mobile")
    killed(p, "number_create:claimed:record", *number)
    assert p.json("number", "delete", number[2])["changed"] is True
    assert unfinished(p) == []
    assert p.run(*number).stderr.startswith("1/4 ")
    killed(p, "number_delete:published:record", "number", "delete", number[2])
    assert p.run(*number).stderr.startswith("1/4 ")
    assert p.run("number", "delete", number[2]).stderr.startswith("1/4 ")
    errors = {run["error"] for run in p.json("transitions", "list") if (run["error"] or "").startswith("undone by ")}
    assert errors >= {f"undone by {name}" for name in ("cell_undrain", "cell_drain", "number_create", "number_delete")}


def restart_refused(p):
    """Nothing is begun: no run is left behind, and no file is written."""
    p.run("cell", "drain", "se-1", "worker-1")
    settings = pathlib.Path(f"{p.home}/cells/se-1/etc/cell-worker-2.yaml")
    as_made = settings.read_text()
    settings.write_text(as_made + "# by hand\n")
    for words in (("cell", "restart", "se-1"), ("cell", "apply", "se-1")):
        done = p.run(*words, status=1)
        assert "no other worker of se-1 is ready" in done.stderr and done.stderr.count("\n") == 1, done.stderr
        assert unfinished(p) == []
    assert settings.read_text() == as_made + "# by hand\n"
    p.run("cell", "undrain", "se-1", "worker-1")
    assert p.json("cell", "apply", "se-1")["changed"] is True
    assert settings.read_text() == as_made


def edge_is_removed(p):
    done = p.run("edge", "remove", "edge-1", status=1)
    assert "no other edge is ready" in done.stderr and unfinished(p) == [], done.stderr
    add, remove = ("edge", "add", "edge-3", "--port", "8190"), ("edge", "remove", "edge-3")
    p.run(*add)
    killed(p, "edge_remove:stopped:record", *remove)
    assert p.run(*add).stderr.startswith("1/3 ")
    assert [edge["edge"] for edge in p.json("edge", "list")] == ["edge-1", "edge-3"]
    aside = pathlib.Path(f"{p.home}/edges/edge-3/journal/se-1/quarantine.jsonl")
    aside.parent.mkdir(exist_ok=True)
    aside.write_text("{}\n")
    owner = os.stat(p.home)
    for path in (aside, aside.parent):
        os.chown(path, owner.st_uid, owner.st_gid)
    refused = p.run(*remove, status=1)
    assert "edge-3/journal/se-1/quarantine.jsonl holds records" in refused.stderr and unfinished(p) == [], refused.stderr
    assert p.json(*remove, "--accept-loss")["changed"] is True
    assert p.json(*remove)["changed"] is False
    assert [edge["edge"] for edge in p.json("edge", "list")] == ["edge-1"]
    assert not os.path.exists(f"{p.home}/edges/edge-3") and not os.path.exists(f"{p.home}/run/services/edge-3")
    assert 8190 + OFFSET not in listening_ports()
    assert "edge-3" not in p.run("certificates", "list").stdout


def nothing_to_do_is_said(p):
    assert p.run("cell", "diff", "se-1").stdout == "se-1 equals its template and the registry\n"
    assert p.run("cell", "apply", "se-1").stdout == "apply se-1: no change\n"
    assert re.fullmatch(r"map of se: epoch \d+, the same as the published one\n", p.run("map", "publish").stdout)
    registry_sql(p, "update countries set policy = jsonb_set(policy, '{emergency}', '[\"112\", \"999\"]')")
    assert re.fullmatch(r"map of se: epoch \d+, published\n", p.run("map", "publish").stdout)
    assert p.json("cell", "apply", "se-1")["changed"] is True
    assert p.json("cell", "apply", "se-1")["changed"] is False


COUNTRIES_MADE = (
    "insert into countries (country, template, policy) select c, 'demo', jsonb_build_object('country_code', code) "
    "from (values ('dk', '45'), ('no', '47'), ('fi', '358')) v (c, code)",
    "insert into cells (cell, country, number, template, target) values ('no-1', 'no', 90, 'demo', 'local'), "
    "('dk-1', 'dk', 91, 'demo', 'local')",
    "insert into tenants (country, tenant, name) values ('no', 'both', 'Both'), ('se', 'both', 'Both'), "
    "('no', 'fjord', 'Fjord')",
    "insert into carrier_keys (country, key_id, tenants, mode, secrets) values ('no', 'fjord', '{*}', 'enforce', '{x}')")
COUNTRIES_GONE = (
    "delete from carrier_keys where country <> 'se'", "delete from tenants where country <> 'se' or tenant = 'both'",
    "delete from cells where country <> 'se'", "delete from countries where country <> 'se'")
TOLD = (  # without --country: what tells it, and the country that it then is
    (["flow", "show", "f", "--tenant", "acme"], 'no flow "f" of tenant acme'),
    (["call", "explain", "c", "--tenant", "acme"], "Postgres of se-1"),
    (["number", "list", "--tenant", "nobody", "--country", "no"], 'tenant of no "nobody"'),
    (["number", "create", "+4712345678", "--tenant", "nobody", "--kind", "mobile"], 'tenant of no "nobody"'),
    (["number", "create", "+4712345678", "--tenant", "acme", "--kind", "mobile"], "no number of se"),
    (["carrier", "create", "demo", "--tenants", "acme,nobody", "--country", "se"], 'tenant of se "nobody"'),
    (["tenant", "create", "acme", "--cell", "se-1"], "is not pinned to se-1"),
    # What it can be, when more than one: never a country that has no cell.
    (["map", "show"], "several countries; say which: --country dk, --country no or --country se\n"),
    (["tenant", "create", "acme"], "several countries; say which: --country dk, --country no or --country se\n"),
    (["carrier", "create", "demo", "--tenants", "*"], "say which: --country dk, --country no or --country se\n"),
    (["flow", "show", "f", "--tenant", "both"], "both is in several countries; say which: --country no or --country se\n"),
    (["call", "show", "c", "--tenant", "nobody"], 'no tenant "nobody"; callcell tenant list'))


def country_is_told_by_the_other_words(p):
    """A country with one cell has been made; here there are others, in the registry alone."""
    for sql in COUNTRIES_MADE:
        registry_sql(p, sql)
    try:
        wrong = [(words, done.returncode, done.stderr) for words, part in TOLD
                 for done in [p.run(*words, status=None)] if part not in done.stderr or done.stderr.count("\n") != 1]
        assert not wrong, "\n".join(map(str, wrong))
        assert {n["tenant"] for n in p.json("number", "list", "--tenant", "acme")} == {"acme"}
        assert "would run" in p.run("carrier", "create", "new", "--tenants", "fjord", "--dry-run").stdout
        assert "would run" in p.run("carrier", "rotate", "fjord", "--dry-run").stdout
        assert "would run" in p.run("number", "delete", "+46701234567", "--dry-run").stdout
        for sql in COUNTRIES_GONE[:3]:
            registry_sql(p, sql)
        assert p.json("tenant", "create", "acme")["changed"] is False
    finally:
        for sql in COUNTRIES_GONE:
            registry_sql(p, sql)


def tokens(p):
    edges, cell = p.token("etc/tokens/edges"), p.token("cells/se-1/etc/tokens/source")
    assert ask(p, "/v1/publications?after=0")[0] == 401
    assert ask(p, "/v1/publications?after=0", "wrong")[0] == 401
    assert ask(p, "/v1/publications?after=0", edges, identity="etc/tls/serve-1")[0] == 403
    assert ask(p, "/v1/publications?after=0", edges, identity="edges/edge-1/tls")[0] == 200
    stranger = ssl.create_default_context(cafile=f"{p.home}/etc/ca/authority.pem")
    connection = http.client.HTTPSConnection("127.0.0.1", SERVE, timeout=10, context=stranger)
    try:
        connection.request("GET", "/readyz")
        assert connection.getresponse().status is None, "a client without a certificate was answered"
    except (OSError, http.client.HTTPException):
        pass
    kinds = {}
    for name, token in (("edges", edges), ("cell", cell)):
        status, _, body = ask(p, "/v1/publications?after=0", token)
        assert status == 200
        kinds[name] = sorted(item["kind"] for item in json.loads(body)["publications"])
    assert kinds == {"edges": ["carriers", "map", "numbers"], "cell": ["map", "sealing"]}, kinds
    assert ask(p, "/v1/publications/se/sealing?after=0", edges)[0] == 403
    assert ask(p, "/v1/publications/se/carriers?after=0", cell)[0] == 403
    assert ask(p, "/v1/publications/no/map?after=0", cell)[0] == 403
    assert ask(p, "/v1/publications/se/nonsense?after=0", edges)[0] == 404


def files(p):
    token = p.token("etc/tokens/edges")
    status, headers, body = ask(p, "/v1/publications/se/numbers?after=0", token)
    assert status == 200 and headers["callcell-sha256"] == hashlib.sha256(body).hexdigest()
    assert json.loads(body.split(b"\n", 1)[0])["epoch"] == int(headers["callcell-epoch"])
    assert b"+46101234567\tacme\tpbx\t+46700000009\n" in body
    for name, data in (("signature", base64.b64decode(headers["callcell-signature"])), ("file", body)):
        with open(f"{p.home}/{name}", "wb") as file:
            file.write(data)
    subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", f"{p.home}/etc/keys/signing.pub",
                    "-rawin", "-in", f"{p.home}/file", "-sigfile", f"{p.home}/signature"], check=True,
                   capture_output=True)
    epoch = headers["callcell-epoch"]
    assert ask(p, f"/v1/publications/se/numbers?after={epoch}", token)[0] == 204
    assert len([1 for _ in range(3) if ask(p, "/readyz")[0] == 200]) == 3
    assert b"callcell_serve_files_total" in ask(p, "/metrics")[2]


def long_poll(p):
    token = p.token("etc/tokens/edges")
    version = json.loads(ask(p, "/v1/publications?after=0", token)[2])["version"]
    answers = []

    def poll():
        answers.append((ask(p, f"/v1/publications?after={version}&wait_s=20", token), time.monotonic()))
    thread = threading.Thread(target=poll)
    thread.start()
    until(lambda: b"callcell_serve_waiting_polls 0\n" not in ask(p, "/metrics")[2])
    p.run("number", "create", "+46700000777", "--tenant", "acme", "--kind", "mobile")
    done = time.monotonic()
    thread.join(timeout=30)
    (status, _, body), answered = answers[0]
    assert status == 200 and [i["kind"] for i in json.loads(body)["publications"]] == ["numbers"], body
    assert answered <= done + 1, answered - done
    start = time.monotonic()
    newest = json.loads(body)["version"]
    assert json.loads(ask(p, f"/v1/publications?after={newest}&wait_s=1", token)[2])["publications"] == []
    assert time.monotonic() - start >= 0.9


def lies(p):
    """Who can make a report cannot speak for others, nor stop publishing by claiming what nobody published."""
    edges, cell = p.token("etc/tokens/edges"), p.token("cells/se-1/etc/tokens/source")
    worker = "cells/se-1/etc/tls/worker-1"

    def report(token, reporter, country, kind, epoch, identity):
        body = {"reporter": reporter, "refused": [],
                "held": [{"country": country, "kind": kind, "epoch": epoch, "sha256": "x"}]}
        return ask(p, "/v1/reports", token, "POST", json.dumps(body), identity=identity)[0]
    assert report(edges, "edge-9", "se", "map", 1, "edges/edge-1/tls") == 400
    assert report(edges, "edge-1", "se", "map", 1, worker) == 400
    assert report(cell, "se-1/worker-9", "no", "map", 1, worker) == 400
    assert report(cell, "se-1/worker-9", "se", "carriers", 1, worker) == 400
    assert report(cell, "se-1/worker-9", "se", "map", 2 ** 63 - 1, worker) == 200
    p.run("map", "publish", "--country", "se")
    shown = p.json("registry", "reconcile", "--country", "se")
    assert [(row["claimer"], row["claimed_epoch"]) for row in shown if row["claimed_epoch"]] == [
        ("se-1/worker-9", 2 ** 63 - 1)], shown
    assert "se-1/worker-9 reports map epoch" in p.run("doctor", status=1).stdout
    assert report(cell, "se-1/worker-9", "se", "map", 1, worker) == 200


def reports(p):
    token = p.token("cells/se-1/etc/tokens/source")
    report = {"reporter": "se-1/worker-9", "held": [{"country": "se", "kind": "map", "epoch": 1, "sha256": "x"}],
              "refused": [{"country": "se", "kind": "map", "epoch": 2, "error": "signature", "reason": "bad"}]}
    assert ask(p, "/v1/reports", token, "POST", json.dumps(report))[0] == 200
    report["reporter"] = "edge-1"
    assert ask(p, "/v1/reports", token, "POST", json.dumps(report))[0] == 400
    assert ask(p, "/v1/reports", None, "POST", json.dumps(report))[0] == 401
    assert ask(p, "/v1/reports", token, "POST", "{}")[0] == 400
    lies(p)
    held = p.json("status")["edges"][0]["holds"]
    assert {h["kind"]: h["epoch"] == h["newest"] for h in held} == {"carriers": True, "map": True,
                                                                    "numbers": True}, held


def map_history(p):
    first = p.json("map", "show")
    assert p.json("map", "publish")["epoch"] == first["epoch"]
    p.run("cell", "list")
    again = p.json("map", "rollback", "--to", str(first["epoch"]))
    assert again["epoch"] == first["epoch"], again
    p.run("map", "rollback", "--to", "99", status=2)
    p.run("map", "rollback", "--to", "x", status=2)


IMPORTED = 6000 if LONG else 2000


def import_numbers(p):
    path = f"{p.home}/numbers.ndjson"
    with open(path, "w", encoding="utf-8") as file:
        for i in range(IMPORTED):
            file.write(json.dumps({"tenant": "acme", "number": f"+4670{4000000 + i}", "kind": "mobile",
                                   "forward_always": None, "barring": [],
                                   "caller_id": {"presentation": "allowed", "number": None}}) + "\n")
    os.chmod(path, 0o644)
    start = time.monotonic()
    assert p.kill_at_each_row("number", "import", path) == 4
    took = time.monotonic() - start
    assert p.json("number", "import", path)["changed"] is False
    assert len(p.json("number", "list", "--tenant", "acme", "--limit", "30000")) == IMPORTED + 3
    with open(path, "a", encoding="utf-8") as file:
        file.write('{"tenant":"acme","number":"+467","kind":"mobile","x":1}\n')
    assert f":{IMPORTED + 1}: x: unknown field" in p.run("number", "import", path, status=2).stderr
    assert p.json("number", "delete", "+46704000000")["changed"] is True
    assert p.json("number", "delete", "+46704000000")["changed"] is False
    return f"{IMPORTED} numbers in {took:.1f} s with a kill at each row"


def numbers_are_of_their_country(p):
    for number in ("+4712345678", "+460701234567", "+46"):
        done = p.run("number", "create", number, "--tenant", "acme", "--kind", "mobile", status=2)
        assert f"{number} is no number of se: +46, and behind it" in done.stderr, done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
    path = f"{p.home}/foreign.ndjson"
    with open(path, "w", encoding="utf-8") as file:
        for number in ("+46700000777", "+4712345678"):
            file.write(json.dumps({"tenant": "acme", "number": number, "kind": "mobile"}) + "\n")
    os.chmod(path, 0o644)
    done = p.run("number", "import", path, status=2)
    assert f"{path}:2: +4712345678 is no number of se" in done.stderr and done.stderr.count("\n") == 1, done.stderr
    # Where it is a number's target it may be anybody's.
    p.run("number", "create", "+46700000777", "--tenant", "acme", "--kind", "mobile", "--forward-always", "+4712345678")
    assert not [each for each in p.json("number", "list") if each["number"].startswith("+47")]


def edge_missing(p):
    """A publication that an edge cannot take up: says which, and the same command goes on."""
    edge = f"{p.home}/run/services/edge-1"
    subprocess.run(["sv", "-w", "20", "down", edge], check=True, capture_output=True)
    environment = dict(p.environment, CALLCELL_CONTROL__EDGE_CONFIRM_S="1")
    words = ("number", "create", "+46700000888", "--tenant", "acme", "--kind", "mobile")
    done = p.run(*words, status=1, environment=environment)
    assert "edge-1 lacks numbers epoch" in done.stderr and "again" in done.stderr, done.stderr
    subprocess.run(["sv", "up", edge], check=True, capture_output=True)
    done = p.run(*words)
    assert done.stderr.startswith("4/4 "), done.stderr


def registry_restarts(p):
    """While serve is connected: Postgres would wait for that for ever."""
    registry = f"{p.home}/run/services/registry-node1"
    subprocess.run(["sv", "-w", "20", "restart", registry], check=True, capture_output=True)
    until(lambda: subprocess.run([p.binary, "status"], env=p.environment, check=False,
                                 capture_output=True).returncode == 0)


def as_postgres(directory, ports, database):
    """The words of a psql at the one that can be written to, as the user its Postgres runs as."""
    sockets = ",".join([f"{directory}/pg/sock"] * len(ports))
    where = (f"host={sockets} port={','.join(str(port + OFFSET) for port in ports)} dbname={database} "
             f"target_session_attrs={'read-write' if len(ports) > 1 else 'any'}")
    psql = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", where]
    return ["runuser", "-u", "postgres", "--", *psql] if os.geteuid() == 0 else psql


def registry_sql(p, sql, node=None):
    """Rows of the registry's primary, or of a node."""
    psql = as_postgres(f"{p.home}/registry", [7304 + node] if node else [7305, 7306], "registry")
    return subprocess.run([*psql, "-c", sql], check=True, capture_output=True, text=True, timeout=30).stdout.split()


def registry_is_whole(p):
    """While a node takes over there is no primary, or one without a replica; before that its monitor has decided it."""
    settled = ("select count(*) from pgautofailover.node where reportedstate = goalstate and health = 1 and "
               "reportedstate in ('primary', 'secondary')")
    try:
        done = subprocess.run([*as_postgres(f"{p.home}/registry", [7304], "pg_auto_failover"), "-c", settled], check=True,
                              capture_output=True, text=True, timeout=20)
        synced = "select count(*) from pg_stat_replication where sync_state in ('sync', 'quorum')"
        return done.stdout == "2\n" and registry_sql(p, synced) == ["1"]
    except (AssertionError, subprocess.CalledProcessError):
        return False


def backends(p):
    """Of the home's owner in the registry's database: the command's, and those of serve's duties."""
    return {int(pid) for pid in registry_sql(p, "select pid from pg_stat_activity where datname = 'registry' and "
                                                "usename = current_user and pid <> pg_backend_pid()")}


def lease_holders(p):
    """Of a run's lease, or of the leader's."""
    return {int(pid) for pid in registry_sql(p, "select pid from pg_locks where locktype = 'advisory' and granted")}


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def stop_in_first_row(p, words, environment):
    """The command, stopped (SIGSTOP) as its first row begins."""
    process = subprocess.Popen([p.binary, *words], env=environment, text=True, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = process.stderr.readline()
    process.send_signal(signal.SIGSTOP)
    assert line.startswith("1/"), line
    return process


def registry_freezes_under_a_command(p):
    """It ends by its deadline and says what it does not know; what hangs keeps the lease; then it goes on."""
    words = ("number", "create", "+46700000889", "--tenant", "acme", "--kind", "mobile")
    environment = dict(p.environment, CALLCELL_CONTROL__REGISTRY_ANSWER_S="2")
    until(lambda: registry_is_whole(p), 60)
    before = lease_holders(p)
    process = stop_in_first_row(p, words, environment)
    frozen = lease_holders(p) - before
    assert len(frozen) == 1, frozen
    signal_all(frozen, signal.SIGSTOP)
    begun = time.monotonic()
    process.send_signal(signal.SIGCONT)
    said = process.communicate(timeout=30)[1]
    took = time.monotonic() - begun
    try:
        assert process.returncode == 1 and "no answer in time" in said and "again" in said, said
        assert 2 <= took < 12, took
        assert "another command is at" in p.run(*words, status=1).stderr
    finally:
        signal_all(frozen, signal.SIGCONT)
    until(lambda: not frozen & backends(p))
    p.run(*words)
    assert [n["number"] for n in p.json("number", "list") if n["number"] == words[2]] == [words[2]]
    return f"given up after {took:.1f} s"


def runs_of(duty):
    """Over both serve processes; one that does not answer counts nothing."""
    total = 0
    for port in (SERVE + 1, SERVE + 3):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/metrics")
            page = connection.getresponse().read().decode()
        finally:
            connection.close()
        total += sum(int(n) for n in re.findall(rf'^callcell_control_duty_runs_total{{duty="{duty}"}} (\d+)$', page, re.M))
    return total


def registry_freezes_under_a_duty(p):
    """The leader still leads: its own connection is another one. What it does goes on."""
    until(lambda: registry_is_whole(p), 60)
    runs = runs_of("durability")
    until(lambda: runs_of("durability") >= runs + 2)
    frozen = backends(p)
    assert frozen
    signal_all(frozen, signal.SIGSTOP)
    begun, runs = time.monotonic(), runs_of("durability")
    try:
        until(lambda: runs_of("durability") >= runs + 2, 40)
        return f"the duty ran again {time.monotonic() - begun:.1f} s after its connection froze"
    finally:
        signal_all(frozen, signal.SIGCONT)


def not_replicated(p):
    """A commit whose wait for the replica was cancelled is not told as done, and the same command does it."""
    words = ("number", "create", "+46700000890", "--tenant", "acme", "--kind", "mobile")
    until(lambda: registry_is_whole(p), 60)
    primary = int(registry_sql(p, "select current_setting('port')")[0]) - 7304 - OFFSET
    receiver = registry_sql(p, "select pid from pg_stat_activity where backend_type = 'walreceiver'", 3 - primary)
    signal_all([int(receiver[0])], signal.SIGSTOP)
    process = subprocess.Popen([p.binary, *words], env=p.environment, text=True, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        def cancelled_until_it_ended():
            registry_sql(p, "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'")
            return process.poll() is not None
        until(cancelled_until_it_ended, 60)
    finally:
        signal_all([int(receiver[0])], signal.SIGCONT)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 1 and "committed on the primary alone" in said and "again" in said, said
    p.run(*words)
    assert [n["number"] for n in p.json("number", "list") if n["number"] == words[2]] == [words[2]]


def stale_report(p):
    """A primary reports in the moment in which its failover begins: it is not told to go on alone.

    The monitor's rows are changed as it changes them, in a transaction that ends once the primary's report waits
    for it: that report was read before and is judged after."""
    monitor = as_postgres(f"{p.home}/cells/se-1", [20130], "pg_auto_failover")

    def ask_monitor(sql):
        done = subprocess.run([*monitor, "-c", sql], check=True, capture_output=True, text=True, timeout=20)
        return done.stdout.split()
    before = ask_monitor("select max(eventid) from pgautofailover.event")[0]
    old = ask_monitor("select nodename from pgautofailover.node where goalstate = 'primary'")[0]
    with subprocess.Popen(monitor, stdin=subprocess.PIPE, text=True) as session:
        session.stdin.write(f"""begin; set application_name = 'beginner';
            update pgautofailover.node set goalstate = case nodename when '{old}' then 'draining' else
            'prepare_promotion' end::pgautofailover.replication_state, statechangetime = now();\n""")
        session.stdin.flush()
        until(lambda: ask_monitor("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and "
                                  "query ~ 'node_active'") == ["2"])
        session.stdin.write("commit;\n")
    until(lambda: ask_monitor("select nodename from pgautofailover.node where reportedstate = goalstate and "
                              f"goalstate = 'primary' and nodename <> '{old}'"), 60)
    told = ask_monitor(f"select goalstate from pgautofailover.event where eventid > {before} and nodename = '{old}'")
    assert "draining" in told or "demote_timeout" in told, told
    assert "wait_primary" not in told, told


def cell_is_whole(p):
    cell = p.json("cell", "show", "se-1")
    return (cell["replication"] == "streaming quorum" and
            sorted(node["state"] for node in cell["nodes"]) == ["primary", "secondary"])


NOTHING = "nothing would change\n"
SAID_BY_DRY_RUNS = {
    **{line: NOTHING for line in ("edge add edge-1 --port 8080", "cell create se", "cell undrain se-1 worker-1",
                                  "tenant create acme", "number delete +46704000000", "carrier create demo --tenants *",
                                  "map publish", "certificates renew")},
    "down": "would stop se-1-worker-1", "cell restore se-1 --drop old": "would remove scratch old",
    "transitions resume <run>": "would run 1/5 ", "certificates renew --all": "would renew edge-1",
    "registry reconcile --keep held": "nobody holds more"}


def dry_runs_of_every_command(p):
    """In the gate of those whose words are known, and of a fifth of all others."""
    until(lambda: registry_is_whole(p) and cell_is_whole(p), 60)
    wrong, said = dry_runs.every_command(
        p, registry_sql, lambda line: LONG or line in SAID_BY_DRY_RUNS or chance.random() < 0.2)
    assert not wrong, "\n".join(wrong)
    for line, expected in SAID_BY_DRY_RUNS.items():
        assert expected in said[line] and (expected != NOTHING or said[line] == NOTHING), (line, said[line])
    assert p.run("cell", "apply", "se-1", "--dry-run").stdout == NOTHING
    assert p.json("tenant", "create", "acme", "--dry-run") == {"changed": False}
    return f"{len(said)} command lines"


def listening_ports():
    """TCP over IPv4, from the kernel: state 0A is LISTEN."""
    lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(fields[1].split(":")[1], 16) for fields in lines if fields[3] == "0A"}


def down_and_up(p):
    p.run("down")
    left, ours = listening_ports(), {each["port"] for each in p.json("ports")}
    assert {port + OFFSET for port in PORTS} <= ours and not ours & left, (ours, left)
    assert p.run("status", status=1).stderr.startswith("callcell: the platform is down")
    p.run("up")
    findings = json.loads(p.run("doctor", "--output", "json", status=None).stdout)
    assert [item for item in findings if item["check"] == "registry"] == [], findings
    cell = p.json("cell", "show", "se-1")
    assert cell["replication"] == "streaming quorum", cell
    assert p.json("number", "create", "+46700000888", "--tenant", "acme", "--kind", "mobile")["changed"] is False


# What takes a quarter of a minute each, and is near to what a scenario of the gate does.
LONG_ONLY = (undone_half_way, restart_refused, registry_freezes_under_a_duty, stale_report, down_and_up)


def main():
    platform = Platform(sys.argv[1])
    tests = [misuse, root_owned_home, init, edge_killed_at_each_row, dry_run_changes_nothing,
             cell_killed_at_rows, certificates, nobody_is_trusted,
             serve_reaches_the_registry_over_a_socket_of_our_own, places_killed_at_each_row, conflicts,
             once_per_key, what_is_not_there, country_is_told_by_the_other_words, tokens, files,
             long_poll, reports, map_history, import_numbers, numbers_are_of_their_country, dry_runs_of_every_command,
             nothing_to_do_is_said, flow_refused, undone_half_way, restart_refused, edge_is_removed, edge_missing,
             registry_freezes_under_a_command, registry_freezes_under_a_duty, not_replicated, registry_restarts,
             stale_report, down_and_up]
    tests = [each for each in tests if LONG or each not in LONG_ONLY]
    note(f"seed {SEED} (CALLCELL_TEST_SEED={SEED} repeats it)")
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    try:
        for number, test in enumerate(tests, 1):
            try:
                said = test(platform)
                print(f"ok {number} - {test.__name__}{' # ' + said if said else ''}", flush=True)
            except Exception as error:  # pylint: disable=broad-except
                failed += 1
                print(f"not ok {number} - {test.__name__}", flush=True)
                print("# " + repr(error).replace("\n", "\n# "), flush=True)
    finally:
        platform.remove()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
