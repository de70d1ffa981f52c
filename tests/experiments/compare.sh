#!/usr/bin/env bash
# symo compare from outside: a tiny network end to end, the keys of results.json, the same bytes twice,
# and every way to fail with its exit code and its one line.  symo bench, as far as it is quick.
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
for row in h-star-exact reynolds h-star h-pd h-g h-g-bd covariance shampoo kfac identity diagonal ggn; do
  grep -q "\"name\": \"$row\"" a/results.json || fail "no row $row in results.json"
  grep -q "^  $row " out || fail "no row $row in the table"
done
rows=$(grep -c '"name": ' a/results.json)
for key in seconds stored_numbers cosine_abs_hessian cosine_hessian cosine_hessian_star \
  rel_error_abs_hessian hvp_cosine newton_decrease; do
  [ "$(grep -c "^      \"$key\": " a/results.json)" -eq "$rows" ] || fail "$key is not in every row"
done
grep -qiE '(^|[^a-z])-?(nan|inf)' a/results.json && fail "NaN in results.json"
[ "$(head -c 6 a/hessian.npy | tail -c 5)" = NUMPY ] || fail "hessian.npy is no npy file"

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
grep -q '"label": "approximate"' v/results.json || fail "signed permutations of relu pass for exact"
grep -q APPROXIMATE out || fail "the table does not say approximate"
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

# ---- pictures ----
if command -v gnuplot >/dev/null; then
  # shellcheck disable=SC2086
  works $tiny --out p --sweep scale --sweep-values 0.01,0.1 --seeds 2
  [ -s err ] && fail "drawing says: $(cat err)"
  for name in matrices spectra cosines sweep; do
    [ -s "p/$name.png" ] && [ -s "p/$name.svg" ] || fail "no picture p/$name"
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
refused 3 'tensors' --data teacher --groups bad.json --no-plots --out v
printf '1,2,0.5\n3,1,0.25\n1,1,0.75\n' >numbers.csv
refused 3 'not classes' --data numbers.csv --loss cross-entropy --no-plots --out v
# Whole numbers are classes or numbers as --loss and the last width ask.
printf 'a,y\n1,0\n2,1\n3,0\n4,1\n' >whole.csv
printf 'a,y\n1,0\n2,1\n' >two.csv
works --data whole.csv --net 1-2-2 --loss mse --no-plots --out w
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
[ -s err ] && fail "no effect? $(cat err)"
refused 4 'nothing.csv' --data nothing.csv --no-plots --out v
deep=2$(printf -- '-2%.0s' {1..30})
refused 5 'finite' --data "teacher:$deep" --net "$deep" --act linear --init-scale 1e6 --examples 5 --no-plots --out v
printf x >file
refused 4 'file' --data teacher --out file/below
if [ "$(id -u)" -ne 0 ]; then
  mkdir closed && chmod 500 closed
  refused 4 'closed' --data teacher --out closed
fi

# ---- bench ----
"$symo" bench gemm --repeats 1 --json >out 2>err || fail "bench gemm: $(cat err)"
for key in '"rows": \[' '"figure": ' '"floor": null' '"unit": "GFLOP/s"'; do
  grep -q "$key" out || fail "bench gemm: no $key"
done
"$symo" bench estimate --only 'mlp-2M f32 h-g' --repeats 1 --json >out 2>err || fail "bench estimate: $(cat err)"
for key in '"ratio": ' '"target": 0.9' '"target": 1.2' '"ok": '; do
  grep -q "$key" out || fail "bench estimate: no $key"
done
"$symo" bench nothing >out 2>err
[ $? -eq 2 ] || fail "bench nothing: exit $?"

[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
