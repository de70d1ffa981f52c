"""Whether the group of a layout is a symmetry of a loss, measured."""

from __future__ import annotations

import ctypes
import operator
from ctypes import POINTER, byref, c_double, c_int, c_void_p
from typing import Callable

import numpy as np

from . import _library as c
from ._library import lib
from .layout import Layout, as_layout, flat_copy

_GRADIENT = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, POINTER(c_double), c_void_p)

_VERDICTS = ("exact", "approximate", "cannot tell", "wrong")


class Verification:
    """What :func:`verify` measured.

    Attributes
    ----------
    verdict : str
        The worst of the rows: ``"exact"``, ``"approximate"``, ``"cannot tell"`` or ``"wrong"``.
    rows : list of dict
        For each space with a group, and for all together: ``space``, ``group``, ``verdict``, the
        relative defects of ``loss`` and ``gradient`` over the sample, the ``defect`` that decides,
        that at other weights (``elsewhere``), and the ``tensor`` where it is largest.
    loss, gradient : float
        The loss and the norm of its gradient at the parameters.
    """

    def __init__(self, rows, loss, gradient):
        self.rows, self.loss, self.gradient = rows, loss, gradient
        known = [_VERDICTS.index(row["verdict"]) for row in rows]
        self.verdict = _VERDICTS[max(known, default=0)]

    def __bool__(self):
        return self.verdict == "exact"

    def __str__(self):
        if not self.rows:
            return "no space has a group but the identity"
        width = max(len(row["space"]) for row in self.rows)
        lines = []
        for row in self.rows:
            where = f", in {row['tensor']}" if row["verdict"] != "exact" else ""
            if row["verdict"] == "cannot tell":
                where = f", and {row['elsewhere']:.2g} at other weights"
            lines.append(
                f"{row['space']:{width}}  {row['verdict']:11}  defect {row['defect']:.2g}{where}"
                f"  ({row['group']})"
            )
        return "\n".join(lines)

    __repr__ = __str__


def verify(
    layout: c.LayoutLike,
    gradient: Callable[[c.Arrays], tuple[float, c.Arrays]],
    params: c.Arrays,
    *,
    samples: int = 8,
    seed: int = 0,
    exact: float = 0.0,
    approximate: float = 0.3,
) -> Verification:
    """Measures whether the group of a layout is a symmetry of a loss.

    Random elements of the group of each space, and of all spaces together, move the parameters; the
    loss has to stay, and its gradient to move along (docs/mathematics.md).

    Parameters
    ----------
    layout : Layout, str, os.PathLike or dict
        An :class:`symo.torch.InferredLayout` too: copies of spaces that change places together are
        moved together then.
    gradient : callable
        ``gradient(params)`` returns the loss, a number, and its gradient in the form of `params`.
    params : ndarray [num_parameters], dict or list of arrays
        Where to measure, float64 if it is to tell exact from nearly so.
    samples : int
        Elements for each space.
    seed : int
    exact : float
        Bound of the defect for ``"exact"``; 0: 1e-9 in float64, 1e-4 in float32.
    approximate : float
        Bound for ``"approximate"``.

    Returns
    -------
    Verification
        It is true where every claim is exact.

    Examples
    --------
    >>> import numpy as np, symo
    >>> def gradient(p):  # |w x|^2 keeps under rotations of the rows, not under rescaling
    ...     y = p["w"] @ np.arange(3.0)
    ...     return y @ y, {"w": 2 * np.outer(y, np.arange(3.0))}
    >>> w = {"w": np.random.default_rng(0).normal(size=(4, 3))}
    >>> symo.verify("in: identity 3; h: orthogonal 4; w[h,in]", gradient, w).verdict
    'exact'
    >>> symo.verify("in: permutation 3; h: orthogonal 4; w[h,in]", gradient, w).verdict
    'wrong'
    """
    found = getattr(layout, "found", [])
    layout = as_layout(layout)
    views = layout._views(params, "params")
    theta = flat_copy(layout, params, c.DTYPES[views[0].dtype] if views else np.dtype("f8"))
    problem = _Callback(layout, gradient, params)
    apart, ties = _apart(layout, found)
    samples = c.count(samples, "verify: samples")
    options = dict(samples=samples, exact=exact, approximate=approximate)
    rows, loss, norm, bounds = _measure(apart, problem, theta, seed, options)
    for row in rows:
        if row["space"] in layout.spaces:
            row["group"] = _group_text(layout, row["space"])
    rng = np.random.default_rng(seed)
    joint = [row for row in rows if row["space"] == "all together"]
    rows = [row for row in rows if row["space"] != "all together"]
    rows += [_exchange(layout, problem, theta, names, rng, samples, bounds) for names in ties]
    return Verification(rows + joint, loss, norm)


class _Callback:
    """The loss and gradient of the caller, on flat arrays."""

    def __init__(self, layout, gradient, form):
        self.layout, self.gradient, self.form = layout, gradient, form

    def __call__(self, flat):
        given = flat if isinstance(self.form, np.ndarray) else self.layout._form(flat, self.form)
        loss, grad = self.gradient(given)
        views = self.layout._views(grad, "gradient")
        code = {value: key for key, value in c.DTYPES.items()}[flat.dtype]
        if any(v.dtype != code for v in views):
            c.refuse(
                "SYMO_E_DTYPE", f"verify: the gradient is not {c.NAMES[code]} as the parameters are"
            )
        return float(loss), flat_copy(self.layout, grad, flat.dtype)

    def problem(self, dtype):
        size, code = self.layout.num_parameters, {v: k for k, v in c.DTYPES.items()}[dtype]
        kind = ctypes.c_float if code == c.F32 else c_double

        @_GRADIENT
        def call(_, theta, loss, grad):
            try:
                at = np.ctypeslib.as_array(ctypes.cast(theta, POINTER(kind)), (size,)).copy()
                value, made = self(at)
                if loss:
                    loss[0] = value
                np.ctypeslib.as_array(ctypes.cast(grad, POINTER(kind)), (size,))[:] = made
                return 0
            except BaseException as error:  # goes on when the library has returned
                c.keep(error)
                return c.STATUS["SYMO_E_UNSUPPORTED"]

        made = c.Problem(b"the loss", size, code)
        made.gradient = ctypes.cast(call, c_void_p).value
        return made, call


def _measure(layout, callback, theta, seed, options):
    context = layout._context.pointer
    rng = c.make(lib.symo_rng_create, lib.symo_rng_destroy, context, context, operator.index(seed))
    problem, alive = callback.problem(theta.dtype)
    spec = c.SymmetrySpec(options["samples"], options["exact"], options["approximate"])
    out = c_void_p()
    status = lib.symo_symmetry_measure(
        byref(problem), layout._pointer, theta.ctypes.data, rng.pointer, byref(spec), byref(out)
    )
    del alive
    c.check(status, context)
    try:
        report = ctypes.cast(out, POINTER(c.SymmetryReport)).contents
        names, tensors = list(layout.spaces), list(layout.tensors)
        rows = []
        for i in range(report.num_rows):
            row = report.rows[i]
            joint = row.space >= len(names)
            rows.append(
                {
                    "space": "all together" if joint else names[row.space],
                    "group": "" if joint else layout.spaces[names[row.space]][0],
                    "verdict": _VERDICTS[row.verdict],
                    "loss": row.loss,
                    "gradient": row.gradient,
                    "defect": row.defect,
                    "elsewhere": row.elsewhere,
                    "tensor": tensors[row.tensor],
                }
            )
        bounds = (report.exact, report.approximate)
        return rows, report.loss, report.gradient, bounds
    finally:
        lib.symo_symmetry_destroy(out)


def _group_text(layout, space):
    group = layout.to_dict()["spaces"][space]
    return f"wreath of {group['copies']}" if group["group"] == "wreath" else group["group"]


# ---- copies that change places together ----


def _apart(layout, found):
    """The layout with such copies in their places, and the sets of spaces that are tied."""
    known = {s["name"]: s for s in found}
    text, ties = layout.to_dict(), []
    for name, space in text["spaces"].items():
        together = [other for other in known.get(name, {}).get("together", [])]
        if not together or space["group"] != "wreath":
            continue
        tie = {name, *together}
        if tie not in ties:
            ties.append(tie)
        text["spaces"][name] = {"group": "sum", "parts": [space["inner"]] * space["copies"]}
    return (Layout(text, layout.groups), ties) if ties else (layout, [])


def _move(layout, flat, names, order):
    """The vector with the copies of these spaces in another order."""
    out = np.empty_like(flat)
    axes = {t["name"]: t["axes"] for t in layout.to_dict()["tensors"]}
    to = layout.split(out)
    for name, x in layout.split(flat).items():
        for a, axis in enumerate(axes[name]):
            if axis.rstrip("*") in names:
                d = x.shape[a]
                index = np.arange(d).reshape(len(order), -1)[order].reshape(-1)
                x = np.take(x, index, a)
        to[name][...] = x
    return out


def _exchange(layout, callback, theta, names, rng, samples, bounds):
    spaces = layout.to_dict()["spaces"]
    copies = spaces[next(iter(names))]["copies"]
    loss, grad = callback(theta)
    worst = {"loss": 0.0, "gradient": 0.0}
    for _ in range(samples):
        order = rng.permutation(copies)
        value, moved = callback(_move(layout, theta, names, order))
        expected = _move(layout, grad, names, order)
        scale = np.linalg.norm(expected) or 1.0
        worst["loss"] = max(worst["loss"], abs(value - loss) / (abs(loss) or 1.0))
        worst["gradient"] = max(worst["gradient"], np.linalg.norm(moved - expected) / scale)
    defect = max(worst.values())
    verdict = 0 if defect <= bounds[0] else 1 if defect <= bounds[1] else 3
    return {
        "space": " ".join(sorted(names)),
        "group": "copies change places together",
        "verdict": _VERDICTS[verdict],
        **worst,
        "defect": defect,
        "elsewhere": 0.0,
        "tensor": next(iter(layout.tensors)),
    }
