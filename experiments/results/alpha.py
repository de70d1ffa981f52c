"""Of alpha.sh: python3 alpha.py FOLDER types TASK RATES STEPS | best | tables."""

import json
import math
import pathlib
import statistics
import sys

# What arXiv 2606.02596 says of each kind of layer; where it says nothing, the preset's.
TYPES = {
    "gpt": [("h.*.attn.*", 1), ("h.*.mlp.c_fc.*", 0.8), ("h.*.weight", None)],
    "conv": [("*", 2, 4), ("*", None)],
    "autoencoder": [("*", None)],
}


def write_types(folder, task, rates, steps):
    """types-RATE.json: a rule for each kind, schedules and companions as symo train has them for a preset."""
    for rate in map(float, rates.split(",")):
        common = {"schedule": "linear" if task == "autoencoder" else "cosine", "total_steps": steps, "min_lr": 0}
        if task == "gpt":
            common.update(warmup_steps=steps // 10, clip_norm=1, weight_decay=0.1)
        rules = []
        for match, alpha, *order in TYPES[task]:
            rule = {"match": match, "min_order": order[0] if order else 2, "preset": "spectral-newton", **common,
                    "lr": rate}
            if alpha is not None:
                rule["alpha"] = alpha
            if task == "gpt":
                rule["min_lr"] = rate / 10
            rules.append(rule)
        rest = {"match": "*", "preset": "adamw", **common, "lr": rate}
        if task == "gpt":
            rest.update(lr=0.001, beta2=0.99, min_lr=0.0001)
        rules.append(rest)
        (folder / f"types-{rate:g}.json").write_text(json.dumps({"rules": rules}, indent=1))


def loss(run):
    return run["val_loss"] if run["val_loss"] is not None else math.inf


def points(folder):
    """{(optimizer, "key=value,..")}: (summary, folder) of its seeds, of a folder that symo sweep made."""
    found = {}
    for path in sorted(pathlib.Path(folder).glob("*/*/s*/summary.json")):
        optimizer, point = path.parts[-4:-2]
        found.setdefault((optimizer, point), []).append((json.load(open(path)), path.parent))
    return found


def rows(folder):
    """(name, {(optimizer, settings): runs}) of every row: an exponent for all, the rules by type, alpha=auto."""
    out = []
    fixed = points(folder / "fixed")
    alphas = sorted({p for k in fixed for p in k[1].split(",") if p.startswith("alpha=")}, key=lambda p: float(p[6:]))
    for alpha in alphas:
        out.append((alpha, {k: v for k, v in fixed.items() if alpha in k[1].split(",")}))
    for name in ("types", "auto"):
        if (folder / name).exists():
            out.append((name, points(folder / name)))
    return out


def best(some):
    return min(some, key=lambda k: loss(some[k][0][0]))


def rate_of(key):
    for part in key[1].split(","):
        if part.startswith("lr="):
            return float(part[3:])
    return float(key[0].removesuffix(".json").removeprefix("types-"))


def table(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
    print()


def measured(folder):
    """The exponents of a run at each measurement: {step: {tensor: (measured, used)}}."""
    found = {}
    for line in open(folder / "metrics.jsonl"):
        line = json.loads(line)
        if "alphas" in line:
            found[line["step"]] = line["alphas"]
    return found


def tables(folder):
    tuned = rows(folder)
    rates = sorted({rate_of(k) for _, some in tuned for k in some})
    lines = [["held back, seed 1", *(f"lr {rate:g}" for rate in rates)]]
    for name, some in tuned:
        by_rate = {rate_of(k): loss(v[0][0]) for k, v in some.items()}
        lines.append([name, *(f"{by_rate[rate]:.4f}" if rate in by_rate else "-" for rate in rates)])
    table(lines)
    lines = [["held back, seeds 101 to 103", "lr", "loss (range)", "training loss, last tenth"]]
    for name, some in tuned:
        runs = [r for r, _ in next(iter(points(folder / f"final-{name}").values()))]
        values = sorted(map(loss, runs))
        lines.append([name, f"{rate_of(best(some)):g}",
                      f"{statistics.mean(values):.4f} ({values[0]:.4f} to {values[-1]:.4f})",
                      f"{statistics.mean(r['smooth_loss'] for r in runs):.4f}"])
    table(lines)
    if not (folder / "final-auto").exists():
        return
    for _, where in next(iter(points(folder / "final-auto").values())):
        for step, alphas in measured(where).items():
            print(f"{where.name}, step {step}: " + ", ".join(f"{name} {a:g}" for name, a in alphas.items()))


def main(folder, what, *rest):
    folder = pathlib.Path(folder)
    if what == "types":
        write_types(folder, rest[0], rest[1], int(rest[2]))
    elif what == "best":
        for name, some in rows(folder):
            optimizer, settings = best(some)
            print(name, optimizer, settings.replace(",", " "))
    else:
        tables(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
