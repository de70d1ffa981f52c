"""Of the sweeps of defaults.sh: held-back loss at the end, mean over the seeds, for every preset and rate."""
import collections
import glob
import json
import math
import os
import statistics
import sys

DEFAULT = {"symo": "0.003", "muon": "0.02", "adamw": "0.001"}
work = sys.argv[1]
for task in ("teacher-student", "autoencoder", "classifier", "gpt"):
    points = collections.defaultdict(lambda: collections.defaultdict(list))
    for path in sorted(glob.glob(f"{work}/{task}/**/summary.json", recursive=True)):
        name, setting = path[len(f"{work}/{task}/"):].split("/")[:2]
        summary = json.load(open(path))
        loss = summary.get("val_loss")
        good = isinstance(loss, (int, float)) and math.isfinite(loss)
        points[name][setting.split("=")[1]].append((loss if good else math.inf, summary["seconds"]))
    if not points:
        continue
    print(f"{task}: held-back loss (and range) at each rate, * the preset's own; seconds of a run")
    for name in (n for n in DEFAULT if points[n]):
        cells = []
        for rate in sorted(points[name], key=float):
            losses = [loss for loss, _ in points[name][rate]]
            cells.append("%s%s %.4g (%.4g-%.4g)" % (rate, "*" if rate == DEFAULT[name] else "", statistics.mean(losses),
                                                    min(losses), max(losses)))
        seconds = statistics.median(s for runs in points[name].values() for _, s in runs)
        print("  %-8s %s   %.3g s" % (name, "   ".join(cells), seconds))
    print()
