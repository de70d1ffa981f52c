"""Layouts: which tensors there are, and which groups act on their axes."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Sequence, Union

import numpy as np

from . import _library as c
from ._library import lib
from .groups import Group


class Layout:
    """A list of spaces, each R^d with a group that acts on it, and of tensors whose axes they are.

    Parameters
    ----------
    layout : str, os.PathLike or dict
        The short notation, ``"in: identity 2; h: signed-permutation 4; w[h,in] b[h]"``; the path of
        a layout file; or what a layout file holds, as a dict.
    groups : sequence of Group
        Groups of your own code, which the layout has by name.

    Attributes
    ----------
    tensors : dict of str to tuple of int
        The shape of each tensor, in the order of the layout.
    spaces : dict of str to tuple of (str, int)
        The group and the dimension of each space.
    num_parameters : int
        The number of entries of all tensors.
    groups : tuple of Group

    Examples
    --------
    >>> import symo
    >>> layout = symo.Layout("in: identity 2; h: signed-permutation 4; w[h,in] b[h]")
    >>> layout.tensors
    {'w': (4, 2), 'b': (4,)}
    >>> layout.num_parameters
    12
    """

    def __init__(self, layout: c.LayoutLike, groups: Sequence[Group] = ()) -> None:
        self._context, self.groups = c.new_context(), tuple(groups)
        context = self._context.pointer
        add_groups(context, self.groups)
        if isinstance(layout, dict):
            create, data = lib.symo_layout_from_json, json.dumps(layout).encode()
        elif isinstance(layout, (str, os.PathLike)):
            create, data = lib.symo_layout_open, os.fsencode(layout)
        else:
            c.refuse(
                "SYMO_E_ARGUMENT",
                f"layout: is a {type(layout).__name__} (give a text, a path or a dict)",
            )
        self._read(c.make(create, lib.symo_layout_destroy, context, context, data))

    @classmethod
    def _of_handle(cls, handle, context, groups=()):
        layout = cls.__new__(cls)
        layout._context, layout.groups = context, tuple(groups)
        layout._read(handle)
        return layout

    def _read(self, handle):
        self._handle = handle
        at = self._pointer = handle.pointer
        self.tensors, self._slices = {}, []
        for t in range(lib.symo_layout_num_tensors(at)):
            order = lib.symo_layout_tensor_order(at, t)
            shape = tuple(lib.symo_layout_axis_dim(at, t, a) for a in range(order))
            self.tensors[lib.symo_layout_tensor_name(at, t).decode()] = shape
            first = lib.symo_layout_tensor_offset(at, t)
            self._slices.append(slice(first, first + lib.symo_layout_tensor_size(at, t)))
        self.spaces = {}
        for s in range(lib.symo_layout_num_spaces(at)):
            group = lib.symo_group_name(lib.symo_layout_space_group(at, s)).decode()
            self.spaces[lib.symo_layout_space_name(at, s).decode()] = (
                group,
                lib.symo_layout_space_dim(at, s),
            )
        self.num_parameters = lib.symo_layout_num_parameters(at)

    @property
    def dtype(self) -> np.dtype | None:
        """The number type that the layout names, or None."""
        return c.DTYPES.get(lib.symo_layout_dtype(self._pointer))

    def to_json(self) -> str:
        """The layout as the text of a layout file."""
        return c.text(lib.symo_layout_to_json, self._context.pointer, self._pointer)

    def to_dict(self) -> dict[str, Any]:
        """The layout as what a layout file holds; ``Layout`` reads it back."""
        return json.loads(self.to_json())

    def to_text(self) -> str:
        """The layout in the short notation; an Error if a group has none."""
        return c.text(lib.symo_layout_to_text, self._context.pointer, self._pointer)

    def save(self, path: c.Path) -> None:
        """Writes a layout file."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.to_json())

    def split(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """The tensors in a flat array [num_parameters], as views, by name."""
        return {
            name: flat[part].reshape(shape)
            for (name, shape), part in zip(self.tensors.items(), self._slices)
        }

    def _views(self, arrays, what):
        """A view of each tensor in a flat array, a dict by name, or a sequence in layout order."""
        if isinstance(arrays, np.ndarray):
            if arrays.shape != (self.num_parameters,):
                c.refuse(
                    "SYMO_E_SHAPE",
                    f"{what}: has shape {arrays.shape}, the layout has "
                    f"{self.num_parameters} parameters (give a flat array, or a list of tensors)",
                )
            v = c.view(arrays, what)
            if v.strides is not None:
                step = v.strides[0]
                return [
                    c.View(
                        v.address + step * part.start * arrays.itemsize,
                        v.dtype,
                        shape,
                        _row_major(shape, step),
                    )
                    for part, shape in self._parts()
                ]
            return [
                c.View(v.address + part.start * arrays.itemsize, v.dtype, shape, None)
                for part, shape in self._parts()
            ]
        if hasattr(arrays, "keys"):
            given = set(arrays.keys())
            if given != self.tensors.keys():
                wrong = sorted(map(str, given ^ self.tensors.keys()))
                c.refuse(
                    "SYMO_E_NAME",
                    f"{what}: tensors of the arrays and of the layout differ: {', '.join(wrong)}",
                )
            arrays = [arrays[name] for name in self.tensors]
        elif not isinstance(arrays, (list, tuple)):
            c.refuse(
                "SYMO_E_ARGUMENT",
                f"{what}: is a {type(arrays).__name__} (give a flat numpy array, a dict by "
                "name, or a list in the order of the layout)",
            )
        if len(arrays) != len(self.tensors):
            c.refuse(
                "SYMO_E_SHAPE", f"{what}: {len(arrays)} arrays for {len(self.tensors)} tensors"
            )
        views = []
        for (name, shape), array in zip(self.tensors.items(), arrays):
            v = c.view(array, f"{what}: tensor {name}")
            if tuple(v.shape) != shape:
                c.refuse(
                    "SYMO_E_SHAPE",
                    f"{what}: tensor {name} has shape {tuple(v.shape)}, the layout says {shape}",
                )
            if views and v.dtype != views[0].dtype:
                c.refuse(
                    "SYMO_E_DTYPE",
                    f"{what}: tensor {name} is {c.NAMES[v.dtype]}, the first one is "
                    f"{c.NAMES[views[0].dtype]}",
                )
            views.append(v)
        return views

    def _parts(self):
        return zip(self._slices, self.tensors.values())

    def _empty_like(self, arrays, dtype):
        """New arrays of the form of `arrays` (flat, dict, list)."""
        flat = np.empty(self.num_parameters, dtype)
        if isinstance(arrays, np.ndarray):
            return flat
        return self._form(flat, arrays)

    def _form(self, flat, arrays):
        tensors = self.split(flat)
        return tensors if hasattr(arrays, "keys") else list(tensors.values())

    def __reduce__(self):
        return (Layout, (self.to_dict(), self.groups))

    def __deepcopy__(self, memo):
        return Layout(self.to_dict(), self.groups)

    def __repr__(self):
        try:
            return f"symo.Layout({self.to_text()!r})"
        except c.Error:
            return f"symo.Layout({self.to_dict()!r})"


def flat_copy(layout, params, dtype):
    """A new flat array with the numbers of one, of a dict by name or of a list."""
    flat = np.empty(layout.num_parameters, dtype)
    if isinstance(params, np.ndarray):
        flat[:] = params
        return flat
    arrays = params.values() if hasattr(params, "keys") else params
    if hasattr(params, "keys"):
        arrays = [params[name] for name in layout.tensors]
    for to, array in zip(layout.split(flat).values(), arrays):
        to[...] = np.asarray(array.detach() if hasattr(array, "detach") else array)
    return flat


def add_groups(context, groups):
    """Lets texts and files that are read with this context name the groups."""
    for group in groups:
        if not isinstance(group, Group):
            c.refuse("SYMO_E_ARGUMENT", f"layout: {group!r} is no symo.Group")
        c.check(lib.symo_context_add_group(context, group._pointer), context)


Generators = Union[Sequence[Any], Callable[[int], Sequence[Any]]]


def group(
    *,
    permutations: Generators = (),
    generators: Generators = (),
    lie_generators: Generators = (),
    act: Callable[[np.ndarray, int], np.ndarray] | None = None,
    elements: int = 8,
    seed: int = 0,
    dim: int | None = None,
) -> dict[str, Any]:
    """A group of your own for a space of a layout, from arrays or from a function of the dimension.

    The group is the closure of what all of these generate together.  The library finds its irreps,
    so nothing else has to be known of it.

    Parameters
    ----------
    permutations : sequence of [d] integers, or callable
        Images: ``y[image[i]] = x[i]``.
    generators : sequence of [d, d] arrays, or callable
        Orthogonal matrices.
    lie_generators : sequence of [d, d] arrays, or callable
        Antisymmetric matrices A: all ``exp(t A)``.
    act : callable, optional
        ``act(x, seed)`` returns x [dim, lanes], moved by a random element of the group that the
        seed chooses; it is linear and orthogonal.  Its matrices at `elements` seeds are generators:
        together they generate a group that has what all of them fix.
    elements, seed : int
        How many elements are taken, and the first seed.  Twice as many have to leave as much fixed,
        or it is an error.
    dim : int, optional
        Needed where one of these is a callable, which gets it.

    Returns
    -------
    dict
        For ``"spaces"`` of the dict that :class:`Layout` takes.

    Examples
    --------
    >>> import numpy as np, symo
    >>> def shift(d):  # cyclic shifts
    ...     return [np.roll(np.arange(d), -1)]
    >>> layout = symo.Layout({
    ...     "spaces": {"x": symo.group(permutations=shift, dim=6)},
    ...     "tensors": [{"name": "w", "axes": ["x", "x"]}]})
    >>> h = symo.estimate(layout, np.random.default_rng(0).normal(size=36))
    >>> a = h.to_dense().reshape(6, 6, 6, 6)
    >>> bool(np.allclose(a, np.roll(a, 1, (0, 1, 2, 3))))  # it commutes with the shifts
    True
    """

    def made(given, order):
        if callable(given):
            if dim is None:
                c.refuse("SYMO_E_ARGUMENT", "group: dim is missing (a function of it is given)")
            given = given(dim)
        arrays = [np.asarray(x) for x in given]
        for x in arrays:
            if x.ndim != order or len(set(x.shape)) > 1:
                c.refuse("SYMO_E_SHAPE", f"group: a generator has shape {x.shape}")
        return [x.astype(int if order == 1 else float).tolist() for x in arrays]

    out: dict[str, Any] = {"group": "custom"}
    finite = made(permutations, 1) + made(generators, 2)
    if act is not None:
        finite += _elements(act, dim, elements, seed)
    lie = made(lie_generators, 2)
    if finite:
        out["generators"] = finite
    if lie:
        out["lie_generators"] = lie
    if dim is not None:
        out["dim"] = int(dim)
    return out


def _elements(act, dim, count, seed):
    """Matrices of random elements, as lists."""
    if dim is None or count < 1:
        c.refuse("SYMO_E_ARGUMENT", "group: act needs dim, and one element at least")
    found = [np.array(act(np.eye(dim), seed + k), "f8") for k in range(2 * count)]
    for q in found:
        if q.shape != (dim, dim):
            c.refuse("SYMO_E_SHAPE", f"group: act gives {q.shape} for {(dim, dim)}")
        defect = np.abs(q.T @ q - np.eye(dim)).max()
        if not defect <= 1e-9:
            c.refuse("SYMO_E_ARGUMENT", f"group: act is not orthogonal (by {defect:.2g})")
    x = _commuting(found[:count])
    tilt = max(np.abs(q @ x @ q.T - x).max() for q in found)
    if tilt > 1e-6 * np.abs(x).max():
        c.refuse(
            "SYMO_E_ARGUMENT",
            f"group: what {count} elements leave as it is, others move (raise elements)",
        )
    return [q.tolist() for q in found[:count]]


def _commuting(matrices):
    """A matrix that commutes with all of these and with little else: means over longer and longer
    words of a random one."""
    dim = len(matrices[0])
    x = np.random.default_rng(0).normal(size=(dim, dim))
    for _ in range(10000):
        moved = (x + sum(q @ x @ q.T for q in matrices)) / (len(matrices) + 1)
        if np.abs(moved - x).max() <= 1e-12 * np.abs(x).max():
            break
        x = moved
    return x


def _row_major(shape, step):
    strides = []
    for d in reversed(shape):
        strides.insert(0, step)
        step *= d
    return tuple(strides)


def as_layout(layout: c.LayoutLike) -> Layout:
    """The layout, made of what was given where it is none yet."""
    return layout if isinstance(layout, Layout) else Layout(layout)
