#!/usr/bin/python3
"""docs/capacity.md has what the planner says: each block that begins with its command line, run again.

usage: test_capacity.py [--write]
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CALLCELL_BUILD") or ROOT / "build-test")
PAGE = ROOT / "docs/capacity.md"
BLOCK = re.compile(r"```text\n\$ callcell-bench ([^\n]*)\n.*?```\n", re.DOTALL)


def run(line):
    result = subprocess.run([BUILD / "bench/callcell-bench", *shlex.split(line)], check=True, capture_output=True,
                            text=True, timeout=60, cwd=ROOT)
    return result.stdout


def renewed(page):
    return BLOCK.sub(lambda match: f"```text\n$ callcell-bench {match.group(1)}\n{run(match.group(1))}```\n", page)


def main() -> int:
    page = PAGE.read_text()
    if "--write" in sys.argv:
        PAGE.write_text(renewed(page))
        return 0
    results = [("shows what failures cost", page.count("$ callcell-bench simulate") >= 5),
               ("has worked plans", page.count("$ callcell-bench plan") >= 3),
               ("is what the program says (test_capacity.py --write renews it)", renewed(page) == page)]
    for number, (name, ok) in enumerate(results, 1):
        print(f"{'ok' if ok else 'not ok'} {number} - docs/capacity.md {name}")
    print(f"1..{len(results)}")
    return 0 if all(ok for _, ok in results) else 1


if __name__ == "__main__":
    sys.exit(main())
