"""The operations of a torch model on an example, as a graph that the library reads.

A ``TorchFunctionMode`` sees every call of a torch function while the model runs, whatever the
Python code around it does.  Each call becomes nodes of the graph (docs/graphs.md): nothing here
knows about groups, which are the library's business.  What has no rule becomes a node ``opaque``,
from which nothing passes, with the name of the function as the reason.
"""

import inspect
import math
import re

import torch
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree

from . import _library as c

_LONGEST = 90


def clean(name):
    """A name that layouts take: letters, digits and _ . - /"""
    return re.sub(r"[^A-Za-z0-9_./-]", "_", name)


class Value:
    """A node of the graph and the shape of what it gives."""

    __slots__ = ("name", "shape")

    def __init__(self, name, shape):
        self.name, self.shape = name, tuple(int(d) for d in shape)

    @property
    def order(self):
        return len(self.shape)


class Graph:
    """Nodes in the order of computation, each as the JSON of docs/graphs.md has it."""

    def __init__(self, parameters):
        self.nodes, self.shapes, self.taken = [], {}, set()
        self.parameters = parameters  # names of tensors by id
        self.where = [("", False)]  # modules that are being called, and whether they have none
        self._params = {}

    def add(self, op, sources, gives, /, **keys):
        name = self._name(op)
        node = {"op": op, "name": name, **keys}
        if sources:
            node["from"] = [v.name for v in sources]
            if len(sources) == 1 and op != "opaque":
                node["from"] = sources[0].name
        self.nodes.append(node)
        self.shapes[name] = tuple(int(d) for d in gives)
        return Value(name, gives)

    def _name(self, op):
        base, leaf = self.where[-1]
        name = f"{clean(base)}.{op}" if base else op
        if leaf and base not in self.taken and op not in ("input", "reshape", "transpose"):
            name = clean(base)
        name, k = name[-_LONGEST:], 1
        stem = name
        while name in self.taken:
            k += 1
            name = f"{stem}-{k}"
        self.taken.add(name)
        return name

    # ---- what all lowerings use ----

    def constant(self, shape):
        """Numbers that are given, as data are."""
        return self.add("input", [], shape, shape=[int(d) for d in shape])

    def parameter(self, tensor):
        """A parameter as a value."""
        if id(tensor) not in self._params:
            name = self.parameters[id(tensor)]
            self.where.append((name, True))
            value = self.add(
                "parameter", [], tensor.shape, shape=list(tensor.shape), weight=clean(name)
            )
            self.where.pop()
            self._params[id(tensor)] = value
        return self._params[id(tensor)]

    def opaque(self, values, shape, what):
        values = list({v.name: v for v in values}.values())
        while len(values) > 8:
            values = [self.opaque(values[:8], [1], what)] + values[8:]
        return self.add("opaque", values, shape, shape=[int(d) for d in shape], function=what)

    def output(self, value, loss=None):
        node = {"op": "output", "from": value.name}
        if loss:
            node["loss"] = loss
        self.nodes.append(node)

    def reshape(self, v, shape):
        shape = tuple(int(d) for d in shape)
        return v if shape == v.shape else self.add("reshape", [v], shape, shape=list(shape))

    def transpose(self, v, order):
        order = [o % v.order for o in order]
        if order == list(range(v.order)):
            return v
        return self.add("transpose", [v], [v.shape[o] for o in order], order=order)

    def swap(self, v, a, b):
        order = list(range(v.order))
        a, b = a % v.order, b % v.order
        order[a], order[b] = order[b], order[a]
        return self.transpose(v, order)

    def activation(self, v, function):
        return self.add("activation", [v], v.shape, function=function)

    def reduce(self, v, axis, kind):
        shape = v.shape[:axis] + v.shape[axis + 1 :]
        return self.add("reduce", [v], shape, axis=axis, kind=kind)

    def take(self, v, axis, index):
        axis %= v.order
        last = index in (-1, v.shape[axis] - 1)
        return self.reduce(v, axis, "last" if last and v.shape[axis] > 1 else "one")

    def part(self, v, axis, start, size):
        """Places start .. start + size of an axis; where they are one of equal parts, as a part."""
        axis %= v.order
        d = v.shape[axis]
        if size == d:
            return v
        if size > 1 and d % size == 0 and start % size == 0 and d // size <= 8:
            read = v.shape[:axis] + (d // size, size) + v.shape[axis + 1 :]
            return self.take(self.reshape(v, read), axis, start // size)
        shape = v.shape[:axis] + (size,) + v.shape[axis + 1 :]
        return self.add("slice", [v], shape, axis=axis, out=size)

    def concat(self, values, axis):
        axis %= values[0].order
        while len(values) > 1:
            some, values = values[:8], values[8:]
            shape = list(some[0].shape)
            shape[axis] = sum(v.shape[axis] for v in some)
            values = [self.add("concat", some, shape, axis=axis)] + values
        return values[0]

    def meet(self, op, values, **keys):
        while len(values) > 2 and op == "multiply" or len(values) > 8:
            values = [self.meet(op, values[:2], **keys)] + values[2:]
        shape = torch.broadcast_shapes(*[v.shape for v in values])
        return self.add(op, values, shape, **keys)

    def matmul(self, a, b, transposed=False):
        batch = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        shape = (*batch, a.shape[-2], b.shape[-2 if transposed else -1])
        keys = {"transposed": True} if transposed else {}
        return self.add("matmul", [a, b], shape, **keys)

    def dropout(self, v, p):
        return self.add("dropout", [v], v.shape) if p else v

    def softmax(self, v):
        return self.add("softmax", [v], v.shape)

    # ---- the text ----

    def pruned(self):
        """The nodes that outputs are made from."""
        needed, kept = set(), []
        for node in reversed(self.nodes):
            if node["op"] == "output" or node["name"] in needed:
                sources = node.get("from", [])
                needed.update([sources] if isinstance(sources, str) else sources)
                kept.append(node)
        return kept[::-1]


# Functions of single entries that the library knows, by their names in torch.
POINTWISE = {
    "hardsigmoid": "hard-sigmoid",
    "hardswish": "hard-swish",
    "leaky_relu": "leaky-relu",
    "arctan": "atan",
    "arcsinh": "asinh",
    "absolute": "abs",
    "neg": "linear",
    "negative": "linear",
    "positive": "linear",
}
POINTWISE.update(
    (name, name)
    for name in """tanh relu gelu silu sigmoid softplus elu selu celu mish relu6 softsign tanhshrink
    softshrink hardshrink sin cos atan asinh erf abs exp square""".split()
)
# And those of which it knows nothing but that they work entry by entry.
ENTRYWISE = set(
    """sqrt rsqrt log log2 log10 log1p expm1 exp2 reciprocal tan sinh cosh acos asin acosh atanh
    logsigmoid sign sgn floor ceil round trunc frac erfc erfinv lgamma digamma sigmoid_ logit
    threshold clamp clip clamp_min clamp_max nan_to_num pow float_power maximum minimum fmax fmin
    where masked_fill atan2 arctan2 hypot lerp addcmul addcdiv fmod remainder floor_divide
    true_divide div divide eq ne lt le gt ge greater less greater_equal less_equal not_equal isnan
    isinf isfinite logical_and logical_or logical_not logical_xor bitwise_and bitwise_or bitwise_not
    long int short bool hardtanh rrelu prelu xlogy logaddexp logaddexp2 pow_ sinc deg2rad i0
    rsub add sub subtract mul multiply rdiv rpow""".split()
)
ALIAS = set(
    """contiguous clone to float double half bfloat16 type type_as cpu cuda detach requires_grad_
    alias __deepcopy__ data real lift_fresh identity native_dropout_ pin_memory as_subclass
    _to_copy retain_grad""".split()
)
SHAPED = set("""view reshape flatten unflatten squeeze unsqueeze view_as ravel reshape_as atleast_1d
    atleast_2d atleast_3d""".split())
REDUCED = set(
    """mean sum amax amin prod logsumexp var std norm any all nansum nanmean vector_norm""".split()
)
LOSSES = set("""cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss kl_div
    binary_cross_entropy binary_cross_entropy_with_logits poisson_nll_loss gaussian_nll_loss
    hinge_embedding_loss cosine_embedding_loss margin_ranking_loss ctc_loss triplet_margin_loss
    soft_margin_loss multi_margin_loss multilabel_margin_loss nll_loss_nd""".split())
# What says something about a tensor, and not about its numbers.
ABOUT = set(
    """shape size dim ndim ndimension dtype device layout numel nelement stride requires_grad
    grad_fn names data_ptr storage_offset element_size get_device is_contiguous
    is_floating_point is_complex is_sparse is_quantized is_meta is_cuda is_cpu is_leaf
    is_nested itemsize nbytes __len__ __hash__ __repr__ __format__ __str__ untyped_storage
    _version output_nr is_same_size is_tensor grad _backward_hooks is_signed is_inference
    is_pinned __dir__ is_conj is_neg has_names __class__ sparse_dim dense_dim __setstate__
    _is_view _base name volatile is_mkldnn is_xla is_shared register_hook is_distributed
    _typed_storage storage isinstance is_grad_enabled""".split()
)
_OPERATORS = {
    "__add__": "add", "__radd__": "add", "__iadd__": "add", "__sub__": "sub", "__rsub__": "rsub",
    "__isub__": "sub", "__mul__": "mul", "__rmul__": "mul", "__imul__": "mul",
    "__truediv__": "div", "__rtruediv__": "rdiv", "__div__": "div", "__idiv__": "div",
    "__itruediv__": "div", "__rdiv__": "rdiv", "__pow__": "pow", "__rpow__": "rpow",
    "__ipow__": "pow", "__matmul__": "matmul", "__neg__": "neg", "__abs__": "abs", "__eq__": "eq",
    "__ne__": "ne", "__lt__": "lt", "__le__": "le", "__gt__": "gt", "__ge__": "ge",
    "__and__": "logical_and", "__or__": "logical_or", "__invert__": "logical_not",
    "__mod__": "remainder", "__floordiv__": "floor_divide",
}  # fmt: skip


class Tracer(TorchFunctionMode):
    """Records what a model does with its parameters and its inputs."""

    def __init__(self, parameters):
        super().__init__()
        self.graph = Graph({id(p): name for name, p in parameters})
        self.kept = [p for _, p in parameters]  # so that ids stay
        self.values = {}  # id: (value, version)
        self.origins = {}  # id of a grad_fn: value
        for _, p in parameters:
            self.values[id(p)] = (None, p._version)

    # ---- tensors ----

    def is_parameter(self, t):
        return id(t) in self.graph.parameters

    def set(self, t, value):
        self.kept.append(t)
        self.values[id(t)] = (value, t._version)
        with torch._C.DisableTorchFunction():
            fn = t.grad_fn
        if fn is not None:
            self.kept.append(fn)
            self.origins[id(fn)] = value

    def input(self, t):
        self.set(t, self.graph.constant(t.shape))

    def get(self, t):
        """The value of a tensor; None for what is no function of parameters and inputs."""
        found = self.values.get(id(t))
        if found is None:
            return self._untraced(t)
        value, version = found
        if value is False:
            return None
        if value is None:
            value = self.graph.parameter(t)
        if t._version != version:
            value = self.graph.opaque([value], t.shape, "a change in place through a view")
            self.set(t, value)
        return value

    def _untraced(self, t):
        """A tensor that some code made without functions of torch, from what autograd says."""
        if not isinstance(t, torch.Tensor) or t.grad_fn is None:
            return None
        sources, queue, seen = [], [t.grad_fn], set()
        while queue:
            fn = queue.pop()
            if fn is None or id(fn) in seen:
                continue
            seen.add(id(fn))
            self.kept.append(fn)
            if id(fn) in self.origins:
                sources.append(self.origins[id(fn)])
            elif hasattr(fn, "variable"):
                if self.is_parameter(fn.variable):
                    sources.append(self.graph.parameter(fn.variable))
            else:
                queue.extend(next_fn for next_fn, _ in fn.next_functions)
        if not sources:
            return None
        value = self.graph.opaque(sources, t.shape, t.grad_fn.name())
        self.set(t, value)
        return value

    def knows(self, t):
        """Whether get gives a value; parameters do not become one by it."""
        return self.is_parameter(t) or self.get(t) is not None

    def some(self, t):
        """The value of a tensor, or one for numbers that are given."""
        value = self.get(t)
        return self.graph.constant(t.shape) if value is None else value

    # ---- calls ----

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = _name_of(func)
        with torch._C.DisableTorchFunction():
            leaves = {} if name in ABOUT else {id(t): t for t in _tensors((args, kwargs))}
            traced = [t for t in leaves.values() if self.knows(t)]
            versions = [t._version for t in traced]
        out = func(*args, **kwargs)
        if traced:
            with torch._C.DisableTorchFunction():
                self._record(name, args, kwargs, out, traced, versions)
        return out

    def _record(self, name, args, kwargs, out, traced, versions):
        outs = _tensors(out)
        changed = [t for t, was in zip(traced, versions) if t._version != was]
        for t in changed:  # rules see it as it was
            self.values[id(t)] = (self.values[id(t)][0], t._version)
        made = self._lowered(name, args, kwargs, out, traced, outs)
        for t, value in zip(outs, made):
            if value is None:
                self.kept.append(t)
                self.values[id(t)] = (False, t._version)
                continue
            if value.shape != tuple(t.shape):
                raise AssertionError(f"{name}: {value.shape} for {tuple(t.shape)}")
            self.set(t, value)
        for t in changed:
            if not any(t is x for x in outs):
                entries = name == "__setitem__"
                what = "assignment to entries" if entries else f"{name}, which writes to its input,"
                self.set(t, self._opaque(traced, t.shape, what))

    def _opaque(self, tensors, shape, what):
        return self.graph.opaque([self.get(t) for t in tensors], shape, what)

    def _lowered(self, name, args, kwargs, out, traced, outs):
        if not outs:
            if name not in ("__setitem__", "backward"):
                leak = self._opaque(traced, [1], f"{name}, which gives numbers to the program,")
                self.graph.output(leak)
            return []
        from ._lowering import lower

        made = lower(self, name, args, kwargs, out)
        if made is NotImplemented:
            return [self._opaque(traced, t.shape, name) for t in outs]
        return made


def _name_of(func):
    name = getattr(func, "__name__", str(func))
    if name in ("__get__", "__set__"):
        name = getattr(getattr(func, "__self__", None), "__name__", name)
        return {"T": "T", "mT": "mT", "H": "T", "mH": "mT"}.get(name, name)
    name = _OPERATORS.get(name, name)
    if name.endswith("_") and not name.endswith("__") and not name.startswith("__"):
        name = name[:-1]
    return _OPERATORS.get(name, name)


def _tensors(tree):
    return [t for t in _pytree.tree_flatten(tree)[0] if isinstance(t, torch.Tensor)]


def _in_output(out):
    """Tensors in what a model returns: trees, and objects with attributes."""
    leaves = _pytree.tree_flatten(out)[0]
    found = [t for t in leaves if isinstance(t, torch.Tensor)]
    for leaf in leaves:
        if not isinstance(leaf, torch.Tensor) and hasattr(leaf, "__dict__"):
            found += _tensors(list(vars(leaf).values()))
    return found


def trace(model, args, kwargs):
    """The graph of model(*args, **kwargs).  The model is as it was afterwards."""
    parameters = [(n, p) for n, p in model.named_parameters()]
    tracer = Tracer(parameters)
    graph = tracer.graph
    hooks, paths = [], {}
    for name, module in model.named_modules():
        paths.setdefault(id(module), name)

    def enter(module, inputs):
        graph.where.append((paths[id(module)], not any(True for _ in module.children())))

    def leave(module, inputs, output):
        graph.where.pop()

    for module in set(model.modules()):
        hooks.append(module.register_forward_pre_hook(enter, prepend=True))
        hooks.append(module.register_forward_hook(leave))
    buffers = [(b, b.detach().clone()) for b in model.buffers()]
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            for t in _tensors((args, kwargs)):
                tracer.input(t)
            with tracer:
                out = model(*args, **kwargs)
    finally:
        for hook in hooks:
            hook.remove()
        with torch.no_grad():
            for b, was in buffers:
                b.copy_(was)
    for t in _in_output(out):
        value = tracer.get(t)
        if value is not None:
            graph.output(value)
    if not any(node["op"] == "output" for node in graph.nodes):
        c.refuse(
            "SYMO_E_ARGUMENT",
            "infer_layout: the model returns no tensor that depends on its parameters",
        )
    return graph


def arguments(signature, args, kwargs):
    """Arguments by name, with defaults."""
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments


def signature_of(text):
    """A signature from its text, for functions that have none: "x, dim=None"."""
    return inspect.signature(eval(f"lambda {text}: 0"))


def numel(shape):
    return math.prod(shape)
