"""Exact curvature of torch models by products, and estimates from their gradients."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import numpy as np
import torch
from torch.func import functional_call, grad, jvp, vjp, vmap

from . import _library as c
from ._trace import clean
from ._operator import Matrix
from .hessian import estimate
from .layout import Layout
from .lowrank import estimate_products

sdpa_kernel: Any = None
try:
    from torch.nn.attention import SDPBackend, sdpa_kernel
except ImportError:  # torch before 2.3
    pass

_AT_ONCE = 16  # products in one pass, which holds so many times the memory of one
_NUMPY = {torch.float32: np.dtype("f4"), torch.float64: np.dtype("f8")}


class Curvature(Matrix):
    """The exact Hessian of a loss, or its Gauss-Newton matrix, as a linear operator.

    Products are those of ``torch.func``, forward over reverse, added over the batches.  A model in
    training mode is one matrix all the same: random numbers, as those of dropout, are the same in
    every product, and BatchNorm's running statistics stay as they are.

    Attributes
    ----------
    layout : Layout
        Flat vectors have its order, as those of :class:`symo.Hessian`.
    shape, dtype
    """

    def __init__(self, model, loss, data, layout, kind):
        self.kind, self._loss, self._data, self._model = kind, loss, data, model
        self._spelt_out = False  # whether torch has no forward derivative of its fused operations
        named = {clean(n): (n, p) for n, p in model.named_parameters()}
        wrong = set(named) ^ set(layout.tensors)
        if wrong:
            c.refuse(
                "SYMO_E_NAME",
                "curvature: parameters and tensors of the layout differ: "
                + ", ".join(sorted(wrong)),
            )
        self._params = {named[n][0]: named[n][1].detach() for n in layout.tensors}
        dtypes = {p.dtype for p in self._params.values()}
        if len(dtypes) != 1 or not dtypes <= set(_NUMPY):
            c.refuse("SYMO_E_DTYPE", "curvature: parameters are not all float32, or all float64")
        self._start(layout, _NUMPY[dtypes.pop()])

    def _split(self, rows):
        """Rows [.., P] as tensors by name, [.., *shape]."""
        flat = torch.from_numpy(np.ascontiguousarray(rows, self.dtype))
        parts, lead = self.layout._slices, flat.shape[:-1]
        named = zip(self._params.items(), parts)
        return {n: flat[..., s].reshape(lead + p.shape) for (n, p), s in named}

    def _flat(self, tensors):
        return torch.cat([tensors[n].reshape(-1) for n in self._params]).detach().numpy()

    def _losses(self):
        """Each batch as a loss of the parameters, with the same random numbers each time."""
        for i, batch in enumerate(self._data):

            def loss(params, i=i, batch=batch):
                torch.manual_seed(i)
                value = self._loss(_Called(self._model, params), *batch)
                if value.numel() != 1:
                    c.refuse(
                        "SYMO_E_SHAPE",
                        f"curvature: the loss has shape {tuple(value.shape)} (give one number, as "
                        "a mean over examples)",
                    )
                return value.reshape(())

            yield loss

    def _gradients(self):
        """The gradient of each batch, by name."""
        for loss in self._losses():
            with torch.random.fork_rng(devices=[]):
                yield grad(loss)(self._params)

    def _one(self, loss, i, v):
        if self.kind == "hessian":
            return jvp(grad(loss), (self._params,), (v,))[1]
        batch = self._data[i]

        def model(params):  # what the model returns
            torch.manual_seed(i)
            called = _Called(self._model, params)
            self._loss(called, *batch)
            if len(called.returned) != 1:
                c.refuse("SYMO_E_ARGUMENT", "curvature: ggn needs a loss that calls the model once")
            return called.returned[0]

        def of_output(y):
            return self._loss(_Given(y), *batch)

        y, jv = jvp(model, (self._params,), (v,))
        hjv = jvp(grad(of_output), (y,), (jv,))[1]
        return vjp(model, self._params)[1](hjv)[0]

    def _product(self, x):
        return self._rows(np.asarray(x).reshape(1, -1))[0]

    def _matmat(self, x):
        return self._rows(np.asarray(x).T).T

    def _rows(self, rows):
        """Products with the rows of an array [k, P], _AT_ONCE of them in one pass."""
        if rows.shape[1] != self.shape[0]:
            c.refuse(
                "SYMO_E_SHAPE",
                f"curvature: a vector of {rows.shape[1]} numbers, the model has {self.shape[0]}",
            )
        out = np.zeros((len(rows), self.shape[0]), self.dtype)
        for at in range(0, len(rows), _AT_ONCE):
            part = slice(at, at + _AT_ONCE)
            for i, loss in enumerate(self._losses()):
                with torch.random.fork_rng(devices=[]):
                    out[part] += self._several(loss, i, rows[part])
        return out / self.dtype.type(len(self._data))

    def _several(self, loss, i, rows):
        if not self._spelt_out:
            try:
                return self._at_once(loss, i, rows)
            except NotImplementedError:
                self._spelt_out = True
        with _spelt_out():
            try:
                return self._at_once(loss, i, rows)
            except NotImplementedError as error:
                c.refuse(
                    "SYMO_E_UNSUPPORTED",
                    "curvature: the model does what torch has no forward derivative of: "
                    + str(error).split("\n")[0],
                )

    def _at_once(self, loss, i, rows):
        if len(rows) > 1:
            try:
                one = vmap(lambda v: self._one(loss, i, v), randomness="same")
                made = one(self._split(rows))
                return torch.cat([made[n].flatten(1) for n in self._params], 1).detach().numpy()
            except RuntimeError as error:  # what vmap cannot, as BatchNorm: one after the other
                if isinstance(error, NotImplementedError) and not self._spelt_out:
                    raise
        return np.stack([self._flat(self._one(loss, i, self._split(row))) for row in rows])

    def gradient(self) -> np.ndarray:
        """The gradient of the loss, a flat array [num_parameters]."""
        total = None
        for g in self._gradients():
            total = g if total is None else {n: total[n] + g[n] for n in g}
        return self._flat(total) / len(self._data)

    def to_dense(self) -> np.ndarray:
        """The matrix, [P, P] float64, by P products."""
        out = self._rows(np.eye(self.shape[0], dtype=self.dtype)).astype("f8")
        return (out + out.T) / 2


@contextlib.contextmanager
def _spelt_out():
    """Attention and recurrent layers by the operations that they are made of."""
    with contextlib.ExitStack() as stack:
        if sdpa_kernel is not None:
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        with warnings.catch_warnings():  # of number types on other processors
            warnings.simplefilter("ignore")
            stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
        yield


class _Called:
    """The model at other parameters; remembers what it returned."""

    def __init__(self, model, params):
        self._model, self._params, self.returned = model, params, []

    def __call__(self, *args, **kwargs):
        given = self._params
        if self._model.training:  # running statistics are written, and not those of the model
            given = {**{n: b.clone() for n, b in self._model.named_buffers()}, **given}
        out = functional_call(self._model, given, args, kwargs)
        self.returned.append(out)
        return out

    def __getattr__(self, name):
        return getattr(self._model, name)


class _Given:
    """In place of the model: what it returned."""

    def __init__(self, out):
        self._out = out

    def __call__(self, *args, **kwargs):
        return self._out


def batches_of(data):
    """A list of tuples of arguments: data is one tuple, or an iterable of them (a DataLoader)."""
    if isinstance(data, tuple) or isinstance(data, torch.Tensor):
        data = [data]
    batches = [b if isinstance(b, (tuple, list)) else (b,) for b in data]
    if not batches:
        c.refuse("SYMO_E_ARGUMENT", "data: there is no batch")
    return batches


def curvature(model, loss, data, layout, kind):
    if kind not in ("hessian", "ggn"):
        c.refuse("SYMO_E_NAME", f"curvature: there is no {kind!r} (there are hessian, ggn)")
    layout = layout if isinstance(layout, Layout) else Layout(layout)
    return Curvature(model, loss, batches_of(data), layout, kind)


def gradients(model, loss, data, layout):
    """A row of the gradient for each batch, [count, P], and the parameters, as many rows."""
    products = curvature(model, loss, data, layout, "hessian")
    rows = [products._flat(g) for g in products._gradients()]
    point = products._flat(products._params)
    return np.stack(rows), np.stack([point] * len(rows)), products.layout


def hessian_estimate(model, loss, data, estimator, layout, options):
    options = dict(options)
    if estimator in ("h-lr", "probes"):
        products = curvature(model, loss, data, layout, options.pop("kind", "hessian"))
        return estimate_products(products.layout, products, estimator, **options)
    if "kind" in options:
        c.refuse("SYMO_E_ARGUMENT", "hessian_estimate: kind is for estimates from products")
    rows, points, layout = gradients(model, loss, data, layout)
    return estimate(layout, rows, points, estimator, **options)
