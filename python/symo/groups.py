"""Groups in Python's own code, through the table of functions that the library calls."""

from __future__ import annotations

import ctypes
import itertools
from ctypes import POINTER, byref, c_double, c_int, c_size_t, c_void_p
from typing import Any, Callable, NamedTuple, Sequence

import numpy as np

from . import _library as c
from ._library import lib

_DOUBLES = POINTER(c_double)
_ACCEPT = ctypes.CFUNCTYPE(c_int, c_void_p, c_size_t)
_COUNT = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_size_t)
_IRREP = ctypes.CFUNCTYPE(None, c_void_p, c_size_t, c_size_t, POINTER(c.Irrep))
_TRANSFORM = ctypes.CFUNCTYPE(None, c_void_p, c_size_t, c_int, c_size_t, _DOUBLES, _DOUBLES)
_SAMPLE = ctypes.CFUNCTYPE(c_int, c_void_p, c_size_t, c_void_p, _DOUBLES)
_GENERATORS = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_size_t)
_DESTROY = ctypes.CFUNCTYPE(None, c_void_p)

# What the library may call, by the number that it knows it by, until it lets go of the group.
_ALIVE: dict[int, Any] = {}
_NUMBERS = itertools.count(1)


@_DESTROY
def _destroy(number):
    _ALIVE.pop(number, None)


class Irrep(NamedTuple):
    """An irrep of a group.

    Attributes
    ----------
    dim : int
        Its real dimension.
    multiplicity : int or (int, int)
        How often it occurs in R^d, and in R^d (x) R^d where the transform is of two axes.
    name : str
        Labels are named after irreps: all have different names, or none has one.
    type : {1, 2, 4}
        What commutes with it: real numbers, complex ones, quaternions.
    """

    dim: int
    multiplicity: Any
    name: str = ""
    type: int = 1


class Group:
    """A group by functions of your own: its irreps, and the transform to their coordinates.

    Give it to :class:`Layout` with its name in the layout: ``Layout("x: NAME 8; w[x,x]",
    groups=[group])``.  For a group by its generators see :func:`symo.group`, which needs no irreps.

    Parameters
    ----------
    name : str
    irreps : callable
        ``irreps(d)`` is the list of :class:`symo.Irrep`; the trivial one is first, with
        multiplicity 0 if it does not occur.
    analyze : callable
        ``analyze(x, axes)`` of an array [d, .., lanes] with one or two axes of d returns the
        coordinates [d**axes, lanes]: irrep after irrep, those of one [dim][multiplicity].  The
        group acts on the first of these by an orthogonal matrix that is the same for all copies.
    synthesize : callable
        ``synthesize(coordinates, axes)`` of [d**axes, lanes] is the transpose: [d, .., lanes].
    sample : callable, optional
        ``sample(d, seed)`` is a uniform random element, [d, d]: y = Q x.
    generators : callable, optional
        ``generators(d)`` is a list of permutations ([d] integers, y[image[i]] = x[i]) or orthogonal
        matrices [d, d]: for tensors with the space on more than `max_axes` axes.
    accept : callable, optional
        ``accept(d)`` says whether the group acts on R^d; without it, on every R^d.
    max_axes : {1, 2}
        For how many axes of one tensor the transform is defined.
    summary, exact : str
        What it is, and for which weights it is a symmetry.

    Notes
    -----
    The library checks the transform when a plan is made: orthogonal, the one the transpose of the
    other, equal on copies under samples.  What a function raises comes out of the call that led to
    it, whose results are then not to be used.  Functions may be called by several threads.

    Examples
    --------
    >>> import numpy as np, symo
    >>> def irreps(d):  # a pair of copies that may change places, y = (x[d/2:], x[:d/2])
    ...     return [symo.Irrep(1, d // 2, "even"), symo.Irrep(1, d // 2, "odd")]
    >>> def turn(x, axes):
    ...     a, b = np.split(x, 2)
    ...     return np.concatenate([a + b, a - b]) / np.sqrt(2)
    >>> pair = symo.Group("pair", irreps, turn, turn, accept=lambda d: d % 2 == 0)
    >>> layout = symo.Layout("x: pair 4; b[x]", groups=[pair])
    >>> h = symo.estimate(layout, np.array([1.0, 2, 3, 4]))
    >>> a = h.to_dense()
    >>> bool(np.allclose(a, np.roll(a, 2, (0, 1))))
    True
    """

    def __init__(
        self,
        name: str,
        irreps: Callable[[int], Sequence[Irrep]],
        analyze: Callable[[np.ndarray, int], np.ndarray],
        synthesize: Callable[[np.ndarray, int], np.ndarray],
        *,
        sample: Callable[[int, int], np.ndarray] | None = None,
        generators: Callable[[int], Sequence[Any]] | None = None,
        accept: Callable[[int], bool] | None = None,
        max_axes: int = 1,
        summary: str = "",
        exact: str = "",
    ) -> None:
        self.name = name
        self._given = (
            *(name, irreps, analyze, synthesize, sample, generators, accept, max_axes),
            *(summary, exact),
        )
        table = _Table(irreps, max_axes)
        number = next(_NUMBERS)
        ops = c.GroupOps(ctypes.sizeof(c.GroupOps), name.encode(), summary.encode(), exact.encode())
        setattr(ops, "self", number)
        ops.max_axes = max_axes
        slots = {
            "num_irreps": _COUNT(table.count),
            "irrep": _IRREP(table.irrep),
            "analyze": _TRANSFORM(_transform(analyze, True)),
            "synthesize": _TRANSFORM(_transform(synthesize, False)),
            "accept": accept and _ACCEPT(_accept(accept)),
            "sample": sample and _SAMPLE(_sample(sample)),
            "generators": generators and _GENERATORS(_Generators(generators)),
            "destroy": _destroy,
        }
        for slot, function in slots.items():
            setattr(ops, slot, ctypes.cast(function, c_void_p) if function else None)
        context = self._context = c.new_context()
        _ALIVE[number] = slots
        try:
            self._handle = c.make(
                lib.symo_group_from_ops,
                lib.symo_group_destroy,
                context.pointer,
                context.pointer,
                byref(ops),
            )
        except c.Error:
            _ALIVE.pop(number, None)
            raise
        self._pointer = self._handle.pointer

    def __reduce__(self):
        return (_again, self._given)

    def __repr__(self):
        return f"<symo.Group {self.name!r}>"


def _again(name, irreps, analyze, synthesize, sample, generators, accept, max_axes, summary, exact):
    return Group(
        name,
        irreps,
        analyze,
        synthesize,
        sample=sample,
        generators=generators,
        accept=accept,
        max_axes=max_axes,
        summary=summary,
        exact=exact,
    )


def _guarded(call, failed):
    """What the call returns; where it raises, that is kept for the caller of the library."""
    try:
        return call()
    except BaseException as error:  # goes on when the library has returned
        c.keep(error)
        return failed


def _array(pointer, shape):
    return np.ctypeslib.as_array(pointer, shape)


class _Table:
    """The irreps, which the library asks for one at a time."""

    def __init__(self, irreps, max_axes):
        self.irreps, self.max_axes, self.known = irreps, max_axes, {}

    def of(self, d):
        if d not in self.known:
            self.known[d] = [Irrep(*row) for row in self.irreps(d)]
        return self.known[d]

    def count(self, _, d):
        return _guarded(lambda: len(self.of(d)), 0)

    def irrep(self, _, d, index, out):
        def fill():
            row, to = self.of(d)[index], out.contents
            many = np.broadcast_to(row.multiplicity, (self.max_axes,))
            to.name, to.dim, to.type = row.name.encode(), row.dim, int(row.type)
            to.multiplicity[1] = int(many[0])
            to.multiplicity[2] = int(many[1]) if self.max_axes > 1 else 0

        _guarded(fill, None)


def _accept(accept):
    def call(_, d):
        return _guarded(lambda: 0 if accept(d) else c.STATUS["SYMO_E_SHAPE"],
                        c.STATUS["SYMO_E_UNSUPPORTED"])  # fmt: skip

    return call


def _transform(function, analyze):
    def call(_, d, axes, lanes, x, out):
        flat, tensor = (d**axes, lanes), (d,) * axes + (lanes,)
        to = _array(out, flat)
        to[...] = 0

        def fill():
            given = _array(x, flat).copy()
            made = np.asarray(function(given.reshape(tensor) if analyze else given, axes), "f8")
            if made.shape not in (flat, tensor):
                c.refuse(
                    "SYMO_E_SHAPE",
                    f"group: {'analyze' if analyze else 'synthesize'} gave {made.shape}, not "
                    f"{flat if analyze else tensor}",
                )
            to[...] = made.reshape(flat)

        _guarded(fill, None)

    return call


def _sample(sample):
    def call(_, d, rng, q):
        def fill():
            seed = lib.symo_rng_below(rng, 2**63)
            _array(q, (d, d))[...] = np.asarray(sample(d, seed), "f8").reshape(d, d)
            return 0

        return _guarded(fill, c.STATUS["SYMO_E_UNSUPPORTED"])

    return call


class _Generators:
    """Generators as the library reads them, kept as long as the group."""

    def __init__(self, generators):
        self.generators, self.known = generators, {}

    def __call__(self, _, d):
        return _guarded(lambda: self.of(d), None)

    def of(self, d):
        if d not in self.known:
            given = [np.asarray(x) for x in self.generators(d)]
            wrong = [x.shape for x in given if x.shape not in ((d,), (d, d))]
            if wrong:
                c.refuse("SYMO_E_SHAPE", f"group: a generator of R^{d} has shape {wrong[0]}")
            moves = np.array([x for x in given if x.ndim == 1], np.uintp).reshape(-1, d)
            matrices = np.array([x for x in given if x.ndim == 2], "f8").reshape(-1, d, d)
            made = c.Generators(d, len(moves), len(matrices), 0)
            made.permutations, made.matrices = moves.ctypes.data, matrices.ctypes.data
            self.known[d] = made, moves, matrices
        return ctypes.addressof(self.known[d][0])
