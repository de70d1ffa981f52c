"""Uses the `symo` command from another language, and checks every answer against numpy.

    python3 interop.py path/to/symo [directory for files]

Shows how little is needed: JSON for layouts, safetensors for tensors, .npy for matrices.  The checks are
sums over whole finite groups, written down as directly as possible.  Needs numpy and nothing else.
"""

import itertools
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np

# ---- files ---------------------------------------------------------------------------------------


def write_safetensors(path, tensors):
    """A length, a JSON header, then the numbers."""
    names = {np.dtype("float64"): "F64", np.dtype("float32"): "F32", np.dtype("float16"): "F16"}
    header, at = {}, 0
    for name, array in tensors.items():
        header[name] = {
            "dtype": names[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [at, at + array.nbytes],
        }
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(np.ascontiguousarray(array).tobytes())


def read_safetensors(path):
    types = {"F64": "<f8", "F32": "<f4"}
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        raw = data[8 + length + first : 8 + length + last]
        tensors[name] = np.frombuffer(raw, types[entry["dtype"]]).reshape(entry["shape"])
    return tensors


# ---- layouts, and the groups by brute force -----------------------------------------------------


def space(dim, group):
    return {"dim": dim, "group": group}


def layout_of(spaces, tensors, dtype=None):
    """tensors: "w1[h,in] b1[h]"."""
    rows = []
    for word in tensors.split():
        name, axes = word.rstrip("]").split("[")
        rows.append({"name": name, "axes": [a for a in axes.split(",") if a]})
    layout = {"spaces": spaces, "tensors": rows}
    if dtype:
        layout["dtype"] = dtype
    return layout


def shapes_of(layout):
    return {
        t["name"]: tuple(layout["spaces"][a]["dim"] for a in t["axes"]) for t in layout["tensors"]
    }


def flatten(tensors):
    return np.concatenate([np.asarray(t, float).ravel() for t in tensors.values()])


def split(layout, flat):
    tensors, at = {}, 0
    for name, shape in shapes_of(layout).items():
        size = int(np.prod(shape))
        tensors[name] = flat[at : at + size].reshape(shape)
        at += size
    return tensors


def draw(rng, layout, dtype=np.float64):
    return {name: rng.standard_normal(s).astype(dtype) for name, s in shapes_of(layout).items()}


def elements(dim, group):
    """Every element of a finite group, as a matrix."""
    permutations = [np.eye(dim)[list(p)] for p in itertools.permutations(range(dim))]
    signs = [np.diag(s) for s in itertools.product([1.0, -1.0], repeat=dim)]
    return {
        "identity": lambda: [np.eye(dim)],
        "permutation": lambda: permutations,
        "sign-flip": lambda: signs,
        "signed-permutation": lambda: [s @ p for s in signs for p in permutations],
    }[group]()


def representations(layout):
    """rho(g) over all parameters, for every g of the product of the groups."""
    names = list(layout["spaces"])
    lists = [elements(s["dim"], s["group"]) for s in layout["spaces"].values()]
    for choice in itertools.product(*lists):
        g = dict(zip(names, choice))
        blocks = []
        for tensor in layout["tensors"]:
            block = np.eye(1)
            for axis in tensor["axes"]:
                block = np.kron(block, g[axis])
            blocks.append(block)
        size = sum(len(b) for b in blocks)
        rho, at = np.zeros((size, size)), 0
        for block in blocks:
            rho[at : at + len(block), at : at + len(block)] = block
            at += len(block)
        yield rho


def average(layout, matrix):
    """1/|G| sum rho A rho'."""
    total, count = 0.0, 0
    for rho in representations(layout):
        total, count = total + rho @ matrix @ rho.T, count + 1
    return total / count


def mean(layout, vector):
    return np.mean([rho @ vector for rho in representations(layout)], axis=0)


# ---- the estimators, dense -----------------------------------------------------------------------


def power(matrix, p, cut=1e-12):
    w, v = np.linalg.eigh((matrix + matrix.T) / 2)
    keep = w > cut * max(w.max(), 1e-300)
    return (v[:, keep] * w[keep] ** p) @ v[:, keep].T


def h_pd(c_g, c_t):
    root, inverse = power(c_t, 0.5), power(c_t, -0.5)
    return inverse @ power(root @ c_g @ root, 0.5) @ inverse


def h_star(c_gt, c_t):
    w, v = np.linalg.eigh(c_t)
    right = v.T @ (c_gt + c_gt.T) @ v
    return v @ (right / (w[:, None] + w[None, :])) @ v.T


def without_coupling(layout, matrix):
    out, at = np.zeros_like(matrix), 0
    for shape in shapes_of(layout).values():
        block = slice(at, at + int(np.prod(shape)))
        out[block, block] = matrix[block, block]
        at = block.stop
    return out


# ---- running the command -------------------------------------------------------------------------


class Checker:
    def __init__(self, symo, folder):
        self.symo, self.folder = symo, pathlib.Path(folder)
        self.checks = self.failures = 0

    def path(self, name):
        return str(self.folder / name)

    def check(self, passed, what):
        self.checks += 1
        if not passed:
            self.failures += 1
            print("FAILED:", what)

    def close(self, got, wanted, what, tolerance=1e-10):
        got, wanted = np.asarray(got, float), np.asarray(wanted, float)
        if got.shape != wanted.shape:
            self.check(False, f"{what}: shape {got.shape}, not {wanted.shape}")
            return
        error = np.linalg.norm(got - wanted) / max(np.linalg.norm(wanted), 1e-300)
        self.check(error <= tolerance, f"{what}: off by {error:.2e}")  # NaN fails

    def run(self, *words):
        command = [self.symo] + [str(w) for w in words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.returncode}: {done.stderr}")
        return done.stdout

    def json(self, *words):
        return json.loads(self.run(*words, "--json"))

    def fails(self, code, parts, *words):
        command = [self.symo] + [str(w) for w in words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        what = f"{' '.join(command)}: exit {done.returncode}: {done.stderr!r}"
        self.check(done.returncode == code, f"{what}, expected {code}")
        self.check(done.stdout == "", f"{what}: something on stdout")
        lines = done.stderr.splitlines()
        self.check(len(lines) == 1 and lines[0].startswith("symo: error: "), what)
        for part in parts:
            self.check(part in done.stderr, f"{what}: no {part!r}")

    def write_layout(self, layout, name="layout.json"):
        pathlib.Path(self.path(name)).write_text(json.dumps(layout))
        return self.path(name)

    def write(self, name, tensors):
        write_safetensors(self.path(name), tensors)
        return self.path(name)

    def estimate(self, layout, grads, params, *words):
        """The dense matrix, the file of the structured one, and the answer."""
        files = ["--layout", self.write_layout(layout)]
        for i, grad in enumerate(grads):
            files += ["--grad", self.write(f"grad{i}.safetensors", grad)]
        for i, param in enumerate(params):
            files += ["--param", self.write(f"param{i}.safetensors", param)]
        out, dense = self.path("h.safetensors"), self.path("h.npy")
        answer = self.json("estimate", *files, *words, "--out", out, "--dense", dense)
        return np.load(dense), out, answer


# ---- what is checked -----------------------------------------------------------------------------

MLP = "w1[h,in] b1[h] w2[out,h] b2[out]"


def two_layer(group, hidden=3, dtype=None):
    spaces = {"in": space(3, "identity"), "h": space(hidden, group), "out": space(2, "identity")}
    return layout_of(spaces, MLP, dtype)


def finite_layouts():
    yield "B_3", two_layer("signed-permutation")
    yield "B_2", two_layer("signed-permutation", 2)
    yield "S_3", two_layer("permutation")
    yield "flips", two_layer("sign-flip")
    recurrent = {"h": space(3, "permutation"), "in": space(2, "identity")}
    yield "S_3 twice", layout_of(recurrent, "w[h,h] u[h,in] b[h]")
    recurrent = {"h": space(3, "signed-permutation"), "in": space(2, "identity")}
    yield "B_3 twice", layout_of(recurrent, "w[h,h] u[h,in] b[h] s[]")
    several = {"a": space(2, "permutation"), "b": space(3, "signed-permutation")}
    yield "S_2 x B_3", layout_of(several, "w[a,b] v[b,a] c[a,a,b] d[a]")


def check_estimators(t, rng):
    for name, layout in finite_layouts():
        # One gradient leaves C_g singular, where square roots halve the digits; many do not.
        check_estimates(t, rng, f"{name}, one gradient", layout, 1, 2e-6)
        check_estimates(t, rng, f"{name}, 12 gradients", layout, 12, 1e-9)
        grad = draw(rng, layout)
        g = flatten(grad) - mean(layout, flatten(grad))
        got, _, _ = t.estimate(layout, [grad], [], "--estimator", "covariance", "--centered")
        t.close(got, average(layout, np.outer(g, g)), f"{name}: centered")


def check_estimates(t, rng, name, layout, count, tolerance):
    grads, param = [draw(rng, layout) for _ in range(count)], draw(rng, layout)
    theta = flatten(param)
    c_g = average(layout, sum(np.outer(flatten(g), flatten(g)) for g in grads))
    c_t = average(layout, count * np.outer(theta, theta))
    c_gt = average(layout, np.outer(sum(flatten(g) for g in grads), theta))
    damped = c_t + 0.1 * np.eye(len(theta))
    wanted = {
        "covariance": c_g,
        "h-g": power(c_g, 0.5),
        "h-g-bd": power(without_coupling(layout, c_g), 0.5),
        "h-pd": h_pd(c_g, damped),
        "h-star": h_star(c_gt, damped),
    }
    for estimator, matrix in wanted.items():
        damping = ["--damping", 0.1] if estimator in ("h-pd", "h-star") else []
        got, _, answer = t.estimate(layout, grads, [param], "--estimator", estimator, *damping)
        t.close(got, matrix, f"{name}: {estimator}", tolerance)
        t.close(answer["trace"], np.trace(got), f"{name}: trace of {estimator}")
        t.check(answer["parameters"] == len(theta), f"{name}: number of parameters")


def check_per_tensor_roots(t, rng):
    """h-g-bd of a matrix that the group moves from the left is (G'G/n)^{1/2} on every row."""
    layout = layout_of({"h": space(6, "orthogonal"), "in": space(3, "identity")}, "w[h,in] b[h]")
    grad, param = draw(rng, layout), draw(rng, layout)
    got, _, _ = t.estimate(layout, [grad], [], "--estimator", "h-g-bd")
    w, b = grad["w"], grad["b"]
    t.close(got[:18, :18], np.kron(np.eye(6), power(w.T @ w / 6, 0.5)), "h-g-bd of w")
    t.close(got[18:, 18:], np.eye(6) * np.sqrt(b @ b / 6), "h-g-bd of b")
    t.check(not got[:18, 18:].any(), "h-g-bd couples tensors")
    alone = layout_of({"h": space(6, "orthogonal"), "in": space(3, "identity")}, "w[h,in]")
    grad, param = {"w": w}, {"w": param["w"]}
    got, _, _ = t.estimate(alone, [grad], [param], "--estimator", "h-g", "--scale")
    scale = np.sqrt(np.trace(param["w"].T @ param["w"] / 6) / 3)
    t.close(got, np.kron(np.eye(6), power(w.T @ w / 6, 0.5)) / scale, "h-g --scale")


def check_operations(t, rng):
    for group, words in (("signed-permutation", []), ("permutation", ["--centered"])):
        layout = two_layer(group, 3)
        grads = [draw(rng, layout) for _ in range(4)]
        dense, hessian, _ = t.estimate(layout, grads, [], "--estimator", "h-g", *words)
        check_applications(t, rng, layout, dense, hessian)
        check_info(t, dense, hessian)


def check_applications(t, rng, layout, dense, hessian):
    vector = draw(rng, layout)
    v, n = flatten(vector), len(dense)
    source, target = t.write("v.safetensors", vector), t.path("u.safetensors")

    def apply(*words):
        t.run("apply", "--hessian", hessian, "--in", source, "--out", target, "--op", *words)
        return flatten(read_safetensors(target))

    damped = dense + 0.3 * np.eye(n)
    t.close(apply("matvec"), dense @ v, "matvec")
    t.close(apply("matvec", "--damping", 0.3), damped @ v, "damped matvec")
    u = apply("solve", "--damping", 0.3)
    t.check(np.linalg.norm(damped @ u - v) <= 1e-11 * np.linalg.norm(v), "residual of solve")
    t.close(apply("solve"), power(dense, -1) @ v, "pseudo-inverse", 1e-7)
    t.close(apply("sqrt"), power(dense, 0.5) @ v, "sqrt", 1e-7)
    t.close(apply("sqrt", "--damping", 0.3), power(damped, 0.5) @ v, "damped sqrt")
    t.close(apply("invsqrt", "--damping", 0.3), power(damped, -0.5) @ v, "invsqrt")
    t.close(apply("power", "--power", -0.25, "--damping", 0.3), power(damped, -0.25) @ v, "power")
    for i in range(0, n, 7):
        source = t.write("v.safetensors", split(layout, np.eye(n)[i]))
        t.close(apply("matvec"), dense[:, i], f"column {i}")


def check_info(t, dense, hessian):
    info = t.json("info", "--hessian", hessian, "--damping", 0.3)
    values = np.repeat(info["eigenvalues"], info["multiplicities"])
    wanted = np.linalg.eigvalsh(dense)
    t.close(values, wanted, "eigenvalues", 1e-7)
    t.close(info["trace"], np.trace(dense), "trace")
    t.close(info["frobenius"], np.linalg.norm(dense), "Frobenius norm")
    logdet = np.linalg.slogdet(dense + 0.3 * np.eye(len(dense)))[1]
    t.close(info["logdet_damped"], logdet, "damped logdet")
    t.check(info["rank"] == np.linalg.matrix_rank(dense, tol=1e-10), "rank")
    full = info["rank"] == len(dense)
    t.check(full == (info["condition_number"] is not None), "condition number")
    t.check(sum(info["multiplicities"]) == len(dense), "multiplicities")
    t.check("trace" in t.run("info", "--hessian", hessian), "info in words")


def check_single(t, rng):
    layout = two_layer("signed-permutation", 3, "f32")
    grad = draw(rng, layout, np.float32)
    g = flatten(grad)
    got, hessian, answer = t.estimate(layout, [grad], [], "--estimator", "covariance")
    t.check(answer["dtype"] == "f32", "dtype of the layout")
    t.close(got, average(layout, np.outer(g, g)), "covariance in float32", 1e-6)
    target = t.path("u.safetensors")
    t.run("apply", "--hessian", hessian, "--op", "matvec", "--in", t.path("grad0.safetensors"),
          "--out", target)
    t.check(read_safetensors(target)["w1"].dtype == np.float32, "float32 stays float32")
    half = {name: array.astype(np.float16) for name, array in grad.items()}
    got, _, _ = t.estimate(layout, [half], [], "--estimator", "covariance")
    g = flatten(half)
    t.close(got, average(layout, np.outer(g, g)), "covariance from float16", 1e-6)


def check_descriptions(t):
    names = [g["name"] for g in t.json("groups")["groups"]]
    for name in ("identity", "permutation", "signed-permutation", "sign-flip", "orthogonal"):
        t.check(name in names, f"group {name}")
    for name, layout in finite_layouts():
        for coupling in ("coupled", "blocked"):
            answer = t.json("layout", "--layout", t.write_layout(layout), "--coupling", coupling)
            labels, what = answer["labels"], f"{name}, {coupling}"
            size = sum(l["dim"] * l["count"] * l["multiplicity"] for l in labels)
            t.check(size == answer["parameters"], f"{what}: labels fill the parameters")
            stored = sum(l["count"] * l["multiplicity"] * (l["multiplicity"] + 1) // 2
                         for l in labels)
            t.check(stored == answer["stored_numbers"], f"{what}: stored numbers")
            if coupling == "blocked":
                t.check(all(len(l["tensors"]) == 1 for l in labels), f"{what}: one tensor each")
    text = "in: identity 20; h: signed-permutation 64; out: identity 5; " + MLP
    answer = t.json("layout", "--layout", text)
    t.check(answer["parameters"] == 20 * 64 + 64 + 5 * 64 + 5, "short notation")
    moved = [l for l in answer["labels"] if l["dim"] == 64]
    t.check(len(moved) == 1 and moved[0]["multiplicity"] == 26, "the label of hidden units")


def check_verify(t):
    orthogonal = two_layer("orthogonal", 4)
    recurrent = layout_of({"h": space(4, "orthogonal"), "in": space(2, "identity")},
                          "w[h,h] u[h,in] b[h]")
    for name, layout in [*finite_layouts(), ("O(4)", orthogonal), ("O(4) twice", recurrent)]:
        path = t.write_layout(layout)
        answer = t.json("verify", "--layout", path, "--samples", 600, "--seed", 7)
        what = f"{name}: {answer['largest_deviation']}"
        t.check(answer["pass"] and answer["largest_deviation"] <= 5, what)
        pairs = len(layout["tensors"]) * (len(layout["tensors"]) + 1) // 2
        t.check(len(answer["blocks"]) == pairs, f"{name}: blocks")


def sgd(p, g, s, t, lr=1e-3, momentum=0.0, wd=0.0):
    s["m"] = momentum * s.get("m", 0.0) + g + wd * p
    return p - lr * s["m"]


def adamw(p, g, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, wd=0.01):
    s["m"] = betas[0] * s.get("m", 0.0) + (1 - betas[0]) * g
    s["v"] = betas[1] * s.get("v", 0.0) + (1 - betas[1]) * g * g
    m, v = s["m"] / (1 - betas[0] ** t), s["v"] / (1 - betas[1] ** t)
    return p * (1 - lr * wd) - lr * m / (np.sqrt(v) + eps)


def muon(p, g, s, t, lr=0.02, b=0.95):
    if p.ndim < 2:
        return adamw(p, g, s, t, 3e-4, (0.9, 0.95), 1e-10, 0.0)
    s["m"] = b * s.get("m", 0.0) + (1 - b) * g
    x = (1 - b) * g + b * s["m"]
    x = x / np.linalg.norm(x)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
    return p - lr * np.sqrt(max(1, p.shape[0] / p.shape[1])) * x


def check_steps(t, rng):
    """Chains of five steps through files against the rules as published."""
    check_rule(t, rng, "sgd", [], sgd, {})
    check_rule(t, rng, "sgd", ["lr=0.1", "momentum=0.9", "weight_decay=0.2"], sgd,
               {"lr": 0.1, "momentum": 0.9, "wd": 0.2})
    check_rule(t, rng, "adamw", [], adamw, {})
    check_rule(t, rng, "adamw", ["betas=0.8,0.9", "lr=0.01", "weight_decay=0", "eps=1e-3"], adamw,
               {"betas": (0.8, 0.9), "lr": 0.01, "wd": 0, "eps": 1e-3})
    check_rule(t, rng, "muon", [], muon, {})
    check_rule(t, rng, "muon", ["lr=0.1", "rules.1.weight_decay=0"], muon, {"lr": 0.1})


def check_rule(t, rng, name, settings, rule, options):
    layout = two_layer("signed-permutation", 5)
    params = draw(rng, layout)
    states = {key: {} for key in params}
    p, s = t.write("p.safetensors", params), t.path("s.safetensors")
    words = ["--layout", t.write_layout(layout), "--optimizer", name, "--param", p]
    words += [word for setting in settings for word in ("--set", setting)]
    for step in range(1, 6):
        grad = draw(rng, layout)
        params = {k: rule(params[k], grad[k], states[k], step, **options) for k in params}
        state = ["--state", s] if step > 1 else []
        answer = t.json("step", *words, "--grad", t.write("g.safetensors", grad), *state,
                        "--out-param", p, "--out-state", s)
        t.check(answer["step"] == step and answer["accepted"], f"{name}: step {step}")
    got = read_safetensors(p)
    t.close(flatten({k: got[k] for k in params}), flatten(params), f"{name} {settings}", 1e-12)


def check_errors(t, rng):
    layout = two_layer("signed-permutation", 3)
    grad = draw(rng, layout)
    path, good = t.write_layout(layout), t.write("g.safetensors", grad)

    def estimate(code, parts, file, *words):
        t.fails(code, parts, "estimate", "--layout", path, "--grad", file, "--estimator", "h-g",
                *words)

    broken = {name: array.copy() for name, array in grad.items()}
    broken["w2"][1, 2] = np.nan
    estimate(3, ["nan.safetensors", "w2"], t.write("nan.safetensors", broken))
    broken["w2"][1, 2] = -np.inf
    estimate(3, ["w2"], t.write("nan.safetensors", broken))
    wrong = dict(grad, w1=grad["w1"][:, :2].copy())
    estimate(3, ["shape.safetensors", "w1"], t.write("shape.safetensors", wrong))
    extra = dict(grad, w9=grad["b1"])
    estimate(3, ["w9"], t.write("extra.safetensors", extra))
    missing = {name: grad[name] for name in ("w1", "w2", "b2")}
    estimate(3, ["b1"], t.write("missing.safetensors", missing))
    data = pathlib.Path(good).read_bytes()
    for length in (0, 5, 8, 40, len(data) - 8):
        cut = t.path("cut.safetensors")
        pathlib.Path(cut).write_bytes(data[:length])
        estimate(3, ["cut.safetensors"], cut)
    estimate(4, ["nowhere.safetensors"], t.path("nowhere.safetensors"))
    estimate(4, ["no-folder"], good, "--out", t.path("no-folder/h.safetensors"))
    t.fails(2, ["--param"], "estimate", "--layout", path, "--grad", good, "--estimator", "h-pd")
    t.fails(2, ["h-pd"], "estimate", "--layout", path, "--grad", good, "--estimator", "h-pq")
    unknown = json.loads(json.dumps(layout))
    unknown["spaces"]["h"]["group"] = "signed-permutaton"
    bad = t.write_layout(unknown, "bad.json")
    t.fails(3, ["signed-permutaton"], "layout", "--layout", bad)
    unknown = dict(layout, flavour=1)
    t.fails(3, ["flavour"], "layout", "--layout", t.write_layout(unknown, "bad.json"))
    t.fails(3, ["available", "symo apply"], "estimate", "--layout", "a: identity 4000000; w[a]",
            "--grad", good, "--estimator", "h-g", "--dense", t.path("huge.npy"))
    t.check(not (t.folder / "huge.npy").exists(), "a refused matrix leaves no file")
    t.check(not list(t.folder.glob(".symo*")), "temporary files were left")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as scratch:
        t = Checker(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else scratch)
        rng = np.random.default_rng(20240607)
        check_descriptions(t)
        check_estimators(t, rng)
        check_per_tensor_roots(t, rng)
        check_operations(t, rng)
        check_single(t, rng)
        check_verify(t)
        check_steps(t, rng)
        check_errors(t, rng)
        print(f"{t.checks} checks, {t.failures} failed")
        sys.exit(1 if t.failures else 0)


if __name__ == "__main__":
    main()
