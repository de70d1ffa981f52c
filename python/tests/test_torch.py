"""symo.torch: the bits of the C interface, and the habits of torch.optim."""

import copy
import doctest
import io
import pickle
import sys
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import symo  # noqa: E402
import symo.torch  # noqa: E402
from symo.torch import Symo, infer_layout  # noqa: E402


def net(dtype=torch.float64, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3)
    ).to(dtype)


def backward(model, seed, factor=1.0):
    p = next(model.parameters())
    x = torch.randn(16, 4, generator=torch.Generator().manual_seed(seed), dtype=p.dtype)
    loss = (model(x) - x[:, :3].sin()).square().mean() * factor
    loss.backward()
    return loss


def train(model, opt, seeds):
    for seed in seeds:
        opt.zero_grad()
        backward(model, seed)
        opt.step()


def bits(model):
    return b"".join(p.detach().numpy().tobytes() for p in model.parameters())


# ---- the same bits as the C interface ----


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "preset, settings",
    [
        ("symo", {"lr": 0.01}),
        ("symo-bd", {"lr": 0.01}),
        ("muon", {"lr": 0.02}),
        ("shampoo", {"lr": 0.01}),
        ("soap", {"lr": 0.01}),
        ("adamw", {"lr": 0.01, "weight_decay": 0.1}),
        ("sgd", {"lr": 0.1, "momentum": 0.9}),
    ],
)
def test_steps_have_the_bits_of_the_c_interface(preset, settings, dtype):
    model = net(dtype)
    opt = Symo(model, preset, **settings)
    params = {name: p.detach().numpy().copy() for name, p in model.named_parameters()}
    ours = symo.Optimizer(infer_layout(model), preset, dtype=str(dtype)[6:], **settings)
    for seed in range(6):
        opt.zero_grad(set_to_none=seed % 2 == 0)
        backward(model, seed)
        ours.step({name: p.grad.numpy() for name, p in model.named_parameters()}, params)
        opt.step()
        assert bits(model) == b"".join(p.tobytes() for p in params.values())
        assert opt.reports[0].step == seed + 1 and opt.reports[0].accepted


def test_training_converges_below_sgd():
    losses = {}
    for preset in ("symo", "sgd"):
        model = net(torch.float32)
        opt = Symo(model, preset, lr=0.01)
        train(model, opt, range(150))
        losses[preset] = backward(model, 1000).item()
    assert losses["symo"] < 0.02 and losses["symo"] < losses["sgd"] / 4


def test_strided_parameters_and_gradients():
    torch.manual_seed(1)
    model, other = net(), net()
    other[2].weight = nn.Parameter(torch.empty(8, 6, dtype=torch.float64).t())
    other.load_state_dict(model.state_dict())
    assert not other[2].weight.is_contiguous()
    train(model, Symo(model, "adamw", lr=0.01), range(4))
    train(other, Symo(other, "adamw", lr=0.01), range(4))
    for p, q in zip(model.parameters(), other.parameters()):
        assert torch.allclose(
            p, q, rtol=1e-12, atol=1e-12
        )  # products of torch differ by strides, in rounding


def test_autograd_notices_that_parameters_were_written():
    model = net()
    opt = Symo(model, lr=0.01)
    backward(model, 0)
    loss = (model[0].weight ** 2).sum()
    opt.step()
    if hasattr(torch.autograd.graph, "increment_version"):
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


# ---- schedulers, closures, groups ----


def test_rates_of_patterns_follow_in_proportion():
    model = net()
    first = next(name for name, p in model.named_parameters() if p.ndim == 2)
    opt = Symo(model, "symo", **{f"{first}:lr": 0.02, f"{first}:alpha": 1.2})
    backward(model, 1)
    opt.step()
    assert opt.param_groups[0]["lr"] == 0.003
    opt.param_groups[0]["lr"] = 0.0015
    backward(model, 2)
    opt.step()
    assert opt._stacks[0].optimizer._rates[0] == 0.01


@pytest.mark.parametrize("preset", ["symo", "muon", "adamw"])
def test_schedulers_change_the_rate(preset):
    model, other = net(), net()
    opt, ref = Symo(model, preset, lr=0.01), symo.Optimizer(infer_layout(other), preset, lr=0.01)
    rates = [rule["lr"] for rule in ref.spec["rules"]]
    scheduler = torch.optim.lr_scheduler.StepLR(opt, 2, 0.5)
    params = {name: p.detach().numpy() for name, p in other.named_parameters()}
    for seed in range(6):
        for m in (model, other):
            m.zero_grad()
            backward(m, seed)
        for rule, rate in enumerate(rates):
            ref.set_lr(rate * 0.5 ** (seed // 2), rule)
        ref.step({name: p.grad.numpy() for name, p in other.named_parameters()}, params)
        opt.step()
        scheduler.step()
        assert opt.reports[0].lr == 0.01 * 0.5 ** (seed // 2)
    assert bits(model) == bits(other)


def test_one_cycle_and_a_rate_of_zero():
    model = net()
    opt = Symo(model, "adamw", lr=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(opt, 0.02, total_steps=5, cycle_momentum=False)
    for seed in range(4):
        train(model, opt, [seed])
        scheduler.step()
    opt.param_groups[0]["lr"] = 0.0
    before = bits(model)
    train(model, opt, [9])
    assert bits(model) == before and opt.reports[0].lr == 0
    again = pickle.loads(pickle.dumps(opt))
    again.param_groups[0]["lr"] = 0.01
    p = again.param_groups[0]["params"]
    for x in p:
        x.grad = torch.ones_like(x)
    again.step()
    assert again.reports[0].lr == 0.01 and again.reports[0].step == 6


def test_closures_are_called_with_gradients():
    model = net()
    opt = Symo(model, lr=0.01)

    def closure():
        opt.zero_grad()
        return backward(model, 0)

    losses = [opt.step(closure).item() for _ in range(20)]
    assert losses[-1] < losses[0] / 2 and opt.reports[0].step == 20


def test_groups_have_rates_presets_and_settings_of_their_own():
    model = net()
    named = list(model.named_parameters())
    opt = Symo(
        [
            {"params": [p for n, p in named if "weight" in n], "lr": 0.02},
            {"params": [(n, p) for n, p in named if "bias" in n], "preset": "sgd", "momentum": 0.9},
        ],
        "symo-bd",
        lr=0.01,
    )
    assert [g["lr"] for g in opt.param_groups] == [0.02, 0.01]
    train(model, opt, range(3))
    assert [r.step for r in opt.reports] == [3, 3] and [r.lr for r in opt.reports] == [0.02, 0.01]
    extra = nn.Parameter(torch.ones(3, 3, dtype=torch.float64))
    opt.add_param_group({"params": [extra], "lr": 0.5, "preset": "muon"})
    extra.grad = torch.eye(3, dtype=torch.float64)
    opt.step()
    assert (
        opt.reports[2].lr == 0.5
        and not torch.equal(extra, torch.ones_like(extra))
        and "muon" in repr(opt)
    )
    with pytest.raises(ValueError):
        opt.add_param_group({"params": [extra]})
    assert len(opt.param_groups) == len(opt.reports) == 3


def test_settings_that_change_in_a_group_are_taken_over_or_refused():
    model, other = net(), net()
    opt, ref = Symo(model, "adamw", lr=0.01, weight_decay=0.1), Symo(
        other, "adamw", lr=0.01, weight_decay=0.1
    )
    train(model, opt, range(2))
    train(other, ref, range(2))
    opt.param_groups[0]["weight_decay"] = 0.0
    train(model, opt, [2])
    train(other, ref, [2])
    assert opt.reports[0].step == 3 and bits(model) != bits(other)
    opt.param_groups[0]["preset"] = "sgd"
    before = bits(model)
    with pytest.raises(symo.Error):
        train(model, opt, [3])
    assert bits(model) == before
    opt.param_groups[0]["preset"] = "adamw"
    train(model, opt, [3])
    assert opt.reports[0].step == 4


def test_the_rate_of_the_preset_is_the_default():
    opt = Symo(net())
    assert opt.param_groups[0]["lr"] == symo.Optimizer("h: permutation 2; w[h]", "symo").lr > 0


# ---- checkpoints and copies ----


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("preset", ["symo", "symo-published", "muon", "soap", "adamw"])
def test_a_run_goes_on_to_the_same_bits(preset, dtype):
    model = net(dtype)
    opt = Symo(model, preset, lr=0.01)
    train(model, opt, range(3))
    opt.param_groups[0]["lr"] = 0.005
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "opt": opt.state_dict()}, file)
    copied = copy.deepcopy((model, opt))
    pickled = pickle.loads(pickle.dumps((model, opt)))
    train(model, opt, range(3, 6))
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    loaded = net(dtype, seed=5)
    loaded.load_state_dict(saved["model"])
    new = Symo(loaded, preset, lr=0.7)
    new.load_state_dict(saved["opt"])
    for other, its in ((loaded, new), copied, pickled):
        assert its.param_groups[0]["lr"] == 0.005
        train(other, its, range(3, 6))
        assert bits(other) == bits(model) and its.reports[0].step == 6


def test_states_that_do_not_fit_are_refused():
    model = net()
    opt = Symo(model, lr=0.01)
    train(model, opt, range(2))
    state = opt.state_dict()
    for wrong in (
        torch.optim.SGD(model.parameters(), lr=1).state_dict(),
        Symo(nn.Linear(4, 3), lr=0.01).state_dict(),
    ):
        with pytest.raises(symo.Error):
            opt.load_state_dict(wrong)
    broken = copy.deepcopy(state)
    broken["symo"][0]["state"][-1] ^= 1
    with pytest.raises(symo.Error) as refused:
        opt.load_state_dict(broken)
    assert refused.value.name == "SYMO_E_FORMAT"
    other = net()
    other.load_state_dict(model.state_dict())
    new = Symo(other, lr=0.01)
    new.load_state_dict(state)
    train(model, opt, [2])
    train(other, new, [2])
    assert bits(other) == bits(model)


# ---- gradients that are missing or not finite; frozen and shared parameters ----


def test_parameters_without_gradient_keep_their_value():
    model = net()
    opt = Symo(model, lr=0.01, weight_decay=0.1)
    opt.step()
    assert opt.reports == [None]
    backward(model, 0)
    model[2].weight.grad = None
    before, moved = model[2].weight.detach().clone(), model[0].weight.detach().clone()
    opt.step()
    assert torch.equal(model[2].weight, before) and not torch.equal(model[0].weight, moved)
    train(model, opt, [1])
    assert not torch.equal(model[2].weight, before) and opt.reports[0].step == 2


def test_frozen_parameters_are_left_out_and_missed():
    model = net()
    model[0].requires_grad_(False)
    opt = Symo(model, lr=0.01)
    assert "frozen" in repr(opt) and "0.weight" not in [
        t["name"] for t in opt._stacks[0].layout["tensors"]
    ]
    frozen = model[0].weight.detach().clone()
    train(model, opt, range(2))
    assert torch.equal(model[0].weight, frozen) and opt.reports[0].step == 2
    model[0].requires_grad_(True)
    with pytest.raises(symo.Error, match="frozen"):
        train(model, opt, [2])


def test_hooks_and_profilers_see_every_step():
    model, calls = net(), []
    opt = Symo(model, lr=0.01)
    train(model, opt, [0])
    handles = [
        opt.register_step_pre_hook(lambda *_: calls.append("before")),
        opt.register_step_post_hook(lambda *_: calls.append("after")),
    ]
    train(model, opt, [1])
    assert calls == ["before", "after"]
    for handle in handles:
        handle.remove()
    train(model, opt, [2])
    assert len(calls) == 2
    for_all = sys.modules[torch.optim.Optimizer.__module__].register_optimizer_step_post_hook
    handle = for_all(lambda *_: calls.append("of all"))
    try:
        train(model, opt, [3])
    finally:
        handle.remove()
    assert calls[2:] == ["of all"]
    with torch.autograd.profiler.profile() as profile:
        train(model, opt, [4])
    assert any(event.key == "Optimizer.step#Symo.step" for event in profile.key_averages())
    alone = net()
    train(alone, Symo(alone, lr=0.01), range(5))
    assert bits(alone) == bits(model)


def test_steps_follow_tensors_that_move():
    """The step remembers where parameters lie; what takes their place is seen."""
    models = (net(), net())
    opts = [Symo(model, "adamw", lr=0.01) for model in models]
    weight = models[1][0].weight
    for seed in range(6):
        for model, opt in zip(models, opts):
            model.zero_grad()
        backward(models[0], seed)
        for p, q in zip(models[0].parameters(), models[1].parameters()):
            q.grad = p.grad.clone()
            if seed == 4:  # gradients with strides
                q.grad = p.grad.t().contiguous().t() if p.dim() == 2 else p.grad.clone()
        for opt in opts:
            opt.step()
        assert bits(models[0]) == bits(models[1])
        if seed == 1:
            weight.data = weight.data.clone()
        if seed == 2:
            weight.data = weight.data.t().contiguous().t()
    weight.data = weight.data.float()
    weight.grad = torch.ones_like(weight)
    with pytest.raises(symo.Error, match="float32"):
        opts[1].step()


def test_a_step_counts_as_a_change_for_autograd():
    model = net()
    opt = Symo(model, lr=0.01)
    loss = backward(model, 0)
    kept = (model[0].weight * model[0].weight).sum() + loss.detach()
    opt.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        kept.backward()


def test_shared_parameters_are_one():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 4, dtype=torch.float64), nn.Linear(
                4, 4, dtype=torch.float64
            )
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(self.a(x))[:, :3]

    model = Tied()
    opt = Symo(model, lr=0.01)
    assert len(opt.param_groups[0]["params"]) == 3
    train(model, opt, range(2))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        twice = Symo([model.a.weight, model.b.weight], lr=0.01)
    assert len(twice.param_groups[0]["params"]) == 1 and any(
        "twice" in str(w.message) for w in seen
    )


def test_gradients_that_are_not_finite_leave_the_step_out():
    model = net()
    opt = Symo(model, lr=0.01)
    backward(model, 0)
    model[0].weight.grad[0, 0] = float("nan")
    before = bits(model)
    opt.step()
    report = opt.reports[0]
    assert (
        not report.accepted
        and report.refused_steps == 1
        and report.step == 0
        and bits(model) == before
    )
    train(model, opt, [1])
    assert opt.reports[0].accepted and opt.reports[0].refused_steps == 1
    strict = Symo(model, lr=0.01, nan="stop")
    model[0].weight.grad[0, 0] = float("nan")
    with pytest.raises(symo.Error) as refused:
        strict.step()
    assert refused.value.name == "SYMO_E_NONFINITE" and "0.weight" in refused.value.text


@pytest.mark.skipif(
    not hasattr(torch.amp, "GradScaler"), reason="this torch scales no gradients on the CPU"
)
def test_a_grad_scaler_skips_steps():
    model = net(torch.float32)
    opt = Symo(model, lr=0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    for factor in (1.0, float("inf"), 1.0):
        before = bits(model)
        opt.zero_grad()
        p = next(model.parameters())
        x = torch.ones(3, 4, dtype=p.dtype)
        scaler.scale(model(x).square().mean() * factor).backward()
        scaler.unscale_(opt)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(opt)
        scaler.update()
        assert (bits(model) == before) == (factor != 1.0)
    assert (
        opt.reports[0].step == 2
        and opt.reports[0].refused_steps == 0
        and scaler.get_scale() == 2.0**9
    )


# ---- layouts ----


def spaces(model):
    return {name: (s["group"], s["dim"]) for name, s in infer_layout(model)["spaces"].items()}


def test_hidden_spaces_of_chains_and_nothing_else():
    chain = spaces(
        nn.Sequential(
            nn.Linear(4, 8),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(8, 6),
            nn.Tanh(),
            nn.Sequential(nn.Linear(6, 5, bias=False)),
        )
    )
    assert chain["0.weight.0"] == ("permutation", 8) and chain["3.weight.0"] == (
        "signed-permutation",
        6,
    )
    assert {chain[k][0] for k in ("0.weight.1", "5.0.weight.0")} == {"identity"}
    for between in (
        [nn.LayerNorm(8)],
        [nn.Softmax(1)],
        [nn.Flatten()],
        [nn.PReLU()],
        [nn.ReLU(), nn.BatchNorm1d(8)],
    ):
        alone = spaces(nn.Sequential(nn.Linear(4, 8), *between, nn.Linear(8, 3)))
        assert alone["0.weight.0"] == ("orthogonal", 8) and not {
            "permutation",
            "signed-permutation",
        } & {g for g, _ in alone.values()}
    twice = nn.Linear(4, 4)
    assert "permutation" not in {
        g
        for g, _ in spaces(
            nn.Sequential(twice, nn.ReLU(), twice, nn.ReLU(), nn.Linear(4, 2))
        ).values()
    }
    other = spaces(
        nn.ModuleDict({"e": nn.Embedding(5, 4), "c": nn.Conv2d(3, 6, 3), "n": nn.LayerNorm(4)})
    )
    assert other["e.weight.0"] == ("identity", 5) and other["c.weight.0"] == ("orthogonal", 6)
    assert other["c.weight.1"] == ("identity", 3) and other["n.weight.0"] == ("identity", 4)


def test_hooks_of_the_caller_see_nothing_of_it():
    model, calls = net(), []
    for module in model:
        module.register_forward_hook(lambda *_: calls.append(1))
        module.register_forward_pre_hook(lambda *_: calls.append(1))
    before = torch.get_rng_state()
    infer_layout(model)
    Symo(model, lr=0.01)
    assert not calls and torch.equal(before, torch.get_rng_state())


def test_the_hidden_spaces_are_symmetries():
    model = net()
    layout = symo.Layout(infer_layout(model))
    assert layout.tensors == {n: tuple(p.shape) for n, p in model.named_parameters()}
    x = torch.randn(7, 4, dtype=torch.float64)
    before = model(x)
    flip = torch.diag(torch.tensor([1.0, -1] * 4, dtype=torch.float64))[torch.randperm(8)]
    assert layout.spaces["0.weight.0"] == ("signed-permutation", 8)
    with torch.no_grad():
        for p, axes in zip(model.parameters(), (t["axes"] for t in infer_layout(model)["tensors"])):
            for axis, space in enumerate(axes):
                if space == "0.weight.0":
                    p.copy_(torch.movedim(torch.tensordot(flip, p, ([1], [axis])), 0, axis))
    assert torch.allclose(model(x), before, rtol=1e-12, atol=1e-12)


def test_layouts_of_the_caller():
    model = net()
    chosen = infer_layout(model)
    chosen["spaces"]["0.weight.0"]["group"] = "sign-flip"
    opt = Symo(model, "symo-published", lr=0.01, layout=chosen)
    train(model, opt, range(2))
    assert "as the layout says" in repr(opt) and "sign" in str(opt._stacks[0].layout)
    text = "i: identity 4; h: permutation 8; a[h,i] b[h]"
    pair = list(model[0].parameters())
    by_order = Symo(pair, lr=0.01, layout=text)
    for p in pair:
        p.grad = torch.ones_like(p)
    by_order.step()
    assert "a [8 x 4]" in repr(by_order) and by_order.reports[0].accepted
    for params, status in (
        (model, "SYMO_E_NAME"),
        (pair[:1], "SYMO_E_SHAPE"),
        (pair[::-1], "SYMO_E_SHAPE"),
    ):
        with pytest.raises(symo.Error) as refused:
            Symo(params, lr=0.01, layout=text)
        assert refused.value.name == status


def test_print_says_what_every_parameter_gets_and_why():
    words = repr(Symo(net(), lr=0.25))
    for line in (
        "0.weight [8 x 4]: symo; hidden units of 0.weight and 2.weight, Tanh between: signed-",
        "4.bias [3]: adamw; one axis: identity",
        "lr=0.25",
        "flop a step",
    ):
        assert line in words


# ---- refusals ----


@pytest.mark.parametrize(
    "make, status, word",
    [
        (
            lambda: Symo([torch.zeros(3, 3, device="meta", requires_grad=True)]),
            "SYMO_E_UNSUPPORTED",
            "meta",
        ),
        (lambda: Symo(nn.Linear(3, 3).bfloat16()), "SYMO_E_DTYPE", "bfloat16"),
        (
            lambda: Symo(
                [
                    torch.zeros(3, requires_grad=True),
                    torch.zeros(3, dtype=torch.float64, requires_grad=True),
                ]
            ),
            "SYMO_E_DTYPE",
            "two groups",
        ),
        (lambda: Symo(nn.Linear(3, 3), "symoo"), "SYMO_E_NAME", "symoo"),
        (lambda: Symo(nn.Linear(3, 3), lrr=1), "SYMO_E_NAME", "lrr"),
        (lambda: Symo(nn.Linear(3, 3), lr=-1), "SYMO_E_ARGUMENT", "-1"),
        (lambda: Symo(nn.Linear(3, 3), dtype="f64"), "SYMO_E_ARGUMENT", "dtype"),
        (lambda: Symo(nn.Linear(3, 3), "lm"), "SYMO_E_UNSUPPORTED", "lm"),
    ],
)
def test_refusals(make, status, word):
    with pytest.raises(symo.Error) as refused:
        make()
    assert refused.value.name == status and word in refused.value.text


@pytest.mark.parametrize(
    "change, word",
    [
        (lambda p: setattr(p, "data", torch.zeros(2, 2, dtype=torch.float64)), "(2, 2)"),
        (lambda p: setattr(p, "data", p.data.float()), "float32"),
    ],
)
def test_parameters_that_became_others_are_refused(change, word):
    p = nn.Parameter(torch.ones(3, 3, dtype=torch.float64))
    opt = Symo([p], lr=0.01)
    change(p)
    p.grad = torch.ones_like(p)
    with pytest.raises(symo.Error) as refused:
        opt.step()
    assert word in refused.value.text


def test_sparse_gradients_are_refused():
    table = nn.Embedding(5, 3, sparse=True)
    opt = Symo(table, lr=0.01)
    table(torch.tensor([1, 2])).sum().backward()
    with pytest.raises(symo.Error, match="sparse"):
        opt.step()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
def test_cuda_is_refused():
    with pytest.raises(symo.Error, match="CPU"):
        Symo(nn.Linear(3, 3).cuda())


def test_estimates_from_tensors():
    model = net()
    backward(model, 0)
    grads = {name: p.grad for name, p in model.named_parameters()}
    h = symo.estimate(infer_layout(model), grads)
    dense = h.to_dense()
    flat = np.concatenate([g.numpy().ravel() for g in grads.values()])
    y = np.concatenate([v.ravel() for v in h.matvec(grads).values()])
    assert np.abs(y - dense @ flat).max() <= 1e-13 * np.linalg.norm(dense) * np.linalg.norm(flat)


def test_doctests():
    failed, tried = doctest.testmod(symo.torch)
    assert failed == 0 and tried > 0


def test_options_that_come_into_a_group_later():
    model, twin = net(), net()
    opt, known = Symo(model, lr=0.01), Symo(twin, lr=0.01, weight_decay=0.0)
    opt.param_groups[0]["label"] = "body"  # the caller's own
    train(model, opt, [1])
    train(twin, known, [1])
    for each in (opt, known):
        each.param_groups[0]["weight_decay"] = 0.5
    train(model, opt, [2, 3])
    train(twin, known, [2, 3])
    assert {rule["weight_decay"] for rule in opt._stacks[0].optimizer.spec["rules"]} == {0.5}
    assert bits(model) == bits(twin)
    again = Symo(net(), lr=0.01)
    again.load_state_dict(opt.state_dict())
    assert again.param_groups[0]["weight_decay"] == 0.5 and "weight_decay=0.5" in repr(again)
    opt.param_groups[0]["momentum"] = 2.0
    with pytest.raises(symo.Error, match="momentum"):
        train(model, opt, [4])
    del opt.param_groups[0]["momentum"]
    train(model, opt, [4])


def test_no_parameters():
    with pytest.raises(symo.Error, match="no parameters"):
        Symo(nn.Tanh())
    params = net().parameters()
    list(params)
    with pytest.raises(symo.Error, match="a generator gives them once"):
        Symo(params)
    frozen = Symo(net().requires_grad_(False))
    with pytest.raises(symo.Error, match="all parameters are frozen"):
        frozen.load_state_dict("checkpoint.safetensors")


def test_compiled_models_have_the_names_of_the_model():
    plain, wrapped = net(), net()
    compiled = torch.compile(nn.DataParallel(wrapped), backend="eager")
    a, b = Symo(plain, lr=0.01), Symo(compiled, lr=0.01)
    for model in (plain, wrapped):
        for p in model.parameters():
            p.grad = torch.ones_like(p)
    a.step()
    b.load_state_dict(a.state_dict())
    assert infer_layout(compiled) == infer_layout(plain)
    assert b.param_groups[0]["param_names"] == [n for n, _ in plain.named_parameters()]
