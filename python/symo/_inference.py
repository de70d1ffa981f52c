"""Layouts of torch models: what the library infers from the operations of a model."""

from __future__ import annotations

import copy
import ctypes
import difflib
import fnmatch
import json
import re
from collections import OrderedDict
from ctypes import byref, c_void_p
from typing import Any

import torch
from torch import nn

from . import _library as c
from ._library import lib
from ._trace import clean, numel, trace


class InferredLayout(dict):
    """What a layout file holds, as :class:`symo.Layout` takes it, with what was found out.

    ``print`` shows every space, the tensors that it stands on, and why its group is no larger.

    Attributes
    ----------
    found : list of dict
        Each space as ``symo symmetries --json`` has it: ``name``, ``dim``, ``group``, ``scaling``,
        ``together``, ``axes``, ``reasons``, ``weaker`` and ``other``.
    """

    def __init__(self, layout, found):
        super().__init__(layout)
        self.found = found

    def why(self, tensor: str) -> str:
        """One line on the spaces of a tensor and the first reason of each."""
        spaces = {s["name"]: s for s in self.found}
        axes = next(t["axes"] for t in self["tensors"] if t["name"] == tensor)
        seen = dict.fromkeys(axis.rstrip("*") for axis in axes)
        words = []
        for name in seen:
            reason = next(iter(spaces[name]["reasons"]), "") if name in spaces else ""
            words.append(f"{name}: {_group_text(self['spaces'][name])}{reason and f' ({reason})'}")
        return "; ".join(words) or "no axis"

    def __str__(self):
        lines = []
        for s in self.found:
            on = " ".join(f"{a['tensor']} axis {a['axis']}" for a in s["axes"])
            lines += ["", f"{s['name']}, dimension {s['dim']}: {s['group']}", f"  on       {on}"]
            for key, word in (("reasons", "because"), ("weaker", "passes"), ("other", "besides")):
                lines += [f"  {word:8} {text}" for text in s[key]]
        return "\n".join(lines[1:])


def _group_text(space):
    return space["group"] if isinstance(space, dict) else str(space)


def layout_of_graph(
    graph: dict[str, Any] | str, scaling: float = 0.0
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A layout and the findings, from a graph as docs/graphs.md describes it.

    Parameters
    ----------
    graph : dict or str
        The graph, or its JSON.
    scaling : float
        Above 0: where units may be rescaled, the group scaling with this window.

    Returns
    -------
    layout : dict
        What a layout file holds.
    found : list of dict
        The spaces, with reasons.
    """
    text = graph if isinstance(graph, str) else json.dumps(graph)
    context, layout, report = c.new_context(), c_void_p(), c_void_p()
    status = lib.symo_graph_layout(
        context.pointer, text.encode(), float(scaling), byref(layout), byref(report)
    )
    c.check(status, context.pointer)
    lib.symo_layout_destroy(layout)
    try:
        found = json.loads(ctypes.string_at(report).decode())
    finally:
        lib.symo_free(report)
    return found["layout"], found["spaces"]


def infer(model, example_input, groups=None, scaling=0.0):
    args, kwargs = _arguments(example_input)
    graph = trace(model, args, kwargs)
    nodes = graph.pruned()
    while True:
        try:
            layout, found = layout_of_graph({"nodes": nodes}, scaling)
            break
        except c.Error as error:
            nodes = _without(graph, nodes, error)
    layout, found = _completed(model, layout, found)
    for pattern, group in (groups or {}).items():
        _override(layout, found, pattern, group)
    return InferredLayout(layout, found)


def _arguments(example):
    if isinstance(example, dict):
        return (), example
    return (tuple(example) if isinstance(example, (tuple, list)) else (example,)), {}


def _without(graph, nodes, error):
    """The nodes, with the one that the library has no room for as one that it does not know."""
    at = re.match(r"graph: nodes\[(\d+)\]", error.text)
    node = nodes[int(at.group(1))] if at else None
    if node is None or not node.get("from") or node["op"] in ("output", "opaque"):
        raise error
    sources = node["from"] if isinstance(node["from"], list) else [node["from"]]
    what = f"{node['op']} here ({error.text.split(': ', 2)[-1]})"[:150]
    shape = list(graph.shapes[node["name"]])
    replaced = dict(op="opaque", name=node["name"], shape=shape, function=what)
    replaced["from"] = list(dict.fromkeys(sources))
    graph.nodes = [replaced if n is node else n for n in nodes]
    return graph.pruned()


def _completed(model, layout, found):
    """With the parameters that the example does not use, in the order of the model."""
    tensors = {t["name"]: t for t in layout["tensors"]}
    spaces = dict(layout["spaces"])
    ordered = []
    for name, p in model.named_parameters():
        name = clean(name)
        tensor = tensors.get(name)
        if tensor is None:
            axes = []
            for a, d in enumerate(p.shape):
                space = f"{name}.{a}"
                while space in spaces:
                    space += "_"
                spaces[space] = {"dim": int(d), "group": "identity"}
                axes.append(space)
                on = [{"tensor": name, "axis": a}]
                why = ["no operation that is understood uses the tensor on this example"]
                found = found + [
                    dict(name=space, dim=int(d), group="identity", scaling=False, together=[],
                         axes=on, reasons=why, weaker=[], other=[])
                ]  # fmt: skip
            tensor = {"name": name, "axes": axes}
        elif numel(spaces[a.rstrip("*")]["dim"] for a in tensor["axes"]) != p.numel():
            raise AssertionError(f"{name}: {tensor['axes']} for {tuple(p.shape)}")
        ordered.append(tensor)
    return {"spaces": spaces, "tensors": ordered}, found


def _override(layout, found, pattern, group):
    """Gives the spaces that a pattern names another group: SPACE, or TENSOR[AXIS]."""
    names = {name: name for name in layout["spaces"]}
    for tensor in layout["tensors"]:
        for a, axis in enumerate(tensor["axes"]):
            names[f"{tensor['name']}[{a}]"] = axis.rstrip("*")
    escaped = re.sub(r"\[(\d+)\]$", r"[[]\1]", pattern)
    hit = {space for name, space in names.items() if fnmatch.fnmatchcase(name, escaped)}
    if not hit:
        near = difflib.get_close_matches(pattern, names, 1)
        c.refuse(
            "SYMO_E_NAME",
            f"infer_layout: groups: no space, and no TENSOR[AXIS], is called {pattern}"
            + (f" (did you mean {near[0]}?)" if near else " (print the layout to see the names)"),
        )
    for space in found:
        if space["name"] not in hit:
            continue
        new = dict(group) if isinstance(group, dict) else {"group": group}
        layout["spaces"][space["name"]] = {"dim": space["dim"], **new}
        space["weaker"] = [f"the operations: {space['group']}"]
        space.update(group=_group_text(new), together=[], reasons=["it was asked for"])


# ---- chains of Linear layers, without an example ----

# What acts on every unit by itself; the library says what it leaves.
_POINTWISE = (
    nn.Tanh, nn.Hardtanh, nn.Softsign, nn.Tanhshrink, nn.Softshrink, nn.Hardshrink, nn.Identity,
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish,
    nn.Sigmoid, nn.LogSigmoid, nn.Hardsigmoid, nn.Hardswish, nn.Softplus, nn.Dropout,
    nn.AlphaDropout,
)  # fmt: skip


def is_pointwise(module):
    return type(module) in _POINTWISE


def hidden_group(between):
    """The group of the units between two Linear layers, as the library infers it.

    It depends on what stands between them only, so small layers take their place, and copies
    without the hooks of the caller that of the modules between.
    """
    twins = []
    for module in between:
        twin = copy.copy(module)
        twin._forward_hooks, twin._forward_pre_hooks = OrderedDict(), OrderedDict()
        twins.append(twin)
    with torch.random.fork_rng(devices=[]):
        chain = nn.Sequential(nn.Linear(2, 3), *twins, nn.Linear(3, 2))
    return infer(chain, torch.zeros(1, 2, dtype=chain[0].weight.dtype))["spaces"]["0"]["group"]
