"""Of the runs of kfac.sh: where they end, when they reach an accuracy, what a step costs by the processor's
clock, and what memory the plan says; figures are medians over three seeds."""
import glob
import json
import os
import re
import statistics
import subprocess
import sys

LEVELS = {"dense": 0.96, "conv": 0.82}
TITLES = {"dense": "784-512-256-10 on MNIST", "conv": "a convolutional network on Fashion-MNIST"}
NAMES = ("sgd", "adamw", "muon", "symo", "kfac", "ekfac", "kfac-lowrank")
# Okabe and Ito's colours, for the colour-blind.
COLOURS = ("#999933", "#009e73", "#e69f00", "#0072b2", "#d55e00", "#cc79a7", "#000000")
work, folder = sys.argv[1:3]
BYTES = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}


def read(path):
    return [json.loads(line) for line in open(path)]


def spread(values, form):
    return (form + " (" + form + " to " + form + ")") % (statistics.median(values), min(values), max(values))


def own(run):
    """ms a step of the optimizer by itself, layer statistics with it; the first steps are slow."""
    return 1e3 * statistics.mean(m["optimizer_seconds"] for m in run if m["step"] >= 16 and "optimizer_seconds" in m)


def gradient(run):
    found = [m["optimizer_items"]["gradient"] for m in run if "gradient" in m.get("optimizer_items", {})]
    return 1e3 * statistics.median(found) if found else None


def memory(path):
    """Bytes of state, and of all with the work space, by the plan."""
    last = re.search(r"in all: state ([0-9.]+) (.?)B.* work space ([0-9.]+) (.?)B", open(path).read()).groups()
    state = float(last[0]) * BYTES[last[1].strip()]
    return state, state + float(last[2]) * BYTES[last[3].strip()]


def reached(run, level):
    return next((m["step"] for m in run if m.get("val_accuracy", 0) >= level), None)


def last(run, key):
    return [m[key] for m in run if key in m][-1]


def network(net):
    runs, memories = {}, {}
    for name in NAMES:
        files = sorted(glob.glob(f"{work}/{net}/final/{name}/**/metrics.jsonl", recursive=True))
        if len(files) == 3:
            runs[name] = [read(file) for file in files]
            memories[name] = memory(f"{work}/{net}/{name}.plan")
            print(open(f"{work}/{net}/{name}.command").read(), end="")
    if not runs:
        return
    pass_ms = statistics.median(g for rs in runs.values() for g in map(gradient, rs) if g is not None)
    level = LEVELS[net]
    print("\n%s: a gradient takes %.1f ms; steps and seconds (gradients and optimizer, by the processor) to %g %%\n" %
          (TITLES[net], pass_ms, 100 * level))
    print("%-13s %-27s %-23s %6s %6s %9s %9s %9s %9s" %
          ("", "loss held back", "accuracy, %", "steps", "s", "ms alone", "ms a step", "state, MB", "all, MB"))
    costs = {}
    for name, rs in runs.items():
        costs[name] = statistics.median(map(own, rs))
        steps = [reached(run, level) for run in rs]
        many = sum(s is not None for s in steps) >= 2
        step = statistics.median(s if s is not None else float("inf") for s in steps)
        print("%-13s %-27s %-23s %6s %6s %9.2f %9.1f %9.2f %9.2f" %
              (name, spread([last(run, "val_loss") for run in rs], "%.4f"),
               spread([100 * last(run, "val_accuracy") for run in rs], "%.2f"), "%d" % step if many else "never",
               "%.1f" % (step * (pass_ms + costs[name]) / 1e3) if many else "-", costs[name],
               pass_ms + costs[name], memories[name][0] / 1e6, memories[name][1] / 1e6))
    if "kfac" in runs and "kfac-lowrank" in runs:
        low, whole = costs["kfac-lowrank"], costs["kfac"]
        print("\nkfac-lowrank against kfac: %.0f %% less time of the optimizer, %.0f %% less of whole steps, "
              "%.0f %% less state, %.0f %% less memory in all" %
              (100 - 100 * low / whole, 100 - 100 * (pass_ms + low) / (pass_ms + whole),
               100 - 100 * memories["kfac-lowrank"][0] / memories["kfac"][0],
               100 - 100 * memories["kfac-lowrank"][1] / memories["kfac"][1]))
    files = sorted(glob.glob(f"{work}/{net}/preset/**/metrics.jsonl", recursive=True))
    if files:
        found = [read(file) for file in files]
        print("kfac-lowrank at the rate of the preset: loss %s, steps to %g %%: %s; kfac: %s" %
              (spread([last(run, "val_loss") for run in found], "%.4f"), 100 * level,
               ", ".join(str(reached(run, level)) for run in found),
               ", ".join(str(reached(run, level)) for run in runs["kfac"])))
    print()
    picture(net, runs, costs, pass_ms)


def picture(net, runs, costs, pass_ms):
    names = sorted(runs, key=lambda n: statistics.median(last(run, "val_loss") for run in runs[n]))
    for name in names:
        lines = [[m for m in run if "val_loss" in m] for run in runs[name]]
        with open(f"{work}/{net}-{name}.dat", "w") as out:
            for at in zip(*lines):
                if at[0]["step"] > 0:
                    print(at[0]["step"], at[0]["step"] * (pass_ms + costs[name]) / 1e3,
                          statistics.median(m["val_loss"] for m in at), file=out)
    script = ("set terminal pngcairo size 1000,420 font ',10'\nset output '%s/%s.png'\n"
              "set multiplot layout 1,2 title '%s, three seeds'\nset logscale y\nset grid\n"
              "set ylabel 'loss held back'\n" % (folder, net, TITLES[net]))
    for column, label in ((1, "step"), (2, "seconds of the processor")):
        script += "set xlabel '%s'\nplot %s\n" % (label, ", ".join(
            "'%s/%s-%s.dat' using %d:3 with lines lw 2 lc rgb '%s' title '%s'" %
            (work, net, name, column, COLOURS[NAMES.index(name)], name) for name in names))
    subprocess.run(["gnuplot"], input=script.encode(), check=True)


def cadences():
    paths = glob.glob(f"{work}/cadences/*/metrics.jsonl")
    if not paths:
        return
    print("784-512-256-10 on MNIST, the rate of the preset, one seed: loss held back, accuracy in %, ms alone, by how "
          "often statistics are\ntaken (and roots, of the whole) and by rank, all of it (rank_share 0)\n")
    print("%-8s" % "" + "".join("%-26s" % ("every %s" % t if t != "1" else "every step") for t in ("1", "10", "50")))
    plain = statistics.median(g for g in (gradient(read(p)) for p in paths if "/1-" not in p) if g is not None)
    for rank in ("0.05", "0.15", "0.3", "whole"):
        cells = []
        for every in ("1", "10", "50"):
            run = read(f"{work}/cadences/{every}-{rank}/metrics.jsonl")
            cost = own(run)
            if every == "1":  # no gradient comes without statistics
                cost += gradient(run) - plain
            cells.append("%.4f  %.2f  %6.2f" % (last(run, "val_loss"), 100 * last(run, "val_accuracy"), cost))
        print("%-8s" % (rank if rank == "whole" else "%g %%" % (100 * float(rank))) + "".join("%-26s" % c for c in cells))


os.makedirs(folder, exist_ok=True)
for kind in ("dense", "conv"):
    if glob.glob(f"{work}/{kind}/final/*"):
        network(kind)
cadences()
