"""Of runs of `symo sweep gpt` with three seeds each: where they end, and when they pass the ends of
adamw and muon.  Held-back losses at the end are of all the text that is held back, those on the way of
some batches of it; training losses are means over a hundred steps; figures are medians over seeds."""
import glob
import json
import statistics
import subprocess
import sys

WINDOW = 100


def load(path):
    """The lines of a run, with the seconds that steps take where other programs leave them alone: the
    mean of a hundred steps, in the quickest tenth of these hundreds."""
    with open(path) as lines:
        run = [json.loads(line) for line in lines]
    steps = [line["gradient_ms"] + line["optimizer_ms"] for line in run if "gradient_ms" in line]
    means = sorted(statistics.mean(steps[k:k + WINDOW]) for k in range(0, len(steps), WINDOW))
    for line in run:
        line["seconds"] = line["step"] * means[len(means) // 10] / 1000
        line["share"] = line.get("optimizer_ms", 0) / 1000
    return run


def smooth(run):
    """(step, seconds, mean loss of the steps before) at every tenth step."""
    losses, sums = [line["loss"] for line in run], [0.0]
    for loss in losses:
        sums.append(sums[-1] + loss)
    return [(run[k]["step"], run[k]["seconds"], (sums[k + 1] - sums[k + 1 - WINDOW]) / WINDOW)
            for k in range(WINDOW - 1, len(run), 10)]


def held(run):
    return [(line["step"], line["seconds"], line["val_loss"]) for line in run if "val_loss" in line]


def reached(curve, level):
    return next(((step, seconds) for step, seconds, loss in curve if loss <= level), None)


def spread(values):
    return "%.4f (%.4f to %.4f)" % (statistics.median(values), min(values), max(values))


def mark(curves, level):
    found = [x for x in (reached(c, level) for c in curves) if x]
    if 2 * len(found) <= len(curves):
        return "never"
    return "%d (%.0f s)" % (statistics.median(x[0] for x in found), statistics.median(x[1] for x in found))


def whole(checkpoint):
    line = [symo, "eval", "--checkpoint", checkpoint, "--data", text, "--threads", "1", "--json"]
    return json.loads(subprocess.run(line, check=True, capture_output=True).stdout)["loss"]


work, folder, symo, text, title, names = *sys.argv[1:6], sys.argv[6:]
runs = {n: [load(f) for f in sorted(glob.glob(f"{work}/{n}/**/metrics.jsonl", recursive=True))] for n in names}
train = {n: [smooth(r) for r in runs[n]] for n in names}
val = {n: [held(r) for r in runs[n]] for n in names}
final = {n: [whole(f) for f in sorted(glob.glob(f"{work}/{n}/**/checkpoint.safetensors", recursive=True))] for n in names}
end = {kind: {n: statistics.median(c[-1][2] for c in curves[n]) for n in names}
       for kind, curves in (("train", train), ("val", val))}
print("%-16s %-27s %-27s %8s %9s | %-14s %-14s | %-14s %-14s" % (
    "", "held-back loss", "training loss", "seconds", "optimizer", "adamw's val", "muon's val",
    "adamw's train", "muon's train"))
for n in names:
    share = [min(sum(l["share"] for l in r[k:k + WINDOW]) for k in range(0, len(r) - WINDOW, WINDOW)) * len(r) / WINDOW
             / r[-1]["seconds"] for r in runs[n]]
    print("%-16s %-27s %-27s %8.0f %8.0f%% | %-14s %-14s | %-14s %-14s" % (
        n, spread(final[n]), spread([c[-1][2] for c in train[n]]),
        statistics.median(r[-1]["seconds"] for r in runs[n]), 100 * statistics.median(share),
        mark(val[n], end["val"]["adamw"]), mark(val[n], end["val"]["muon"]),
        mark(train[n], end["train"]["adamw"]), mark(train[n], end["train"]["muon"])))

# Okabe and Ito's colours, for the colour-blind; the best curve comes first.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933")
names.sort(key=lambda n: statistics.median(final[n]))
script = """set terminal pngcairo size 1100,430 font ',10'
set output '%s/curves.png'
set multiplot layout 1,2 title '%s'
set yrange [%g:2.4]
set grid
set ylabel 'held-back loss'
""" % (folder, title, 0.05 * int(min(end["val"].values()) / 0.05))
for n in names:
    with open(f"{work}/{n}.dat", "w") as out:
        for points in zip(*val[n]):
            print(points[0][0], *(statistics.median(p[i] for p in points) for i in (1, 2)), file=out)
for column, label in ((1, "step"), (2, "seconds (one thread)")):
    script += "set xlabel '%s'\nplot %s\n" % (label, ", ".join(
        f"'{work}/{n}.dat' using {column}:3 with lines lw 2 lc rgb '{COLOURS[i]}' title '{n}'"
        for i, n in enumerate(names)))
subprocess.run(["gnuplot"], input=script.encode(), check=True)
