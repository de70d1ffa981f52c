"""What symo.torch.Symo adds to a step of the library on the same tensors, in processor time.

python overhead.py [PRESET ..]
"""

from __future__ import annotations

import statistics
import sys
import time

import torch

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
    """Medians in seconds of the step in torch and of the call of the library in it, taken in turn
    on the same tensors and the same state, and the median of their ratios."""
    params = gpt()
    optimizer = symo.torch.Symo(params, preset, lr=1e-4)
    stack = optimizer._stacks[0]
    steps = {
        "torch": optimizer.step,
        "library": lambda: stack.optimizer._call(*stack.as_they_lie),
    }
    seconds = {name: [] for name in steps}
    for k in range(rounds + 5):
        for name, step in steps.items():
            start = time.thread_time()
            step()
            if k >= 5:
                seconds[name].append(time.thread_time() - start)
    medians = [statistics.median(times) for times in seconds.values()]
    ratios = [a / b for a, b in zip(seconds["torch"], seconds["library"])]
    return (*medians, statistics.median(ratios))


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[1:] or ("symo", "muon", "adamw"):
        ours, library, ratio = measure(name)
        print(f"{name:8} torch {ours * 1e3:8.3f} ms  library {library * 1e3:8.3f} ms  {ratio:.3f}")
