#!/usr/bin/python3
"""A flame graph (SVG) of what `perf script` prints: each box a function, as wide as its share of the samples, above
the function that called it. A box says its name and share when it is pointed at.

usage: perf script -F comm,ip,sym,dso -i FILE | flame_graph.py TITLE > OUT.svg
"""
import html
import re
import sys

WIDTH, ROW, TOP, LEAST = 1200, 17, 40, 0.4  # pixels; a box narrower than LEAST is left out
CHARACTER = 6.6  # of the text, pixels
FRAME = re.compile(r"^\s+[0-9a-f]+ (.*?)(?:\+0x[0-9a-f]+)? \((.*)\)$")
# By where the code is: ours, libraries, the kernel.
COLOURS = (("callcell", "#e8743b"), ("kernel", "#9aa5b1"), ("vmlinux", "#9aa5b1"), ("", "#f2c14e"))


class Node:
    def __init__(self, name, colour):
        self.name, self.colour, self.samples, self.callees = name, colour, 0, {}


def colour_of(dso):
    return next(colour for part, colour in COLOURS if part in dso)


def frame_of(line):
    """(function, colour), or None for a line that is no frame."""
    match = FRAME.match(line)
    if not match:
        return None
    name, dso = match.groups()
    name = name if name != "[unknown]" else "[" + dso.rpartition("/")[2].strip("[]") + "]"
    return name, colour_of(dso)


def add(root, stack):
    """stack: innermost first, as perf prints it."""
    node = root
    node.samples += 1
    for name, colour in reversed(stack):
        node = node.callees.setdefault(name, Node(name, colour))
        node.samples += 1


def read(lines):
    root, stack = Node("all", "#d8dee6"), []
    for line in lines:
        frame = frame_of(line)
        if frame:
            stack.append(frame)
        elif not line.strip() and stack:
            add(root, stack)
            stack = []
    if stack:
        add(root, stack)
    return root


def depth_of(node, width):
    wide = [each for each in node.callees.values() if each.samples * width >= LEAST]
    return 1 + max((depth_of(each, width) for each in wide), default=0)


def boxes(node, left, level, height, width, total):
    """width: pixels of a sample."""
    wide = node.samples * width
    if wide < LEAST:
        return
    y, room = height - (level + 1) * ROW, int((wide - 4) / CHARACTER)
    text = node.name if len(node.name) <= room else node.name[:room - 1] + "…" if room > 3 else ""
    yield (f'<g><title>{html.escape(node.name)}: {100 * node.samples / total:.2f} %</title>'
           f'<rect x="{left:.1f}" y="{y}" width="{wide:.1f}" height="{ROW - 1}" fill="{node.colour}"/>'
           f'<text x="{left + 2:.1f}" y="{y + 12}">{html.escape(text)}</text></g>')
    for callee in sorted(node.callees.values(), key=lambda each: each.name):
        yield from boxes(callee, left, level + 1, height, width, total)
        left += callee.samples * width


def draw(root, title):
    width = WIDTH / root.samples
    height = TOP + depth_of(root, width) * ROW
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" '
           f'font-size="11"><rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
           f'<text x="4" y="16">{html.escape(title)}: {root.samples} samples; orange: callcell, yellow: libraries, '
           f'grey: kernel</text>')
    yield from boxes(root, 0, 0, height, width, root.samples)
    yield "</svg>"


def main():
    if len(sys.argv) != 2:
        print(__doc__.rpartition("usage: ")[2].strip(), file=sys.stderr)
        return 2
    root = read(sys.stdin)
    if root.samples == 0:
        print("flame_graph: no stack in what perf script printed", file=sys.stderr)
        return 1
    print("\n".join(draw(root, sys.argv[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
