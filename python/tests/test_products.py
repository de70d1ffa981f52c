"""Methods that ask for products with a curvature, by functions of the caller's."""

import copy
import io
import pickle

import numpy as np
import pytest

import symo

LAYOUT = "h: orthogonal 8; i: identity 7; c: identity 8; w[h,i] b[c]"
P = 64
METHOD = dict(lr=0.01, alpha_first=0, alpha_every=3, alpha_memory=0, alpha_initial=0.8)


def planted(alpha, seed=0):
    """A gradient [P], and a matrix with curvature sigma^alpha along its singular directions."""
    rng = np.random.default_rng(seed)
    u, _ = np.linalg.qr(rng.normal(size=(8, 8)))
    v, _ = np.linalg.qr(rng.normal(size=(7, 7)))
    sigma = 2.0 ** -np.arange(7)
    rows = np.stack([np.outer(u[:, k], v[:, k]).reshape(-1) for k in range(7)])
    matrix = np.zeros((P, P))
    matrix[:56, :56] = rows.T @ np.diag(sigma**alpha) @ rows
    return np.concatenate([(sigma @ rows), rng.normal(size=8)]), matrix


def forms(flat):
    """The tensors of a vector as arrays of their own, one with strides."""
    w = np.asfortranarray(flat[:56].reshape(8, 7))
    return {"w": w, "b": flat[56:].copy()}


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("kind", ["ggn", "hessian"])
def test_measured_exponents_are_those_that_were_planted(dtype, kind):
    gradient, matrix = planted(1.3)
    gradient, matrix = gradient.astype(dtype), matrix.astype(dtype)
    calls = []

    def product(x):
        calls.append(x.copy())
        return matrix @ x

    code = {"f8": "f64", "f4": "f32"}[dtype]
    opt = symo.Optimizer(
        LAYOUT,
        "spectral-newton",
        dtype=code,
        alpha="auto",
        alpha_curvature=kind,
        products=product,
        **METHOD,
    )
    known = symo.Optimizer(LAYOUT, "spectral-newton", dtype=code, lr=0.01, alpha=1.3)
    assert opt.alphas()["w"] == 0.8 and opt.products is product
    params = np.random.default_rng(1).normal(size=P).astype(dtype)
    theirs, tensors = params.copy(), forms(params)
    for step in range(5):
        calls.clear()
        report = opt.step(forms(gradient), tensors)
        known.step(gradient, theirs)
        assert report.accepted and report.measured_alphas == (step % 3 == 0)
        assert len(calls) == (7 if step % 3 == 0 else 0)
        assert np.array_equal(tensors["w"].reshape(-1), theirs[:56])
        assert np.array_equal(tensors["b"], theirs[56:])
    assert opt.alphas()["w"] == known.alphas()["w"] == 1.3
    assert tensors["w"].flags.f_contiguous


def test_products_may_be_a_matrix_or_an_operator_and_others_later():
    gradient, matrix = planted(1.3)
    linalg = pytest.importorskip("scipy.sparse.linalg")
    for products in (matrix, linalg.aslinearoperator(matrix)):
        opt = symo.Optimizer(LAYOUT, "symo", alpha="auto", products=products, **METHOD)
        params = np.ones(P)
        opt.step(gradient, params)
        assert opt.alphas()["w"] == pytest.approx(1.3)
        opt.products = planted(0.9)[1]
        for _ in range(3):
            opt.step(gradient, params)
        assert opt.alphas()["w"] == pytest.approx(0.9)


def test_the_diagonal_of_the_hessian():
    hessian = np.diag(np.arange(1.0, P + 1))
    for preset in ("adahessian", "sophia-h"):
        opt = symo.Optimizer(LAYOUT, preset, products=hessian, lr=0.1)
        params = np.ones(P)
        losses = []
        for _ in range(40):
            losses.append(params @ hessian @ params)
            assert opt.step(hessian @ params, params).accepted
        assert losses[-1] < 0.1 * losses[0], preset


def test_what_a_product_raises_goes_on_and_the_step_is_not_taken():
    gradient, matrix = planted(1.3)
    opt = symo.Optimizer(LAYOUT, "symo", alpha="auto", products=lambda x: {}[0], **METHOD)
    params = np.ones(P)
    before = opt.to_bytes()
    with pytest.raises(KeyError):
        opt.step(gradient, params)
    assert np.all(params == 1) and opt.to_bytes() == before
    opt.products = lambda x: np.full(P, np.nan)
    report = opt.step(gradient, params)
    assert not report.accepted and report.refused_steps == 1 and np.all(params == 1)
    opt.products = lambda x: np.ones(3)
    with pytest.raises(symo.Error, match="a product has 3 numbers, not 64"):
        opt.step(gradient, params)
    opt.products = matrix
    report = opt.step(gradient, params)
    assert report.accepted and report.step == 1 and report.measured_alphas == 1


def test_the_state_goes_on_to_the_same_bits():
    gradient, matrix = planted(1.3)

    def new():
        return symo.Optimizer(LAYOUT, "symo", alpha="auto", products=matrix, **METHOD)

    whole, first, second = new(), new(), new()
    params = np.ones(P)
    parts = params.copy()
    for step in range(6):
        whole.step((1 + step) * gradient, params)
    for step in range(2):
        first.step((1 + step) * gradient, parts)
    second.from_bytes(first.to_bytes())
    for step in range(2, 6):
        second.step((1 + step) * gradient, parts)
    assert np.array_equal(params, parts) and whole.to_bytes() == second.to_bytes()


@pytest.mark.parametrize(
    "preset, settings, text",
    [
        ("symo", dict(), "symo asks for no products"),
        ("newton-cg", dict(), "needs a loss beside products"),
        ("sophia-g", dict(), "needs a loss beside products"),
        ("ngd", dict(), "needs a loss beside products"),
        ("symo", dict(alpha="auto", products=None), "alpha auto needs products with the Gauss"),
        ("adahessian", dict(products=None), "adahessian needs products with the Hessian"),
        ("symo", dict(alpha="auto", products=np.eye(3)), r"shape \(3, 3\), not"),
        ("symo", dict(alpha="auto", products="ggn"), "products: is a str"),
    ],
)
def test_refusals(preset, settings, text):
    with pytest.raises(symo.Error, match=text):
        symo.Optimizer(LAYOUT, preset, **{"products": np.eye(P), **settings})


def test_numbers_of_another_type():
    gradient, matrix = planted(1.3)
    opt = symo.Optimizer(LAYOUT, "symo", alpha="auto", products=matrix, **METHOD)
    with pytest.raises(symo.Error, match="params: is f32, the optimizer f64"):
        opt.step(gradient, np.ones(P, "f4"))
    with pytest.raises(symo.Error, match="grad: is f32, the optimizer f64"):
        opt.step(gradient.astype("f4"), np.ones(P))
    with pytest.raises(symo.Error, match="the method asks for no products"):
        symo.Optimizer(LAYOUT, "symo").products = matrix


# ---- torch ----


def network(seed=0):
    torch = pytest.importorskip("torch")
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(6, 12), torch.nn.Tanh(), torch.nn.Linear(12, 8))
    x = torch.randn(40, 6)
    y = torch.randn(40, 8)

    def loss(model, x, y):
        return (model(x) - y).square().mean()

    return torch, net.double(), x.double(), y.double(), loss


def trained(net, optimizer, loss, x, y, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        loss(net, x, y).backward()
        optimizer.step()
    return [p.detach().clone() for p in net.parameters()]


def test_torch_measures_on_the_batch_at_hand():
    torch, net, x, y, loss = network()
    import symo.torch as st

    other = copy.deepcopy(net)
    settings = dict(alpha="auto", alpha_first=1, alpha_every=2)
    products = st.curvature(net, loss, (x, y), kind="ggn")
    opt = st.Symo(net, lr=0.01, products=products, **settings)
    counts = []
    for _ in range(4):
        trained(net, opt, loss, x, y, 1)
        counts.append(opt.reports[0].measured_alphas)
    assert counts == [0, 2, 0, 2]
    # The same by arrays, with the matrix written out before each step.
    names = [n for n, _ in other.named_parameters()]
    layout = st.infer_layout(other)
    plain = symo.Optimizer(layout, "symo", products=lambda v: v, lr=0.01, **settings)
    for _ in range(4):
        plain.products = st.curvature(other, loss, (x, y), kind="ggn").to_dense()
        other.zero_grad()
        loss(other, x, y).backward()
        named = dict(other.named_parameters())
        plain.step({n: named[n].grad for n in names}, {n: named[n] for n in names})
    for p, q in zip(net.parameters(), other.parameters()):
        assert torch.allclose(p, q, rtol=1e-9, atol=1e-12)


def test_torch_copies_are_without_products():
    torch, net, x, y, loss = network()
    import symo.torch as st

    def made(net):
        products = st.curvature(net, loss, (x, y), kind="ggn")
        return st.Symo(net, lr=0.01, alpha="auto", alpha_first=0, alpha_every=2, products=products)

    opt = made(net)
    trained(net, opt, loss, x, y, 3)
    twin = copy.deepcopy(net)
    saved = io.BytesIO()
    torch.save(opt.state_dict(), saved)
    saved.seek(0)
    again = made(twin)
    again.load_state_dict(torch.load(saved, weights_only=True))
    for a, b in zip(trained(net, opt, loss, x, y, 4), trained(twin, again, loss, x, y, 4)):
        assert torch.equal(a, b)
    both = pickle.loads(pickle.dumps((net, opt)))
    with pytest.raises(symo.Error, match="copies and pickles are without products"):
        trained(both[0], both[1], loss, x, y, 2)
    both[1].products = st.curvature(both[0], loss, (x, y), kind="ggn")
    trained(both[0], both[1], loss, x, y, 1)
    with pytest.raises(symo.Error, match="products go with one parameter group"):
        opt.add_param_group({"params": [torch.nn.Parameter(torch.ones(2, 2))]})
    groups = [{"params": [p]} for p in net.parameters()]
    with pytest.raises(symo.Error, match="products go with one parameter group"):
        st.Symo(groups, alpha="auto", products=lambda v: v)
    with pytest.raises(symo.Error, match="with alpha auto needs products"):
        st.Symo(net, alpha="auto")


def test_torch_strides_and_missing_gradients():
    torch, net, x, y, loss = network()
    import symo.torch as st

    with torch.no_grad():
        net[0].weight.data = net[0].weight.T.contiguous().T
    opt = st.Symo(net, "adahessian", lr=0.1, products=lambda v: torch.from_numpy(v) * 2)
    before = [p.detach().clone() for p in net.parameters()]
    loss(net, x, y).backward()
    net[2].bias.grad = None
    opt.step()
    moved = [not torch.equal(p, q) for p, q in zip(net.parameters(), before)]
    assert moved == [True, True, True, False]
    assert not net[0].weight.is_contiguous()
