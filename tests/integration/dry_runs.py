"""Every command with --dry-run at a platform that runs: what the help says of it, and that nothing is touched.

The commands and what each does with the flag are read from the program; here stands only what they are called with.
"""
import json
import os
import pathlib
import re
import signal
import subprocess

# With a change to make and without one, where both can be had. A command that is not named takes no arguments.
FILE, RUN = "<file>", "<run>"
CALLED_WITH = {
    "edge add": ("edge-1 --port 8080", "edge-2 --port 8090"), "edge remove": ("edge-1 --last",),
    "cell create": ("se", "se --cell se-2"),
    "cell show": ("se-1",), "cell switchover": ("se-1",), "cell failover": ("se-1",), "cell evacuate": ("se-1",),
    "cell heal": ("se-1",), "break-glass evacuate": ("se-1 --key <home>/etc/keys/break-glass.pem",),
    "cell drain": ("se-1 worker-1",), "cell undrain": ("se-1 worker-1",), "cell restart": ("se-1",),
    "cell backup": ("se-1", "se-1 --full"), "cell backups": ("se-1",),
    "cell restore": ("se-1 --to latest --as copy", "se-1 --drop old", "se-1 --to latest --in-place"),
    "cell restore-drill": ("se-1",), "cell diff": ("se-1",), "cell apply": ("se-1",),
    "cell destroy": ("se-1 --with-tenants", "se-1 --with-tenants --confirm se-1"),
    "tenant create": ("acme", "fresh"),
    "number create": ("+46701234567 --tenant acme --kind mobile --bar outgoing --idempotency-key dry",
                      "+46701234567 --tenant acme --kind mobile --bar all",
                      "+46700000781 --tenant acme --kind mobile --idempotency-key dry"),
    "number import": (FILE,), "number delete": ("+46701234567", "+46704000000"),
    "carrier create": ("demo --tenants *", "fresh --tenants *"), "carrier rotate": ("demo",),
    "carrier delete": ("demo",),
    "flow put": ("main --tenant acme --file <home>/flow.json",), "flow publish": ("main --tenant acme",),
    "flow show": ("main --tenant acme",), "call show": ("nope --tenant acme",), "call explain": ("nope --tenant acme",),
    "map publish": ("",), "map rollback": ("--to 1",),
    "template show": ("demo",), "template check": ("<home>/share/templates/demo.yaml",),
    "certificates renew": ("", "--all", "--name edge-1"),
    "registry reconcile": ("", "--keep held", "--keep registry"), "registry backup": ("", "--full"),
    "registry restore": ("--to latest", "--to latest --confirm registry"),
    "transitions resume": (RUN,), "help": ("", "--markdown"),
}
# Refused for a reason of its own, with the flag as without.
REFUSED = {"cell evacuate": "has no standby site", "break-glass evacuate": "has no standby site"}
# What nobody commands and yet changes: reports of edges and workers, facts of duties, who leads.
BY_ITSELF = ("reports", "facts", "leader")
DIGESTS = ("select tablename || '=' || md5(query_to_xml(format('select xmin::text, t::text from public.%I t order by 2', "
           "tablename), false, false, '')::text) from pg_tables where schemaname = 'public' and tablename not in "
           f"{BY_ITSELF} order by 1")
# Of programs that run: their data, logs and sockets, what runit keeps about them, what a duty of serve writes again
# and again.
OF_PROGRAMS = re.compile(r"/(log|logs|supervise|pg|redis|spool|journal|state|backups|copy)(/|$)|\.(log|status|sock)$|"
                         r"/log/|/lock|/durability\.json(\.new)?$")


def files(home):
    """Those that commands make: one that is written again has another inode."""
    found = {}
    for folder, folders, names in os.walk(home):
        folders[:] = [name for name in folders if not OF_PROGRAMS.search(f"{folder[len(home):]}/{name}")]
        for name in [*names, *folders]:
            path = f"{folder}/{name}"
            if not OF_PROGRAMS.search(path[len(home):]):
                about = os.lstat(path)
                found[path[len(home):]] = (about.st_ino, about.st_mode, name in folders or about.st_mtime_ns)
    return found


def processes(home):
    """The service and its process, and the supervisor's."""
    pids = [path for site in ("", "sites/*/") for name in ("services/*/supervise/pid", "runsvdir.pid")
            for path in pathlib.Path(home).glob(f"{site}run/{name}")]
    return {str(path): path.read_text().strip() for path in pids}


def state(p, registry_sql):
    tables = dict(word.split("=") for word in registry_sql(p, DIGESTS))
    return {**tables, **processes(p.home), **files(p.home)}


def described(p):
    """Each command and what its help says of --dry-run."""
    page = p.run("help", "--markdown").stdout
    sections = re.findall(r"^## ([^\n]+)\n\n```\n(.*?)^```", page, re.M | re.S)
    assert len(sections) == page.count("\n## ") > 1, page
    return {name: (re.findall(r"^  --dry-run +(.*)$", text, re.M) or [""])[0] for name, text in sections}


def judge(name, help_text, done):
    """What is wrong with what it said, or None."""
    if name in REFUSED:
        good = done.returncode == 2 and REFUSED[name] in done.stderr
    elif help_text.startswith("refused"):
        good = done.returncode == 2 and "no dry run" in done.stderr and done.stderr.count("\n") == 1 and not done.stdout
    elif help_text.startswith("says"):
        good = done.returncode == 0 and done.stdout != ""
    else:
        good = help_text.startswith("the same") and (done.stdout or done.stderr)
    return None if good else f"help: {help_text!r}; exit {done.returncode}; {done.stdout!r}; {done.stderr!r}"


def prepare(p):
    """A scratch that --drop could remove, a run that could be resumed, a file of numbers."""
    scratch = pathlib.Path(f"{p.home}/cells/se-1/scratch/old")
    scratch.mkdir(parents=True)
    about = os.stat(p.home)
    for folder in (scratch, scratch.parent):
        os.chown(folder, about.st_uid, about.st_gid)
    numbers = pathlib.Path(f"{p.home}/dry-numbers.json")
    numbers.write_text(json.dumps({"number": "+46700000778", "tenant": "acme", "kind": "mobile"}) + "\n")
    numbers.chmod(0o644)
    p.run("tenant", "create", "half", status=-signal.SIGKILL,
          environment=dict(p.environment, CALLCELL_KILL_AT="tenant_create:new:record"))
    run = [run["run"] for run in p.json("transitions", "list") if run["subject"] == "se/half" and not run["finished_at"]]
    assert len(run) == 1, run
    return {FILE: str(numbers), RUN: str(run[0]), "<home>": p.home}


def words_of(name, arguments, places):
    for place, value in places.items():
        arguments = arguments.replace(place, value)
    return [*name.split(), *arguments.split()]


def every_command(p, registry_sql, is_chosen):
    """Returns what is wrong, a line each, and what each said, of the command lines that are chosen. Backups that fall
    due meanwhile wait."""
    service = f"{p.home}/run/services/backups"
    subprocess.run(["sv", "-w", "20", "down", service], check=True, capture_output=True)
    try:
        commands, places = described(p), prepare(p)
        assert set(CALLED_WITH) <= set(commands), set(CALLED_WITH) - set(commands)
        wrong, said, before = [], {}, state(p, registry_sql)
        for name, help_text in commands.items():
            for arguments in CALLED_WITH.get(name, ("",)):
                line = f"{name} {arguments}".strip()
                if not is_chosen(line):
                    continue
                done = p.run(*words_of(name, arguments, places), "--dry-run", status=None)
                after = state(p, registry_sql)
                changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
                before = after
                reasons = [f"changed {changed[:8]}" if changed else None, judge(name, help_text, done)]
                wrong += [f"{line}: {reason}" for reason in reasons if reason]
                said[line] = done.stdout
    finally:
        subprocess.run(["sv", "-w", "20", "up", service], check=True, capture_output=True)
    p.run("transitions", "resume", places[RUN])
    p.run("cell", "restore", "se-1", "--drop", "old")
    return wrong, said
