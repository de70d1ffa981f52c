"""Loss, logits and gradients of a GPT-2 in a safetensors file, by numpy alone and in float64.

    python3 gpt_numpy.py --checkpoint FILE (--tokens IDS.txt | --text TEXT.txt)
        [--block-size N] [--heads N] [--activation gelu|gelu-tanh] [--grad OUT.safetensors] [--logits OUT.npy]

Written from the formulas, with nothing of symo's: to check it, and to show how little a checkpoint needs.
The file may have nanoGPT's names or Hugging Face's.  The tokens (numbers between white space, or a text in
the characters that the file names) are cut into consecutive windows of the block size; what is left over at
the end is not used; the loss is the mean over all predicted tokens.  Prints one JSON object.  The gradient
has the names and shapes of the file.
"""

import argparse
import json
import math
import pathlib
import re
import struct
import sys

import numpy as np

# ---- files ---------------------------------------------------------------------------------------


def bf16(raw):
    return (np.frombuffer(raw, "<u2").astype("<u4") << np.uint32(16)).view("<f4")


READ = {
    "F64": lambda raw: np.frombuffer(raw, "<f8"),
    "F32": lambda raw: np.frombuffer(raw, "<f4"),
    "F16": lambda raw: np.frombuffer(raw, "<f2"),
    "BF16": bf16,
}


def read_safetensors(path):
    """A length, a JSON header, then the numbers."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        first, last = (8 + length + offset for offset in entry["data_offsets"])
        if entry["dtype"] in READ and not name.startswith("state:"):
            numbers = READ[entry["dtype"]](data[first:last])
            tensors[name] = numbers.astype("f8").reshape(entry["shape"])
    return tensors, metadata


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, array in tensors.items():
        header[name] = {"dtype": "F64", "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(np.ascontiguousarray(array, "<f8").tobytes())


# ---- the model in a file -------------------------------------------------------------------------

MATRIX = re.compile(r"h\.\d+\.(attn\.c_attn|attn\.c_proj|mlp\.c_fc|mlp\.c_proj)\.weight$")
MASK = re.compile(r"h\.\d+\.attn\.(bias|masked_bias)$")


def plain(name):
    return re.sub(r"^(_orig_mod\.)?(transformer\.)?", "", name)


class Model:
    """Parameters by their plain names, matrices as [outputs, inputs]."""

    def __init__(self, path, heads=None, activation=None, block=None):
        tensors, metadata = read_safetensors(path)
        self.names = {plain(name): name for name in tensors if not MASK.match(plain(name))}
        self.p = {short: tensors[name] for short, name in self.names.items()}
        width = self.p["wte.weight"].shape[1]
        self.transposed = self.p["h.0.attn.c_attn.weight"].shape == (width, 3 * width)
        if self.transposed:
            self.p = {k: v.T if MATRIX.match(k) else v for k, v in self.p.items()}
        if block:
            self.p["wpe.weight"] = self.p["wpe.weight"][:block]
        config = json.loads(metadata.get("config", "{}"))
        self.heads = heads or int(config.get("n_head") or metadata.get("n_head") or width // 64)
        self.activation = activation or config.get("activation") or metadata.get("activation")
        if self.activation is None:
            self.activation = "gelu-tanh" if self.transposed else "gelu"
        self.layers = 1 + max(int(k.split(".")[1]) for k in self.p if k.startswith("h."))
        self.block = self.p["wpe.weight"].shape[0]
        self.tied = "lm_head.weight" not in self.p or np.array_equal(
            self.p["lm_head.weight"], self.p["wte.weight"])
        self.tokenizer = json.loads(metadata.get("tokenizer", "null"))

    def encode(self, text):
        if not self.tokenizer or self.tokenizer.get("tokens") != "characters":
            sys.exit("gpt_numpy: the file names no characters (give --tokens)")
        number = {chr(c): i for i, c in enumerate(self.tokenizer["code_points"])}
        return np.array([number[c] for c in text])

    def restore(self, grads):
        """Gradients under the names and in the shapes of the file; a tied head has that of the table."""
        if self.tied and "lm_head.weight" in self.names:
            grads = {**grads, "lm_head.weight": grads["wte.weight"]}
        return {name: grads[short].T if self.transposed and MATRIX.match(short) else grads[short]
                for short, name in self.names.items()}


# ---- layers: each gives its value, and a function from the derivative by it to that by its input ----

erf = np.vectorize(math.erf, otypes=[float])


def gelu(z):
    cdf = 0.5 * (1.0 + erf(z / math.sqrt(2.0)))
    return z * cdf, lambda d: d * (cdf + z * np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi))


def gelu_tanh(z):
    k = math.sqrt(2.0 / math.pi)
    t = np.tanh(k * (z + 0.044715 * z**3))
    slope = 0.5 * (1.0 + t) + 0.5 * z * (1.0 - t * t) * k * (1.0 + 3.0 * 0.044715 * z * z)
    return 0.5 * z * (1.0 + t), lambda d: d * slope


def relu(z):
    return np.maximum(z, 0.0), lambda d: d * (z > 0.0)


def tanh(z):
    t = np.tanh(z)
    return t, lambda d: d * (1.0 - t * t)


ACTIVATIONS = {"gelu": gelu, "gelu-tanh": gelu_tanh, "gelu_new": gelu_tanh, "relu": relu, "tanh": tanh}


def flat(x):
    return x.reshape(-1, x.shape[-1])


class Pass:
    def __init__(self, model):
        self.m, self.p = model, model.p
        self.g = {name: np.zeros_like(value) for name, value in model.p.items()}

    def dense(self, name, x):
        w, b = self.p[name + ".weight"], self.p.get(name + ".bias")

        def back(d):
            self.g[name + ".weight"] += flat(d).T @ flat(x)
            if b is not None:
                self.g[name + ".bias"] += flat(d).sum(0)
            return d @ w

        return x @ w.T + (0.0 if b is None else b), back

    def norm(self, name, x):
        w, b = self.p[name + ".weight"], self.p.get(name + ".bias")
        centred = x - x.mean(-1, keepdims=True)
        scale = 1.0 / np.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)
        unit = centred * scale

        def back(d):
            self.g[name + ".weight"] += flat(d * unit).sum(0)
            if b is not None:
                self.g[name + ".bias"] += flat(d).sum(0)
            e = d * w
            return scale * (e - e.mean(-1, keepdims=True) - unit * (e * unit).mean(-1, keepdims=True))

        return unit * w + (0.0 if b is None else b), back

    def attention(self, name, x):
        n, t, c = x.shape
        h, size = self.m.heads, c // self.m.heads
        joint, joint_back = self.dense(name + ".c_attn", x)
        q, k, v = joint.reshape(n, t, 3, h, size).transpose(2, 0, 3, 1, 4)  # each [n, h, t, size]
        scores = q @ k.swapaxes(-1, -2) / math.sqrt(size)
        scores = np.where(np.tril(np.ones((t, t), bool)), scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = (weights @ v).transpose(0, 2, 1, 3).reshape(n, t, c)
        out, out_back = self.dense(name + ".c_proj", mixed)

        def back(d):
            d = out_back(d).reshape(n, t, h, size).transpose(0, 2, 1, 3)
            dweights = d @ v.swapaxes(-1, -2)
            dscores = weights * (dweights - (dweights * weights).sum(-1, keepdims=True)) / math.sqrt(size)
            parts = np.stack([dscores @ k, dscores.swapaxes(-1, -2) @ q, weights.swapaxes(-1, -2) @ d])
            return joint_back(parts.transpose(1, 3, 0, 2, 4).reshape(n, t, 3 * c))

        return out, back

    def mlp(self, name, x):
        z, first = self.dense(name + ".c_fc", x)
        a, middle = ACTIVATIONS[self.m.activation](z)
        out, last = self.dense(name + ".c_proj", a)
        return out, lambda d: first(middle(last(d)))

    def branch(self, norm, kind, name, x):
        u, norm_back = self.norm(norm, x)
        y, back = kind(name, u)
        return x + y, lambda d: d + norm_back(back(d))

    def logits(self, tokens):
        table, steps = self.p["wte.weight"], []
        t = tokens.shape[1]
        x = table[tokens] + self.p["wpe.weight"][:t]
        for i in range(self.m.layers):
            for norm, kind, name in [("ln_1", self.attention, "attn"), ("ln_2", self.mlp, "mlp")]:
                x, back = self.branch(f"h.{i}.{norm}", kind, f"h.{i}.{name}", x)
                steps.append(back)
        x, back = self.norm("ln_f", x)
        steps.append(back)
        head = "wte.weight" if self.m.tied else "lm_head.weight"
        w = self.p[head]

        def whole_back(d):
            self.g[head] += flat(d).T @ flat(x)
            d = d @ w
            for step in reversed(steps):
                d = step(d)
            np.add.at(self.g["wte.weight"], tokens, d)
            self.g["wpe.weight"][:t] += d.sum(0)

        return x @ w.T, whole_back


def loss_of(logits, targets):
    top = logits.max(-1, keepdims=True)
    total = np.exp(logits - top).sum(-1, keepdims=True)
    logp = logits - top - np.log(total)
    hot = np.zeros_like(logits)
    np.put_along_axis(hot, targets[..., None], 1.0, -1)
    return -(logp * hot).sum() / targets.size, (np.exp(logp) - hot) / targets.size


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", required=True)
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--tokens")
    data.add_argument("--text")
    parser.add_argument("--block-size", type=int)
    parser.add_argument("--heads", type=int)
    parser.add_argument("--activation", choices=sorted(ACTIVATIONS))
    parser.add_argument("--grad")
    parser.add_argument("--logits")
    args = parser.parse_args()

    model = Model(args.checkpoint, args.heads, args.activation, args.block_size)
    if args.tokens:
        ids = np.array(pathlib.Path(args.tokens).read_text().split(), dtype=int)
    else:
        ids = model.encode(pathlib.Path(args.text).read_bytes().decode())
    t = model.block
    windows = (len(ids) - 1) // t
    if windows < 1:
        sys.exit(f"gpt_numpy: {len(ids)} tokens are no window of {t} and its next token")
    x = ids[: windows * t].reshape(windows, t)
    y = ids[1 : windows * t + 1].reshape(windows, t)

    # Some windows at a time, so that the attention weights need little memory.
    run, total, kept = Pass(model), 0.0, []
    for first in range(0, windows, 16):
        part = slice(first, first + 16)
        logits, back = run.logits(x[part])
        share = len(x[part]) / windows
        loss, d = loss_of(logits, y[part])
        total += share * loss
        if args.grad:
            back(share * d)
        if args.logits:
            kept.append(logits)
    if args.grad:
        write_safetensors(args.grad, model.restore(run.g))
    if args.logits:
        np.save(args.logits, np.concatenate(kept))
    print(json.dumps({"loss": total, "tokens": int(y.size), "windows": windows, "block_size": t}))


if __name__ == "__main__":
    main()
