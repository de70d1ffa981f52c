"""Curvature for neural networks from weight-space symmetry: libsymo from Python.

``symo.Layout`` says what the tensors are, ``symo.estimate`` turns a gradient into a
``symo.Hessian``, ``symo.Optimizer`` takes steps on numpy arrays, and ``symo.torch.Symo`` is an
optimizer of PyTorch (``import symo.torch``).
"""

from ._library import Error, build_info, get_threads, set_threads, version
from ._compare import Comparison, compare
from .hessian import Hessian, estimate, estimators, load
from .layout import Layout, group
from .optim import Optimizer, Report, presets
from ._verify import Verification, verify

__version__ = version()
__all__ = [
    "Comparison",
    "Error",
    "Hessian",
    "Layout",
    "Optimizer",
    "Report",
    "Verification",
    "build_info",
    "compare",
    "estimate",
    "estimators",
    "get_threads",
    "group",
    "load",
    "presets",
    "set_threads",
    "verify",
    "version",
]
