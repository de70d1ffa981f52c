"""Of runs of teacher-rnn.sh: the sweeps, and squared errors a number (twice the loss over the numbers
of an output) of the runs with the best rates."""
import json
import statistics
import sys

work, names = sys.argv[1], sys.argv[2:]
numbers, seeds = 99 * 32, (2, 3, 4)
print("mean squared error on sequences held back\n")
print("sweep, seed 1" + " " * 5, end="")
for name in names:
    points = json.load(open(f"{work}/{name}.json"))["points"]
    if name == names[0]:
        print("".join("%-10s" % p["settings"] for p in points))
    print("%-18s" % name + "".join(
        "%-10s" % (("*" if p["best"] else "") + (
            "-" if p["mean"] is None else "%.3g" % (2 * p["mean"] / numbers))) for p in points).rstrip())

print("\nthe best of each, mean over seeds %s (sd)" % (seeds,))
marks = (0, 25, 50, 100, 200, 350, 500)
print(("%-10s%-8s" % ("", "lr") + "".join("%-20s" % ("step %d" % k) for k in marks)).rstrip()
      + "     ms a step")
for name in names:
    points = json.load(open(f"{work}/{name}.json"))["points"]
    rate = next(p["settings"] for p in points if p["best"])[3:]
    rows, times = {k: [] for k in marks}, []
    for seed in seeds:
        lines = [json.loads(line) for line in open(f"{work}/{name}-{seed}/metrics.jsonl")]
        at = {line["step"]: line["val_loss"] for line in lines if "val_loss" in line}
        for k in marks:
            rows[k].append(2 * at[min(at, key=lambda s: abs(s - k))] / numbers)
        times.append(1e3 * lines[-1]["seconds"] / lines[-1]["step"])
    print("%-10s%-8s" % (name, rate) + "".join(
        "%-20s" % ("%.3g (%.1g)" % (statistics.mean(v), statistics.stdev(v))) for v in rows.values())
        + "%.0f" % statistics.median(times))
