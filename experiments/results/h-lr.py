"""Cosine with |H| over training, all estimators, four networks: reads the results.json of four sweeps
of symo compare and writes one picture by gnuplot.  h-lr.py OUT.png TITLE=RESULTS.json ..."""

import json
import statistics
import subprocess
import sys

ROWS = [  # name, colour, width, dash
    ("h-lr-all", "#d55e00", 4, 1),
    ("h-lr", "#d55e00", 2, 2),
    ("h-lr-exact", "#d55e00", 1.5, 3),
    ("reynolds-abs", "#000000", 1.5, 3),
    ("h-probes", "#e69f00", 2, 1),
    ("h-g-bd", "#009e73", 2, 1),
    ("kfac", "#0072b2", 2, 1),
    ("ekfac", "#56b4e9", 2, 1),
    ("shampoo-root", "#cc79a7", 2, 1),
    ("diagonal", "#8060a0", 2, 4),
    ("identity", "#999999", 1.5, 4),
]


def curves(path):
    """{row: [(steps, median cosine)]}"""
    out = {name: [] for name, *_ in ROWS}
    for point in json.load(open(path))["sweep"]["points"]:
        result = point["result"]
        runs = result.get("runs", [result])
        for name in out:
            values = [
                e["cosine_abs_hessian"]
                for r in runs
                for e in r["estimators"]
                if e["name"] == name and e["cosine_abs_hessian"] is not None
            ]
            out[name].append((point["value"], statistics.median(values)))
    return out


def main(target, *panels):
    script = [
        "set terminal pngcairo size 1240,900 font 'sans,12'",
        f"set output '{target}'",
        "set multiplot layout 2,2 title 'Cosine with |H| over training'",
        "set xrange [0:3.05]",
        "set yrange [0:1.02]",
        "set grid lc rgb '#e4e4e4' lt 1 lw 0.6",
        "set xtics ('0' 0, '10' 1.04, '100' 2.0, '300' 2.48, '1000' 3.0)",
        "set xlabel 'steps of training'",
    ]
    for i, panel in enumerate(panels):
        title, path = panel.split("=", 1)
        data = curves(path)
        script.append(f"set title '{title}'")
        script.append("set key outside right samplen 1.5" if i % 2 else "unset key")
        plots = []
        for name, colour, width, dash in ROWS:
            block = f"$d{i}_{name.replace('-', '_')}"
            script.append(f"{block} << EOD")
            script += [f"{x} {y}" for x, y in data[name]]
            script.append("EOD")
            plots.append(
                f"{block} using (log10(1 + $1)):2 with linespoints pt 7 ps 0.6 lw {width} dt {dash} "
                f"lc rgb '{colour}' title '{name}'"
            )
        script.append("plot " + ", ".join(plots))
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
