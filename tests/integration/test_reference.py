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


SCRAPING = """
## How to scrape

Every program shows its telemetry at `/metrics` of its telemetry port ([ports](ARCHITECTURE.md#what-runs)). The alert \
rules (`edge/alerts.yaml`, `cell/alerts.yaml`, `control-plane/alerts.yaml`) take three jobs for granted, by their \
names: `edge`, every edge; `cell`, every worker, with the label `cell`; `control`, every `callcell serve`. A program \
that is dead shows nothing: only the scrape's own `up{job="edge"}` tells then, so that every program stands in the \
configuration by its address, and none is left out because it does not answer. Two sites: the workers of both, with \
the label `site`.

```yaml
rule_files: [edge/alerts.yaml, cell/alerts.yaml, control-plane/alerts.yaml]
scrape_configs:
  - job_name: edge
    scrape_interval: 15s
    static_configs:
      - {targets: ["127.0.0.1:8081"], labels: {instance: edge-1}}
      - {targets: ["127.0.0.1:8091"], labels: {instance: edge-2}}
  - job_name: cell
    scrape_interval: 15s
    static_configs:
      - {targets: ["127.0.0.1:20111"], labels: {instance: worker-1, cell: se-1}}
      - {targets: ["127.0.0.1:20112"], labels: {instance: worker-2, cell: se-1}}
  - job_name: control
    scrape_interval: 15s
    static_configs:
      - {targets: ["127.0.0.1:7301"], labels: {instance: serve-1}}
      - {targets: ["127.0.0.1:7303"], labels: {instance: serve-2}}
```
"""


def page():
    parts = ["# Configuration and telemetry\n\n"
             "Written by the programs themselves (`--describe`); a test holds this page against them.\n"]
    for name, path in PROGRAMS.items():
        said = subprocess.run([BUILD / path, "--describe"], check=True, capture_output=True, text=True).stdout
        parts.append(f"\n## {name}\n\n{said}")
    return "".join([*parts, SCRAPING])


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
