#!/usr/bin/python3
"""Alert rules: sound, tested firing and silent, on series that our programs have, each with a runbook. TAP."""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ["CALLCELL_BUILD"])
PARTS = ("edge", "cell", "control-plane")
SERIES = re.compile(r"\bcallcell_[a-z0-9_]+\b")


def rules():
    """{alert: (text of its rule)} over all parts; a rule runs to the next one."""
    found = {}
    for part in PARTS:
        text = (ROOT / part / "alerts.yaml").read_text()
        for rule in re.split(r"\n(?=      - )", text):
            name = re.match(r"      - alert: (\w+)", rule)
            if name:
                found[name[1]] = rule
    return found


def used_series():
    """Without what the rules record themselves, and without a histogram's suffixes."""
    found = set()
    for part in PARTS:
        for line in (ROOT / part / "alerts.yaml").read_text().splitlines():
            if line.strip().startswith("expr:"):
                found |= {re.sub(r"_(bucket|count|sum)$", "", name) for name in SERIES.findall(line)}
    return found


def known_series():
    found = set()
    for program in ("edge/callcell-edge", "cell/callcell-cell"):
        done = subprocess.run([BUILD / program, "--describe"], text=True, capture_output=True, check=True)
        found |= set(SERIES.findall(done.stdout))
    for source in sorted((ROOT / "control-plane").glob("**/*.[ch]")):
        text = source.read_text()
        found |= set(re.findall(r'"(?:# TYPE )?(callcell_(?:control|serve)_[a-z0-9_]+)', text))
        found |= set(re.findall(r"# TYPE (callcell_control_[a-z0-9_]+) ", text))
    facts = (ROOT / "control-plane/facts.h").read_text()
    return found | {f"callcell_control_{name}" for name in re.findall(r'X\(\w+, "(\w+)"', facts)}


def anchors(path):
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#{1,6} +(.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for title in titles}


def each_rule_says_what_to_do():
    for name, rule in rules().items():
        assert re.search(r"severity: (page|ticket)\n", rule), f"{name}: severity"
        assert re.search(r"summary: \S", rule), f"{name}: summary"
        link = re.search(r"runbook: (\S+)#(\S+)", rule)
        assert link, f"{name}: runbook"
        path = ROOT / link[1]
        assert path.exists(), f"{name}: no {link[1]}"
        assert link[2] in anchors(path), f"{name}: {link[1]} has no heading {link[2]}"


def pages_and_alerts_name_each_other():
    """On-call finds the alert that woke them at the top of the page that it links; a page is linked or linked to."""
    folder = ROOT / "docs/runbooks"
    names = set(rules())
    pages = {path: path.read_text() for path in folder.glob("*.md") if path.stem != "README"}
    linked = {path: set() for path in pages}
    for name, rule in rules().items():
        linked[ROOT / re.search(r"runbook: (\S+)#", rule)[1]].add(name)
    for path, text in pages.items():
        seen = re.search(r"^## What you see\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)[1]
        told = set(re.findall(r"`([A-Z]\w+)`", seen))
        assert not told - names, f"{path.name}: no alert {', '.join(sorted(told - names))}"
        assert not linked[path] - told, f"{path.name} does not name {', '.join(sorted(linked[path] - told))}"
        others = "".join(other for each, other in pages.items() if each != path)
        assert linked[path] or f"({path.name}" in others, f"nothing links {path.name}"
    listed = re.findall(r"^\| `(\w+)` \|.*\]\((\S+?)\)", (ROOT / "README.md").read_text(), re.MULTILINE)
    wanted = {(name, re.search(r"runbook: (\S+)", rule)[1]) for name, rule in rules().items()}
    assert set(listed) == wanted, f"README's table of alerts: {sorted(set(listed) ^ wanted)}"


def every_series_is_one_of_ours():
    unknown = sorted(used_series() - known_series())
    assert not unknown, f"no program has: {', '.join(unknown)}"


def every_alert_is_tested_firing_and_silent():
    fires, silent = set(), set()
    for path in sorted((ROOT / "tests/alerts").glob("*.yaml")):
        for name, expected in re.findall(r"alertname: (\w+)\n +exp_alerts:( \[\])?", path.read_text()):
            (silent if expected else fires).add(name)
    names = set(rules())
    assert names == fires, f"never seen firing: {sorted(names - fires)}; unknown: {sorted(fires - names)}"
    assert names == silent, f"never seen silent: {sorted(names - silent)}; unknown: {sorted(silent - names)}"


def promtool_agrees():
    def run(*words):
        done = subprocess.run(["promtool", *words], cwd=ROOT, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    run("check", "rules", *(f"{part}/alerts.yaml" for part in PARTS))
    run("test", "rules", *(str(path) for path in sorted((ROOT / "tests/alerts").glob("*.yaml"))))


def main():
    tests = (each_rule_says_what_to_do, pages_and_alerts_name_each_other, every_series_is_one_of_ours,
             every_alert_is_tested_firing_and_silent, promtool_agrees)
    failed = False
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__name__.replace('_', ' ')}", flush=True)
        except AssertionError as error:
            failed = True
            print("\n".join("# " + line for line in str(error).splitlines()))
            print(f"not ok {number} - {test.__name__.replace('_', ' ')}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
