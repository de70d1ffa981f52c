"""Layouts that are inferred from models, and their measurement."""

import copy
import json
import pickle
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

import symo  # noqa: E402
import symo.torch  # noqa: E402
from models import CASES, GPT, Llama, case, mlp  # noqa: E402
from symo.torch import Symo, infer_layout, verify  # noqa: E402


def mean(model, *args):
    """A loss without symmetries of its own."""
    out = model(*args)
    out = out[0] if isinstance(out, tuple) else out
    weights = torch.linspace(0.3, 1.7, out.numel(), dtype=out.dtype).reshape(out.shape)
    return (weights * out).sin().mean() + (out * weights).square().mean()


def text(space):
    inner = " " + space["inner"]["group"] if space["group"] == "wreath" else ""
    return space["group"] + inner


@pytest.mark.parametrize("name", CASES)
def test_every_claim_is_exact_and_nothing_less_is_claimed(name):
    model, args, groups = case(name)
    before = copy.deepcopy(model.state_dict())
    random = torch.get_rng_state()
    layout = infer_layout(model, args)
    assert torch.equal(random, torch.get_rng_state())
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), "tracing leaves the model as it was"
    found = {
        n: text(s) for n, s in layout["spaces"].items() if s["group"] != "identity" and s["dim"] > 1
    }
    assert found == groups, str(layout)
    assert [t["name"] for t in layout["tensors"]] == [n for n, _ in model.named_parameters()]
    measured = verify(model, layout, mean, *args, samples=2)
    assert measured and measured.rows, str(measured)


@pytest.mark.parametrize(
    "name, space, group",
    [
        ("mlp", "0", "signed-permutation"),
        ("gpt", "wte", "orthogonal"),
        ("lstm", "r", "signed-permutation"),
        ("resnet", "conv", "signed-permutation"),
    ],
)
def test_larger_groups_are_found_wrong(name, space, group):
    model, args, _ = case(name)
    layout = infer_layout(model, args, groups={space: group})
    measured = verify(model, layout, mean, *args, samples=2)
    assert measured.verdict == "wrong"
    rows = {row["space"]: row["verdict"] for row in measured.rows}
    assert rows[space] == "wrong" and list(rows.values()).count("exact") == len(rows) - 2


def test_heads_that_are_tied_are_moved_together():
    torch.manual_seed(0)
    model, tokens = Llama(), torch.arange(14).reshape(2, 7) % 11
    layout = infer_layout(model, tokens)
    by_name = {s["name"]: s for s in layout.found}
    assert by_name["q"]["together"] == ["v"] and by_name["v"]["together"] == ["q"]
    assert any("change places together" in x for x in by_name["v"]["other"])
    measured = verify(model, layout, mean, tokens, samples=2)
    assert "q v" in [row["space"] for row in measured.rows] and measured
    alone = verify(model, dict(layout), mean, tokens, samples=2)  # one space at a time
    assert alone.verdict == "wrong"


class Strange(nn.Module):
    """What is not understood, one thing after the other, with a layer before each."""

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.from_numpy(np.cumsum(x.detach().numpy(), -1))

        @staticmethod
        def backward(ctx, g):
            return g.flip(-1).cumsum(-1).flip(-1)

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(6)])
        self.o = nn.Linear(8, 2)

    def forward(self, x):
        a, b, c, d, e, f = self.layers
        x = torch.fft.fft(a(x)).real
        x = self.Function.apply(b(x))
        x = torch.tanh(c(x))
        x[:, 0] = 0.0
        y = d(x)
        part = y[:, :3]
        part.mul_(2.0)
        z = torch.tanh(e(y))
        x = f(z * (1.0 if z[0, 0].item() > 0 else 2.0))
        return self.o(x.sort(-1)[0])


def test_what_is_not_understood_is_said_and_passes_nothing():
    torch.manual_seed(0)
    model, x = Strange().double(), torch.randn(5, 8, dtype=torch.float64)
    layout = infer_layout(model, x)
    assert {s["group"] for s in layout["spaces"].values()} == {"identity"}
    words = str(layout)
    for reason in (
        "fft_fft is not understood, so what enters it stays as it is",
        "FunctionBackward is not understood",
        "assignment to entries is not understood",
        "a change in place through a view is not understood",
        "numpy, which gives numbers to the program, is not understood",
        "sort is not understood",
    ):
        assert reason in words, words


def test_what_the_library_has_no_room_for_passes_nothing():
    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.o = nn.Linear(4, 256), nn.Linear(256, 2)

        def forward(self, x):
            y = torch.tanh(self.a(x)).view((2,) * 8)
            return self.o(y.permute(7, 6, 5, 4, 3, 2, 1, 0).reshape(256))

    layout = infer_layout(Turned(), torch.randn(4))
    assert layout["spaces"]["a"]["group"] == "identity"
    assert "more than 8 axes" in str(layout) and "is not understood" in str(layout), str(layout)
    assert "no operation that is understood uses" in layout.why("o.weight")


def test_sums_of_what_is_and_what_is_not_understood():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.o = nn.Linear(4, 6), nn.Linear(4, 6), nn.Linear(6, 2)

        def forward(self, x):
            return self.o(torch.tanh(self.a(x))) + self.o(self.b(x).cumsum(-1))

    layout = infer_layout(Half(), torch.randn(3, 4))
    assert layout["spaces"]["a"]["group"] == "identity"  # tied to b by the layer that both enter
    assert "cumsum is not understood" in str(layout)


def test_parameters_that_the_example_does_not_use():
    model, args, _ = case("handmade")
    layout = infer_layout(model, args)
    assert layout["spaces"]["unused.weight.0"] == {"dim": 3, "group": "identity"}
    assert "no operation that is understood uses the tensor" in layout.why("unused.weight")


def test_names_and_axes_choose_groups():
    model, args, _ = case("gpt")
    layout = infer_layout(model, args, groups={"h.*.c_fc": "identity", "wpe.weight[1]": "identity"})
    spaces = layout["spaces"]
    assert spaces["h.0.c_fc"] == {"dim": 48, "group": "identity"} == spaces["h.1.c_fc"]
    assert spaces["wte"]["group"] == "identity" and "it was asked for" in layout.why("wte.weight")
    again = infer_layout(
        model, args, groups={"h.0.c_attn.part": {"group": "product", "factors": [
            {"group": "permutation", "dim": 3}, {"group": "orthogonal", "dim": 4}]}},
    )  # fmt: skip
    assert verify(model, again, mean, *args, samples=2)
    with pytest.raises(symo.Error, match="did you mean h.0.c_fc"):
        infer_layout(model, args, groups={"h.0.c_fb": "identity"})
    with pytest.raises(symo.Error, match="example_input"):
        infer_layout(model, groups={"h": "identity"})


def test_scaling_is_taken_where_it_is_asked_for():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)), torch.randn(9, 4)
    layout = infer_layout(model, x, scaling=1.5)
    assert layout["spaces"]["0"] == {
        "dim": 6, "group": "scaling", "window": 1.5, "permute": True, "signs": False,
    }  # fmt: skip
    assert layout["tensors"][2]["axes"] == ["2", "0*"] and verify(model, layout, mean, x)


def test_arguments_and_what_models_return():
    class Dict(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.o = nn.Linear(4, 6), nn.Linear(6, 2)

        def forward(self, x, *, flag=None):
            return {"y": [self.o(torch.sin(self.a(x)))], "flag": flag}

    model = Dict()
    for example in ({"x": torch.randn(3, 4), "flag": True}, (torch.randn(3, 4),), [torch.randn(4)]):
        assert infer_layout(model, example)["spaces"]["a"]["group"] == "signed-permutation"
    model.forward = lambda x: x.shape
    with pytest.raises(symo.Error, match="returns no tensor"):
        infer_layout(model, torch.randn(3, 4))
    model = Dict()
    with pytest.raises(TypeError):
        infer_layout(model, (torch.randn(3, 4), 1))


def test_the_layout_is_a_dict_that_files_hold(tmp_path):
    model, args, _ = case("gpt")
    layout = infer_layout(model, args)
    made = symo.Layout(layout)
    assert made.tensors["h.0.c_attn.weight"] == (3, 12, 12)
    assert made.num_parameters == sum(p.numel() for p in model.parameters())
    (tmp_path / "layout.json").write_text(json.dumps(layout))
    assert symo.Layout(tmp_path / "layout.json").to_dict() == made.to_dict()
    for twin in (copy.deepcopy(layout), pickle.loads(pickle.dumps(layout))):
        assert twin == layout and str(twin) == str(layout)


@pytest.mark.parametrize(
    "preset, lr", [("symo", 3e-3), ("symo-bd", 3e-3), ("muon", 0.02), ("adamw", 3e-3)]
)
def test_models_train_with_what_is_inferred(preset, lr):
    torch.manual_seed(0)
    model = GPT()
    tokens = torch.randint(0, 11, (8, 9))
    tokens[:, 1::2] = tokens[:, :-1:2]  # every other symbol repeats the one before
    layout = infer_layout(model, (tokens, tokens))
    opt = Symo(model, preset, lr=lr, layout=layout)
    words = repr(opt)
    assert "h.0.c_attn.part: wreath" in words and "gelu is neither odd" in words
    losses = []
    for step in range(40):
        opt.zero_grad()
        loss = model(tokens[:, :-1], tokens[:, 1:].contiguous())[1]
        loss.backward()
        opt.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0] and opt.reports[0].step == 40
    copied = pickle.loads(pickle.dumps(opt))
    assert "wreath" in repr(copied)


def test_parameters_in_other_memory_orders():
    torch.manual_seed(0)
    model, args, _ = case("gpt")
    layout = infer_layout(model, args)
    weight = model.h[0].c_attn.weight
    model.h[0].c_attn.weight = nn.Parameter(weight.detach().t().contiguous().t())
    opt = Symo(model, lr=0.01, layout=layout)
    model(*args)[1].backward()
    opt.step()  # [3, 12, 12] in a matrix stored by columns has strides too
    cut = nn.Parameter(torch.zeros(6, 4).t()[:, ::2])
    cut.grad = torch.ones(4, 3)
    strange = Symo([cut], lr=0.1, layout="a: identity 6; b: orthogonal 2; w[a,b]")
    with pytest.raises(symo.Error, match="contiguous"):
        strange.step()


def test_verify_refuses_other_names():
    model, args, _ = case("mlp")
    with pytest.raises(symo.Error, match="differ: .*0.weight"):
        verify(model, "h: permutation 3; w[h]", mean, *args)


def test_dropout_of_every_kind_is_left_out_of_the_measurement():
    class Dropped(nn.Module):
        def __init__(self):
            super().__init__()
            self.r = nn.LSTM(4, 6, 2, dropout=0.5, batch_first=True)
            self.a = nn.MultiheadAttention(6, 2, dropout=0.5, batch_first=True)
            self.o = nn.Linear(6, 3)

        def forward(self, x):
            x = F.dropout(self.r(x)[0], 0.5, self.training)
            q = self.a(x, x, x, need_weights=False)[0].unflatten(-1, (2, 3)).transpose(1, 2)
            return self.o(F.scaled_dot_product_attention(q, q, q, None, 0.5).sum(1).repeat(1, 1, 2))

    torch.manual_seed(0)
    model, x = Dropped(), torch.randn(3, 5, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layout = infer_layout(model, x)
    assert verify(model, layout, mean, x, samples=1), "dropout would make every loss another"


def test_batchnorm_is_measured_on_its_batch():
    torch.manual_seed(0)
    model = mlp().eval()
    x = torch.randn(16, 6)
    assert verify(model, infer_layout(model, x), mean, x, samples=2) and not model.training
