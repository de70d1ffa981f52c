"""Every preset of the library as a GradientTransformation of optax, by a pure host callback.

Importing this module imports jax and optax.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any, Callable, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from . import _library as c
from ._library import lib
from .layout import Layout, as_layout
from .optim import Optimizer

__all__ = ["SymoState", "symo"]


class SymoState(NamedTuple):
    """The state of :func:`symo`.

    Attributes
    ----------
    count : Array of int32 []
        Steps taken.
    arrays : dict of str to Array
        What the library remembers, as its checkpoints name it: float32 arrays; float64 ones as
        uint32 [.., 2], the same bits, since jax has no float64 unless it is told to.
    """

    count: Any
    arrays: dict[str, Any]


def symo(
    learning_rate: float | Callable[[Any], Any] | None = None,
    preset: str = "symo",
    layout: c.LayoutLike | None = None,
    **settings: Any,
) -> optax.GradientTransformation:
    """An optimizer of the library for jax, on the CPU of the host.

    Parameters
    ----------
    learning_rate : float or schedule, optional
        Of the first rule; a schedule is a function of the count of steps.  Rules with a rate of
        their own keep their ratio to it.  The default is that of the preset.
    preset : str
        One of :func:`symo.presets`, or the path of a file with rules.
    layout : Layout, str, os.PathLike or dict, optional
        Which groups act on the axes.  Its tensors have the names of the parameters, keys joined by
        points.  Without it every array of two axes and more stands by itself: its first axis has
        the group orthogonal, the others the identity; arrays of fewer axes have the identity.
    **settings
        Options of the method, as of :class:`symo.Optimizer`.

    Returns
    -------
    optax.GradientTransformation
        ``update`` needs the parameters.  It is a pure function of gradients, state and parameters:
        all that the library remembers is in :class:`SymoState`.  So it works under ``jit``,
        ``lax.scan`` and with checkpoints of jax, and ``vmap`` refuses it.  Gradients, state and
        parameters are copied to the host and back at every step.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, optax, symo.optax
    >>> params = {"w": jnp.ones((8, 4)), "b": jnp.ones(8)}
    >>> opt = symo.optax.symo(0.05)
    >>> state = opt.init(params)
    >>> @jax.jit
    ... def step(params, state):
    ...     loss = lambda p: (p["w"] ** 2).sum() + (p["b"] ** 2).sum()
    ...     updates, state = opt.update(jax.grad(loss)(params), state, params)
    ...     return optax.apply_updates(params, updates), state
    >>> for _ in range(40):
    ...     params, state = step(params, state)
    >>> float(abs(params["w"]).max()) < 0.5, int(state.count)
    (True, 40)
    """
    if "products" in settings:
        c.refuse("SYMO_E_UNSUPPORTED", "optax: products are no pure function of arrays")
    hosts: dict[Any, _Host] = {}
    known = None if layout is None else as_layout(layout)
    if learning_rate is not None and not callable(learning_rate):
        settings["lr"] = learning_rate

    def host_of(params):
        leaves, structure = jax.tree_util.tree_flatten_with_path(params)
        key = (structure, tuple((leaf.shape, str(leaf.dtype)) for _, leaf in leaves))
        if key not in hosts:
            names = [".".join(_word(k) for k in path) for path, _ in leaves]
            hosts[key] = _Host(names, [leaf for _, leaf in leaves], known, preset, settings)
        return hosts[key]

    def init(params):
        arrays = {name: jnp.asarray(x) for name, x in host_of(params).fresh.items()}
        return SymoState(jnp.zeros([], jnp.int32), arrays)

    def update(updates, state, params=None):
        if params is None:
            c.refuse("SYMO_E_ARGUMENT", "optax: update needs the parameters (give params)")
        host = host_of(params)
        grads, structure = jax.tree_util.tree_flatten(updates)
        values = jax.tree_util.tree_leaves(params)
        if [(g.shape, g.dtype) for g in grads] != [(p.shape, p.dtype) for p in values]:
            c.refuse("SYMO_E_SHAPE", "optax: gradients and parameters differ in shape or type")
        # A fixed rate is the host's, in all its digits; NaN stands for it.
        rate = learning_rate(state.count) if callable(learning_rate) else jnp.nan
        rate = jnp.asarray(rate, jnp.float32)
        result = (
            [jax.ShapeDtypeStruct(p.shape, p.dtype) for p in values],
            {name: jax.ShapeDtypeStruct(x.shape, x.dtype) for name, x in host.fresh.items()},
        )
        made, arrays = jax.pure_callback(host, result, rate, grads, values, state.arrays)
        return jax.tree_util.tree_unflatten(structure, made), SymoState(state.count + 1, arrays)

    return optax.GradientTransformation(init, update)


def _word(key):
    for attribute in ("key", "name", "idx"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)


class _Host:
    """The step on the host: a function of arrays, which holds nothing from one call to the next.

    The optimizer of the library is its workbench: the state is laid into it, and taken out again.
    """

    def __init__(self, names, leaves, layout, preset, settings):
        dtypes = {np.dtype(leaf.dtype) for leaf in leaves}
        if len(dtypes) != 1 or not dtypes <= set(c.DTYPES.values()):
            c.refuse(
                "SYMO_E_DTYPE",
                "optax: parameters are of "
                f"{', '.join(sorted(map(str, dtypes))) or 'no type'} (all float32, or all float64)",
            )
        shapes = {name: tuple(leaf.shape) for name, leaf in zip(names, leaves)}
        layout = layout if layout is not None else Layout(_each_by_itself(shapes))
        if set(layout.tensors) != set(names):
            wrong = ", ".join(sorted(set(layout.tensors) ^ set(names)))
            c.refuse("SYMO_E_NAME", f"optax: parameters and tensors of the layout differ: {wrong}")
        for name, shape in shapes.items():
            if np.prod(layout.tensors[name]) != np.prod(shape):
                c.refuse(
                    "SYMO_E_SHAPE",
                    f"optax: {name} has shape {shape}, the layout says {layout.tensors[name]}",
                )
        self.names, self.lock = names, threading.Lock()
        self.optimizer = Optimizer(layout, preset, dtype=dtypes.pop(), **settings)
        self.rate = self.optimizer.lr
        self.entries = dict(self._entries())
        self.fresh = self._taken_out()

    def _entries(self):
        state = self.optimizer._state.pointer
        for i in range(lib.symo_optim_state_num_entries(state)):
            entry = lib.symo_optim_state_entry(state, i)
            kind = ctypes.c_float if entry.dtype == c.F32 else ctypes.c_double
            shape = tuple(entry.shape[: entry.order])
            data = ctypes.cast(entry.data, ctypes.POINTER(kind))
            view = np.ctypeslib.as_array(data, shape)
            if entry.dtype == c.F64:
                view = view[..., None].view(np.uint32)
            yield entry.name.decode(), view

    def _taken_out(self):
        return {name: view.copy() for name, view in self.entries.items()}

    def __call__(self, rate, grads, params, arrays):
        grads, params = ([np.array(x) for x in xs] for xs in (grads, params))
        layout, before = self.optimizer.layout, [p.copy() for p in params]

        def named(arrays):
            given = dict(zip(self.names, arrays))
            return {n: given[n].reshape(shape) for n, shape in layout.tensors.items()}

        with self.lock:
            for name, view in self.entries.items():
                view[...] = np.asarray(arrays[name])
            self.optimizer._follow(self.rate if np.isnan(rate) else float(rate))
            self.optimizer.step(named(grads), named(params))
            arrays = self._taken_out()
        return [p - was for p, was in zip(params, before)], arrays


def _each_by_itself(shapes):
    spaces, tensors = {}, []
    for name, shape in shapes.items():
        axes = [f"{name}.{a}" for a in range(len(shape))]
        for a, (axis, d) in enumerate(zip(axes, shape)):
            moved = a == 0 and len(shape) > 1
            spaces[axis] = {"dim": int(d), "group": "orthogonal" if moved else "identity"}
        tensors.append({"name": name, "axes": axes})
    return {"spaces": spaces, "tensors": tensors}
