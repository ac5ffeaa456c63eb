"""A disk fills up under the spools, under a Postgres node, under an edge: calls are answered, it is said out loud,
and all goes on without hands when space returns. --long only: small disks are mounted for it.
"""
import itertools
import json

from support import faults, network
from support.dataset import Dataset, read_log, wrong_answers
from support.disks import SmallDisk
from support.platform import Platform
from support.records import Records
from support.scenario import SEED, expect, expect_equal, generator, main, note, test
from support.wait import wait_for_seconds, wait_until

RATE, SECONDS, FULL_S = 100, 10, 5

chance = generator()
dataset = Dataset(chance, "full", 5, tenants=2, mobiles=300, pbxs=100)
_ids = (f"full-{SEED}-{i}" for i in itertools.count(1))


def load_while(platform, name, disks):
    """Calls are answered, and rightly, while these disks are full for some seconds; returns the log."""
    scripts = [dataset.script(next(_ids), chance.choice(list(dataset.numbers))) for _ in range(RATE * SECONDS)]
    path = platform.file(f"{name}.ndjson", "".join(json.dumps(script) + "\n" for script in scripts))
    log = platform.file(f"{name}.log", "")
    running = platform.start_bench("load", "--calls", path, "--rate", RATE, "--log", log, "--allow-unanswered")
    wait_until("the first answers", lambda: len(log.read_text().splitlines()) > RATE, 60)
    for disk in disks:
        disk.fill()
    try:
        wait_for_seconds(FULL_S)
    finally:
        for disk in disks:
            disk.free()
    expect_equal(running.wait(timeout=60), 0, "load tool's exit status")
    lines = read_log(log)
    unanswered = [line["event_id"] for line in lines if line["unanswered"]]
    expect(not unanswered, f"{len(unanswered)} unanswered: {unanswered[:5]}")
    wrong = wrong_answers(lines, dataset.reference(platform.policy()))
    expect(not wrong, f"{len(wrong)} wrong of {len(lines)}:\n" + "\n".join(wrong[:10]))
    slowest = max(line["latency_us"] for line in lines) / 1000
    note(f"{name}: {len(lines)} answered, slowest {slowest:.0f} ms, "
         f"{sum(line['source'] == 'edge' for line in lines)} by the edge")
    return lines


def tenant_of(line):
    return line["tenant"] or dataset.numbers[line["from" if line["direction"] == "originating" else "to"]]["tenant"]


def check_recorded(platform, lines):
    """Each answered event once, with the answer that the carrier had."""
    platform.wait_until_recorded()
    records = Records(platform, lines, tenant_of)
    records.check()
    note(f"{len(records.answered)} answered, {len(records.recorded)} recorded, {len(records.unknown)} unknown")


def raised(platform, port, series, before):
    return platform.telemetry(port).get(series, 0) > before.get(series, 0)


@test
def numbers_are_there(platform):
    dataset.load_into(platform)


@test
def under_both_spools(platform):
    ports = [platform.worker_telemetry_port(number) for number in (1, 2)]
    disks = [SmallDisk(platform, f"cells/se-1/workers/worker-{n}/spool", 8, [f"worker-{n}"]) for n in (1, 2)]
    with disks[0], disks[1]:
        faults.wait_until_whole(platform)
        pids = [platform.pid(f"worker-{n}") for n in (1, 2)]
        before = [platform.telemetry(port) for port in ports]
        lines = load_while(platform, "spools", disks)
        expect(any(raised(platform, port, "callcell_cell_records_held_total", was)
                   for port, was in zip(ports, before)), "no worker said that its spool takes nothing")
        expect_equal([platform.pid(f"worker-{n}") for n in (1, 2)], pids, "workers (they need no restart)")
        check_recorded(platform, lines)
        later = [platform.telemetry(port) for port in ports]
        check_recorded(platform, load_while(platform, "spools-after", []))
        for port, then in zip(ports, later):
            expect(raised(platform, port, "callcell_cell_records_shipped_total", then), f"shipped again at {port}")
            expect(not raised(platform, port, "callcell_cell_records_held_total", then), f"the spool of {port} refuses")
            expect_equal(platform.telemetry(port)["callcell_cell_records_in_memory"], 0, f"in memory at {port}")
        expect(not any(raised(platform, port, "callcell_cell_spool_refused_total", was)
                       for port, was in zip(ports, before)), "records were lost")


@test
def under_both_spools_while_postgres_is_gone(platform):
    """Records stand in memory, and are on disk as soon as there is space: a kill then loses none."""
    disks = [SmallDisk(platform, f"cells/se-1/workers/worker-{n}/spool", 8, [f"worker-{n}"]) for n in (1, 2)]
    with disks[0], disks[1]:
        faults.wait_until_whole(platform)
        platform.stop_postgres()
        try:
            lines = load_while(platform, "memory", disks)
            in_memory = [platform.worker_telemetry_port(n) for n in (1, 2)]
            wait_until("all is on disk", lambda: not any(
                platform.telemetry(port)["callcell_cell_records_in_memory"] for port in in_memory))
            for number in (1, 2):
                platform.kill(f"worker-{number}")
        finally:
            platform.start_postgres()
        faults.wait_until_whole(platform)
        check_recorded(platform, lines)


@test
def under_the_primary(platform):
    node = faults.primary_node(platform)
    with SmallDisk(platform, f"cells/se-1/pg/node{node}", 400, [f"node{node}"]) as disk:
        faults.wait_until_whole(platform)
        load_while(platform, "postgres", [disk])
        faults.wait_until_whole(platform)


@test
def under_an_edge(platform):
    with SmallDisk(platform, "edges/edge-1", 16, ["edge-1"]) as disk:
        faults.wait_until_whole(platform)
        before = platform.telemetry(platform.port(8081))
        workers = faults.parts_of(platform)["both workers"]()
        workers.freeze()
        try:
            lines = load_while(platform, "edge", [disk])
        finally:
            workers.thaw()
        expect(raised(platform, platform.port(8081), "callcell_edge_journal_held_total", before),
               "the edge did not say that its journal takes nothing")
        faults.wait_until_whole(platform)
        check_recorded(platform, lines)
        expect(not raised(platform, platform.port(8081), "callcell_edge_journal_lost_total", before),
               "records were lost")


network.enter_own(__file__)
main(Platform)
