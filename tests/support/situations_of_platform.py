"""Situations in which what surrounds the cells is in trouble: certificates, clocks, the control plane."""
import shutil
import subprocess

from support.carrier import get, post
from support.clocks import SteppedClock
from support.platform import SERVES
from support.scenario import expect, expect_equal
from support.recipes import registry
from support.situations import TENANT, situation
from support.wait import wait_until

REGISTRY = ("registry-monitor", "registry-node1", "registry-node2")
EDGE = "edges/edge-1/tls"

# --- certificates ---


def issue(platform, folder, hours):
    """The certificate of this folder is replaced by one of the same key, name and authority that ends in so many
    hours."""
    identity, authority = platform.home / folder / "identity.pem", platform.home / "etc/ca"
    script = f"""
        set -e
        cd "$1"
        openssl pkey -in "{identity}" -out key.pem
        openssl x509 -x509toreq -in "{identity}" -signkey key.pem -copy_extensions copy -out request.pem
        faketime '{24 - hours} hours ago' openssl x509 -req -in request.pem -CA "{authority}/authority.pem" \
            -CAkey "{authority}/authority.key" -copy_extensions copy -days 1 -out new.pem
        cat new.pem key.pem >identity.pem
        chmod 600 identity.pem
        mv identity.pem "{identity}"
        """
    folder = platform.file("issued", "").with_name("issuing")
    folder.mkdir(exist_ok=True)
    platform.give_to_owner(folder)
    platform.as_owner(["sh", "-c", script, "sh", folder])


def serials(platform):
    return [platform.serial(port) for port in (*platform.tls_ports(), platform.port(20101), platform.port(20102))]


@situation("certificates", "First minute")
def nobody_has_renewed(scene):
    """No serve is left, and an edge's certificate ends in an hour."""
    for name in SERVES:
        scene.platform.stop_service(name)
    before = scene.platform.serial(scene.platform.tls_ports()[0])
    issue(scene.platform, EDGE, 1)
    wait_until("the edge shows it", lambda: scene.platform.serial(scene.platform.tls_ports()[0]) != before)
    scene.alert("EdgeCertificateEndsSoon")
    scene.alert("EdgeCertificateEnds")
    yield


@situation("certificates", "Renew")
def one_is_due(scene):
    before = serials(scene.platform)
    yield
    wait_until("the edge shows the new one", lambda: serials(scene.platform)[0] != before[0])
    expect_equal(serials(scene.platform)[1:], before[1:], "those that were not due")
    scene.no_alert("EdgeCertificateEndsSoon", "EdgeCertificateEnds", "CellCertificateEnds")


@situation("certificates", "A key has leaked")
def all_are_replaced(scene):
    """And what the page says of the old ones: they are believed, and open nothing without a token."""
    before, leaked = serials(scene.platform), scene.platform.tls_context(EDGE)
    yield
    wait_until("all show new ones", lambda: not set(serials(scene.platform)) & set(before))
    worker = scene.platform.port(20101)
    expect_equal(get(worker, "/readyz", tls=leaked).status, 200, "the one that has leaked is believed")
    expect_equal(post(worker, "/internal/v1/se/journal", b"{}", {}, tls=leaked).status, 401, "without a token")
    scene.cell_answers()


@situation("certificates", "How to see that it worked")
def none_is_due(scene):
    yield
    scene.no_alert("EdgeCertificateEndsSoon", "EdgeCertificateEnds", "CellCertificateEnds", "CellCertificateEndsSoon")


@situation("certificates", "Afterwards")
def the_control_plane_is_started(scene):
    scene.alert("ControlPlaneWithoutLeader")
    yield
    scene.no_alert("ControlPlaneWithoutLeader")
    scene.no_alert("CertificateNotRenewed", within_s=90)


# --- clock ---


@situation("clock", "First minute")
def the_clock_of_an_edge_is_wrong(scene):
    scene.kept["clock"] = SteppedClock(scene.platform, "edge-1")
    scene.afterwards.callback(scene.kept["clock"].restore)
    wait_until("the edge is back", lambda: scene.platform.edge_is_ready(0))
    scene.kept["clock"].step(240)
    scene.alert("EdgeClockFarWrong")
    scene.alert("EdgeClockWrong")
    yield
    scene.cell_answers()


@situation("clock", "Mend it")
def it_is_mended(scene):
    """As chrony would."""
    scene.kept["clock"].step(0)
    yield
    scene.no_alert("EdgeClockWrong", "EdgeClockFarWrong")
    scene.cell_answers()


@situation("clock", "It cannot be mended at once")
def a_worker_is_taken_out(scene):
    before = scene.platform.pid("worker-1")
    yield
    expect(scene.platform.pid("worker-1") != before, "worker-1 was not taken out")
    expect(scene.platform.worker_is_ready(1), "worker-1 is not back")
    scene.cell_answers()


@situation("clock", "How to see that it worked")
def nothing_is_wrong(scene):
    scene.kept["clock"].restore()
    wait_until("the edge is back", lambda: scene.platform.edge_is_ready(0))
    yield
    scene.no_alert("EdgeClockWrong", "EdgeClockFarWrong")


@situation("clock", "Afterwards")
def a_backup_is_taken(scene):
    before = len(scene.platform.cli_json("cell", "backups", "se-1"))
    yield
    expect(len(scene.platform.cli_json("cell", "backups", "se-1")) > before, "no new backup")


# --- lost control plane ---

KEPT = ("publications", "publication_index", "numbers", "tenants")
LOST = "+46709990002"


def leaders(scene):
    return [serve["instance"] for serve in scene.platform.cli_json("status")["serves"] if serve["leads"]]


@situation("lost-control-plane", "First minute")
def the_leader_is_killed_for_good(scene):
    leader = leaders(scene)[0]
    scene.platform.stop_service(leader)
    scene.kept["lost"] = leader
    scene.alert("ServeDown")
    yield
    expect_equal(leaders(scene), [name for name in SERVES if name != leader], "who leads")
    scene.cell_answers()


@situation("lost-control-plane", "serve or the registry is down")
def all_of_it_is_gone(scene):
    for name in (*SERVES, *REGISTRY):
        scene.platform.stop_service(name)
    scene.alert("ControlPlaneWithoutLeader")
    scene.cell_answers()
    yield
    scene.no_alert("ControlPlaneWithoutLeader", "ObservationOld", "ServeDown")
    scene.writes()


@situation("lost-control-plane", "An edge does not take the newest map")
def an_edge_is_down_while_a_map_is_published(scene):
    epoch = scene.platform.edge_map_epoch(1)
    scene.platform.stop_service("edge-1")
    scene.alert("EdgeDown")
    scene.no_alert("EdgesGone")
    registry(scene.platform, "update countries set policy = jsonb_set(policy, '{emergency}', '[\"112\", \"117\"]') "
                             "where country = 'se'")
    scene.platform.cli("map", "publish", "--country", "se", check=False)
    wait_until("edge-2 has the next map", lambda: scene.platform.edge_map_epoch(1) > epoch)
    scene.alert("MapNotTaken")
    scene.cell_answers()
    yield
    scene.no_alert("MapNotTaken", "EdgeMapEpochsDiffer", "EdgeDown")
    expect_equal(scene.platform.edge_map_epoch(0), scene.platform.edge_map_epoch(1), "map epochs of the edges")


@situation("lost-control-plane", "Both nodes of the registry are lost")
def the_registry_is_lost_with_its_files(scene):
    scene.platform.cli("registry", "backup")
    segment = registry(scene.platform, "select pg_walfile_name(pg_switch_wal()) from (select pg_current_xact_id()) x")
    wait_until("its archive has all", lambda: registry(
        scene.platform, f"select last_archived_wal >= '{segment[0][0]}' from pg_stat_archiver") == [["t"]], 60)
    for name in REGISTRY:
        scene.platform.stop_service(name)
    for node in ("node1", "node2"):
        shutil.rmtree(scene.platform.home / f"registry/pg/{node}/data/base")
    yield
    scene.writes()
    scene.no_alert("ControlPlaneWithoutLeader")


@situation("lost-control-plane", "The registry was restored from an old backup")
def the_registry_forgets(scene):
    """As a restore does: what was published and written since is not in it any more."""
    for table in KEPT:
        registry(scene.platform, f"create table old_{table} as table {table}")
    scene.platform.cli("number", "create", LOST, "--tenant", TENANT, "--kind", "mobile")
    registry(scene.platform, "set session_replication_role = replica; " + "; ".join(
        f"delete from {table}; insert into {table} select * from old_{table}; drop table old_{table}"
        for table in KEPT))
    yield
    listed = {item["number"] for item in scene.platform.cli_json("number", "list", "--tenant", TENANT)}
    expect(LOST in listed, f"{LOST} was not taken over: {listed}")
    scene.writes()
    scene.no_alert("MapNotTaken")


@situation("lost-control-plane", "How to see that it worked")
@situation("lost-control-plane", "Afterwards")
def the_control_plane_is_whole(scene):
    yield
    scene.no_alert("ControlPlaneWithoutLeader", "MapNotTaken", "EdgeMapEpochsDiffer", "ObservationOld")
    expect_equal(len(leaders(scene)), 1, "leaders")
