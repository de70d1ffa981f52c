"""The best point of `symo sweep`: FOLDER KEY prints the settings of the run whose summary has the least
KEY, as arguments --grid KEY=VALUE."""
import glob
import json
import math
import sys

points = []
for path in glob.glob(sys.argv[1] + "/*/*/*/summary.json"):
    with open(path) as summary:
        loss = json.load(summary).get(sys.argv[2])
    good = isinstance(loss, float) and math.isfinite(loss)
    points.append((loss if good else math.inf, path.split("/")[-3]))
print(" ".join("--grid " + setting for setting in min(points)[1].split(",")))
