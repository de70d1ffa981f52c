#!/usr/bin/env python3
"""What the tests reached: coverage.py BUILD [FILE..], after a run of a build with --coverage.

A table of files and of rooms (the folders of the tree) with their lines and branches; of each FILE the lines
and branches that nothing reached.  Counted are sources and kernels (.c, .inc), also those that nothing
reached, but for tests and examples; kernels that are compiled for two types count once in lines and twice in
branches.  --least LINES BRANCHES: in per cent, the exit status is 1 where a room of ROOMS has less."""
import argparse
import fnmatch
import json
import os
import subprocess
import sys

ROOMS = ["core", "groups", "hessian", "optim", "io", "net"]


def read(objects):
    """{file: ({line: count}, {(line, function, index): count})}"""
    notes = [os.path.join(folder, name) for folder, _, names in os.walk(objects) for name in names
             if name.endswith(".gcno")]
    notes = sorted(n for n in notes if not os.path.relpath(n, objects).startswith(("tests/", "experiments/examples/")))
    found = {}
    for note in notes:
        run = subprocess.run(["gcov", "-b", "--json-format", "--stdout", note], capture_output=True, text=True,
                             check=True)
        for document in run.stdout.splitlines():
            for source in json.loads(document)["files"]:
                if source["file"].endswith((".c", ".inc")) and not source["file"].startswith(("/", "tests/")):
                    add(found.setdefault(source["file"], ({}, {})), source["lines"])
    return found


def add(source, entries):
    lines, branches = source
    for entry in entries:
        number = entry["line_number"]
        lines[number] = lines.get(number, 0) + entry["count"]
        for index, branch in enumerate(entry["branches"]):
            key = (number, entry.get("function_name", ""), index)
            branches[key] = branches.get(key, 0) + branch["count"]


def share(counts):
    """(reached, of how many, per cent)"""
    reached = sum(count > 0 for count in counts)
    return reached, len(counts), 100 * reached / len(counts) if counts else 100.0


def row(name, lines, branches):
    (_, of_lines, line), (_, of_branches, branch) = share(lines), share(branches)
    print(f"{line:6.1f} % of {of_lines:5d} lines {branch:6.1f} % of {of_branches:5d} branches  {name}")
    return line, branch


def show(name, source):
    """What nothing reached."""
    lines, branches = source
    missed = {}
    for (number, function, index), count in sorted(branches.items()):
        if count == 0:
            missed.setdefault(number, []).append(f"{function} {index}")
    with open(name, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            if lines.get(number) == 0:
                print(f"{name}:{number}: not reached: {text.rstrip()}")
            elif number in missed:
                print(f"{name}:{number}: {len(missed[number])} branches not taken: {text.rstrip()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build")
    parser.add_argument("files", nargs="*")
    parser.add_argument("--least", nargs=2, type=float, metavar=("LINES", "BRANCHES"))
    options = parser.parse_args()
    found = read(os.path.join(options.build, "obj"))
    rooms, poor = {}, []
    for name, (lines, branches) in sorted(found.items()):
        row(name, lines.values(), branches.values())
        room = rooms.setdefault(name.split("/")[0], ([], []))
        room[0].extend(lines.values())
        room[1].extend(branches.values())
    print()
    for name, (lines, branches) in sorted(rooms.items(), key=lambda r: (r[0] not in ROOMS, r[0])):
        line, branch = row(name, lines, branches)
        if options.least and name in ROOMS and (line < options.least[0] or branch < options.least[1]):
            poor.append(name)
    row("in all", [n for r in rooms.values() for n in r[0]], [n for r in rooms.values() for n in r[1]])
    for pattern in options.files:
        for name in fnmatch.filter(sorted(found), pattern):
            show(name, found[name])
    if poor:
        print("less than " + " % of lines or ".join(f"{x:g}" for x in options.least) + " % of branches: " +
              ", ".join(poor), file=sys.stderr)
    return 1 if poor else 0


if __name__ == "__main__":
    sys.exit(main())
