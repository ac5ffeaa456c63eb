"""README's commands, pasted one after another into one shell, work."""
import os
import re
import subprocess

from support.platform import ROOT, Platform
from support.scenario import expect, expect_equal, main, test

# The gate itself is not started from inside the gate.
NOT_PASTED = ("./dev test",)


def blocks():
    text = (ROOT / "README.md").read_text()
    return re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@test
def every_command_works(platform):
    commands = [block for block in blocks() if not block.startswith(NOT_PASTED)]
    stop = [block for block in commands if block.startswith("./dev down")]
    expect(len(commands) >= 6 and len(stop) == 1, "README lost its commands")
    commands = [block for block in commands if block not in stop] + stop
    script = "set -e\n" + "".join(f"echo '>>> {number}'\n{block}" for number, block in enumerate(commands))
    result = subprocess.run(["bash"], input=script, cwd=ROOT, env=platform.environment, text=True,
                            capture_output=True, timeout=200, check=False)
    print("".join(f"# {line}\n" for line in (result.stdout + result.stderr).splitlines()[-60:]))
    expect_equal(result.returncode, 0, "exit status")
    by_hand = result.stdout.split(">>> ")[2]
    expect("200" in by_hand and "callcell-source" in by_hand and "decision_id" in by_hand, by_hand)


main(lambda: Platform(start=False))
