#!/usr/bin/env bash
# symo estimate from pairs of a vector and its product: a structured matrix comes back from its own
# products, beside a gradient too; the mean is that of A v v'; every misuse is refused.
set -u
test=estimate_probes
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C
command -v python3 >/dev/null || { echo "no python3 to write vectors"; exit 77; }

cat >tools.py <<'END'
import json, random, struct, sys
def write(path, tensors):
    head, data = {}, b""
    for name, (shape, x) in tensors.items():
        raw = struct.pack("<%dd" % len(x), *x)
        head[name] = {"dtype": "F64", "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)
def read(path, order):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8:8 + n])
    out = []
    for name in order:
        a, b = head[name]["data_offsets"]
        out += struct.unpack("<%dd" % ((b - a) // 8), raw[8 + n + a:8 + n + b])
    return out
def dense(path):
    raw = open(path, "rb").read()
    start = 10 + struct.unpack("<H", raw[8:10])[0]
    return struct.unpack("<%dd" % ((len(raw) - start) // 8), raw[start:])
def near(a, b, limit):
    top = max(map(abs, b))
    assert len(a) == len(b) and all(abs(x - y) <= limit * top for x, y in zip(a, b))
END
python3 - <<'END'
from tools import *
random.seed(3)
for i in range(9):
    v = [random.gauss(0, 1) for _ in range(15)]
    write(f"v{i}.safetensors", {"w": ([5, 2], v[:10]), "b": ([5], v[10:])})
for i in range(3):
    write(f"x{i}.safetensors", {"w": ([3], [random.gauss(0, 1) for _ in range(3)])})
END
net="i: identity 2; h: signed-permutation 5; w[h,i] b[h]"

works() { "$symo" "$@" >out 2>err </dev/null || fail "$*: exit $?: $(cat err)"; }
works estimate --layout "$net" --grad v0.safetensors --grad v1.safetensors --estimator h-g --out h.safetensors \
  --dense h.npy
pairs=()
for i in 2 3 4 5; do
  works apply --hessian h.safetensors --op matvec --in v$i.safetensors --out av$i.safetensors
  pairs+=(--probe v$i.safetensors --product av$i.safetensors)
done
works estimate --layout "$net" "${pairs[@]}" --dense found.npy --out found.safetensors --json
grep -q '"estimator": "probes"' out || fail "the estimator is not named: $(cat out)"
grep -q '"probes": 4' out || fail "the pairs are not counted: $(cat out)"
works info --hessian found.safetensors
# A quadratic loss: its gradient at v6 is a product like the others.
works apply --hessian h.safetensors --op matvec --in v6.safetensors --out g6.safetensors
works estimate --layout "$net" --grad g6.safetensors --param v6.safetensors "${pairs[@]}" \
  --estimator h-star --dense beside.npy
grep -q '^h-star from 1 gradient and 4 pairs' out || fail "not both counted: $(cat out)"
# Two pairs of seven, drawn to zero, to the identity, to a multiple of the matrix itself.
few=("${pairs[@]:0:4}")
works apply --hessian h.safetensors --op matvec --in v7.safetensors --out av7.safetensors
for prior in none zero identity h.safetensors; do
  works estimate --layout "$net" "${few[@]}" --prior $prior --dense prior-${prior%.*}.npy --out p.safetensors --json
  grep -q '"estimator": "probes"' out || fail "$prior: the estimator is not named: $(cat out)"
  [ $prior = none ] || grep -q "\"prior\": \"$prior\"" out || fail "no prior $prior: $(cat out)"
done
cp out own.json
works estimate --layout "$net" "${few[@]}" --prior identity --prior-strength 1e9 --dense strong.npy
grep -q '^prior   identity, as 1e+09 pairs, times ' out || fail "prior: $(cat out)"
sed -n 's/^prior .*times //p' out >scale
one="i: identity 3; w[i]"
works estimate --layout "$one" --average --probe x0.safetensors --product x1.safetensors \
  --probe x1.safetensors --product x2.safetensors --dense mean.npy
python3 - <<'END' || fail "the estimates are not what the products say"
from tools import *
near(dense("found.npy"), dense("h.npy"), 1e-10)
near(dense("beside.npy"), dense("h.npy"), 1e-10)
def off(path):  # |M - H| / |H|
    a, b = dense(path), dense("h.npy")
    return (sum((x - y) ** 2 for x, y in zip(a, b)) / sum(y * y for y in b)) ** 0.5
near(dense("prior-h.npy"), dense("h.npy"), 1e-10)
near([json.load(open("own.json"))["prior_scale"]], [1], 1e-12)
assert off("prior-zero.npy") > 1e-3 and off("prior-identity.npy") > 1e-3
assert off("prior-zero.npy") != off("prior-none.npy")
c = float(open("scale").read())  # a strong prior says all: c I
near(dense("strong.npy"), [c if i == j else 0 for i in range(15) for j in range(15)], 1e-5)
x = [read(f"x{i}.safetensors", ["w"]) for i in range(3)]
mean = [sum((x[k][i] * x[k + 1][j] + x[k + 1][i] * x[k][j]) / 4 for k in range(2))
        for i in range(3) for j in range(3)]
near(dense("mean.npy"), mean, 1e-12)
END

refused() { local text=$1; shift; fails 2 "$text" estimate --layout "$net" "$@"; }
refused "--grad is missing"
refused "--estimator is missing" --grad v0.safetensors
refused "given 1 times for 2 of --probe" --probe v0.safetensors --probe v1.safetensors --product v2.safetensors
refused "given 1 times for 0 of --probe" --grad v0.safetensors --estimator h-g --product v2.safetensors
refused "means nothing for h-g" "${pairs[@]}" --estimator h-g
refused "--param: means nothing without --grad" "${pairs[@]}" --param v0.safetensors
refused "--average" --grad v0.safetensors --estimator h-g --average
refused "--prior: is for least squares" --grad v0.safetensors --estimator h-g --prior identity
refused "--prior: is for least squares" "${pairs[@]}" --average --prior identity
refused "--prior: is for least squares" "${pairs[@]}" --grad v0.safetensors --param v1.safetensors --estimator h-star --prior zero
refused "--prior-strength: means nothing without --prior" "${pairs[@]}" --prior-strength 1
refused "--prior-strength: 0 is out of range" "${pairs[@]}" --prior zero --prior-strength 0
fails 4 "best: cannot open" estimate --layout "$net" "${pairs[@]}" --prior best
fails 3 "--prior: h.safetensors: its layout" estimate --layout "$net" "${pairs[@]}" --prior h.safetensors --centered
refused "--damping: means nothing for probes alone" "${pairs[@]}" --damping 1
refused "--scale: means nothing" "${pairs[@]}" --scale
fails 3 "v0.safetensors" estimate --layout "$one" --probe v0.safetensors --product v0.safetensors

[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
