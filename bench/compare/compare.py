#!/usr/bin/env python3
"""callcell against its peers, in one run: the same bytes, the server on one core, the load on another,
rounds in turn. Prints a table and writes it to bench/results. Usage: see --help."""
import argparse
import contextlib
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("CALLCELL_BUILD", str(pathlib.Path(__file__).resolve().parent.parent.parent / "build"))

import contenders  # noqa: E402
import load  # noqa: E402
import machine  # noqa: E402
import table  # noqa: E402

SERVER_CORE, LOAD_CORE = 0, 1
FOREIGN_SHARE = 0.10  # of the machine's time: more marks a round


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench compare", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each contender (5)")
    parser.add_argument("--seconds", type=int, default=4, help="of a round (4)")
    parser.add_argument("--only", choices=("mobile", "redis", "edge", "stores"), help="one group alone")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md too")
    return parser.parse_args()


def one_round(contender, path, seconds, roots):
    """A round's figures; roots: heads of all other processes that are ours."""
    own = [os.getpid(), *roots, *contender.pids()]
    before = machine.cpu_us(contender.pids()), machine.cpu_us(own), machine.busy_us()
    counted = load.run(contender.port, path, seconds, LOAD_CORE)
    after = machine.cpu_us(contender.pids()), machine.cpu_us(own), machine.busy_us()
    spent, ours, busy = (b - a for a, b in zip(before, after))
    foreign = max(0, busy - ours) / counted["duration_us"] / os.cpu_count()
    return {"cpu_us": spent / counted["requests"], "answers": counted["requests"],
            "answers_per_s": counted["requests"] * 1e6 / counted["duration_us"],
            "p50_us": counted["p50_us"], "p99_us": counted["p99_us"], "foreign_share": round(foreign, 3),
            "marked": foreign > FOREIGN_SHARE}


def run_group(title, unit, group, requests, arguments, folder, cell):
    """All contenders in turn, each round anew; the first round of each warms it up and is not counted."""
    rounds = {contender.name: [] for contender in group}
    for contender in group:
        machine.pin(contender.pids(), SERVER_CORE)
    for number in range(arguments.rounds + 1):
        path = load.write(folder / "requests", requests())
        for contender in group:
            counted = one_round(contender, path, arguments.seconds if number else 1, cell.postmasters())
            if number:
                rounds[contender.name].append(counted)
            cell.shipped()
        print(f"{title}: round {number} of {arguments.rounds}", file=sys.stderr, flush=True)
    return {"title": title, "unit": unit, "contenders": [
        {"name": contender.name, "role": contender.role, "aim": contender.aim, "rounds": rounds[contender.name]}
        for contender in group]}


@contextlib.contextmanager
def all_closed(group):
    try:
        yield group
    finally:
        for contender in group:
            contender.close()


def answer_of(cell):
    """A worker's answer to such a call: what the static limits give."""
    return cell.workers[0].call(contenders.TENANT, json.loads(load.event(0, contenders.NUMBERS[0]))).body.decode()


def mobile(cell, arguments, folder, build):
    def requests():
        return load.to_worker(contenders.EDGE_TOKEN, contenders.TENANT, contenders.NUMBERS)

    with all_closed(contenders.deciders(cell, folder, build, answer_of(cell))) as group:
        return run_group("A mobile call, call plan hot", "CPU µs per answer", group, requests, arguments, folder,
                         cell)


def redis_only(cell, arguments, folder, build):
    """No worker keeps a plan: each call asks Redis."""
    del build

    def requests():
        return load.to_worker(contenders.EDGE_TOKEN, contenders.TENANT, contenders.NUMBERS)

    worker = cell.add_worker("worker-redis", {"call_plans_max": 1})
    peer = contenders.nginx("nginx-lua and Redis", "peer", folder, "nginx-lua.conf",
                            {"REDIS_PORT": cell.redis.port}, "<= 0.59")
    ours = contenders.Started("callcell worker, plan in Redis", worker.process, worker.port)
    try:
        with all_closed([ours, peer]) as group:
            return run_group("A mobile call, call plan in Redis alone", "CPU µs per answer", group, requests,
                             arguments, folder, cell)
    finally:
        worker.stop()
        cell.workers.remove(worker)


def edge_hop(cell, arguments, folder, build):
    del build

    def requests():
        return load.to_edge(contenders.SECRET, contenders.KEY, contenders.TENANT, contenders.NUMBERS)

    with contenders.Edge(cell.workers[0]) as edge:
        with all_closed(contenders.forwarders(cell, edge, folder)) as group:
            result = run_group("The edge's hop to the same worker", "CPU µs per answer", group, requests, arguments,
                               folder, cell)
        if edge.gave_up() > 0:
            raise load.Unanswered(f"the edge answered {edge.gave_up():.0f} calls itself")
        return result


def stores(cell, arguments, folder, build):
    """What the stores give at most, from their own tools: no contender, a scale."""
    del folder, build
    seconds = str(arguments.seconds)
    asked = subprocess.run(["redis-benchmark", "-p", str(cell.redis.port), "-t", "get", "-n", "200000", "-q",
                            "--csv"], capture_output=True, text=True, check=True, timeout=120).stdout
    gets = float(asked.strip().splitlines()[-1].split(",")[1].strip('"'))
    connection = ["-h", str(cell.nodes), "-p", str(cell.primary.port), "-U", "postgres", "cell"]
    subprocess.run(["pgbench", "-i", "-q", "-s", "10", *connection], capture_output=True, check=True, timeout=120)
    asked = subprocess.run(["pgbench", "-S", "-n", "-c", "8", "-T", seconds, *connection], capture_output=True,
                           text=True, check=True, timeout=120).stdout
    selects = next(float(line.split("=")[1].split()[0]) for line in asked.splitlines() if line.startswith("tps"))
    return {"title": "What the stores give at most", "unit": "answers per second", "figures": {
        "redis-benchmark GET": gets, "pgbench -S, 8 clients": selects}}


def compare(arguments, build):
    """Everything, as one value."""
    groups = {"mobile": mobile, "redis": redis_only, "edge": edge_hop, "stores": stores}
    chosen = [arguments.only] if arguments.only else list(groups)
    with tempfile.TemporaryDirectory(prefix="compare-") as folder, contenders.Cell() as cell:
        os.chmod(folder, 0o755)
        cell.fill()
        results = []
        for name in chosen:
            own = pathlib.Path(folder) / name
            own.mkdir()
            results.append(groups[name](cell, arguments, own, build))
    return results


def main():
    arguments = parse_arguments()
    build = pathlib.Path(os.environ["CALLCELL_BUILD"]) / "peers"
    build.mkdir(parents=True, exist_ok=True)
    begun = datetime.datetime.now(datetime.timezone.utc)
    try:
        groups = compare(arguments, build)
    except (load.Unanswered, subprocess.SubprocessError, OSError) as error:
        print(f"bench compare: {error}", file=sys.stderr)
        return 1
    result = {"at": begun.isoformat(timespec="seconds"), "machine": machine.facts(),
              "versions": table.versions(machine.version_of), "rounds": arguments.rounds,
              "seconds": arguments.seconds, "groups": groups}
    print(table.text(result))
    table.write(result, contenders.ROOT / "bench/results")
    if arguments.readme:
        table.into_readme(result, contenders.ROOT / "README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
