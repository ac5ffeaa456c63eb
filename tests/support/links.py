"""Cuts processes off the network while they live, as a pulled cable does: nothing they send arrives, nothing reaches
them, no connection is told. Root only, in a network namespace of a scenario's own (network.py).

What a part opened before is dropped by its ports: those it listens at, and each connection's own pair. What it opens
from then on, and what its children open, is known by its control group (v2): a socket belongs for ever to the group in
which it was made, so the group alone would miss the older ones, and ports alone the newer. Each cut has a group of its
own: what was opened in one is as any other socket in the next.
"""
import itertools
import os
import pathlib
import socket
import subprocess

from support.wait import wait_until

GROUPS = pathlib.Path("/sys/fs/cgroup")  # mounted in a mount namespace of the scenario's own
LISTENING = "0A"  # of /proc/net/tcp

RULES = """
table inet cut {
    set listening { type inet_service; }
    set connections { type inet_service . inet_service; }
    chain groups { }
    chain packets {
        tcp dport @listening drop
        tcp sport @listening drop
        tcp sport . tcp dport @connections drop
        jump groups
    }
    chain sent { type filter hook output priority 0; jump packets; }
    chain received { type filter hook input priority 0; jump packets; }
}
"""


def own_group():
    """That of this process, below the mounted root."""
    lines = pathlib.Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
    return [line[3:].strip("/") for line in lines if line.startswith("0::")][0]


HOME = own_group()  # of all that a scenario starts, when it is not cut off
_groups = []  # of the cuts that are not mended
_numbers = itertools.count(1)


def prepare():
    """Once. Shows on connections of our own that a cut cuts, and that nothing is left of one."""
    subprocess.run(["mount", "-t", "cgroup2", "none", GROUPS], check=True, capture_output=True)
    nft("-f", "-", text=RULES)
    with listener() as before:
        assert reaches(before)
        cut([os.getpid()])
        with listener() as meanwhile:
            assert not reaches(before) and not reaches(meanwhile), "a cut does not cut"
            mend()
            assert reaches(before) and reaches(meanwhile), "a cut is not mended"


def listener():
    return socket.create_server(("127.0.0.1", 0))


def reaches(server):
    try:
        socket.create_connection(server.getsockname(), 0.5).close()
    except TimeoutError:
        return False
    return True


def cut(pids):
    """These processes, and whatever they start."""
    group = GROUPS / f"callcell-cut-{os.getpid()}-{next(_numbers)}"
    group.mkdir()
    _groups.append(group)
    nft("add", "rule", "inet", "cut", "groups", "socket", "cgroupv2", "level", "1", f'"{group.name}"', "drop")
    move(pids, group)
    inodes = {inode for pid in pids for inode in sockets(pid)}
    listening, connections = set(), set()
    for local, remote, state, inode in tcp():
        if inode not in inodes:
            continue
        if state == LISTENING:
            listening.add(str(local))
        else:
            connections.update({f"{local} . {remote}", f"{remote} . {local}"})
    for name, members in (("listening", listening), ("connections", connections)):
        if members:
            nft("add", "element", "inet", "cut", name, "{ " + ", ".join(sorted(members)) + " }")


def mend():
    """All that was cut."""
    nft("flush", "chain", "inet", "cut", "groups")
    for name in ("listening", "connections"):
        nft("flush", "set", "inet", "cut", name)
    while _groups:
        group = _groups.pop()
        wait_until("nothing is left in the group", lambda g=group: not move(members(g), GROUPS / HOME) and not members(g))
        group.rmdir()


def members(group):
    return (group / "cgroup.procs").read_text(encoding="ascii").split()


def move(pids, group):
    for pid in pids:
        try:
            (group / "cgroup.procs").write_text(str(pid), encoding="ascii")
        except ProcessLookupError:
            pass


def sockets(pid):
    """Inodes of what a process has open."""
    for entry in pathlib.Path(f"/proc/{pid}/fd").glob("*"):
        try:
            target = os.readlink(entry)
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            yield target[len("socket:["):-1]


def tcp():
    """(local port, remote port, state, inode) of every socket of the namespace; parts speak IPv4."""
    for line in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        yield int(fields[1].split(":")[1], 16), int(fields[2].split(":")[1], 16), fields[3], fields[9]


def nft(*arguments, text=None):
    done = subprocess.run(["nft", *arguments], input=text, text=True, check=False, capture_output=True, timeout=10)
    assert done.returncode == 0, f"nft {arguments}: {done.stderr}"
