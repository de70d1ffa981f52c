"""Tables of the folders NAME-SEED-STEPS that exponents.sh makes: python3 exponents.py FOLDER"""

import json
import math
import pathlib
import statistics
import sys

KINDS = ["convolution", "dense", "recurrent-input", "recurrent", "attention-query", "attention-key",
         "attention-value", "attention-output", "mlp-up", "mlp-down", "embedding", "output"]


def read(folder):
    """Every matrix of every run, with its network, seed and stage (0 untrained, 1 early, 2 trained)."""
    runs = {}
    for path in sorted(pathlib.Path(folder).glob("*-*/exponents.json")):
        name, seed, steps = path.parent.name.rsplit("-", 2)
        runs.setdefault(name, {}).setdefault(int(steps), []).append((int(seed), json.load(open(path))))
    rows = []
    for name, by_steps in runs.items():
        for stage, steps in enumerate(sorted(by_steps)):
            for seed, run in by_steps[steps]:
                for matrix in run["matrices"]:
                    rows.append(dict(matrix, net=name, stage=stage, seed=seed))
    return rows


def value(row, key):
    x = row.get(key)
    x = x["value"] if isinstance(x, dict) else x
    return math.nan if x is None else x


def median(values, digits=2):
    values = sorted(v for v in values if not math.isnan(v))
    if not values:
        return "-"
    low, high = (statistics.quantiles(values, n=4)[i] if len(values) > 1 else values[0] for i in (0, 2))
    return f"{statistics.median(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def percent(values):
    values = [100 * v for v in values if not math.isnan(v)]
    return f"{statistics.median(values):.1f}" if values else "-"


def table(title, head, lines):
    print(title)
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    for line in [head, *lines]:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
    print()


def main(folder):
    rows = read(folder)
    matrices = {(r["net"], r["name"]) for r in rows}
    print(f"{len(rows)} matrices: {len(matrices)} of {len({r['net'] for r in rows})} networks, "
          f"{len({r['seed'] for r in rows})} seeds, 3 stages\n")
    stages = ["untrained", "early", "trained"]
    for key, title in (("alpha", "alpha, h by Hessian products"),
                       ("alpha_ggn", "alpha, h by Gauss-Newton products"),
                       ("two_plus_alignment", "2 + slope of Phi, by Kronecker factors")):
        lines = []
        for kind in KINDS + [None]:
            some = [r for r in rows if kind in (None, r["kind"])]
            if some:
                lines.append([kind or "all", str(len(some))]
                             + [median(value(r, key) for r in some if r["stage"] == s) for s in range(3)])
        table(f"{title}: median (quartiles) over matrices and seeds", ["kind", "n", *stages], lines)

    lines = []
    for kind in KINDS + [None]:
        some = [r for r in rows if kind in (None, r["kind"])]
        if some:
            gap = [abs(value(r, "alpha_ggn") - value(r, "two_plus_alignment")) for r in some]
            lines.append([kind or "all", str(len(some)), median(value(r, "gamma") for r in some),
                          percent(value(r, "transfer_error") for r in some),
                          percent(value(r, "transfer_error_ggn") for r in some),
                          percent(value(r, "transfer_error_eigen") for r in some),
                          median(value(r, "captured") for r in some), median(gap),
                          median((value(r, "participation") for r in some), 1),
                          median((value(r, "participation_of_power") for r in some), 1),
                          percent(r["negative"] / max(len(r["k"]), 1) for r in some)])
    table("transfer: median of |s - alpha gamma| / s in per cent, s of sorted h (Hessian, Gauss-Newton) and of "
          "the\nlargest eigenvalues of the block of H; h1/eig: largest h over largest |eigenvalue|; gap: |alpha GN - "
          "(2 +\nslope)|; PR: participation ratio of h, zeta: of k^-s; h < 0: share of negative h, in per cent",
          ["kind", "n", "gamma", "err %", "GN %", "eig %", "h1/eig", "gap", "PR", "zeta", "h < 0 %"], lines)

    lines = []
    for s in range(3):
        some = [r for r in rows if r["stage"] == s]
        lines.append([stages[s], str(len(some))]
                     + [percent(value(r, key) for r in some)
                        for key in ("transfer_error", "transfer_error_ggn", "transfer_error_eigen")])
    table("the same by stage", ["stage", "n", "err %", "GN %", "eig %"], lines)


if __name__ == "__main__":
    main(sys.argv[1])
