"""Of the sweeps of teacher-wide.sh: the best rate of each optimizer, its loss on examples held back and
the time of a step."""
import json
import statistics
import sys

work, nets, optimizers = sys.argv[1], sys.argv[2].split(), sys.argv[3].split()
for net in nets:
    a, h, b = (int(x) for x in net.split("-"))
    print("\n%s: %d hidden units, each with %d weights; held back after 100 steps (sd), seeds 2 3 4"
          % (net, h, a + b))
    for o in optimizers:
        points = json.load(open(f"{work}/{net}-{o}.json"))["points"]
        best = json.load(open(f"{work}/{net}-{o}-best.json"))["points"][0]
        rates = "  ".join(("*" if p["best"] else "") + (
            "-" if p["mean"] is None else "%.2g" % p["mean"]) for p in points)
        rate = next(p["settings"] for p in points if p["best"])[3:]
        print("%-16s lr %-8s%-22s%6.2f ms a step   sweep, seed 1: %s" % (
            o, rate, "%.3g (%.1g)" % (best["mean"], best["sd"]),
            1e3 * statistics.mean([best["seconds"]]) / 100, rates))
