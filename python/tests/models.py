"""Models for the tests of inference, each with an example and what has to be found.

The GPT has the structure of nanoGPT's model and the convolutional network that of a small ResNet,
written here.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, width, heads, length, fused, bias):
        super().__init__()
        self.heads, self.fused = heads, fused
        self.ln_1, self.ln_2 = nn.LayerNorm(width, bias=bias), nn.LayerNorm(width, bias=bias)
        self.c_attn = nn.Linear(width, 3 * width, bias=bias)
        self.c_proj = nn.Linear(width, width, bias=bias)
        self.c_fc = nn.Linear(width, 4 * width, bias=bias)
        self.down = nn.Linear(4 * width, width, bias=bias)
        self.drop = nn.Dropout(0.1)
        self.register_buffer("mask", torch.tril(torch.ones(length, length))[None, None])

    def attention(self, x):
        b, t, c = x.size()
        q, k, v = (
            y.view(b, t, self.heads, c // self.heads).transpose(1, 2)
            for y in self.c_attn(x).split(c, dim=2)
        )
        if self.fused:
            y = F.scaled_dot_product_attention(
                q, k, v, dropout_p=0.1 if self.training else 0, is_causal=True
            )
        else:
            scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            scores = scores.masked_fill(self.mask[:, :, :t, :t] == 0, float("-inf"))
            y = self.drop(F.softmax(scores, dim=-1)) @ v
        return self.drop(self.c_proj(y.transpose(1, 2).contiguous().view(b, t, c)))

    def forward(self, x):
        x = x + self.attention(self.ln_1(x))
        return x + self.drop(self.down(F.gelu(self.c_fc(self.ln_2(x)))))


class GPT(nn.Module):
    """Embeddings of tokens and places, blocks with norms before them, a head tied to the tokens."""

    def __init__(self, symbols=11, width=12, heads=3, layers=2, length=16, fused=True, bias=True):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(symbols, width), nn.Embedding(length, width)
        self.h = nn.ModuleList([Block(width, heads, length, fused, bias) for _ in range(layers)])
        self.ln_f, self.drop = nn.LayerNorm(width, bias=bias), nn.Dropout(0.1)
        self.lm_head = nn.Linear(width, symbols, bias=False)
        self.wte.weight = self.lm_head.weight

    def forward(self, tokens, targets=None):
        x = self.drop(self.wte(tokens) + self.wpe(torch.arange(tokens.size(1))))
        for block in self.h:
            x = block(x)
        x = self.ln_f(x)
        if targets is None:
            return self.lm_head(x[:, [-1], :]), None
        logits = self.lm_head(x)
        return logits, F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.c1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.c2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.b1, self.b2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.down = None
        if stride != 1 or inputs != outputs:
            self.down = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = self.b2(self.c2(self.relu(self.b1(self.c1(x)))))
        y += x if self.down is None else self.down(x)
        return self.relu(y)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.layers = nn.Sequential(Residual(8, 8, 1), Residual(8, 12, 2))
        self.mean, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(12, 5)

    def forward(self, x):
        x = self.layers(self.pool(F.relu(self.bn(self.conv(x)))))
        return self.fc(torch.flatten(self.mean(x), 1))


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.r = getattr(nn, kind)(4, 6, **options)
        self.o = nn.Linear(6, 3)

    def forward(self, x):
        y, state = self.r(x)
        return self.o(y[:, -1] if self.r.batch_first else y)


class Cells(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.c, self.o = getattr(nn, kind)(4, 6), nn.Linear(6, 3)

    def forward(self, x):
        state = None
        for t in range(x.shape[1]):
            state = self.c(x[:, t], state)
        return self.o(state[0] if isinstance(state, tuple) else state)


class OwnLoop(nn.Module):
    def __init__(self):
        super().__init__()
        self.i, self.h, self.o = nn.Linear(4, 6), nn.Linear(6, 6, bias=False), nn.Linear(6, 3)

    def forward(self, x):
        h = torch.zeros(x.shape[0], 6, dtype=x.dtype)
        for t in range(x.shape[1]):
            h = torch.tanh(self.i(x[:, t]) + self.h(h))
        return self.o(h)


class Llama(nn.Module):
    """RMSNorm, queries, keys and values apart, rotary places, a gated layer."""

    def __init__(self, rotary=False, normed=False, symbols=11, width=12, heads=3):
        super().__init__()
        self.heads, self.rotary = heads, rotary
        self.e, self.head = nn.Embedding(symbols, width), nn.Linear(width, symbols, bias=False)
        for name in ("q", "k", "v", "o"):
            setattr(self, name, nn.Linear(width, width, bias=False))
        self.g, self.u = nn.Linear(width, 20, bias=False), nn.Linear(width, 20, bias=False)
        self.d = nn.Linear(20, width, bias=False)
        self.n1, self.n2, self.n3 = (nn.RMSNorm(width) for _ in range(3))
        self.qn = nn.RMSNorm(width // heads) if normed else None

    def turned(self, x):
        half = x.shape[-1] // 2
        angle = torch.arange(x.shape[-2])[:, None] * torch.arange(1, half + 1)[None]
        angle = torch.cat([angle, angle], -1).to(x.dtype)
        other = torch.cat([-x[..., half:], x[..., :half]], -1)
        return x * angle.cos() + other * angle.sin()

    def forward(self, tokens):
        x = self.e(tokens)
        b, t, c = x.shape
        y = self.n1(x)
        q, k, v = (
            layer(y).view(b, t, self.heads, -1).transpose(1, 2)
            for layer in (self.q, self.k, self.v)
        )
        if self.qn is not None:
            q = self.qn(q)
        if self.rotary:
            q, k = self.turned(q), self.turned(k)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(b, t, c))
        y = self.n2(x)
        return self.head(self.n3(x + self.d(F.silu(self.g(y)) * self.u(y))))


class Handmade(nn.Module):
    """A norm written out, a learned scale, a gated unit, GroupNorm, einsum, an unused layer."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(5, 8), nn.Linear(8, 16), nn.Linear(8, 8)
        self.scale = nn.Parameter(torch.rand(8) + 0.5)
        self.w = nn.Parameter(torch.randn(8, 6) * 0.3)
        self.norm, self.o, self.unused = nn.GroupNorm(2, 8), nn.Linear(6, 2), nn.Linear(3, 3)

    def forward(self, x):
        x = self.a(x)
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.scale
        x = self.norm(x + self.c(F.glu(self.b(x), -1)))
        return self.o(torch.sin(torch.einsum("bd,de->be", x, self.w)))


class Transformer(nn.Module):
    def __init__(self, decoder=False, batch_first=True):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=batch_first)
        self.i, self.o = nn.Linear(5, 8), nn.Linear(8, 3)
        self.e = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.d = None
        if decoder:
            self.d = nn.TransformerDecoderLayer(8, 2, 16, batch_first=batch_first)

    def forward(self, x):
        x = self.i(x)
        y = self.e(x)
        return self.o(y if self.d is None else self.d(x, y))


class ViT(nn.Module):
    def __init__(self):
        super().__init__()
        self.p, self.b = nn.Conv2d(3, 8, 4, 4), Block(8, 2, 5, True, True)
        self.first = nn.Parameter(torch.randn(1, 1, 8))
        self.place = nn.Parameter(torch.randn(1, 5, 8))
        self.n, self.o = nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x):
        x = self.p(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(x.shape[0], -1, -1), x], 1) + self.place
        return self.o(self.n(self.b(x))[:, 0])


class Convs(nn.Module):
    """Depthwise and dilated convolutions, InstanceNorm, upsampling, padding."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.p, self.norm = nn.Conv2d(8, 6, 1), nn.InstanceNorm2d(6)
        self.c, self.up = nn.Conv1d(6, 4, 3, padding=2, dilation=2), nn.Upsample(scale_factor=2)
        self.o = nn.Linear(32, 3)

    def forward(self, x):
        x = torch.tanh(self.norm(self.p(F.gelu(self.depthwise(self.a(x))))))
        x = self.up(F.avg_pool2d(x, 2)).mean(2)
        return self.o(torch.sin(F.pad(self.c(x), (1, 1))[..., 1:-1]).flatten(1))


def mlp():
    return nn.Sequential(
        nn.Linear(6, 10), nn.BatchNorm1d(10), nn.ReLU(), nn.Dropout(0.2), nn.Linear(10, 8),
        nn.BatchNorm1d(8, affine=False), nn.Tanh(), nn.Linear(8, 3),
    )  # fmt: skip


TOKENS, SEQUENCE = torch.arange(21).reshape(3, 7) * 5 % 11, (3, 5, 4)
_GPT = {
    "wte": "permutation",
    "h.0.c_attn.part": "wreath orthogonal",
    "h.0.c_fc": "permutation",
    "h.1.c_attn.part": "wreath orthogonal",
    "h.1.c_fc": "permutation",
}
# name: (model, arguments or their shapes, the groups other than the identity)
CASES = {
    "gpt": (GPT, (TOKENS, TOKENS), _GPT),
    "gpt by hand": (lambda: GPT(fused=False, bias=False), (TOKENS, TOKENS), _GPT),
    "resnet": (
        ResNet,
        ((4, 3, 32, 32),),
        {k: "permutation" for k in ("conv", "layers.0.c1", "layers.1.c1", "layers.1.c2")},
    ),
    "mlp": (mlp, ((16, 6),), {"0": "permutation", "4": "signed-permutation"}),
    "rnn": (lambda: Recurrent("RNN"), (SEQUENCE,), {"r": "signed-permutation"}),
    "rnn relu": (
        lambda: Recurrent("RNN", nonlinearity="relu"),
        (SEQUENCE,),
        {"r": "permutation"},
    ),
    "lstm": (
        lambda: Recurrent("LSTM", batch_first=True, num_layers=2),
        (SEQUENCE,),
        {"r": "permutation", "r.recurrent": "permutation"},
    ),
    "gru": (lambda: Recurrent("GRU", batch_first=True), (SEQUENCE,), {"r": "permutation"}),
    "rnn cells": (lambda: Cells("RNNCell"), (SEQUENCE,), {"c": "signed-permutation"}),
    "lstm cells": (lambda: Cells("LSTMCell"), (SEQUENCE,), {"c.part": "permutation"}),
    "gru cells": (lambda: Cells("GRUCell"), (SEQUENCE,), {"c.part": "permutation"}),
    "own loop": (OwnLoop, (SEQUENCE,), {"i": "signed-permutation"}),
    "llama": (
        Llama,
        (TOKENS,),
        {
            "e": "permutation",
            "q": "wreath orthogonal",
            "v": "wreath orthogonal",
            "g": "permutation",
        },
    ),
    "rotary": (
        lambda: Llama(rotary=True),
        (TOKENS,),
        {"e": "permutation", "q.parts": "permutation", "v.part": "orthogonal", "g": "permutation"},
    ),
    "normed queries": (
        lambda: Llama(normed=True),
        (TOKENS,),
        {
            "e": "permutation",
            "q.parts": "permutation",
            "q.part": "permutation",
            "v.part": "orthogonal",
            "g": "permutation",
        },
    ),
    "handmade": (
        Handmade,
        ((9, 5),),
        {"a": "wreath permutation", "b.part": "permutation", "w.1": "signed-permutation"},
    ),
    "transformer": (
        lambda: Transformer(batch_first=False),
        ((6, 3, 5),),
        {
            "i": "permutation",
            "e.layers.0.self_attn.dense.part": "wreath orthogonal",
            "e.layers.0.linear1": "permutation",
        },
    ),
    "decoder": (
        lambda: Transformer(decoder=True),
        ((3, 6, 5),),
        {
            "i": "permutation",
            "e.layers.0.self_attn.dense.part": "wreath orthogonal",
            "e.layers.0.linear1": "permutation",
            "d.self_attn.dense.part": "wreath orthogonal",
            "d.multihead_attn.in_proj_bias.part": "wreath orthogonal",
            "d.linear1": "permutation",
        },
    ),
    "vit": (
        ViT,
        ((3, 3, 8, 8),),
        {"p": "permutation", "b.c_attn.part": "wreath orthogonal", "b.c_fc": "permutation"},
    ),
    "convs": (Convs, ((3, 3, 8, 8),), {"a": "permutation", "p": "signed-permutation"}),
}


def case(name):
    """The model, its arguments, and the groups of a case."""
    torch.manual_seed(0)
    make, given, groups = CASES[name]
    model = make()
    args = tuple(x if isinstance(x, torch.Tensor) else torch.randn(x) for x in given)
    return model, args, groups
