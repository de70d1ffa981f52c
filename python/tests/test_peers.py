"""symo.torch.Symo beside the optimizers of torch, and its state beside that of the C trainer."""

import os
import pickle
import subprocess

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import symo  # noqa: E402
from symo.torch import Symo  # noqa: E402


def net(dtype=torch.float64):
    torch.manual_seed(0)
    layers = [nn.Linear(5, 8, bias=False), nn.Tanh(), nn.Linear(8, 6, bias=False), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(6, 9, bias=False)).to(dtype)


def train(model, opt, steps=50):
    for seed in range(steps):
        opt.zero_grad()
        p = next(model.parameters())
        x = torch.randn(16, 5, generator=torch.Generator().manual_seed(seed), dtype=p.dtype)
        (model(x) - x.sum(1, keepdim=True).sin()).square().mean().backward()
        opt.step()


def distance(one, other):
    pairs = zip(one.parameters(), other.parameters())
    return max(((p - q).norm() / q.norm()).item() for p, q in pairs)


ADAM = dict(lr=0.01, betas=(0.9, 0.95), eps=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "preset, settings, other, options",
    [
        ("adam", ADAM, torch.optim.Adam, ADAM),
        ("adamw", {**ADAM, "weight_decay": 0.1}, torch.optim.AdamW, {**ADAM, "weight_decay": 0.1}),
        ("sgd", dict(lr=0.01, momentum=0.9), torch.optim.SGD, dict(lr=0.01, momentum=0.9)),
        (
            "sgd",
            dict(lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1, decay="l2"),
            torch.optim.SGD,
            dict(lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1),
        ),
    ],
)
def test_equal_to_torch_over_fifty_steps(preset, settings, other, options, dtype):
    ours, theirs = net(dtype), net(dtype)
    train(ours, Symo(list(ours.parameters()), preset, **settings))
    train(theirs, other(theirs.parameters(), **options))
    # 50 steps, each off by some rounding of numbers that are about as large as the parameters
    assert distance(ours, theirs) <= 500 * torch.finfo(dtype).eps


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
@pytest.mark.parametrize("adjust, scale", [(None, "shape"), ("match_rms_adamw", "match-rms")])
def test_equal_to_muon_but_for_bfloat16(adjust, scale, monkeypatch):
    """torch iterates in bfloat16, whatever the parameters are; here it has float64 to do it in."""
    ours, theirs = net(), net()
    train(ours, Symo(list(ours.parameters()), "muon", lr=0.01, weight_decay=0.1, scale=scale))
    monkeypatch.setattr(torch, "bfloat16", torch.float64)
    train(theirs, torch.optim.Muon(theirs.parameters(), 0.01, 0.1, adjust_lr_fn=adjust))
    # five quintic steps enlarge small singular values, and their rounding, by 3.4^5 at most
    assert distance(ours, theirs) <= 50 * 3.4445**5 * torch.finfo(torch.float64).eps


@pytest.mark.parametrize(
    "preset, lr",
    [
        ("symo", 0.01),
        ("symo-bd", 0.01),
        ("symo-pd", 0.1),
        ("muon", 0.01),
        ("shampoo", 0.3),
        ("soap", 0.01),
        ("adamw", 0.01),
    ],
)
def test_presets_go_down(preset, lr):
    model = net(torch.float32)
    opt = Symo(model, preset, lr=lr)
    first = [p.detach().clone() for p in model.parameters()]
    losses = []
    for seed in range(60):
        opt.zero_grad()
        x = torch.randn(16, 5, generator=torch.Generator().manual_seed(seed))
        loss = (model(x) - x.sum(1, keepdim=True).sin()).square().mean()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10]), losses
    assert not any(torch.equal(p, q) for p, q in zip(model.parameters(), first))


def test_a_checkpoint_of_the_trainer_goes_on_in_torch(tmp_path):
    command = os.environ.get("SYMO")
    if not command or not os.path.exists(command):
        pytest.skip("no command symo (set SYMO)")
    run = [command, "train", "teacher-student", "--net", "6-8-3", "--train", "64", "--test", "16"]
    run += ["--optimizer", "symo", "--lr", "0.01", "--steps", "5", "--out", str(tmp_path / "run")]
    subprocess.run(run, check=True, capture_output=True)
    path = tmp_path / "run" / "checkpoint.safetensors"
    layout = "in: identity 6; h1: signed-permutation 8; out: identity 3; w1[h1,in] w2[out,h1]"
    params = [nn.Parameter(torch.zeros(8, 6).double()), nn.Parameter(torch.zeros(3, 8).double())]
    opt = Symo(params, lr=0.01, layout=layout)
    opt.load_state_dict(path)
    other = symo.Optimizer(layout, "symo", lr=0.01, dtype="f64")
    other.load(path)
    arrays = [p.detach().numpy().copy() for p in params]
    for p in params:
        p.grad = torch.ones_like(p)
    opt.step()
    other.step([np.ones((8, 6)), np.ones((3, 8))], arrays)
    assert opt.reports[0].step == 6  # the five of the trainer, and this one
    assert all((p.detach().numpy() == a).all() for p, a in zip(params, arrays))
    with pytest.raises(symo.Error):
        Symo(params, "adamw", lr=0.01, layout=layout).load_state_dict(path)


def test_copies_have_the_bits_of_what_they_are_copies_of():
    ours, theirs = net(), net()
    copied = Symo(ours, lr=0.01, device="copy")
    train(ours, copied, 5)
    train(theirs, Symo(theirs, lr=0.01), 5)
    assert distance(ours, theirs) == 0 and "copy" not in copied.param_groups[0]["preset"]
    again = pickle.loads(pickle.dumps(copied))
    assert again.param_groups[0]["device"] == "copy"
    with pytest.raises(symo.Error, match="device is 'cuda'"):
        Symo(ours, lr=0.01, device="cuda")
    elsewhere = nn.Linear(3, 3, device="meta")
    with pytest.raises(symo.Error, match='device="copy"'):
        Symo(elsewhere, lr=0.01)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
def test_tensors_on_a_gpu_are_copied_when_asked():
    ours, theirs = net().cuda(), net()
    opt = Symo(ours, lr=0.01, device="copy")
    other = Symo(theirs, lr=0.01)
    for seed in range(5):
        for p, q in zip(ours.parameters(), theirs.parameters()):
            q.grad = torch.randn(q.shape, generator=torch.Generator().manual_seed(seed)).double()
            p.grad = q.grad.cuda()
        opt.step()
        other.step()
    assert all(torch.equal(p.cpu(), q) for p, q in zip(ours.parameters(), theirs.parameters()))
