#!/usr/bin/env bash
# Files that numpy made are read here, and files made here are read by numpy: .npy and safetensors
# (taken apart by a few lines of Python, so that no package but numpy is needed).
# Environment: SOURCE, BUILD (with libsymo.a), CC, WORK (an empty directory), SANITIZED.
set -euo pipefail

python=/usr/bin/python3
[ -x "$python" ] || python=python3
if ! "$python" -c 'import numpy' 2>/dev/null; then
  echo "no python3 with numpy"
  exit 77
fi
WORK=${WORK:-$(mktemp -d)}
cd "$WORK"

cat >program.c <<'EOF'
#include <stdio.h>
#include <symo/symo.h>

#include "io/npy.h"

/* program make-matrix OUT.npy | copy-npy IN.npy OUT.npy | copy-tensors L.json IN OUT f32|f64|any */
static symo_status run(symo_context *context, char **arguments) {
  if (arguments[1][0] == 'm') {
    double x[12];
    for (int i = 0; i < 12; i++) x[i] = 1.0 / (i + 1);
    return symo_npy_write(context, arguments[2], x, 3, 4);
  }
  if (arguments[1][5] == 'n') {
    symo_npy array;
    symo_status status = symo_npy_read(context, arguments[2], &array);
    if (status != SYMO_OK) return status;
    status = symo_npy_write_array(context, arguments[3], array.type, array.order, array.shape,
                                  array.data);
    symo_free(array.data);
    return status;
  }
  symo_layout *layout;
  symo_status status = symo_layout_open(context, arguments[2], &layout);
  if (status != SYMO_OK) return status;
  symo_dtype dtype = SYMO_ANY;
  if (arguments[5][0] == 'f') dtype = arguments[5][1] == '3' ? SYMO_F32 : SYMO_F64;
  void *flat;
  status = symo_tensors_read(layout, arguments[3], dtype, &dtype, &flat);
  if (status == SYMO_OK) {
    status = symo_tensors_write(layout, arguments[4], dtype, flat);
    symo_free(flat);
  }
  symo_layout_destroy(layout);
  return status;
}

int main(int count, char **arguments) {
  symo_context *context;
  if (count < 3 || symo_context_create(&context) != SYMO_OK) return 9;
  symo_status status = run(context, arguments);
  if (status != SYMO_OK) fprintf(stderr, "%s\n", symo_context_detail(context));
  symo_context_destroy(context);
  return status == SYMO_OK ? 0 : 3;
}
EOF

sanitize=()
[ -n "${SANITIZED:-}" ] && sanitize=("-fsanitize=address,undefined")
libraries=(-lgsl -llapacke -lopenblas -ljansson -lm)
"${CC:-cc}" -std=c11 -I"$SOURCE/include" -I"$SOURCE" "${sanitize[@]}" program.c \
  "$BUILD/libsymo.a" "${libraries[@]}" -pthread -o program

cat >files.py <<'EOF'
import json
import struct
import subprocess
import sys

import numpy as np


def call(*arguments, fails=None):
    done = subprocess.run(["./program", *arguments], capture_output=True, text=True)
    if fails is None:
        assert done.returncode == 0, (arguments, done.stderr)
    else:
        assert done.returncode == 3 and fails in done.stderr, (arguments, done.stderr)


def bf16(x):
    """The upper halves of float32 numbers, rounded towards zero."""
    return (np.asarray(x, "<f4").view("<u4") >> 16).astype("<u2")


def write(path, entries, metadata=None):
    """entries: {name: (dtype, shape, bytes)}"""
    header, data = {} if metadata is None else {"__metadata__": metadata}, b""
    for name, (dtype, shape, numbers) in entries.items():
        offsets = [len(data), len(data) + len(numbers)]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": offsets}
        data += numbers
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def read(path):
    types = {"F64": "<f8", "F32": "<f4"}
    with open(path, "rb") as file:
        raw = file.read()
    (length,) = struct.unpack("<Q", raw[:8])
    assert length % 8 == 0
    header, data, out, end = json.loads(raw[8 : 8 + length]), raw[8 + length :], {}, 0
    header.pop("__metadata__", None)
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        assert first == end
        end = last
        out[name] = np.frombuffer(data[first:last], types[entry["dtype"]]).reshape(entry["shape"])
    assert end == len(data)
    return out


def check_npy(rng):
    call("make-matrix", "ours.npy")
    x = np.load("ours.npy", allow_pickle=False)
    assert x.dtype == "<f8" and x.flags.c_contiguous and x.shape == (3, 4)
    assert np.array_equal(x.ravel(), 1.0 / np.arange(1, 13))
    shapes = [(), (1,), (7,), (3, 4), (2, 3, 4), (0, 5), (1, 1, 2, 1, 3, 1, 1, 2)]
    for dtype in ["<f8", "<f4", "|u1"]:
        for shape in shapes:
            x = np.asarray(rng.standard_normal(shape) * 40 + 100).astype(dtype)
            np.save("theirs.npy", x)
            call("copy-npy", "theirs.npy", "copy.npy")
            y = np.load("copy.npy", allow_pickle=False)
            assert y.dtype == x.dtype and y.shape == x.shape
            assert y.tobytes() == x.tobytes()
    for version in [(1, 0), (2, 0), (3, 0)]:
        with open("theirs.npy", "wb") as file:
            np.lib.format.write_array(file, np.arange(5.0), version)
        call("copy-npy", "theirs.npy", "copy.npy")
        assert np.array_equal(np.load("copy.npy"), np.arange(5.0))
    for bad in [np.asfortranarray(np.ones((2, 3))), np.arange(3), np.ones(2, ">f8"),
                np.zeros(2, [("a", "<f8")])]:
        np.save("theirs.npy", bad)
        call("copy-npy", "theirs.npy", "copy.npy", fails="theirs.npy: ")


def check_tensors(rng):
    layout = {"spaces": {"in": {"dim": 20, "group": "identity"},
                         "h": {"dim": 64, "group": "signed-permutation"},
                         "out": {"dim": 5, "group": "identity"}},
              "tensors": [{"name": "w1", "axes": ["h", "in"]}, {"name": "b1", "axes": ["h"]},
                          {"name": "w2", "axes": ["out", "h*"]}, {"name": "s", "axes": []}]}
    with open("L.json", "w") as file:
        json.dump(layout, file)
    shapes = {"w1": (64, 20), "b1": (64,), "w2": (5, 64), "s": ()}
    tensors = {name: rng.standard_normal(shape) for name, shape in shapes.items()}

    def entry(dtype, x):
        x = np.asarray(x)
        kinds = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
        numbers = bf16(x) if dtype == "BF16" else x.astype(kinds[dtype])
        return dtype, x.shape, numbers.tobytes()

    def value(dtype, x):
        if dtype == "BF16":
            upper = np.atleast_1d(bf16(x)).astype("<u4") << np.uint32(16)
            return upper.view("<f4").astype("<f8").reshape(np.shape(x))
        return np.asarray(x, {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype]).astype("<f8")

    for dtypes in [["F64"] * 4, ["F32"] * 4, ["F16"] * 4, ["BF16"] * 4,
                   ["BF16", "F64", "F16", "F32"]]:
        kinds = dict(zip(tensors, dtypes))
        write("in.safetensors", {n: entry(kinds[n], x) for n, x in tensors.items()}, {"by": "é"})
        for wanted in ["any", "f32", "f64"]:
            call("copy-tensors", "L.json", "in.safetensors", "out.safetensors", wanted)
            wide = wanted == "f64" or (wanted == "any" and "F64" in dtypes)
            back = read("out.safetensors")
            assert list(back) == list(tensors)
            for name, x in tensors.items():
                y = value(kinds[name], x)
                if not wide:
                    y = y.astype("<f4")
                assert back[name].dtype == y.dtype and np.array_equal(back[name], y), name
    write("in.safetensors", {n: entry("F64", x.T) for n, x in tensors.items()})
    call("copy-tensors", "L.json", "in.safetensors", "no", "any", fails="it looks transposed")


def main():
    rng = np.random.default_rng(1)
    check_npy(rng)
    check_tensors(rng)
    print("numpy", np.__version__, "and this library read each other's files")


if __name__ == "__main__":
    sys.exit(main())
EOF
"$python" files.py
