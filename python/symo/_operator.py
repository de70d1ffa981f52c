"""What all matrices over the parameters of a layout have: products, solves, functions, forms."""

from __future__ import annotations

import operator
from typing import Any, Callable

import numpy as np

from . import _library as c

try:
    from scipy.sparse.linalg import LinearOperator
except ImportError:
    LinearOperator = None


_Base: Any = LinearOperator or object


class Matrix(_Base):
    """A symmetric matrix over all parameters of a layout.

    It is a ``scipy.sparse.linalg.LinearOperator`` where scipy is installed.  Vectors are flat
    arrays [num_parameters], dicts of arrays by name, or lists in the order of the layout; results
    have the form of what was given.
    """

    def __new__(cls, *arguments, **options):
        return object.__new__(cls)

    def _start(self, layout, dtype):
        self.layout = layout
        shape = (layout.num_parameters, layout.num_parameters)
        if LinearOperator is not None:
            LinearOperator.__init__(self, np.dtype(dtype), shape)
        else:
            self.dtype, self.shape = np.dtype(dtype), shape

    def _product(self, x):
        raise NotImplementedError

    def matvec(self, x: c.Arrays) -> c.Arrays:
        """A x."""
        if isinstance(x, np.ndarray) and x.shape == (self.shape[0], 1):
            return self._product(x[:, 0])[:, None]
        return self._product(x)

    def _matvec(self, x):
        return self.matvec(x)

    def _matmat(self, x):
        columns = [self.matvec(x[:, k]) for k in range(x.shape[1])]
        return np.stack(columns, 1) if columns else np.empty((self.shape[0], 0), self.dtype)

    def _adjoint(self):
        return self

    _transpose = _adjoint

    if LinearOperator is None:

        def matmat(self, x: np.ndarray) -> np.ndarray:
            """The product with the columns of `x`, [num_parameters, k]; the result is alike."""
            return self._matmat(x)

        def __matmul__(self, x):
            return self.matvec(x) if getattr(x, "ndim", 1) < 2 else self.matmat(x)

    def __copy__(self):
        return self  # it never changes

    def __deepcopy__(self, memo):
        return self

    def __repr__(self):
        kind, name = type(self).__name__, getattr(self, "name", "")
        return f"<{self.shape[0]}x{self.shape[1]} symo.{kind} {name!r} with dtype={self.dtype}>"


class Function(Matrix):
    """A function of a matrix, as ``(A + damping I)^-0.5``, known by its products.

    Attributes
    ----------
    layout : Layout
    name : str
        Which function of what.
    dtype, shape
    """

    def __init__(
        self, of: Matrix, name: str, product: Callable[[Any], Any], dense: Callable[[], Any] | None
    ) -> None:
        self._start(of.layout, of.dtype)
        self.name, self._call, self._dense = name, product, dense

    def _product(self, x):
        return self._call(x)

    def to_dense(self) -> np.ndarray:
        """The whole matrix, [P, P] float64."""
        if self._dense is not None:
            return self._dense()
        out = self._matmat(np.eye(self.shape[0], dtype=self.dtype)).astype("f8")
        return (out + out.T) / 2


class VectorMatrix(Matrix):
    """A matrix whose products the library takes on the arrays of the caller, without copies."""

    def _apply(self, function, x, *arguments):
        views = self.layout._views(x, "x")
        y = self.layout._empty_like(x, c.DTYPES[views[0].dtype])
        (a, alive), (b, also) = c.vector(views), c.vector(self.layout._views(y, "y"))
        c.check(function(self._pointer, *arguments, a, b), self._context)
        del alive, also
        return y

    def _fill(self, function, what, *arguments):
        """A flat vector that a function writes."""
        flat = np.empty(self.shape[0], self.dtype)
        v, alive = c.vector(self.layout._views(flat, what))
        c.check(function(self._pointer, *arguments, v), self._context)
        del alive
        return flat

    def _dense_by(self, function):
        out = np.empty(self.shape)
        c.check(function(self._pointer, out.ctypes.data), self._context)
        return out


def rng_of(seed, context):
    """A generator of the library, as a handle."""
    if isinstance(seed, np.random.Generator):
        seed = seed.integers(2**63)
    lib = c.lib
    return c.make(lib.symo_rng_create, lib.symo_rng_destroy, context, context, operator.index(seed))
