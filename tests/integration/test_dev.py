#!/usr/bin/python3
"""As root, ./dev runs the home's programs as the home's owner, who could have put others in their place; and it
gives them what they need."""
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile

DEV = pathlib.Path(__file__).resolve().parents[2] / "dev"
PROGRAM = '#!/bin/sh\nid -u\nfor file in "$@"; do stat -c "%a %u" "$file" 2>/dev/null; done\n'


def main() -> int:
    owner = pwd.getpwnam("callcell").pw_uid if os.geteuid() == 0 else os.geteuid()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="callcell-dev-"))
    folder.chmod(0o755)
    programs = folder / "home/bin"
    programs.mkdir(parents=True)
    for name in ("callcell", "callcell-bench"):
        (programs / name).write_text(PROGRAM)
        (programs / name).chmod(0o755)
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    (closed / "flow.json").write_text("{}")
    secrets = folder / "home/carriers"
    for name, mode in (("se/demo", 0o640), ("no/demo", 0o600), ("no/telia", 0o400)):
        (secrets / name).parent.mkdir(parents=True, exist_ok=True)
        (secrets / f"{name}.secret").touch(mode)
    environment = {**os.environ, "CALLCELL_HOME": str(folder / "home")}
    said = [subprocess.run([DEV, *words], cwd=closed, env=environment, capture_output=True, text=True,
                           check=False).stdout.splitlines()
            for words in (("cli", "flow", str(closed / "flow.json")), ("call",), ("call", "--country", "no"),
                          ("call", "--country", "no", "--key", "telia"))]
    results = [("the command line is the owner's", said[0][:1] == [str(owner)]),
               ("a file it may not reach comes as the owner's own copy",
                os.geteuid() != 0 or said[0][1:] == [f"600 {owner}"]),
               ("so is the load tool", said[1][:1] == [str(owner)]),
               ("a carrier's secret is that of the country and the key",
                [line.split()[0] for lines in said[1:] for line in lines[1:]] == ["640", "600", "400"])]
    shutil.rmtree(folder)
    for number, (name, good) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {name}" + ("" if good else f"\n# {said}"))
    print(f"1..{len(results)}")
    return 0 if all(good for _, good in results) else 1


if __name__ == "__main__":
    sys.exit(main())
