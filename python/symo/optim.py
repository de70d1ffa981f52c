"""Optimizers on arrays that the caller owns."""

from __future__ import annotations

import json
import os
from ctypes import byref, c_char_p
from typing import Any, NamedTuple, Sequence

import numpy as np

from . import _library as c
from ._library import lib
from .layout import as_layout


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
        self, layout: c.LayoutLike, preset: str = "symo", *, dtype: Any = None, **settings: Any
    ) -> None:
        self.layout = as_layout(layout)
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
        if lib.symo_optim_needs_problem(self._optim.pointer):
            measures = any(rule["alpha"] == "auto" for rule in self.spec["rules"])
            c.refuse(
                "SYMO_E_UNSUPPORTED",
                f"optim: {preset}{' with alpha auto' if measures else ''} needs products with the "
                "curvature of a loss, which steps from a gradient do not have",
            )
        self._base_rates = [float(rule["lr"]) for rule in self.spec["rules"]]
        self._rates = list(self._base_rates)
        # Rules of patterns stand in front of the one that they are made from.
        plain = [i for i, rule in enumerate(self.spec["rules"]) if "also" not in rule]
        self._first = plain[0] if plain else 0
        self._state = self._new_state(lib.symo_optim_state_create, self._optim.pointer)
        self._reported = c.StepReport()
        self._reported_at = byref(self._reported)

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
        if rule is None:
            rule = self._first
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
        return self._step(self.layout._views(grad, "grad"), self.layout._views(params, "params"))

    def _step(self, grad, params):
        """The same from views, which the caller keeps alive."""
        (g, alive), (p, also) = c.vector(grad), c.vector(params)
        self._call(g, p)
        del alive, also
        return self._report()

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
        return lib.symo_optim_rule_of(self._optim.pointer, tensor)

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

    def to_bytes(self) -> bytes:
        """What :meth:`save` writes."""
        return c.to_bytes(lib.symo_optim_state_write, self._context, self._state.pointer)

    def from_bytes(self, data: bytes, may_differ: Sequence[str] = ()) -> None:
        """As :meth:`load` with `may_differ`, from what :meth:`to_bytes` gave."""
        c.from_bytes(data, lambda path: self._read(path, may_differ))


def _dtype_name(dtype):
    for code, known in c.DTYPES.items():
        if np.dtype(dtype) == known:
            return c.NAMES[code]
    c.refuse("SYMO_E_DTYPE", f"dtype: is {dtype} (give float32 or float64)")
