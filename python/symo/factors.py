"""K-FAC: a Kronecker product for the weight and the bias of each layer, from layer statistics."""

from __future__ import annotations

import ctypes
import json
import os
import struct
from ctypes import byref, c_double, c_void_p
from typing import Any, Mapping, NamedTuple

import numpy as np

from . import _library as c
from ._library import lib
from ._operator import Function, Matrix, rng_of
from .layout import as_layout
from .lowrank import Seed

_DAMPINGS = ("exact", "factored", "plain")
_NONE = ctypes.c_size_t(-1).value


class Factors(Matrix):
    """K-FAC as a matrix over all parameters: G (x) A for each layer, a diagonal for the rest.

    It is a ``scipy.sparse.linalg.LinearOperator`` where scipy is installed.  Vectors are flat
    arrays [num_parameters], dicts of arrays by name, or lists in the order of the layout; the
    library computes in float64, and results have number type and form of what was given.

    Parameters
    ----------
    layout : Layout, str, os.PathLike or dict
        What the tensors are; their groups do not matter here.
    sites : dict of str to tuple or dict
        For the name of each weight [outputs, inputs] (of a convolution [outputs, ..], row-major)
        its factors ``(A, G)`` or ``(A, G, bias)``, or a dict with these keys, ``table`` and
        ``moments``:

        - A, [m, m]: the mean of a a' over inputs a; m = inputs + 1 where there is a bias, whose
          input 1 is the last.  Of a table (an embedding, whose weight is [inputs, outputs])
          [inputs]: how often each row is used.
        - G, [outputs, outputs]: the mean of d d' over derivatives d by the outputs.
        - bias: the name of the bias.
        - moments, [outputs, m]: see :meth:`corrected`.
    diagonal : as vectors, optional
        Entries of the parameters of no site; zero without it.

    Attributes
    ----------
    layout : Layout
    sites : dict of str to Site
        Outputs, inputs (with the one of the bias), bias and whether it is a table.
    dtype, shape

    Examples
    --------
    >>> import numpy as np, symo
    >>> a, g = np.diag([1.0, 2, 1]), np.diag([3.0, 4])
    >>> f = symo.Factors("i: identity 2; o: identity 2; w[o,i] b[o]", {"w": (a, g, "b")})
    >>> f.diagonal()
    array([3., 6., 4., 8., 3., 4.])
    >>> y = f.solve({"w": np.ones((2, 2)), "b": np.ones(2)}, damping=1.0)
    >>> float(y["b"][1])
    0.2
    """

    name = "K-FAC"

    def __init__(
        self, layout: c.LayoutLike, sites: Mapping[str, Any], diagonal: c.Arrays | None = None
    ) -> None:
        layout = as_layout(layout)
        given = {weight: _given(weight, factors) for weight, factors in sites.items()}
        self._create(layout, {w: site_of(layout, w, f) for w, f in given.items()})
        for i, (weight, factors) in enumerate(given.items()):
            sums = _means(weight, self.sites[weight], factors["A"], factors["G"])
            self._set(lib.symo_kfac_set, i, sums)
        moments = {w: f["moments"] for w, f in given.items() if f.get("moments") is not None}
        self._set_moments(moments)
        if diagonal is not None:
            flat = np.ascontiguousarray(_gather(layout, diagonal))
            c.check(lib.symo_kfac_set_diagonal(self._pointer, flat.ctypes.data), self._context)

    @classmethod
    def _of_sums(cls, layout, sites, sums, diagonal):
        made = cls.__new__(cls)
        made._create(layout, sites)
        made._set_sums(sums)
        c.check(lib.symo_kfac_set_diagonal(made._pointer, diagonal.ctypes.data), made._context)
        return made

    def _set_sums(self, sums):
        for weight, one in sums.items():
            moments = one.moments is not None
            function = lib.symo_kfac_set_moments if moments else lib.symo_kfac_set
            self._set(function, self._number(weight), one)

    def _create(self, layout, sites):
        self._context, self.sites = layout._context.pointer, sites
        starts = {name: part.start for name, part in zip(layout.tensors, layout._slices)}
        raw = (c.FactorSite * len(sites))()
        for at, (weight, site) in zip(raw, sites.items()):
            at.weight, at.outputs, at.table = starts[weight], site.outputs, site.table
            at.inputs = site.inputs - (site.bias is not None)
            at.bias = _NONE if site.bias is None else starts[site.bias]
        self._handle = c.make(
            lib.symo_kfac_create,
            lib.symo_kfac_destroy,
            self._context,
            self._context,
            layout.num_parameters,
            len(sites),
            raw,
        )
        self._pointer = self._handle.pointer
        self._start(layout, "f8")

    def _set(self, function, i, sums):
        c.check(function(self._pointer, i, byref(sums.struct)), self._context)

    def _set_moments(self, moments):
        for weight, array in moments.items():
            i, site = self._number(weight), self.sites[weight]
            sums = Sums(site, moments=True)
            array = np.asarray(array, "f8")
            if array.shape != sums.moments.shape:
                c.refuse(
                    "SYMO_E_SHAPE",
                    f"factors: moments of {weight} have shape {array.shape}, not "
                    f"{sums.moments.shape}",
                )
            sums.moments[...] = array
            sums.struct.output_count = 1
            self._set(lib.symo_kfac_set_moments, i, sums)

    def _number(self, weight):
        if weight not in self.sites:
            known = ", ".join(self.sites)
            c.refuse("SYMO_E_NAME", f"factors: {weight} is the weight of no site ({known} are)")
        return list(self.sites).index(weight)

    def _call(self, function, x, *arguments):
        flat = np.ascontiguousarray(_gather(self.layout, x))
        y = np.empty_like(flat)
        c.check(function(self._pointer, *arguments, flat.ctypes.data, y.ctypes.data), self._context)
        return _scatter(self.layout, y, x)

    def _product(self, x):
        return self._call(lib.symo_kfac_matvec, x)

    # ---- functions of the matrix ----

    def solve(self, x: c.Arrays, damping: float = 0.0, how: str = "exact") -> c.Arrays:
        """(A, damped)^-1 x; zero where that has eigenvalue zero.

        Parameters
        ----------
        x : as vectors
        damping : float
        how : {"exact", "factored", "plain"}
            Where it is added: to the block, G (x) A + damping I, in the eigenbasis; or to the
            factors, by roots in the ratio of their mean eigenvalues, or in equal parts.

        Returns
        -------
        as `x`
        """
        return self._call(lib.symo_kfac_power, x, -1.0, _how(how), float(damping))

    def power(self, p: float, damping: float = 0.0, how: str = "exact") -> Function:
        """(A, damped)^p, by its products and as a dense matrix.

        `damping` and `how` are those of :meth:`solve`, here and below.
        """
        p, damping, mode = float(p), float(damping), _how(how)

        def dense():
            out = np.empty(self.shape)
            address = out.ctypes.data
            c.check(lib.symo_kfac_dense(self._pointer, p, mode, damping, address), self._context)
            return out

        return Function(
            self,
            f"(K-FAC + {damping:g})^{p:g}",
            lambda x: self._call(lib.symo_kfac_power, x, p, mode, damping),
            dense,
        )

    def sqrt(self, damping: float = 0.0, how: str = "exact") -> Function:
        """(A, damped)^(1/2); `damping` and `how` as in :meth:`solve`."""
        return self.power(0.5, damping, how)

    def invsqrt(self, damping: float = 0.0, how: str = "exact") -> Function:
        """(A, damped)^(-1/2); `damping` and `how` as in :meth:`solve`."""
        return self.power(-0.5, damping, how)

    def trace(self) -> float:
        """The sum of the eigenvalues, without damping."""
        return lib.symo_kfac_trace(self._pointer)

    def logdet(self, damping: float = 0.0, how: str = "exact") -> float:
        """log det of A, damped; an Error, SYMO_SINGULAR, if an eigenvalue is zero.

        `damping` and `how` are those of :meth:`solve`.
        """
        out = c_double()
        status = lib.symo_kfac_logdet(self._pointer, _how(how), float(damping), byref(out))
        c.check(status, self._context)
        return out.value

    def eigvals(self) -> np.ndarray:
        """All eigenvalues, ndarray of float64 [num_parameters], ascending."""
        out = np.empty(self.shape[0])
        c.check(lib.symo_kfac_eigenvalues(self._pointer, out.ctypes.data), self._context)
        return np.sort(out)

    def to_dense(self) -> np.ndarray:
        """The whole matrix, [P, P] float64."""
        return self.power(1.0).to_dense()

    def diagonal(self) -> np.ndarray:
        """The diagonal, a flat array [num_parameters], by as many products."""
        return np.array([self._product(unit)[i] for i, unit in enumerate(np.eye(self.shape[0]))])

    def sample(self, seed: Seed, damping: float = 0.0, how: str = "exact") -> np.ndarray:
        """A sample of N(0, (A, damped)^-1), a flat array [num_parameters].

        Equal values of `seed` give equal samples; a ``numpy.random.Generator`` gives the seed.
        `damping` and `how` are those of :meth:`solve`.
        """
        out, rng = np.empty(self.shape[0]), rng_of(seed, self._context)
        status = lib.symo_kfac_sample(
            self._pointer, _how(how), float(damping), rng.pointer, out.ctypes.data
        )
        c.check(status, self._context)
        return out

    # ---- other factors ----

    def basis(self, weight: str) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvectors of A [m, m] and of G [outputs, outputs] of the site of `weight`, in rows.

        Of a table, whose A is diagonal, those of A are the identity.
        """
        inputs, outputs = c_void_p(), c_void_p()
        status = lib.symo_kfac_basis(
            self._pointer, self._number(weight), byref(inputs), byref(outputs)
        )
        c.check(status, self._context)
        site = self.sites[weight]
        return _square(inputs, site.inputs), _square(outputs, site.outputs)

    def corrected(self, moments: Mapping[str, Any]) -> Factors:
        """With other eigenvalues in the eigenbases of these factors (EKFAC).

        Parameters
        ----------
        moments : dict of str to ndarray [outputs, m]
            For weights: the mean over examples of the squared entries of V_G D V_A', with D
            [outputs, m] the gradient of an example and the bases of :meth:`basis`.

        Returns
        -------
        Factors
        """
        made = self._twin()
        made._set_moments(moments)
        return made

    def truncated(self, rank: float, share: float = 1.0) -> Factors:
        """With the leading eigenpairs of each factor, and for the others their mean.

        Parameters
        ----------
        rank : float
            So many of each factor (1 or more), or that share of its side (below 1).
        share : float
            No more of them than make up this share of the trace.

        Returns
        -------
        Factors
        """
        made = self._twin()
        status = lib.symo_kfac_truncate(made._pointer, float(rank), float(share))
        c.check(status, made._context)
        return made

    @property
    def stored(self) -> float:
        """How many numbers it takes to store."""
        return lib.symo_kfac_stored(self._pointer)

    # ---- files ----

    def save(self, path: c.Path) -> None:
        """Writes a safetensors file; :meth:`load` reads the same bits."""
        c.check(lib.symo_kfac_write(self._pointer, os.fsencode(path)), self._context)

    @classmethod
    def load(cls, path: c.Path, layout: c.LayoutLike) -> Factors:
        """Reads a file that :meth:`save` or the library wrote.

        Parameters
        ----------
        path : str or os.PathLike
        layout : Layout, str, os.PathLike or dict
            The file has places in a flat vector; the tensors there give them names.

        Returns
        -------
        Factors
        """
        layout, path = as_layout(layout), os.fspath(path)
        context = layout._context.pointer
        handle = c.make(
            lib.symo_kfac_read, lib.symo_kfac_destroy, context, context, os.fsencode(path)
        )
        size = lib.symo_kfac_size(handle.pointer)
        if size != layout.num_parameters:
            c.refuse(
                "SYMO_E_SHAPE",
                f"factors: {path} is of {size} parameters, the layout has {layout.num_parameters}",
            )
        made = cls.__new__(cls)
        made._context, made._handle, made._pointer = context, handle, handle.pointer
        made.sites = _sites_of_file(path, layout)
        made._start(layout, "f8")
        return made

    def _twin(self):
        return _from_bytes(*self.__reduce__()[1])

    def __reduce__(self):
        data = c.to_bytes(lib.symo_kfac_write, self._context, self._pointer)
        return (_from_bytes, (data, self.layout))


def _from_bytes(data, layout):
    return c.from_bytes(data, lambda path: Factors.load(os.fsdecode(path), layout))


def _sites_of_file(path, layout):
    """The sites of a file that the library has read, by the tensors where they begin."""
    names = {part.start: name for name, part in zip(layout.tensors, layout._slices)}
    sizes = {name: part.stop - part.start for name, part in zip(layout.tensors, layout._slices)}
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        entries = json.loads(file.read(length))
        sites = {}
        for i in range(int(entries["__metadata__"]["sites"])):
            file.seek(8 + length + entries[f"{i}.site"]["data_offsets"][0])
            weight, bias, outputs, inputs, table, _ = map(int, np.frombuffer(file.read(48), "<f8"))
            known = names.get(weight), names.get(bias)
            if (
                sizes.get(known[0]) != outputs * inputs
                or (bias >= 0) != (known[1] is not None)
                or (bias >= 0 and sizes[known[1]] != outputs)
            ):
                c.refuse("SYMO_E_SHAPE", f"factors: site {i} of {path} is no tensor of the layout")
            sites[known[0]] = Site(outputs, inputs + (bias >= 0), known[1], bool(table))
    return sites


class Site(NamedTuple):
    """A layer: its outputs, its inputs with the one of the bias, and the name of that."""

    outputs: int
    inputs: int
    bias: str | None
    table: bool


class Sums:
    """The statistics of a site, which the library adds to; all of it in float64."""

    def __init__(self, site, sharing=0, moments=False, bases=(None, None)):
        self.site, m = site, site.inputs
        made = self.struct = c.FactorSums()
        made.dtype, made.sharing, made.bias = c.F64, sharing, site.bias is not None
        self.inputs = self.outputs = self.moments = None
        if moments:
            self.moments = np.zeros((site.outputs, m))
            made.moments = self.moments.ctypes.data
            self.bases = [None if b is None else np.ascontiguousarray(b, "f8") for b in bases]
            made.input_basis, made.output_basis = (
                None if b is None else b.ctypes.data for b in self.bases
            )
        else:
            self.inputs = np.zeros(m if site.table else (m, m))
            self.outputs = np.zeros((site.outputs, site.outputs))
            made.inputs, made.outputs = self.inputs.ctypes.data, self.outputs.ctypes.data

    def add(self, context, rows, outputs, examples, known, counted):
        """Adds pairs of inputs [examples * repeats, ..], or indices of a table, and outputs."""
        raw = c.FactorSite(0, _NONE, self.site.outputs, self.site.inputs, self.site.table)
        if self.site.bias is not None:
            raw.bias, raw.inputs = 0, self.site.inputs - 1
        given = c.FactorRows(examples, len(outputs) // examples, False)
        rows = np.ascontiguousarray(rows, np.uint32 if self.site.table else "f8")
        outputs = np.ascontiguousarray(outputs, "f8")
        given.indices = rows.ctypes.data if self.site.table else None
        given.inputs = None if self.site.table else rows.ctypes.data
        given.outputs, given.known, given.counted = outputs.ctypes.data, known, counted
        status = lib.symo_factor_sums_add(context, byref(raw), byref(self.struct), byref(given))
        c.check(status, context)


def _square(address, n):
    if not address:
        return np.eye(n)
    return np.frombuffer(ctypes.string_at(address, n * n * 8)).reshape(n, n)


def _means(weight, site, a, g):
    """Sums over one, of factors that are means."""
    sums = Sums(site)
    for name, array, to in (("A", a, sums.inputs), ("G", g, sums.outputs)):
        array = np.asarray(array, "f8")
        if array.shape != to.shape:
            c.refuse(
                "SYMO_E_SHAPE",
                f"factors: {name} of {weight} has shape {array.shape}, not {to.shape}",
            )
        tilt = _largest(array - array.T) if to.ndim == 2 else 0.0  # NaN: the library refuses it
        if tilt > 1e-6 * _largest(array):
            c.refuse("SYMO_E_ARGUMENT", f"factors: {name} of {weight} is not symmetric")
        to[...] = (array + array.T) / 2 if to.ndim == 2 else array
    sums.struct.input_count = sums.struct.output_count = 1
    return sums


def _largest(array):
    return np.max(np.abs(array), initial=0.0)


def _given(weight, factors):
    """Factors as a dict."""
    if not hasattr(factors, "keys"):
        if not isinstance(factors, (tuple, list)) or len(factors) > 3:
            c.refuse(
                "SYMO_E_ARGUMENT", f"factors: {weight}: give (A, G), (A, G, bias) or a dict of them"
            )
        factors = dict(zip(("A", "G", "bias"), factors))
    wrong = set(factors) - {"A", "G", "bias", "table", "moments"}
    if wrong or not {"A", "G"} <= set(factors):
        c.refuse(
            "SYMO_E_ARGUMENT",
            f"factors: {weight} has {', '.join(sorted(map(str, factors))) or 'nothing'} (A and G "
            "are needed; bias, table and moments may be there)",
        )
    return dict(factors)


def site_of(layout, weight, factors):
    """The site of a weight; its outputs are the side of G."""
    bias, table = factors.get("bias"), bool(factors.get("table"))
    if bias is not None and not isinstance(bias, str):
        c.refuse("SYMO_E_ARGUMENT", f"factors: bias of {weight} is no name of a tensor")
    for name in (weight,) if bias is None else (weight, bias):
        if name not in layout.tensors:
            c.refuse("SYMO_E_NAME", f"factors: the layout has no tensor {name}")
    size = int(np.prod(layout.tensors[weight]))
    outputs = int(np.shape(factors["G"])[0]) if np.ndim(factors["G"]) == 2 else 0
    if outputs == 0 or size % outputs:
        c.refuse(
            "SYMO_E_SHAPE",
            f"factors: G of {weight} has shape {np.shape(factors['G'])}, which does not fit a "
            f"weight of shape {layout.tensors[weight]}",
        )
    if bias is not None and int(np.prod(layout.tensors[bias])) != outputs:
        c.refuse(
            "SYMO_E_SHAPE", f"factors: {bias} has not the {outputs} numbers of a bias of {weight}"
        )
    return Site(outputs, size // outputs + (bias is not None), bias, table)


def _how(how):
    if how not in _DAMPINGS:
        c.refuse(
            "SYMO_E_NAME",
            f"factors: there is no damping {how!r} (there are {', '.join(_DAMPINGS)})",
        )
    return _DAMPINGS.index(how)


def _gather(layout, arrays):
    """All tensors as one float64 array; views are looked at as everywhere."""
    layout._views(arrays, "x")
    if isinstance(arrays, np.ndarray):
        return arrays.astype("f8")
    parts = [arrays[n] for n in layout.tensors] if hasattr(arrays, "keys") else arrays
    parts = [np.asarray(p.detach() if hasattr(p, "detach") else p, "f8").ravel() for p in parts]
    return np.concatenate(parts) if parts else np.empty(0)


def _scatter(layout, flat, like):
    """A flat array in number type and form of `like`."""
    views = layout._views(like, "x")
    flat = flat.astype(c.DTYPES[views[0].dtype]) if views else flat
    return flat if isinstance(like, np.ndarray) else layout._form(flat, like)
