"""Symo, and every other preset of the library, as an optimizer of PyTorch.

Importing this module imports torch.
"""

from __future__ import annotations

import copy
import ctypes
import inspect
import operator
import os
import sys
import warnings
from typing import Any, Callable

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree

from . import _curvature, _kfac
from . import _library as c
from ._inference import InferredLayout, hidden_group, infer, is_pointwise
from ._trace import clean, numel
from .factors import Factors
from .hessian import Hessian
from .layout import Layout
from .lowrank import LowRank
from .optim import Optimizer, Report, setting_text
from ._verify import Verification
from ._verify import verify as measure

__all__ = [
    "InferredLayout",
    "Symo",
    "curvature",
    "hessian_estimate",
    "infer_layout",
    "kfac",
    "verify",
]

increment_version: Any = None
try:
    from torch.autograd.graph import increment_version
except ImportError:  # torch before 2.1
    pass


def _written(tensors):
    """Tells autograd that the numbers of these are others."""
    if increment_version is None:
        return
    try:
        increment_version(tensors)
    except (AttributeError, TypeError):  # torch before 2.6: one at a time
        for tensor in tensors:
            increment_version(tensor)


_RESERVED = ("params", "param_names", "preset", "lr", "device")

# Of many tensors, without a line of Python for each.
_grad, _shape, _dtype = map(operator.attrgetter, ("grad", "shape", "dtype"))
_data_ptr, _is_contiguous = torch.Tensor.data_ptr, torch.Tensor.is_contiguous

_OF_ALL = vars(sys.modules[torch.optim.Optimizer.__module__])
_GLOBAL_HOOKS = [_OF_ALL.get(f"_global_optimizer_{when}_hooks") for when in ("pre", "post")]


# ---- layouts of models ---------------------------------------------------------------------------


def infer_layout(
    model: nn.Module,
    example_input: Any = None,
    *,
    groups: dict[str, Any] | None = None,
    scaling: float = 0.0,
) -> dict[str, Any]:
    """The layout of a model: which axes of its parameters move together, and under which group.

    With an example the model is run on it, and the library infers spaces and groups from the
    operations that it does, as ``symo symmetries`` does for a graph (docs/graphs.md): what is found
    is a symmetry of any loss of what the model returns, for all data.  An operation that is not
    understood passes nothing: the axes that it meets keep the identity, and the reason names it.
    The model is as it was afterwards; sizes should be those of training, as axes of size one are
    told from others.

    Without an example nothing is run.  Hidden units between two ``nn.Linear`` of one
    ``nn.Sequential``, with nothing but activations of single units and dropout between them, have
    the group that the same inference gives.  A layer that occurs twice in the model, or has a
    parameter that does, takes no part.  Every other parameter of two axes and more stands by
    itself: its first axis has the group orthogonal, the others the identity, as Muon takes them.
    Parameters of an embedding, and those of fewer axes, have the identity.

    Parameters
    ----------
    model : torch.nn.Module
    example_input : tensor, tuple of arguments or dict of keyword arguments, optional
    groups : dict of str to str or dict, optional
        Groups for spaces whose names match a pattern (``*``, ``?``), or those of ``TENSOR[AXIS]``:
        ``{"h.*": "identity", "wte.weight[1]": "orthogonal"}``.  They are taken as they are;
        :func:`verify` measures them.
    scaling : float
        Above 0: where units may be rescaled, the group scaling with this window and permutations.

    Returns
    -------
    InferredLayout
        A dict: what a layout file holds.  :class:`symo.Layout` and :class:`Symo` take it, changed
        or not.  ``print`` shows spaces, groups and reasons.  A tensor may have more axes than the
        parameter, in the same memory, where an axis is read as several, such as heads.

    Examples
    --------
    >>> import torch, symo.torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    >>> layout = symo.torch.infer_layout(model, torch.randn(5, 4))
    >>> layout["spaces"]["0"]
    {'dim': 8, 'group': 'permutation'}
    """
    model = _bare(model)
    if example_input is not None:
        return infer(model, example_input, groups, scaling)
    if groups or scaling:
        c.refuse("SYMO_E_ARGUMENT", "infer_layout: groups and scaling need an example_input")
    draft = _Draft.of_model(model)
    return draft.layout([name for name, _ in model.named_parameters()])


def verify(
    model: nn.Module,
    layout: c.LayoutLike,
    loss: Callable[..., torch.Tensor],
    *data: Any,
    samples: int = 4,
    seed: int = 0,
) -> Verification:
    """Measures every claim of a layout on a model, in float64.

    For random elements of the group of each space, and of all together, the loss has to stay and
    its gradient to move along (:func:`symo.verify`).  It is measured on a copy of the model in
    float64 and training mode, so that BatchNorm takes its statistics from the data, without
    dropout, which keeps a symmetry on average only.

    Parameters
    ----------
    model : torch.nn.Module
    layout : InferredLayout, Layout, str or dict
    loss : callable
        ``loss(model, *data)`` returns the loss, a tensor of one number.
    *data
        Tensors for `loss`, also within tuples, lists and dicts; float32 ones become float64.
    samples : int
        Elements for each space.
    seed : int

    Returns
    -------
    Verification
        It is true where every claim is exact; ``print`` shows a row for each space.

    Examples
    --------
    >>> import torch, symo.torch
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    >>> x = torch.randn(16, 4)
    >>> layout = symo.torch.infer_layout(model, x)
    >>> loss = lambda model, x: (model(x) - x[:, :2]).square().mean()
    >>> symo.torch.verify(model, layout, loss, x).verdict
    'exact'
    """
    twin = copy.deepcopy(_bare(model)).double().cpu().train().requires_grad_(True)
    named = {clean(name): p for name, p in twin.named_parameters()}
    data = _pytree.tree_map(_widened, data)
    made = Layout(dict(layout)) if isinstance(layout, dict) else layout
    made = made if isinstance(made, Layout) else Layout(made)
    if set(named) != set(made.tensors):
        wrong = ", ".join(sorted(set(named) ^ set(made.tensors)))
        c.refuse("SYMO_E_NAME", f"verify: parameters and tensors of the layout differ: {wrong}")

    def gradient(arrays):
        with torch.random.fork_rng(devices=[]), torch.enable_grad(), _NoDropout():
            torch.manual_seed(seed)
            twin.zero_grad()
            for name, p in named.items():
                p.data.copy_(torch.from_numpy(arrays[name]).reshape(p.shape))
            value = loss(twin, *data)
            value.backward()
        grads = {}
        for name, shape in made.tensors.items():
            p = named[name]
            grads[name] = (torch.zeros_like(p) if p.grad is None else p.grad).reshape(shape).numpy()
        return value.item(), grads

    params = {n: named[n].detach().clone().reshape(s).numpy() for n, s in made.tensors.items()}
    given = layout if isinstance(layout, dict) else made
    return measure(given, gradient, params, samples=samples, seed=seed)


def curvature(
    model: nn.Module,
    loss: Callable[..., torch.Tensor],
    data: Any,
    layout: c.LayoutLike | None = None,
    kind: str = "hessian",
) -> _curvature.Curvature:
    """The exact Hessian of a loss, or its Gauss-Newton matrix, by products of ``torch.func``.

    Parameters
    ----------
    model : torch.nn.Module
    loss : callable
        ``loss(model, *batch)`` returns a tensor of one number.
    data : tuple, or iterable of tuples
        One batch, or several, over which the loss is averaged.
    layout : InferredLayout, Layout, str or dict, optional
        The order of flat vectors; the default is that of the model.
    kind : {"hessian", "ggn"}
        The Gauss-Newton matrix J' L'' J, of a loss that calls the model once.

    Returns
    -------
    Curvature
        A ``scipy.sparse.linalg.LinearOperator`` [P, P], where scipy is installed, with ``matvec``,
        ``gradient`` and ``to_dense``.

    Examples
    --------
    >>> import torch, symo.torch
    >>> model = torch.nn.Linear(3, 1).double()
    >>> x = torch.randn(50, 3, dtype=torch.float64)
    >>> h = symo.torch.curvature(model, lambda m, x: m(x).square().mean() / 2, (x,))
    >>> bool(abs(h.to_dense()[:3, :3] - x.numpy().T @ x.numpy() / 50).max() < 1e-12)
    True
    """
    model = _bare(model)
    return _curvature.curvature(model, loss, data, layout or infer_layout(model), kind)


def hessian_estimate(
    model: nn.Module,
    loss: Callable[..., torch.Tensor],
    data: Any,
    estimator: str = "h-g",
    layout: c.LayoutLike | None = None,
    **options: Any,
) -> Hessian | LowRank:
    """Estimates the Hessian of a loss, from the gradient of each batch or from products with it.

    Parameters
    ----------
    model : torch.nn.Module
    loss : callable
        ``loss(model, *batch)`` returns a tensor of one number.
    data : tuple, or iterable of tuples
        One batch, or several, over which the loss is averaged.
    estimator : str
        One of :func:`symo.estimators`, from a gradient for each batch; ``"h-lr"``, leading
        eigenpairs and a structured rest from products with :func:`curvature`; or ``"probes"``, the
        structured matrix alone from such products.
    layout : InferredLayout, Layout, str or dict, optional
        The default is what is inferred with the first element of the first batch as example.
    **options
        From gradients those of :func:`symo.estimate`: ``damping``, ``scale``, ``centered``.  From
        products those of :func:`symo.estimate_products`: ``products=60``, ``rank``, ``probes``,
        ``absolute``, ``blocked``, ``centered``, ``seed``; and ``kind``, ``"hessian"`` or ``"ggn"``.

    Returns
    -------
    symo.Hessian or symo.LowRank

    Examples
    --------
    >>> import torch, symo, symo.torch
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2))
    >>> x = torch.randn(64, 4)
    >>> loss = lambda m, x: (m(x) - x[:, :2].sin()).square().mean()
    >>> batches = [(part,) for part in x.split(16)]
    >>> h = symo.torch.hessian_estimate(model, loss, batches)
    >>> exact = symo.torch.curvature(model, loss, (x,), h.layout)
    >>> lr = symo.torch.hessian_estimate(model, loss, (x,), "h-lr", products=30)
    >>> near = symo.compare(exact.to_dense(), {"h-g": h, "h-lr": lr})
    >>> [near[name]["cosine_abs_hessian"] > least for name, least in (("h-g", 0.3), ("h-lr", 0.9))]
    [True, True]
    """
    model, data = _bare(model), _curvature.batches_of(data)
    layout = layout or infer_layout(model, data[0][0])
    return _curvature.hessian_estimate(model, loss, data, estimator, layout, options)


def kfac(
    model: nn.Module,
    loss: Callable[..., torch.Tensor],
    data: Any,
    fisher: str = "empirical",
    *,
    sharing: str = "expand",
    draws: int = 1,
    seed: int = 0,
    corrected: bool = False,
    layout: c.LayoutLike | None = None,
) -> Factors:
    """K-FAC of a model: G (x) A for each layer, from what its layers get and give.

    Sites are ``nn.Linear``, ``nn.Conv1d`` and ``nn.Conv2d`` without groups of channels, and
    ``nn.Embedding``, as the model calls them.  Parameters of other modules, and those that two
    modules share or that a layer uses without a call of its own, get the diagonal: the mean square
    of their gradients over examples.

    Parameters
    ----------
    model : torch.nn.Module
        It is called as it is, in training or evaluation mode.  The first axis of what it and its
        layers get and give counts examples.
    loss : callable
        ``loss(model, *batch)`` returns a tensor of one number, the mean of what it is for each
        example; it calls the model once.
    data : tuple, or iterable of tuples
        One batch, or several.  The first axis of every tensor of a batch counts examples.
    fisher : {"empirical", "sampled", "exact"}
        Derivatives of the loss of each example at the labels of the data; or vectors of which the
        mean outer product is the Hessian of that loss by the outputs of the model, drawn at random;
        or such that add up to it, as many as there are outputs, so that G belongs to the
        Gauss-Newton matrix.
    sharing : {"expand", "reduce"}
        Whether each position of an example counts by itself, or their mean input and the sum of
        their derivatives.
    draws : int
        Random vectors for each example, of ``"sampled"``.
    seed : int
    corrected : bool
        EKFAC: second moments of the gradients of single examples in the eigenbases, by a second
        pass over the data.
    layout : InferredLayout, Layout, str or dict, optional
        The order of flat vectors; the default is that of the model.

    Returns
    -------
    symo.Factors

    Examples
    --------
    >>> import numpy as np, torch, symo.torch
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Linear(3, 2).double()
    >>> x = torch.randn(1, 3, dtype=torch.float64)
    >>> loss = lambda m, x: m(x).square().sum(1).mean() / 2
    >>> f = symo.torch.kfac(model, loss, (x,), "exact")
    >>> ggn = symo.torch.curvature(model, loss, (x,), kind="ggn")  # of one example it is K-FAC
    >>> bool(np.allclose(f.to_dense(), ggn.to_dense()))
    True
    """
    model = _bare(model)
    layout = layout or infer_layout(model)
    layout = layout if isinstance(layout, Layout) else Layout(layout)
    options = dict(fisher=fisher, sharing=sharing, draws=draws, seed=seed, corrected=corrected)
    return _kfac.kfac(model, loss, data, layout, options)


def _bare(model):
    """The model that torch.compile, or what spreads it over devices, is put around: its parameters
    have the names that they have without."""
    while True:
        if isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model = model._orig_mod
        elif isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
        else:
            return model


def _widened(x):
    is_float = isinstance(x, torch.Tensor) and x.is_floating_point()
    return x.detach().cpu().double() if is_float else x


class _NoDropout(TorchFunctionMode):
    """Calls of torch functions, with nothing dropped."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name, kwargs = getattr(func, "__name__", ""), dict(kwargs or {})
        if "dropout" in name and name != "dropout_p":
            return args[0] if args else kwargs["input"]
        if name in ("scaled_dot_product_attention", "multi_head_attention_forward"):
            signature = inspect.signature(func) if name[0] == "m" else None
            if signature:
                bound = signature.bind(*args, **kwargs)
                bound.arguments["dropout_p"] = 0.0
                args, kwargs = bound.args, bound.kwargs
            else:
                args, kwargs = args[:4] + (0.0,) * (len(args) > 4) + args[5:], kwargs
                kwargs.update(() if len(args) > 4 else [("dropout_p", 0.0)])
        if name in ("lstm", "gru", "rnn_tanh", "rnn_relu") and len(args) == 9:
            at = 5 if isinstance(args[3], bool) else 6
            args = args[:at] + (0.0,) + args[at + 1 :]
        return func(*args, **kwargs)


class _Draft:
    """Axes and reasons for parameters, by name; spaces, by name."""

    def __init__(self):
        self.spaces, self.axes, self.reasons = {}, {}, {}

    @classmethod
    def of_model(cls, model):
        draft = cls()
        names = {id(p): name for name, p in model.named_parameters()}
        tied = _occurring_twice(model)
        for module_name, module in model.named_modules():
            if type(module) is nn.Sequential:
                draft._chains(_steps(module), names, tied)
        tables = {
            id(m.weight) for m in model.modules() if isinstance(m, (nn.Embedding, nn.EmbeddingBag))
        }
        for name, p in model.named_parameters():
            draft.alone(name, p, id(p) in tables)
        return draft

    def _chains(self, steps, names, tied):
        """Hidden spaces between Linear layers of a Sequential."""
        before, between = None, []
        for module in steps:
            if type(module) is nn.Linear and not any(
                id(p) in tied for p in module.parameters(recurse=False)
            ):
                self._linear(module, names)
                if before is not None and before.out_features == module.in_features:
                    self._hidden(before, module, between, names)
                before, between = module, []
            elif is_pointwise(module):
                between.append(module)
            else:
                before = None

    def _linear(self, module, names):
        weight = clean(names[id(module.weight)])
        if weight in self.axes:
            return
        self._space(f"{weight}.0", module.out_features, "orthogonal")
        self._space(f"{weight}.1", module.in_features, "identity")
        self.axes[weight] = [f"{weight}.0", f"{weight}.1"]
        self.reasons[weight] = "a matrix by itself: orthogonal on its first axis"
        if module.bias is not None:
            bias = clean(names[id(module.bias)])
            self._space(f"{bias}.0", module.out_features, "identity")
            self.axes[bias] = [f"{bias}.0"]
            self.reasons[bias] = "one axis: identity"

    def _hidden(self, before, after, between, names):
        group = hidden_group(between)
        first, second = clean(names[id(before.weight)]), clean(names[id(after.weight)])
        space = f"{first}.0"
        self.spaces[space] = {"dim": before.out_features, "group": group}
        self.axes[second][1] = space
        words = ", ".join(type(m).__name__ for m in between) or "nothing"
        reason = f"hidden units of {first} and {second}, {words} between: {group}"
        self.reasons[first] = self._joined(first, reason)
        self.reasons[second] = self._joined(second, reason)
        if self.spaces[f"{second}.0"]["group"] == "orthogonal":  # the end of the chain, so far
            self.spaces[f"{second}.0"]["group"] = "identity"
        if self.axes[first][1] == f"{first}.1":
            self.spaces[f"{first}.1"] = {"dim": before.in_features, "group": "identity"}
        if before.bias is not None:
            bias = clean(names[id(before.bias)])
            self.axes[bias], self.reasons[bias] = [space], reason

    def _joined(self, name, reason):
        known = self.reasons[name]
        return reason if known.startswith("a matrix by itself") else f"{known}; {reason}"

    def alone(self, name, p, table=False):
        """A parameter that no chain has taken."""
        name = clean(name)
        if name in self.axes:
            return
        group = "identity" if table or p.dim() < 2 else "orthogonal"
        axes = [f"{name}.{a}" for a in range(p.dim())]
        for a, axis in enumerate(axes):
            self._space(axis, p.shape[a], group if a == 0 else "identity")
        self.axes[name] = axes
        kind = "matrix" if p.dim() == 2 else "tensor"
        self.reasons[name] = (
            "an embedding: identity"
            if table
            else (
                f"{('no', 'one')[p.dim()]} axis: identity"
                if p.dim() < 2
                else f"a {kind} by itself: orthogonal on its first axis"
            )
        )

    def _space(self, name, dim, group):
        self.spaces.setdefault(name, {"dim": dim, "group": group})

    def layout(self, names):
        names = [clean(name) for name in names]
        return _part(
            {"spaces": self.spaces, "tensors": [{"name": n, "axes": self.axes[n]} for n in names]},
            names,
        )


def _steps(sequential):
    """The modules of a Sequential in order, those of Sequentials in it in their place."""
    for module in sequential:
        if type(module) is nn.Sequential:
            yield from _steps(module)
        else:
            yield module


def _occurring_twice(model):
    """Ids of parameters that more than one module has, or whose module occurs more than once."""
    seen, twice = {}, set()
    for name, p in model.named_parameters(remove_duplicate=False):
        if id(p) in seen:
            twice.add(id(p))
        seen[id(p)] = name
    for sequential in model.modules():
        if type(sequential) is nn.Sequential:
            steps = list(_steps(sequential))
            for module in steps:
                if sum(other is module for other in steps) > 1:
                    twice.update(id(p) for p in module.parameters())
    return twice


def _part(layout, names):
    """The layout of these tensors, in the order of `names`, with the spaces that they have."""
    tensors = {t["name"]: t for t in layout["tensors"]}
    tensors = [tensors[name] for name in names]
    used = {axis.rstrip("*") for t in tensors for axis in t["axes"]}
    spaces = {name: space for name, space in layout["spaces"].items() if name in used}
    return {"spaces": spaces, "tensors": tensors}


# ---- parameter groups ----------------------------------------------------------------------------


def _missing(v):
    """In place of products that a copy does not have."""
    c.refuse(
        "SYMO_E_UNSUPPORTED",
        "symo: copies and pickles are without products (set those of the copy: .products)",
    )


def _is_watched():
    """Whether a profiler or a hook of all optimizers is to see the step."""
    return any(h is None or h for h in _GLOBAL_HOOKS) or torch.autograd._profiler_enabled()


class _Stack:
    """The optimizer of the library behind one parameter group."""

    def __init__(self, group, names, layout, reasons, keys, groups, products=None):
        self.products = products
        self.names, self.layout, self.reasons, self.keys = names, layout, reasons, keys
        self.groups = groups  # of the caller's own code
        # Numbers of the parameters that take part; the others are frozen, or empty.
        self.active = [i for i, p in enumerate(group["params"]) if names[i] is not None]
        self.copies = {}  # device="copy": what the library works on
        self.stepped, self.optimizer = False, None  # stepped: in the last step of all groups
        self.build(group, group["lr"])

    def settings(self, group):
        return {key: setting_text(key, group[key]) for key in self.keys}

    def build(self, group, base_lr):
        """The plan and a fresh state.  base_lr: of the plan; group["lr"] replaces it in steps."""
        self.base_lr, self.built = base_lr, (group["preset"], self.settings(group))
        self.raw = [group[key] for key in self.keys]
        self.width = len(group)
        self.left_out = [i for i, name in enumerate(self.names) if name is None]
        self.optimizer = None
        if not self.active:
            group["lr"] = 0.0 if group["lr"] is None else group["lr"]
            return
        dtypes = {group["params"][i].dtype for i in self.active}
        for i in self.active:
            self.local(group, group["params"][i], i, "parameter")
        if len(dtypes) > 1:
            c.refuse(
                "SYMO_E_DTYPE",
                "symo: a parameter group holds float32 and float64 (make it two groups)",
            )
        settings = dict(self.built[1], dtype="f32" if dtypes == {torch.float32} else "f64")
        if base_lr is not None:
            settings["lr"] = float(base_lr)
        part = _part(self.layout, [self.names[i] for i in self.active])
        layout = Layout(part, self.groups)
        for i in self.active:
            shape = tuple(group["params"][i].shape)
            if numel(layout.tensors[self.names[i]]) != numel(shape):
                c.refuse(
                    "SYMO_E_SHAPE",
                    f"symo: parameter {self.names[i]} has shape {shape}, the layout says "
                    f"{layout.tensors[self.names[i]]}",
                )
        self.shapes = [group["params"][i].shape for i in self.active]
        # Where an axis is read as several, the layout has the same numbers in other axes.
        self.read = [layout.tensors[self.names[i]] for i in self.active]
        self.dtype = dtypes.pop()
        self.lay_out()
        self.optimizer = Optimizer(layout, group["preset"], products=self.products, **settings)
        if group["lr"] is None:
            group["lr"] = self.base_lr = self.optimizer.lr
        self.lr = self.base_lr

    def lay_out(self):
        """The C vectors of gradients and parameters, whose pointers a step writes."""
        n, code = len(self.active), c.F32 if self.dtype is torch.float32 else c.F64
        self.pointers = (ctypes.c_size_t * (2 * n))()
        first = ctypes.addressof(self.pointers)
        self.as_they_lie = (
            c.Vector(code, first, None),
            c.Vector(code, first + n * ctypes.sizeof(ctypes.c_size_t), None),
        )
        self.lain = None  # where the parameters lay when they were looked at

    def follow(self, group):
        """Takes over what was changed in the group since the step before."""
        keys = self.keys if len(group) == self.width else self.keys_of(group)
        if group["preset"] != self.built[0] or keys != self.keys or not self.same_settings(group):
            now = (group["preset"], {key: setting_text(key, group[key]) for key in keys})
            if now != self.built:
                self.rebuild(group, keys, now)
        self.width = len(group)
        lr = float(group["lr"])
        if lr != self.lr:
            self.optimizer._follow(lr)
            self.lr = lr

    def keys_of(self, group):
        """The settings in the group, with options of the method that came later; what schedulers
        and callers put there besides is theirs."""
        spec = self.optimizer.spec
        options = {"betas", "threads", "budget_memory", *spec["rules"][0]}
        options -= {"min_lr", *_RESERVED}  # OneCycleLR writes a min_lr of its own
        return self.keys + [key for key in group if key in options and key not in self.keys]

    def same_settings(self, group):
        """Whether nothing has changed; False where only the texts of the settings can tell."""
        return all(
            type(was) in (bool, int, float, str)
            and type(group[key]) is type(was)
            and group[key] == was
            for key, was in zip(self.keys, self.raw)
        )

    def rebuild(self, group, keys, now):
        """The same state under other settings, if the library says that it can go on with them."""
        changed = [key for key in keys if now[1][key] != self.built[1].get(key)]
        names = [
            n for key in changed for n in (("momentum", "beta2") if key == "betas" else (key,))
        ]
        was, data = self.__dict__.copy(), self.optimizer.to_bytes()
        try:
            self.keys = keys
            self.build(group, self.base_lr)
            self.optimizer.from_bytes(data, names)
        except c.Error:
            self.__dict__.update(was)
            raise

    def step(self, group):
        params = group["params"]
        if self.left_out:
            for i in self.left_out:
                self.still_out(params[i], i)
            params = [params[i] for i in self.active]
        grads = list(map(_grad, params))
        if all(g is None for g in grads):
            self.stepped = False
            return
        self.follow(group)
        if (
            group.get("device") is None
            and self.products is None
            and self.point(grads, params)
        ):
            self.optimizer._call(*self.as_they_lie)
            self.stepped = True
            _written(params)
            return
        with torch.no_grad():
            self.step_otherwise(group, params, grads)

    def point(self, grads, params):
        """Whether all of these are as the layout has them, dense in the memory of the CPU.

        What torch itself holds is not looked at: a gradient has shape, type and device of its
        parameter, so those of the gradients speak for parameters that are where they were.
        """
        n = len(self.active)
        try:
            at = list(map(_data_ptr, params))
            if at != self.lain:
                if not all(x.is_cpu and x.dtype is self.dtype for x in params):
                    return False
                self.pointers[n:] = self.lain = at
            if not (
                list(map(_shape, grads)) == self.shapes
                and all(map(_is_contiguous, params))
                and all(map(_is_contiguous, grads))
                and set(map(_dtype, grads)) == {self.dtype}
            ):
                return False
            self.pointers[:n] = list(map(_data_ptr, grads))
            return True
        except (AttributeError, TypeError, RuntimeError, ValueError):
            return False  # a gradient is None, or not strided; another number of parameters

    def still_out(self, p, i):
        if p.grad is not None and p.numel() > 0:
            c.refuse(
                "SYMO_E_ARGUMENT",
                f"symo: parameter {i} of a group was frozen when the optimizer was made "
                "and has a gradient now (make the optimizer again, after unfreezing)",
            )

    def step_otherwise(self, group, params, grads):
        """The step where gradients are missing, or tensors are strided, read in other axes, copied
        or to be refused."""
        missing = [i for i, g in enumerate(grads) if g is None]
        values = list(params)
        for i in missing:  # the value stays, and the statistics see zero
            values[i], grads[i] = params[i].detach().clone(), torch.zeros_like(params[i])
        worked = values
        if group.get("device") == "copy":
            grads = [self.local(group, x, i, "gradient of") for i, x in zip(self.active, grads)]
            worked = [self.local(group, x, i, "parameter") for i, x in zip(self.active, values)]
        (g, alive), (p, also) = self.vector(grads, "gradient of"), self.vector(worked, "parameter")
        if self.products is None:
            self.optimizer._call(g, p)
        else:
            self.step_with_products(grads, worked)
        self.stepped = True
        del alive, also
        changed = [p for p, value in zip(params, values) if p is value]
        if worked is values:
            _written(changed)
            return
        for p, value, new in zip(params, values, worked):
            if p is value:
                p.copy_(new)

    def step_with_products(self, grads, worked):
        """On flat copies of what was looked at."""
        grad, theta = (torch.cat([x.detach().reshape(-1) for x in xs]) for xs in (grads, worked))
        self.optimizer._call_on_problem(grad.numpy(), theta.numpy())
        for to, new in zip(worked, theta.split([x.numel() for x in worked])):
            to.copy_(new.view(to.shape))

    def local(self, group, x, i, what):
        """The tensor, or, with device="copy", its numbers in the memory of the CPU."""
        if group.get("device") != "copy":
            if x.device.type != "cpu":
                c.refuse(
                    "SYMO_E_UNSUPPORTED",
                    f"{what} {self.names[i]}: lies on {x.device}; the library works in the memory "
                    'of the CPU (move it with .cpu(), or give device="copy" to have gradients and '
                    "parameters copied at every step)",
                )
            c.view(x, f"{what} {self.names[i]}")
            return x
        if x.layout is not torch.strided:
            c.refuse("SYMO_E_UNSUPPORTED", f"{what} {self.names[i]}: is stored as {x.layout}")
        kept = self.copies.get((i, what))
        if kept is None or kept.shape != x.shape or kept.dtype != x.dtype:
            kept = self.copies[i, what] = torch.empty(x.shape, dtype=x.dtype)
        kept.copy_(x.detach())
        return kept

    def vector(self, tensors, what):
        """The C vector over tensors of the shapes of the layout, and what has to stay alive."""
        views = []
        for i, x, shape, read in zip(self.active, tensors, self.shapes, self.read):
            now = x.shape
            self.local({}, x, i, what)
            if now == shape and x.layout is torch.strided:
                x = self.as_read(x, read, f"{what} {self.names[i]}")
            views.append(c.view(x, f"{what} {self.names[i]}"))
            if now != shape or x.dtype is not self.dtype:
                c.refuse(
                    "SYMO_E_SHAPE" if now != shape else "SYMO_E_DTYPE",
                    f"{what} {self.names[i]}: is {tuple(now)} of {x.dtype}, and was "
                    f"{tuple(shape)} of {self.dtype} when the optimizer was made",
                )
        return c.vector(views)

    @staticmethod
    def as_read(x, shape, what):
        """The same memory in the axes of the layout."""
        try:
            return x.detach().view(shape)
        except RuntimeError:
            c.refuse(
                "SYMO_E_SHAPE",
                f"{what}: lies in memory so that {tuple(x.shape)} cannot be read as "
                f"{tuple(shape)}, as the layout has it (make it contiguous)",
            )

    def saved(self):
        data = b"" if self.optimizer is None else self.optimizer.to_bytes()
        return {
            "base_lr": self.base_lr,
            "keys": list(self.keys),
            "names": list(self.names),
            "state": (
                torch.frombuffer(bytearray(data), dtype=torch.uint8)
                if data
                else torch.empty(0, dtype=torch.uint8)
            ),
        }

    def restored(self, group, saved):
        """A stack with the layout of this one, the settings of `group` and the saved state."""
        if list(saved["names"]) != list(self.names):
            c.refuse(
                "SYMO_E_NAME",
                "symo: the state is of other parameters, of other names or frozen ones",
            )
        other = _Stack.__new__(_Stack)
        other.__dict__.update(self.__dict__)
        other.keys, other.stepped, other.copies = list(saved["keys"]), False, {}
        other.build(group, saved["base_lr"])
        if (other.optimizer is None) != (saved["state"].numel() == 0):
            c.refuse("SYMO_E_SHAPE", "symo: the state has other parameter groups")
        if other.optimizer is not None:
            other.optimizer.from_bytes(bytes(saved["state"].numpy()))
        return other

    def describe(self, group):
        lines = []
        for i, (name, reason) in enumerate(zip(self.names, self.reasons)):
            shape = " x ".join(map(str, group["params"][i].shape)) or "1"
            method = ""
            if name is not None:
                rule = self.optimizer.spec["rules"][self.optimizer.rule_of(self.active.index(i))]
                method = f"{rule.get('preset') or rule['curvature']}; "
            lines.append(f"  {name or f'parameter {i}'} [{shape}]: {method}{reason}")
        if self.optimizer is not None:
            lines += ["  " + line for line in self.optimizer.describe().rstrip().split("\n")]
        return "\n".join(lines)


# ---- the optimizer -------------------------------------------------------------------------------


class Symo(torch.optim.Optimizer):
    """Any preset of libsymo as an optimizer of PyTorch, on parameters in the memory of the CPU.

    Parameters
    ----------
    model_or_params : torch.nn.Module, or what other optimizers of torch take
        A module, an iterable of tensors or of pairs (name, tensor), or a list of parameter groups.
        A group may have a preset and settings of its own.
    preset : str
        ``"symo"``, ``"symo-bd"``, ``"muon"``, ``"shampoo"``, ``"soap"``, ``"adamw"``, ..:
        :func:`symo.presets`.
    lr : float, optional
        The learning rate, which schedulers may change; that of the preset if it is left out.  Rules
        with a rate of their own, as AdamW's beside Muon, keep their ratio to it.
    layout : symo.Layout, str, os.PathLike or dict, optional
        Which groups act on the axes of the parameters.  Its tensors have the names of the
        parameters, or, for parameters without names, their order.  Without it: for a module what
        :func:`infer_layout` says; otherwise every tensor of two axes and more stands by itself.
    device : {None, "copy"}
        What to do with tensors elsewhere than on the CPU: refuse them, or copy gradients and
        parameters to the CPU and parameters back at every step.
    products : LinearOperator or callable, optional
        For methods that ask for products with a curvature of the loss (``alpha="auto"``,
        adahessian, sophia-h), as of :class:`symo.Optimizer`, in the order of the parameters; with
        one parameter group.  :attr:`products` may be set to others, as those of the next batch.
        Copies and pickles of the optimizer are without it.
    **settings
        Options of the method, as ``weight_decay=0.1`` and ``threads=2``; ``symo optimizers`` lists
        them.  They may be changed in ``param_groups`` as far as a state can go on with them.

    Notes
    -----
    Frozen parameters (``requires_grad=False``) are left out.  A parameter without gradient keeps
    its value in that step, and its moments see a gradient of zero.  A gradient with NaN or infinity
    is refused: the step of its group is left out and counted, see :attr:`reports`.
    ``print(optimizer)`` says what every parameter gets, and why.

    Examples
    --------
    >>> import torch, symo.torch
    >>> _ = torch.manual_seed(0)
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    >>> opt = symo.torch.Symo(net, lr=0.01)
    >>> x = torch.randn(64, 4)
    >>> for step in range(50):
    ...     opt.zero_grad()
    ...     loss = (net(x) - x[:, :1]).square().mean()
    ...     loss.backward()
    ...     opt.step()
    >>> loss.item() < 0.05
    True
    """

    def __init__(
        self,
        model_or_params: Any,
        preset: str = "symo",
        lr: float | None = None,
        layout: c.LayoutLike | None = None,
        device: str | None = None,
        products: Any = None,
        **settings: Any,
    ) -> None:
        for key in settings:
            if key in _RESERVED or key == "dtype":
                c.refuse("SYMO_E_ARGUMENT", f"symo: {key} is no setting here")
        self._draft, self._given, self._ready, self._stacks = _Draft(), None, False, []
        self._why, self._groups = {}, ()
        if isinstance(model_or_params, nn.Module):
            model = _bare(model_or_params)
            self._draft = _Draft.of_model(model)
            params: list[Any] = list(model.named_parameters())
        else:
            params = (
                [model_or_params]
                if isinstance(model_or_params, torch.Tensor)
                else list(model_or_params)
            )
        if not params:
            c.refuse(
                "SYMO_E_ARGUMENT", "symo: there are no parameters (a generator gives them once)"
            )
        groups = params if params and isinstance(params[0], dict) else [{"params": params}]
        groups = [_named(group) for group in groups]
        if isinstance(layout, InferredLayout):
            self._why = {t["name"]: layout.why(t["name"]) for t in layout["tensors"]}
        if layout is not None:
            self._give(layout if isinstance(layout, Layout) else Layout(layout), groups)
        if device not in (None, "copy"):
            c.refuse("SYMO_E_ARGUMENT", f'symo: device is {device!r} (None or "copy")')
        super().__init__(groups, dict(preset=preset, lr=lr, device=device, **settings))
        if products is not None and len(self.param_groups) > 1:
            c.refuse("SYMO_E_UNSUPPORTED", "symo: products go with one parameter group")
        self._ready = True
        for group in self.param_groups:
            self._stacks.append(self._stack(group, products))

    def _give(self, layout, groups):
        """A layout of the caller's: parameters without names get those of its tensors, in order."""
        tensors = list(layout.tensors)
        names = [name for group in groups for name in group["param_names"]]
        if all(name is None for name in names):
            if len(names) != len(tensors):
                c.refuse(
                    "SYMO_E_SHAPE",
                    f"symo: {len(names)} parameters for the {len(tensors)} tensors of the layout",
                )
            rest = iter(tensors)
            for group in groups:
                group["param_names"] = [next(rest) for _ in group["params"]]
        else:
            wrong = sorted({clean(name) for name in names} ^ set(tensors))
            if wrong:
                c.refuse(
                    "SYMO_E_NAME",
                    f"symo: parameters and tensors of the layout differ: {', '.join(wrong)}",
                )
        self._given, self._groups = layout.to_dict(), layout.groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds `param_group`, a dict with ``"params"`` and settings of its own.

        Its parameters stand each by itself, or as the layout says.
        """
        group = param_group if "param_names" in param_group else _named(param_group)
        if self._ready and self._stacks[0].products is not None:
            c.refuse("SYMO_E_UNSUPPORTED", "symo: products go with one parameter group")
        if self._ready:
            group["param_names"] = [
                n or f"group{len(self.param_groups)}.{i}"
                for i, n in enumerate(group["param_names"])
            ]
        else:
            taken = sum(len(g["params"]) for g in self.param_groups)
            group["param_names"] = [
                n or f"param{taken + i}" for i, n in enumerate(group["param_names"])
            ]
        super().add_param_group(group)
        if self._ready:
            try:
                self._stacks.append(self._stack(self.param_groups[-1]))
            except Exception:
                self.param_groups.pop()
                raise

    def _stack(self, group, products=None):
        names, reasons = [], []
        known = {t["name"] for t in self._given["tensors"]} if self._given else set()
        layout = self._given
        for name, p in zip(group["param_names"], group["params"]):
            name = clean(name)
            if not p.requires_grad or p.numel() == 0:
                names.append(None)
                reasons.append("frozen: left out" if p.numel() else "empty: left out")
                continue
            if name not in known:
                self._draft.alone(name, p)
            names.append(name)
            given = self._why.get(name, "as the layout says")
            reasons.append(given if name in known else self._draft.reasons[name])
        if not all(n is None or n in known for n in names):
            layout = self._draft.layout([n for n in names if n is not None])
        keys = [key for key in group if key not in _RESERVED]
        return _Stack(group, names, layout, reasons, keys, self._groups, products)

    @property
    def products(self) -> Any:
        """What gives products with the curvature, or None."""
        return self._stacks[0].products

    @products.setter
    def products(self, products: Any) -> None:
        stack = self._stacks[0]
        if stack.optimizer is None:
            c.refuse("SYMO_E_UNSUPPORTED", "symo: all parameters are frozen")
        stack.optimizer.products = products
        stack.products = products

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Takes a step.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss and the gradients again.

        Returns
        -------
        What the closure returned, or None.
        """
        if self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks or _is_watched():
            return self._watched_step(closure)
        return self._step(closure)

    # Torch would put a record for its profiler around every step, which costs more than to find
    # all tensors.  With this, and _watched_step, it is there when someone looks.
    setattr(step, "hooked", True)

    def _step(self, closure):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for stack, group in zip(self._stacks, self.param_groups):
            stack.step(group)
        return loss

    _watched_step = torch.optim.Optimizer.profile_hook_step(_step)

    @property
    def reports(self) -> list[Report | None]:
        """A :class:`symo.Report` of the last step for each parameter group; None where no parameter
        had a gradient.  ``accepted`` is False where the gradient was not finite."""
        return [s.optimizer._report() if s.stepped else None for s in self._stacks]

    # ---- checkpoints and copies ----

    def state_dict(self) -> dict[str, Any]:
        """As of every optimizer of torch; the state of the library is in ``"symo"``, as bytes."""
        return {**super().state_dict(), "symo": [stack.saved() for stack in self._stacks]}

    def load_state_dict(self, state_dict: dict[str, Any] | c.Path) -> None:
        """Goes on from a state_dict to the same bits; if it does not fit, nothing changes.

        Parameters
        ----------
        state_dict : dict, str or os.PathLike
            What :meth:`state_dict` gave, or the path of a checkpoint that ``symo train``, ``symo
            step`` or :meth:`symo.Optimizer.save` wrote: the layout has the names of its tensors,
            and there is one parameter group with the same method and settings.
        """
        if isinstance(state_dict, (str, os.PathLike)):
            if len(self._stacks) != 1:
                c.refuse("SYMO_E_ARGUMENT", "symo: a checkpoint goes with one parameter group")
            optimizer = self._stacks[0].optimizer
            if optimizer is None:
                c.refuse("SYMO_E_ARGUMENT", "symo: all parameters are frozen, and have no state")
            optimizer.load(state_dict)
            return
        state_dict = dict(state_dict)
        saved = state_dict.pop("symo", None)
        groups = state_dict.get("param_groups", [])
        if saved is None or not len(saved) == len(groups) == len(self.param_groups):
            c.refuse(
                "SYMO_E_ARGUMENT",
                "symo: this is no state_dict of symo.torch.Symo with as many parameter groups",
            )
        stacks = []
        for stack, mine, group, one in zip(self._stacks, self.param_groups, groups, saved):
            if len(group["params"]) != len(mine["params"]):
                c.refuse(
                    "SYMO_E_SHAPE",
                    "symo: a parameter group of the state has another number of parameters",
                )
            stacks.append(stack.restored({**group, "params": mine["params"]}, one))
        super().load_state_dict(state_dict)
        self._stacks = stacks

    def __getstate__(self):
        kept = [
            {"layout": s.layout, "reasons": s.reasons, "asks": s.products is not None, **s.saved()}
            for s in self._stacks
        ]
        return {
            **super().__getstate__(),
            "_draft": self._draft,
            "_given": self._given,
            "_why": self._why,
            "_groups": self._groups,
            "_stacks": kept,
        }

    def __setstate__(self, state):
        state = dict(state)
        kept = state.pop("_stacks", None)
        super().__setstate__(state)
        if kept is None:  # torch calls it for a state_dict too
            return
        self._ready, self._stacks = True, []
        for group, one in zip(self.param_groups, kept):
            stack = _Stack.__new__(_Stack)
            stack.__dict__.update(
                names=one["names"],
                layout=one["layout"],
                reasons=one["reasons"],
                keys=one["keys"],
                groups=self._groups,
                products=_missing if one.get("asks") else None,
                active=[i for i, name in enumerate(one["names"]) if name is not None],
                copies={},
            )
            self._stacks.append(stack.restored(group, one))

    def __repr__(self):
        parts = []
        for i, (stack, group) in enumerate(zip(self._stacks, self.param_groups)):
            settings = "".join(f" {key}={group[key]}" for key in stack.keys)
            parts.append(
                f"Parameter group {i}: {group['preset']} lr={group['lr']:g}{settings}\n"
                + stack.describe(group)
            )
        return "Symo\n" + "\n".join(parts)


def _named(group):
    """The group with its parameters as a list, without doubles, and their names or None."""
    params = group["params"]
    params = [params] if isinstance(params, torch.Tensor) else list(params)
    named = group.get("param_names") or [None] * len(params)
    pairs = [p if isinstance(p, tuple) else (name, p) for name, p in zip(named, params)]
    kept, seen = [], set()
    for name, p in pairs:
        if id(p) in seen:
            warnings.warn(
                "symo: a parameter occurs twice in a group; it is taken once", stacklevel=4
            )
            continue
        seen.add(id(p))
        kept.append((name, p))
    return {**group, "params": [p for _, p in kept], "param_names": [n for n, _ in kept]}
