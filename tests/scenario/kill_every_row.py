#!/usr/bin/python3
"""Every transitions table, killed at every row: the same state as if nothing had happened.

The rows come from the program (`callcell transitions tables`), how to walk each table from support/recipes.py. In
each row the command is killed between its act and its record, given again and killed after its record, and so on to
the end. The gate walks two of the quick tables, --long all. CALLCELL_TEST_TABLES=a,b: only these.
"""
import difflib
import json
import os
import signal
import time

from support import recipes
from support.platform import Platform
from support.scenario import LONG, expect, expect_equal, generator, main, note, test

ONLY = [name for name in os.environ.get("CALLCELL_TEST_TABLES", "").split(",") if name]
COMMAND_TIMEOUT_S = 240


def tables(platform):
    done = platform.cli("transitions", "tables", "--output", "json")
    return {table["table"]: table for table in json.loads(done.stdout)}


def run(platform, words, kill_at=None):
    """Exit status of the command; killed where asked."""
    environment = ["env", f"CALLCELL_KILL_AT={kill_at}"] if kill_at else []
    done = platform.run([*environment, platform.home / "bin/callcell", *words], COMMAND_TIMEOUT_S, check=False)
    if done.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(f"{words} with {kill_at}: exit {done.returncode}: {done.stderr}")
    return done.returncode


def states_of(table):
    """States in the order of their rows, once each."""
    return list(dict.fromkeys(row["state"] for row in table["rows"]))


def walk_killed(platform, recipe, table):
    """Kills at every row; returns the states passed."""
    words, passed = recipe.command(1), []
    for state in states_of(table):
        if state in recipe.untaken:
            continue
        for moment in ("act", "record"):
            status = run(platform, words, f"{table['table']}:{state}:{moment}")
            expect_equal(status, -signal.SIGKILL, f"{table['table']} in {state} after {moment}: not killed there")
        passed.append(state)
    if recipe.again:
        expect_equal(run(platform, words), 0, f"{table['table']}: given again at the end")
    expect_equal(recipes.unfinished(platform, table["table"]), [], f"{table['table']}: left unfinished")
    return passed


def try_recipe(platform, recipe, table):
    started = time.monotonic()
    recipe.prepare(0)
    expect_equal(run(platform, recipe.command(0)), 0, f"{table['table']}: undisturbed")
    undisturbed = recipe.facts(0)
    recipe.clean(0)
    recipe.prepare(1)
    passed = walk_killed(platform, recipe, table)
    try:
        difference = list(difflib.unified_diff(undisturbed.splitlines(), recipe.facts(1).splitlines(), "undisturbed",
                                               "killed at every row", lineterm="", n=1))
        expect(not difference, "\n".join([table["table"], *difference]))
    finally:
        recipe.clean(1)
    note(f"{type(recipe).__name__}: {2 * len(passed)} kills, same state; {time.monotonic() - started:.1f} s")
    return passed


def chosen():
    recipes_of_all = recipes.all_recipes()
    if ONLY:
        return [recipe for recipe in recipes_of_all if recipe.table in ONLY]
    return recipes_of_all if LONG else generator().sample([each for each in recipes_of_all if not each.long], 2)


@test
def every_table_has_a_recipe_for_each_of_its_states(platform):
    """A state that no recipe passes would never be killed in."""
    known = tables(platform)
    for name, table in known.items():
        mine = [recipe for recipe in recipes.all_recipes() if recipe.table == name]
        expect(mine, f"{name} has no recipe: add one to tests/support/recipes.py")
        never = [state for state in states_of(table) if all(state in recipe.untaken for recipe in mine)]
        expect(not never, f"{name}: no recipe passes {never}")
        for recipe in mine:
            unknown = set(recipe.untaken) - set(states_of(table))
            expect(not unknown, f"{recipe.__name__}: {name} has no state {unknown}")
    unknown = {recipe.table for recipe in recipes.all_recipes()} - set(known)
    expect(not unknown, f"recipes of tables that are not there: {unknown}")


@test
def killed_at_every_row_leaves_the_same_state(platform):
    known, failures = tables(platform), []
    for recipe in chosen():
        try:
            try_recipe(platform, recipe(platform), known[recipe.table])
        except Exception as error:  # pylint: disable=broad-except
            failures.append(f"{recipe.__name__}: {error!r}")
            note(f"{recipe.__name__}: failed")
    expect(not failures, "\n".join(failures))


if __name__ == "__main__":
    main(Platform)
