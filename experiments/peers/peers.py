"""The same work by libsymo and by the programs that people use for it, in one run.

    python3 peers.py [--turns N] [--train STEPS] [--symo FILE] [--library FILE] [--out FILE.md]

One thread everywhere, same sizes, random numbers of the same kind.  Each row takes its two sides in
turn, so that both see the same machine; shown are the medians over the turns, and the median and range
of the ratios of neighbouring turns.  Times are those of the processor, to which other programs add
little.  A peer that cannot be imported is left out with its name.  --train adds trainings of
nanoGPT's model, 3 seeds each.  `run.sh` installs the peers into an environment of their own.
"""

import argparse
import importlib
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_ENABLE_X64"] = "1"
warnings.filterwarnings("ignore", category=FutureWarning)
sys.path.insert(0, str(ROOT / "experiments" / "results"))

ROWS, MISSING = [], []


def have(module):
    try:
        return importlib.import_module(module)
    except ImportError:
        MISSING.append(module)
        return None


def seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start


def row(what, peer, theirs, ours, turns, better="peer's time over ours"):
    """theirs and ours: functions that give a number."""
    print(f"{what}: {peer}", file=sys.stderr)
    theirs(), ours()  # caches, compilers
    pairs = [(theirs(), ours()) for _ in range(turns)]
    ratios = sorted(a / b for a, b in pairs)
    ROWS.append((what, peer, statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs),
                 statistics.median(ratios), ratios[0], ratios[-1], better))


def bench(symo, subject, only, name):
    """Seconds of a row of symo bench."""
    line = [symo, "bench", subject, "--only", only, "--threads", "1", "--repeats", "3", "--json"]
    rows = json.loads(subprocess.run(line, check=True, capture_output=True).stdout)["rows"]
    found = [r for r in rows if r["name"].endswith(name)]
    return found[0]["figure"] * {"s": 1, "ms": 1e-3}[found[0]["unit"]]


# ---- exact Hessians ----


def hessians(symo, turns):
    def ours():
        return bench(symo, "hessian", "64-32-10 f64, 1", "time")

    what = "exact Hessian, 64-32-10, 1,797 examples, float64"
    torch, jax = have("torch"), have("jax")
    if torch:
        x, y = torch.randn(1797, 64, dtype=torch.float64), torch.randint(10, (1797,))
        theta = 0.1 * torch.randn(64 * 32 + 32 + 32 * 10 + 10, dtype=torch.float64)

        def loss(t):
            h = torch.tanh(x @ t[:2048].view(32, 64).T + t[2048:2080])
            return torch.nn.functional.cross_entropy(h @ t[2080:2400].view(10, 32).T + t[2400:], y)

        hessian = torch.func.hessian(loss)
        row(what, "torch.func.hessian", lambda: seconds(lambda: hessian(theta)), ours, min(turns, 3))
    if jax:
        jnp = jax.numpy
        key = jax.random.PRNGKey(1)
        x = jax.random.normal(key, (1797, 64))
        y = jax.random.randint(key, (1797,), 0, 10)
        theta = 0.1 * jax.random.normal(key, (2410,))

        def loss(t):
            h = jnp.tanh(x @ t[:2048].reshape(32, 64).T + t[2048:2080])
            f = jax.nn.log_softmax(h @ t[2080:2400].reshape(10, 32).T + t[2400:])
            return -jnp.mean(f[jnp.arange(1797), y])

        hessian = jax.jit(jax.hessian(loss))
        row(what, "jax.hessian, compiled", lambda: seconds(lambda: hessian(theta).block_until_ready()), ours,
            min(turns, 3))


# ---- products and factors ----


def products(symo, turns):
    torch, peer = have("torch"), have("curvlinops")
    if not (torch and peer):
        return
    nn = torch.nn
    net = nn.Sequential(nn.Linear(64, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, 10))
    loss = nn.CrossEntropyLoss()
    data = [(torch.randn(1797, 64), torch.randint(10, (1797,)))]
    params = [p for p in net.parameters() if p.requires_grad]
    size = sum(p.numel() for p in params)
    v = torch.randn(size)

    def gradient():
        torch.autograd.grad(loss(net(data[0][0]), data[0][1]), params)

    def least(work):
        return min(seconds(work) for _ in range(5))

    case = "64-128-128-10"

    def own(name):
        return bench(symo, "curvature", case, ", " + name)

    row(f"gradient, {case}, 1,797 examples, float32", "torch", lambda: least(gradient), lambda: own("gradient"), turns)
    for kind, name in (("Hessian", "Hessian product"), ("GGN", "Gauss-Newton product")):
        operator = getattr(peer, kind + "LinearOperator")(net, loss, params, data, check_deterministic=False)
        row(f"{name}, the same network", f"curvlinops {peer_version('curvlinops-for-pytorch')}",
            lambda: least(lambda: operator @ v), lambda: own(name), turns)
        row(f"{name}, in gradients of its own", "curvlinops",
            lambda: least(lambda: operator @ v) / least(gradient),
            lambda: own(name) / own("gradient"), turns, "peer's over ours")


def peer_version(name):
    from importlib.metadata import version

    return version(name)


# ---- steps of optimizers ----


def steps(library, turns):
    import ctypes

    torch, heavyball = have("torch"), have("heavyball")
    if not torch:
        return
    from matrices import Symo, layout, shapes

    torch.set_num_threads(1)
    lib = ctypes.CDLL(library)
    lib.symo_set_threads(1)
    grads = [torch.randn(s) * torch.logspace(0, -3, s[1]) for s in shapes(4, 128)]

    def parameters():
        out = [torch.randn_like(g).requires_grad_() for g in grads]
        for p, g in zip(out, grads):
            p.grad = g.clone()
        return out

    def of_step(step, count=10):
        def mean():
            return seconds(lambda: [step() for _ in range(count)]) / count

        return mean

    def ours(method):
        params = [p.detach().clone() for p in parameters()]
        optimizer = Symo(lib, layout(4, 128, 4), method, params, grads, 1)
        optimizer.kept = params  # the library has pointers to them
        return of_step(optimizer.step)

    what = "step on the matrices of GPT 4 x 128"
    fused = torch.optim.AdamW(parameters(), fused=True)
    row(f"adamw, {what}", "torch.optim.AdamW, fused", of_step(fused.step), ours("adamw"), turns)
    muon = torch.optim.Muon(parameters(), lr=0.02, momentum=0.95)
    row(f"muon, {what}", "torch.optim.Muon (bfloat16)", of_step(muon.step), ours("muon"), turns)
    row(f"symo, {what}", "torch.optim.Muon (bfloat16)", of_step(muon.step), ours("symo"), turns)
    if heavyball:
        heavyball.utils.compile_mode = "default"  # the search for the fastest kernels takes minutes

        def theirs(make):
            # heavyball takes the gradients with the step
            params = parameters()
            optimizer = make(params)

            def step():
                for p, g in zip(params, grads):
                    p.grad = g.clone()
                optimizer.step()

            return of_step(step)

        version = peer_version("heavyball")
        row(f"muon, {what}", f"heavyball.Muon {version}", theirs(lambda p: heavyball.Muon(p)), ours("muon"),
            turns)
        row(f"soap, bases every 10 steps, {what}", f"heavyball.SOAP {version}",
            theirs(lambda p: heavyball.SOAP(p, precondition_frequency=10, use_precond_schedule=False)),
            ours("soap refresh_every=10"), turns)


# ---- a composed second-order step ----


def gauss_newton_step(symo, turns):
    """Gauss-Newton, cross-entropy, 10 iterations of conjugate gradients; 128 examples of 64 numbers, 10 classes."""
    jax, somax = have("jax"), have("somax")
    if not (jax and somax):
        return
    np, jnp = have("numpy"), jax.numpy
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((128, 64)).astype("float32"), rng.integers(10, size=128)
    sizes = (64, 128, 128, 10)
    params = [(jnp.asarray(rng.standard_normal((a, b)) / a**0.5, "float32"), jnp.zeros(b, "float32"))
              for a, b in zip(sizes, sizes[1:])]

    def predict(params, x):
        for i, (weights, bias) in enumerate(params):
            x = x @ weights + bias
            x = jnp.tanh(x) if i < len(params) - 1 else x
        return x

    # Tolerance 0: never before the tenth iteration.
    method = somax.sgn_ce(predict_fn=predict, lam0=0.1, tol=0.0, maxiter=10, learning_rate=0.3)
    batch, key = {"x": jnp.asarray(x), "y": jnp.asarray(y)}, jax.random.PRNGKey(0)
    now = [params, method.init(params)]
    step = jax.jit(method.step)

    def theirs(count=20):
        def steps():
            for _ in range(count):
                now[0], now[1], _ = step(now[0], batch, now[1], key)
            jax.block_until_ready(now[0])

        return min(seconds(steps) for _ in range(3)) / count

    def ours():
        with tempfile.TemporaryDirectory() as folder:
            data = os.path.join(folder, "data.csv")
            rows = np.column_stack([x, y])
            rows = np.vstack([rows, rows[:32]])  # 32 are held back
            np.savetxt(data, rows, delimiter=",", fmt=["%.7g"] * 64 + ["%d"])

            def run(steps):
                line = [symo, "train", "classifier", "--data", data, "--net", "64-128-128-10", "--optimizer", "sgn", "--set",
                        "solver_tolerance=0", "--batch", "128", "--test", "32", "--steps", str(steps), "--threads", "1",
                        "--eval-every", "0", "--checkpoint-every", "0", "--overwrite", "--out", os.path.join(folder, "run")]
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                subprocess.run(line, check=True, capture_output=True)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                return sum(getattr(after, part) - getattr(before, part) for part in ("ru_utime", "ru_stime"))

            return (min(run(220) for _ in range(2)) - min(run(20) for _ in range(2))) / 200

    row("Gauss-Newton step, 10 iterations of CG, 64-128-128-10, 128 examples, float32",
        f"python-somax {somax.__version__}, compiled", theirs, ours, turns)


# ---- a GPT ----


def gpt_model(torch, vocabulary, block, width, heads, layers):
    """nanoGPT's model without biases and dropout, with tied embeddings."""
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
            self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
            self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

        def forward(self, x):
            n, t, c = x.shape
            q, k, v = (z.view(n, t, heads, c // heads).transpose(1, 2) for z in self.qkv(self.ln_1(x)).split(c, 2))
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(n, t, c))
            return x + self.down(functional.gelu(self.up(self.ln_2(x))))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(block, width)
            self.h = nn.ModuleList(Block() for _ in range(layers))
            self.ln_f = nn.LayerNorm(width, bias=False)
            for name, p in self.named_parameters():
                if p.dim() == 2:
                    deep = name.endswith(("out.weight", "down.weight"))
                    nn.init.normal_(p, std=0.02 / ((2 * layers) ** 0.5 if deep else 1))

        def forward(self, tokens, targets):
            x = self.wte(tokens) + self.wpe.weight[: tokens.shape[1]]
            for block in self.h:
                x = block(x)
            logits = self.ln_f(x) @ self.wte.weight.T
            return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    return GPT()


def gpt_step(symo, turns):
    torch = have("torch")
    if not torch:
        return
    torch.set_num_threads(1)
    model = gpt_model(torch, 65, 64, 128, 4, 4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    x, y = torch.randint(65, (12, 64)), torch.randint(65, (12, 64))

    def step():
        optimizer.zero_grad(set_to_none=True)
        model(x, y).backward()
        optimizer.step()

    row("step of GPT 4 x 128 with AdamW, 12 windows of 64, float32", f"torch {torch.__version__}, eager",
        lambda: min(seconds(step) for _ in range(5)),
        lambda: bench(symo, "gpt", "4 x 128, 1 thread", "step with adamw"), turns)


def save_nanogpt(model, path):
    """The parameters under nanoGPT's names, as safetensors."""
    inner = {"qkv": "attn.c_attn", "out": "attn.c_proj", "up": "mlp.c_fc", "down": "mlp.c_proj"}
    header, data = {}, b""
    for name, p in model.named_parameters():
        for ours, theirs in inner.items():
            name = name.replace(f".{ours}.", f".{theirs}.")
        bytes_of = p.detach().numpy().tobytes()
        header["transformer." + name] = {"dtype": "F32", "shape": list(p.shape),
                                         "data_offsets": [len(data), len(data) + len(bytes_of)]}
        data += bytes_of
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(len(text).to_bytes(8, "little") + text + data)


def train(symo, steps_of, data):
    """Losses on all held-back text after `steps_of` steps of nanoGPT's settings for a CPU, 3 seeds."""
    torch = have("torch")
    if not torch:
        return
    import math

    text = pathlib.Path(data).read_text()
    index = {c: i for i, c in enumerate(sorted(set(text)))}
    tokens = torch.tensor([index[c] for c in text])
    cut = int(0.9 * len(tokens))
    parts = tokens[:cut], tokens[cut:]

    def rate(step, top=1e-3, low=1e-4, warm=100):
        if step < warm:
            return top * (step + 1) / (warm + 1)
        return low + 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps_of - warm))) * (top - low)

    def held_back(model):
        with torch.no_grad():
            count = (len(parts[1]) - 1) // 64
            x, y = parts[1][: count * 64].view(count, 64), parts[1][1 : count * 64 + 1].view(count, 64)
            losses = [(model(x[i : i + 64], y[i : i + 64]).item(), len(x[i : i + 64])) for i in range(0, count, 64)]
        return sum(a * b for a, b in losses) / sum(b for _, b in losses)

    def start(seed):
        torch.manual_seed(seed)
        return gpt_model(torch, len(index), 64, 128, 4, 4)

    def theirs(seed):
        model = start(seed)
        groups = [{"params": [p for p in model.parameters() if p.dim() == 2], "weight_decay": 0.1},
                  {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=True)
        for step in range(steps_of):
            for group in optimizer.param_groups:
                group["lr"] = rate(step)
            at = torch.randint(len(parts[0]) - 64, (12,))
            x = torch.stack([parts[0][i : i + 64] for i in at])
            y = torch.stack([parts[0][i + 1 : i + 65] for i in at])
            optimizer.zero_grad(set_to_none=True)
            model(x, y).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        return held_back(model)

    def ours(seed, method, steps=steps_of):
        with tempfile.TemporaryDirectory() as folder:
            weights, out = os.path.join(folder, "start.safetensors"), os.path.join(folder, "run")
            save_nanogpt(start(seed), weights)
            line = [symo, "train", "gpt", "--optimizer", method, "--data", data, "--steps", str(steps), "--seed", str(seed),
                    "--init-from", weights, "--n-head", "4", "--threads", "1", "--eval-iters", "1", "--eval-every", "0", "--out", out]
            subprocess.run(line, check=True, capture_output=True)
            held = os.path.join(folder, "held.txt")
            pathlib.Path(held).write_text(text[cut:])
            line = [symo, "eval", "--checkpoint", os.path.join(out, "checkpoint.safetensors"), "--data", held, "--json"]
            return json.loads(subprocess.run(line, check=True, capture_output=True).stdout)["loss"]

    ends = {"the start, torch": lambda s: held_back(start(s)), "the start, symo": lambda s: ours(s, "adamw", 0),
            "torch, AdamW": theirs, "`symo train gpt --optimizer adamw`": lambda s: ours(s, "adamw"),
            "`symo train gpt --optimizer symo`": lambda s: ours(s, "symo")}
    print(f"\n## nanoGPT's model after {steps_of} steps\n\nLoss on all held-back text of tiny Shakespeare; each seed gives both "
          "programs the same initial weights,\nand each its own batches.\n\n| | seed 1 | 2 | 3 |\n|---|---|---|---|")
    for name, run in ends.items():
        print("| %s | %s |" % (name, " | ".join("%.4f" % run(seed) for seed in (1, 2, 3))), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--train", type=int, default=0, metavar="STEPS", help="trainings of so many steps; 0: none")
    parser.add_argument("--data", default="", help="tinyshakespeare.txt, for --train")
    parser.add_argument("--symo", default=str(ROOT / "build" / "symo"))
    parser.add_argument("--library", default=str(ROOT / "build" / "libsymo.so"))
    args = parser.parse_args()
    hessians(args.symo, args.turns)
    products(args.symo, args.turns)
    steps(args.library, args.turns)
    gauss_newton_step(args.symo, args.turns)
    gpt_step(args.symo, args.turns)
    version = subprocess.run([args.symo, "--version"], check=True, capture_output=True, text=True).stdout
    print("# Beside peers\n\nMade by `make peers` ([script](../../experiments/peers/peers.py)): one thread, seconds of the "
          "processor, medians of turns\nin which both sides alternate, in brackets the range over the turns. A ratio "
          f"above 1 is in our favour.\n\n    {version.strip().splitlines()[-1]}\n    OPENBLAS_CORETYPE="
          f"{os.environ.get('OPENBLAS_CORETYPE', '')}\n")
    print("| same work | peer | peer's | ours | ratio |\n|---|---|---|---|---|")
    for what, peer, theirs, ours, ratio, low, high, better in ROWS:
        unit, by = ("", 1) if "in gradients" in what else (" ms", 1e3)
        behind = " **behind**" if ratio < 1 else ""
        print(f"| {what} | {peer} | {theirs * by:.3g}{unit} | {ours * by:.3g}{unit} | {ratio:.2f} ({low:.2f} to {high:.2f})"
              f"{behind} |")
    for name in sorted(set(MISSING)):
        print(f"\n{name}: not installed, its rows are left out.")
    if args.train > 0:
        train(args.symo, args.train, args.data)


if __name__ == "__main__":
    main()
