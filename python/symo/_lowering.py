"""What each function of torch is in the operations of graphs: one small function each.

A rule gets the tracer, the arguments by name and what the function returned, and gives the values
of the tensors in it, None for those that are constant.
"""

import inspect
from typing import Any

import torch
import torch.nn.functional as F

from . import _trace as t
from ._trace import signature_of

RULES: dict[str, Any] = {}


def rule(names, signature=None):
    def add(function):
        for name in names.split():
            RULES[name] = (signature and signature_of(signature), function)
        return function

    return add


def lower(tracer, name, args, kwargs, out):
    """Values of the tensors in `out`, or NotImplemented."""
    g = tracer.graph
    if name in RULES:
        signature, function = RULES[name]
        if signature is None:
            return function(tracer, name, args, kwargs, out)
        try:
            a = t.arguments(signature, args, kwargs)
        except TypeError:
            return NotImplemented
        return function(tracer, a, out)
    if name in t.ALIAS:
        return [tracer.get(args[0])]
    if name in t.SHAPED:
        return [g.reshape(tracer.get(args[0]), out.shape)]
    if name in t.REDUCED:
        return _reduce(tracer, name, args, kwargs, out)
    if name in t.POINTWISE or name in t.ENTRYWISE:
        return _entrywise(tracer, name, args, kwargs, out)
    if name in t.LOSSES:
        for tensor in t._tensors((args, kwargs)):
            if tracer.get(tensor) is not None:
                g.output(tracer.get(tensor), name)
        return [None]
    return NotImplemented


def _is_zero(tensor):
    return bool(torch.count_nonzero(tensor) == 0)


def _split_args(tracer, args, kwargs):
    """Traced values, given tensors of several numbers, and the other arguments."""
    traced, given = [], []
    for x in t._tensors((args, kwargs)):
        value = tracer.get(x)
        if value is not None:
            traced.append(value)
        elif x.numel() > 1:
            given.append(x)
    return traced, given


def _entrywise(tracer, name, args, kwargs, out):
    g = tracer.graph
    traced, given = _split_args(tracer, args, kwargs)
    zeros = [x for x in given if _is_zero(x)]
    scalars = [x for x in args[1:] if isinstance(x, (int, float))]
    if name in ("add", "sub", "subtract", "rsub"):
        given = [x for x in given if not any(x is z for z in zeros)]
        number = any(x != 0 for x in scalars) or any(
            x.numel() == 1 and tracer.get(x) is None and not _is_zero(x)
            for x in t._tensors((args, kwargs))
        )
        values = traced + [g.constant(x.shape) for x in given]
        shapes = [v.shape for v in values]
        value = values[0] if len(values) == 1 else None
        if torch.broadcast_shapes(*shapes) != tuple(out.shape):
            return NotImplemented
        value = value or g.meet("add", values)
        return [g.activation(value, f"adding a number to a value") if number else value]
    if name in ("mul", "multiply", "div", "true_divide", "divide") and not kwargs.get(
        "rounding_mode"
    ):
        if name[0] == "m" and zeros:
            return [None]
        values = traced + [g.constant(x.shape) for x in given]
        if len(values) == 1:
            first = tracer.get(args[0]) if isinstance(args[0], torch.Tensor) else None
            if name[0] == "m" or first is not None:
                return [g.reshape(values[0], out.shape)]  # times a number
            return [g.activation(values[0], name)]
        if name[0] == "m":
            return [g.meet("multiply", values)]
        return [g.meet("entrywise", values, function="division")]
    if name == "pow" and len(traced) == 1 and scalars == [2]:
        name = "square"
    if name == "hardtanh":
        low = kwargs.get("min_val", args[1] if len(args) > 1 else -1.0)
        high = kwargs.get("max_val", args[2] if len(args) > 2 else 1.0)
        return [g.activation(traced[0], name if low == -high else "a clamp of unequal bounds")]
    if name == "prelu" and traced[1:]:
        x, weight = traced
        n = weight.shape[0] if weight.order else 1
        weight = g.reshape(weight, [n if n > 1 else 1] + [1] * (x.order - 2))
        return [g.meet("entrywise", [x, weight], function=name)]
    values = traced + [g.constant(x.shape) for x in given]
    if len(values) == 1:
        value = g.activation(values[0], t.POINTWISE.get(name, name))
        return [g.reshape(value, out.shape)]
    if torch.broadcast_shapes(*[v.shape for v in values]) != tuple(out.shape):
        return NotImplemented
    return [g.meet("entrywise", values, function=name)]


# ---- sums along axes ----


def _axes(dim, order):
    if dim is None or dim == []:
        return list(range(order))
    return [d % order for d in ([dim] if isinstance(dim, int) else dim)] if order else []


def _reduce(tracer, name, args, kwargs, out):
    g, v = tracer.graph, tracer.get(args[0])
    if v is None:
        return NotImplemented
    at = {"norm": 2, "vector_norm": 2}.get(name, 1)
    dim = kwargs.get("dim", kwargs.get("axis", args[at] if len(args) > at else None))
    if isinstance(dim, bool) or (dim is not None and not isinstance(dim, (int, tuple, list))):
        return NotImplemented
    if name not in ("mean", "sum", "amax", "nansum"):
        v = g.activation(v, name)
    kind = {"mean": "mean", "amax": "max"}.get(name, "sum")
    for axis in sorted(_axes(dim, v.order), reverse=True):
        v = g.reduce(v, axis, kind)
    return [g.reshape(v, out.shape)]


@rule("max min")
def _max(tracer, name, args, kwargs, out):
    g = tracer.graph
    if isinstance(out, torch.Tensor):
        if len(t._tensors((args, kwargs))) > 1:
            return _entrywise(tracer, name + "imum", args, kwargs, out)
        v = g.activation(tracer.get(args[0]), name)
        while v.order:
            v = g.reduce(v, 0, "max")
        return [v]
    dim = kwargs.get("dim", args[1] if len(args) > 1 else 0)
    v = tracer.get(args[0])
    if name == "min":
        v = g.activation(v, name)
    largest = g.reduce(v, dim % v.order, "max")
    indices = g.opaque([tracer.get(args[0])], out[1].shape, f"the place of the {name}")
    return [g.reshape(largest, out[0].shape), indices]


# ---- axes ----


@rule("permute", None)
def _permute(tracer, name, args, kwargs, out):
    dims = kwargs.get("dims", args[1:])
    dims = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
    return [tracer.graph.transpose(tracer.get(args[0]), list(dims))]


@rule("transpose swapaxes swapdims", "input, dim0=None, dim1=None, axis0=None, axis1=None")
def _transpose(tracer, a, out):
    first = a["axis0"] if a["dim0"] is None else a["dim0"]
    second = a["axis1"] if a["dim1"] is None else a["dim1"]
    return [tracer.graph.swap(tracer.get(a["input"]), first, second)]


@rule("t T mT adjoint", "input")
def _turn(tracer, a, out):
    v = tracer.get(a["input"])
    return [tracer.graph.swap(v, -1, -2) if v.order > 1 else v]


@rule("movedim moveaxis", "input, source, destination")
def _movedim(tracer, a, out):
    v = tracer.get(a["input"])
    source, to = _axes(a["source"], v.order), _axes(a["destination"], v.order)
    rest = iter([i for i in range(v.order) if i not in source])
    place = dict(zip(to, source))
    return [
        tracer.graph.transpose(v, [place[i] if i in place else next(rest) for i in range(v.order)])
    ]


@rule("expand expand_as broadcast_to", None)
def _expand(tracer, name, args, kwargs, out):
    g, v = tracer.graph, tracer.get(args[0])
    if v is None:
        return [None]
    v = g.reshape(v, (1,) * (out.dim() - v.order) + v.shape)
    for axis, d in enumerate(out.shape):
        if v.shape[axis] != d:
            shape = v.shape[:axis] + (d,) + v.shape[axis + 1 :]
            v = g.add("repeat", [v], shape, axis=axis, out=int(d))
    return [v]


@rule("repeat tile", None)
def _repeat(tracer, name, args, kwargs, out):
    v = tracer.get(args[0])
    shape = (1,) * (out.dim() - v.order) + v.shape
    if any(d not in (1, n) for d, n in zip(shape, out.shape)):
        return NotImplemented
    return _expand(tracer, name, args, kwargs, out)


@rule("__getitem__", None)
def _getitem(tracer, name, args, kwargs, out):
    g, (x, index) = tracer.graph, args
    v = tracer.get(x)
    if v is None:
        return NotImplemented
    index = index if isinstance(index, tuple) else (index,)
    if any(isinstance(i, (torch.Tensor, list)) or type(i).__module__ == "numpy" for i in index):
        return _gather(g, tracer, v, index, out)
    if any(isinstance(i, bool) for i in index):
        return NotImplemented
    count = sum(i is not None and i is not Ellipsis for i in index)
    if Ellipsis not in index:
        index = index + (Ellipsis,)
    at = index.index(Ellipsis)
    index = index[:at] + (slice(None),) * (v.order - count) + index[at + 1 :]
    axis = 0
    for i in index:
        if i is None:
            continue
        if isinstance(i, slice):
            start, stop, step = i.indices(v.shape[axis])
            size = len(range(start, stop, step))
            if step == 1:
                v = g.part(v, axis, start, size)
            else:
                shape = v.shape[:axis] + (size,) + v.shape[axis + 1 :]
                v = g.add("slice", [v], shape, axis=axis, out=size)
            axis += 1
        else:
            v = g.take(v, axis, int(i))
    return [g.reshape(v, out.shape)]


def _gather(g, tracer, v, index, out):
    """One list of places on one axis, given; all else is not understood."""
    lists = [k for k, i in enumerate(index) if isinstance(i, (torch.Tensor, list))]
    whole = all(k in lists or i == slice(None) for k, i in enumerate(index))
    if len(lists) != 1 or not whole or tracer.get(index[lists[0]]) is not None:
        return NotImplemented
    axis = lists[0]
    if isinstance(index[axis], torch.Tensor) and index[axis].dim() != 1 or out.dim() != v.order:
        return NotImplemented
    if out.shape[axis] > v.shape[axis]:
        return NotImplemented
    return [g.add("slice", [v], out.shape, axis=axis, out=int(out.shape[axis]))]


@rule("select", "input, dim, index")
def _select(tracer, a, out):
    return [tracer.graph.take(tracer.get(a["input"]), a["dim"], a["index"])]


@rule("narrow", "input, dim, start, length")
def _narrow(tracer, a, out):
    return [tracer.graph.part(tracer.get(a["input"]), a["dim"], int(a["start"]), a["length"])]


@rule("index_select", "input, dim, index")
def _index_select(tracer, a, out):
    v, d = tracer.get(a["input"]), out.shape[a["dim"]]
    if v is None or tracer.get(a["index"]) is not None or d > v.shape[a["dim"]]:
        return NotImplemented
    return [tracer.graph.add("slice", [v], out.shape, axis=a["dim"] % v.order, out=int(d))]


@rule("chunk split tensor_split split_with_sizes", None)
def _chunk(tracer, name, args, kwargs, out):
    v = tracer.get(args[0])
    axis = kwargs.get("dim", args[2] if len(args) > 2 else 0) % v.order
    values, start = [], 0
    for piece in out:
        values.append(tracer.graph.part(v, axis, start, int(piece.shape[axis])))
        start += piece.shape[axis]
    return values


@rule("unbind", "input, dim=0")
def _unbind(tracer, a, out):
    v = tracer.get(a["input"])
    return [tracer.graph.take(v, a["dim"], i) for i in range(len(out))]


@rule("cat concat concatenate", None)
def _cat(tracer, name, args, kwargs, out):
    axis = kwargs.get("dim", kwargs.get("axis", args[1] if len(args) > 1 else 0))
    tensors = [x for x in kwargs.get("tensors", args[0] if args else ()) if x.numel()]
    return [tracer.graph.concat([tracer.some(x) for x in tensors], axis)]


@rule("stack", "tensors, dim=0")
def _stack(tracer, a, out):
    axis, g = a["dim"] % out.dim(), tracer.graph
    values = []
    for x in a["tensors"]:
        v = tracer.some(x)
        values.append(g.reshape(v, v.shape[:axis] + (1,) + v.shape[axis:]))
    return [g.concat(values, axis)]


@rule("pad", "input, pad, mode='constant', value=None")
def _pad(tracer, a, out):
    g, v, pad = tracer.graph, tracer.get(a["input"]), list(a["pad"])
    if any(p < 0 for p in pad):
        return NotImplemented
    for k in range(len(pad) // 2):
        axis, more = v.order - 1 - k, pad[2 * k] + pad[2 * k + 1]
        if more:
            shape = v.shape[:axis] + (more,) + v.shape[axis + 1 :]
            v = g.concat([v, g.constant(shape)], axis)
    return [v]


# ---- linear maps ----


def _is_param(tracer, x):
    return x is None or tracer.is_parameter(x)


def _named(tracer, **tensors):
    """Keys of a node that hold names of parameters."""
    return {
        key: t.clean(tracer.graph.parameters[id(x)]) for key, x in tensors.items() if x is not None
    }


def _linear(tracer, v, weight, bias):
    """v W' + b; W and b are parameters, or else values."""
    g, shape = tracer.graph, v.shape[:-1] + (weight.shape[0],)
    if _is_param(tracer, weight) and _is_param(tracer, bias):
        keys = _named(tracer, weight=weight, bias=bias)
        return g.add("dense", [v], shape, out=int(weight.shape[0]), **keys)
    two = v if v.order > 1 else g.reshape(v, (1,) + v.shape)
    y = g.reshape(g.matmul(two, tracer.some(weight), True), shape)
    return y if bias is None else g.meet("add", [y, tracer.some(bias)])


@rule("linear", "input, weight, bias=None")
def _dense(tracer, a, out):
    x, weight, bias = a["input"], a["weight"], a["bias"]
    if tracer.get(x) is None and _is_zero(x):  # the first state of a recurrence
        return _expand(tracer, "", [bias], {}, out) if bias is not None else [None]
    return [_linear(tracer, tracer.some(x), weight, bias)]


@rule("matmul mm bmm mv dot inner", "a, b")
def _matmul(tracer, a, out):
    g, x, y = tracer.graph, tracer.some(a["a"]), tracer.some(a["b"])
    x = x if x.order > 1 else g.reshape(x, (1,) + x.shape)
    y = y if y.order > 1 else g.reshape(y, y.shape + (1,))
    return [g.reshape(g.matmul(x, y), out.shape)]


@rule("addmm baddbmm addbmm", "c, a, b, beta=1, alpha=1")
def _addmm(tracer, a, out):
    if a["a"].dim() != out.dim():
        return NotImplemented
    g = tracer.graph
    y = g.matmul(tracer.some(a["a"]), tracer.some(a["b"]))
    return [y if a["beta"] == 0 else g.meet("add", [y, tracer.some(a["c"])])]


@rule("einsum", None)
def _einsum(tracer, name, args, kwargs, out):
    if not isinstance(args[0], str):
        return NotImplemented
    tensors = args[1] if len(args) == 2 and isinstance(args[1], (list, tuple)) else args[1:]
    text = args[0].replace(" ", "")
    if "." in text or len(tensors) != 2:
        return NotImplemented
    sources, _, to = text.partition("->")
    first, second = sources.split(",")
    if "->" not in text:
        letters = sorted(set(first + second))
        to = "".join(x for x in letters if (first + second).count(x) == 1)
    if any(len(set(x)) != len(x) for x in (first, second, to)):
        return NotImplemented
    g = tracer.graph
    x, y = tracer.some(tensors[0]), tracer.some(tensors[1])
    x, first = _sum_alone(g, x, first, second + to)
    y, second = _sum_alone(g, y, second, first + to)
    sizes = {**dict(zip(first, x.shape)), **dict(zip(second, y.shape))}
    batch = [k for k in first if k in second and k in to]
    inner = [k for k in first if k in second and k not in to]
    rows = [k for k in first if k not in second]
    columns = [k for k in second if k not in first]
    size = lambda keys: [sizes[k] for k in keys]  # noqa: E731
    one = lambda keys: t.numel(size(keys))  # noqa: E731
    x = g.transpose(x, [first.index(k) for k in batch + rows + inner]) if x.order else x
    y = g.transpose(y, [second.index(k) for k in batch + inner + columns]) if y.order else y
    x = g.reshape(x, size(batch) + [one(rows), one(inner)])
    y = g.reshape(y, size(batch) + [one(inner), one(columns)])
    made = batch + rows + columns
    z = g.reshape(g.matmul(x, y), size(made))
    return [g.transpose(z, [made.index(k) for k in to]) if z.order else z]


def _sum_alone(g, v, letters, others):
    for axis in reversed(range(len(letters))):
        if letters[axis] not in others:
            v = g.reduce(v, axis, "sum")
            letters = letters[:axis] + letters[axis + 1 :]
    return v, letters


@rule(
    "embedding",
    "input, weight, padding_idx=None, max_norm=None, norm_type=2, scale_grad_by_freq=False, "
    "sparse=False",
)
def _embedding(tracer, a, out):
    weight = a["weight"]
    if not tracer.is_parameter(weight) or a["max_norm"] is not None:
        return NotImplemented
    rows, width = weight.shape
    keys = _named(tracer, weight=weight)
    v = tracer.some(a["input"])
    if v.order == 0:
        v = tracer.graph.reshape(v, [1])
    v = tracer.graph.add(
        "embedding", [v], v.shape + (width,), rows=int(rows), out=int(width), **keys
    )
    return [tracer.graph.reshape(v, out.shape)]


@rule("conv1d conv2d", None)
def _conv(tracer, name, args, kwargs, out):
    a = t.arguments(
        signature_of("input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1"),
        args,
        kwargs,
    )
    weight, bias, groups = a["weight"], a["bias"], a["groups"]
    axes = int(name[4])
    channels = a["input"].shape[-axes - 1]
    if not _is_param(tracer, weight) or not _is_param(tracer, bias):
        return NotImplemented
    keys = _named(tracer, weight=weight, bias=bias)
    if groups != 1:
        if not groups == channels == weight.shape[0]:
            return NotImplemented
        keys["depthwise"] = True
    return [
        tracer.graph.add(
            name,
            [tracer.some(a["input"])],
            out.shape,
            out=int(weight.shape[0]),
            kernel=list(weight.shape[2:]),
            positions=list(out.shape[-axes:]),
            **keys,
        )
    ]


@rule(
    "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d "
    "adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d interpolate "
    "upsample lp_pool1d lp_pool2d boolean_dispatch fn _max_pool1d _max_pool2d",
    None,
)
def _pool(tracer, name, args, kwargs, out):
    if not isinstance(out, torch.Tensor):
        return NotImplemented
    v = tracer.get(args[0])
    axes = v.order - 2 if name in ("interpolate", "upsample") else None
    if axes is None:
        digits = [int(x) for x in name if x.isdigit()]
        axes = digits[0] if digits else v.order - 2
    kind = "average" if name.startswith(("avg", "adaptive_avg", "interp", "upsample")) else "max"
    if name.startswith("lp"):
        v = tracer.graph.activation(v, name)
    keys = dict(window=[1] * axes, positions=list(out.shape[-axes:]), kind=kind)
    return [tracer.graph.add("pool", [v], out.shape, **keys)]


# ---- norms, softmax, dropout ----


@rule(
    "layer_norm rms_norm native_layer_norm",
    "input, normalized_shape, weight=None, bias=None, eps=None",
)
def _norm(tracer, a, out, op="layernorm"):
    g, v = tracer.graph, tracer.get(a["input"])
    weight, bias = a["weight"], a["bias"]
    if (
        not _is_param(tracer, weight)
        or not _is_param(tracer, bias)
        or not isinstance(out, torch.Tensor)
    ):
        return NotImplemented
    last = t.numel(a["normalized_shape"])
    v = g.reshape(v, v.shape[: v.order - len(a["normalized_shape"])] + (last,))
    v = g.add(op, [v], v.shape, **_named(tracer, gain=weight, bias=bias))
    return [g.reshape(v, out.shape)]


@rule("rms_norm", "input, normalized_shape, weight=None, eps=None")
def _rms_norm(tracer, a, out):
    return _norm(tracer, {**a, "bias": None}, out, "rmsnorm")


@rule(
    "batch_norm",
    "input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, "
    "eps=1e-5",
)
def _batch_norm(tracer, a, out):
    if not _is_param(tracer, a["weight"]) or not _is_param(tracer, a["bias"]):
        return NotImplemented
    keys = _named(tracer, gain=a["weight"], bias=a["bias"])
    return [tracer.graph.add("batchnorm", [tracer.get(a["input"])], out.shape, axis=1, **keys)]


@rule(
    "instance_norm",
    "input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, "
    "momentum=0.1, eps=1e-5",
)
def _instance_norm(tracer, a, out):
    return _batch_norm(tracer, a, out)


@rule("group_norm", "input, num_groups, weight=None, bias=None, eps=1e-5")
def _group_norm(tracer, a, out):
    g, v = tracer.graph, tracer.get(a["input"])
    n, channels, places = v.shape[0], v.shape[1], v.shape[2:]
    if a["num_groups"] > 1:
        v = g.reshape(v, (n, a["num_groups"], channels // a["num_groups"]) + places)
    axis = 1 if a["num_groups"] == 1 else 2
    order = [i for i in range(v.order) if i != axis] + [axis]
    v = g.transpose(v, order)
    v = g.add("layernorm", [v], v.shape)
    v = g.transpose(v, [order.index(i) for i in range(v.order)])
    v = g.reshape(v, out.shape)
    for op, tensor in (("multiply", a["weight"]), ("add", a["bias"])):
        if tensor is not None:
            shape = (channels,) + (1,) * len(places)
            v = g.meet(op, [v, g.reshape(tracer.some(tensor), shape)])
    return [v]


@rule("normalize", "input, p=2.0, dim=1, eps=1e-12, out=None")
def _normalize(tracer, a, out):
    g, v = tracer.graph, tracer.get(a["input"])
    axis = a["dim"] % v.order
    norm = g.reduce(g.activation(v, "square"), axis, "sum")
    norm = g.reshape(norm, v.shape[:axis] + (1,) + v.shape[axis + 1 :])
    return [g.meet("entrywise", [v, norm], function="division")]


@rule("softmax log_softmax softmin gumbel_softmax _softmax", None)
def _softmax(tracer, name, args, kwargs, out):
    return [tracer.graph.softmax(tracer.get(args[0]))]


@rule(
    "dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout feature_alpha_dropout",
    None,
)
def _dropout(tracer, name, args, kwargs, out):
    p = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
    return [tracer.graph.dropout(tracer.get(args[0]), p)]


@rule("glu", "input, dim=-1")
def _glu(tracer, a, out):
    g, v, axis = tracer.graph, tracer.get(a["input"]), a["dim"] % a["input"].dim()
    half = v.shape[axis] // 2
    first, second = g.part(v, axis, 0, half), g.part(v, axis, half, half)
    return [g.meet("multiply", [first, g.activation(second, "sigmoid")])]


# ---- attention ----


def _attend(tracer, q, k, v, mask, causal, p):
    """softmax(q k' + mask) v and the weights, with heads and examples before the last two axes."""
    g = tracer.graph
    scores = g.matmul(q, k, True)
    if causal:
        scores = g.meet("add", [scores, g.constant(scores.shape[-2:])])
    for m in mask:
        scores = g.meet("add", [scores, m])
    weights = g.softmax(scores)
    return g.matmul(g.dropout(weights, p), v), weights


@rule(
    "scaled_dot_product_attention",
    "query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, "
    "enable_gqa=False",
)
def _sdpa(tracer, a, out):
    q, k, v = (tracer.some(a[x]) for x in ("query", "key", "value"))
    if q.order < 2 or q.shape[:-2] != k.shape[:-2] or k.shape[:-2] != v.shape[:-2]:
        return NotImplemented
    mask = [] if a["attn_mask"] is None else [tracer.some(a["attn_mask"])]
    return [_attend(tracer, q, k, v, mask, a["is_causal"], a["dropout_p"])[0]]


_MHA = inspect.signature(F.multi_head_attention_forward)


@rule("multi_head_attention_forward", None)
def _mha(tracer, name, args, kwargs, out):
    a = t.arguments(_MHA, args, kwargs)
    if a["bias_k"] is not None or a["add_zero_attn"] or a["static_k"] is not None:
        return NotImplemented
    g, heads = tracer.graph, a["num_heads"]
    q, k, v = _projections(tracer, a)
    batched = q.order == 3
    q, k, v = (_heads(g, x, heads, batched) for x in (q, k, v))
    masks = []
    if a["attn_mask"] is not None:
        m = tracer.some(a["attn_mask"])
        masks.append(g.reshape(m, q.shape[:2] + m.shape[1:]) if batched and m.order == 3 else m)
    if a["key_padding_mask"] is not None:
        m = tracer.some(a["key_padding_mask"])
        masks.append(g.reshape(m, (m.shape[0], 1, 1, m.shape[1]) if batched else (1, 1) + m.shape))
    y, weights = _attend(tracer, q, k, v, masks, False, a["dropout_p"])
    y = g.transpose(y, [2, 0, 1, 3] if batched else [1, 0, 2])
    y = g.reshape(y, y.shape[:-2] + (y.shape[-2] * y.shape[-1],))
    y = _linear(tracer, y, a["out_proj_weight"], a["out_proj_bias"])
    if out[1] is None:
        return [y]
    if a["average_attn_weights"]:
        weights = g.reduce(weights, weights.order - 3, "mean")
    return [y, weights]


def _heads(g, x, heads, batched):
    x = g.reshape(x, x.shape[:-1] + (heads, x.shape[-1] // heads))
    return g.transpose(x, [1, 2, 0, 3] if batched else [1, 0, 2])


def _projections(tracer, a):
    g, width = tracer.graph, a["embed_dim_to_check"]
    inputs = [a["query"], a["key"], a["value"]]
    values = [tracer.some(x) for x in inputs]
    weight, bias = a["in_proj_weight"], a["in_proj_bias"]
    biases = [None] * 3
    if bias is not None and (a["use_separate_proj_weight"] or not _same(inputs)):
        parts = g.reshape(tracer.some(bias), (3, width))
        biases = [g.take(parts, 0, i) for i in range(3)]
    if a["use_separate_proj_weight"]:
        weights = [a["q_proj_weight"], a["k_proj_weight"], a["v_proj_weight"]]
        made = [_linear(tracer, v, w, None) for v, w in zip(values, weights)]
    elif _same(inputs):
        y = _linear(tracer, values[0], weight, bias)
        y = g.reshape(y, y.shape[:-1] + (3, width))
        return [g.take(y, -2, i) for i in range(3)]
    else:
        parts = g.reshape(tracer.some(weight), (3, width, width))
        made = [g.matmul(v, g.take(parts, 0, i), True) for i, v in enumerate(values)]
    return [y if b is None else g.meet("add", [y, b]) for y, b in zip(made, biases)]


def _same(tensors):
    return all(x is tensors[0] for x in tensors)


# ---- recurrence ----

_CELLS = {
    "lstm": ("lstm", 4),
    "gru": ("gru", 3),
    "rnn_tanh": ("elman", 1),
    "rnn_relu": ("elman", 1),
}


@rule("lstm gru rnn_tanh rnn_relu", None)
def _recurrent(tracer, name, args, kwargs, out):
    if kwargs or len(args) != 9 or not isinstance(args[3], bool):
        return NotImplemented  # a packed sequence
    x, hx, weights, biases, layers, p, _, both, batch_first = args
    states = list(hx) if isinstance(hx, (tuple, list)) else [hx]
    count = (4 if biases else 2) * layers * (2 if both else 1)
    if len(weights) != count or any(tracer.get(s) is not None or not _is_zero(s) for s in states):
        return NotImplemented
    if not all(_is_param(tracer, w) for w in weights):
        return NotImplemented
    g, v = tracer.graph, tracer.get(x)
    turned = v.order == 3 and not batch_first
    v = g.swap(tracer.some(x), 0, 1) if turned else tracer.some(x)
    rest, ends = list(weights), []
    for layer in range(layers):
        directions = []
        for backwards in range(2 if both else 1):
            own, rest = rest[: 4 if biases else 2], rest[4 if biases else 2 :]
            y = _layer(tracer, name, v, own)
            directions.append(y)
            end = g.take(y, -2, 0 if backwards else -1)
            ends.append(g.reshape(end, (1,) + end.shape))
        v = directions[0] if len(directions) == 1 else g.concat(directions, -1)
        if layer + 1 < layers:
            v = g.dropout(v, p)
    made = [g.swap(v, 0, 1) if turned else v, g.concat(ends, 0)]
    if name == "lstm":
        made.append(g.opaque([made[1]], out[2].shape, "the cell state at the end"))
    return made


def _layer(tracer, name, v, own):
    cell, gates = _CELLS[name]
    units = own[0].shape[0] // gates
    names = ["weight", "weight_hidden", "bias", "bias_hidden"]
    keys = _named(tracer, **dict(zip(names, own)))
    if cell == "elman":
        keys["function"] = name[4:]
    return tracer.graph.add(
        "recurrent", [v], v.shape[:-1] + (units,), out=int(units), cell=cell, **keys
    )


def _gates(tracer, v, weight, bias, gates, zero):
    """What one side gives to each gate; of a state that is zero, the bias alone."""
    g = tracer.graph
    if zero:
        if bias is None:
            return None
        y = tracer.some(bias)
    else:
        y = _linear(tracer, v, weight, bias)
    y = g.reshape(y, y.shape[:-1] + (gates, y.shape[-1] // gates))
    return (
        [g.take(y, -2, i) for i in range(gates)]
        if gates > 1
        else [g.reshape(y, y.shape[:-2] + y.shape[-1:])]
    )


def _cell_sides(tracer, a, h, gates):
    zero = tracer.get(h) is None and _is_zero(h)
    left = _gates(tracer, tracer.some(a["input"]), a["w_ih"], a["b_ih"], gates, False)
    right = _gates(tracer, None if zero else tracer.some(h), a["w_hh"], a["b_hh"], gates, zero)
    return zero, left, right


def _plus(g, x, y):
    return x if y is None else g.meet("add", [x, y])


_CELL = "input, h, w_ih, w_hh, b_ih=None, b_hh=None"


@rule("rnn_tanh_cell rnn_relu_cell", None)
def _rnn_cell(tracer, name, args, kwargs, out):
    a, g = t.arguments(signature_of(_CELL), args, kwargs), tracer.graph
    _, left, right = _cell_sides(tracer, a, a["h"], 1)
    return [g.activation(_plus(g, left[0], right and right[0]), name[4:8])]


@rule("lstm_cell", _CELL)
def _lstm_cell(tracer, a, out):
    g, (h, cell) = tracer.graph, a["h"]
    _, left, right = _cell_sides(tracer, a, h, 4)
    i, f, candidate, o = (_plus(g, x, right and right[k]) for k, x in enumerate(left))
    new = g.meet("multiply", [g.activation(i, "sigmoid"), g.activation(candidate, "tanh")])
    if tracer.get(cell) is not None or not _is_zero(cell):
        kept = g.meet("multiply", [g.activation(f, "sigmoid"), tracer.some(cell)])
        new = g.meet("add", [kept, new])
    y = g.meet("multiply", [g.activation(o, "sigmoid"), g.activation(new, "tanh")])
    return [y, new]


@rule("gru_cell", _CELL)
def _gru_cell(tracer, a, out):
    g = tracer.graph
    zero, left, right = _cell_sides(tracer, a, a["h"], 3)
    right = right or [None] * 3
    r = g.activation(_plus(g, left[0], right[0]), "sigmoid")
    z = g.activation(_plus(g, left[1], right[1]), "sigmoid")
    inner = right[2] and g.meet("multiply", [r, right[2]])
    candidate = g.activation(_plus(g, left[2], inner), "tanh")
    new = g.meet("multiply", [g.activation(z, "one minus it"), candidate])
    return [new if zero else g.meet("add", [new, g.meet("multiply", [z, tracer.some(a["h"])])])]
