"""symo.optax: pure, the bits of the C interface, and the steps of optax."""

import doctest
import os
import subprocess
import sys

import numpy as np
import pytest

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
import jax.numpy as jnp  # noqa: E402

import symo  # noqa: E402
import symo.optax  # noqa: E402


def parameters(dtype=jnp.float32):
    rng = np.random.default_rng(0)
    return {
        "a": {"kernel": jnp.asarray(rng.normal(size=(4, 8)), dtype),
              "bias": jnp.zeros(8, dtype)},
        "b": {"kernel": jnp.asarray(rng.normal(size=(8, 8)), dtype)},
    }  # fmt: skip


def loss(p, x):
    y = jnp.tanh(x @ p["a"]["kernel"] + p["a"]["bias"]) @ p["b"]["kernel"]
    return ((y - x[:, :1]) ** 2).mean()


def batch(seed, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=(16, 4)).astype(dtype)


def run(opt, steps, params=None):
    params = parameters() if params is None else params
    state = opt.init(params)

    @jax.jit
    def step(params, state, x):
        updates, state = opt.update(jax.grad(loss)(params, x), state, params)
        return optax.apply_updates(params, updates), state

    for seed in range(steps):
        params, state = step(params, state, batch(seed))
    return params, state


def near(a, b, tolerance):
    for x, y in zip(jax.tree_util.tree_leaves(a), jax.tree_util.tree_leaves(b)):
        assert np.abs(np.asarray(x) - np.asarray(y)).max() <= tolerance


def test_adamw_is_that_of_optax_over_fifty_steps():
    ours, state = run(symo.optax.symo(0.01, "adamw", betas=(0.9, 0.99), weight_decay=0.1), 50)
    theirs, _ = run(optax.adamw(0.01, b1=0.9, b2=0.99, weight_decay=0.1), 50)
    near(ours, theirs, 2e-5)  # rounding of float32, carried through 50 steps of Adam
    assert int(state.count) == 50


def test_muon_is_that_of_optax_over_fifty_steps():
    """On a square matrix, where the two scale alike, and without Nesterov's step, in which optax
    corrects for the start of the momentum."""
    start = {"a": {"kernel": parameters()["b"]["kernel"][:4, :4], "bias": jnp.zeros(4)},
             "b": {"kernel": parameters()["b"]["kernel"][4:, 4:]}}  # fmt: skip
    fixed = {"a": {"bias": False, "kernel": True}, "b": {"kernel": True}}
    muon = symo.optax.symo(0.02, "muon", nesterov=False, weight_decay=0.0, momentum=0.95)
    theirs = optax.contrib.muon(0.02, nesterov=False, beta=0.95)
    ours, _ = run(only(muon, fixed), 50, start)
    theirs, _ = run(only(theirs, fixed), 50, start)
    near(ours, theirs, 2e-3)


def only(opt, mask):
    """Updates of the masked parameters alone."""

    def update(updates, state, params=None):
        updates, state = opt.update(updates, state, params)
        return jax.tree_util.tree_map(lambda u, m: u * m, updates, mask), state

    return optax.GradientTransformation(opt.init, update)


@pytest.mark.parametrize("preset", ["symo", "shampoo", "soap", "sgd"])
def test_steps_are_those_of_the_optimizer_on_arrays(preset):
    params, state = parameters(), None
    opt = symo.optax.symo(0.01, preset)
    state = opt.init(params)
    arrays = [np.array(x) for x in jax.tree_util.tree_leaves(params)]  # a.bias, a.kernel, b.kernel
    layout = symo.optax._each_by_itself({"a.bias": (8,), "a.kernel": (4, 8), "b.kernel": (8, 8)})
    library = symo.Optimizer(layout, preset, lr=0.01, dtype="f32")
    for seed in range(5):
        grads = jax.grad(loss)(params, batch(seed))
        before = arrays
        arrays = [x.copy() for x in arrays]
        library.step([np.array(g) for g in jax.tree_util.tree_leaves(grads)], arrays)
        updates, state = opt.update(grads, state, params)
        for u, new, old in zip(jax.tree_util.tree_leaves(updates), arrays, before):
            assert np.array_equal(np.asarray(u), new - old)
        params = jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(params),
                                              [jnp.asarray(x) for x in arrays])  # fmt: skip


def test_the_state_is_all_that_is_remembered():
    opt = symo.optax.symo(0.01)
    params, state = parameters(), opt.init(parameters())
    grads = [jax.grad(loss)(params, batch(k)) for k in range(3)]
    first, s1 = opt.update(grads[0], state, params)
    opt.update(grads[1], s1, params)  # another line of steps in between
    again, _ = opt.update(grads[0], state, params)
    near(first, again, 0)
    saved = jax.tree_util.tree_map(np.array, s1)  # as a checkpoint would
    other = symo.optax.symo(0.01)  # which has never seen the parameters
    near(opt.update(grads[2], s1, params)[0], other.update(grads[2], saved, params)[0], 0)
    zero = jax.tree_util.tree_map(lambda g: g * jnp.nan, grads[0])
    near(opt.update(zero, s1, params)[0], jax.tree_util.tree_map(jnp.zeros_like, params), 0)


def test_scan_schedules_and_layouts():
    layout = ("i: identity 4; h: signed-permutation 8; o: identity 8; "
              "a.kernel[i,h] a.bias[h] b.kernel[h,o]")  # fmt: skip
    schedule = optax.cosine_decay_schedule(0.05, 30)
    opt = symo.optax.symo(schedule, "symo-coupled", layout)
    xs = jnp.stack([jnp.asarray(batch(k)) for k in range(30)])

    def body(carry, x):
        params, state = carry
        value, grads = jax.value_and_grad(loss)(params, x)
        updates, state = opt.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), value

    start = (parameters(), opt.init(parameters()))
    (scanned, state), values = jax.jit(lambda s, xs: jax.lax.scan(body, s, xs))(start, xs)
    assert values[-5:].mean() < 0.5 * values[0] and int(state.count) == 30
    stepped, _ = run(opt, 30)
    near(scanned, stepped, 1e-4)
    rates = symo.Optimizer("i: orthogonal 4; w[i,i] b[i]", "muon", lr=0.02)
    rates._follow(0.01)
    assert rates.lr == 0.01 and rates._rates[1] == rates._base_rates[1] / 2


def test_large_arrays_do_not_wait_for_themselves():
    """In a process with a limit: a callback must not wait for the thread that it is in."""
    program = """
import jax, jax.numpy as jnp, symo.optax
params = {"w": jnp.ones((1024, 1024)), "b": jnp.ones(1000000)}
opt = symo.optax.symo(0.01, "adamw")
step = jax.jit(lambda p, s: opt.update(jax.tree_util.tree_map(jnp.sin, p), s, p))
state = opt.init(params)
for _ in range(3):
    updates, state = step(params, state)
print(float(updates["w"][0, 0]) < 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          timeout=300, env={**os.environ, "JAX_PLATFORMS": "cpu"})  # fmt: skip
    assert done.stdout.strip() == "True", done.stderr


def test_each_device_takes_its_own_step():
    """Under pmap: the function is pure, so replicas do not meet."""
    program = """
import jax, jax.numpy as jnp, symo.optax
opt, params = symo.optax.symo(0.01), {"w": jnp.ones((4, 4))}
state = opt.init(params)
both = lambda tree: jax.tree_util.tree_map(lambda x: jnp.stack([x, x]), tree)
grads = {"w": jnp.stack([jnp.eye(4), 2 * jnp.ones((4, 4))])}
updates, _ = jax.pmap(opt.update)(grads, both(state), both(params))
for k in range(2):
    alone = opt.update({"w": grads["w"][k]}, state, params)[0]["w"]
    print(bool((updates["w"][k] == alone).all()), end=" ")
"""
    flags = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          timeout=300, env={**os.environ, **flags})  # fmt: skip
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_refusals():
    opt = symo.optax.symo(0.01)
    params = parameters()
    state = opt.init(params)
    grads = jax.grad(loss)(params, batch(0))
    for call, word in (
        (lambda: opt.update(grads, state), "parameters"),
        (lambda: symo.optax.symo(0.01, "none").init(params), "none"),
        (lambda: symo.optax.symo(0.01, "newton-cg").init(params), "products"),
        (lambda: symo.optax.symo(0.01, layout="h: identity 3; b[h]").init(params), "differ"),
        (lambda: symo.optax.symo(0.01).init({"w": jnp.ones(3, jnp.bfloat16)}), "float32"),
        (lambda: opt.update({**grads, "b": {"kernel": jnp.ones(3)}}, state, params), "differ"),
    ):
        with pytest.raises(symo.Error, match=word):
            call()
    with pytest.raises(Exception, match="vmap"):
        many = jax.tree_util.tree_map(lambda x: jnp.stack([x, x]), grads)
        jax.vmap(lambda g: opt.update(g, state, params))(many)


def test_doctests():
    result = doctest.testmod(symo.optax)
    assert result.failed == 0 and result.attempted > 0


def test_products_are_no_function_of_arrays():
    with pytest.raises(symo.Error, match="no pure function"):
        symo.optax.symo(0.1, "symo", alpha="auto", products=lambda v: v)
