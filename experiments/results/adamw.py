"""Steps of AdamW beside torch's, in turn, on the same numbers.

    python3 adamw.py [libsymo.so] [threads]          default: build/libsymo.so of this tree, 1

Needs torch.  Turns of some steps alternate, so that both see the same machine: shown are the medians
over the turns, and the median of the ratios of neighbouring turns.  With one thread the time is the
processor's, to which other programs add nothing; with more, that of the clock.  The first 200 steps
are not counted: until then 1 - b^t divides, later corrections are 1 and left out.

`plain` asks for nothing but the step, as torch's does; `report` also for the norms of gradient and
change.  Both look for NaN first.  Bytes are seven numbers a parameter: gradient read; parameter and
two moments read and written.  The rate of memory is that of c = a + 3 b, three numbers each, on
arrays that no cache holds.
"""

import ctypes
import pathlib
import statistics
import sys
import time

import torch

SPEC = '{"preset": "adamw", "dtype": "f32", "threads": %d}'
SIZES = ((8, 316), (1000, 800), (2662, 2662))
TURNS, WARM, STEPS = 15, 3, 8


class Vector(ctypes.Structure):
    _fields_ = [("dtype", ctypes.c_int), ("data", ctypes.c_void_p), ("strides", ctypes.c_void_p)]


class Symo:
    """A plan with one matrix, its state, and steps on tensors of torch."""

    def __init__(self, path, rows, columns, threads):
        self.lib = lib = ctypes.CDLL(path)
        lib.symo_context_detail.restype = ctypes.c_char_p
        lib.symo_context_detail.argtypes = [ctypes.c_void_p]
        self.context, layout = ctypes.c_void_p(), ctypes.c_void_p()
        spec, optim, self.state = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
        notation = f"r: identity {rows}; c: identity {columns}; w[r,c]".encode()
        self.check(lib.symo_context_create(ctypes.byref(self.context)))
        lib.symo_set_threads(1)
        self.check(lib.symo_layout_parse(self.context, notation, ctypes.byref(layout)))
        text = (SPEC % threads).encode()
        self.check(lib.symo_optim_spec_from_json(self.context, text, ctypes.byref(spec)))
        self.check(lib.symo_optim_create(layout, spec, ctypes.byref(optim)))
        self.check(lib.symo_optim_state_create(optim, ctypes.byref(self.state)))
        self.report = ctypes.create_string_buffer(1024)

    def check(self, status):
        if status != 0:
            raise SystemExit(self.lib.symo_context_detail(self.context).decode())

    def step(self, grad, param, reported):
        g, p = ctypes.c_void_p(grad.data_ptr()), ctypes.c_void_p(param.data_ptr())
        g = Vector(1, ctypes.cast(ctypes.pointer(g), ctypes.c_void_p), None)
        p = Vector(1, ctypes.cast(ctypes.pointer(p), ctypes.c_void_p), None)
        report = self.report if reported else None
        self.check(self.lib.symo_optim_step(self.state, g, p, report))


def turn(clock, step):
    times = []
    for _ in range(WARM + STEPS):
        start = clock()
        step()
        times.append(clock() - start)
    return statistics.median(times[WARM:])


def compare(path, rows, columns, threads):
    clock = time.thread_time if threads == 1 else time.perf_counter
    torch.manual_seed(1)
    grad, start = torch.randn(rows, columns), torch.randn(rows, columns)
    ours, theirs = start.clone(), start.clone().requires_grad_()
    theirs.grad = grad
    symo = Symo(path, rows, columns, threads)
    adamw = torch.optim.AdamW([theirs], lr=1e-3, weight_decay=0.01, fused=True)
    a, b, c = (torch.ones(1 << 23) for _ in range(3))
    steps = {
        "torch": adamw.step,
        "plain": lambda: symo.step(grad, ours, False),
        "report": lambda: symo.step(grad, ours, True),
        "memory": lambda: torch.add(a, b, alpha=3, out=c),
    }
    symo.step(grad, ours, False)
    adamw.step()
    off = (ours - theirs.detach()).abs().max().item()
    for _ in range(200):
        symo.step(grad, ours, False)
        adamw.step()
    times = {name: [] for name in steps}
    for _ in range(TURNS):
        for name, step in steps.items():
            times[name].append(turn(clock, step))
    n = rows * columns
    rate = 3 * 4 * a.numel() / statistics.median(times["memory"]) / 1e9
    for name in ("torch", "plain", "report"):
        seconds = statistics.median(times[name])
        ratio = statistics.median(x / y for x, y in zip(times[name], times["torch"]))
        gbs = 7 * 4 * n / seconds / 1e9
        print(
            f"{n:>9} {threads:>7} {name:>7} {seconds * 1e3:>9.4f} {ratio:>7.2f} {gbs:>7.1f}"
            f" {rate:>7.1f} {gbs / rate:>9.2f}",
            flush=True,
        )
    print(f"{'':>9} the first steps differ by {off:.1e} at most", flush=True)


def main():
    path = pathlib.Path(__file__).resolve().parents[2] / "build" / "libsymo.so"
    path = sys.argv[1] if len(sys.argv) > 1 else str(path)
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    torch.set_num_threads(threads)
    kind = torch.backends.cpu.get_cpu_capability()
    print(f"torch {torch.__version__}, AdamW(fused=True), float32, {kind}")
    print("  numbers threads    step        ms   ratio    GB/s  memory  fraction")
    for rows, columns in SIZES:
        compare(path, rows, columns, threads)


if __name__ == "__main__":
    main()
