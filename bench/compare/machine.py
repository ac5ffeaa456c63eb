"""What machine this is, and what the kernel says that processes used of it."""
import os
import pathlib
import platform
import subprocess

TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")


def facts():
    """Texts for the table's head."""
    cpu = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.processor())
    memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) // 1024 // 1024
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gib": memory, "kernel": platform.release(),
            "system": " ".join(version_of("lsb_release", "-ds") or ["Linux"])}


def version_of(*command):
    """The words that a program says about itself, or nothing."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return []
    return (result.stdout + result.stderr).strip().splitlines()[:1]


def processes():
    """{pid: (parent, CPU us so far with the ended children that were waited for)}"""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        found[int(stat.parent.name)] = (int(fields[1]), sum(int(fields[i]) for i in (11, 12, 13, 14)) * TICK_US)
    return found


def tree(roots, known=None):
    """The processes with these heads."""
    known = known or processes()
    wanted, grown = set(roots), True
    while grown:
        more = {pid for pid, (parent, _) in known.items() if parent in wanted} - wanted
        wanted |= more
        grown = bool(more)
    return wanted & known.keys()


def cpu_us(roots):
    """CPU time of these processes and of all that they started."""
    known = processes()
    return sum(known[pid][1] for pid in tree(roots, known))


def busy_us():
    """CPU time of the whole machine that was not idle, stolen time too."""
    values = [int(value) for value in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(values) - values[3] - values[4]) * TICK_US


def pin(roots, core):
    """Every thread of these processes onto one core."""
    for pid in tree(roots):
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            try:
                os.sched_setaffinity(int(thread.name), {core})
            except ProcessLookupError:
                continue
