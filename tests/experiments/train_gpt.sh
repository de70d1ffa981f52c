#!/usr/bin/env bash
# symo train gpt from outside: a loss that falls, metrics, the same bytes after kill -9 as without,
# accumulation, evaluation of a text, weights to start from, sweeps, and the ways to fail.
set -u
test=train-gpt
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C

# works ARGUMENTS...: exit 0.
works() {
  "$symo" "$@" >out 2>err </dev/null || fail "$*: exit $?: $(cat err)"
}

strip='s/"optimizer_items": \{[^}]*\}(, )?//g; s/"((optimizer_)?seconds|tokens_per_s|[a-z]*_ms)": -?[0-9.e+-]+(, )?//g; s/, }/}/'
timeless() {
  sed -E "$strip" "$1/metrics.jsonl"
  grep -vE 'seconds|tokens_per_s|_ms' "$1/summary.json"
  sed '/^  "history"/,/^  \]/d; s/,$//' "$1/run.json" # what was changed on the way
  cat "$1/optimizer.json" "$1/checkpoint.safetensors"
}

# same_run A B: but for times.
same_run() {
  timeless "$1" >one
  timeless "$2" >two
  cmp -s one two || fail "$1 and $2 are not the same run"
}

# number KEY: of the answer in JSON.
number() { sed -n "s/.*\"$1\": \([0-9.e-]*\).*/\1/p" out | head -n 1; }

# close A B TOLERANCE
close() {
  awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { d = a - b; if (d < 0) d = -d; exit !(d <= t) }' ||
    fail "$1 is not $2"
}

# A text that can be learned: sentences of a few words.
awk 'BEGIN { split("the a cat dog sees hears one big small bird", w, " ");
  for (i = 0; i < 900; i++) printf "%s%s", w[1 + (i * i * 7 + int(i / 3) * 5) % 10],
    i % 9 == 8 ? ".\n" : " " }' >text.txt
net="--data text.txt --n-layer 2 --n-head 2 --n-embd 16 --block-size 12 --batch-size 4 --eval-iters 3"
run="$net --optimizer adamw --learning-rate 0.01 --warmup-iters 5 --eval-interval 40"

# ---- learning ----
# shellcheck disable=SC2086 # words
works train gpt $run --max-iters 150 --out a
for key in step loss val_loss train_loss lr seconds gradient_norm tokens_per_s gradient_ms \
  optimizer_ms; do
  head -n 1 a/metrics.jsonl | grep -q "\"$key\": " || fail "no $key in the metrics"
done
grep -q '"forward_ms": .*"backward_ms": ' a/metrics.jsonl || fail "no forward and backward"
for key in tokens_per_s forward_ms backward_ms optimizer_ms train_loss val_loss; do
  grep -q "\"$key\": [0-9-]" a/summary.json || fail "no $key in the summary"
done
[ "$(grep -c val_loss a/metrics.jsonl)" -eq 5 ] || fail "not evaluated at 0, 40, .., 120 and 150"
first=$(head -n 1 a/metrics.jsonl | sed 's/.*"val_loss": \([0-9.]*\).*/\1/')
last=$(tail -n 1 a/metrics.jsonl | sed 's/.*"val_loss": \([0-9.]*\).*/\1/')
awk -v a="$first" -v b="$last" 'BEGIN { exit !(b < a - 0.5) }' || fail "loss from $first to $last"
grep -q 'about .* of memory' err || fail "memory is not said: $(cat err)"
for name in transformer.wte.weight transformer.h.1.attn.c_attn.weight lm_head.weight tokenizer; do
  head -c 20000 a/checkpoint.safetensors | grep -qaF "$name" || fail "no $name in the checkpoint"
done

# ---- the same bytes, whole or in parts ----
# shellcheck disable=SC2086
works train gpt $run --max-iters 150 --out again
same_run a again
for optimizer in adamw symo muon; do
  part="$net --optimizer $optimizer --dropout 0.2 --gradient-accumulation-steps 2 --warmup-iters 3"
  # shellcheck disable=SC2086
  works train gpt $part --max-iters 24 --out w-$optimizer
  # shellcheck disable=SC2086
  works train gpt $part --max-iters 24 --lr-decay-iters 24 --out whole-$optimizer
  # shellcheck disable=SC2086
  works train gpt $part --max-iters 9 --lr-decay-iters 24 --out p-$optimizer
  works train gpt --resume p-$optimizer --max-iters 24
  same_run whole-$optimizer p-$optimizer
done
# shellcheck disable=SC2086
works train gpt $run --max-iters 1500 --checkpoint-every 9 --out unbroken
landed=0
for after in 1 30 400; do
  rm -rf killed
  # shellcheck disable=SC2086
  "$symo" train gpt $run --max-iters 1500 --checkpoint-every 9 --out killed >/dev/null 2>&1 \
    </dev/null &
  pid=$!
  while kill -0 $pid 2>/dev/null &&
    [ "$( (wc -l <killed/metrics.jsonl) 2>/dev/null || echo 0)" -lt $after ]; do :; done
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
  [ -e killed/summary.json ] || landed=$((landed + 1))
  works train gpt --resume killed
  same_run unbroken killed
done
[ $landed -gt 0 ] || fail "no run was killed before its end"

# On two threads a run is another, up to rounding, and always the same.
# shellcheck disable=SC2086
works train gpt $run --max-iters 20 --threads 2 --out t2
# shellcheck disable=SC2086
works train gpt $run --max-iters 20 --threads 2 --out t2-again
same_run t2 t2-again

# ---- eval ----
works eval --checkpoint a/checkpoint.safetensors --json
tail -n 1 a/metrics.jsonl | grep -qF "\"val_loss\": $(number loss)" || fail "eval: $(number loss)"
# 26 characters are two windows of 12 and the first target behind them; 24 are one.
head -c 26 text.txt >short.txt
head -c 24 text.txt >shorter.txt
works eval --checkpoint a/checkpoint.safetensors --data short.txt --json
[ "$(number examples)" -eq 2 ] || fail "not two windows"
both=$(number loss)
works eval --checkpoint a/checkpoint.safetensors --data shorter.txt --json
[ "$(number examples)" -eq 1 ] || fail "not one window"
one=$(number loss)
tail -c +13 short.txt >tail.txt
works eval --checkpoint a/checkpoint.safetensors --data tail.txt --json
close "$both" "$(awk -v a="$one" -v b="$(number loss)" 'BEGIN { printf "%.9g", (a + b) / 2 }')" 1e-6
works eval --checkpoint a/checkpoint.safetensors --data shorter.txt --data tail.txt

# ---- weights to start from ----
# shellcheck disable=SC2086
works train gpt $run --max-iters 6 --init-from a/checkpoint.safetensors --out from
head -n 1 from/metrics.jsonl | grep -qF "\"val_loss\": $last" || fail "does not begin where a ended"

# Sizes that are not given are those of the file.
works train gpt --data text.txt --batch-size 4 --eval-iters 3 --max-iters 2 \
  --init-from a/checkpoint.safetensors --out sized
for size in '"n-layer": "2"' '"n-head": "2"' '"n-embd": "16"' '"block-size": "12"'; do
  grep -q "$size" sized/run.json || fail "not of the file: $size"
done
head -n 1 sized/metrics.jsonl | grep -qF "\"val_loss\": $last" || fail "does not begin where a ended"
works train gpt --data text.txt --batch-size 4 --eval-iters 3 --max-iters 2 --block-size 8 --untied \
  --init-from a/checkpoint.safetensors --out shorter

# ---- exported weights ----
works eval --checkpoint a/checkpoint.safetensors --data short.txt --json
both=$(number loss)
mkdir nanogpt hf
for form in nanogpt hf; do
  works export --checkpoint a/checkpoint.safetensors --format $form --out "$form/model.safetensors"
  works eval --checkpoint "$form/model.safetensors" --data short.txt --json
  close "$(number loss)" "$both" 1e-6
  grep -q '"step": null' out || fail "eval: a step of weights"
  fails 3 "give --data" eval --checkpoint "$form/model.safetensors"
done
works export --checkpoint a/best.safetensors --format hf --out hf/model.safetensors
for line in '"model_type": "gpt2"' '"n_layer": 2' '"n_head": 2' '"n_embd": 16' '"n_positions": 12' \
  '"activation_function": "gelu"' '"layer_norm_epsilon": 1e-05' '"tie_word_embeddings": true'; do
  grep -qF "$line" hf/config.json || fail "no $line in config.json: $(cat hf/config.json)"
done
for form in nanogpt hf; do
  works export --checkpoint w-adamw/checkpoint.safetensors --format $form --out $form/model.safetensors
  works export --checkpoint $form/model.safetensors --format hf --out hf/model.safetensors
  grep -qF '"resid_pdrop": 0.2,' hf/config.json || fail "dropout in config.json: $(grep pdrop hf/config.json)"
done
[ ! -e nanogpt/config.json ] || fail "nanoGPT has no config.json"

# ---- the optimizer, the layout ----
# shellcheck disable=SC2086
works train gpt $net --optimizer symo --plan
grep -q 'h.0.attn.q.weight .*symo' out || fail "plan: $(cat out)"
grep -q 'wte.weight .*adamw' out || fail "plan: $(cat out)"
grep -q 'task gpt changes the preset: .*schedule constant -> cosine' out || fail "plan: $(cat out)"
# A file means what the name of its preset does; what it says goes first; rules are taken as they are.
# shellcheck disable=SC2086
works train gpt $net --optimizer symo --plan --json --layout-out layout.json
for text in '"name": "h.0.attn.q.weight"' '"method": "symo"' '"reason": "rule 0: \"h.*.weight\", 2' \
  '"name": "direction"' '"every": ' '"flops": ' '"memory_bytes": ' '"state_bytes": '; do
  grep -qF "$text" out || fail "no $text in the plan"
done
if command -v python3 >/dev/null; then
  python3 -c 'import json; json.load(open("out"))' || fail "the plan is not JSON"
fi
works layout --layout layout.json
grep -q 'mlp0' out || fail "layout: $(cat out)"
# shellcheck disable=SC2086
works train gpt $net --layout layout.json --max-iters 1 --out laid
fails 2 "--plan" train gpt --data text.txt --layout-out x.json
printf '{"preset": "sgd", "lr": 0.1}' >mine.json
printf '{"rules": [{"preset": "sgd", "lr": 0.1}]}' >rules.json
# shellcheck disable=SC2086
for optimizer in "sgd --lr 0.1" mine.json rules.json; do
  works train gpt $net --optimizer $optimizer --max-iters 3 --out "mine-${optimizer%% *}"
done
cmp mine-sgd/optimizer.json mine-mine.json/optimizer.json || fail "a file means another thing"
grep -q '"clip_norm": 1[,.}]' mine-mine.json/optimizer.json || fail "the task has no say in a file"
tr -d ' \n' <mine-mine.json/run.json | grep -q '"clip_norm":{"preset":"0","task":"1"}' ||
  fail "what the task changed is not told: $(cat mine-mine.json/run.json)"
grep -q '"clip_norm": 0[,.}]' mine-rules.json/optimizer.json || fail "rules are not taken as they are"

# ---- sweep and plot ----
# shellcheck disable=SC2086
works sweep gpt $net --max-iters 6 --warmup-iters 2 --grid optimizer=adamw,symo \
  --grid learning-rate=0.01,0.1 --grid symo:momentum=0.8 --out sw
[ "$(find sw -name metrics.jsonl | wc -l)" -eq 4 ] || fail "not four runs"
works plot sw --best --metric val_loss --out curves
[ -s plots/curves.tsv ] || fail "no curves"

# ---- failing ----
fails 2 "--n-layer: only for gpt" train classifier --n-layer 3 --data digits
fails 2 "--tied: only for gpt" train classifier --untied --data digits
fails 2 "--net: not for gpt" train gpt --net 3-4
fails 2 "give one" train gpt --bias --no-bias
fails 2 "--learning-rate says 0.2" train gpt --lr 0.1 --learning-rate 0.2
fails 2 "--memory" train gpt --memory lots

# What an optimizer does not look at is refused, and so is what another option takes the place of.
refused() { # OPTIMIZER OPTIONS...
  local optimizer=$1 option
  shift
  for option; do
    fails 2 "$option: optimizer $optimizer, with what else is given, does not depend on it" \
      train gpt $net --optimizer "$optimizer" "$option" 0.5 --out refused
  done
}
for newton in newton-cg ggn-cg lm; do
  refused $newton --min-lr --grad-clip --weight-decay --adamw-lr --beta1 --beta2
  fails 2 '--warmup-iters: optimizer' train gpt $net --optimizer $newton --warmup-iters 3 --out refused
  fails 2 '--lr-decay-iters: optimizer' train gpt $net --optimizer $newton --lr-decay-iters 9 --out refused
done
refused sgd --weight-decay --adamw-lr --beta1 --beta2
refused adam --weight-decay
echo '{"rules": [{"match": "*", "preset": "adamw"}]}' >rules.json
refused rules.json --min-lr --grad-clip --weight-decay --adamw-lr --beta1 --beta2
fails 2 '--adamw-lr: optimizer adamw' train gpt $net --optimizer adamw --lr 0.1 --adamw-lr 0.2 --out refused
fails 2 '--lr: optimizer adamw' train gpt $net --optimizer adamw --lr 0.1 --set lr=0.2 --out refused
fails 2 '--grad-clip: optimizer lm' sweep gpt $net --grid optimizer=adamw,lm --grad-clip 2 --out refused
fails 2 'grad-clip: optimizer lm' sweep gpt $net --grid optimizer=adamw,lm --grid grad-clip=1,2 --out refused
[ -e refused ] && fail "a refused run was begun"
for option in '--min-lr 1e-5' '--grad-clip 0' '--weight-decay 0' '--adamw-lr 0.1' '--beta1 0' '--beta2 0.5'; do
  works train gpt $net --optimizer muon $option --plan
done
# shellcheck disable=SC2086
fails 3 "may be taken" train gpt $net --memory 10kB
fails 4 "nothing.txt" train gpt --data nothing.txt
# Without --data one file is looked for; that these are sources says nothing.
printf '# libsymo.\n' >Makefile
unset SYMO_DATA
fails 4 "there is no tinyshakespeare.txt in" train gpt --plan
fails 4 "(give a text, or a folder of texts: --data FILE|DIR)" train gpt --plan
mkdir texts data
cp text.txt texts/a.txt && cp text.txt data/tinyshakespeare.txt
sizes=${net#--data text.txt}
# shellcheck disable=SC2086
works train gpt $sizes --data texts --max-iters 1 --out of-folder
# shellcheck disable=SC2086
works train gpt $sizes --max-iters 1 --out of-default
for run_of in folder default; do grep '_loss"' of-$run_of/summary.json >$run_of.loss; done
[ -s folder.loss ] || fail "no loss"
cmp -s folder.loss default.loss || fail "a folder is not its text"
rm -r data texts Makefile
fails 3 "other file" train gpt --data text.txt --vocab text.txt
printf 'Zebra' >strange.txt
cat text.txt strange.txt >strangest.txt
fails 3 "strangest.txt" eval --checkpoint a/checkpoint.safetensors --data strangest.txt
head -c 12 text.txt >scant.txt
fails 3 "window" eval --checkpoint a/checkpoint.safetensors --data scant.txt
fails 2 "--block-size: 13, but" train gpt --data text.txt --block-size 13 \
  --init-from a/checkpoint.safetensors --out never
fails 2 "--n-layer: 3, but" train gpt --data text.txt --n-layer 3 \
  --init-from a/checkpoint.safetensors --out never
fails 2 "has n-layer" train gpt --resume a --n-layer 3

[ $failures -eq 0 ] || exit 1
echo "symo train gpt works"
