"""Counts a program's instructions per request, with valgrind's callgrind.

Counters are read between requests: entering the handler of GET /healthz dumps them and sets them to zero.
"""
import os
import pathlib
import re
import subprocess

from support.wait import wait_until

# Without these OpenSSL and glibc choose their code by the machine's processor.
PLAIN_PROCESSOR = {"OPENSSL_ia32cap": "~0x1000000000000000:~0x20000128",
                   "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM,-BMI1,-BMI2,-LZCNT"}
INTERVALS, REQUESTS, WARM_UP = 15, 40, 60


class Callgrind:
    """Runs a program under callgrind: wrapper goes before its command, environment is its own."""

    def __init__(self, folder, healthz):
        """folder: for the counts; healthz: the C function that handles GET /healthz."""
        self.folder, self.dumps = folder, 0
        self.wrapper = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/counts",
                        f"--dump-before={healthz}", f"--log-file={folder}/valgrind.log"]
        self.environment = {**os.environ, **PLAIN_PROCESSOR}

    def cut(self, ask_healthz):
        """The file with what was counted since the last cut."""
        ask_healthz()
        self.dumps += 1
        path = self.folder / f"counts.{self.dumps}"
        wait_until(f"{path} is whole", lambda: "\ntotals: " in path.read_text(), every_s=0.005)
        return path

    def per_request(self, send, ask_healthz):
        """Instructions per send(), and the file of the profile. Work in the background only adds to an interval,
        so the smallest of several counts; what an interval without requests costs is taken off."""
        for _ in range(WARM_UP):
            send()
        self.cut(ask_healthz)
        empty, full = [], []
        for _ in range(INTERVALS):
            empty.append(self.cut(ask_healthz))
            for _ in range(REQUESTS):
                send()
            full.append(self.cut(ask_healthz))
        smallest = min(full, key=total)
        return round((total(smallest) - min(map(total, empty))) / REQUESTS), smallest


def total(path):
    return int(re.search(r"^totals: (\d+)", path.read_text(), re.MULTILINE).group(1))


def profile_of(path, functions=20):
    """Lines that say where the instructions of one request go: by library, then the dearest functions."""
    text = subprocess.run(["callgrind_annotate", "--threshold=100", path], check=True, capture_output=True,
                          text=True).stdout
    libraries, dearest = {}, []
    for cost, name, library in re.findall(r"^\s*([\d,]+) \([^)]*\)\s+\S*?:(\S+)(?: \[(\S+)\])?$", text, re.MULTILINE):
        own = int(cost.replace(",", "")) / REQUESTS
        library = pathlib.PurePath(library).name.split(".so")[0]
        if own > 0.99 * total(path) / REQUESTS:
            continue  # an outer frame that was entered before the counters were set to zero
        libraries[library] = libraries.get(library, 0) + own
        dearest.append((own, f"{name} [{library}]"))
    by_library = sorted(((own, name) for name, own in libraries.items()), reverse=True)[:8]
    return [f"{own:>8,.0f}  {name}" for own, name in [*by_library, *dearest[:functions]]]
