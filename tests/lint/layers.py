#!/usr/bin/env python3
"""Arrows point only downwards: pure files do no I/O, programs never include each other, base includes nothing above
itself, and a service's private headers stay inside it (design.md section 2).

usage: layers.py [ROOT]; layers.py --self-test
"""
import pathlib
import re
import sys
import tempfile

PROGRAMS = ("edge", "cell", "control-plane", "bench")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
FORBIDDEN_INCLUDE = re.compile(r'^\s*#\s*include\s*[<"](uv\.h|h2o|hiredis|libpq|postgresql/|sys/socket|netinet|sys/epoll|'
                               r'sys/time\.h|base/io/)')
FORBIDDEN_CALL = re.compile(r"(?:^|[^a-zA-Z0-9_>.])(?:time|clock_gettime|gettimeofday|getenv|secure_getenv|clock|localtime|"
                            r"gmtime|localtime_r|mktime|random|rand|cc_wall_clock_us|cc_monotonic_us)\s*\(")
NO_CODE = re.compile(r'^\s*(?:/\*|\*).*|//.*$|/\*.*\*/|"(?:[^"\\]|\\.)*"')
# The rim: the files that may do I/O. All else with a .c or .h is pure, unless its first comment says "Rim:".
RIM = re.compile(r"base/io/.*|.*/main\.c|.*/store\.[ch]|.*/http\.[ch]|.*/io/.*|bench/(?:carrier|load|report)\.[ch]")
# A command-line program: all else of it asks the registry, cells and processes.
PURE_CONTROL_PLANE = re.compile(r"control-plane/(?:ports\.[ch]|(?:placement|templates)/.*)")
FIRST_COMMENT_LINES = 15
# base/log.c reads the clock and writes, by contract.
READS_THE_CLOCK = ("base/log.c",)
# Services whose headers are words that all of the cell shares.
SHARED_WORDS = ("model", "flows")


class Tree:
    def __init__(self, root):
        self.lines = {str(path.relative_to(root)): path.read_text(errors="replace").splitlines()
                      for folder in ("base", *PROGRAMS) for path in sorted((root / folder).rglob("*.[ch]"))}

    def is_rim(self, file):
        if RIM.fullmatch(file):
            return True
        if file.startswith("control-plane/"):
            return not PURE_CONTROL_PLANE.fullmatch(file)
        return any("Rim:" in line for line in self.lines[file][:FIRST_COMMENT_LINES])

    def includes(self, file):
        for number, line in enumerate(self.lines[file], 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match.group(1)


def impure(tree, file):
    if tree.is_rim(file):
        return
    for number, line in enumerate(tree.lines[file], 1):
        if FORBIDDEN_INCLUDE.match(line):
            yield f"{file}:{number}: a pure file includes an I/O header: {line.strip()}"
        if file not in READS_THE_CLOCK and FORBIDDEN_CALL.search(NO_CODE.sub("", line)):
            yield f"{file}:{number}: a pure file reads clock, randomness or environment: {line.strip()}"
    for number, header in tree.includes(file):
        if header in tree.lines and not header.startswith("base/io/") and tree.is_rim(header):
            yield f"{file}:{number}: a pure file includes the rim's {header}"


def of_another_program(tree, file):
    mine = file.split("/")[0]
    for number, header in tree.includes(file):
        other = header.split("/")[0]
        if "/" in header and other in PROGRAMS and other != mine:
            yield f"{file}:{number}: {mine} includes {header}"


def of_another_service(tree, file):
    """A service is a folder of cell/; another sees only its <service>/<service>.h."""
    parts = file.split("/")
    if parts[0] != "cell" or len(parts) < 3:
        return
    for number, header in tree.includes(file):
        theirs = header.split("/")
        if theirs[0] != "cell" or len(theirs) < 3 or theirs[1] in (parts[1], *SHARED_WORDS):
            continue
        if theirs[-1] != f"{theirs[1]}.h":
            yield f"{file}:{number}: {header} is private to {theirs[1]}"


def findings(root):
    tree = Tree(root)
    return [finding for file in tree.lines for rule in (impure, of_another_program, of_another_service)
            for finding in rule(tree, file)]


SELF_TEST = (  # each a file, a line in it, and whether it is found
    ("edge/route.c", "#include <uv.h>", True), ("edge/route.c", '#include "base/io/loop.h"', True),
    ("edge/route.c", '#include "cell/model/call_plan.h"', True), ("base/slot.c", '#include "edge/route.h"', True),
    ("base/slot.c", "int64_t now = time(NULL);", True), ("cell/calls/decide.c", '  char *x = getenv("HOME");', True),
    ("cell/calls/decide.c", '#include "cell/events/spool_format.h"', True),
    ("edge/route.c", '#include "edge/probe.h"', True), ("cell/calls/decide.c", '#include "cell/events/events.h"', False),
    ("cell/calls/decide.c", '#include "cell/flows/walk.h"', False), ("edge/route.c", ' * asks for time (of day)', False),
    ("edge/route.c", 'int a = 1; // time(NULL)', False), ("edge/main.c", "#include <uv.h>", False),
    ("control-plane/ports.c", "#include <uv.h>", True), ("control-plane/status.c", "#include <uv.h>", False))


def self_test():
    wrong = []
    for file, line, expected in SELF_TEST:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in (("edge/probe.h", "/* Rim: I/O. */\n#include <uv.h>\n"), (file, line + "\n")):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            if bool(findings(root)) != expected:
                wrong.append(f"layers: self-test: {'not found' if expected else 'refused'} in {file}: {line}")
    return wrong


def main():
    if sys.argv[1:] == ["--self-test"]:
        found = self_test()
    else:
        found = findings(pathlib.Path(sys.argv[1]) if sys.argv[1:] else pathlib.Path(__file__).resolve().parents[2])
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
