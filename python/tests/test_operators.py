"""Low rank plus symmetry, probes and K-FAC, against dense matrices of numpy."""

import copy
import doctest
import pickle

import numpy as np
import pytest

import symo
import symo.factors
import symo.lowrank

TEXT = "in: identity 3; h: signed-permutation 5; out: identity 2; w1[h,in] b1[h] w2[out,h] b2[out]"
SHAPES = {"w1": (5, 3), "b1": (5,), "w2": (2, 5), "b2": (2,)}
P = 32


def positive(rng, n, rank=None):
    a = rng.normal(size=(n, rank or n + 2))
    return a @ a.T / a.shape[1]


def bound(dtype, scale):
    """Rounding of sums of P terms, ten times over."""
    return 10 * P * np.finfo(dtype).eps * scale


def power(a, p):
    values, vectors = np.linalg.eigh(a)
    return (vectors * np.maximum(values, 0) ** p) @ vectors.T


def condition(a):
    values = np.linalg.eigvalsh(a)
    return values[-1] / values[0]


def check_operator(h, dense, damping, how, dtype=np.float64):
    """Products, solves, powers, log-determinant and trace of an operator."""
    rng = np.random.default_rng(3)
    shifted = dense + damping * np.eye(P)
    top = np.linalg.norm(dense, 2)
    limit = bound(dtype, top * np.sqrt(P))
    x = rng.normal(size=P).astype(dtype)
    assert np.abs(h.to_dense() - dense).max() <= limit
    assert np.abs(h @ x - dense @ x).max() <= limit
    assert np.abs(h.diagonal() - np.diag(dense)).max() <= limit
    assert abs(h.trace() - np.trace(dense)) <= P * limit
    kappa = condition(shifted)
    y = h.solve(x, damping, **how)
    exact = np.linalg.solve(shifted, x)
    assert np.linalg.norm(y - exact) <= bound(dtype, kappa) * np.linalg.norm(exact)
    for p in (-1.0, -0.5, 0.5, 0.3, 2.0):
        f, exact = h.power(p, damping, **how), power(shifted, p)
        scale = bound(dtype, kappa) * np.linalg.norm(exact, 2)
        assert np.abs(f @ x - exact @ x).max() <= scale * np.linalg.norm(x)
        assert np.abs(f.to_dense() - exact).max() <= scale * np.sqrt(P)
    assert np.allclose(h.sqrt(damping, **how) @ x, h.power(0.5, damping, **how) @ x, rtol=0, atol=0)
    exact = np.linalg.slogdet(shifted)[1]
    assert abs(h.logdet(damping, **how) - exact) <= bound(dtype, kappa) * P
    tensors = {}
    for (name, shape), part in zip(SHAPES.items(), symo.Layout(TEXT)._slices):
        tensors[name] = x[part].reshape(shape)
    named = h.matvec(tensors)
    assert all(named[n].shape == s and named[n].dtype == dtype for n, s in SHAPES.items())
    flat = np.concatenate([named[n].ravel() for n in SHAPES])
    assert np.array_equal(flat, h.matvec(x))
    assert np.array_equal(np.concatenate([v.ravel() for v in h.matvec([*tensors.values()])]), flat)
    samples = [h.sample(k, damping, **how) for k in (1, 1, 2)]
    assert np.array_equal(samples[0], samples[1]) and not np.array_equal(samples[0], samples[2])
    many = np.stack([h.sample(k, damping, **how) for k in range(600)])
    covariance = many.T @ many / 600
    inverse = np.linalg.inv(shifted)
    error = np.linalg.norm(covariance - inverse) / np.linalg.norm(inverse)
    assert error <= 4 * np.sqrt((P + 1) / 600)  # the mean of its square is below (P + 1) / 600


# ---- low rank plus symmetry ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_low_rank_of_its_parts(dtype):
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(40, P)).astype(dtype)
    rest = symo.estimate(TEXT, gradients)
    u = np.linalg.qr(rng.normal(size=(P, 3)))[0].T.astype(dtype)
    values = np.array([9.0, 4.0, 2.0])
    h = symo.LowRank(rest, values, u)
    q = np.eye(P) - u.T.astype("f8") @ u
    dense = (u.T * values) @ u + q @ rest.to_dense() @ q
    assert h.dtype == dtype and h.shape == (P, P) and np.array_equal(h.vectors, u)
    check_operator(h, dense, 0.1, {}, dtype)
    assert abs(h.frobenius() - np.linalg.norm(dense)) <= bound(dtype, np.linalg.norm(dense))
    assert "3" in h.describe() and "LowRank" in repr(h)


def test_low_rank_files_and_copies(tmp_path):
    rng = np.random.default_rng(0)
    rest = symo.estimate(TEXT, rng.normal(size=(9, P)))
    u = np.linalg.qr(rng.normal(size=(P, 2)))[0].T
    h = symo.LowRank(rest, [3.0, -1.0], u)
    h.save(tmp_path / "h.safetensors")
    rest.save(tmp_path / "rest.safetensors")
    for other in (
        symo.load(tmp_path / "h.safetensors"),
        symo.LowRank.load(tmp_path / "h.safetensors"),
        pickle.loads(pickle.dumps(h)),
        copy.deepcopy(h),
    ):
        assert isinstance(other, symo.LowRank)
        assert np.array_equal(other.to_dense(), h.to_dense()) and other.layout.tensors == SHAPES
    assert isinstance(symo.load(tmp_path / "rest.safetensors"), symo.Hessian)
    absolute = h.abs()
    assert np.array_equal(absolute.values, [3.0, 1.0])
    with pytest.raises(symo.Error, match="orthonormal"):
        symo.LowRank(rest, [1.0, 1.0], np.ones((2, P)))
    with pytest.raises(symo.Error, match="shape"):
        symo.LowRank(rest, [1.0], u)
    with pytest.raises(symo.Error) as caught:
        symo.load(tmp_path / "nothing")
    assert caught.value.name == "SYMO_E_IO"


class Counted:
    def __init__(self, a):
        self.a, self.count = a, 0

    def __call__(self, x):
        self.count += 1
        return self.a @ x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_estimates_from_products(dtype):
    """Two eigenvalues far away, and a rest that commutes with the group: found from products."""
    rng = np.random.default_rng(1)
    layout = "h: orthogonal 16; k: identity 2; w[h,k]"
    rest = symo.estimate(layout, rng.normal(size=32)).to_dense()
    a = (rest + np.eye(32)).astype(dtype)
    u = np.linalg.qr(rng.normal(size=(32, 2)))[0].T.astype(dtype)
    a += ((u.T * [50, 30]) @ u).astype(dtype)
    products = Counted(a)
    h = symo.estimate_products(layout, products, products=16, rank=2, dtype=dtype, seed=5)
    assert products.count == h.products <= 16 and h.dtype == dtype
    values, vectors = np.linalg.eigh(a.astype("f8"))
    assert np.allclose(np.sort(h.values), values[-2:], rtol=1e-4)
    # What is left commutes with the group but for terms of the order of the rest.
    error = np.linalg.norm(h.to_dense() - a) / np.linalg.norm(
        a - (vectors[:, -2:] * values[-2:]) @ vectors[:, -2:].T
    )
    assert error <= 0.3
    same = symo.estimate_products(layout, a, products=16, rank=2, dtype=dtype, seed=5)
    loose = 1e-3 if dtype == np.float32 else 1e-9  # other sums in products, over the iteration
    assert np.allclose(same.to_dense(), h.to_dense(), rtol=0, atol=loose * 50)
    minus = symo.estimate_products(
        layout, -a, products=16, rank=2, absolute=False, seed=5, dtype=dtype
    )
    assert (minus.values < 0).all() and minus.abs().values.min() > 0


def test_probes_give_what_commutes_exactly():
    rng = np.random.default_rng(2)
    exact = symo.estimate(TEXT, rng.normal(size=(50, P)))
    a = exact.to_dense()
    h = symo.estimate_products(TEXT, exact, "probes", products=12, seed=1)
    scale = np.linalg.norm(a, 2) * 1e4  # the condition of the probes' moments is below 1e4
    assert np.abs(h.to_dense() - a).max() <= bound(np.float64, scale)
    v = rng.normal(size=(12, P))
    by_pairs = symo.estimate_probes(TEXT, v, v @ a)
    assert np.abs(by_pairs.to_dense() - a).max() <= bound(np.float64, scale)
    blocked = symo.estimate_probes(TEXT, v, v @ a, blocked=True)
    assert not blocked.block("w1", "b1").any() and by_pairs.block("w1", "b1").any()
    many = rng.normal(size=(20000, P))
    average = symo.estimate_probes(TEXT, many, many @ a, "average").to_dense()
    assert np.linalg.norm(average - a) <= 0.1 * np.linalg.norm(a)


@pytest.mark.parametrize("name", ["products", "rank", "probes"])
@pytest.mark.parametrize("value", [-1, 2.5, "7", None, 2**63])
@pytest.mark.parametrize("estimator", ["h-lr", "probes"])
def test_numbers_of_products_that_are_none(name, value, estimator):
    with pytest.raises(symo.Error, match=f"estimate_products: {name}: is ") as refused:
        symo.estimate_products("h: orthogonal 4; b[h]", np.eye(4), estimator, **{name: value})
    assert refused.value.name == "SYMO_E_ARGUMENT"


def test_products_that_fail():
    def broken(x):
        raise KeyError("mine")

    for call, kind, word in (
        (lambda: symo.estimate_products(TEXT, broken), KeyError, "mine"),
        (lambda: symo.estimate_products(TEXT, np.eye(3)), symo.Error, "shape"),
        (lambda: symo.estimate_products(TEXT, lambda x: x[:3]), symo.Error, "3 numbers"),
        (lambda: symo.estimate_products(TEXT, "matrix"), symo.Error, "is a str"),
        (lambda: symo.estimate_products(TEXT, np.eye(P), "h-g"), symo.Error, "h-lr, probes"),
        (lambda: symo.estimate_products(TEXT, np.eye(P), "probes", rank=1), symo.Error, "h-lr"),
        (lambda: symo.estimate_products(TEXT, np.eye(P), products=1), symo.Error, "products"),
        (lambda: symo.estimate_products(TEXT, np.eye(P) * np.nan), symo.Error, "NaN"),
        (lambda: symo.estimate_probes(TEXT, np.eye(P), np.eye(P), "best"), symo.Error, "best"),
        (lambda: symo.estimate_probes(TEXT, np.eye(P), np.eye(P)[:2]), symo.Error, "2 products"),
    ):
        with pytest.raises(kind, match=word):
            call()


# ---- K-FAC ----


def factors(rng, bias=True):
    return {
        "w1": (positive(rng, 4), positive(rng, 5), "b1"),
        "w2": {"A": positive(rng, 6), "G": positive(rng, 2), "bias": "b2"},
    }


def site(a, g):
    """The matrix of a weight and its bias behind it, from G (x) A with the bias as last input."""
    outputs, m = len(g), len(a)
    order = [o * m + i for o in range(outputs) for i in range(m - 1)]
    order += [o * m + m - 1 for o in range(outputs)]
    return np.kron(g, a)[np.ix_(order, order)]


def dense_of(a1, g1, a2, g2):
    out = np.zeros((P, P))
    out[:20, :20], out[20:, 20:] = site(a1, g1), site(a2, g2)
    return out


def test_kfac_against_kronecker_products():
    rng = np.random.default_rng(0)
    sites = factors(rng)
    f = symo.Factors(TEXT, sites)
    a1, g1, a2, g2 = *sites["w1"][:2], sites["w2"]["A"], sites["w2"]["G"]
    check_operator(f, dense_of(a1, g1, a2, g2), 0.05, {})
    assert np.allclose(f.eigvals(), np.linalg.eigvalsh(dense_of(a1, g1, a2, g2)), rtol=1e-10)
    x = rng.normal(size=P)
    for how in ("factored", "plain"):
        damped = []
        for a, g in ((a1, g1), (a2, g2)):
            pi = np.sqrt((np.trace(a) / len(a)) / (np.trace(g) / len(g))) if how[0] == "f" else 1
            damped += [a + 0.2 * pi * np.eye(len(a)), g + 0.2 / pi * np.eye(len(g))]
        exact = dense_of(*damped)
        y = f.solve(x, 0.04, how)
        scale = np.linalg.norm(np.linalg.solve(exact, x)) * bound(np.float64, condition(exact))
        assert np.linalg.norm(y - np.linalg.solve(exact, x)) <= scale
        assert abs(f.logdet(0.04, how) - np.linalg.slogdet(exact)[1]) <= 1e-9
    single = f.solve(x.astype("f4"), 0.1)
    assert single.dtype == np.float32
    assert np.abs(single - f.solve(x, 0.1)).max() <= bound(np.float32, np.abs(single).max() / 0.1)


def test_kfac_corrected_truncated_and_saved(tmp_path):
    rng = np.random.default_rng(1)
    sites = factors(rng)
    f = symo.Factors(TEXT, sites)
    va, vg = f.basis("w1")
    a, g = sites["w1"][:2]
    for v, matrix in ((va, a), (vg, g)):
        inside = v @ matrix @ v.T
        assert np.abs(inside - np.diag(np.diag(inside))).max() <= 1e-13 * np.linalg.norm(matrix)
    moments = rng.uniform(1, 2, size=(5, 4))
    e = f.corrected({"w1": moments})
    both = np.kron(vg, va)
    exact = both.T @ np.diag(moments.ravel()) @ both
    order = [o * 4 + i for o in range(5) for i in range(3)] + [o * 4 + 3 for o in range(5)]
    assert np.abs(e.to_dense()[:20, :20] - exact[np.ix_(order, order)]).max() <= 1e-13
    assert np.array_equal(e.to_dense()[20:, 20:], f.to_dense()[20:, 20:])
    assert np.array_equal(f.to_dense(), symo.Factors(TEXT, sites).to_dense())  # it stays
    at_once = symo.Factors(
        TEXT, {"w1": dict(A=a, G=g, bias="b1", moments=moments), "w2": sites["w2"]}
    )
    assert np.array_equal(at_once.to_dense(), e.to_dense())
    low = f.truncated(2)
    values, vectors = np.linalg.eigh(a)
    cut = (vectors[:, 2:] * values[2:]) @ vectors[:, 2:].T
    cut += values[:2].mean() * vectors[:, :2] @ vectors[:, :2].T
    values, vectors = np.linalg.eigh(g)
    other = (vectors[:, 3:] * values[3:]) @ vectors[:, 3:].T
    other += values[:3].mean() * vectors[:, :3] @ vectors[:, :3].T
    assert np.abs(low.to_dense()[:20, :20] - site(cut, other)).max() <= 1e-12
    assert low.stored < f.stored
    for made in (f, e, low):
        made.save(tmp_path / "f.safetensors")
        for twin in (
            symo.Factors.load(tmp_path / "f.safetensors", TEXT),
            pickle.loads(pickle.dumps(made)),
        ):
            assert np.array_equal(twin.to_dense(), made.to_dense()) and twin.sites == made.sites
    with pytest.raises(symo.Error, match="parameters"):
        symo.Factors.load(tmp_path / "f.safetensors", "h: identity 3; b[h]")
    with pytest.raises(symo.Error, match="no tensor of the layout"):
        symo.Factors.load(tmp_path / "f.safetensors", "h: identity 32; b[h]")


def test_kfac_of_tables_and_the_rest():
    """An embedding lies [inputs, outputs]; what no site has is diagonal."""
    rng = np.random.default_rng(2)
    layout = "v: identity 4; h: identity 3; e[v,h] n[h]"
    counts, g = np.array([0.5, 0.25, 0.25, 0.0]), positive(rng, 3)
    f = symo.Factors(
        layout,
        {"e": dict(A=counts, G=g, table=True)},
        {"e": np.zeros((4, 3)), "n": np.array([1.0, 2, 3])},
    )
    exact = np.zeros((15, 15))
    exact[:12, :12], exact[12:, 12:] = np.kron(np.diag(counts), g), np.diag([1.0, 2, 3])
    assert np.abs(f.to_dense() - exact).max() <= 1e-14
    assert np.array_equal(f.basis("e")[0], np.eye(4))
    assert f.solve(np.ones(15))[9:12].tolist() == [0, 0, 0]  # a word that never occurs
    with pytest.raises(symo.Error) as caught:
        f.logdet()
    assert caught.value.name == "SYMO_SINGULAR"


def test_kfac_refusals():
    eye = np.eye
    for sites, word in (
        ({"w": (eye(4), eye(5))}, "no tensor w"),
        ({"w1": (eye(4), eye(5), "b")}, "no tensor b"),
        ({"w1": (eye(3), eye(5), "b1")}, "A of w1"),
        ({"w1": (eye(3), eye(4))}, "G of w1"),
        ({"w1": (eye(4), eye(5), "b2")}, "bias of w1"),
        ({"w1": (np.tri(3), eye(5))}, "symmetric"),
        ({"w1": (eye(3) * np.nan, eye(5))}, "symmetric|NaN"),
        ({"w1": dict(A=eye(3))}, "A and G"),
        ({"w1": eye(4)}, "w1: give .A, G."),
        ({"w1": (eye(4), eye(5), "b1", 1)}, "w1: give .A, G."),
        ({"w1": (eye(4), eye(5), eye(4))}, "no name of a tensor"),
        ({"w1": dict(A=eye(3), G=eye(5), moment=eye(5))}, "moment"),
        ({"w1": dict(A=eye(3), G=eye(5), moments=eye(5))}, "moments of w1"),
    ):
        with pytest.raises(symo.Error, match=word):
            symo.Factors(TEXT, sites)
    f = symo.Factors(TEXT, {"w1": (eye(3), eye(5))})
    with pytest.raises(symo.Error, match="exact, factored, plain"):
        f.solve(np.ones(P), 0.1, "none")
    with pytest.raises(symo.Error, match="no site"):
        f.basis("w2")
    with pytest.raises(symo.Error, match="32 parameters"):
        f.matvec(np.ones(3))


def test_scipy_takes_them():
    linalg = pytest.importorskip("scipy.sparse.linalg")
    f = symo.Factors(TEXT, factors(np.random.default_rng(4)))
    assert isinstance(f, linalg.LinearOperator)
    values = linalg.eigsh(f, 2, return_eigenvectors=False)
    assert np.allclose(np.sort(values), f.eigvals()[-2:], rtol=1e-8)
    both = f + 2 * f.power(0.0)
    assert np.allclose(both @ np.ones(P), f @ np.ones(P) + 2)


@pytest.mark.parametrize("module", [symo.factors, symo.lowrank])
def test_doctests(module):
    result = doctest.testmod(module)
    assert result.failed == 0 and result.attempted > 0
