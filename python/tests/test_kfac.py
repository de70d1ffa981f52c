"""symo.torch.kfac: against matrices by hand, the Gauss-Newton matrix, and curvlinops."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import symo  # noqa: E402
import symo.torch  # noqa: E402
from symo.torch import kfac  # noqa: E402


def entropy(m, x, y):
    return nn.functional.cross_entropy(m(x), y)


def square(m, x, y):
    return (m(x) - y).square().flatten(1).sum(1).mean() / 2


def numbers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def labels(n, classes, seed=0):
    return torch.randint(classes, (n,), generator=torch.Generator().manual_seed(seed))


def perceptron(act=nn.Tanh):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), act(), nn.Linear(5, 3)).double()


def convolutions():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(3, 2, 2, bias=False),
        nn.Flatten(), nn.Linear(2 * 4, 3),
    ).double()  # fmt: skip


def blocks(f, dense):
    """The blocks of the layers in a dense matrix, zero between them."""
    out = np.zeros_like(dense)
    parts = dict(zip(f.layout.tensors, f.layout._slices))
    for weight, site in f.sites.items():
        names = [weight] + ([site.bias] if site.bias else [])
        at = np.concatenate([np.arange(parts[n].start, parts[n].stop) for n in names])
        out[np.ix_(at, at)] = dense[np.ix_(at, at)]
    return out


def example_gradients(model, loss, x, y):
    rows = []
    for k in range(len(x)):
        model.zero_grad()
        loss(model, x[k : k + 1], y[k : k + 1]).backward()
        rows.append(torch.cat([p.grad.flatten() for p in model.parameters()]).numpy())
    return np.stack(rows)


def near(a, b, tolerance=1e-12):
    assert np.abs(a - b).max() <= tolerance * np.abs(b).max()


@pytest.mark.parametrize("make", [perceptron, convolutions])
def test_of_one_example_of_one_position_it_is_the_gauss_newton_matrix(make):
    """G (x) A is a sum over outputs of outer products then: exact in every dense layer."""
    model = make()
    x = numbers(1, 4) if make is perceptron else numbers(1, 2, 5, 5)
    y = labels(1, 3)
    if make is convolutions:  # a kernel as large as the picture has one position
        model = nn.Sequential(nn.Conv2d(2, 4, 5), nn.Tanh(), nn.Flatten(), nn.Linear(4, 3)).double()
    f = kfac(model, entropy, (x, y), "exact")
    ggn = symo.torch.curvature(model, entropy, (x, y), kind="ggn").to_dense()
    near(f.to_dense(), blocks(f, ggn))


def test_of_a_deep_linear_network_and_squares_it_is_the_gauss_newton_matrix():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).double()
    x, y = numbers(7, 3), numbers(7, 2, seed=1)
    f = kfac(model, square, [(x[:3], y[:3]), (x[3:], y[3:])], "exact")
    ggn = symo.torch.curvature(model, square, (x, y), kind="ggn").to_dense()
    near(f.to_dense(), blocks(f, ggn))


def test_empirical_factors_by_hand():
    model, x, y = perceptron(nn.ReLU), numbers(9, 4), labels(9, 3)
    f = kfac(model, entropy, (x, y))
    hidden = model[0](x)
    hidden.retain_grad()
    out = model[2](hidden.relu())
    out.retain_grad()
    nn.functional.cross_entropy(out, y, reduction="sum").backward()
    by_hand = {}
    for weight, bias, a, d in (
        ("0.weight", "0.bias", x, hidden.grad),
        ("2.weight", "2.bias", hidden.detach().relu(), out.grad),
    ):
        a = torch.cat([a, torch.ones(9, 1)], 1).numpy()
        by_hand[weight] = (a.T @ a / 9, d.numpy().T @ d.numpy() / 9, bias)
    near(f.to_dense(), symo.Factors(f.layout, by_hand).to_dense())
    parts = kfac(model, entropy, [(x[:4], y[:4]), (x[4:], y[4:])])
    near(parts.to_dense(), f.to_dense())
    inside = kfac(perceptron(lambda: nn.ReLU(inplace=True)), entropy, (x, y))
    near(inside.to_dense(), f.to_dense())  # what the layer gives is not what is written over it
    single = kfac(model.float(), entropy, (x.float(), y))
    near(single.to_dense(), f.to_dense(), 1e-4)


def test_sampled_factors_are_the_exact_ones_in_the_mean():
    model, x, y = perceptron(), numbers(3, 4), labels(3, 3)
    exact = kfac(model, entropy, (x, y), "exact").to_dense()
    draws = 2000
    sampled = kfac(model, entropy, (x, y), "sampled", draws=draws, seed=1).to_dense()
    error = np.linalg.norm(sampled - exact) / np.linalg.norm(exact)
    assert error <= 5 * np.sqrt(2 / draws)  # each G is a mean of squares of normal numbers
    one = [kfac(model, entropy, (x, y), "sampled", seed=s).to_dense() for s in (1, 1, 2)]
    assert np.array_equal(one[0], one[1]) and not np.array_equal(one[0], one[2])


@pytest.mark.parametrize("fisher", ["empirical", "exact"])
def test_corrected_eigenvalues_are_those_of_the_gradients(fisher):
    """EKFAC has the diagonal of the Fisher matrix in its basis: so the same trace."""
    model, x, y = convolutions(), numbers(6, 2, 5, 5), labels(6, 3)
    f = kfac(model, entropy, (x, y), fisher, corrected=True)
    if fisher == "empirical":
        g = example_gradients(model, entropy, x, y)
        matrix = g.T @ g / 6
    else:
        matrix = symo.torch.curvature(model, entropy, (x, y), kind="ggn").to_dense()
    matrix = blocks(f, matrix)
    assert abs(f.trace() - np.trace(matrix)) <= 1e-12 * np.trace(matrix)
    values, vectors = np.linalg.eigh(f.to_dense())
    clear = np.diff(values, prepend=-1) > 1e-3 * values[-1]
    clear &= np.diff(values, append=2 * values[-1] + 1) > 1e-3 * values[-1]
    assert clear.sum() >= 3  # eigenvectors of single eigenvalues
    inside = np.einsum("ik,ij,jk->k", vectors, matrix, vectors)
    near(inside[clear], values[clear], 1e-9)
    plain = kfac(model, entropy, (x, y), fisher)
    assert np.linalg.norm(f.to_dense() - matrix) <= np.linalg.norm(plain.to_dense() - matrix)


class Mixed(nn.Module):
    """An embedding, a norm, a tied layer, and a weight that no module multiplies with."""

    def __init__(self):
        super().__init__()
        self.table, self.norm = nn.Embedding(5, 3), nn.LayerNorm(3)
        self.tied = nn.ModuleList([nn.Linear(3, 3, bias=False) for _ in range(2)])
        self.tied[1].weight = self.tied[0].weight
        self.free = nn.Parameter(torch.randn(3, 3))
        self.head = nn.Linear(3, 2)

    def forward(self, tokens):
        x = self.norm(self.table(tokens))
        x = self.tied[1](self.tied[0](x).tanh()) @ self.free
        return self.head(x.mean(1))


def test_what_is_no_site_has_the_diagonal():
    torch.manual_seed(0)
    model = Mixed().double()
    tokens, y = torch.tensor([[0, 1, 1], [2, 3, 0], [1, 1, 2], [3, 0, 2]]), labels(4, 2)
    f = kfac(model, entropy, (tokens, y))
    assert list(f.sites) == ["table.weight", "head.weight"] and f.sites["table.weight"].table
    g = example_gradients(model, entropy, tokens, y)
    squares = f.layout.split((g**2).mean(0))
    diagonal = f.layout.split(f.diagonal())
    for name in ("norm.weight", "norm.bias", "tied.0.weight", "free"):
        near(diagonal[name], squares[name])
    counts = np.bincount(tokens.flatten().numpy(), minlength=5) / 12
    rows = f.layout.split(f.to_dense().sum(1))["table.weight"]
    assert np.all((np.abs(rows).sum(1) > 0) == (counts > 0))
    # Each position of a table is an example: G sums over the positions.
    model.zero_grad()
    seen = []
    handle = model.table.register_forward_hook(lambda m, i, o: (o.retain_grad(), seen.append(o))[0])
    nn.functional.cross_entropy(model(tokens), y, reduction="sum").backward()
    handle.remove()
    d = seen[0].grad.reshape(-1, 3).numpy()
    part = dict(zip(f.layout.tensors, f.layout._slices))["table.weight"]
    near(f.to_dense()[part, part], np.kron(np.diag(counts), d.T @ d / 4))


def test_a_layer_that_is_called_twice_has_more_positions():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.head = nn.Linear(3, 3, bias=False), nn.Linear(3, 2)

        def forward(self, x):
            return self.head(self.inner(self.inner(x).tanh()))

    torch.manual_seed(0)
    model, x, y = Twice().double(), numbers(5, 3), labels(5, 2)
    f = kfac(model, entropy, (x, y))
    first = model.inner(x)
    first.retain_grad()
    second = model.inner(first.tanh())
    second.retain_grad()
    nn.functional.cross_entropy(model.head(second), y, reduction="sum").backward()
    a = torch.cat([x, first.detach().tanh()]).numpy()
    d = torch.cat([first.grad, second.grad]).numpy()
    near(f.to_dense()[:9, :9], np.kron(d.T @ d / 5, a.T @ a / 10))


def test_refusals():
    model, x, y = perceptron(), numbers(6, 4), labels(6, 3)

    def total(m, x, y):
        return nn.functional.cross_entropy(m(x), y, reduction="sum")

    def twice(m, x, y):
        return entropy(m, x, y) + entropy(m, -x, y)

    def hollow(m, x, y):
        return m(x).cos().sum(1).mean()

    wide = nn.Linear(4, 5000).double()
    for call, word in (
        (lambda: kfac(model, entropy, (x, y), "true"), "empirical, sampled, exact"),
        (lambda: kfac(model, entropy, (x, y), sharing="none"), "expand, reduce"),
        (lambda: kfac(model, entropy, (x, y), draws=3), "draws"),
        (lambda: kfac(model, total, (x, y)), "mean"),
        (lambda: kfac(model, twice, (x, y)), "2 times"),
        (lambda: kfac(model, hollow, (x, y), "exact"), "convex"),
        (lambda: kfac(model, entropy, (x, y), layout="h: identity 3; b[h]"), "differ"),
        (lambda: kfac(wide, lambda m, x: m(x).square().mean(), (x,), "exact"), "5000"),
        (lambda: kfac(model, lambda m, x, y, w: entropy(m, x, y) + 0 * w.sum(),
                      (x, y, numbers(3))), "count"),
    ):  # fmt: skip
        with pytest.raises(symo.Error, match=word):
            call()


@pytest.mark.parametrize("make", [perceptron, convolutions])
@pytest.mark.parametrize("sharing", ["expand", "reduce"])
@pytest.mark.parametrize("fisher", ["exact", "empirical"])
@pytest.mark.parametrize("corrected", [False, True])
def test_as_curvlinops(make, sharing, fisher, corrected):
    curvlinops = pytest.importorskip("curvlinops")
    # So many examples that no factor is singular: its eigenvectors would not be the same ones.
    model, y = make(), labels(40, 3)
    x = numbers(40, 4)
    if make is convolutions:  # means of patches over a padded picture are linearly dependent
        model[0].padding, x = (0, 0), numbers(40, 2, 7, 7)
    kind = curvlinops.EKFACLinearOperator if corrected else curvlinops.KFACLinearOperator
    theirs = kind(
        model,
        nn.CrossEntropyLoss(),
        list(model.parameters()),
        [(x, y)],
        fisher_type={"exact": "type-2", "empirical": "empirical"}[fisher],
        kfac_approx=sharing,
        separate_weight_and_bias=False,
    )
    size = sum(p.numel() for p in model.parameters())
    dense = (theirs @ torch.eye(size, dtype=torch.float64)).numpy()
    f = kfac(model, entropy, (x, y), fisher, sharing=sharing, corrected=corrected)
    near(f.to_dense(), dense, 1e-10)
