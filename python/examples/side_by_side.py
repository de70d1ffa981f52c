"""Optimizers side by side: each at its best of the same rates, over the same seeds."""

from __future__ import annotations

import numpy as np


def compare(train, names, rates, seeds):
    """Trains by each optimizer and prints a table.

    The rate of each is that of the lowest loss, averaged over the steps of the first seed; the
    other seeds are run at this rate.

    Parameters
    ----------
    train : callable
        ``train(name, lr, seed)`` returns the loss of each step.
    names : iterable of str
    rates : sequence of float
    seeds : int

    Returns
    -------
    dict of str to ndarray [seeds, steps]
        The losses at the best rate.
    """
    best, chosen = {}, {}
    for name in names:
        swept = {lr: train(name, lr, 0) for lr in rates}
        means = {lr: np.mean(losses) for lr, losses in swept.items()}
        print(f"{name}, mean loss: " + "  ".join(f"lr {lr:g} {m:.4f}" for lr, m in means.items()))
        lr = chosen[name] = min(means, key=means.get)
        best[name] = np.array([swept[lr]] + [train(name, lr, s) for s in range(1, seeds)])
    titles = [f"{name} (lr {chosen[name]:g})" for name in best]
    print("steps" + "".join(f"{t:>34}" for t in titles))
    steps = next(iter(best.values())).shape[1]
    every = max(1, steps // 10)
    for step in range(every, steps + 1, every):
        part = [losses[:, max(0, step - every) : step].mean(1) for losses in best.values()]
        cells = (f"{np.median(p):10.5f} ({p.min():.5f} to {p.max():.5f})" for p in part)
        print(f"{step:5} " + "".join(f"{cell:>34}" for cell in cells))
    return best
