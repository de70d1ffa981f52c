"""Of runs of `symo sweep` with three seeds each: where they end, and when they pass the ends of adamw
and muon.  Losses are means over ten steps; figures are medians over seeds."""
import glob
import json
import os
import statistics
import subprocess
import sys


def mean(run, k):
    return statistics.mean(line["loss"] for line in run[max(0, k - 9) : k + 1])


def reached(run, level):
    for k in range(9, len(run)):
        if mean(run, k) <= level:
            return run[k]["step"], run[k]["seconds"]
    return None


def spread(values):
    return "%.2f (%.2f to %.2f)" % (statistics.median(values), min(values), max(values))


work, folder, net, names = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
runs = {}
for name in names:
    files = sorted(glob.glob(f"{work}/{name}/**/metrics.jsonl", recursive=True))
    runs[name] = [[json.loads(line) for line in open(file)] for file in files]
ends = {name: [mean(run, len(run) - 1) for run in runs[name]] for name in names}
print("%-15s %-26s %-26s %9s %17s %17s" % ("", "training loss", "test loss", "seconds",
                                          "adamw's end at", "muon's end at"))
for name in names:
    tests = [[line["val_loss"] for line in run if "val_loss" in line][-1] for run in runs[name]]
    seconds = statistics.median(run[-1]["seconds"] for run in runs[name])
    marks = []
    for other in ("adamw", "muon"):
        level = statistics.median(ends[other])
        found = [x for x in (reached(run, level) for run in runs[name]) if x]
        marks.append("%d (%.1f s)" % (statistics.median(x[0] for x in found),
                                      statistics.median(x[1] for x in found))
                     if 2 * len(found) > len(runs[name]) else "never")
    print("%-15s %-26s %-26s %9.1f %17s %17s" % (name, spread(ends[name]), spread(tests), seconds, *marks))

# Okabe and Ito's colours, for the colour-blind; the best curve comes first.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933")

# The picture: medians over seeds of the training loss, by step and by second.
names.sort(key=lambda name: statistics.median(ends[name]))
plots = []
for name in names:
    with open(os.path.join(work, name + ".dat"), "w") as out:
        for k in range(9, min(len(run) for run in runs[name])):
            print(runs[name][0][k]["step"], statistics.median(run[k]["seconds"] for run in runs[name]),
                  statistics.median(mean(run, k) for run in runs[name]), file=out)
script = """set terminal pngcairo size 1000,420 font ',10'
set output '%s/curves.png'
set multiplot layout 1,2 title 'Autoencoder %s on MNIST, three seeds'
set logscale y
set yrange [%g:400]
set ytics (50, 60, 70, 80, 100, 120, 150, 200, 250, 300, 400)
set grid
set ylabel 'training loss'
""" % (folder, net, 0.95 * min(min(e) for e in ends.values()))
for column, label in ((1, "step"), (2, "seconds (one thread)")):
    script += "set xlabel '%s'\nplot %s\n" % (label, ", ".join(
        "'%s/%s.dat' using %d:3 with lines lw 2 dt %d lc rgb '%s' title '%s'" %
        (work, name, column, 1 + i // len(COLOURS), COLOURS[i % len(COLOURS)], name)
        for i, name in enumerate(names)))
subprocess.run(["gnuplot"], input=script.encode(), check=True)
