"""Tables of spectral-newton.sh: python3 spectral-newton.py FOLDER best|tables|rules RATES SETTING..."""

import json
import pathlib
import statistics
import sys


def points(folder):
    """{(optimizer, "key=value,..")}: summaries of its seeds, of a folder that symo sweep made."""
    found = {}
    for path in sorted(pathlib.Path(folder).glob("*/*/s*/summary.json")):
        optimizer, point = path.parts[-4:-2]
        found.setdefault((optimizer, point), []).append(json.load(open(path)))
    return found


def loss(runs):
    values = [r["val_loss"] if r["val_loss"] is not None else float("inf") for r in runs]
    return statistics.mean(values)


def best(found, optimizer=None, part=""):
    some = {k: v for k, v in found.items()
            if (optimizer in (None, k[0])) and part in ("", *k[1].split(","))}
    return min(some, key=lambda k: loss(some[k]))


def rows(folder):
    """What gets fresh seeds: (name, optimizer, settings)."""
    tune, alphas, measured = (points(folder / name) for name in ("tune", "alphas", "measured"))
    out = [(o, o, best(tune, o)[1]) for o in ("adamw", "muon", "symo", "spectral-newton")]
    out.append(("sweep", "spectral-newton", best(alphas)[1]))
    if any("alpha=2" in k[1].split(",") for k in alphas):
        out.append(("two", "spectral-newton", best(alphas, part="alpha=2")[1]))
    out.append(("measured", f"{best(measured)[0]}.json", ""))
    return out


def value(text):
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def write_rules(folder, rates, settings):
    """measured-RATE.json: measured.json at each rate, with settings of all rules, adamw.KEY of adamw's alone."""
    for rate in rates.split(","):
        rules = json.load(open(folder / "measured.json"))["rules"]
        for rule in rules:
            own = {"lr": float(rate)}
            for key, text in (setting.split("=") for setting in settings):
                if key.startswith("adamw."):
                    if rule["preset"] == "adamw":
                        own[key[6:]] = value(text)
                else:
                    own[key] = value(text)
            if own.get("min_lr") == "lr/10":
                own["min_lr"] = own["lr"] / 10
            rule.update(own)
        json.dump({"rules": rules}, open(folder / f"measured-{rate}.json", "w"), indent=1)


def table(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
    print()


def main(folder, what, *rest):
    folder = pathlib.Path(folder)
    if what == "rules":
        write_rules(folder, rest[0], rest[1:])
        return
    if what == "best":
        for name, optimizer, settings in rows(folder):
            print(name, optimizer, settings.replace(",", " "))
        return
    titles = {"spectral-newton": "spectral-newton, as many points",
              "sweep": "spectral-newton, best alpha of the sweep", "two": "spectral-newton, alpha 2",
              "measured": "spectral-newton, alpha as measured"}
    lines = [["held back, seeds 101 to 103", "settings", "loss", "accuracy %", "training loss, last tenth"]]
    for name, optimizer, settings in rows(folder):
        runs = next(iter(points(folder / f"final-{name}").values()))
        spread = [r["val_loss"] for r in runs]
        settings = settings or "lr=" + optimizer[9:-5]
        accuracy = [r["val_accuracy"] for r in runs]
        lines.append([titles.get(name, name), settings,
                      f"{statistics.mean(spread):.4f} ({min(spread):.4f} to {max(spread):.4f})",
                      f"{100 * statistics.mean(accuracy):.1f}" if None not in accuracy else "-",
                      f"{statistics.mean(r['smooth_loss'] for r in runs):.4f}"])
    table(lines)

    tune = points(folder / "tune")
    lines = [["tuning, seed 1", "held back loss of each point"]]
    for optimizer in ("adamw", "muon", "symo", "spectral-newton"):
        some = [(k[1], loss(v)) for k, v in tune.items() if k[0] == optimizer]
        lines.append([optimizer, "; ".join(f"{k} {x:.3f}" for k, x in some)])
    table(lines)

    alphas = points(folder / "alphas")
    keys = sorted({tuple(sorted(k[1].split(","))) for k in alphas})
    rates = sorted({k[1] for k in keys}, key=lambda x: float(x.split("=")[1]))
    exponents = sorted({k[0] for k in keys}, key=lambda x: float(x.split("=")[1]))
    by_key = {tuple(sorted(k[1].split(","))): loss(v) for k, v in alphas.items()}
    lines = [["exponent, seed 1", *rates]]
    for exponent in exponents:
        lines.append([exponent, *(f"{by_key[(exponent, rate)]:.4f}" for rate in rates)])
    by_rate = {k[0][9:]: loss(v) for k, v in points(folder / "measured").items()}
    lines.append(["as measured", *(f"{by_rate[rate[3:]]:.4f}" for rate in rates)])
    table(lines)
    rules = json.load(open(folder / "measured.json"))["rules"]
    print("measured early: " + ", ".join(f"{r['match']} {r.get('alpha', '-')}" for r in rules[:-1]))


if __name__ == "__main__":
    main(*sys.argv[1:])
