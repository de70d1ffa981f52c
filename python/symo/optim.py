"""Optimizers on arrays that the caller owns."""

from __future__ import annotations

import ctypes
import json
import operator
import os
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_size_t, c_void_p
from typing import Any, NamedTuple, Sequence

import numpy as np

from . import _library as c
from ._library import lib
from .layout import as_layout, flat_copy
from .lowrank import Products, rows_of

_GRADIENT = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, POINTER(c_double), c_void_p)
_PRODUCT = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t, c_void_p, c_void_p)


class Report(NamedTuple):
    """What a step did, field by field as in ``symo_step_report`` of the C interface.

    ``accepted`` is False where the gradient held NaN or infinity: the parameters are then as they
    were, and ``refused_steps`` has counted it.  A number that does not apply is NaN, a count 0.
    """

    step: int
    accepted: bool
    lr: float
    damping: float
    reduction_ratio: float
    gradient_norm: float
    update_norm: float
    worst_condition: float
    effective_rank: float
    refreshes: int
    kept_roots: int
    failed_roots: int
    refused_steps: int
    rejected_steps: int
    cg_iterations: int
    measured_alphas: int


def presets() -> list[str]:
    """The names of the presets."""
    return [lib.symo_method_preset_name(i).decode() for i in range(lib.symo_method_num_presets())]


def setting_text(key, value):
    """A setting as the library reads it; numbers read back to the same bits."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (tuple, list)):
        return ",".join(setting_text(key, v) for v in value)
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    if isinstance(value, (str, int, np.integer)):
        return str(value)
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:  # a torch or numpy scalar
        return setting_text(key, value.item())
    c.refuse(
        "SYMO_E_ARGUMENT",
        f"{key}: is a {type(value).__name__} (give a number, a text, True or False)",
    )


def _asked(rules):
    """Which matrices rules ask for products with; None where they ask for more than that."""
    kinds = set()
    for rule in rules:
        if rule["curvature"] in ("hessian", "ggn", "fisher", "kfac"):
            return None
        if rule["source"] == "bartlett":
            return None
        if rule["source"] == "hutchinson":
            kinds.add("hessian")
        if rule["alpha"] == "auto":
            kinds.add(rule["alpha_curvature"])
    return kinds


class _Problem:
    """The gradient at hand, and products of the caller's, as a problem of the library."""

    def __init__(self, products, kinds, size, code):
        self.take(products, size)
        numbers, self.gradient = c.DTYPES[code], np.empty(0)
        kind = ctypes.c_float if code == c.F32 else c_double

        def kept(call):
            try:
                call()
                return 0
            except BaseException as error:  # goes on when the library has returned
                c.keep(error)
                return c.STATUS["SYMO_E_UNSUPPORTED"]

        @_GRADIENT
        def gradient(_, theta, loss, grad):
            if loss:
                loss[0] = 0.0  # steps that need no losses look only at whether it is finite
            ctypes.memmove(grad, self.gradient.ctypes.data, self.gradient.nbytes)
            return 0

        @_PRODUCT
        def product(_, theta, k, v, out):
            def rows(address):
                return np.ctypeslib.as_array(ctypes.cast(address, POINTER(kind)), (k, size))

            def call():
                rows(out)[...] = np.asarray(self.rows(rows(v).copy()), numbers)

            return kept(call)

        self._calls = gradient, product
        self.struct = c.Problem(b"the products", size, code)
        self.struct.gradient = ctypes.cast(gradient, c_void_p).value
        for kind_of in kinds:
            slot = {"hessian": "hvp", "ggn": "ggn"}[kind_of]
            setattr(self.struct, slot, ctypes.cast(product, c_void_p).value)

    def take(self, products, size):
        self.rows, self.products = rows_of(products, size), products


class Optimizer:
    """An optimizer with its state: one composed and planned step on arrays, in place.

    Parameters
    ----------
    layout : Layout, str, os.PathLike or dict
        What the tensors are, and which groups act on them.
    preset : str
        One of :func:`presets`, or the path of a file with rules.
    dtype : {"f32", "f64"} or numpy dtype, optional
        Of parameters, gradients and state.  The default is that of the layout, or float64.
    products : ndarray [P, P], LinearOperator, or callable, optional
        For methods that ask for products with a curvature of the loss: ``alpha="auto"`` the
        Gauss-Newton matrix (or, with ``alpha_curvature="hessian"``, the Hessian), adahessian and
        sophia-h the Hessian.  A callable takes a flat array [P] and returns one, or a tensor.  It
        is called within :meth:`step`, in those steps that measure, and belongs to the parameters as
        they are then, before the step.  :attr:`products` may be set to others.
    **settings
        Options of the method: ``lr=0.01``, ``betas=(0.9, 0.95)``, ``threads=4``; the command
        ``symo optimizers`` lists them all.  Those of one rule: ``**{"rules.1.lr": 0.001}``; those
        of tensors of some names: ``**{"h.*.attn*:alpha": 1.4}``.

    Examples
    --------
    >>> import numpy as np, symo
    >>> w, b = np.ones((4, 2)), np.ones(4)
    >>> layout = "in: identity 2; h: signed-permutation 4; w[h,in] b[h]"
    >>> opt = symo.Optimizer(layout, "symo", lr=0.1)
    >>> for _ in range(3):
    ...     report = opt.step([2 * w, 2 * b], [w, b])
    >>> report.step, bool(w.max() < 1)
    (3, True)
    """

    def __init__(
        self,
        layout: c.LayoutLike,
        preset: str = "symo",
        *,
        dtype: Any = None,
        products: Products | None = None,
        **settings: Any,
    ) -> None:
        self.layout = as_layout(layout)
        self._made = (self.layout, preset, dtype, dict(settings))
        if dtype is not None:
            settings["dtype"] = dtype if dtype in c.NAMES.values() else _dtype_name(dtype)
        texts = [f"{key}={setting_text(key, value)}".encode() for key, value in settings.items()]
        context = self._context = self.layout._context.pointer
        name = os.fsencode(preset)
        spec = c.make(
            lib.symo_optim_spec_open,
            lib.symo_optim_spec_destroy,
            context,
            context,
            name,
            len(texts),
            (c_char_p * len(texts))(*texts),
        )
        self._optim = c.make(
            lib.symo_optim_create,
            lib.symo_optim_destroy,
            context,
            self.layout._pointer,
            spec.pointer,
        )
        self.spec = json.loads(c.text(lib.symo_optim_spec_to_json, context, context, spec.pointer))
        self._problem = self._take(preset, products)
        self._base_rates = [float(rule["lr"]) for rule in self.spec["rules"]]
        self._rates = list(self._base_rates)
        # Rules of patterns stand in front of the one that they are made from.
        plain = [i for i, rule in enumerate(self.spec["rules"]) if "also" not in rule]
        self._first = plain[0] if plain else 0
        self._state = self._new_state(lib.symo_optim_state_create, self._optim.pointer)
        self._reported = c.StepReport()
        self._reported_at = byref(self._reported)

    def _take(self, preset, products):
        """The problem that steps are taken on; None where a gradient is enough."""
        kinds = _asked(self.spec["rules"])
        measures = any(rule["alpha"] == "auto" for rule in self.spec["rules"])
        what = f"{preset}{' with alpha auto' if measures else ''}"
        if not lib.symo_optim_needs_problem(self._optim.pointer):
            if products is not None:
                c.refuse(
                    "SYMO_E_UNSUPPORTED",
                    f"optim: {what} asks for no products on this layout (leave them out)",
                )
            return None
        if kinds is None:
            c.refuse(
                "SYMO_E_UNSUPPORTED",
                f"optim: {what} needs a loss beside products with its curvature, which steps from "
                "a gradient do not have (take another preset, or symo_optim_problem_step in C)",
            )
        if len(kinds) > 1:
            c.refuse(
                "SYMO_E_UNSUPPORTED",
                f"optim: {what} needs products with the Hessian and with the Gauss-Newton matrix "
                "(set alpha_curvature to hessian)",
            )
        if products is None:
            (kind,) = kinds
            name = {"hessian": "Hessian", "ggn": "Gauss-Newton matrix"}[kind]
            c.refuse(
                "SYMO_E_UNSUPPORTED",
                f"optim: {what} needs products with the {name} (give products)",
            )
        names = {name: code for code, name in c.NAMES.items()}
        code = names.get(self.spec["dtype"])
        if code is None:  # any: that of the layout, or float64
            code = {known: code for code, known in c.DTYPES.items()}.get(self.layout.dtype, c.F64)
        return _Problem(products, kinds, self.layout.num_parameters, code)

    @property
    def products(self) -> Any:
        """What gives products with the curvature, or None."""
        return None if self._problem is None else self._problem.products

    @products.setter
    def products(self, products: Products) -> None:
        if self._problem is None:
            c.refuse("SYMO_E_UNSUPPORTED", "optim: the method asks for no products")
        self._problem.take(products, self.layout.num_parameters)

    def _new_state(self, create, *arguments):
        return c.make(create, lib.symo_optim_state_destroy, self._context, *arguments)

    @property
    def lr(self) -> float:
        """The learning rate of the method, as it has it or as it was set: that of the first rule
        without a pattern of its own (`also`)."""
        return self._rates[self._first]

    def set_lr(self, lr: float, rule: int | None = None) -> None:
        """Sets the learning rate of a rule, from the next step on; without one that of :attr:`lr`
        alone, and not those of patterns (``"h.*.attn*:lr"``)."""
        rule = self._first if rule is None else c.count(rule, "set_lr: rule")
        c.check(lib.symo_optim_state_set_lr(self._state.pointer, rule, float(lr)), self._context)
        self._rates[rule] = float(lr)

    def _follow(self, lr):
        """The rate of the method, :attr:`lr`; rules with other rates keep their ratio to it."""
        first = self._base_rates[self._first]
        for rule, base in enumerate(self._base_rates):
            ratio = lr / first if first else 1.0
            self.set_lr(lr if base == first else base * ratio, rule)

    def step(self, grad: c.Arrays, params: c.Arrays) -> Report:
        """Takes a step: writes new parameters into `params`.

        Parameters
        ----------
        grad, params : ndarray [num_parameters], dict or list of arrays
            Gradient and parameters, each flat, by name, or in the order of the layout: numpy arrays
            or CPU torch tensors.  Nothing is copied.

        Returns
        -------
        Report
        """
        flat = (
            [params]
            if isinstance(params, np.ndarray)
            else getattr(params, "values", lambda: params)()
        )
        for array in flat:
            if isinstance(array, np.ndarray) and not array.flags.writeable:
                c.refuse("SYMO_E_ARGUMENT", "params: an array is read-only")
        views = self.layout._views(grad, "grad"), self.layout._views(params, "params")
        if self._problem is not None:
            return self._step_on_problem(grad, params, views)
        (g, alive), (p, also) = map(c.vector, views)
        self._call(g, p)
        del alive, also
        return self._report()

    def _step_on_problem(self, grad, params, views):
        """The same on flat copies, which is what problems have."""
        for what, known in zip(("grad", "params"), views):
            if known and known[0].dtype != self._problem.struct.dtype:
                c.refuse(
                    "SYMO_E_DTYPE",
                    f"{what}: is {c.NAMES[known[0].dtype]}, the optimizer "
                    f"{c.NAMES[self._problem.struct.dtype]}",
                )
        dtype = c.DTYPES[self._problem.struct.dtype]
        theta = flat_copy(self.layout, params, dtype)
        self._call_on_problem(flat_copy(self.layout, grad, dtype), theta)
        if isinstance(params, np.ndarray):
            params[...] = theta
            return self._report()
        arrays = [params[n] for n in self.layout.tensors] if hasattr(params, "keys") else params
        for to, part in zip(arrays, self.layout.split(theta).values()):
            np.asarray(to.detach() if hasattr(to, "detach") else to)[...] = part
        return self._report()

    def _call_on_problem(self, grad, theta):
        """A step in place on theta, flat arrays."""
        self._problem.gradient = grad
        c.check(
            lib.symo_optim_problem_step(
                self._state.pointer,
                byref(self._problem.struct),
                theta.ctypes.data,
                None,
                self._reported_at,
            ),
            self._context,
        )

    def _call(self, grad, params):
        """The same from C vectors; :meth:`_report` says what was done."""
        status = lib.symo_optim_step(self._state.pointer, grad, params, self._reported_at)
        if status != 0 or c.raised:
            c.check(status, self._context)

    def _report(self):
        """What the last step did."""
        return Report._make([getattr(self._reported, field) for field in Report._fields])

    def rule_of(self, tensor: int) -> int:
        """The rule of a tensor, by its number in the layout: ``spec["rules"]`` lists them."""
        if not 0 <= operator.index(tensor) < len(self.layout.tensors):
            c.refuse("SYMO_E_ARGUMENT", f"optim: there is no tensor {tensor}")
        return lib.symo_optim_rule_of(self._optim.pointer, tensor)

    def alphas(self) -> dict[str, float]:
        """The exponent that the next step of each tensor has: with ``alpha="auto"`` what was
        measured so far has come to; NaN where a method has none."""
        state = self._state.pointer
        return {
            name: lib.symo_optim_state_alpha(state, t, None)
            for t, name in enumerate(self.layout.tensors)
        }

    def describe(self) -> str:
        """The plan: which tensor has which method and why, what is computed when, and its cost."""
        return c.text(lib.symo_optim_describe, self._context, self._optim.pointer)

    # ---- checkpoints ----

    def save(self, path: c.Path) -> None:
        """Writes the state, with spec, layout and a checksum, as `symo step` does."""
        c.check(lib.symo_optim_state_write(self._state.pointer, os.fsencode(path)), self._context)

    def load(self, path: c.Path, may_differ: Sequence[str] = ()) -> None:
        """Reads a state that :meth:`save` or `symo step` wrote; steps then have the same bits.

        Rates that :meth:`set_lr` has set stay.  `may_differ` names options that the file may have
        with other values.  The state is as it was if the file does not fit.
        """
        self._read(os.fsencode(path), may_differ)

    def _read(self, path, may_differ=()):
        names = (c_char_p * len(may_differ))(*[name.encode() for name in may_differ])
        state = self._new_state(
            lib.symo_optim_state_read, self._optim.pointer, path, len(may_differ), names
        )
        for rule, lr in enumerate(self._rates):
            c.check(lib.symo_optim_state_set_lr(state.pointer, rule, lr), self._context)
        self._state = state

    def __reduce__(self):
        return _restored, (*self._made, self.products, list(self._rates), self.to_bytes())

    def to_bytes(self) -> bytes:
        """What :meth:`save` writes."""
        return c.to_bytes(lib.symo_optim_state_write, self._context, self._state.pointer)

    def from_bytes(self, data: bytes, may_differ: Sequence[str] = ()) -> None:
        """As :meth:`load` with `may_differ`, from what :meth:`to_bytes` gave."""
        c.from_bytes(data, lambda path: self._read(path, may_differ))


def _restored(layout, preset, dtype, settings, products, rates, data):
    """What a copy or a pickle is made of."""
    made = Optimizer(layout, preset, dtype=dtype, products=products, **settings)
    for rule, rate in enumerate(rates):
        made.set_lr(rate, rule)
    made.from_bytes(data)
    return made


def _dtype_name(dtype):
    for code, known in c.DTYPES.items():
        if np.dtype(dtype) == known:
            return c.NAMES[code]
    c.refuse("SYMO_E_DTYPE", f"dtype: is {dtype} (give float32 or float64)")
