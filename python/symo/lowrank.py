"""Estimates from products with a matrix: low rank plus symmetry, and least squares of probes."""

from __future__ import annotations

import ctypes
import os
from ctypes import byref, c_double, c_int, c_size_t, c_void_p
from typing import Any, Callable, Sequence, Union

import numpy as np

from . import _library as c
from ._library import lib
from ._operator import Function, Matrix, VectorMatrix, rng_of
from .hessian import Hessian, _array, _from_bytes, _several, layout_of, plan_of
from .groups import Group
from .layout import add_groups, as_layout

Products = Union[np.ndarray, Matrix, Callable[[np.ndarray], Any], Any]
Seed = Union[int, np.random.Generator]

_PRODUCT = ctypes.CFUNCTYPE(c_int, c_void_p, c_size_t, c_void_p, c_void_p)
_METHODS = ("least-squares", "average")


class LowRank(VectorMatrix):
    """A symmetric matrix with some eigenpairs, and a structured matrix S on the rest of the space.

    H = U' diag(values) U + Q S Q with Q = I - U'U; the rows of U are eigenvectors of H.  It is a
    ``scipy.sparse.linalg.LinearOperator`` where scipy is installed, and takes vectors as
    :class:`Hessian` does.

    Parameters
    ----------
    rest : Hessian
        S, on all of the space.
    values : array_like [k]
    vectors : array_like [k, num_parameters]
        Orthonormal rows, in the number type of `rest`.

    Attributes
    ----------
    rest : Hessian
        S, on all of the space.
    values : ndarray of float64 [k]
    vectors : ndarray [k, num_parameters]
    products : int or None
        How many products were taken, if :func:`estimate_products` made it.
    layout, dtype, shape

    Examples
    --------
    >>> import numpy as np, symo
    >>> rest = symo.estimate("h: permutation 4; b[h]", np.array([1.0, 2, 3, 4]))
    >>> h = symo.LowRank(rest, [9.0], np.eye(4)[:1])
    >>> float((h @ np.eye(4)[0])[0])
    9.0
    """

    name = "h-lr"

    def __init__(self, rest: Hessian, values: Any, vectors: Any) -> None:
        values = np.ascontiguousarray(values, "f8").reshape(-1)
        vectors = np.ascontiguousarray(vectors, rest.dtype)
        if vectors.shape != (len(values), rest.shape[0]):
            c.refuse(
                "SYMO_E_SHAPE",
                f"lowrank: vectors have shape {vectors.shape}, not {(len(values), rest.shape[0])}",
            )
        context = rest.layout._context.pointer
        handle = c.make(
            lib.symo_lowrank_create,
            lib.symo_lowrank_destroy,
            context,
            rest._pointer,
            len(values),
            values.ctypes.data,
            vectors.ctypes.data,
        )
        self._take(handle, rest.layout)

    @classmethod
    def _of(cls, handle, layout, products=None):
        made = cls.__new__(cls)
        made._take(handle, layout)
        made.products = products
        return made

    def _take(self, handle, layout):
        self._handle, self._pointer, self.products = handle, handle.pointer, None
        self._context = layout._context.pointer
        borrowed = c.Handle.__new__(c.Handle)
        borrowed.pointer, borrowed.owner = lib.symo_lowrank_rest(self._pointer), handle
        self.rest = Hessian(borrowed, layout)
        self._start(layout, self.rest.dtype)
        k = lib.symo_lowrank_rank(self._pointer)
        self.values = _copied(lib.symo_lowrank_values(self._pointer), (k,), np.dtype("f8"))
        self.vectors = _copied(
            lib.symo_lowrank_vectors(self._pointer), (k, self.shape[0]), self.dtype
        )

    def _product(self, x):
        return self._apply(lib.symo_lowrank_matvec, x)

    def solve(self, x: c.Arrays, damping: float = 0.0) -> c.Arrays:
        """(H + damping I)^-1 x; an Error, SYMO_SINGULAR, where there is none."""
        return self._apply(lib.symo_lowrank_solve, x, float(damping))

    def power(self, p: float, damping: float = 0.0) -> Function:
        """(H + damping I)^p for a positive semi-definite H and any real p, by its products."""
        p, damping = float(p), float(damping)
        return Function(
            self,
            f"(h-lr + {damping:g} I)^{p:g}" if damping else f"h-lr^{p:g}",
            lambda x: self._apply(lib.symo_lowrank_power, x, p, damping),
            None,
        )

    def sqrt(self, damping: float = 0.0) -> Function:
        """(H + damping I)^(1/2), by its products."""
        return self.power(0.5, damping)

    def invsqrt(self, damping: float = 0.0) -> Function:
        """(H + damping I)^(-1/2), by its products."""
        return self.power(-0.5, damping)

    def abs(self) -> LowRank:
        """|values| and |S| in place of values and S: positive semi-definite."""
        handle = c.make(
            lib.symo_lowrank_abs, lib.symo_lowrank_destroy, self._context, self._pointer
        )
        return LowRank._of(handle, self.layout, self.products)

    def trace(self) -> float:
        """The sum of the eigenvalues."""
        return lib.symo_lowrank_trace(self._pointer)

    def frobenius(self) -> float:
        """The Frobenius norm."""
        return lib.symo_lowrank_frobenius(self._pointer)

    def logdet(self, damping: float = 0.0) -> float:
        """log det (H + damping I); an Error, SYMO_SINGULAR, unless its parts are positive."""
        out = c_double()
        c.check(lib.symo_lowrank_logdet(self._pointer, float(damping), byref(out)), self._context)
        return out.value

    def diagonal(self) -> np.ndarray:
        """The diagonal, a flat array [num_parameters]."""
        return self._fill(lib.symo_lowrank_diagonal, "diagonal")

    def to_dense(self) -> np.ndarray:
        """The whole matrix, [P, P] float64."""
        return self._dense_by(lib.symo_lowrank_dense)

    def sample(self, seed: Seed, damping: float = 0.0) -> np.ndarray:
        """A sample of N(0, (H + damping I)^-1), a flat array [num_parameters].

        Equal seeds give equal samples; a ``numpy.random.Generator`` gives the seed.
        """
        rng = rng_of(seed, self._context)
        return self._fill(lib.symo_lowrank_sample, "sample", float(damping), rng.pointer)

    def save(self, path: c.Path) -> None:
        """Writes a safetensors file, which :meth:`load` and the command `symo` read."""
        c.check(lib.symo_lowrank_write(self._pointer, os.fsencode(path)), self._context)

    @classmethod
    def load(cls, path: c.Path, groups: Sequence[Group] = ()) -> LowRank:
        """Reads a file that :meth:`save` or the command `symo` wrote; `groups` as for Hessians."""
        context = c.new_context()
        at = context.pointer
        add_groups(at, groups)
        handle = c.make(lib.symo_lowrank_read, lib.symo_lowrank_destroy, at, at, os.fsencode(path))
        rest = lib.symo_lowrank_rest(handle.pointer)
        return cls._of(handle, layout_of(handle, rest, context, groups))

    def describe(self) -> str:
        """A summary of a few lines."""
        return c.text(lib.symo_lowrank_describe, self._context, self._pointer)

    def __reduce__(self):
        data = c.to_bytes(lib.symo_lowrank_write, self._context, self._pointer)
        return (_from_bytes, (data, LowRank, self.layout.groups))


def _copied(address, shape, dtype):
    size = int(np.prod(shape)) * dtype.itemsize
    raw = ctypes.string_at(address, size) if size else b""
    return np.frombuffer(raw, dtype).reshape(shape)


def load(path: c.Path, groups: Sequence[Group] = ()) -> Hessian | LowRank:
    """Reads a matrix that ``save`` of :class:`Hessian` or :class:`LowRank`, or `symo`, wrote.

    `groups` are those of your own code that the layout in the file names.  Files of
    :class:`Factors` have no layout, and :meth:`Factors.load` takes one.
    """
    context, is_lowrank = c.new_context(), c.c_bool()
    at = context.pointer
    c.check(lib.symo_hessian_file_is_lowrank(at, os.fsencode(path), byref(is_lowrank)), at)
    return (LowRank if is_lowrank.value else Hessian).load(path, groups)


class _Operator:
    """A matrix that Python knows by products, for the library."""

    def __init__(self, matrix: Products, size: int, dtype: int) -> None:
        numbers = c.DTYPES[dtype]
        kind = ctypes.c_float if dtype == c.F32 else c_double
        products = rows_of(matrix, size)

        @_PRODUCT
        def product(_, k, v, av):
            try:

                def rows(address):
                    pointer = ctypes.cast(address, ctypes.POINTER(kind))
                    return np.ctypeslib.as_array(pointer, (k, size))

                made = products(rows(v).copy())
                rows(av)[...] = np.asarray(made, numbers)
                return 0
            except BaseException as error:  # goes on when the library has returned
                c.keep(error)
                return c.STATUS["SYMO_E_UNSUPPORTED"]

        self._call = product
        self.struct = c.Operator(b"the products", size, dtype)
        self.struct.product = ctypes.cast(product, c_void_p).value


def rows_of(matrix, size):
    """Products of the rows of an array [k, size], as such an array."""
    if hasattr(matrix, "shape") and tuple(matrix.shape) != (size, size):
        c.refuse(
            "SYMO_E_SHAPE",
            f"products: the matrix has shape {tuple(matrix.shape)}, not {(size, size)}",
        )
    if isinstance(matrix, np.ndarray):
        return lambda v: v @ matrix.T
    if hasattr(matrix, "matmat"):
        return lambda v: matrix.matmat(np.ascontiguousarray(v.T)).T
    call = getattr(matrix, "matvec", matrix)
    if not callable(call):
        c.refuse(
            "SYMO_E_ARGUMENT",
            f"products: is a {type(matrix).__name__} (give an array, a LinearOperator or a "
            "function of a flat array)",
        )

    def rows(v):
        out = np.empty_like(v)
        for i, x in enumerate(v):
            y = call(x)
            y = np.asarray(y.detach() if hasattr(y, "detach") else y)
            if y.size != size:
                c.refuse("SYMO_E_SHAPE", f"products: a product has {y.size} numbers, not {size}")
            out[i] = y.reshape(-1)
        return out

    return rows


def estimate_products(
    layout: c.LayoutLike,
    matrix: Products,
    estimator: str = "h-lr",
    *,
    products: int = 60,
    rank: int = 0,
    probes: int = 0,
    absolute: bool = True,
    prior: Hessian | None = None,
    strength: float = 0.1,
    blocked: bool = False,
    centered: bool = False,
    dtype: Any = None,
    seed: Seed = 0,
) -> LowRank | Hessian:
    """Estimates a symmetric matrix from products with it.

    Parameters
    ----------
    layout : Layout, str, os.PathLike or dict
        What the tensors are, and which groups act on them.
    matrix : ndarray [P, P], LinearOperator, or callable
        The matrix: its products have to be symmetric ones.  A callable takes a flat array [P] and
        returns one, or a tensor.
    estimator : {"h-lr", "probes"}
        ``"h-lr"``: leading eigenpairs by a Lanczos iteration, and a structured matrix on the rest
        of the space.  ``"probes"``: the structured matrix of least squares for products with
        random normal vectors alone.
    products : int
        The budget: how many products are taken at most.
    rank, probes : int
        Of h-lr: pairs that are kept, and random vectors for the rest; 0 is all that the iteration
        finds, and what determines every label twice over, at most a quarter of the products.
    absolute : bool
        Of h-lr: an estimate of |A|, positive semi-definite, rather than of A.
    prior, strength : Hessian of the same layout and number type, float
        Of h-lr: what the structured part is drawn to a multiple of, as by so many random vectors;
        None: to zero.  With strength 0, least squares alone.
    blocked : bool
        The structured part has no blocks between different tensors.
    centered : bool
        Leave out the part that the group does not move.
    dtype : {"f32", "f64"} or numpy dtype, optional
        Of vectors and result; the default is that of the matrix, or float64.
    seed : int or numpy.random.Generator

    Returns
    -------
    LowRank or Hessian

    Examples
    --------
    >>> import numpy as np, symo
    >>> rng = np.random.default_rng(0)
    >>> u = rng.normal(size=(12, 2)); a = u @ u.T + np.eye(12)
    >>> h = symo.estimate_products("h: orthogonal 12; b[h]", lambda x: a @ x, products=8, rank=2,
    ...                            strength=0)
    >>> bool(np.allclose(h.to_dense(), a))
    True
    """
    layout = as_layout(layout)
    context, size = layout._context.pointer, layout.num_parameters
    products, rank, probes = (
        c.count(value, f"estimate_products: {name}")
        for name, value in (("products", products), ("rank", rank), ("probes", probes))
    )
    code = _code(dtype if dtype is not None else getattr(matrix, "dtype", None))
    plan = plan_of(layout, code, int(blocked), centered)
    if estimator == "probes":
        if rank or probes or prior is not None:
            c.refuse("SYMO_E_ARGUMENT", "estimate_products: rank, probes and prior are of h-lr")
        generator = seed if hasattr(seed, "normal") else np.random.default_rng(seed)
        z = generator.normal(size=(products, size)).astype(c.DTYPES[code])
        return _of_pairs(layout, plan, z, rows_of(matrix, size)(z), 0)
    if estimator != "h-lr":
        c.refuse(
            "SYMO_E_NAME",
            f"estimate_products: there is no {estimator!r} of products (there are h-lr, probes)",
        )
    operator, rng = _Operator(matrix, size, code), rng_of(seed, context)
    spec, cost, out = (
        c.LowrankSpec(
            products,
            rank,
            probes,
            absolute,
            None if prior is None else prior._pointer,
            float(strength),
        ),
        c.LowrankCost(),
        c_void_p(),
    )
    status = lib.symo_lowrank_estimate(
        plan.pointer, byref(operator.struct), byref(spec), rng.pointer, byref(out), byref(cost)
    )
    c.check(status, context)
    handle = c.Handle(out.value, lib.symo_lowrank_destroy)
    return LowRank._of(handle, layout, cost.products)


def estimate_probes(
    layout: c.LayoutLike,
    probes: c.Arrays,
    products: c.Arrays,
    method: str = "least-squares",
    *,
    blocked: bool = False,
    centered: bool = False,
) -> Hessian:
    """The structured estimate of a matrix A from pairs (v, A v).

    Parameters
    ----------
    layout : Layout, str, os.PathLike or dict
    probes, products : ndarray [count, num_parameters]
        The vectors v and A v; of one pair also a flat array, a dict or a list of tensors.
    method : {"least-squares", "average"}
        The M of least sum of |A v - M v|^2, or the mean of the symmetrised A v v', for probes of
        covariance I.
    blocked : bool
        The estimate has no blocks between different tensors.
    centered : bool
        Leave out the part that the group does not move.

    Returns
    -------
    Hessian

    Examples
    --------
    >>> import numpy as np, symo
    >>> v = np.random.default_rng(0).normal(size=(2, 6))
    >>> h = symo.estimate_probes("h: orthogonal 6; b[h]", v, 3 * v)
    >>> bool(np.allclose(h.to_dense(), 3 * np.eye(6)))
    True
    """
    layout = as_layout(layout)
    if method not in _METHODS:
        c.refuse(
            "SYMO_E_NAME",
            f"estimate_probes: there is no method {method!r} (there are {', '.join(_METHODS)})",
        )
    views = _several(layout, probes, "probe")
    code = views[0][0][0].dtype if views and views[0][0] else c.F64
    plan = plan_of(layout, code, int(blocked), centered)
    return _of_pairs(layout, plan, probes, products, _METHODS.index(method))


def _of_pairs(layout, plan, probes, products, method):
    v, av = _several(layout, probes, "probe"), _several(layout, products, "product")
    if len(v) != len(av) or not v:
        c.refuse("SYMO_E_SHAPE", f"estimate_probes: {len(v)} probes and {len(av)} products")
    (a, alive), (b, also) = _array(v), _array(av)
    context = layout._context.pointer
    handle = c.make(
        lib.symo_estimate_probes,
        lib.symo_hessian_destroy,
        context,
        plan.pointer,
        method,
        len(v),
        a,
        b,
    )
    del alive, also
    return Hessian(handle, layout)


def _code(dtype):
    if dtype is None:
        return c.F64
    for code, name in c.NAMES.items():
        if isinstance(dtype, str) and dtype == name:
            return code
    for code, known in c.DTYPES.items():
        if np.dtype(dtype) == known:
            return code
    c.refuse("SYMO_E_DTYPE", f"dtype: is {dtype} (give float32 or float64)")
