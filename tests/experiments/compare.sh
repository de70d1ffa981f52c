#!/usr/bin/env bash
# symo compare from outside: a tiny network end to end, the keys of results.json, the same bytes twice,
# and every way to fail with its exit code and its one line.
set -u
test=compare
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C SYMO_DATA=$root/experiments/data/files

# refused CODE TEXT ARGUMENTS...: as fails, of symo compare.
refused() {
  local code=$1 text=$2
  shift 2
  fails "$code" "$text" compare "$@"
}

# works ARGUMENTS...: exit 0.
works() {
  "$symo" compare "$@" >out 2>err </dev/null || fail "compare $*: exit $?: $(cat err)"
}

tiny="--data teacher --net 2-4-1 --examples 20"

# ---- end to end ----
# shellcheck disable=SC2086 # words
works $tiny --no-plots --out a --save-all --ggn
for name in results.json theta.safetensors grad.safetensors layout.json hessian.npy hessian-star.npy \
  data-x.npy data-y.npy h-pd.npy shampoo.npy kfac.npy abs-hessian.npy; do
  [ -s "a/$name" ] || fail "no a/$name"
done
[ -e a/plots ] && fail "--no-plots made a/plots"
for key in '"net": "2-4-1"' '"loss": ' '"parameters": 17' '"seed": 1' '"estimators": \[' \
  '"label": "exact"' '"h1": "signed-permutation"'; do
  grep -q -- "$key" a/results.json || fail "no $key in results.json"
done
for row in h-star-exact reynolds h-lr-exact h-lr h-probes h-star h-pd h-g h-g-bd covariance shampoo kfac identity diagonal ggn fisher; do
  grep -q "\"name\": \"$row\"" a/results.json || fail "no row $row in results.json"
  grep -q "^  $row " out || fail "no row $row in the table"
done
rows=$(grep -c '"name": ' a/results.json)
for key in seconds stored_numbers cosine_abs_hessian cosine_hessian cosine_hessian_star \
  rel_error_abs_hessian hvp_cosine newton_decrease solve_error logdet_error; do
  [ "$(grep -c "^      \"$key\": " a/results.json)" -eq "$rows" ] || fail "$key is not in every row"
done
grep -qiE '(^|[^a-z])-?(nan|inf)' a/results.json && fail "NaN in results.json"
[ "$(head -c 6 a/hessian.npy | tail -c 5)" = NUMPY ] || fail "hessian.npy is no npy file"

# products, rank and probes of h-lr: as asked for, or as the budget says.
grep -q '^h-lr     17 products with H' out || fail "no line of the cost of h-lr: $(grep '^h-lr' out)"
# shellcheck disable=SC2086
works --data teacher --net 6-12-3 --examples 20 --no-plots --out lr --products 20 --rank 3 --probes 5
# Its file: symo apply and symo info take it; a solution times the matrix is the vector.
works --data teacher --net 6-12-3 --examples 20 --no-plots --out lr --products 20 --rank 3 \
  --probes 5 --save-all
[ -s lr/h-lr.npy ] || fail "no lr/h-lr.npy"
apply() { "$symo" apply --hessian "$1" --op "$2" --damping 0.01 --in "$3" --out "$4" "${@:5}" 2>err ||
  fail "apply $2: $(cat err)"; }
apply lr/h-lr.safetensors solve lr/grad.safetensors solved.safetensors
apply lr/h-lr.safetensors matvec solved.safetensors back.safetensors
apply lr/h-lr.safetensors invsqrt lr/grad.safetensors half.safetensors
apply lr/h-lr.safetensors power half.safetensors whole.safetensors --power=-0.5
"$symo" info --hessian lr/h-lr.safetensors --damping 0.01 --json >info 2>err || fail "info: $(cat err)"
for key in '"name": "h-lr"' '"rank": 3' '"trace": ' '"frobenius": ' '"logdet_damped": -'; do
  grep -q -- "$key" info || fail "no $key in the answer of symo info"
done
"$symo" info --hessian lr/h-lr.safetensors >info 2>err || fail "info: $(cat err)"
grep -q '^leading eigenvalues (3;' info || fail "no leading eigenvalues: $(cat info)"
fails 3 "not a structured Hessian" transport --hessian lr/h-lr.safetensors --layout lr/layout.json --out t
if command -v python3 >/dev/null; then
  python3 - <<'END' || fail "solve, matvec and roots do not agree"
import json, struct
def read(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8:8 + n])
    out = []
    for name in sorted(k for k in head if k != "__metadata__"):
        a, b = head[name]["data_offsets"]
        out += struct.unpack("<%dd" % ((b - a) // 8), raw[8 + n + a:8 + n + b])
    return out
def near(a, b):
    top = max(map(abs, b))
    assert len(a) == len(b) and all(abs(x - y) <= 1e-8 * top for x, y in zip(a, b)), (a[:3], b[:3])
near(read("back.safetensors"), read("lr/grad.safetensors"))
near(read("whole.safetensors"), read("solved.safetensors"))
END
fi
for key in '"products": 20' '"rank": 3' '"probes": 5'; do
  grep -q -- "$key" lr/results.json || fail "no $key in results.json"
done
# shellcheck disable=SC2086
refused 2 "give at least 25" --data teacher --net 6-12-3 --no-plots --out lr --products 20 \
  --rank 20 --probes 5

# stdout with --json is the object that is written, but for nothing.
# shellcheck disable=SC2086
"$symo" compare $tiny --no-plots --out a --json >out 2>err || fail "--json: $(cat err)"
cmp -s out a/results.json || {
  tr -d ' \n' <out >one; tr -d ' \n' <a/results.json >two
  cmp -s one two || fail "--json prints something else than results.json"
}

# ---- the same bytes twice, but for seconds ----
# shellcheck disable=SC2086
works $tiny --no-plots --out b --save-all --ggn
# shellcheck disable=SC2086
works $tiny --no-plots --out a --save-all --ggn
for file in a/*; do
  name=${file#a/}
  if [ "$name" = results.json ]; then
    diff <(grep -v '"seconds":' a/results.json) <(grep -v '"seconds":' b/results.json) >/dev/null ||
      fail "results.json differs between equal runs"
  elif [ "$name" = command.json ]; then # each says its own --out
    diff <(grep -v '^ *"[ab]",*$' a/$name) <(grep -v '^ *"[ab]",*$' b/$name) >/dev/null ||
      fail "$name differs between equal runs"
  else
    cmp -s "$file" "b/$name" || fail "$name differs between equal runs"
  fi
done
# shellcheck disable=SC2086
works $tiny --seed 2 --no-plots --out b
cmp -s a/theta.safetensors b/theta.safetensors && fail "another seed gives the same weights"

# ---- variants ----
while read -r options; do
  # shellcheck disable=SC2086
  works $options --examples 20 --no-plots --out v
  grep -qiE '(^|[^a-z])-?(nan|inf)' v/results.json && fail "$options: NaN in results.json"
done <<'END'
--data teacher --net 2-4-1 --act relu --loss mse
--data teacher --net 2-4-1 --act gelu --no-bias
--data teacher --net 2-4-1 --act linear
--data teacher --net 2-4-1 --dtype f32
--data teacher --net 2-4-1 --centered
--data teacher --net 2-4-1 --damping 0.1 --samples 3
--data teacher --net 2-4-1 --train-steps 5
--data teacher --net 2-4-1 --groups permutation
--data teacher --net 2-4-1 --init-scale 0
--data teacher --net 2-4-1 --target-scale 3 --standardize
--data teacher --net 2-4-3 --loss cross-entropy
--data teacher --net 2-1
--data teacher:2-5-1 --net 2-3-2-1
--data teacher:2-5-1
END
# Zero weights: no direction anywhere, and null, not NaN, says so.
# shellcheck disable=SC2086
works $tiny --init-scale 0 --no-bias --no-plots --out v
grep -q '"cosine_abs_hessian": null' v/results.json || fail "a zero gradient does not give null"
# A group that is not a symmetry is allowed and labelled.
# shellcheck disable=SC2086
works $tiny --act relu --groups signed-permutation --no-plots --out v
grep -q '"label": "wrong"' v/results.json || fail "signed permutations of relu pass for exact"
grep -q '^groups .*: wrong (largest defect ' out || fail "the table does not say wrong"

# ---- centring ----
# Small weights, squared error: the bias of the outputs has nearly all of the gradient.
small="--data digits --net 64-4-10 --loss mse --init-scale 0.001 --examples 100 --no-plots"
cosine() { # FOLDER ROW: its cosine with |H|
  sed -n "/\"name\": \"$2\"/,/cosine_abs_hessian/s/.*\"cosine_abs_hessian\": \([^,]*\),/\1/p" "$1/results.json" |
    head -n 1
}
for way in "" --centered --uncentered; do
  # shellcheck disable=SC2086
  works $small $way --out "c$way"
done
for row in h-g h-g-bd; do
  awk -v a="$(cosine c $row)" -v b="$(cosine c--centered $row)" -v u="$(cosine c--uncentered $row)" \
    'BEGIN { exit !(a == b && a > 0.5 && u < 0.3) }' ||
    fail "$row: $(cosine c $row), centred $(cosine c--centered $row), not $(cosine c--uncentered $row)"
done
grep -q '"centered": true' c/results.json || fail "not centred by default"
grep -q '"centering": "auto"' c/results.json || fail "who chose is not said"
grep -q '"centered": false' c--uncentered/results.json || fail "--uncentered is centred"
grep -qE '"label0_gradient_share": 0\.99' c--uncentered/results.json || fail "no share of label 0"
grep -q '^label 0 .* 99\.[0-9]* % of the gradient.s square: in the estimates' out ||
  fail "the table does not say what became of label 0: $(cat out)"
# Where label 0 is nearly nothing, or all there is, it stays.
# shellcheck disable=SC2086
works $tiny --no-plots --out v
grep -q '"centered": false' v/results.json || fail "centred where label 0 is next to nothing"
# shellcheck disable=SC2086
works $small --groups identity --out v
grep -q '"centered": false' v/results.json || fail "centred although nothing else is there"
# shellcheck disable=SC2086
works $small --sweep scale --sweep-values 0.001,3 --out v
grep -qE '^  share +0\.99[0-9]+ +0\.2' out || fail "the sweep does not say the share of label 0"
grep -qE '^  runs without it +1 +1$' out || fail "the sweep does not say what is centred"
# shellcheck disable=SC2086
works $tiny --sweep scale --sweep-values 0.001,0.1 --no-plots --out v
grep -qE '^  runs without it +0 +0$' out || fail "the sweep does not say what is not centred"
fails 2 "--uncentered: means nothing with --centered" compare --centered --uncentered
# symo estimate keeps label 0, and says so.
"$symo" estimate --layout c/layout.json --grad c/grad.safetensors --estimator h-g >out 2>err ||
  fail "estimate: $(cat err)"
grep -qE '^symo: label 0, .* has 99\.[0-9]* % of its square .*--centered' err || fail "no hint: $(cat err)"
"$symo" estimate --layout c/layout.json --grad c/grad.safetensors --estimator h-g --centered >out 2>err
[ -s err ] && fail "a hint where label 0 is left out: $(cat err)"
"$symo" estimate --layout a/layout.json --grad a/grad.safetensors --estimator h-g >out 2>err
[ -s err ] && fail "a hint where label 0 is next to nothing: $(cat err)"
# shellcheck disable=SC2086
works $tiny --groups a/layout.json --no-plots --out v
grep -q '"chosen": "given"' v/results.json || fail "--groups layout.json is not taken"
# shellcheck disable=SC2086
works $tiny --seeds 2 --no-plots --out v
for key in '"runs": \[' '"summary": \[' '"median": '; do
  grep -q "$key" v/results.json || fail "--seeds 2: no $key"
done
# shellcheck disable=SC2086
works $tiny --sweep scale --sweep-values 0.01,0.1 --no-plots --out v
grep -q '"over": "scale"' v/results.json || fail "no sweep in results.json"
for sweep in steps width depth activation groups; do
  case $sweep in
  steps) values=0,2 ;; width) values=2,3 ;; depth) values=1,2 ;; activation) values=tanh,relu ;;
  groups) values=sign-flip,permutation ;;
  esac
  # shellcheck disable=SC2086
  works $tiny --sweep $sweep --sweep-values $values --no-plots --out v
done
printf 'a,b,class\n1,2,0\n2,1,1\n3,5,0\n4,4,1\n0,1,1\n2,2,0\n' >set.csv
works --data set.csv --no-plots --out v
grep -q '"net": "2-32-2"' v/results.json || fail "the widths do not come from set.csv"
works --data set.csv --net 2-3-2 --no-plots
[ -s symo-results/set/results.json ] || fail "the default directory is not symo-results/set"

# ---- other networks ----
required="h-star-exact reynolds h-lr-exact h-lr h-probes h-star h-pd h-g h-g-bd covariance shampoo kfac identity diagonal"

# figure FILE ROW KEY: what the first run has there.
figure() {
  awk -v row="\"$2\"" -v key="\"$3\":" '$1 == "\"name\":" { here = index($2, row) == 1 }
    here && $1 == key { sub(",", "", $2); print $2; exit }' "$1"
}

# nearest FILE: among structured matrices the averages come nearest in Frobenius norm, reynolds to H and
# reynolds-abs to |H|: no row of the same structure has a greater cosine.
nearest() {
  local row best one
  for row in h-star h-pd h-g h-g-bd covariance; do
    for pair in "reynolds cosine_hessian" "reynolds-abs cosine_abs_hessian"; do
      best=$(figure "$1" "${pair% *}" "${pair#* }") one=$(figure "$1" "$row" "${pair#* }")
      awk -v a="$best" -v b="$one" 'BEGIN { exit !(a >= b - 1e-9 && a > 0 && a <= 1 + 1e-9) }' ||
        fail "$1: ${pair#* }: $row has $one, ${pair% *} $best"
    done
  done
}

digits="--data digits --examples 30 --no-plots"
while read -r options; do
  # shellcheck disable=SC2086
  works $digits $options --out n
  [ -s err ] && fail "$options: $(cat err)"
  for row in $required; do
    [ -n "$(figure n/results.json "$row" cosine_abs_hessian)" ] || fail "$options: no row $row"
    [ "$(figure n/results.json "$row" stored_numbers)" != null ] || fail "$options: $row is null"
  done
  nearest n/results.json
  grep -q '"label": "exact"' n/results.json || fail "$options: the group is not exact"
done <<'END'
--net rnn:8-3-10
--net rnn:8-3-2-10 --act relu --no-bias
--net conv:8x8x1-c2k3-p2-c3k3c-p4-10
--net conv:8x8x1-c2k3c-m4-10 --act relu
--net conv:64x1-c2k5-ln-p8-res-c2k3-add-p4-10 --act gelu
--net 64-3-res-rms-3-add-10
END
# The data are written as the loss saw them, one example a row whatever the shape.
works --data digits --examples 30 --net rnn:8-3-10 --no-plots --out n
works --data digits --examples 30 --net 64-2-10 --no-plots --out m
cmp -s n/data-x.npy m/data-x.npy || fail "rows of digits as steps: other data"
grep -aq "'shape': (30, 64)" n/data-x.npy || fail "data-x.npy has not 30 rows"
grep -q '"net": "rnn:8x8-3-10"' n/results.json || fail "the steps are not in results.json"
works --data digits --examples 30 --net rnn:8-3-10 --no-plots --out m
for file in n/*; do
  if [ "$file" = n/results.json ]; then
    diff <(grep -v '"seconds":' n/results.json) <(grep -v '"seconds":' m/results.json) >/dev/null ||
      fail "rnn: results.json differs between equal runs"
  elif [ "$file" != n/command.json ]; then # each says its own --out

    cmp -s "$file" "m/${file#n/}" || fail "rnn: ${file#n/} differs between equal runs"
  fi
done
works --data teacher --net rnn:2x2-3-1 --examples 20 --sweep width --sweep-values 2,3 --no-plots --out n
refused 3 'does not fit digits' --net rnn:8-16 --no-plots --out n
refused 2 '--net' --net rnn:8
refused 2 '--net' --net conv:8x8x1-c4k4-10
refused 3 'does not fit digits' --net conv:7x7x1-c2k3-10 --no-plots --out n

# ---- groups with parameters, of plugins, and lists of them ----
four="--data teacher --net 2-4-1 --examples 20 --no-plots --out g"
while read -r group; do
  # shellcheck disable=SC2086
  works $four --groups "$group"
  grep -qF "\"h1\": \"$group\"" g/results.json || fail "$group is not named in results.json"
  grep -qF "h1 $group" out || fail "$group is not named in the table"
  grep -qiE '(^|[^a-z])-?(nan|inf)' g/results.json && fail "$group: NaN in results.json"
  case $group in scaling*) ;; *) nearest g/results.json ;; esac
done <<'END'
cyclic
dihedral
scaling(1)
scaling(0.3, signs)
scaling(3, signs, permute)
product(cyclic 2, permutation 2)
sum(permutation 2, orthogonal 2)
wreath(2, permutation 2)
restriction(permutation 4, keep 1)
END
# Scales are exact for relu, with outgoing axes dual, also where one space stands on both.
# shellcheck disable=SC2086
works $four --act relu --groups 'scaling(1, permute)'
grep -q '"label": "exact"' g/results.json || fail "scaling of relu is not exact"
grep -q '"h1\*"' g/layout.json || fail "outgoing weights are not dual"
# shellcheck disable=SC2086
works $four --groups g/layout.json
works --data teacher --net rnn:2x2-3-1 --examples 20 --act relu --groups 'scaling(2)' --no-plots --out g
grep -q '"label": "exact"' g/results.json || fail "scaling of a relu rnn is not exact"
# shellcheck disable=SC2086
works $four --groups permutation
grep -q '\*' g/layout.json && fail "stars where they say nothing"
# shellcheck disable=SC2086
refused 3 'space h1 has dimension 4' $four --groups 'product(cyclic 3, permutation 4)'
refused 3 'space h2' --data teacher --net 2-4-5-1 --groups 'wreath(2, permutation 2)' --no-plots --out g
refused 2 '"scalign"; did you mean "scaling"' --groups 'scalign(1)' --no-plots --out g
refused 2 'window' --groups 'scaling(-1)' --no-plots --out g
refused 3 'short notation' --groups custom --no-plots --out g
if ${CC:-cc} -std=c11 -shared -fPIC -I"$root/include" -o hadamard.so \
  "$root/experiments/examples/plugin_hadamard.c" -lm 2>/dev/null; then
  # shellcheck disable=SC2086
  works $four --plugin hadamard.so --groups hadamard
  grep -q '"h1": "hadamard"' g/results.json || fail "the group of a plugin is not taken"
  # shellcheck disable=SC2086
  "$symo" compare $four --plugin hadamard.so --groups hadamrad >out 2>err
  [ $? -eq 2 ] && grep -q 'did you mean "hadamard"' err || fail "hadamrad: $(cat err)"
fi
# Commas within parentheses do not end a value.
# shellcheck disable=SC2086
works $four --sweep groups --seeds 2 --sweep-values \
  'identity, scaling(1, permute),product(cyclic 2, permutation 2),wreath(2, orthogonal 2)'
[ "$(grep -c '"value": ' g/results.json)" -eq 4 ] || fail "the sweep has not four values"
for text in '"value": "product(cyclic 2, permutation 2)"' '"value": "scaling(1, permute)"'; do
  grep -qF "$text" g/results.json || fail "no $text in the sweep"
done
for text in '  C  product(cyclic 2, permutation 2) ' 'numbers to keep' 'seconds to form'; do
  grep -qF "$text" out || fail "no \"$text\" in the table of the sweep"
done
# shellcheck disable=SC2086
refused 2 '--sweep-values: there is no "nothing"' $four --sweep groups --sweep-values identity,nothing
# shellcheck disable=SC2086
refused 2 '1 to 26' $four --sweep groups --sweep-values 'identity,,permutation'

# Axes have labels whatever their range, and no panel of the spectra has more lines than can be told apart.
# shellcheck disable=SC2086
works $tiny --sweep groups --sweep-values identity,permutation --out labels
for axis in 'sweep.gp:set ytics (' 'cost.gp:set xtics (' 'spectra.gp:set ytics ('; do
  grep -F "${axis#*:}" "labels/plots/${axis%%:*}" | awk -F, 'NF < 3 { exit 1 }' ||
    fail "$axis: $(grep -F "${axis#*:}" "labels/plots/${axis%%:*}")"
done
[ "$(grep -c '^set title' labels/plots/spectra.gp)" -eq 2 ] || fail "the spectra are not in two panels"
grep -qhi '#117733\|#44aa99\|#999933' labels/plots/*.gp && fail "colours beside the palette"

# ---- pictures ----
if command -v gnuplot >/dev/null; then
  # shellcheck disable=SC2086
  works $tiny --out p --sweep scale --sweep-values 0.01,0.1 --seeds 2
  [ -s err ] && fail "drawing says: $(cat err)"
  for name in matrices spectra cosines sweep; do
    [ -s "p/$name.png" ] && [ -s "p/$name.svg" ] || fail "no picture p/$name"
  done
  # shellcheck disable=SC2086
  works $tiny --out c --sweep groups --sweep-values 'identity,scaling(1),product(cyclic 2, permutation 2)'
  [ -s err ] && fail "drawing says: $(cat err)"
  for name in sweep cost; do
    [ -s "c/$name.png" ] && [ -s "c/$name.svg" ] || fail "no picture c/$name"
  done
fi
mkdir bin
for tool in env bash; do ln -s "$(command -v $tool)" "bin/$tool"; done
# shellcheck disable=SC2086
PATH=$work/bin "$symo" compare $tiny --out q >out 2>err || fail "without gnuplot: exit $?"
grep -q 'gnuplot is not installed.*apt-get install gnuplot' err || fail "without gnuplot: $(cat err)"
[ -s q/plots/matrices.gp ] && [ -s q/plots/spectra.tsv ] || fail "without gnuplot: no scripts or data"
[ -e q/matrices.png ] && fail "without gnuplot: a picture"

# ---- failures ----
refused 2 '--net' --net 64-banana-10
refused 2 '--net' --net 64
refused 2 'sigmoid' --act sigmoid
refused 2 'hinge' --loss hinge
refused 2 'signed-permutatoin' --groups signed-permutatoin
refused 2 '--sweep-values' --sweep-values 1,2
refused 2 'banana' --data teacher --examples 5 --sweep scale --sweep-values banana --no-plots --out v
refused 2 'out of range' --seeds 0
refused 3 'P = 974910' --net 64-1000-900-10
refused 3 'GiB' --data teacher --net 1000-1000-1000-10
refused 3 '63-32-10' --net 63-32-10 --no-plots --out v
refused 3 'layout' --data teacher --groups ./nothing.layout --no-plots --out v
printf '{"spaces": {"h": {"dim": 3, "group": "identity"}}, "tensors": [{"name": "w", "axes": ["h"]}]}' >bad.json
refused 3 '1 tensor, but the network has 4' --data teacher --groups bad.json --no-plots --out v
printf '1,2,0.5\n3,1,0.25\n1,1,0.75\n' >numbers.csv
refused 3 'not classes' --data numbers.csv --loss cross-entropy --no-plots --out v
# Whole numbers are classes or numbers as --task, or else --loss, asks, whatever the last width.
printf 'a,y\n1,0\n2,1\n3,0\n4,1\n' >whole.csv
printf 'a,y\n1,0\n2,1\n' >two.csv
refused 3 'numbers (give 1-...-1, or --task classes)' --data whole.csv --net 1-2-2 --loss mse --no-plots --out w
works --data whole.csv --net 1-2-2 --loss mse --task classes --no-plots --out w
works --data whole.csv --net 1-2-1 --task regression --no-plots --out w
grep -q '"loss_function": "mse"' w/results.json || fail "--task regression: not mse"
refused 2 '--loss' --data whole.csv --task regression --loss cross-entropy
works --data whole.csv --net 1-2-1 --loss mse --no-plots --out w
works --data two.csv --net 1-2-2 --loss cross-entropy --no-plots --out w
refused 3 '--net' --data whole.csv --net 1-2-1 --no-plots --out w
printf 'a,y\n' >names.csv
refused 3 'no data' --data names.csv --no-plots --out w
# What has no effect is said once, and is no failure.
for option in "--label 3" "--target-scale 5" "--train-lr 1"; do
  # shellcheck disable=SC2086 # words
  works $option --net 64-1-10 --examples 20 --seeds 2 --no-plots --out w
  [ "$(grep -c "^symo: ${option% *} .*: no effect$" err)" -eq 1 ] || fail "$option: $(cat err)"
done
works --data two.csv --label y --net 1-2-1 --target-scale 2 --train-steps 1 --train-lr 1 --no-plots --out w
grep -q 'no effect' err && fail "no effect? $(cat err)"
grep -q 'two.csv: 2 examples of 1 input; targets: numbers, column 1; the first line holds names' err ||
  fail "two.csv: $(cat err)"
refused 4 'nothing.csv' --data nothing.csv --no-plots --out v
few="--data teacher --net 2-2-2-2-2-2-2-2-1 --act linear --dtype f32 --examples 5 --no-plots --out v"
# shellcheck disable=SC2086 # words
refused 3 'above 0' $few --train-steps 3 --train-lr 0
# shellcheck disable=SC2086 # words
refused 5 'not finite at step 1 (lower' $few --train-steps 90 --train-lr 1000
deep=2$(printf -- '-2%.0s' {1..30})
refused 5 'finite' --data "teacher:$deep" --net "$deep" --act linear --init-scale 1e6 --examples 5 --no-plots --out v
printf x >file
refused 4 'file' --data teacher --out file/below
if [ "$(id -u)" -ne 0 ]; then
  mkdir closed && chmod 500 closed
  refused 4 'closed' --data teacher --out closed
fi

[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
