"""README's commands, pasted one after another into one shell, work."""
import os
import re
import subprocess

from support.platform import PORTS, ROOT, Platform, port_is_free
from support.scenario import expect, expect_equal, main, test

# The gate itself is not started from inside the gate.
NOT_PASTED = ("./dev test",)
COMMANDS_TIMEOUT_S = 600
EDGE_1 = 'kill -{} "$(cat "$CALLCELL_HOME/run/services/edge-1/supervise/pid")"\n'


def blocks():
    text = (ROOT / "README.md").read_text()
    return re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@test
def every_command_works(platform):
    commands = [block for block in blocks() if not block.startswith(NOT_PASTED)]
    stop = [block for block in commands if block.startswith("./dev down")]
    by_hand = [block for block in commands if "openssl dgst" in block]
    abroad = [block for block in commands if "cell create no" in block]
    expect_equal([len(stop), len(by_hand), len(abroad)], [1, 1, 1], "what README tells to do")
    expect(len(commands) >= 7, "README lost its commands")
    # What the pages promise beside: ./dev up is as before, and a carrier that is not answered asks the other edge.
    again, silent = "./dev up\n", EDGE_1.format("STOP") + by_hand[0] + EDGE_1.format("CONT")
    commands = [block for block in commands if block not in stop] + [again, silent, *stop]
    script = "set -e\n" + "".join(f"echo '>>>'\n{block}" for block in commands)
    result = subprocess.run(["bash"], input=script, cwd=ROOT, env=platform.environment, text=True,
                            capture_output=True, timeout=COMMANDS_TIMEOUT_S, check=False)
    print("".join(f"# {line}\n" for line in (result.stdout + result.stderr).splitlines()[-60:]))
    expect_equal(result.returncode, 0, "exit status")
    said = dict(zip(commands, result.stdout.split(">>>\n")[1:]))
    for asked in (said[by_hand[0]], said[silent]):
        expect("200 OK" in asked and "callcell-source" in asked and "decision_id" in asked, asked)
    answers = re.findall(r"^<- 200 from (?!edge)", said[abroad[0]], re.MULTILINE)
    expect_equal(len(answers), 2, said[abroad[0]])
    expect_equal(platform.processes(), [], "processes after ./dev down")
    expect_equal([port for port in PORTS if not port_is_free(platform.port(port))], [], "ports after ./dev down")


main(lambda: Platform(start=False))
