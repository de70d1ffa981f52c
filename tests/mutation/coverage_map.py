"""Which suites of the test binary reach which lines: a build with --coverage, one suite after the other.

The counters of gcov only grow, so a line belongs to a suite where its count has grown in the suite's run;
the counters stay as the total of all."""
import glob
import hashlib
import json
import os
import re
import resource
import subprocess


def suites(folders):
    """Names of the suites whose files are in these folders of tests/."""
    found = set()
    for folder in folders:
        for name in glob.glob(f"tests/{folder}/*.c") + glob.glob(f"tests/{folder}/*/*.c"):
            with open(name, encoding="utf-8") as file:
                found.update(re.findall(r"^ *(?:Test|ParameterizedTest\([^,]+, *)\(?(\w+),", file.read(), re.M))
    return sorted(found)


def counts(objects, wanted):
    """{file: {line: count}} by gcov, for the sources that `wanted` accepts."""
    notes = []
    for folder, _, names in os.walk(objects):
        notes += [os.path.join(folder, n) for n in names if n.endswith(".gcda")]
    notes = [n for n in notes if wanted(os.path.relpath(n, objects))]
    found = {}
    for at in range(0, len(notes), 100):
        run = subprocess.run(["gcov", "--json-format", "--stdout"] + notes[at:at + 100],
                             capture_output=True, text=True)
        for document in run.stdout.splitlines():
            for source in json.loads(document)["files"]:
                lines = found.setdefault(source["file"], {})
                for line in source["lines"]:
                    number = line["line_number"]
                    lines[number] = lines.get(number, 0) + line["count"]
    return found


def checksum(sources):
    """Of the texts whose lines are numbered."""
    sums = hashlib.sha256()
    for name in sources:
        with open(name, "rb") as file:
            sums.update(name.encode() + b"\0" + file.read() + b"\0")
    return sums.hexdigest()


def make(binary, objects, wanted, sources, folders, environment, path, say):
    """Into a file of JSON: {"sources": checksum, "seconds": {suite: s}, "lines": {file: {line: [suite ..]}}}.

    What is there stays while the sources do: other lines would have other numbers."""
    made, known = {"sources": checksum(sources), "seconds": {}, "lines": {}}, None
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            known = json.load(file)
    if known and known.get("sources") == made["sources"]:
        made = known
    seconds, reached = made["seconds"], made["lines"]
    left = [s for s in suites(folders) if s not in seconds]
    before = counts(objects, wanted) if left else {}
    for suite in left:
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([binary, "--quiet", "--filter", suite + "/*"], env=environment, check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        after = counts(objects, wanted)
        grown = 0
        for name, lines in after.items():
            old = before.get(name, {})
            for line, count in lines.items():
                if count > old.get(line, 0):
                    reached.setdefault(name, {}).setdefault(str(line), []).append(suite)
                    grown += 1
        before = after
        seconds[suite] = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
        say(f"{suite}: {grown} lines, {seconds[suite]:.1f} s")
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(made, file)
        os.replace(path + ".new", path)
    return made
