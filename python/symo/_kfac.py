"""K-FAC of torch models: statistics of layers by hooks, and of the loss by its examples."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad, hessian, vmap

from . import _library as c
from ._curvature import _Given, batches_of
from ._trace import clean
from .factors import Factors, Site, Sums
from .layout import Layout

FISHERS = ("empirical", "sampled", "exact")
SHARINGS = ("expand", "reduce")
_MOST_OUTPUTS = 4096  # of an example: the Hessian of the loss by these is a dense matrix


class _Layers:
    """The layers of a model that K-FAC knows, and what they get and give in one pass."""

    def __init__(self, model):
        names = {id(p): clean(n) for n, p in model.named_parameters()}
        owners = {}
        for _, module in model.named_modules():
            for p in module.parameters(recurse=False):
                owners.setdefault(id(p), set()).add(id(module))
        self.model, self.modules, self.other = model, {}, []
        taken = set()
        for module in model.modules():
            params = [p for p in (getattr(module, k, None) for k in ("weight", "bias"))
                      if isinstance(p, nn.Parameter)]  # fmt: skip
            if not _is_known(module) or any(len(owners[id(p)]) > 1 for p in params):
                continue
            if not all(p.requires_grad for p in params):
                continue
            self.modules[names[id(module.weight)]] = module
            taken.update(id(p) for p in params)
        self.names = names
        self.other = [
            names[id(p)] for p in model.parameters() if id(p) not in taken and p.requires_grad
        ]

    def sites(self):
        made = {}
        for weight, module in self.modules.items():
            table = isinstance(module, nn.Embedding)
            bias = None if table else module.bias
            rows = len(module.weight)
            outputs = module.embedding_dim if table else rows
            inputs = module.weight.numel() // outputs + (bias is not None)
            name = None if bias is None else self.names[id(bias)]
            made[weight] = Site(outputs, inputs, name, table)
        return made

    def __enter__(self):
        self.calls = {weight: [] for weight in self.modules}
        self.handles = []
        for weight, module in self.modules.items():

            def seen(_, given, out, weight=weight):
                self.calls[weight].append((given[0].detach().clone(), out))
                return out.clone()  # what comes behind may write in place

            self.handles.append(module.register_forward_hook(seen))
        return self

    def __exit__(self, *_):
        for handle in self.handles:
            handle.remove()


def _is_known(module):
    if isinstance(module, nn.Embedding):
        return module.max_norm is None and not module.sparse and not module.scale_grad_by_freq
    if type(module) is nn.Linear:
        return True
    return (
        type(module) in (nn.Conv1d, nn.Conv2d)
        and module.groups == 1
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
    )


def _inputs(module, x, examples):
    """What the layer multiplies with, [examples, positions, inputs], or the rows of a table."""
    if x.shape[0] != examples:
        c.refuse(
            "SYMO_E_SHAPE",
            f"kfac: a {type(module).__name__} gets {tuple(x.shape)} for {examples} examples (the "
            "first axis has to count them)",
        )
    if isinstance(module, nn.Embedding):
        return x.reshape(examples, -1)
    if isinstance(module, nn.Linear):
        x = x.reshape(examples, -1, x.shape[-1])
    else:
        if isinstance(module, nn.Conv1d):  # a picture of one line
            x = x[:, :, None]
        line = isinstance(module, nn.Conv1d)
        sizes = [
            (first, *size) if line else size
            for first, size in (
                (1, module.kernel_size),
                (1, module.dilation),
                (0, module.padding),
                (1, module.stride),
            )
        ]
        x = nn.functional.unfold(x, *sizes).transpose(1, 2)
    return x  # the library adds the one of the bias


def _outputs(module, d, examples):
    """Derivatives by what the layer gives, [examples, positions, outputs]."""
    if isinstance(module, (nn.Conv1d, nn.Conv2d)):
        return d.flatten(2).transpose(1, 2)
    return d.reshape(examples, -1, d.shape[-1])


class _Batch:
    """One batch: its examples, the outputs of the model, and the loss of each example."""

    def __init__(self, layers, loss, batch):
        self.layers, self.loss, self.batch = layers, loss, batch
        model, self.given = layers.model, []

        def call(*args, **kwargs):
            out = model(*args, **kwargs)
            self.given.append((args, kwargs, out))
            return out

        with layers, torch.enable_grad():
            self.calls = layers.calls
            value = loss(_Watched(model, call), *batch)
        if len(self.given) != 1 or not isinstance(self.given[0][2], torch.Tensor):
            c.refuse(
                "SYMO_E_ARGUMENT",
                f"kfac: the loss calls the model {len(self.given)} times (once is understood, for "
                "one tensor)",
            )
        self.output = self.given[0][2]
        self.examples = len(self.output)
        self._check(value)

    def of_examples(self):
        """The loss of every example, by the outputs of the model: a function for vmap."""
        split = [isinstance(x, torch.Tensor) and x.dim() > 0 for x in self.batch]
        tensors = [x for x, yes in zip(self.batch, split) if yes]
        if any(len(x) != self.examples for x in tensors):
            c.refuse(
                "SYMO_E_SHAPE",
                f"kfac: the model gives {self.examples} outputs, and the batch has tensors of "
                f"{', '.join(str(tuple(x.shape)) for x in tensors)} (the first axis of each has to "
                "count examples)",
            )

        def one(y, *parts):
            parts = iter(parts)
            batch = [next(parts)[None] if yes else x for x, yes in zip(self.batch, split)]
            return self.loss(_Given(y[None]), *batch)

        return one, tensors

    def _check(self, value):
        """The loss has to be the mean over examples of what it is for each of them."""
        one, tensors = self.of_examples()
        each = vmap(one)(self.output.detach(), *tensors)
        if not torch.isfinite(each).all():
            c.refuse(
                "SYMO_E_NONFINITE",
                "kfac: the loss of an example is not finite (check the parameters and the data)",
            )
        scale = each.abs().mean().item() or 1.0
        if not abs(each.mean().item() - value.item()) <= 1e-4 * scale:
            c.refuse(
                "SYMO_E_ARGUMENT",
                f"kfac: the loss of the batch is {value.item():.6g}, and the mean of those of its "
                f"examples {each.mean().item():.6g} (it has to be this mean)",
            )

    def derivatives(self, fisher, draws, generator):
        """Derivatives by the output, [.., examples, *output]: of the loss of each example, or
        vectors whose outer products are in the mean, or add up to, its Hessian."""
        one, tensors = self.of_examples()
        y = self.output.detach()
        if fisher == "empirical":
            return vmap(grad(one))(y, *tensors)[None]
        size = y[0].numel()
        if size > _MOST_OUTPUTS:
            c.refuse(
                "SYMO_E_SIZE",
                f"kfac: an example has {size} outputs (at most {_MOST_OUTPUTS} with fisher="
                f'"{fisher}"; "empirical" takes any number)',
            )
        inner = vmap(hessian(one))(y, *tensors).reshape(len(y), size, size)
        values, vectors = torch.linalg.eigh(inner.double())
        least, most = values.min().item(), values.abs().max().item()
        if not least >= -1e-6 * most:
            c.refuse(
                "SYMO_E_ARGUMENT",
                "kfac: the loss is not convex in the outputs of the model, so it has no Fisher "
                'information of this kind (fisher="empirical" asks for none)',
            )
        root = vectors * values.clamp(min=0).sqrt()[:, None]
        if fisher == "sampled":
            z = torch.randn(len(y), size, draws, generator=generator, dtype=root.dtype)
            root = root @ z
        return root.permute(2, 0, 1).reshape(-1, *y.shape).to(y.dtype)


class _Watched:
    """The model, whose calls are seen."""

    def __init__(self, model, call):
        self._model, self._call = model, call

    def __call__(self, *args, **kwargs):
        return self._call(*args, **kwargs)

    def __getattr__(self, name):
        return getattr(self._model, name)


def _add(batch, layers, sums, context, vectors, counted_together):
    """Adds the statistics of a batch to the sums."""
    n = batch.examples
    calls = [(w, x, out) for w, seen in batch.calls.items() for x, out in seen]
    if not calls:
        return
    inputs = {}
    for weight, x, _ in calls:
        inputs.setdefault(weight, []).append(_inputs(layers.modules[weight], x, n))
    for k, v in enumerate(vectors):
        made = torch.autograd.grad(
            batch.output, [out for _, _, out in calls], v, retain_graph=True, allow_unused=True
        )
        outputs = {}
        for (weight, _, out), d in zip(calls, made):
            d = torch.zeros_like(out) if d is None else d
            outputs.setdefault(weight, []).append(_outputs(layers.modules[weight], d, n))
        for weight, rows in inputs.items():
            a = torch.cat(rows, 1).flatten(0, 1).numpy()
            d = torch.cat(outputs[weight], 1).flatten(0, 1).numpy()
            sums[weight].add(context, a, d, n, known=k > 0, counted=counted_together and k > 0)


def _add_diagonal(batch, layers, named, vectors, total):
    """Adds the squares of the gradients of examples by the parameters of no site."""
    args, kwargs, _ = batch.given[0]
    other = {n: p.detach() for n, p in named.items() if clean(n) in layers.other}
    rest = {n: p.detach() for n, p in named.items() if clean(n) not in layers.other}
    if not other:
        return
    split = [isinstance(x, torch.Tensor) and x.dim() > 0 and len(x) == batch.examples for x in args]
    parts = [x for x, yes in zip(args, split) if yes]

    def one(params, v, *given):
        given = iter(given)
        whole = [next(given)[None] if yes else x for x, yes in zip(args, split)]
        out = functional_call(layers.model, {**rest, **params}, tuple(whole), kwargs)
        return (out[0] * v).sum()

    each = vmap(grad(one), in_dims=(None, 0) + (0,) * len(parts), randomness="same")
    for v in vectors:
        for n, g in each(other, v, *parts).items():
            total[clean(n)] = total.get(clean(n), 0) + g.double().square().sum(0)


def kfac(
    model: nn.Module,
    loss: Callable[..., torch.Tensor],
    data: Any,
    layout: Layout,
    options: dict[str, Any],
) -> Factors:
    fisher, sharing, draws = options["fisher"], options["sharing"], options["draws"]
    for given, known, what in ((fisher, FISHERS, "fisher"), (sharing, SHARINGS, "sharing")):
        if given not in known:
            c.refuse(
                "SYMO_E_NAME", f"kfac: there is no {what} {given!r} (there are {', '.join(known)})"
            )
    if draws < 1 or (draws > 1 and fisher != "sampled"):
        c.refuse("SYMO_E_ARGUMENT", f"kfac: {draws} draws (1 or more, with fisher sampled)")
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training:
            c.refuse(
                "SYMO_E_UNSUPPORTED",
                f"kfac: module {name} takes its statistics from all examples together, so that "
                "none has a gradient of its own (model.eval() takes the running ones)",
            )
    named = dict(model.named_parameters())
    wrong = {clean(n) for n in named} ^ set(layout.tensors)
    if wrong:
        c.refuse(
            "SYMO_E_NAME",
            f"kfac: parameters and tensors of the layout differ: {', '.join(sorted(wrong))}",
        )
    layers, batches = _Layers(model), batches_of(data)
    sites, mode = layers.sites(), SHARINGS.index(sharing)
    context, examples = layout._context.pointer, 0
    total: dict[str, torch.Tensor] = {}

    def passes(sums, diagonal):
        nonlocal examples
        generator = torch.Generator().manual_seed(options["seed"])
        for given in batches:
            batch = _Batch(layers, loss, given)
            vectors = batch.derivatives(fisher, draws, generator)
            _add(batch, layers, sums, context, vectors, fisher == "exact")
            if diagonal:
                examples += batch.examples * (1 if fisher == "exact" else len(vectors))
                _add_diagonal(batch, layers, named, vectors, total)

    sums = {weight: Sums(site, mode) for weight, site in sites.items()}
    passes(sums, diagonal=True)
    seen = {w: s for w, s in sums.items() if s.struct.output_count > 0}
    diagonal = np.zeros(layout.num_parameters)
    for name, to in layout.split(diagonal).items():
        if name in total:
            to[...] = total[name].numpy().reshape(to.shape) / examples
    made = Factors._of_sums(layout, sites, seen, diagonal)
    if options["corrected"]:
        # The gradient of an example is a sum over its positions, whatever the factors are of.
        moments = {w: Sums(sites[w], 0, True, made.basis(w)) for w in seen}
        passes({**sums, **moments}, diagonal=False)
        made._set_sums(moments)
    return made
