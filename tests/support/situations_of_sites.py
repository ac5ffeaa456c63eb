"""Situations in which a whole site is lost; their platform is TwoSites."""
from support.platform import SERVES
from support.scenario import expect, expect_equal
from support.situations import SYNCHRONOUS, situation
from support.wait import wait_until

REGISTRY = ("registry-monitor", "registry-node1", "registry-node2")


@situation("evacuation", "First minute")
def the_active_site_is_lost(scene):
    platform = scene.platform
    expect_equal(platform.active_site(), "a", "active site")
    platform.wait_until_noted("a")
    scene.kept["term"] = term(scene)
    platform.lose("a")
    scene.cell_answers()
    yield


def term(scene):
    return int(scene.platform.psql("select term from fencing.term")[0][0])


@situation("evacuation", "Evacuate")
def writes_wait(scene):
    yield
    expect_equal(scene.platform.active_site(), "b", "active site")
    expect(term(scene) > scene.kept["term"], f"the term is still {term(scene)}")
    scene.writes()
    scene.cell_answers()


@situation("evacuation", "How to see that it worked")
def the_other_site_is_at_work(scene):
    yield
    expect(scene.platform.workers_are_ready("b"), "the workers of site b are not ready")


@situation("evacuation", "When the old site is back")
def the_machines_of_the_old_site_are_back(scene):
    yield
    wait_until("the standby is synchronous", lambda: scene.platform.psql(SYNCHRONOUS) == [["1"]], 60)
    wait_until("its workers are ready", lambda: scene.platform.workers_are_ready("a"), 30)
    expect_equal(scene.platform.active_site(), "b", "active site")


@situation("evacuation", "The control plane is dead too")
def nothing_but_the_standby_is_left(scene):
    """All at once: a primary that serves on while no serve looks at it cannot be vouched for."""
    platform = scene.platform
    held = term(scene)
    platform.wait_until_noted("b")
    platform.lose("b", *SERVES, *REGISTRY)
    scene.cell_answers()
    yield {"KEY": platform.home / "etc/keys/break-glass.pem"}
    expect(term(scene) > held, f"the term is still {held}")
    scene.cell_answers()


@situation("evacuation", "Afterwards")
def it_is_told_to_the_control_plane(scene):
    yield
    expect_equal(scene.platform.active_site(), "a", "active site")
    scene.no_alert("CellPrimaryAway", "ControlPlaneWithoutLeader")
