#!/usr/bin/env bash
# symo train, eval, sweep and plot from outside: tiny runs of every task, the same numbers after an
# interruption as without, also after kill -9, sweeps that go on, and the ways to fail.
set -u
test=train
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C SYMO_DATA=$root/experiments/data/files

# works ARGUMENTS...: exit 0.
works() {
  "$symo" "$@" >out 2>err </dev/null || fail "$*: exit $?: $(cat err)"
}

# A run without what holds times.
timeless() {
  sed -E 's/"optimizer_items": \{[^}]*\}(, )?//g; s/"(optimizer_)?seconds": [0-9.e+-]+(, )?//g' "$1/metrics.jsonl"
  grep -v seconds "$1/summary.json"
  sed '/^  "history"/,/^  \]/d; s/,$//' "$1/run.json" # what was changed on the way
  cat "$1/optimizer.json" "$1/checkpoint.safetensors"
}

# same_run A B: but for times.
same_run() {
  timeless "$1" >one
  timeless "$2" >two
  cmp -s one two || fail "$1 and $2 are not the same run"
}

# ---- every task ----
works train teacher-student --net 6-5-3 --train 40 --test 30 --steps 8 --out ts
[ "$(wc -l <ts/metrics.jsonl)" -eq 9 ] || fail "not 9 lines of metrics"
for key in step loss val_loss lr seconds gradient_norm update_norm; do
  head -n 1 ts/metrics.jsonl | grep -q "\"$key\": " || fail "no $key in the metrics"
done
tail -n 1 ts/metrics.jsonl | grep -q '"step": 8, "loss": [0-9.e-]*, "val_loss": ' || fail "last line"
# The recurrent pair: its own inputs and first weights, what it stands for under what is given.
rnn="--task-net rnn --net rnn:6x3-4leak0.2-2each --train 40 --test 20 --batch 8 --eval-every 2"
# shellcheck disable=SC2086 # words
works train teacher-student $rnn --steps 8 --out rnn
# shellcheck disable=SC2086
works train teacher-student $rnn --steps 4 --out rnn-parts
works train teacher-student --resume rnn-parts --steps 8
same_run rnn rnn-parts
# shellcheck disable=SC2086
works train teacher-student $rnn --steps 8 --gain 0 --out rnn-gain
# shellcheck disable=SC2086
works train teacher-student $rnn --steps 8 --pulse 2 --out rnn-pulse
! cmp -s rnn/checkpoint.safetensors rnn-gain/checkpoint.safetensors || fail "--gain changes nothing"
! cmp -s rnn/checkpoint.safetensors rnn-pulse/checkpoint.safetensors || fail "--pulse changes nothing"
fails 3 'no network of sequences' train teacher-student --net 6-5-3 --pulse 3
fails 3 'no leak from 0.001' train teacher-student --net rnn:6x3-4leak2e-5-2each
fails 2 'there is no' train teacher-student --task-net lstm
fails 2 'only for teacher-student' train classifier --data digits --pulse 3
works train autoencoder --data digits --optimizer adamw --steps 5 --eval-every 2 --out ae
works train classifier --data digits --optimizer muon --steps 5 --out cl --json
for key in loss smooth_loss val_loss val_accuracy best_val_loss parameters directory; do
  grep -q "\"$key\": " out || fail "no $key in the answer"
done
for dir in ts ae cl; do
  for file in metrics.jsonl checkpoint.safetensors run.json optimizer.json summary.json; do
    [ -s "$dir/$file" ] || fail "no $dir/$file"
  done
  works train "$(sed -n 's/.*"task": "\(.*\)".*/\1/p' $dir/run.json)" --resume $dir
done
works train classifier --data digits --optimizer symo --plan
grep -q 'h1:vector' out || fail "no labels in the plan"
[ -e symo-runs ] && fail "--plan left something"

# ---- the same numbers, whole or in parts ----
net="--data digits --optimizer adamw --net 64-12-10 --batch 50 --eval-every 20 --checkpoint-every 9"
# shellcheck disable=SC2086 # words
works train classifier $net --steps 60 --out whole
# shellcheck disable=SC2086
works train classifier $net --steps 60 --out again
same_run whole again
# shellcheck disable=SC2086
works train classifier $net --steps 25 --out parts
works train classifier --resume parts --steps 41
works train classifier --resume parts --steps 60
same_run whole parts

# A line cut short, and lines after the checkpoint, go.
cp -r parts cut
sed -i '$d' cut/metrics.jsonl
printf '{"step": 60, "lo' >>cut/metrics.jsonl
works train classifier --resume cut
same_run whole cut

# Killed at the start and on the way, before the end: against the run that nobody stopped.
# shellcheck disable=SC2086
works train classifier $net --steps 4000 --out unbroken
landed=0
for after in 1 2 30 300; do
  rm -rf killed
  # shellcheck disable=SC2086
  "$symo" train classifier $net --steps 4000 --out killed >/dev/null 2>&1 </dev/null &
  pid=$!
  while kill -0 $pid 2>/dev/null &&
    [ "$( (wc -l <killed/metrics.jsonl) 2>/dev/null || echo 0)" -lt $after ]; do :; done
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
  [ -e killed/summary.json ] || landed=$((landed + 1))
  works train classifier --resume killed
  same_run unbroken killed
done
[ $landed -gt 0 ] || fail "no run was killed before its end"

# With momentum, roots and a problem step.
for optimizer in symo lm; do
  tiny="--net 6-5-3 --train 40 --test 30 --optimizer $optimizer"
  # shellcheck disable=SC2086
  works train teacher-student $tiny --steps 12 --out w-$optimizer
  # shellcheck disable=SC2086
  works train teacher-student $tiny --steps 5 --out p-$optimizer
  works train teacher-student --resume p-$optimizer --steps 12
  same_run w-$optimizer p-$optimizer
done

# ---- eval ----
works eval --checkpoint whole/checkpoint.safetensors --json
loss=$(sed -n 's/.*"loss": \([0-9.e-]*\).*/\1/p' out)
tail -n 1 whole/metrics.jsonl | grep -qF "\"val_loss\": $loss" || fail "eval says $loss"
works eval --checkpoint whole/checkpoint.safetensors --data digits --json
grep -q '"examples": 1797' out || fail "eval: not all digits"

# ---- time ----
# Of methods that ask for the gradient themselves its time is not the optimizer's: items and the sum
# agree, and a gradient without layer statistics is beside them.
works train classifier --data digits --net 64-32-10 --optimizer kfac --steps 30 --threads 1 --out timed
sed -n 's/.*"optimizer_seconds": \([0-9.e+-]*\), "optimizer_items": {\(.*\)}.*/\1 \2/p' timed/metrics.jsonl | tr -d '",:' |
  awk '{ all = 0; for (i = 2; i < NF; i += 2) if ($i != "gradient") all += $(i + 1); else gradient += $(i + 1)
         own += $1; items += all }
       END { exit !(NR == 30 && gradient > 0 && items > 0.5 * own && items < 1.05 * own) }' ||
  fail "kfac: optimizer_seconds are not those of its items: $(tail -n 2 timed/metrics.jsonl)"

# ---- sweep and plot ----
grid="--data digits --net 64-8-10 --steps 6 --grid optimizer=adam,sgd --grid lr=0.01,0.1 --seeds 2"
# shellcheck disable=SC2086
works sweep classifier $grid --out sw
grep -q '^  adam .* lr=' out || fail "no row of adam in the table"
[ "$(grep -c '"settings": ' sw/sweep.json)" -eq 4 ] || fail "not four points"
find sw -name metrics.jsonl | sort | xargs cat >before
rm sw/adam/lr=0.1/s2/summary.json sw/sgd/lr=0.01/s1/checkpoint.safetensors
rm sw/sgd/lr=0.01/s1/summary.json
touch marker
# shellcheck disable=SC2086
works sweep classifier $grid --out sw
[ "$(find sw -name summary.json -newer marker | wc -l)" -eq 2 ] || fail "not two runs made again"
find sw -name metrics.jsonl | sort | xargs cat >after
strip='s/"optimizer_items": \{[^}]*\}(, )?//g; s/"(optimizer_)?seconds": [0-9.e+-]+(, )?//g'
cmp -s <(sed -E "$strip" before) <(sed -E "$strip" after) || fail "the sweep went on otherwise"
works sweep teacher-student --net 6-5-3 --train 40 --test 30 --steps 3 --grid lr=1e-3:1 --random 3 \
  --out sr
[ "$(find sr -name metrics.jsonl | wc -l)" -eq 3 ] || fail "not three random points"
works plot sw --best --out curves
for file in plots/curves.gp plots/curves.tsv; do [ -s $file ] || fail "no $file"; done
grep -q '^# Made by symo plot; run in this folder: gnuplot curves.gp$' plots/curves.gp ||
  fail "curves.gp: $(head -n 1 plots/curves.gp)"
if command -v gnuplot >/dev/null; then
  [ "$(stat -c %s curves.png 2>/dev/null || stat -f %z curves.png)" -lt 200000 ] || fail "curves.png"
fi
grep -q '2 runs  adam lr=' out || fail "plot: $(cat out)"

# Legends hold what differs, and are cut; what all runs share stands once.
long="schedule=constant momentum=0.95 nesterov=true source=momentum beta2=0 scale=unit-rms mean=false"
for groups in layout alternate sign-flip; do
  set --
  for setting in $long "groups=$groups"; do set -- "$@" --set "$setting"; done
  works train teacher-student --net 6-5-3 --train 40 --test 30 --steps 2 --optimizer symo "$@" \
    --out "long/$groups"
done
works train teacher-student --net 6-5-3 --train 40 --test 30 --steps 2 --optimizer adamw \
  --set schedule=constant --out long/adamw
works plot long --out long-curves
grep -q 'symo groups=alternate momentum=0.95 .* mean=false$' out || fail "plot: $(cat out)"
grep -q '"all: schedule=constant"' plots/long-curves.gp || fail "no caption"
[ "$(grep -c 'title "symo groups=[a-z-]* momentum=.*…  ([0-9.]*)"' plots/long-curves.gp)" -eq 3 ] ||
  fail "legend: $(grep title plots/long-curves.gp)"
grep -o 'title "[^"]*"' plots/long-curves.gp | awk 'length > 70 { exit 1 }' || fail "long titles"

# Curves between 1 and 10, or closer, have an axis that can be read; the best one stands first; no two
# look alike; panels and axes are named, units included.
for lr in 0.01 0.02 0.03 0.04 0.05 0.06 0.07 0.08 0.09 0.1 0.2 0.3; do
  works train classifier --data digits --net 64-4-10 --steps 8 --lr $lr --optimizer sgd --out "many/$lr"
done
works plot many --out many-curves
script=plots/many-curves.gp
[ "$(grep '^set ytics' $script | tr ',' '\n' | wc -l)" -ge 4 ] || fail "$(grep '^set ytics' $script)"
for text in 'set title "by step"' 'set title "by time"' 'set xlabel "step"' 'set ylabel "training loss"' \
  'set xlabel "time of training (milliseconds)"'; do
  grep -qF "$text" $script || fail "no $text in the script"
done
grep -o 'title "sgd [^"]*([0-9.]*)"' $script | sed 's/.*(\(.*\))"/\1/' >finals
[ "$(wc -l <finals)" -eq 12 ] || fail "not twelve curves in the legend: $(grep title $script)"
sort -g -c finals || fail "the legend is not in the order of the last losses: $(cat finals)"
[ "$(grep 'with lines.* title ' $script | grep -o 'lc rgb "[^"]*" lw 2 dt [0-9]*' | sort | uniq -d | wc -l)" -eq 0 ] ||
  fail "two curves look alike"

# ---- failing ----
fails 2 "there is no \"nothing\"" train nothing
fails 2 "no preset" train classifier --optimizer nothing --data digits
fails 2 "no option" train classifier --set nothing=1 --data digits
fails 2 "nothing looks at rate" train classifier --set rate=0.9 --data digits
fails 4 "nothing" train classifier --data nothing
fails 2 "has seed" train classifier --resume whole --seed 2
fails 2 "is of classifier" train autoencoder --resume whole
fails 3 "step 60 of 10" train classifier --resume whole --steps 10
fails 4 "run.json" train classifier --resume nowhere
fails 4 "no runs there" plot nowhere
fails 2 "needs --random" sweep classifier --grid lr=0.1:1
fails 2 "there is nothing to draw" sweep classifier --data digits --random 3
fails 2 "the groups are those of --layout" train classifier --data digits --net 64-6-10 --groups sign-flip \
  --layout "in: identity 64; h: permutation 6; o: identity 10; w1[h,in] b1[h] w2[o,h] b2[o]" --out both
printf '1,2,0\n3,4,1\n5,6,0\n7,8,1\n9,10,0\n' >big.csv
fails 3 "outside [0, 1]" train autoencoder --data big.csv --batch 0
head -c 3000 whole/checkpoint.safetensors >short.safetensors
fails 3 "short.safetensors" eval --checkpoint short.safetensors
fails 5 "no longer finite" train classifier --data digits --act linear --optimizer sgd --lr 1e6 \
  --checkpoint-every 1 --steps 300 --out diverged
[ -s diverged/checkpoint.safetensors ] || fail "the checkpoint before the divergence is gone"
tail -n 1 diverged/metrics.jsonl | grep -q '"loss": null' || fail "no null at the end"
grep -q '"diverged": true' diverged/summary.json || fail "no divergence in the summary"

[ $failures -eq 0 ] || exit 1
echo "symo train works"
