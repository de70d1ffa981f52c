"""Curvature for neural networks from weight-space symmetry: libsymo from Python.

``symo.Layout`` says what the tensors are.  ``symo.estimate`` turns a gradient into a
``symo.Hessian``, ``symo.estimate_products`` products with a matrix into a ``symo.LowRank``, and
``symo.Factors`` is K-FAC.  ``symo.Optimizer`` takes steps on numpy arrays, ``symo.torch.Symo`` is
an optimizer of PyTorch (``import symo.torch``), ``symo.optax.symo`` one of jax.
"""

from ._library import Error, build_info, get_threads, set_threads, version
from ._compare import Comparison, compare
from ._operator import Function
from .factors import Factors
from .groups import Group, Irrep
from .hessian import Hessian, estimate, estimators
from .layout import Layout, group
from .lowrank import LowRank, estimate_probes, estimate_products, load
from .optim import Optimizer, Report, presets
from ._verify import Verification, verify

__version__ = version()
__all__ = [
    "Comparison",
    "Error",
    "Factors",
    "Function",
    "Group",
    "Hessian",
    "Irrep",
    "Layout",
    "LowRank",
    "Optimizer",
    "Report",
    "Verification",
    "build_info",
    "compare",
    "estimate",
    "estimate_probes",
    "estimate_products",
    "estimators",
    "get_threads",
    "group",
    "load",
    "presets",
    "set_threads",
    "verify",
    "version",
]
