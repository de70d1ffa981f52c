"""Of runs of `symo sweep teacher-student`, one folder a method: losses on the examples held back, and
the iterations that reach the level that Shampoo has, on the same seed, at iteration 100."""
import glob
import json
import os
import statistics
import sys


def load(folder):
    runs = {}
    for file in glob.glob(f"{folder}/**/metrics.jsonl", recursive=True):
        seed = int(os.path.basename(os.path.dirname(file))[1:])
        runs[seed] = [json.loads(line)["val_loss"] for line in open(file)]
    return runs


def reached(run, level):
    return next((k for k, loss in enumerate(run) if loss <= level), None)


def count(values):
    """Median, smallest and largest; what was not reached counts as more than everything."""
    order = [float("inf") if v is None else v for v in values]
    text = ["never" if v == float("inf") else "%g" % v
            for v in (statistics.median(order), min(order), max(order))]
    return "%s (%s to %s)" % tuple(text)


def losses(runs, k):
    at = [run[k] for run in runs.values()]
    return "%.5f (%.5f to %.5f)" % (statistics.median(at), min(at), max(at))


work, names = sys.argv[1], sys.argv[2:]
runs = {name: load(f"{work}/{name}") for name in names}
seeds = sorted(runs["shampoo"])
level = {seed: runs["shampoo"][seed][100] for seed in seeds}
print("held back, before the first step:", losses(runs["shampoo"], 0))
marks = (10, 15, 20, 100)
print(("\n%-16s" % "loss after" + "".join("%-31s" % k for k in marks)).rstrip())
for name in names:
    print(("%-16s" % name + "".join("%-31s" % losses(runs[name], k) for k in marks)).rstrip())
print("\n%-16s%-24s%-24s%s" % ("iterations to", "shampoo's level at 100", "1.05 of that", "by seed"))
for name in names:
    first = [reached(runs[name][seed], level[seed]) for seed in seeds]
    near = [reached(runs[name][seed], 1.05 * level[seed]) for seed in seeds]
    print("%-16s%-24s%-24s%s" % (name, count(first), count(near),
                                 " ".join("-" if v is None else str(v) for v in first)))
twenty = [reached(runs["shampoo"][seed], runs["symo-published"][seed][20]) for seed in seeds]
print("\nshampoo reaches what symo-published has at 20:", count(twenty), " ", *twenty)
print("seeds", *seeds)
