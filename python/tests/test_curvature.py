"""Curvature of torch models: products, estimates, comparisons, against torch.func.hessian."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import symo  # noqa: E402
import symo.torch  # noqa: E402


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4)).double()


def loss(m, x, y):
    return nn.functional.cross_entropy(m(x), y)


def data(n=24):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, 4, (n,), generator=generator)


def dense(net, x, y):
    """The Hessian and the Gauss-Newton matrix by torch.func, in the order of the parameters."""
    names = [n for n, _ in net.named_parameters()]
    params = {n: p.detach() for n, p in net.named_parameters()}
    sizes = {n: p.numel() for n, p in params.items()}

    def whole(p):
        return loss(lambda z: torch.func.functional_call(net, p, (z,)), x, y)

    blocks = torch.func.hessian(whole)(params)
    rows = [torch.cat([blocks[a][b].reshape(sizes[a], sizes[b]) for b in names], 1) for a in names]
    jacobian = torch.func.jacrev(lambda p: torch.func.functional_call(net, p, (x,)))(params)
    j = torch.cat([jacobian[n].reshape(len(x) * 4, -1) for n in names], 1)
    out = net(x).detach()
    inner = torch.func.hessian(lambda z: nn.functional.cross_entropy(z, y))(out).reshape(
        len(x) * 4, len(x) * 4
    )
    return torch.cat(rows).numpy(), (j.T @ inner @ j).numpy()


def test_products_are_those_of_the_dense_matrices():
    net, (x, y) = model(), data()
    hessian, ggn = dense(net, x, y)
    for kind, exact in (("hessian", hessian), ("ggn", ggn)):
        h = symo.torch.curvature(net, loss, (x, y), kind=kind)
        bound = 1e-13 * np.linalg.norm(exact)  # sums of some hundred products
        assert np.abs(h.to_dense() - exact).max() <= bound
        v = np.random.default_rng(0).normal(size=h.shape[0])
        assert np.abs(h @ v - exact @ v).max() <= bound * np.linalg.norm(v)
        assert np.abs(h.matvec(v[:, None])[:, 0] - h @ v).max() == 0
        parts = symo.torch.curvature(
            net, loss, [(x[:8], y[:8]), (x[8:16], y[8:16]), (x[16:], y[16:])], kind=kind
        )
        assert np.abs(parts @ v - exact @ v).max() <= bound * np.linalg.norm(v)
    net.zero_grad()
    loss(net, x, y).backward()
    flat = np.concatenate([p.grad.numpy().ravel() for p in net.parameters()])
    made = symo.torch.curvature(net, loss, (x, y)).gradient()
    assert np.abs(made - flat).max() <= 1e-14 * max(1, abs(flat).max())


def test_scipy_solves_with_products():
    linalg = pytest.importorskip("scipy.sparse.linalg")
    net, (x, y) = model(), data()
    h = symo.torch.curvature(net, loss, (x, y), kind="ggn")
    values = linalg.eigsh(h, 3, return_eigenvectors=False)
    exact = np.linalg.eigvalsh(dense(net, x, y)[1])[-3:]
    assert np.allclose(np.sort(values), exact, rtol=1e-9)


def test_estimates_average_over_batches():
    net, (x, y) = model(), data()
    batches = list(zip(x.split(6), y.split(6)))
    h = symo.torch.hessian_estimate(net, loss, batches)
    assert h.layout.spaces["0"] == ("signed-permutation", 5) and h.name == "h-g"
    rows = []
    for batch in batches:
        net.zero_grad()
        loss(net, *batch).backward()
        rows.append(np.concatenate([p.grad.numpy().ravel() for p in net.parameters()]))
    by_hand = symo.estimate(h.layout, np.stack(rows))
    assert np.abs(h.to_dense() - by_hand.to_dense()).max() <= 1e-14 * abs(by_hand.to_dense()).max()
    star = symo.torch.hessian_estimate(net, loss, (x, y), "h-star", damping=1e-3)
    assert star.name == "h-star" and star.layout.num_parameters == h.shape[0]
    single = symo.torch.hessian_estimate(
        model().float(), lambda m, z, t: loss(m, z.float(), t), (x.float(), y)
    )
    assert single.dtype == np.float32


def test_comparisons():
    net, (x, y) = model(), data()
    exact = symo.torch.curvature(net, loss, (x, y))
    h = symo.torch.hessian_estimate(net, loss, [(a, b) for a, b in zip(x.split(4), y.split(4))])
    full = exact.to_dense()
    values, vectors = np.linalg.eigh(full)
    absolute = (vectors * abs(values)) @ vectors.T
    made = symo.compare(full, {"h-g": h, "absolute": absolute, "minus": -full})
    cosine = (
        np.sum(h.to_dense() * absolute) / np.linalg.norm(h.to_dense()) / np.linalg.norm(absolute)
    )
    assert abs(made["h-g"]["cosine_abs_hessian"] - cosine) <= 1e-12
    best = cosine * np.linalg.norm(absolute) / np.linalg.norm(h.to_dense())
    relative = np.linalg.norm(best * h.to_dense() - absolute) / np.linalg.norm(absolute)
    assert abs(made["h-g"]["rel_error_abs_hessian"] - relative) <= 1e-9
    assert abs(made["absolute"]["hvp_cosine"] - 1) <= 1e-12
    assert abs(made["minus"]["cosine_hessian"] + 1) <= 1e-12
    assert "cosine |H|" in str(made) and "h-g" in str(made)
    products = symo.compare(exact, h)
    assert list(products) == ["h-g"] and list(products["h-g"]) == ["hvp_cosine"]
    with pytest.raises(symo.Error, match="shape"):
        symo.compare(full, np.eye(3))


def test_refusals():
    net, (x, y) = model(), data()
    for call, word in (
        (lambda: symo.torch.curvature(net, loss, (x, y), kind="fisher"), "fisher"),
        (lambda: symo.torch.curvature(net, loss, []), "no batch"),
        (lambda: symo.torch.curvature(net, loss, (x, y), "h: permutation 3; w[h]"), "differ"),
        (lambda: symo.torch.hessian_estimate(net, loss, (x, y), "h-gg"), "h-gg"),
        (
            lambda: symo.torch.curvature(
                net, lambda m, a, b: loss(m, a, b) + loss(m, -a, b), (x, y), kind="ggn"
            ).matvec(np.ones(44)),
            "once",
        ),
    ):
        with pytest.raises(symo.Error, match=word):
            call()


# ---- estimates from products ----


def test_low_rank_of_a_model_is_that_of_its_hessian():
    """Products by torch.func are those of torch.func.hessian: the same estimate from both."""
    net, (x, y) = model(), data()
    hessian, ggn = dense(net, x, y)
    for kind, exact, absolute in (("hessian", hessian, False), ("ggn", ggn, True)):
        options = dict(products=30, rank=6, seed=3, absolute=absolute)
        h = symo.torch.hessian_estimate(net, loss, (x, y), "h-lr", kind=kind, **options)
        assert isinstance(h, symo.LowRank) and h.products <= 30 and len(h.values) == 6
        assert h.layout.spaces["0"] == ("signed-permutation", 5)
        same = symo.estimate_products(h.layout, exact, **options)
        # Eigenpairs that a short iteration has not found depend on its rounding.
        assert np.abs(h.to_dense() - same.to_dense()).max() <= 1e-8 * np.linalg.norm(exact)
        leading = np.sort(np.abs(np.linalg.eigvalsh(exact)))[-1]
        assert abs(np.abs(h.values).max() - leading) <= 1e-6 * leading
        made = symo.compare(exact, {"h-lr": h, "h-g": symo.torch.hessian_estimate(
            net, loss, list(zip(x.split(4), y.split(4))))})  # fmt: skip
        name = "cosine_abs_hessian" if absolute else "cosine_hessian"
        assert made["h-lr"][name] >= max(0.9, made["h-g"][name])


def test_probes_of_a_model_find_the_average_over_the_group():
    """Least squares of products with random vectors: near the average of the Hessian itself."""
    net, (x, y) = model(), data()
    hessian, _ = dense(net, x, y)
    h = symo.torch.hessian_estimate(net, loss, (x, y), "probes", products=400, seed=2)
    z = np.random.default_rng(2).normal(size=(400, 44))
    same = symo.estimate_probes(h.layout, z, z @ hessian)
    assert np.abs(h.to_dense() - same.to_dense()).max() <= 1e-11 * np.linalg.norm(hessian)
    average = np.zeros_like(hessian)
    rng = np.random.default_rng(0)
    for _ in range(2000):  # elements of the group of the hidden units
        move, signs = rng.permutation(5), rng.choice([-1.0, 1.0], 5)
        g = np.eye(44)
        unit = np.eye(5)[move] * signs[:, None]
        g[:15, :15], g[15:20, 15:20] = np.kron(unit, np.eye(3)), unit
        g[20:40, 20:40] = np.kron(np.eye(4), unit)
        average += g @ hessian @ g.T / 2000
    error = np.linalg.norm(h.to_dense() - average) / np.linalg.norm(average)
    assert error <= 0.15  # of both samples


def test_many_products_at_once_are_those_one_by_one():
    net, (x, y) = model(), data()
    for kind in ("hessian", "ggn"):
        h = symo.torch.curvature(net, loss, [(x[:8], y[:8]), (x[8:], y[8:])], kind=kind)
        v = np.random.default_rng(0).normal(size=(44, 37))
        one = np.stack([h @ column for column in v.T], 1)
        assert np.abs(h.matmat(v) - one).max() <= 1e-13 * np.abs(one).max()
    torch.manual_seed(1)
    noisy = nn.Sequential(nn.Linear(3, 5), nn.Dropout(0.5), nn.Linear(5, 4)).double()
    made = symo.torch.curvature(noisy, loss, (x, y)).matmat(np.eye(44)[:, :3])
    assert made.shape == (44, 3) and np.isfinite(made).all()  # vmap refuses random numbers


def squares(m, x):
    return m(x).sin().square().mean()


def central(net, f, x, v):
    """(gradient(theta + e v) - gradient(theta - e v)) / 2 e, the model as it is afterwards."""
    params = list(net.parameters())

    def at(e):
        shifted, k = [], 0
        for p in params:
            shifted.append(p.detach() + e * torch.from_numpy(v[k : k + p.numel()]).reshape(p.shape))
            k += p.numel()
        for p, value in zip(params, shifted):
            p.data, p.was = value, p.data
        made = torch.autograd.grad(f(net, x), params)
        for p in params:
            p.data = p.was
        return torch.cat([g.reshape(-1) for g in made]).numpy()

    return (at(1e-5) - at(-1e-5)) / 2e-5


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.LSTM(6, 4, batch_first=True)

    def forward(self, x):
        return self.layer(x)[0]


class Attentive(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.o = nn.Linear(6, 18), nn.Linear(6, 6)

    def forward(self, x):
        q, k, v = self.q(x).chunk(3, -1)
        return self.o(nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True))


MODELS = {
    "attention": Attentive,
    "transformer": lambda: nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True),
    "lstm": Recurrent,
    "batchnorm": lambda: nn.Sequential(nn.Linear(6, 5), nn.Flatten(0, 1), nn.BatchNorm1d(5)),
}


@pytest.mark.parametrize("kind", ["hessian", "ggn"])
@pytest.mark.parametrize("which", MODELS)
def test_operations_that_torch_has_no_forward_derivative_of(which, kind):
    torch.manual_seed(0)
    net = MODELS[which]().double()
    x = torch.randn(3, 5, 6, dtype=torch.float64)
    before = {n: b.clone() for n, b in net.named_buffers()}
    h = symo.torch.curvature(net, squares, (x,), kind=kind)
    v = np.random.default_rng(0).normal(size=(h.shape[0], 2))
    made = h @ v
    assert all(torch.equal(b, before[n]) for n, b in net.named_buffers())
    # One alone goes other ways than several at once.
    assert np.allclose(h @ v[:, 0], made[:, 0], rtol=1e-10, atol=1e-12)
    if kind == "ggn":
        assert np.allclose(v[:, 1] @ made[:, 0], v[:, 0] @ made[:, 1], atol=1e-10)
        return
    for k in range(2):
        expected = central(net, squares, x, v[:, k])
        # Differences: 1e-10 of the step's square, and rounding over 2e-5.
        assert np.allclose(made[:, k], expected, rtol=1e-6, atol=1e-9 * (1 + abs(expected).max()))


@pytest.mark.parametrize("kind", ["hessian", "ggn"])
def test_dropout_drops_the_same_in_every_product(kind):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 2)).double()
    batches = [(torch.randn(7, 6, dtype=torch.float64),) for _ in range(2)]
    h = symo.torch.curvature(net, squares, batches, kind=kind)
    v = np.random.default_rng(0).normal(size=(h.shape[0], 3))
    state = torch.random.get_rng_state()
    made = h @ v
    assert np.array_equal(made, h @ v)
    assert torch.equal(state, torch.random.get_rng_state())
    assert np.allclose(v.T @ made, made.T @ v, atol=1e-12)  # of one symmetric matrix
    assert np.allclose(h @ v[:, 0], made[:, 0], atol=1e-12)
    assert np.array_equal(h.gradient(), h.gradient())
    with torch.no_grad():  # it is not the matrix without dropout
        rest = symo.torch.curvature(net.eval(), squares, batches, kind=kind)
        assert abs(rest @ v - made).max() > 1e-3 * abs(made).max()


def test_what_torch_cannot_differentiate_forward_is_said():
    class Odd(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x * 2

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, g):
            return 2 * g

    class Net(nn.Linear):
        def forward(self, x):
            return Odd.apply(super().forward(x))

    h = symo.torch.curvature(Net(3, 2), squares, (torch.ones(2, 3),))
    with pytest.raises((symo.Error, RuntimeError), match="forward|jvp"):
        h @ np.ones(8)


def test_vectors_and_losses_of_another_shape():
    net = model()
    h = symo.torch.curvature(net, loss, data())
    for wrong in (43, 45):
        with pytest.raises((symo.Error, ValueError), match="a vector of|dimension"):
            h @ np.ones(wrong)
    each = nn.functional.cross_entropy

    def several(m, x, y):
        return each(m(x), y, reduction="none")

    with pytest.raises(symo.Error, match="the loss has shape .24,."):
        symo.torch.curvature(net, several, data()) @ np.ones(44)
    one = symo.torch.curvature(net, lambda m, x, y: loss(m, x, y)[None], data())
    assert np.array_equal(one @ np.ones(44), h @ np.ones(44))


def test_kfac_where_examples_are_coupled():
    net = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 4)).double()
    with pytest.raises(symo.Error, match="module 1 takes its statistics"):
        symo.torch.kfac(net, loss, data())
    assert symo.torch.kfac(net.eval(), loss, data()).shape == (54, 54)


def test_parameters_that_are_not_finite():
    net = model()
    with torch.no_grad():
        net[0].weight[0, 0] = float("nan")
    for how in (symo.torch.kfac, symo.torch.hessian_estimate):
        with pytest.raises(symo.Error) as refused:
            how(net, loss, data())
        assert refused.value.name == "SYMO_E_NONFINITE", how


def test_options_of_the_other_kind_of_estimate():
    net, (x, y) = model(), data()
    for estimator, options, word in (
        ("h-g", {"kind": "ggn"}, "products"),
        ("h-lr", {"kind": "fisher"}, "fisher"),
        ("probes", {"rank": 3}, "h-lr"),
    ):
        with pytest.raises(symo.Error, match=word):
            symo.torch.hessian_estimate(net, loss, (x, y), estimator, **options)
    with pytest.raises(TypeError):
        symo.torch.hessian_estimate(net, loss, (x, y), "h-g", products=3)
