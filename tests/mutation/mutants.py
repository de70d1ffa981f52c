#!/usr/bin/env python3
"""Mutation check of closed forms, solvers and the optimizer: `make mutants`.

Flips one operator, sign, constant or flag, or drops a statement, builds the object, links the test binary, and
runs the suites that reach the line until one fails.  A mutant is killed by a failing test, a crash, or the time
limit; what survives is listed with its difference, but for those in equivalent.txt, each with its reason.
Results are kept in RESULTS, so that a second call goes on where the first one ended."""
import argparse
import concurrent.futures
import difflib
import fnmatch
import glob
import json
import os
import random
import re
import resource
import shlex
import subprocess
import sys
import threading
import time

import coverage_map
import operators

ROOMS = ["groups/*/*.c", "groups/*.c", "hessian/*.c", "optim/*.c", "optim/*/*.c", "optim/*.inc", "optim/*/*.inc",
         "core/linalg*.c", "core/linalg*.inc"]
LEFT_OUT = ["*/describe.c", "optim/cost.c", "groups/plan/plan_report.c", "optim/refuse.c", "core/linalg_names.c"]
FOLDERS = ["core", "groups", "hessian", "optim", "conformance", "interface", "io"]  # of tests, that try mutants
MEMORY = 12 << 30


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build", help="a build with its test binary")
    parser.add_argument("--coverage", default="build/coverage", help="one with --coverage")
    parser.add_argument("--results", default="build/mutants")
    parser.add_argument("--count", type=int, default=200, help="mutants in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--most", type=float, default=40,
                        help="seconds of suites, by the time that each took with --coverage; 0: all")
    parser.add_argument("--files", action="append", help="only these (a pattern)")
    parser.add_argument("--again", choices=["survived"], help="try the survivors again")
    parser.add_argument("--report", action="store_true", help="only say what is known")
    return parser.parse_args()


def sources():
    names = sorted({n for pattern in ROOMS for n in glob.glob(pattern)})
    return [n for n in names if not any(fnmatch.fnmatch(n, p) for p in LEFT_OUT)]


def sample(files, count, seed):
    """Mutants, the files by their number of mutations, the kinds of a file alike."""
    texts = {name: open(name).read() for name in files}
    by_file = {name: operators.candidates(text) for name, text in texts.items()}
    by_file = {name: found for name, found in by_file.items() if found}
    chance, chosen, seen = random.Random(seed), [], set()
    names = sorted(by_file)
    weights = [len(by_file[n]) ** 0.5 for n in names]
    total = sum(map(len, by_file.values()))
    while len(chosen) < min(count, total):
        name = chance.choices(names, weights)[0]
        kind = chance.choice(sorted({m["kind"] for m in by_file[name]}))
        mutant = chance.choice([m for m in by_file[name] if m["kind"] == kind])
        key = (name, mutant["place"], mutant["end"], mutant["new"])
        if key not in seen:
            seen.add(key)
            chosen.append(dict(mutant, file=name))
    return texts, chosen, total


def change(text, mutant):
    return text[:mutant["place"]] + mutant["new"] + text[mutant["end"]:]


def difference(name, text, mutant):
    lines = difflib.unified_diff(text.splitlines(), change(text, mutant).splitlines(), name, name, "", "", 0, "")
    return "\n".join(line for line in list(lines)[2:])


def identity(text, mutant):
    """What names a mutant in equivalent.txt: it stays the same when lines before it come or go."""
    changed = difference(mutant["file"], text, mutant).splitlines()[1:]
    return mutant["file"] + ": " + " ".join(re.sub(r"\s+", " ", c[0] + " " + c[1:].strip()) for c in changed)


def equivalents():
    """{identity: reason}: a line of reason (# ..) and below it those that it is the reason of."""
    found, reason = {}, ""
    for line in open(os.path.join(os.path.dirname(__file__), "equivalent.txt")):
        line = line.strip()
        if line.startswith("#"):
            reason = line[1:].strip()
        elif line:
            found[line] = reason
    return found


class Workshop:
    """Builds and tries mutants, in a folder for each thread."""

    def __init__(self, options, reached):
        self.options, self.map = options, reached
        flags = open(os.path.join(options.build, "flags")).read().split("\n")[0]
        words = [w for w in shlex.split(flags) if not re.match(r"-(W|O\d)", w) and w != "ccache"]
        self.compile = words[:1] + ["-O1", "-w"] + words[1:]
        self.libraries = shlex.split(os.environ["MUTANT_LIBRARIES"])
        self.tests = open(os.path.join(options.build, "test-list")).read().split()
        self.environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", LC_ALL="C",
                                SOURCE=os.getcwd(), BUILD=os.path.abspath(options.build),
                                SYMO=os.path.abspath(os.path.join(options.build, "symo")))
        self.kills, self.lock, self.originals = {}, threading.Lock(), {}
        self.sound, self.checking = set(), threading.Lock()
        linkers = [n for n in ("lld", "gold") if subprocess.run(
            words[:1] + ["-fuse-ld=" + n, "-Wl,--version"], capture_output=True).returncode == 0]
        self.linker = ["-fuse-ld=" + linkers[0]] if linkers else []

    def object(self, folder, name, text):
        """The object of a source, or None where it does not compile."""
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        source = path
        if name.endswith(".inc"):
            source = name[:-4] + ".c"
            source = source if os.path.exists(source) else re.sub(r"_kernels\.c$", ".c", source)
        out = os.path.join(folder, "mutant.o")
        run = subprocess.run(self.compile[:1] + ["-I" + folder] + self.compile[1:] + ["-c", source, "-o", out],
                             capture_output=True, timeout=300)
        os.unlink(path)
        return out if run.returncode == 0 else None

    def link(self, folder, name, made):
        """The test binary, by default in `folder`; one that does not link is no fault of a mutant."""
        out = os.path.join(folder, name)
        build = self.options.build
        run = subprocess.run(self.compile[:1] + self.linker + ["-o", out] + made + self.tests +
                             [build + "/obj/libkit.a", build + "/libsymo.a"] + self.libraries,
                             capture_output=True, text=True)
        if run.returncode != 0:
            raise SystemExit("mutants: the test binary does not link:\n" + run.stderr[:2000])
        return out

    def check(self, suite):
        """Ends the check if the suite fails where nothing is changed: it would kill every mutant."""
        with self.checking:
            if suite in self.sound:
                return
            unchanged = os.path.join(os.path.abspath(self.options.results), "unchanged")
            if not self.sound:
                self.link(os.path.dirname(unchanged), "unchanged", [])
            if self.run(unchanged, [suite], self.map["seconds"][suite])[0]:
                raise SystemExit(f"mutants: the suite {suite} fails without any change")
            self.sound.add(suite)

    def suites(self, mutant):
        """Those that reach the line: that have killed in this file, of its name, then the quickest."""
        lines = self.map["lines"].get(mutant["file"], {})
        reach = {s for n in range(mutant["line"], mutant["last_line"] + 1) for s in lines.get(str(n), [])}
        if not reach:  # counts of kernels, and of statements of several lines, may be those of lines nearby
            reach = {s for n in range(mutant["line"] - 9, mutant["line"] + 10) for s in lines.get(str(n), [])}
        stem = os.path.splitext(os.path.basename(mutant["file"]))[0]
        def order(suite):
            return (-self.kills.get((mutant["file"], suite), 0), stem not in suite, self.map["seconds"][suite])
        with self.lock:
            return sorted(reach, key=order)

    def batches(self, suites):
        """Together in one process, each batch longer than the one before."""
        batch, length, most, spent = [], 0.0, 2.0, 0.0
        for suite in suites:
            spent += self.map["seconds"][suite]
            if self.options.most and spent > self.options.most and spent > self.map["seconds"][suite]:
                break
            batch.append(suite)
            length += self.map["seconds"][suite]
            if length >= most:
                yield batch, length
                batch, length, most = [], 0.0, 2 * most
        if batch:
            yield batch, length

    def run(self, binary, batch, seconds):
        """(killed, how, suite)."""
        def limits():
            cpu = int(5 * seconds) + 30
            resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        command = [binary, "-j1", "--fail-fast", "--color=never", "--filter", "@(" + "|".join(batch) + ")/*"]
        try:
            run = subprocess.run(command, env=self.environment, capture_output=True, preexec_fn=limits,
                                 timeout=20 * seconds + 120, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return True, "timeout", batch[0]
        output = (run.stdout + run.stderr).decode(errors="replace")
        if run.returncode == 0:
            return False, "", ""
        failed = re.search(r"\[FAIL\] (\w+)::(\w+)", output) or re.search(r"(\w+)::(\w+).*(?:CRASH|crash)", output)
        how = "crash" if "CRASH" in output else "test"
        return True, how, failed.group(1) + "/" + failed.group(2) if failed else batch[0]

    def try_one(self, texts, mutant):
        start = time.monotonic()
        folder = os.path.join(os.path.abspath(self.options.results), "work-" + str(threading.get_ident()))
        text = texts[mutant["file"]]
        made = self.object(folder, mutant["file"], change(text, mutant))
        if made is None:
            return dict(mutant, result="invalid")
        code = open(made, "rb").read()
        if mutant["file"] not in self.originals:
            self.originals[mutant["file"]] = open(self.object(folder, mutant["file"], text), "rb").read()
            with open(made, "wb") as file:
                file.write(code)
        if code == self.originals[mutant["file"]]:
            return dict(mutant, result="same code")
        binary, result, how, by = self.link(folder, "tests", [made]), "survived", "", ""
        suites, tried = self.suites(mutant), 0
        for batch, seconds in self.batches(suites):
            killed, how, by = self.run(binary, batch, seconds)
            tried += len(batch)
            if killed:
                result = "killed"
                self.check(by.split("/")[0])
                with self.lock:
                    key = (mutant["file"], by.split("/")[0])
                    self.kills[key] = self.kills.get(key, 0) + 1
                break
        return dict(mutant, result=result, how=how, by=by, suites=len(suites), tried=tried,
                    seconds=round(time.monotonic() - start, 1))


def known(path):
    found = {}
    if os.path.exists(path):
        for line in open(path):
            one = json.loads(line)
            found[one["identity"]] = one
    return found


def report(results, total, reasons):
    groups = {}
    for one in results:
        result = one["result"]
        if result == "survived" and one["identity"] in reasons:
            result = "equivalent"
        one["result"] = result
        groups.setdefault(result, []).append(one)
    for one in groups.get("survived", []):
        print(f"\nsurvived: {one['file']}:{one['line']} in {one['function']} ({one['kind']}, {one['tried']} of {one['suites']} suites)")
        print(one["difference"])
        print(one["identity"])
    count = {name: len(found) for name, found in groups.items()}
    killed, survived = count.get("killed", 0), count.get("survived", 0)
    late = sum(one["how"] == "timeout" for one in groups.get("killed", []))
    print(f"\n{'room':10s} killed survived equivalent")
    for room in ("core", "groups", "hessian", "optim"):
        print(f"{room:10s} " + " ".join(f"{sum(o['file'].startswith(room + '/') for o in groups.get(r, [])):{w}d}"
                                        for r, w in (("killed", 6), ("survived", 8), ("equivalent", 10))))
    print(f"{len(results)} of {total} possible mutants: {killed} killed ({late} by the time limit), "
          f"{survived} survived, {count.get('equivalent', 0)} equivalent, {count.get('same code', 0)} with the same "
          f"code, {count.get('invalid', 0)} that do not compile")
    if killed + survived > 0:
        print(f"killed: {100 * killed / (killed + survived):.1f} % of those that are not equivalent")
    return survived


def main():
    options = arguments()
    os.makedirs(options.results, exist_ok=True)
    files = [f for f in sources() if not options.files or any(fnmatch.fnmatch(f, p) for p in options.files)]
    texts, chosen, total = sample(files, options.count, options.seed)
    path = os.path.join(options.results, "results.jsonl")
    done, reasons = known(path), equivalents()
    for mutant in chosen:
        mutant["identity"] = identity(texts[mutant["file"]], mutant)
        mutant["difference"] = difference(mutant["file"], texts[mutant["file"]], mutant)
    left = [m for m in chosen if m["identity"] not in done or
            (options.again == done[m["identity"]]["result"] and m["identity"] not in reasons)]
    if left and not options.report:
        map_path = os.path.join(options.results, "map.json")
        environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", LC_ALL="C", SOURCE=os.getcwd())
        reached = coverage_map.make(os.path.join(options.coverage, "tests/symo-tests"),
                                    os.path.abspath(os.path.join(options.coverage, "obj")),
                                    lambda n: n.startswith(("core/linalg", "groups/", "hessian/", "optim/")),
                                    sources(), FOLDERS, environment, map_path,
                                    lambda text: print(text, file=sys.stderr, flush=True))
        workshop = Workshop(options, reached)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool, open(path, "a") as out:
            for at, one in enumerate(pool.map(lambda m: workshop.try_one(texts, m), left)):
                done[one["identity"]] = one
                out.write(json.dumps(one) + "\n")
                out.flush()
                print(f"{at + 1}/{len(left)} {one['result']} {one.get('how', '')} {one.get('by', '')} "
                      f"{one['file']}:{one['line']} {one['kind']} {one.get('seconds', 0)} s", file=sys.stderr, flush=True)
    return 1 if report([done[m["identity"]] for m in chosen if m["identity"] in done], total, reasons) else 0


if __name__ == "__main__":
    sys.exit(main())
