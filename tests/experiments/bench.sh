#!/usr/bin/env bash
# symo bench, as far as it is quick: its parts, its options, and memory by the plan.
set -u
test=bench
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"

# has FILE KEYS...: each stands in the file.
has() {
  local file=$1
  shift
  for key in "$@"; do grep -q "$key" "$file" || fail "$file: no $key in: $(cat "$file")"; done
}

"$symo" bench gemm --repeats 1 --json >out 2>err || fail "bench gemm: $(cat err)"
has out '"rows": \[' '"figure": ' '"floor": null' '"unit": "GFLOP/s"'
"$symo" bench estimate --only 'mlp-2M f32 h-g' --repeats 1 --json >out 2>err || fail "bench estimate: $(cat err)"
has out '"ratio": ' '"target": 0.9' '"target": 1.2' '"ok": '
"$symo" bench curvature --only rnn --repeats 1 --threads 1 --json >out 2>err || fail "bench curvature: $(cat err)"
for row in 'Gauss-Newton product' 'gradients of single examples, in blocks' 'layer statistics beside'; do
  grep -q "rnn:8x8-64-10, $row" out || fail "bench curvature lacks $row: $(cat out)"
done
"$symo" bench shared --only conv --repeats 1 --threads 1 --json >out 2>err || fail "bench shared: $(cat err)"
grep -q 'ggn-cg, shared: passes 1 1 10 10"' out && grep -q 'ggn-cg, apart: passes 11 1 10 10"' out ||
  fail "bench shared counts otherwise: $(cat out)"
grep -q 'ngd, shared: passes 1 1 0 1"' out || fail "examples take a pass: $(cat out)"
fails 2 'nothing' bench nothing

# ---- targets: all in one table, each met or missed, and the exit code says so ----
"$symo" bench curvature --only rnn --repeats 1 --threads 1 --check >out 2>err
code=$?
missed=$(grep -c '^  MISSED' out)
[ $code -eq $((missed > 0)) ] || fail "exit code $code with $missed targets missed: $(cat out)"
grep -Eq '^  (met|MISSED) +[0-9.]+ <= 2.5  curvature rnn:8x8-64-10, Hessian product: a product with' out ||
  fail "a target is not named: $(cat out)"
count=$(grep -Ec '^  (met|MISSED) ' out)
[ "$count" -ge 2 ] && grep -q "^$((count - missed)) of $count targets met:" out || fail "targets are not counted: $(cat out)"
"$symo" bench curvature --only nothing --check >out 2>err || fail "no rows miss no target: $(cat out err)"
grep -q '^0 of 0 targets met' out || fail "no targets: $(cat out)"
"$symo" bench optim --only '4 x 128 muon-exact, 1' --repeats 1 --threads 1 --json >out 2>err ||
  fail "bench optim: $(cat err)"
has out '"target": 0.6' '"missed": '

# ---- gpt ----
# Long and short products are measured alike: the model's own do not come out above the machine.
"$symo" bench gpt --only '4 x 128, 1 thread' --repeats 1 --json >out 2>err || fail "bench gpt: $(cat err)"
has out '"gpt 4 x 128, 1 thread: sampling, token at position 10"' \
  '"gpt 4 x 128, 1 thread: sampling, token at position 64"' '"tokens_per_s": ' \
  '"gpt 4 x 128, 1 thread: part, attention 384 to 128"' 'part, dense 512 to 128"' 'part, tokens 65"'
ratio=$(grep -A4 'best own shape' out | sed -n 's/.*"ratio": \([0-9.]*\).*/\1/p')
awk -v r="${ratio:-9}" 'BEGIN { exit !(r > 0.2 && r < 1.5) }' || fail "own shapes at $ratio of the square"

# GPT-2 by the plan: 124439808 parameters, and Symo takes no more than Muon and a tenth.
"$symo" bench gpt --preset gpt2 --only plan --threads 1 --check --json >out 2>err ||
  fail "Symo takes more memory than Muon: $(cat out err)"
has out 'gpt2 plan: activations, batch 1, 1 thread' 'gpt2 plan: soap, all of a step'
[ "$(grep -c '"ok": true' out)" -eq 2 ] || fail "targets: $(cat out)"
# figure NAME: of the row.
figure() { grep -A1 "\"$1\"" out | sed -n 's/.*"figure": \([0-9.]*\).*/\1/p'; }
[ "$(figure 'gpt2 plan: parameters')" = 497.759232 ] || fail "parameters: $(cat out)"
one=$(figure 'gpt2 plan: activations, batch 1, 1 thread')
"$symo" bench gpt --preset gpt2 --only plan --threads 1 --batch-size 3 --json >out 2>err || fail "$(cat err)"
[ "$(figure 'gpt2 plan: activations, batch 3, 1 thread')" = "$one" ] ||
  fail "a lane takes window after window, so memory does not grow with the batch: $(cat out)"
grep -q 'step:' out && fail "--only plan measures steps"

fails 2 '--preset: hessian has none' bench hessian --preset gpt2
fails 2 '--batch-size: there is no --preset' bench gpt --batch-size 2
fails 2 '--preset' bench gpt --preset gpt9

[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
echo "symo bench does what it says"
