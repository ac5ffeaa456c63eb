#!/usr/bin/python3
"""The reader of runbooks: every command is found with what it should say, and nothing in a page is passed over."""
import re

from support import runbook
from support.scenario import expect, expect_equal, main, test

AROUND = """# A page
## What you see
Smoke.
## What it means for calls
Nothing.
## First minute
{}
## How to see that it worked
## What not to do
## Afterwards
"""


def page(body):
    return runbook.Page("a", AROUND.format(body))


def fault(body, around=AROUND):
    try:
        runbook.Page("a", around.format(body))
    except runbook.PageFault as error:
        return str(error)
    raise AssertionError(f"no fault was found in: {body}")


@test
def commands_are_read_with_their_notes():
    read = page("Look:\n```sh\ncallcell status\n# expect: up\n# expect: [0-9]+ s\ncallcell doctor\n# within 60 s: ok\n"
                "# exit: 0 or 1\n```\n```sh\nls \"$X\"\n# expect: \\A\\Z\n```")
    expect_equal([(command.text, command.line) for command in read.commands],
                 [("callcell status", 9), ("callcell doctor", 12), ('ls "$X"', 17)], "commands")
    expect_equal([[(wanted.pattern, within) for wanted, within in command.expected] for command in read.commands],
                 [[("up", 0), ("[0-9]+ s", 0)], [("ok", 60)], [("\\A\\Z", 0)]], "notes")
    expect_equal([command.exits for command in read.commands], [{0}, {0, 1}, {0}], "exits")
    expect_equal(read.sections_with_commands(), ["First minute"], "sections")


@test
def every_page_says_what_its_commands_need():
    needed = re.search(r"`(export CALLCELL_HOME=[^`]+)`", (runbook.FOLDER / "README.md").read_text())[1]
    for name in runbook.names():
        first_minute = (runbook.FOLDER / f"{name}.md").read_text().partition("## First minute\n")[2]
        expect(needed in first_minute.partition("```sh")[0], f"{name}: no {needed} before the first command")


@test
def nothing_is_passed_over():
    expect("does not end" in fault("", AROUND + "```sh\ncallcell up\n# expect: up\n"), "an open block")
    for body, words in (("```\ncallcell up\n```", "a block of nothing"),
                        ("```bash\ncallcell up\n# expect: up\n```", "a block of bash"),
                        ("```sh\n# expect: up\n```", "without a command"),
                        ("```sh\ncallcell up\n# hopefully up\n```", "neither"),
                        ("```sh\ncallcell up\n\n# expect: up\n```", "neither"),
                        ("```sh\ncallcell up && callcell status\n# expect: up\n```", "neither"),
                        ("```sh\ncallcell up \\\n# expect: up\n```", "neither"),
                        ("```sh\ncallcell up\n```", "what should be seen? callcell up"),
                        ("```sh\ncallcell up\n# exit: 1\n```", "what should be seen? callcell up"),
                        ("```sh\ncallcell up\n# expect: (\n```", "not a regular expression"),
                        ("Then give `callcell cell show se-1`.", "in running text: callcell cell show se-1"),
                        ("Then give `./dev cli status`.", "in running text"),
                        ("Then `pg_restore --no-owner`.", "in running text: pg_restore --no-owner"),
                        ("```sh\nls\n# expect: \\A\n```", "any output would do: \\A"),
                        ("```sh\nls\n# within 9 s: .\n```", "any output would do: ."),
                        ("```sh\nls\n# expect: ^.*$\n```", "any output would do: ^.*$"),
                        ("Only words.", "no command in the first minute")):
        expect(words in fault(body), f"{fault(body)} instead of {words}")


@test
def a_fault_says_where():
    expect(fault("\n```sh\ncallcell up\n```").startswith("docs/runbooks/a.md:9: "), fault("\n```sh\ncallcell up\n```"))


@test
def headings_are_there_once():
    good = "```sh\ncallcell up\n# expect: up\n```"
    for heading in runbook.HEADINGS:
        expect("no heading" in fault(good, AROUND.replace(f"## {heading}\n", "")) or heading == "First minute", heading)
    expect("twice" in fault(good, AROUND + "## Afterwards\n"), "a heading twice")
    expect("before the first heading" in fault("", "```sh\nls\n```\n" + AROUND), "a block without a heading")


@test
def our_own_pages_can_be_read():
    for name in runbook.names():
        expect(runbook.read(name).commands, name)


main()
