"""Of the runs of cut.sh: the best point of a sweep, or tables of all."""
import collections
import glob
import json
import statistics
import sys


def runs(folder):
    """Held-back losses of every point, by its settings."""
    points = collections.defaultdict(list)
    for path in sorted(glob.glob(f"{folder}/symo/*/s*/summary.json")):
        points[path.split("/")[-3]].append(json.load(open(path))["val_loss"] or float("inf"))
    return points


def best(folder):
    return min(runs(folder).items(), key=lambda point: point[1][0])[0]


work, what = sys.argv[1:3]
if what == "best":
    print(*(part.split("=")[1] for part in best(f"{work}/{sys.argv[3]}").split(",")))
else:
    for name in ("gpt", "autoencoder"):
        print(f"{name}: held-back loss of seed 1 at every point; of the best, three fresh seeds: mean (range)")
        for reference in ("largest", "median", "noise"):
            points = runs(f"{work}/{name}-{reference}")
            if not points:
                continue
            print(f"  {reference}")
            for point in sorted(points):
                print(f"    {point:22s} {points[point][0]:.4f}")
            losses = [loss for final in runs(f"{work}/{name}-{reference}-final").values() for loss in final]
            where = best(f"{work}/{name}-{reference}")
            print(f"    best {where}: {statistics.mean(losses):.4f} ({min(losses):.4f} to {max(losses):.4f})")
        print()
