"""Steps of Muon and Symo beside torch.optim.Muon, in turn, on the same matrices.

    python3 matrices.py [libsymo.so] [threads]          default: build/libsymo.so of this tree, 1

Needs torch.  The matrices are those of GPT blocks: queries, keys, values, outputs and the two of the
MLP.  Turns of some steps alternate, so that all see the same machine: shown are the medians over the
turns, and the median of the ratios of neighbouring turns.  With one thread the time is the
processor's, to which other programs add nothing; with more, that of the clock.
torch.optim.Muon works in bfloat16, ours in float32.
"""

import ctypes
import os
import pathlib
import statistics
import sys
import time

import torch

SIZES = ((4, 128, 4), (1, 768, 12))  # layers, width, heads
METHODS = ("muon", "symo", "symo-coupled")
TURNS, WARM = 9, 1


class Vector(ctypes.Structure):
    _fields_ = [("dtype", ctypes.c_int), ("data", ctypes.c_void_p), ("strides", ctypes.c_void_p)]


def layout(layers, width, heads):
    text = f"r: identity {width}; "
    for i in range(layers):
        head = f"wreath({heads}, orthogonal {width // heads})"
        text += f"a{i}: {head}; b{i}: {head}; h{i}: permutation {4 * width}; "
        text += f"q{i}[a{i},r] k{i}[a{i},r] v{i}[b{i},r] o{i}[r,b{i}] up{i}[h{i},r] down{i}[r,h{i}]; "
    return text


def shapes(layers, width):
    block = [(width, width)] * 4 + [(4 * width, width), (width, 4 * width)]
    return block * layers


class Symo:
    def __init__(self, lib, text, method, params, grads, threads):
        self.lib, self.state = lib, ctypes.c_void_p()
        detail = ctypes.create_string_buffer(4096)
        method = f"{method} dtype=f32 threads={threads}"
        if lib.symo_optim_open(text.encode(), method.encode(), 1, ctypes.byref(self.state), detail):
            raise SystemExit(detail.value.decode())
        pointers = ctypes.c_void_p * len(params)
        self.params = pointers(*(p.data_ptr() for p in params))
        self.grads = pointers(*(g.data_ptr() for g in grads))
        self.p = Vector(1, ctypes.cast(self.params, ctypes.c_void_p), None)
        self.g = Vector(1, ctypes.cast(self.grads, ctypes.c_void_p), None)

    def step(self):
        if self.lib.symo_optim_step(self.state, self.g, self.p, None):
            raise SystemExit("the step failed")


def turn(clock, step, steps):
    times = []
    for _ in range(WARM + steps):
        start = clock()
        step()
        times.append(clock() - start)
    return statistics.median(times[WARM:])


def compare(lib, layers, width, heads, threads):
    clock = time.process_time if threads == 1 else time.perf_counter
    torch.manual_seed(1)
    sizes = shapes(layers, width)
    grads = [torch.randn(s) * torch.logspace(0, -3, s[1]) for s in sizes]
    theirs = [torch.randn(s).requires_grad_() for s in sizes]
    for p, g in zip(theirs, grads):
        p.grad = g
    steps = {"torch": torch.optim.Muon(theirs, lr=0.02, momentum=0.95).step}
    kept = []
    for name in METHODS:
        ours = [p.detach().clone() for p in theirs]
        kept.append((ours, Symo(lib, layout(layers, width, heads), name, ours, grads, threads)))
        steps[name] = kept[-1][1].step
    times = {name: [] for name in steps}
    for _ in range(TURNS):
        for name, step in steps.items():
            times[name].append(turn(clock, step, 9 if width < 512 else 2))
    for name in steps:
        seconds = statistics.median(times[name])
        ratio = statistics.median(x / y for x, y in zip(times[name], times["torch"]))
        muon = statistics.median(x / y for x, y in zip(times[name], times["muon"]))
        print(
            f"{layers} x {width:<5} {threads:>7} {name:>8} {seconds * 1e3:>9.2f} {ratio:>12.2f}"
            f" {muon:>11.2f}",
            flush=True,
        )


def main():
    path = pathlib.Path(__file__).resolve().parents[2] / "build" / "libsymo.so"
    lib = ctypes.CDLL(sys.argv[1] if len(sys.argv) > 1 else str(path))
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    torch.set_num_threads(threads)
    lib.symo_set_threads(threads)
    kind = torch.backends.cpu.get_cpu_capability()
    print(f"torch {torch.__version__} {kind}; OPENBLAS_CORETYPE={os.environ.get('OPENBLAS_CORETYPE')}")
    print("matrices  threads     step        ms   over torch   over muon")
    for layers, width, heads in SIZES:
        compare(lib, layers, width, heads, threads)


if __name__ == "__main__":
    main()
