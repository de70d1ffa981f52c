"""Tables of experiments/results/centered.sh: python3 centered.py DIRECTORY

Cosines are medians over three seeds, with |H| (h-star: with H), uncentred > centred; `share` is that of
label 0 in the squared norm of the gradient, `decrease` the loss decrease of h-g's best damped step over
that of |H|.
"""

import glob
import json
import os
import statistics
import sys

ESTIMATORS = ["h-g", "h-g-bd", "h-pd", "h-star", "covariance"]
OTHERS = ["kfac", "identity"]
BINS = [(0, 0.003), (0.003, 0.03), (0.03, 0.1), (0.1, 0.3), (0.3, 0.9), (0.9, 2)]


def figure(point, name, key):
    for row in point["result"]["summary"]:
        if row["name"] == name:
            value = row[key]["median"]
            return float("nan") if value is None else value
    return float("nan")


def pair(one, two, name, key):
    return figure(one, name, key), figure(two, name, key)


def cosine(name):
    return "cosine_hessian" if name == "h-star" else "cosine_abs_hessian"


def points(directory):
    for path in sorted(glob.glob(os.path.join(directory, "*.uncentered.json"))):
        name = os.path.basename(path)[: -len(".uncentered.json")]
        with open(path, encoding="utf-8") as f:
            one = json.load(f)
        with open(path.replace(".uncentered.", ".centered."), encoding="utf-8") as f:
            two = json.load(f)
        for a, b in zip(one["sweep"]["points"], two["sweep"]["points"]):
            share = statistics.median(r["label0_gradient_share"] or 0 for r in a["result"]["runs"])
            yield name.replace(",", " ").replace(".", " "), share, a, b


def main():
    rows = list(points(sys.argv[1]))
    print(f"{'data, loss, activation, biases':30} {'scale':>6} {'share':>7}", end="")
    print("".join(f"{name:>14}" for name in ESTIMATORS), f"{'decrease':>12}", end="")
    print("".join(f"{name:>10}" for name in OTHERS))
    for name, share, a, b in rows:
        print(f"{name:30} {a['value']:6g} {share:7.4f}", end="")
        for e in ESTIMATORS:
            print("  {:5.3f}>{:5.3f}".format(*pair(a, b, e, cosine(e))), end=" ")
        print(" {:5.2f}>{:5.2f}".format(*pair(a, b, "h-g", "newton_decrease")), end="")
        print("".join(f"{figure(a, e, cosine(e)):10.3f}" for e in OTHERS))
    print("\nMeans over the rows above, but for gpt, by the share of label 0")
    print(f"{'share':>14} {'rows':>5}", "".join(f"{name:>14}" for name in ESTIMATORS), "  decrease")
    for low, high in BINS:
        here = [r for r in rows if low <= r[1] < high and not r[0].startswith("gpt")]
        if not here:
            continue
        print(f"{low:6g} to {high if high < 2 else 1:4g} {len(here):5}", end=" ")
        for e in ESTIMATORS:
            pairs = [pair(a, b, e, cosine(e)) for _, _, a, b in here]
            print("  {:5.3f}>{:5.3f}".format(*(statistics.mean(c) for c in zip(*pairs))), end=" ")
        pairs = [pair(a, b, "h-g", "newton_decrease") for _, _, a, b in here]
        print(" {:5.2f}>{:5.2f}".format(*(statistics.median(c) for c in zip(*pairs))))


main()
