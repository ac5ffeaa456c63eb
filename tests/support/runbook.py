"""Reads a page of docs/runbooks/ and runs its commands as they are typed.

A page has the headings of HEADINGS. Commands stand in ```sh blocks, one a line; what on-call should see follows each:

    callcell cell show se-1
    # expect: synchronous           a regular expression, somewhere in the output
    # within 60 s: synchronous      the command is given again until it is there
    # exit: 0 or 1                  what its status may be; else it must be 0

Anything else in a block, and a command in running text, is a fault of the page: nobody would run it. So is an
expectation that any output meets, as `.` or `\\A` would.
"""
import re
import shlex
import subprocess

from support.platform import ROOT
from support.wait import NeverHappened, wait_until

FOLDER = ROOT / "docs/runbooks"
HEADINGS = ("What you see", "What it means for calls", "First minute", "How to see that it worked",
            "What not to do", "Afterwards")
FENCE = re.compile(r"^\s*```(.*)$")
HEADING = re.compile(r"^## +(.+?)\s*$")
NOTE = re.compile(r"^# (?:(expect)|within (\d+) s|(exit)): (.+)$")
IN_TEXT = re.compile(r"`(callcell(?: -?[\w-]+)+[^`]*|(?:\./dev|psql|createdb|pg_restore|rm|mv|cp|kill|sv) [^`]*)`")
CHAINED = re.compile(r"\\$|;|&&|\|\||<<")
PATIENCE_S = 180


def is_met_by_anything(pattern):
    """One with `(?!` says what must not be seen."""
    return "(?!" not in pattern.pattern and bool(pattern.search("x") or pattern.search("X 1\n"))


class PageFault(AssertionError):
    """What is wrong with a page, and where."""


class Command:
    """One line of a page, and what should be seen."""

    def __init__(self, section, line, text):
        self.section, self.line, self.text = section, line, text
        self.expected = []  # (regular expression, seconds to wait for it)
        self.exits = {0}

    def add(self, note, fault):
        expect, within, exits, value = note.groups()
        if exits:
            self.exits = {int(digits) for digits in re.findall(r"\d+", value)}
            return
        try:
            self.expected.append((re.compile(value, re.MULTILINE), 0 if expect else int(within)))
        except re.error as error:
            raise fault(f"not a regular expression: {value}: {error}") from error
        if is_met_by_anything(self.expected[-1][0]):
            raise fault(f"any output would do: {value}")


class Page:
    """sections: headings in their order; commands: all of the page, in theirs."""

    def __init__(self, name, text):
        self.name, self.sections, self.commands = name, [], []
        self._block = None  # line at which the open block begins
        for number, line in enumerate(text.splitlines(), 1):
            self._line(number, line)
        if self._block:
            raise self._fault(self._block, "the block does not end")
        self._check()

    def _fault(self, number, words):
        return PageFault(f"docs/runbooks/{self.name}.md:{number}: {words}")

    def _line(self, number, line):
        fence = FENCE.match(line)
        if fence:
            self._toggle(number, fence[1])
        elif self._block:
            self._block_line(number, line)
        elif HEADING.match(line):
            self.sections.append(HEADING.match(line)[1])
        elif IN_TEXT.search(line):
            raise self._fault(number, f"a command in running text: {IN_TEXT.search(line)[1]}")

    def _toggle(self, number, language):
        if self._block:
            self._block = None
        elif language != "sh":
            raise self._fault(number, f"a block of {language or 'nothing'}: commands stand in sh blocks")
        elif not self.sections:
            raise self._fault(number, "a block before the first heading")
        else:
            self._block = number

    def _block_line(self, number, line):
        note = NOTE.match(line)
        if note and not (self.commands and self.commands[-1].section == self.sections[-1]):
            raise self._fault(number, "a note without a command")
        if note:
            self.commands[-1].add(note, lambda words: self._fault(number, words))
        elif not line.strip() or line.startswith("#") or CHAINED.search(line):
            raise self._fault(number, f"neither one command nor a note: {line!r}")
        else:
            self.commands.append(Command(self.sections[-1], number, line))

    def _check(self):
        missing = [heading for heading in HEADINGS if heading not in self.sections]
        if missing:
            raise self._fault(1, f"no heading: {', '.join(missing)}")
        if len(set(self.sections)) != len(self.sections):
            raise self._fault(1, "a heading twice")
        if not self.commands_of("First minute"):
            raise self._fault(1, "no command in the first minute")
        for command in self.commands:
            if not command.expected:
                raise self._fault(command.line, f"what should be seen? {command.text}")

    def commands_of(self, section):
        return [command for command in self.commands if command.section == section]

    def sections_with_commands(self):
        return [section for section in self.sections if self.commands_of(section)]


def read(name):
    return Page(name, (FOLDER / f"{name}.md").read_text())


def names():
    """Every page; README is their list."""
    return sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")


def _shell(platform, command, variables):
    """`callcell` is the home's own, as on the machine of the control plane; ./dev belongs to the checkout."""
    if command.text.startswith("./dev "):
        return ["sh", "-c", command.text], ROOT
    exports = "".join(f"export {name}={shlex.quote(str(value))}; " for name, value in
                      {"CALLCELL_HOME": platform.home, "PATH": f"{platform.home}/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                       **variables}.items())
    return platform.owner_command(["sh", "-c", exports + command.text]), platform.home


def run(platform, command, variables):
    """Runs one command and holds what it says against the page; returns what it said."""
    words, folder = _shell(platform, command, variables)

    def once():
        done = subprocess.run(words, cwd=folder, env=platform.environment, text=True, capture_output=True,
                              timeout=PATIENCE_S, check=False)
        said = done.stdout + done.stderr
        missing = [wanted.pattern for wanted, _ in command.expected if not wanted.search(said)]
        if done.returncode not in command.exits or missing:
            raise AssertionError(f"line {command.line}: {command.text}\nexit {done.returncode} instead of "
                                 f"{sorted(command.exits)}; not seen: {missing}\n{said}")
        return said + " "

    patience = max(within for _, within in command.expected)
    if not patience:
        return once()
    try:
        return wait_until(command.text, once, patience, 1)
    except NeverHappened:
        return once()
