"""Groups by functions of Python: the Walsh-Hadamard transform, against its generators."""

import copy
import doctest
import gc
import pickle
import threading

import numpy as np
import pytest

import symo
import symo.groups
from symo import _library as c


def irreps(d):
    return [symo.Irrep(1, (1, d), f"chi{s}") for s in range(d)]


def hadamard(x):
    """The transform of the first axis."""
    d = len(x)
    for bit in (1 << k for k in range(d.bit_length() - 1)):
        y = x.reshape(d // (2 * bit), 2, bit, *x.shape[1:])
        x = np.stack([y[:, 0] + y[:, 1], y[:, 0] - y[:, 1]], 1).reshape(x.shape) / np.sqrt(2)
    return x


def order(d):
    """For two axes: entry (a, b) is copy a of the irrep a xor b."""
    s, a = np.divmod(np.arange(d * d), d)
    return a * d + (a ^ s)


def analyze(x, axes):
    y = hadamard(x)
    if axes == 1:
        return y
    d, lanes = x.shape[0], x.shape[2]
    return hadamard(y.transpose(1, 0, 2)).transpose(1, 0, 2).reshape(d * d, lanes)[order(d)]


def synthesize(coordinates, axes):
    if axes == 1:
        return hadamard(coordinates)
    d = int(round(len(coordinates) ** 0.5))
    y = np.empty_like(coordinates)
    y[order(d)] = coordinates
    y = hadamard(y.reshape(d, d, -1))
    return hadamard(y.transpose(1, 0, 2)).transpose(1, 0, 2)


def move(d, t):
    return np.arange(d) ^ t


def sample(d, seed):
    return np.eye(d)[move(d, seed % d)]


def generators(d):
    return [move(d, 1 << k) for k in range(d.bit_length() - 1)]


def is_power(d):
    return d & (d - 1) == 0


def group(**other):
    given = dict(sample=sample, generators=generators, accept=is_power, max_axes=2)
    return symo.Group("hadamard", irreps, analyze, synthesize, **{**given, **other})


def by_generators(d):
    return symo.group(permutations=generators, dim=d)


def layouts(d, tensors):
    text = {"tensors": tensors}
    ours = symo.Layout({**text, "spaces": {"x": {"group": "hadamard", "dim": d}}}, [group()])
    known = symo.Layout({**text, "spaces": {"x": by_generators(d)}})
    return ours, known


TENSORS = [{"name": "w", "axes": ["x", "x"]}, {"name": "b", "axes": ["x"]}]


@pytest.mark.parametrize("d", [4, 16])
def test_estimates_are_those_of_the_generators(d):
    ours, known = layouts(d, TENSORS)
    assert ours.spaces == {"x": ("hadamard", d)}
    g = np.random.default_rng(0).normal(size=(3, ours.num_parameters))
    a, b = (symo.estimate(layout, g) for layout in (ours, known))
    x = np.random.default_rng(1).normal(size=ours.num_parameters)
    for made in (lambda h: h @ x, lambda h: h.solve(x, damping=0.1), lambda h: h.eigvals()):
        near, exact = made(a), made(b)
        assert np.abs(near - exact).max() <= 1e-11 * np.abs(exact).max()


def test_many_axes_and_many_numbers_go_through_the_functions():
    """Above 4,096 numbers nothing is kept: every product calls them."""
    ours, known = layouts(128, [{"name": "w", "axes": ["x", "x"]}])
    calls = []

    def counted(x, axes):
        calls.append(axes)
        return analyze(x, axes)

    ours = symo.Layout(ours.to_dict(), [symo.Group("hadamard", irreps, counted, synthesize,
                                                   sample=sample, max_axes=2)])  # fmt: skip
    g = np.random.default_rng(0).normal(size=ours.num_parameters)
    h = symo.estimate(ours, g)
    before = len(calls)
    y = h @ g
    assert before > 0 and len(calls) > before
    assert np.abs(y - symo.estimate(known, g) @ g).max() <= 1e-9 * np.abs(y).max()
    three, known = layouts(4, [{"name": "w", "axes": ["x", "x", "x"]}])
    g = np.random.default_rng(0).normal(size=64)
    a, b = symo.estimate(three, g).eigvals(), symo.estimate(known, g).eigvals()
    assert np.abs(a - b).max() <= 1e-10 * b.max()


def test_an_optimizer_steps_with_it():
    ours, known = layouts(8, TENSORS)
    results = []
    for layout in (ours, known):
        w, b = np.ones((8, 8)), np.arange(8.0)
        opt = symo.Optimizer(layout, "symo-pd", lr=0.1)
        for k in range(4):
            opt.step([np.cos(w + k), np.sin(b)], [w, b])
        results.append(np.concatenate([w.ravel(), b]))
    assert np.abs(results[0] - results[1]).max() <= 1e-9 * np.abs(results[1]).max()


def test_copies_pickles_and_files(tmp_path):
    ours, _ = layouts(4, TENSORS)
    h = symo.estimate(ours, np.random.default_rng(0).normal(size=20))
    h.save(tmp_path / "h.safetensors")
    for other in (
        pickle.loads(pickle.dumps(h)),
        symo.load(tmp_path / "h.safetensors", [group()]),
        symo.estimate(copy.deepcopy(ours), np.random.default_rng(0).normal(size=20)),
    ):
        assert np.array_equal(other.to_dense(), h.to_dense())
    with pytest.raises(symo.Error, match="hadamard"):
        symo.load(tmp_path / "h.safetensors")
    assert "hadamard" in repr(pickle.loads(pickle.dumps(ours.groups[0])))


def test_functions_stay_as_long_as_the_library_has_the_group():
    gc.collect()
    before = len(symo.groups._ALIVE)
    ours, _ = layouts(4, TENSORS)
    h = symo.estimate(ours, np.ones(20))
    del ours
    gc.collect()
    assert len(symo.groups._ALIVE) == before + 1
    assert h.trace() > 0
    del h
    gc.collect()
    assert len(symo.groups._ALIVE) == before


class Mine(Exception):
    pass


def test_exceptions_pass_through():
    def fail(*_):
        raise Mine("from inside")

    g = np.ones(20)
    for slot in ("irreps", "analyze", "synthesize", "sample", "generators", "accept"):
        given = dict(irreps=irreps, analyze=analyze, synthesize=synthesize, sample=sample,
                     generators=generators, accept=is_power, max_axes=2)  # fmt: skip
        broken = symo.Group("hadamard", **{**given, slot: fail})
        axes = ["x"] * (3 if slot == "generators" else 2)
        text = {"spaces": {"x": {"group": "hadamard", "dim": 4}},
                "tensors": [{"name": "w", "axes": axes}]}  # fmt: skip
        with pytest.raises(Mine, match="from inside"):
            layout = symo.Layout(text, [broken])
            symo.estimate(layout, np.ones(layout.num_parameters))
        assert not c.raised
    ours, _ = layouts(4, TENSORS)
    assert symo.estimate(ours, g).trace() > 0  # nothing is left of it


def test_exceptions_while_it_steps():
    state = {"fails": False}

    def sometimes(x, axes):
        if state["fails"]:
            raise Mine("now")
        return analyze(x, axes)

    flaky = symo.Group("hadamard", irreps, sometimes, synthesize, sample=sample, max_axes=2)
    layout = symo.Layout("x: hadamard 128; w[x,x]", [flaky])
    w = [np.ones((128, 128))]
    opt = symo.Optimizer(layout, "symo-pd", lr=0.1)
    opt.step([np.eye(128)], w)
    state["fails"] = True
    with pytest.raises(Mine, match="now"):
        opt.step([np.eye(128)], w)
    h_ok = symo.estimate("x: permutation 3; b[x]", np.ones(3))
    assert h_ok.trace() > 0 and not c.raised


def test_each_thread_gets_its_own_exceptions():
    ours, _ = layouts(4, TENSORS)
    seen, wall = {}, threading.Barrier(2)

    def fail(x, axes):
        wall.wait()
        raise Mine(threading.current_thread().name)

    def run():
        broken = symo.Group("hadamard", irreps, fail, synthesize, sample=sample, max_axes=2)
        try:
            symo.estimate(symo.Layout(ours.to_dict(), [broken]), np.ones(20))
        except Mine as error:
            seen[threading.current_thread().name] = str(error)

    threads = [threading.Thread(target=run, name=name) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"one": "one", "two": "two"}


def test_wrong_transforms_are_found_out():
    def doubled(x, axes):
        return 2 * analyze(x, axes)

    def shifted(d, seed):
        return np.eye(d)[np.roll(np.arange(d), 1)]

    def short(x, axes):
        return x[:1]

    for slot, function, word in (
        ("analyze", doubled, "orthogonal|transpose|defect"),
        ("sample", shifted, "fix|copies|act|defect"),
        ("analyze", short, "analyze gave"),
    ):
        given = dict(irreps=irreps, analyze=analyze, synthesize=synthesize, sample=sample,
                     accept=is_power, max_axes=2)  # fmt: skip
        wrong = symo.Group("hadamard", **{**given, slot: function})
        with pytest.raises(symo.Error, match=word):
            layout = symo.Layout("x: hadamard 4; w[x,x] b[x]", [wrong])
            symo.estimate(layout, np.ones(20))
    with pytest.raises(symo.Error, match="3"):
        symo.estimate(symo.Layout("x: hadamard 3; b[x]", [group()]), np.ones(3))
    with pytest.raises(symo.Error, match="max_axes"):
        group(max_axes=3)
    with pytest.raises(symo.Error, match="no symo.Group"):
        symo.Layout("x: permutation 3; b[x]", [irreps])
    with pytest.raises(symo.Error):
        symo.Layout("x: hadamard 4; b[x]", [group(), group()])


# ---- groups by their action ----


def test_a_group_by_its_action():
    """Random rotations of the plane, on each of two planes alike, and their commutant."""

    def turn(x, seed):
        t = np.random.default_rng(seed).uniform(0, 2 * np.pi)
        q = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
        return np.kron(np.eye(2), q) @ x

    layout = {"spaces": {"x": symo.group(act=turn, dim=4)},
              "tensors": [{"name": "b", "axes": ["x"]}]}  # fmt: skip
    rotation = np.kron(np.eye(2), np.array([[0.0, -1], [1, 0]]))
    known = {"spaces": {"x": symo.group(lie_generators=[rotation])},
             "tensors": [{"name": "b", "axes": ["x"]}]}  # fmt: skip
    g = np.random.default_rng(0).normal(size=(5, 4))
    a, b = (symo.estimate(which, g).to_dense() for which in (layout, known))
    assert np.abs(a - b).max() <= 1e-12 * np.abs(b).max()
    for q in (turn(np.eye(4), 100), turn(np.eye(4), 101)):
        assert np.abs(q @ a - a @ q).max() <= 1e-12 * np.abs(a).max()


def test_actions_that_are_none():
    def scaled(x, seed):
        return 2 * x

    def rare(x, seed):  # the first seeds give the unit matrix
        return x if seed < 8 else x[::-1]

    for given, word in (
        (dict(act=scaled, dim=3), "not orthogonal"),
        (dict(act=rare, dim=3), "raise elements"),
        (dict(act=rare), "needs dim"),
        (dict(act=lambda x, seed: x[:2], dim=3), "gives"),
    ):
        with pytest.raises(symo.Error, match=word):
            symo.group(**given)
    assert len(symo.group(act=rare, dim=3, elements=9)["generators"]) == 9


def test_doctests():
    result = doctest.testmod(symo.groups)
    assert result.failed == 0 and result.attempted > 0


def test_symo_in_torch_takes_them():
    torch = pytest.importorskip("torch")
    import symo.torch

    results = []
    tensors = [{"name": "weight", "axes": ["x", "x"]}, {"name": "bias", "axes": ["x"]}]
    for layout in layouts(8, tensors):
        torch.manual_seed(0)
        model = torch.nn.Linear(8, 8).double()
        opt = symo.torch.Symo(model, "symo", lr=0.01, layout=layout)
        for seed in range(4):
            if seed == 2:  # a copy goes on
                state = copy.deepcopy(opt.state_dict())
                model, opt = copy.deepcopy((model, opt))
                opt.load_state_dict(state)
            x = torch.randn(16, 8, generator=torch.Generator().manual_seed(seed)).double()
            opt.zero_grad()
            (model(x) - x.flip(1)).square().mean().backward()
            opt.step()
        results.append(model.weight.detach().numpy().copy())
    assert np.abs(results[0] - results[1]).max() <= 1e-9 * np.abs(results[1]).max()
