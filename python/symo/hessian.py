"""Structured Hessians and their estimates from gradients."""

from __future__ import annotations

import ctypes
import operator
import os
from ctypes import byref, c_double, c_size_t, c_void_p
from typing import Sequence

import numpy as np

from . import _library as c
from ._library import lib
from ._operator import VectorMatrix, rng_of
from .groups import Group
from .layout import Layout, add_groups, as_layout


class Hessian(VectorMatrix):
    """A symmetric matrix over all parameters that commutes with the group of its layout.

    It is a ``scipy.sparse.linalg.LinearOperator`` where scipy is installed.  Vectors are flat
    arrays [num_parameters], dicts of arrays by name, or lists in the order of the layout, of the
    number type of the Hessian; results have the form of what was given.  No copies are made.

    Made by :func:`estimate`, by :meth:`load`, or by an operation of another one.

    Attributes
    ----------
    layout : Layout
    dtype : numpy.dtype
    shape : tuple of int
        ``(num_parameters, num_parameters)``.
    name : str
        The estimator or the operation that made it.
    """

    def __init__(self, handle, layout):
        self._handle, self._pointer = handle, handle.pointer
        self._context = layout._context.pointer
        self._start(layout, c.DTYPES[lib.symo_plan_dtype(lib.symo_hessian_plan(self._pointer))])

    @property
    def name(self) -> str:
        """The estimator or the operation that made it."""
        return lib.symo_hessian_name(self._pointer).decode()

    def _new(self, create, *arguments):
        handle = c.make(create, lib.symo_hessian_destroy, self._context, self._pointer, *arguments)
        return Hessian(handle, self.layout)

    # ---- products ----

    def _product(self, x):
        return self._apply(lib.symo_hessian_matvec, x)

    def solve(self, x: c.Arrays, damping: float = 0.0) -> c.Arrays:
        """(A + damping I)^-1 x; on a singular matrix, the pseudo-inverse."""
        return self._apply(lib.symo_hessian_solve, x, float(damping))

    # ---- functions of the matrix ----

    def power(self, p: float, damping: float = 0.0) -> Hessian:
        """(A + damping I)^p, a Hessian, for any real p; zero eigenvalues stay zero."""
        return self._new(lib.symo_hessian_power, float(p), float(damping))

    def sqrt(self, damping: float = 0.0) -> Hessian:
        """(A + damping I)^(1/2), a Hessian."""
        return self._new(lib.symo_hessian_sqrt, float(damping))

    def invsqrt(self, damping: float = 0.0) -> Hessian:
        """(A + damping I)^(-1/2), a Hessian."""
        return self._new(lib.symo_hessian_invsqrt, float(damping))

    def abs(self) -> Hessian:
        """|A|, a Hessian with the same eigenvectors and the absolute eigenvalues."""
        return self._new(lib.symo_hessian_abs)

    def eigenvalues(self) -> tuple[np.ndarray, np.ndarray]:
        """All different eigenvalues, and how often each occurs.

        Returns
        -------
        values : ndarray of float64, [n], ascending
        multiplicities : ndarray of int, [n]
        """
        n, values, counts = c_size_t(), c_void_p(), c_void_p()
        c.check(
            lib.symo_hessian_eigenvalues(self._pointer, byref(n), byref(values), byref(counts)),
            self._context,
        )
        try:
            size = n.value * 8
            raw = ctypes.string_at(values, size), ctypes.string_at(
                counts, n.value * ctypes.sizeof(c_size_t)
            )
        finally:
            lib.symo_free(values)
            lib.symo_free(counts)
        return np.frombuffer(raw[0], "f8").copy(), np.frombuffer(raw[1], np.uintp).astype(int)

    def eigvals(self) -> np.ndarray:
        """All eigenvalues, ndarray of float64 [num_parameters], ascending."""
        return np.repeat(*self.eigenvalues())

    def trace(self) -> float:
        """The sum of the eigenvalues."""
        return lib.symo_hessian_trace(self._pointer)

    def frobenius(self) -> float:
        """The Frobenius norm."""
        return lib.symo_hessian_frobenius(self._pointer)

    def logdet(self, damping: float = 0.0) -> float:
        """log det (A + damping I); an Error, SYMO_SINGULAR, unless it is positive definite."""
        out = c_double()
        c.check(lib.symo_hessian_logdet(self._pointer, float(damping), byref(out)), self._context)
        return out.value

    def diagonal(self) -> np.ndarray:
        """The diagonal, a flat array [num_parameters]."""
        return self._fill(lib.symo_hessian_diagonal, "diagonal")

    def block(self, row: str | int, column: str | int) -> np.ndarray:
        """The block between the tensors `row` and `column`, names or numbers: float64, with a row
        for each entry of the one and a column for each of the other."""
        names = list(self.layout.tensors)
        index = []
        for given in (row, column):
            if isinstance(given, str) and given not in names:
                c.refuse("SYMO_E_NAME", f"hessian_block: the layout has no tensor {given}")
            index.append(names.index(given) if isinstance(given, str) else operator.index(given))
            if not 0 <= index[-1] < len(names):
                c.refuse("SYMO_E_ARGUMENT", f"hessian_block: there is no tensor {given}")
        parts = self.layout._slices
        out = np.empty([parts[i].stop - parts[i].start for i in index])
        c.check(lib.symo_hessian_block(self._pointer, *index, out.ctypes.data), self._context)
        return out

    def to_dense(self) -> np.ndarray:
        """The whole matrix, [P, P] float64."""
        return self._dense_by(lib.symo_hessian_dense)

    def sample(self, seed: int | np.random.Generator, damping: float = 0.0) -> np.ndarray:
        """A sample of N(0, (A + damping I)^-1).

        Parameters
        ----------
        seed : int or numpy.random.Generator
            Equal seeds give equal samples; a generator gives the seed.
        damping : float

        Returns
        -------
        ndarray [num_parameters]
        """
        rng = rng_of(operator.index(seed) if not hasattr(seed, "integers") else seed, self._context)
        return self._fill(lib.symo_hessian_sample, "sample", float(damping), rng.pointer)

    def transport(self, layout: c.LayoutLike) -> Hessian:
        """The same matrices over a layout with other dimensions, a Hessian.

        Parameters
        ----------
        layout : Layout, str, os.PathLike or dict
            With the spaces and tensors of this one; dimensions of spaces may differ where the
            labels of the group are the same for all of them, as for permutation and orthogonal.

        Returns
        -------
        Hessian
            Its inverse, powers and distinct eigenvalues are those of this one, moved alike.

        Examples
        --------
        >>> import numpy as np, symo
        >>> small = "in: identity 2; h: signed-permutation 8; w[h,in]"
        >>> h = symo.estimate(small, np.arange(16.0))
        >>> wide = h.transport("in: identity 2; h: signed-permutation 512; w[h,in]")
        >>> wide.shape, bool(np.allclose(wide.eigenvalues()[0], h.eigenvalues()[0]))
        ((1024, 1024), True)
        """
        other = as_layout(layout)
        handle = c.make(
            lib.symo_hessian_transport,
            lib.symo_hessian_destroy,
            self._context,
            self._pointer,
            other._pointer,
        )
        return Hessian(handle, other)

    # ---- files and texts ----

    def save(self, path: c.Path) -> None:
        """Writes a safetensors file; :meth:`load` and the command `symo` read the same bits."""
        c.check(lib.symo_hessian_write(self._pointer, os.fsencode(path)), self._context)

    @classmethod
    def load(cls, path: c.Path, groups: Sequence[Group] = ()) -> Hessian:
        """Reads a file that :meth:`save` or the command `symo` wrote.

        The file has groups of your own code by name only, so `groups` has to bring them.
        """
        context = c.new_context()
        add_groups(context.pointer, groups)
        handle = c.make(
            lib.symo_hessian_read,
            lib.symo_hessian_destroy,
            context.pointer,
            context.pointer,
            os.fsencode(path),
        )
        return cls(handle, layout_of(handle, handle.pointer, context, groups))

    def describe(self) -> str:
        """A summary of a few lines."""
        return c.text(lib.symo_hessian_describe, self._context, self._pointer)

    def __reduce__(self):
        data = c.to_bytes(lib.symo_hessian_write, self._context, self._pointer)
        return (_from_bytes, (data, Hessian, self.layout.groups))


def _from_bytes(data, kind, groups):
    return c.from_bytes(data, lambda path: kind.load(path, groups))


def layout_of(handle, hessian, context, groups):
    """The layout of a Hessian that `handle` keeps alive."""
    borrowed = c.Handle.__new__(c.Handle)
    borrowed.pointer = lib.symo_plan_layout(lib.symo_hessian_plan(hessian))
    borrowed.owner = handle
    return Layout._of_handle(borrowed, context, groups)


def estimators() -> list[str]:
    """The names of the estimators."""
    return [
        lib.symo_estimator_name(lib.symo_estimator_at(i)).decode()
        for i in range(lib.symo_estimator_count())
    ]


def estimate(
    layout: c.LayoutLike,
    grad: c.Arrays,
    params: c.Arrays | None = None,
    estimator: str = "h-g",
    *,
    damping: float = 0.0,
    scale: bool = False,
    centered: bool = False,
) -> Hessian:
    """Estimates a Hessian from one gradient, or from several.

    Parameters
    ----------
    layout : Layout, str, os.PathLike or dict
        What the tensors are, and which groups act on them.
    grad : ndarray [num_parameters], dict or list of arrays
        The gradient, flat, by name, or in the order of the layout: numpy arrays or CPU torch
        tensors, float32 or float64.  A two-dimensional array [count, num_parameters] is several
        gradients.
    params : as `grad`, optional
        The parameters at which each gradient was taken, for estimators that need them.
    estimator : str
        One of :func:`estimators`.
    damping : float
        Added to the averaged covariance of the parameters.
    scale : bool
        Of ``h-g`` and ``h-g-bd``: divide by the mean size of the parameters; needs `params`.
    centered : bool
        Leave out the part that the group does not move.

    Returns
    -------
    Hessian
        Of the number type of the gradient.

    Examples
    --------
    >>> import numpy as np, symo
    >>> g = {"w": np.arange(8.0).reshape(4, 2), "b": np.ones(4)}
    >>> h = symo.estimate("in: identity 2; h: signed-permutation 4; w[h,in] b[h]", g)
    >>> step = h.solve(g, damping=1e-3)
    >>> step["w"].shape
    (4, 2)
    """
    layout = as_layout(layout)
    context = layout._context.pointer
    found = lib.symo_estimator_find(str(estimator).encode())
    if not found:
        c.refuse(
            "SYMO_E_NAME",
            f"estimate: there is no estimator {estimator!r} (there are {', '.join(estimators())})",
        )
    grads = _several(layout, grad, "gradient")
    points = None if params is None else _several(layout, params, "parameters")
    if points is not None and len(points) != len(grads):
        c.refuse(
            "SYMO_E_SHAPE",
            f"estimate: {len(points)} vectors of parameters for {len(grads)} gradients",
        )
    if not grads:
        c.refuse("SYMO_E_ARGUMENT", "estimate: no gradient (give one at least)")
    dtype = grads[0][0][0].dtype if grads[0][0] else c.F64
    plan = plan_of(layout, dtype, lib.symo_estimator_coupling(found), centered)
    settings = c.EstimateSpec(found, float(damping), scale)
    g, alive = _array(grads)
    p, also = _array(points) if points is not None else (None, None)
    handle = c.make(
        lib.symo_estimate,
        lib.symo_hessian_destroy,
        context,
        plan.pointer,
        byref(settings),
        len(grads),
        g,
        p,
    )
    del alive, also
    return Hessian(handle, layout)


def plan_of(layout, dtype, coupling, centered):
    spec, context = c.PlanSpec(dtype, coupling, centered), layout._context.pointer
    return c.make(
        lib.symo_plan_create, lib.symo_plan_destroy, context, layout._pointer, byref(spec)
    )


def _several(layout, arrays, what):
    rows = arrays if isinstance(arrays, np.ndarray) and arrays.ndim == 2 else [arrays]
    return [(layout._views(row, what), row) for row in rows]


def _array(pairs):
    made = [c.vector(views) for views, _ in pairs]
    return (c.Vector * len(made))(*[v for v, _ in made]), made
