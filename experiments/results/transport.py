"""An estimate made at width 32 preconditions width 256.  Needs numpy and the Python package (python/).

    transport.py SYMO WORK LIBRARY SCALE..     SYMO: the command; WORK: a folder for its files; LIBRARY:
                                               libsymo.so

Teacher and data are the same at both widths.  For each weight scale and seed: the estimate h-g from one
gradient at width 32, moved to width 256, beside the one from one gradient there: cosine with |H|, the
decrease of the loss by the best damped step as a share of that by |H|, and the loss after 30
steps of one fixed preconditioner, damping and rate being the best of one grid for each."""
import os
import statistics
import subprocess
import sys

import numpy as np

command, work, os.environ["SYMO_LIBRARY"] = sys.argv[1:4]
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../python"))
import symo  # noqa: E402


def run(*arguments):
    subprocess.run([command, *arguments], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def load(folder, hidden):
    x, y = np.load(f"{folder}/data-x.npy"), np.load(f"{folder}/data-y.npy")
    return x, y, hidden


def value(theta, data, gradient=False):
    """Loss (and gradient) of 3-h-2 without biases, tanh, squared error: |f - y|^2 / (2 N)."""
    x, y, h = data
    w1, w2 = theta[:3 * h].reshape(h, 3), theta[3 * h:].reshape(2, h)
    a = np.tanh(x @ w1.T)
    r = a @ w2.T - y
    loss = 0.5 * np.sum(r * r) / len(x)
    if not gradient:
        return loss
    r = r / len(x)
    d = (r @ w2) * (1 - a * a)
    return loss, np.concatenate([(d.T @ x).ravel(), (r.T @ a).ravel()])


def cosine(a, b):
    return np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b)


GRID = [10.0 ** k for k in range(-5, 2)]


def best_step(values, vectors, theta, g, data, loss):
    """The largest decrease by (A + damping) s = g, A = V diag V', damping in units of its largest."""
    best = 0.0
    for damping in GRID:
        s = vectors @ ((vectors.T @ g) / (values + damping * values.max()))
        for rate in (0.25, 0.5, 1.0, 2.0):
            best = max(best, loss - value(theta - rate * s, data))
    return best


def descend(values, vectors, theta, data, steps=30):
    """The least loss after steps with one preconditioner, over dampings and rates."""
    best = np.inf
    for damping in GRID:
        for rate in (0.03, 0.1, 0.3):
            t = theta.copy()
            for _ in range(steps):
                loss, g = value(t, data, True)
                if not np.isfinite(loss) or loss > 1e3:
                    break
                t -= rate * (vectors @ ((vectors.T @ g) / (values + damping * values.max())))
            loss = value(t, data)
            best = min(best, loss if np.isfinite(loss) else np.inf)
    return best


def measure(scale, seed):
    folders = {}
    for h in (32, 256):
        folders[h] = f"{work}/{scale}-{seed}-{h}"
        run("compare", "--data", "teacher:3-64-2", "--net", f"3-{h}-2", "--no-bias", "--init-scale", str(scale),
            "--seed", str(seed), "--no-plots", "--out", folders[h])
        run("estimate", "--layout", f"{folders[h]}/layout.json", "--grad",
            f"{folders[h]}/grad.safetensors", "--estimator", "h-g", "--out", f"{folders[h]}/h.safetensors")
    moved = f"{folders[256]}/moved.safetensors"
    run("transport", "--hessian", f"{folders[32]}/h.safetensors", "--layout",
        f"{folders[256]}/layout.json", "--out", moved)
    data = load(folders[256], 256)
    hessian = np.load(f"{folders[256]}/hessian.npy")
    theta = np.concatenate([np.ravel(t) for t in symo_tensors(f"{folders[256]}/theta.safetensors")])
    loss, g = value(theta, data, True)
    w, v = np.linalg.eigh(hessian)
    absolute = (v * abs(w)) @ v.T
    matrices = {"|H|": absolute, "there": symo.Hessian.load(f"{folders[256]}/h.safetensors").to_dense(),
                "moved": symo.Hessian.load(moved).to_dense(), "identity": np.eye(len(g))}
    spectra = {k: np.linalg.eigh(m) for k, m in matrices.items()}
    full = best_step(*spectra["|H|"], theta, g, data, loss)
    row = {"between": cosine(matrices["there"], matrices["moved"])}
    for k, m in matrices.items():
        row["cosine " + k] = cosine(m, absolute)
        row["step " + k] = best_step(*spectra[k], theta, g, data, loss) / full
        row["after " + k] = descend(*spectra[k], theta, data)
    return row


def symo_tensors(path):
    import json
    with open(path, "rb") as f:
        n = int.from_bytes(f.read(8), "little")
        head = json.loads(f.read(n))
        rest = f.read()
    for name in ("w1", "w2"):
        a, b = head[name]["data_offsets"]
        yield np.frombuffer(rest[a:b], "<f8" if head[name]["dtype"] == "F64" else "<f4")


print("medians over 3 seeds; made at width 32 and moved, or made there, at width 256")
print("%-8s%-22s%-28s%-34s%s" % ("scale", "cosine moved, there", "cosine with |H|: moved, there, I",
                                 "  best step / |H|'s: moved, there, I", "  loss after 30 steps: moved, there, I, |H|"))
for scale in map(float, sys.argv[4:]):
    rows = [measure(scale, seed) for seed in range(1, 4)]
    m = {k: statistics.median(r[k] for r in rows) for k in rows[0]}
    print("%-8g%-22.3f%-32s%-38s%s" % (
        scale, m["between"], "%.3f %.3f %.3f" % tuple(m["cosine " + k] for k in ("moved", "there", "identity")),
        "%.2f %.2f %.2f" % tuple(m["step " + k] for k in ("moved", "there", "identity")),
        "%.3g %.3g %.3g %.3g" % tuple(m["after " + k] for k in ("moved", "there", "identity", "|H|"))))
