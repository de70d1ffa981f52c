"""What symo.torch.Symo adds to a step of the library on the same tensors: medians in milliseconds.

python overhead.py [PRESET]
"""

import statistics
import sys
import time

import torch

import symo
import symo.torch


def gpt(width=192, layers=4):
    """The matrices, norms and biases of a small transformer, with gradients."""
    torch.manual_seed(0)
    shapes = [(width, width)]
    for _ in range(layers):
        shapes += [(3 * width, width), (width, width), (4 * width, width), (width, 4 * width)]
        shapes += [(width,), (width,), (3 * width,), (width,), (4 * width,), (width,)]
    params = [torch.nn.Parameter(torch.randn(s) * 0.02) for s in shapes]
    for p in params:
        p.grad = torch.randn(p.shape) * 1e-3
    return params


def measure(preset, rounds=60):
    """Medians of the step in torch and in the library, in turns, and their ratio."""
    params = gpt()
    ours = symo.torch.Symo(params, preset, lr=1e-4)
    layout = ours._stacks[0].optimizer.layout
    library = symo.Optimizer(layout, preset, lr=1e-4, dtype="f32")
    arrays = [p.detach().numpy().copy() for p in params]
    grads = [p.grad.numpy() for p in params]
    p_views, g_views = layout._views(arrays, "params"), layout._views(grads, "grad")
    (p, kept), (g, also) = symo._library.vector(p_views), symo._library.vector(g_views)
    seconds = {"torch": [], "library": []}
    for k in range(rounds + 5):
        for name, step in (("torch", ours.step), ("library", lambda: library._call(g, p))):
            start = time.perf_counter()
            step()
            if k >= 5:
                seconds[name].append(time.perf_counter() - start)
    del kept, also
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    ratios = [a / b for a, b in zip(seconds["torch"], seconds["library"])]
    return medians["torch"], medians["library"], statistics.median(ratios)


if __name__ == "__main__":
    for name in sys.argv[1:] or ("symo", "muon", "adamw"):
        ours, library, ratio = measure(name)
        print(f"{name:8} torch {ours * 1e3:8.3f} ms  library {library * 1e3:8.3f} ms  {ratio:.3f}")
