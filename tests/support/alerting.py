"""Are the conditions of our alert rules true on a platform, now? promtool evaluates the rules' own expressions over
what the programs show. How long a condition must hold before it alerts is left out."""
import re
import subprocess
import tempfile
import time

from support.platform import ROOT

PARTS = ("edge", "cell", "control-plane")
SERIES = re.compile(r"\b(?:callcell_[a-z0-9_]+|up)\b")
SAMPLE = re.compile(r"^(callcell_[a-z0-9_]+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
RULE = re.compile(r"      - alert: (\w+)\n +expr: (.+)\n")
BETWEEN_S = 60  # as which time two looks count


def expressions():
    """{alert: its expression}"""
    found = {}
    for part in PARTS:
        for name, text in RULE.findall((ROOT / part / "alerts.yaml").read_text()):
            found[name] = text.strip('"')
    return found


class Look:
    """What every program showed at one moment: {(series, labels): value}; one that is down shows nothing, and its
    scrape `up` 0."""

    def __init__(self, platform):
        self.at = time.time()
        self.values = {}
        targets = {f"edge-{edge + 1}": platform.port((8081, 8091)[edge]) for edge in (0, 1)}
        targets.update({f"worker-{number}": platform.worker_telemetry_port(number) for number in (1, 2)})
        targets.update({"serve-1": platform.port(7301), "serve-2": platform.port(7303)})
        for instance, port in targets.items():
            self._take(instance, port)

    def _take(self, instance, port):
        done = subprocess.run(["curl", "-sS", "-m", "2", f"http://127.0.0.1:{port}/metrics"], text=True,
                              capture_output=True, check=False)
        where = f'instance="{instance}"' + (',cell="se-1"' if instance.startswith("worker") else "")
        job = {"edge": "edge", "worker": "cell", "serve": "control"}[instance.partition("-")[0]]
        self.values["up", f'job="{job}",{where}'] = "0" if done.returncode else "1"
        for name, labels, value in SAMPLE.findall(done.stdout):
            self.values[name, f"{labels},{where}" if labels else where] = value


def _document(expression, looks):
    """A promtool test that fails with the samples of the expression when there are any."""
    wanted = set(SERIES.findall(expression))
    expression = expression.replace("time()", f"(time() + {looks[-1].at - BETWEEN_S * (len(looks) - 1):.0f})")
    lines = ["rule_files: []", "tests:", f"  - interval: {BETWEEN_S}s", "    input_series:"]
    for (name, labels) in sorted({key for look in looks for key in look.values if key[0] in wanted}):
        values = " ".join(look.values.get((name, labels), "_") for look in looks)
        lines += [f"      - series: '{name}{{{labels}}}'", f"        values: '{values}'"]
    return "\n".join([*lines, "    promql_expr_test:", f"      - expr: '{expression}'",
                      f"        eval_time: {BETWEEN_S * (len(looks) - 1)}s", "        exp_samples: []", ""])


def is_true(platform, alert, since=None):
    """since: an earlier Look, for conditions on what grows."""
    looks = [since, Look(platform)] if since else [Look(platform)]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(_document(expressions()[alert], looks))
        file.flush()
        done = subprocess.run(["promtool", "test", "rules", file.name], text=True, capture_output=True, check=False)
    if done.returncode == 0:
        return False
    said = done.stdout + done.stderr
    if "got:" not in said:
        raise AssertionError(f"{alert} cannot be evaluated: {said}")
    return True
