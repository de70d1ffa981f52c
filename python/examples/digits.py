"""Ten lines: a network on digits by Symo and by AdamW, each at the best of four rates."""

import pathlib

import numpy as np
import torch

import symo.torch

DATA = pathlib.Path(__file__).resolve().parents[2] / "experiments" / "data" / "files"


def train(make, x, y, steps=60):
    """The loss of each step."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
    optimizer, losses = make(model), []
    for step in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def main():
    table = np.loadtxt(DATA / "digits.csv.gz", delimiter=",", dtype="f4")
    x, y = torch.from_numpy(table[:, :64] / 16), torch.from_numpy(table[:, 64]).long()
    rates = (0.003, 0.01, 0.03, 0.1)
    runs = {
        "symo": [train(lambda m: symo.torch.Symo(m, lr=r), x, y) for r in rates],
        "adamw": [train(lambda m: torch.optim.AdamW(m.parameters(), lr=r), x, y) for r in rates],
    }
    best = {name: min(losses, key=lambda run: run[-1]) for name, losses in runs.items()}
    print("step " + "".join(f"{name:>10}" for name in best))
    for step in range(9, 60, 10):
        print(f"{step + 1:4} " + "".join(f"{run[step]:10.5f}" for run in best.values()))
    return best


if __name__ == "__main__":
    main()
