#!/usr/bin/env bash
# symo compare with a Hessian from elsewhere: the figures are those of the network it came from, and
# files that are no Hessian are refused.
set -u
test=compare_given
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C SYMO_DATA=$root/experiments/data/files
command -v python3 >/dev/null || { echo "no python3 to read the answers"; exit 77; }

works() { "$symo" compare "$@" >out 2>err </dev/null || fail "compare $*: exit $?: $(cat err)"; }
refused() {
  local code=$1 text=$2
  shift 2
  fails "$code" "$text" compare "$@"
}

works --data teacher --net 6-12-3 --examples 50 --no-plots --out net
given="--grad net/grad.safetensors --layout net/layout.json"
# shellcheck disable=SC2086 # words
works --hessian net/hessian.npy $given --param net/theta.safetensors --out all --json
cmp -s out all/results.json || { tr -d ' \n' <out >one; tr -d ' \n' <all/results.json >two
  cmp -s one two || fail "--json prints something else than results.json"; }
# shellcheck disable=SC2086
works --hessian net/hessian.npy $given --out some --save-all
grep -q '^  h-pd  *needs the parameters (--param)' out || fail "no note at h-pd: $(cat out)"
[ -s some/h-lr.safetensors ] || fail "no h-lr.safetensors"
python3 - <<'END' || fail "the figures are not those of the network"
import json
net, all, some = (json.load(open(f"{d}/results.json")) for d in ("net", "all", "some"))
rows = lambda r: {e["name"]: e for e in r["estimators"]}
n, a, s = rows(net), rows(all), rows(some)
assert set(n) - set(a) >= {"h-star-exact", "kfac", "shampoo", "diagonal"}, set(n) - set(a)
for name in a:
    for key in ("cosine_abs_hessian", "cosine_hessian", "rel_error_abs_hessian", "hvp_cosine",
                "solve_error", "logdet_error"):
        x, y = n[name][key], a[name][key]
        assert x == y or abs(x - y) <= 1e-6 * abs(x), (name, key, x, y)
    assert a[name]["newton_decrease"] is None and a[name]["cosine_hessian_star"] is None
assert s["h-pd"]["stored_numbers"] is None and s["h-g"] == {**a["h-g"], "seconds": s["h-g"]["seconds"]}
assert all["hessian_file"] == "net/hessian.npy" and "net" not in all
END

# ---- what is refused ----
python3 - <<'END'
import struct
raw = open("net/hessian.npy", "rb").read()
start = 10 + struct.unpack("<H", raw[8:10])[0]
n = 123
def write(path, at, value):
    out = bytearray(raw)
    out[start + 8 * at:start + 8 * at + 8] = struct.pack("<d", value)
    open(path, "wb").write(out)
write("nan.npy", 5 * n + 7, float("nan"))
write("inf.npy", 0, float("inf"))
write("skew.npy", 3 * n + 1, 1e3)
END
# shellcheck disable=SC2086
{
  refused 3 "nan.npy: entry [5, 7] is NaN" --hessian nan.npy $given --out bad
  refused 3 "inf.npy: entry [0, 0] is infinite" --hessian inf.npy $given --out bad
  refused 3 "not symmetric: entry [3, 1]" --hessian skew.npy $given --out bad
  refused 3 "no square matrix" --hessian net/data-x.npy $given --out bad
  refused 3 "is 123 x 123, and the layout has 4 parameters" --hessian net/hessian.npy \
    --grad net/grad.safetensors --layout "h: permutation 4; w[h]" --out bad
  refused 4 "missing.npy" --hessian missing.npy $given --out bad
  refused 2 "--grad: is missing" --hessian net/hessian.npy --layout net/layout.json
  refused 2 "--layout: is missing" --hessian net/hessian.npy --grad net/grad.safetensors
  refused 2 "--layout: means nothing without --hessian" --layout net/layout.json
  refused 2 "--param: means nothing without --hessian" --param net/theta.safetensors
  for option in "--net 2-3" "--data iris" "--train-steps 3" "--sweep scale" --ggn "--seeds 2"; do
    refused 2 "means nothing with --hessian" --hessian net/hessian.npy $given $option
  done
}
[ -e bad/results.json ] && fail "a failure left results.json"

[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
