#!/usr/bin/env bash
# symo spectrum from outside: networks by options and checkpoints, what is written, every way to fail.
# shellcheck disable=SC2086 # commands split into words
set -u
test=spectrum
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C SYMO_DATA=$root/experiments/data/files

# works ARGUMENTS...: exit code 0, an answer, nothing on stderr but notes.
works() {
  "$symo" "$@" >out 2>err </dev/null || fail "symo $*: exit $?: $(cat err)"
  [ -s out ] || fail "symo $*: no answer"
  grep -v 'gnuplot' err | grep -q . && fail "symo $*: something on stderr: $(cat err)"
  return 0
}
trains() { "$symo" train "$@" >out 2>err </dev/null || fail "symo train $*: $(cat err)"; }
has() { grep -qF -- "$1" out || fail "no \"$1\" in: $(cat out)"; }

touch file
net="--data digits --net 64-8-10 --examples 60 --exponents --eigenvalues 4 --resamples 20"

# ---- a network by options ----
works spectrum $net --out a
has 'w1      dense'
has 'w2      output'
has 'medians by kind'
[ -s a/exponents.json ] || fail "no exponents.json"
if command -v gnuplot >/dev/null; then
  for picture in alignment decay; do [ -s a/$picture.png ] || fail "no $picture.png"; done
fi
works spectrum $net --out b --no-plots --json
cmp -s out b/exponents.json || fail "--json is not what exponents.json holds"
[ -e b/plots ] && fail "pictures with --no-plots"
cmp -s a/exponents.json b/exponents.json || fail "not the same numbers twice"
works spectrum $net --out b --no-plots --json --seed 2
cmp -s a/exponents.json b/exponents.json && fail "the same numbers with another seed"
python3 - a/exponents.json <<'END' || fail "exponents.json does not hold together"
import json, math, sys
e = json.load(open(sys.argv[1]))
assert e["net"] == "64-8-10" and e["examples"] == 60 and len(e["matrices"]) == 2
for m in e["matrices"]:
    k, sigma = m["k"], m["singular_values"]
    assert k[0] == 1 and k[-1] <= m["range"] <= len(sigma) == min(m["rows"], m["columns"])
    assert len(k) == len(m["hessian"]) == len(m["ggn"]) == len(m["kfac"])
    assert sigma == sorted(sigma, reverse=True) and len(m["eigenvalues"]) == 4
    for fit in ("alpha", "alpha_ggn", "gamma", "s", "s_ggn", "alignment"):
        if m[fit]["value"] is not None:
            assert m[fit]["low"] <= m[fit]["high"], fit
    assert abs(m["two_plus_alignment"] - 2 - m["alignment"]["value"]) < 1e-12
    s, a, g = (m[x]["value"] for x in ("s", "alpha", "gamma"))
    assert abs(m["transfer_error"] - abs(s - a * g) / abs(s)) < 1e-12
END

# ---- the range ----
works spectrum $net --out c --no-plots --range 0.3 --json
grep -q '"least_singular_value": 0.3' out || fail "--range is not in the answer"
works spectrum $net --out c --no-plots --directions 5 --json
python3 -c 'import json; e = json.load(open("out")); assert all(len(m["k"]) == 5 for m in e["matrices"])' ||
  fail "--directions 5 measured others"

# ---- checkpoints of symo train ----
trains classifier --data digits --net conv:8x8x1-c4k3-p2-c6k3-p4-10 --steps 3 --out run
works spectrum --exponents --checkpoint run/checkpoint.safetensors --examples 50 --no-plots --out d --json
grep -q '"step": 3' out || fail "no step: $(head -c 400 out)"
grep -q '"kind": "convolution"' out || fail "no convolution"
grep -q '"examples": 50' out || fail "not 50 examples"
works spectrum --exponents --checkpoint run/checkpoint.safetensors --data digits --examples 40 --no-plots --out d
has '40 examples; after 3 steps'
(mkdir -p elsewhere && cd elsewhere && "$symo" spectrum --exponents --checkpoint ../run/checkpoint.safetensors \
  --examples 20 --no-plots --out here >/dev/null 2>&1 && [ -s here/exponents.json ]) ||
  fail "--out is not meant from the working directory"
seq 1 400 | sed 's/^/abc /' >text.txt
trains gpt --data text.txt --n-layer 1 --n-head 2 --n-embd 8 --block-size 8 --steps 2 --out gpt
works spectrum --exponents --checkpoint gpt/checkpoint.safetensors --examples 6 --no-plots --out e
has 'h.0.attn.q.weight       attention-query'
has '6 examples; after 2 steps'

# ---- an optimizer of the exponents ----
works spectrum --exponents --checkpoint run/checkpoint.safetensors --examples 50 --eigenvalues 0 --no-plots --out d \
  --rules measured.json
has 'written to measured.json'
python3 - d/exponents.json measured.json <<'END' || fail "measured.json is not of the exponents"
import json, sys
matrices, rules = json.load(open(sys.argv[1]))["matrices"], json.load(open(sys.argv[2]))["rules"]
assert [r["match"] for r in rules] == [m["name"] for m in matrices] + ["*"]
assert rules[-1]["preset"] == "adamw"
for m, r in zip(matrices, rules):
    alpha = m["alpha_ggn"]["value"]
    assert r["preset"] == "spectral-newton" and ("alpha" in r) == (alpha is not None)
    assert alpha is None or abs(r["alpha"] - min(max(alpha, 0.1), 2)) <= 0.0051
END
trains classifier --data digits --net conv:8x8x1-c4k3-p2-c6k3-p4-10 --steps 3 --out measured --optimizer measured.json \
  --set 'rules.*.lr=0.008'
works spectrum --exponents --checkpoint gpt/checkpoint.safetensors --examples 6 --eigenvalues 0 --no-plots --out e \
  --rules gpt.json
grep -q 'wte.weight' gpt.json && fail "a rule for an embedding: $(cat gpt.json)"
grep -q '"match": "h.0.attn.q.weight"' gpt.json || fail "no rule for a query: $(cat gpt.json)"
fails 4 'file/x' spectrum $net --no-plots --out c --rules file/x

# ---- the whole spectrum ----
whole="--data digits --net 64-6-10 --examples 60 --eigenpairs 4 --probes 3 --steps 12"
works spectrum $whole --out f
has 'eigenvalue'
has 'w1'
[ -s f/spectrum.json ] || fail "no spectrum.json"
if command -v gnuplot >/dev/null; then
  for picture in density tensors; do [ -s f/$picture.png ] || fail "no $picture.png"; done
fi
works spectrum $whole --matrix ggn --no-plots --out g --json
cmp -s out g/spectrum.json || fail "--json is not what spectrum.json holds"
python3 - g/spectrum.json <<'END' || fail "spectrum.json does not hold together"
import json, sys
d = json.load(open(sys.argv[1]))
assert d["matrix"] == "ggn" and len(d["eigenpairs"]) == 4 and len(d["density"]["nodes"]) == 36
assert abs(sum(d["density"]["weights"]) - 1) < 1e-9 and min(d["density"]["nodes"]) > -1e-9
assert abs(sum(t["trace"]["value"] for t in d["tensors"]) / d["trace"]["value"] - 1) < 1e-9
values = [p["value"] for p in d["eigenpairs"]]
assert values == sorted(values, reverse=True) and values[-1] > 0
for p in d["eigenpairs"]:
    assert abs(sum(p["tensors"].values()) - 1) < 1e-9 and 1 <= p["participation"] <= d["parameters"]
END
works spectrum --checkpoint run/checkpoint.safetensors --examples 30 --eigenpairs 2 --probes 2 --steps 5 --no-plots --out h
has 'after 3 steps'

# ---- failures ----
fails 2 '--steps: means nothing with --exponents' spectrum $net --steps 5
fails 2 '--range: means nothing without --exponents' spectrum $whole --range 0.1
fails 2 'probes' spectrum $whole --probes 1
fails 2 'the checkpoint says it' spectrum --exponents --checkpoint run/checkpoint.safetensors --net 64-8-10
fails 2 'range' spectrum $net --range 2
fails 4 'no.safetensors' spectrum --exponents --checkpoint no.safetensors
fails 4 'file' spectrum $net --out file/x

[ $failures -eq 0 ]
