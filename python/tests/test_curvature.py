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
