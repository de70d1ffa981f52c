"""The numpy side: every operation against the dense matrix, and steps against the command."""

import copy
import doctest
import json
import os
import pickle
import struct
import subprocess
import threading

import numpy as np
import pytest

import symo

TEXT = "in: identity 3; h: signed-permutation 5; out: identity 2; w1[h,in] b1[h] w2[out,h] b2[out]"
SHAPES = {"w1": (5, 3), "b1": (5,), "w2": (2, 5), "b2": (2,)}
P = 32


def vectors(seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in SHAPES.items()}


def flat(tensors):
    return np.concatenate([tensors[name].ravel() for name in SHAPES])


def bound(dtype, scale=1.0):
    """Rounding of sums of P terms, ten times over."""
    return 10 * P * np.finfo(dtype).eps * scale


# ---- layouts ----


def test_layouts_from_text_dict_and_file(tmp_path):
    layout = symo.Layout(TEXT)
    assert layout.tensors == SHAPES and layout.num_parameters == P
    assert layout.spaces == {
        "in": ("identity", 3),
        "h": ("signed-permutation", 5),
        "out": ("identity", 2),
    }
    layout.save(tmp_path / "layout.json")
    for other in (
        layout.to_dict(),
        layout.to_text(),
        tmp_path / "layout.json",
        str(tmp_path / "layout.json"),
    ):
        assert symo.Layout(other).to_dict() == layout.to_dict()
    for other in (copy.deepcopy(layout), pickle.loads(pickle.dumps(layout)), eval(repr(layout))):
        assert other.to_dict() == layout.to_dict()
    x = np.arange(P, dtype=float)
    parts = layout.split(x)
    assert [p.shape for p in parts.values()] == list(SHAPES.values())
    assert all(np.shares_memory(p, x) for p in parts.values()) and parts["b2"][1] == P - 1


def test_custom_groups_survive_as_json():
    ring = {
        "spaces": {"h": {"dim": 4, "group": "custom", "generators": [[1, 2, 3, 0]]}},
        "tensors": [{"name": "w", "axes": ["h", "h"]}],
    }
    layout = symo.Layout(ring)
    with pytest.raises(symo.Error) as refused:
        layout.to_text()
    assert refused.value.name == "SYMO_E_UNSUPPORTED"
    assert pickle.loads(pickle.dumps(layout)).to_dict() == layout.to_dict()
    assert "generators" in repr(layout)


@pytest.mark.parametrize(
    "bad, status, word",
    [
        ("h: permutatio 3; b[h]", "SYMO_E_NAME", "permutatio"),
        ("h: permutation 3; b[q]", "SYMO_E_NAME", "q"),
        ({"spaces": {}, "tensor": []}, "SYMO_E_FORMAT", "tensor"),
        (17, "SYMO_E_ARGUMENT", "int"),
    ],
)
def test_layouts_refuse_with_the_text_of_the_library(bad, status, word):
    with pytest.raises(symo.Error) as refused:
        symo.Layout(bad)
    assert (
        refused.value.name == status and word in refused.value.text and word in str(refused.value)
    )
    assert refused.value.status < 0
    again = pickle.loads(pickle.dumps(refused.value))
    assert (again.name, again.text) == (refused.value.name, refused.value.text)


# ---- estimates ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_operations_are_those_of_the_dense_matrix(dtype):
    h = symo.estimate(TEXT, vectors(1, dtype))
    a = h.to_dense()
    assert h.dtype == dtype and h.shape == (P, P) and h.name == "h-g" and "h-g" in repr(h)
    assert np.abs(a - a.T).max() == 0
    values, basis = np.linalg.eigh(a)
    top, d, x = values[-1], 0.1, flat(vectors(2, dtype))
    size = np.linalg.norm(x)

    def near(y, z, scale):
        assert np.abs(np.asarray(y, float) - z).max() <= bound(dtype, scale)

    def function(f):
        return (basis * f(np.maximum(values, 0) + d)) @ basis.T

    near(h.matvec(x), a @ x, top * size)
    near(h.solve(x, damping=d), np.linalg.solve(a + d * np.eye(P), x), (top / d + 1) * size / d)
    near(h.power(3, d).to_dense(), function(lambda v: v**3), (top + d) ** 3)
    near(h.sqrt(d).to_dense(), function(np.sqrt), (top + d) / np.sqrt(d))
    near(h.invsqrt(d).to_dense(), function(lambda v: v**-0.5), (top + d) / d**1.5)
    near(h.abs().to_dense(), a, top)
    near(h.diagonal(), np.diag(a), top)
    near(h.block("w1", "b1"), a[:15, 15:20], top)
    assert np.array_equal(h.block(2, 0), h.block("w2", "w1"))
    near(h.trace(), np.trace(a), top * P)
    near(h.frobenius(), np.linalg.norm(a), top * P)
    near(h.logdet(d), np.linalg.slogdet(a + d * np.eye(P))[1], P * (top + d) / d)
    each, often = h.eigenvalues()
    assert often.sum() == P and np.all(np.diff(each) >= 0)
    near(np.repeat(each, often), values, top)


def test_vectors_keep_their_form_and_are_not_copied():
    g, x = vectors(1), vectors(2)
    h = symo.estimate(symo.Layout(TEXT), g)
    y = h.matvec(flat(x))
    by_name, in_order = h.matvec(x), h.matvec(list(x.values()))
    assert np.array_equal(flat(by_name), y)
    assert all(np.array_equal(a, b) for a, b in zip(in_order, by_name.values()))
    assert np.array_equal(h.matvec(flat(x)[:, None])[:, 0], y)
    wide = np.zeros(2 * P)
    wide[::2] = flat(x)
    turned = dict(x, w1=np.asfortranarray(x["w1"]), w2=np.ascontiguousarray(x["w2"].T).T)
    for z in (h.matvec(wide[::2]), h.matvec(flat(x)[::-1].copy()[::-1]), flat(h.matvec(turned))):
        assert np.abs(z - y).max() <= bound(float, np.abs(y).max())
    assert np.array_equal(symo.estimate(TEXT, flat(g)).to_dense(), h.to_dense())


def test_several_gradients_and_parameters():
    rng = np.random.default_rng(3)
    g, p = rng.normal(size=(4, P)), rng.normal(size=(4, P))
    several = symo.estimate(TEXT, g, estimator="covariance").to_dense()
    one_by_one = sum(symo.estimate(TEXT, row, estimator="covariance").to_dense() for row in g)
    assert np.abs(several - one_by_one).max() <= bound(float, np.abs(several).max())
    for name in symo.estimators():
        h = symo.estimate(
            TEXT, g, p, estimator=name, damping=0.1 if name in ("h-star", "h-pd") else 0
        )
        assert h.name == name and np.isfinite(h.to_dense()).all()
    with pytest.raises(symo.Error) as refused:
        symo.estimate(TEXT, g, estimator="h-star")
    assert refused.value.name == "SYMO_E_ARGUMENT" and "param" in refused.value.text
    assert (symo.estimate(TEXT, g, centered=True).eigenvalues()[0] == 0).any()


def test_hessians_in_files_and_copies(tmp_path):
    h = symo.estimate(TEXT, vectors(1))
    h.save(tmp_path / "h.safetensors")
    read = symo.Hessian.load(tmp_path / "h.safetensors")
    assert read.layout.tensors == h.layout.tensors and read.dtype == h.dtype
    again = pickle.loads(pickle.dumps(read))
    del read
    for other in (again, copy.deepcopy(h)):
        assert np.array_equal(other.to_dense(), h.to_dense()) and other.name == h.name
    assert "h-g" in h.describe()
    with pytest.raises(symo.Error) as refused:
        symo.Hessian.load(tmp_path / "none.safetensors")
    assert refused.value.name == "SYMO_E_IO" and "none.safetensors" in refused.value.text


def test_samples_have_the_covariance():
    h = symo.estimate("h: permutation 3; b[h]", np.array([1.0, 2.0, 4.0]))
    samples = np.array([h.sample(seed, damping=0.5) for seed in range(4000)])
    exact = np.linalg.inv(h.to_dense() + 0.5 * np.eye(3))
    spread = samples.T @ samples / len(samples)
    assert np.abs(spread - exact).max() <= 5 * np.sqrt(2 / len(samples)) * exact.max()
    assert np.array_equal(h.sample(7, 0.5), samples[7])


@pytest.mark.parametrize(
    "bad, status, word",
    [
        (lambda g: g.pop("b1"), "SYMO_E_NAME", "b1"),
        (lambda g: g.update(b1=np.ones(4)), "SYMO_E_SHAPE", "b1"),
        (lambda g: g.update(b1=np.ones(5, int)), "SYMO_E_DTYPE", "int64"),
        (lambda g: g.update(b1=np.ones(5, ">f8")), "SYMO_E_DTYPE", "f8"),
        (lambda g: g.update(b1=np.ones(5, "f4")), "SYMO_E_DTYPE", "b1"),
        (lambda g: g.update(b1=[1.0] * 5), "SYMO_E_ARGUMENT", "list"),
        (lambda g: g.update(b1=np.full(5, np.nan)), "SYMO_E_NONFINITE", "b1"),
    ],
)
def test_bad_vectors_are_refused(bad, status, word):
    g = vectors(1)
    bad(g)
    with pytest.raises(symo.Error) as refused:
        symo.estimate(TEXT, g)
    assert refused.value.name == status and word in refused.value.text


@pytest.mark.parametrize(
    "call, status",
    [
        (lambda h: h.matvec(np.ones(P - 1)), "SYMO_E_SHAPE"),
        (lambda h: h.matvec(np.ones(P, "f4")), "SYMO_E_DTYPE"),
        (lambda h: h.solve(np.ones(P), damping=-1), "SYMO_E_ARGUMENT"),
        (lambda h: h.logdet(), "SYMO_SINGULAR"),
        (lambda h: h.block("w3", 0), "SYMO_E_NAME"),
        (lambda h: h.block(0, 4), "SYMO_E_ARGUMENT"),
        (lambda h: symo.estimate(TEXT, np.ones(P), estimator="h"), "SYMO_E_NAME"),
        (lambda h: symo.set_threads(0), "SYMO_E_ARGUMENT"),
        (lambda h: symo.set_threads(-1), "SYMO_E_ARGUMENT"),
        (lambda h: symo.set_threads(1.5), "SYMO_E_ARGUMENT"),
    ],
)
def test_refusals_of_a_hessian(call, status):
    with pytest.raises(symo.Error) as refused:
        call(symo.estimate(TEXT, vectors(1)))
    assert refused.value.name == status and refused.value.text


def test_linear_operator_of_scipy():
    linalg = pytest.importorskip("scipy.sparse.linalg")
    h = symo.estimate(TEXT, vectors(1))
    a = h.to_dense()
    assert isinstance(h, linalg.LinearOperator)
    x = np.random.default_rng(4).normal(size=(P, 3))
    near = bound(float, np.abs(a).max() * np.linalg.norm(x))
    assert np.abs(h @ x - a @ x).max() <= near and np.abs(h.T @ x[:, 0] - a @ x[:, 0]).max() <= near
    assert np.abs(h.H.matmat(x) - a @ x).max() <= near
    assert np.abs((2 * h) @ x[:, 0] - 2 * a @ x[:, 0]).max() <= 2 * near
    top = linalg.eigsh(h, k=1, which="LM")[0][0]
    assert abs(top - np.linalg.eigvalsh(a)[-1]) <= 1e-8 * top  # eigsh itself ends at rounding
    shifted = h.power(1, damping=1.0)
    y, failed = linalg.cg(shifted, x[:, 0])  # its default: a residual of 1e-5
    assert failed == 0 and np.linalg.norm((a + np.eye(P)) @ y - x[:, 0]) <= 1e-4 * np.linalg.norm(
        x[:, 0]
    )


# ---- optimizers ----


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    types = {"F32": "<f4", "F64": "<f8"}
    return {
        name: np.frombuffer(
            data[8 + length :][slice(*e["data_offsets"])], types[e["dtype"]]
        ).reshape(e["shape"])
        for name, e in header.items()
    }


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, x in tensors.items():
        header[name] = {
            "dtype": f"F{8 * x.itemsize}",
            "shape": x.shape,
            "data_offsets": [at, at + x.nbytes],
        }
        at += x.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(
        struct.pack("<Q", len(text)) + text + b"".join(x.tobytes() for x in tensors.values())
    )


@pytest.mark.skipif("SYMO" not in os.environ, reason="SYMO names no command symo")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "preset, settings",
    [
        ("symo", {"lr": 0.01}),
        ("muon", {}),
        ("soap", {"lr": 0.01, "refresh_every": 2}),
        ("adamw", {"betas": (0.8, 0.95), "weight_decay": 0.1}),
    ],
)
def test_steps_have_the_bits_of_the_command(tmp_path, preset, settings, dtype):
    p = vectors(5, dtype)
    name = "f32" if dtype == np.float32 else "f64"
    write_safetensors(tmp_path / "p", p)
    opt = symo.Optimizer(TEXT, preset, dtype=name, **settings)
    words = [
        f"{k}={','.join(map(str, v)) if isinstance(v, tuple) else v}" for k, v in settings.items()
    ]
    sets = sum((["--set", word] for word in [*words, f"dtype={name}"]), [])
    for t in range(4):
        g = vectors(10 + t, dtype)
        write_safetensors(tmp_path / "g", g)
        before = flat(p)
        report = opt.step(g, p)
        assert (
            report.step == t + 1
            and report.accepted
            and (t == 0 or not np.array_equal(before, flat(p)))
        )
        state = ["--state", tmp_path / "state"] if t else []
        subprocess.run(
            [
                os.environ["SYMO"],
                "step",
                "--layout",
                TEXT,
                "--optimizer",
                preset,
                *sets,
                *state,
                "--param",
                tmp_path / "p",
                "--grad",
                tmp_path / "g",
                "--out-param",
                tmp_path / "p",
                "--out-state",
                tmp_path / "state",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        theirs = read_safetensors(tmp_path / "p")
        assert all(theirs[k].tobytes() == p[k].tobytes() for k in SHAPES)
    opt.load(tmp_path / "state")
    assert opt.step(vectors(1, dtype), p).step == 5


@pytest.mark.parametrize("preset", ["symo", "symo-bd", "muon", "shampoo", "soap", "adamw", "sgd"])
def test_runs_go_on_to_the_same_bits(preset, tmp_path):
    opt, p = symo.Optimizer(TEXT, preset, lr=0.01), vectors(5)
    for t in range(3):
        opt.step(vectors(10 + t), p)
    opt.save(tmp_path / "state")
    kept = {k: v.copy() for k, v in p.items()}
    for t in range(3, 6):
        opt.step(vectors(10 + t), p)
    for load in (
        lambda o: o.load(tmp_path / "state"),
        lambda o: o.from_bytes((tmp_path / "state").read_bytes()),
    ):
        other, q = symo.Optimizer(TEXT, preset, lr=0.01), {k: v.copy() for k, v in kept.items()}
        load(other)
        for t in range(3, 6):
            other.step(vectors(10 + t), q)
        assert flat(q).tobytes() == flat(p).tobytes()
    wrong = symo.Optimizer(TEXT, preset, lr=0.02)
    with pytest.raises(symo.Error) as refused:
        wrong.load(tmp_path / "state")
    assert "lr" in refused.value.text
    wrong.load(tmp_path / "state", may_differ=["lr"])
    assert wrong.step(vectors(1), kept).step == 4


def test_rates_can_be_set():
    one, other = symo.Optimizer(TEXT, "adamw", lr=0.5), symo.Optimizer(TEXT, "adamw", lr=0.1)
    p, q = vectors(5), vectors(5)
    other.set_lr(0.5)
    one.step(vectors(1), p)
    assert (
        other.step(vectors(1), q).lr == 0.5 == other.lr and flat(p).tobytes() == flat(q).tobytes()
    )
    for lr, rule in [(-1, 0), (np.nan, 0), (0.1, 5)]:
        with pytest.raises(symo.Error):
            other.set_lr(lr, rule)
    assert other.lr == 0.5


def test_gradients_that_are_not_finite_are_refused_and_reported():
    opt, p, g = symo.Optimizer(TEXT, "symo", lr=0.01), vectors(5), vectors(1)
    before = flat(p)
    g["w2"][0, 0] = np.inf
    report = opt.step(g, p)
    assert not report.accepted and report.refused_steps == 1 and np.array_equal(flat(p), before)
    strict = symo.Optimizer(TEXT, "symo", lr=0.01, nan="stop")
    with pytest.raises(symo.Error) as refused:
        strict.step(g, p)
    assert refused.value.name == "SYMO_E_NONFINITE" and "w2" in refused.value.text


def test_strided_and_read_only_parameters():
    opt, other = (symo.Optimizer(TEXT, "symo", lr=0.01) for _ in range(2))
    p, wide = vectors(5), np.zeros((10, 6))
    q = dict(vectors(5), w1=wide[::2, ::-2])
    q["w1"][:] = p["w1"]
    opt.step(vectors(1), p)
    other.step(vectors(1), q)
    assert flat(p).tobytes() == flat(q).tobytes() and not wide[1::2].any()
    q["b1"].flags.writeable = False
    with pytest.raises(symo.Error) as refused:
        other.step(vectors(1), q)
    assert "read-only" in refused.value.text
    with pytest.raises(symo.Error) as refused:
        opt.step(p, p)
    assert refused.value.name == "SYMO_E_ARGUMENT"


@pytest.mark.parametrize(
    "preset, settings, status, word",
    [
        ("symoo", {}, "SYMO_E_NAME", "symoo"),
        ("symo", {"lrr": 1}, "SYMO_E_NAME", "lrr"),
        ("symo", {"lr": -1}, "SYMO_E_ARGUMENT", "-1"),
        ("symo", {"lr": None}, "SYMO_E_ARGUMENT", "NoneType"),
        ("symo", {"dtype": np.float16}, "SYMO_E_DTYPE", "float16"),
        ("newton-cg", {}, "SYMO_E_UNSUPPORTED", "newton-cg"),
    ],
)
def test_bad_methods_are_refused(preset, settings, status, word):
    with pytest.raises(symo.Error) as refused:
        symo.Optimizer(TEXT, preset, **settings)
    assert refused.value.name == status and word in refused.value.text


def test_the_plan_in_words_and_settings():
    opt = symo.Optimizer(TEXT, "symo", dtype=np.float32, lr=0.25, nesterov=False)
    assert "w1" in opt.describe() and "adamw" in opt.describe() and opt.lr == 0.25
    assert opt.spec["rules"][0]["nesterov"] is False and opt.spec["dtype"] == "f32"
    assert [opt.rule_of(t) for t in range(4)] == [0, 1, 0, 1] and "symo" in symo.presets()


def test_threads_work_beside_each_other():
    results = {}

    def run(k):
        opt, p = symo.Optimizer(TEXT, "symo", lr=0.01), vectors(5)
        for t in range(50):
            opt.step(vectors(t), p)
        results[k] = flat(p).tobytes()

    threads = [threading.Thread(target=run, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results.values())) == 1 and len(results) == 3


def test_version_and_doctests():
    assert symo.__version__ == symo.version() and symo.build_info() and symo.get_threads() >= 1
    for module in (symo.layout, symo.hessian, symo.optim, symo._verify, symo._compare):
        failed, tried = doctest.testmod(module)
        assert failed == 0 and tried > 0


# ---- what the contract names beside ----


def test_hessians_have_all_eigenvalues_moves_and_samples_by_generators(tmp_path):
    layout = "in: identity 2; h: signed-permutation 8; w[h,in] b[h]"
    g = np.random.default_rng(0).normal(size=24)
    h = symo.estimate(layout, g)
    assert np.allclose(h.eigvals(), np.linalg.eigvalsh(h.to_dense()), atol=1e-12 * h.trace())
    first = h.sample(np.random.default_rng(3), 0.1)
    assert (first == h.sample(np.random.default_rng(3), 0.1)).all()
    assert (first != h.sample(np.random.default_rng(4), 0.1)).any()
    h.save(tmp_path / "h.safetensors")
    assert (symo.load(tmp_path / "h.safetensors").to_dense() == h.to_dense()).all()
    wide = h.transport("in: identity 2; h: signed-permutation 64; w[h,in] b[h]")
    assert wide.shape == (192, 192) and np.allclose(wide.eigenvalues()[0], h.eigenvalues()[0])
    assert (h.transport(layout).to_dense() == h.to_dense()).all()
    root = h.sqrt().transport("in: identity 2; h: signed-permutation 64; w[h,in] b[h]")
    assert np.allclose(root.to_dense(), wide.sqrt().to_dense(), atol=1e-12)
    with pytest.raises(symo.Error, match="in"):
        h.transport("in: identity 3; h: signed-permutation 8; w[h,in] b[h]")


def test_groups_from_arrays_and_from_functions():
    d = 5

    def shift(n):
        return [np.roll(np.arange(n), -1)]

    cyclic = {"spaces": {"x": symo.group(permutations=shift, dim=d)},
              "tensors": [{"name": "w", "axes": ["x", "x"]}]}  # fmt: skip
    known = {**cyclic, "spaces": {"x": {"group": "cyclic", "dim": d}}}
    g = np.random.default_rng(0).normal(size=d * d)
    one, other = (symo.estimate(x, g, centered=True).to_dense() for x in (cyclic, known))
    assert np.abs(one - other).max() <= 1e-12 * np.abs(other).max()
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    plane = {"spaces": {"x": symo.group(lie_generators=[turn], generators=[np.diag([1.0, -1.0])])},
             "tensors": [{"name": "b", "axes": ["x"]}]}  # fmt: skip
    h = symo.estimate(plane, np.array([3.0, 4.0])).to_dense()
    assert np.allclose(h, np.eye(2) * h[0, 0])  # irreducible: a multiple of the identity
    for call, word in (
        (lambda: symo.group(permutations=shift), "dim"),
        (lambda: symo.group(generators=[np.eye(3)[:2]]), "shape"),
        (
            lambda: symo.Layout({**plane, "spaces": {"x": symo.group(generators=[2 * turn])}}),
            "not orthogonal",
        ),
    ):
        with pytest.raises(symo.Error, match=word):
            call()


def test_verify_passes_errors_on_and_sees_float32():
    layout = "in: identity 3; h: orthogonal 4; w[h,in]"
    w = np.random.default_rng(0).normal(size=(4, 3))

    def gradient(p):
        y = p[0] @ np.arange(3, dtype=p[0].dtype)
        return y @ y, [2 * np.outer(y, np.arange(3, dtype=p[0].dtype))]

    assert symo.verify(layout, gradient, [w]) and symo.verify(layout, gradient, [w.astype("f4")])

    def broken(p):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        symo.verify(layout, broken, [w])
    with pytest.raises(symo.Error, match="f64|float64|f32"):
        symo.verify(layout, lambda p: (1.0, [p[0].astype("f4")]), [w])
    with pytest.raises(symo.Error, match="samples"):
        symo.verify(layout, gradient, [w], samples=0)
    with pytest.raises(symo.Error, match="verify: samples: is -1"):
        symo.verify(layout, gradient, [w], samples=-1)


def test_options_of_tensors_by_their_names():
    """In Python as on the command line and in files; rates of patterns are their own."""
    g, tensors = vectors(5), vectors(6)
    both = {"w1*:alpha": 1.2, "w1*:lr": 0.02}
    opt = symo.Optimizer(TEXT, "symo", lr=0.01, **both)
    alone = symo.Optimizer(TEXT, "symo", lr=0.02, alpha=1.2)
    plain = symo.Optimizer(TEXT, "symo", lr=0.01)
    moved = [copy.deepcopy(tensors) for _ in range(3)]
    for o, p in zip((opt, alone, plain), moved):
        o.step(g, p)
    assert np.array_equal(moved[0]["w1"], moved[1]["w1"])
    assert np.array_equal(moved[0]["w2"], moved[2]["w2"])
    assert opt.lr == 0.01 and opt.spec["rules"][0]["also"] == "w1*"
    opt.set_lr(0.5)
    assert opt.lr == 0.5 and opt._rates[0] == 0.02
    with pytest.raises(symo.Error, match='fits "zz[*]"'):
        symo.Optimizer(TEXT, "symo", **{"zz*:alpha": 1.2})
    with pytest.raises(symo.Error, match="nothing looks at rate"):
        symo.Optimizer(TEXT, "symo", **{"w*:rate": 0.5})


def test_copies_of_an_optimizer_go_on_to_the_same_bits():
    g = np.random.default_rng(0).normal(size=symo.Layout(TEXT).num_parameters)
    hessian = {"products": np.diag(g)}
    for preset, settings in (("symo", {}), ("soap", {"lr": 0.1}), ("adahessian", hessian)):
        opt = symo.Optimizer(TEXT, preset, **settings)
        x = np.ones_like(g)
        opt.set_lr(0.02)
        opt.step(g, x)
        kept = []
        for twin in (copy.deepcopy(opt), pickle.loads(pickle.dumps(opt))):
            y = x.copy()
            twin.step(g, y)
            assert twin.lr == 0.02 and not np.array_equal(x, y)
            kept.append(y)
        opt.step(g, x)
        assert np.array_equal(x, kept[0]) and np.array_equal(x, kept[1])
    for wrong in (-1, 99):
        with pytest.raises(symo.Error, match=f"no tensor {wrong}"):
            opt.rule_of(wrong)
        with pytest.raises(symo.Error, match="rule"):
            opt.set_lr(0.1, wrong)


def test_comparisons_with_what_is_no_number():
    a = np.diag([3.0, 2.0, 1.0])
    with pytest.raises(symo.Error, match="holds NaN"):
        symo.compare(a * np.nan, a)
    with pytest.raises(symo.Error, match="shape .2, 3."):
        symo.compare(a[:2], a)
    row = symo.compare(a, {"none": np.zeros((3, 3)), "itself": a})
    assert np.isnan(row["none"]["rel_error_abs_hessian"]) and np.isnan(row["none"]["hvp_cosine"])
    assert row["itself"]["rel_error_abs_hessian"] <= 1e-7  # the root of 1 - cosine^2


def test_exponents_are_measured_by_products_alone():
    layout = "h: identity 6; i: identity 5; w[h,i]"
    with pytest.raises(symo.Error) as refused:
        symo.Optimizer(layout, "spectral-newton-exact", alpha="auto")
    assert refused.value.name == "SYMO_E_UNSUPPORTED"
    assert "spectral-newton-exact with alpha auto needs products" in str(refused.value)
