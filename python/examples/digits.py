"""Ten lines: a network on digits by Symo and by AdamW, each at the best of five rates, three seeds.

What differs from a script with AdamW is the two lines that end in "# Symo".

python digits.py [STEPS [SEEDS]]
"""

from __future__ import annotations

import pathlib
import sys

import numpy as np
import torch

import symo.torch
from side_by_side import compare

DATA = pathlib.Path(__file__).resolve().parents[2] / "experiments" / "data" / "files"
RATES = (0.003, 0.01, 0.03, 0.06, 0.1)


def symo_of(model, lr, example):
    layout = symo.torch.infer_layout(model, example)  # Symo
    return symo.torch.Symo(model, lr=lr, layout=layout)  # Symo


def adamw_of(model, lr, example):
    return torch.optim.AdamW(model.parameters(), lr=lr)


def train(make, lr, seed, steps, x, y):
    """The loss of each step, on all digits."""
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
    optimizer, losses = make(model, lr, x[:2]), []
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def main(steps=60, seeds=3, rates=RATES):
    table = np.loadtxt(DATA / "digits.csv.gz", delimiter=",", dtype="f4")
    x, y = torch.from_numpy(table[:, :64] / 16), torch.from_numpy(table[:, 64]).long()
    makes = {"symo": symo_of, "adamw": adamw_of}
    return compare(
        lambda name, lr, seed: train(makes[name], lr, seed, steps, x, y), makes, rates, seeds
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
