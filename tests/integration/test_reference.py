#!/usr/bin/python3
"""docs/reference.md has what the programs say of themselves: their keys and their telemetry."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CALLCELL_BUILD") or ROOT / "build-test")
PAGE = ROOT / "docs/reference.md"
PROGRAMS = {"callcell-edge": "edge/callcell-edge", "callcell-cell": "cell/callcell-cell"}


def page():
    parts = ["# Configuration and telemetry\n\n"
             "Written by the programs themselves (`--describe`); a test holds this page against them.\n"]
    for name, path in PROGRAMS.items():
        said = subprocess.run([BUILD / path, "--describe"], check=True, capture_output=True, text=True).stdout
        parts.append(f"\n## {name}\n\n{said}")
    return "".join(parts)


def main() -> int:
    if "--write" in sys.argv:
        PAGE.write_text(page())
        return 0
    same = PAGE.read_text() == page()
    print(f"{'ok' if same else 'not ok'} 1 - docs/reference.md is what the programs say")
    if not same:
        print("# run: CALLCELL_BUILD=<build folder> tests/integration/test_reference.py --write")
    print("1..1")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
