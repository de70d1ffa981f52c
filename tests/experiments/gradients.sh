#!/usr/bin/env bash
# symo gradients: what it says of single examples, against symo compare and estimates from them; files
# with several gradients are as good as as many files; every misuse is refused.
set -u
test=gradients
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C
command -v python3 >/dev/null || { echo "no python3 to read vectors"; exit 77; }

works() {
  "$symo" "$@" >out 2>err </dev/null || fail "$*: exit $?: $(cat err)"
}

small="--data teacher --net 3-4-2 --examples 7"
# shellcheck disable=SC2086 # words
works gradients $small --out a --json
cmp -s out a/gradients.json || fail "the answer is not what the file has"
command -v gnuplot >/dev/null && { [ -s a/norms.png ] || fail "no picture"; }
# shellcheck disable=SC2086
works compare $small --no-plots --out c
cmp -s a/theta.safetensors c/theta.safetensors || fail "other parameters than symo compare"

# The mean is the gradient, norms and trace are those of the rows, and the parts make single files.
python3 - <<'END' || fail "gradients.safetensors"
import json, math, struct
def read(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8:8 + n])
    head.pop("__metadata__", None)
    return {k: (v["shape"], struct.unpack("<%dd" % ((v["data_offsets"][1] - v["data_offsets"][0]) // 8),
            raw[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]])) for k, v in head.items()}
def write(path, tensors):
    head, data = {}, b""
    for name, (shape, x) in tensors.items():
        raw = struct.pack("<%dd" % len(x), *x)
        head[name] = {"dtype": "F64", "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)
stack, mean, says = read("a/gradients.safetensors"), read("c/grad.safetensors"), json.load(open("a/gradients.json"))
assert stack.keys() == mean.keys() and len(stack) == 4
norms = [0.0] * 7
for name, (shape, x) in stack.items():
    assert shape == [7] + mean[name][0]
    size = len(x) // 7
    for e in range(7):
        norms[e] += sum(v * v for v in x[e * size:(e + 1) * size])
    for i in range(size):
        g = sum(x[e * size + i] for e in range(7)) / 7
        assert abs(g - mean[name][1][i]) <= 1e-12
for e in range(7):
    write("g%d.safetensors" % e, {k: (s[1:], x[e * len(x) // 7:(e + 1) * len(x) // 7]) for k, (s, x) in stack.items()})
assert abs(says["fisher_trace"] - sum(norms) / 7) <= 1e-12 * says["fisher_trace"]
assert abs(says["norms"]["largest"] - math.sqrt(max(norms))) <= 1e-12
assert says["largest"][0]["example"] == norms.index(max(norms)) and len(says["largest"]) == 5
square = says["gradient"] ** 2
assert abs(says["noise_scale"] - (says["fisher_trace"] - square) / square) <= 1e-9 * says["noise_scale"]
short = dict(stack)
name = sorted(short)[-1]
shape, x = short[name]
short[name] = ([6] + shape[1:], x[:len(x) // 7 * 6])
write("short.safetensors", short)
write("none.safetensors", {k: ([0] + s[1:], ()) for k, (s, x) in stack.items()})
END

# An estimate from the file is that from the parts, to the byte; of float32 as well.
single=()
for e in 0 1 2 3 4 5 6; do single+=(--grad g$e.safetensors); done
for estimator in covariance h-g h-star; do
  param=()
  [ $estimator = h-star ] && param=(--param a/theta.safetensors)
  works estimate --layout a/layout.json --grad a/gradients.safetensors "${param[@]}" --estimator $estimator --out all.safetensors
  works estimate --layout a/layout.json "${single[@]}" "${param[@]}" --estimator $estimator --out each.safetensors
  cmp -s all.safetensors each.safetensors || fail "$estimator: a file of seven is not seven files"
done
grep -q "from 7 gradients" out || fail "$(cat out)"
works estimate --layout a/layout.json --grad g0.safetensors --grad a/gradients.safetensors --estimator h-g
grep -q "from 8 gradients" out || fail "$(cat out)"
# shellcheck disable=SC2086
works gradients $small --dtype f32 --no-plots --out b
[ -e b/norms.png ] && fail "a picture in spite of --no-plots"
works estimate --layout a/layout.json --grad b/gradients.safetensors --grad g0.safetensors --estimator h-g --json
grep -q '"dtype": "f64"' out && grep -q '"gradients": 8' out || fail "$(cat out)"

# Networks of all kinds, and a checkpoint.
works gradients --data digits --net conv:8x8x1-c3k3-p2-10 --examples 20 --no-plots --out d
works train teacher-student --net 4-6-2 --train 30 --test 10 --steps 2 --out run
works gradients --checkpoint run/checkpoint.safetensors --examples 30 --no-plots --out e
grep -q 'after 2 steps' out || fail "$(cat out)"

fails 3 'none.safetensors: a stack of no vectors' estimate --layout a/layout.json --grad none.safetensors --estimator h-g
fails 3 'short.safetensors: entry' estimate --layout a/layout.json --grad short.safetensors --estimator h-g
fails 2 'given 2 times for 7 gradients' estimate --layout a/layout.json --grad a/gradients.safetensors --param a/theta.safetensors --param a/theta.safetensors --estimator h-star
fails 3 'entry' apply --hessian all.safetensors --op matvec --in a/gradients.safetensors --out u.safetensors
# shellcheck disable=SC2086
fails 2 'the checkpoint says it' gradients $small --checkpoint run/checkpoint.safetensors --out f
echo "gradients of single examples are what they say"
