"""How near estimates of a Hessian are to the matrix itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _library as c


class Comparison(dict):
    """Figures of each estimate, by name; ``print`` shows a table."""

    def __str__(self):
        columns = ("cosine_abs_hessian", "cosine_hessian", "rel_error_abs_hessian", "hvp_cosine")
        titles = ("cosine |H|", "cosine H", "rel. error", "product")
        width = max([len(name) for name in self] + [8])
        lines = [" " * width + "".join(f"{t:>12}" for t in titles)]
        for name, row in self.items():
            cells = (f"{row[k]:12.4f}" if k in row else f"{'-':>12}" for k in columns)
            lines.append(f"{name:{width}}" + "".join(cells))
        return "\n".join(lines)


def compare(hessian: Any, estimates: Any, *, probes: int = 16, seed: int = 0) -> Comparison:
    """Compares estimates of a Hessian with the matrix itself.

    Parameters
    ----------
    hessian : ndarray [P, P], or an object with ``matvec`` and ``shape``
        The exact matrix, as :func:`symo.torch.curvature` gives it; a :class:`Hessian` too.
        With a dense array |H| is known; otherwise the cosine of products with H is all there is.
    estimates : dict of str to Hessian, ndarray [P, P] or LinearOperator; or one of these
    probes : int
        Random directions for the cosine of products.
    seed : int

    Returns
    -------
    Comparison
        For each estimate: ``cosine_abs_hessian`` and ``cosine_hessian``, the cosines of the angles
        in the Frobenius norm between the estimate and |H| or H; ``rel_error_abs_hessian``, the
        relative distance to |H| after the best multiple; ``hvp_cosine``, the mean over random
        directions of the cosine between products with the estimate and with |H| (or H, if it is
        not dense).  As in `results.json` of ``symo compare``.

    Examples
    --------
    >>> import numpy as np, symo
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=(6, 6)); a = a @ a.T
    >>> made = symo.compare(a, {"itself": a, "diagonal": np.diag(np.diag(a))})
    >>> round(made["itself"]["cosine_hessian"], 6), made["diagonal"]["cosine_hessian"] < 1
    (1.0, True)
    """
    if not hasattr(estimates, "items"):
        estimates = {getattr(estimates, "name", "estimate"): estimates}
    dense = isinstance(hessian, np.ndarray)
    size = hessian.shape[0]
    target: Any = hessian
    absolute: Any = None
    if dense:
        target = np.asarray(hessian, "f8")
        if target.shape != (size, size):
            c.refuse("SYMO_E_SHAPE", f"compare: the Hessian has shape {target.shape}, no square")
        if not np.isfinite(target).all():
            c.refuse("SYMO_E_NONFINITE", "compare: the Hessian holds NaN or infinity")
        values, vectors = np.linalg.eigh((target + target.T) / 2)
        absolute = (vectors * np.abs(values)) @ vectors.T
    directions = np.random.default_rng(seed).normal(size=(size, probes))
    truth = absolute @ directions if dense else _products(hessian, directions)
    rows = Comparison()
    for name, estimate in estimates.items():
        if tuple(estimate.shape) != (size, size):
            c.refuse(
                "SYMO_E_SHAPE",
                f"compare: {name} has shape {tuple(estimate.shape)}, the Hessian {(size, size)}",
            )
        row = {"hvp_cosine": _mean_cosine(_products(estimate, directions), truth)}
        matrix = _matrix(estimate) if dense else None
        if matrix is not None:
            cosine = _cosine(matrix, absolute)
            row["cosine_abs_hessian"] = cosine
            row["cosine_hessian"] = _cosine(matrix, target)
            row["rel_error_abs_hessian"] = float(np.sqrt(np.maximum(0, 1 - cosine**2)))
        rows[name] = row
    return rows


def _matrix(estimate):
    if isinstance(estimate, np.ndarray):
        return np.asarray(estimate, "f8")
    return estimate.to_dense() if hasattr(estimate, "to_dense") else None


def _products(matrix, directions):
    if isinstance(matrix, np.ndarray):
        return matrix @ directions
    dtype = getattr(matrix, "dtype", None) or directions.dtype
    columns = [matrix.matvec(np.ascontiguousarray(d, dtype)) for d in directions.T]
    return np.stack(columns, 1).astype("f8")


def _cosine(a, b):
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return float(np.sum(a * b) / norms) if norms > 0 else float("nan")


def _mean_cosine(x, y):
    return float(np.mean([_cosine(a, b) for a, b in zip(x.T, y.T)]))
