"""Ten lines: a small GPT on text by Symo and by AdamW, each at the best of six rates, three seeds.

The text is tinyshakespeare.txt of $SYMO_DATA, where it is there, and else the documentation of this
tree.  What differs from a script with AdamW is the two lines that end in "# Symo".

python gpt.py [STEPS [SEEDS]]
"""

from __future__ import annotations

import os
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

import symo.torch
from side_by_side import compare

TREE = pathlib.Path(__file__).resolve().parents[2]
WIDTH, HEADS, LAYERS, CONTEXT, BATCH = 64, 4, 2, 64, 16
RATES = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032)


class Block(nn.Module):
    """Attention and a hidden layer, each added to the stream, as nanoGPT has them."""

    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = (nn.LayerNorm(WIDTH, bias=False) for _ in range(2))
        self.c_attn = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.c_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        self.c_fc = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.c_out = nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x):
        n, t, _ = x.shape
        parts = self.c_attn(self.ln_1(x)).split(WIDTH, dim=2)
        q, k, v = (p.view(n, t, HEADS, WIDTH // HEADS).transpose(1, 2) for p in parts)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(y.transpose(1, 2).reshape(n, t, WIDTH))
        return x + self.c_out(F.gelu(self.c_fc(self.ln_2(x))))


class GPT(nn.Module):
    """Characters to logits of the next one."""

    def __init__(self, characters):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(characters, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.h = nn.ModuleList([Block() for _ in range(LAYERS)])
        self.ln_f = nn.LayerNorm(WIDTH, bias=False)
        self.head = nn.Linear(WIDTH, characters, bias=False)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        for block in self.h:
            x = block(x)
        return self.head(self.ln_f(x))


def text():
    """The characters as numbers, and how many there are."""
    known = pathlib.Path(os.environ.get("SYMO_DATA") or ".") / "tinyshakespeare.txt"
    files = [known] if known.is_file() else sorted((TREE / "docs").glob("**/*.md"))
    read = "".join(path.read_text(encoding="utf-8") for path in files)
    characters = sorted(set(read))
    number = {c: i for i, c in enumerate(characters)}
    return torch.tensor([number[c] for c in read]), len(characters)


def symo_of(model, lr, example):
    layout = symo.torch.infer_layout(model, example)  # Symo
    return symo.torch.Symo(model, lr=lr, layout=layout)  # Symo


def adamw_of(model, lr, example):
    return torch.optim.AdamW(model.parameters(), lr=lr)


def train(make, lr, seed, steps, data, characters):
    """The loss of each step."""
    torch.manual_seed(seed)
    model = GPT(characters)
    optimizer = make(model, lr, data[None, :CONTEXT])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    losses = []
    for _ in range(steps):
        starts = torch.randint(len(data) - CONTEXT - 1, (BATCH, 1))
        window = data[starts + torch.arange(CONTEXT + 1)]
        logits = model(window[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def main(steps=200, seeds=3, rates=RATES):
    data, characters = text()
    makes = {"symo": symo_of, "adamw": adamw_of}
    return compare(
        lambda name, lr, seed: train(makes[name], lr, seed, steps, data, characters),
        makes,
        rates,
        seeds,
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
