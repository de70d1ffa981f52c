#!/usr/bin/env bash
# Optimizers on a character-level GPT: nanoGPT's CPU configuration (4 blocks, 4 heads, 128 wide, 64
# tokens, batches of 12) on tiny Shakespeare, float32, one thread.  Every method gets the same sweep,
# $POINTS random points (6) over rate, decay, momentum and the rate of AdamW on embeddings and norms, at
# the length of the final runs, 2,000 steps, one seed; then the best point with three other seeds.
# symo-coupled, symo-joint (symo with the heads of attention in one covariance) and spectral-newton take the point of symo.
# Needs tinyshakespeare.txt in $SYMO_DATA.  Writes gpt/output.txt and gpt/curves.png in docs/results;
# about two hours on one core.
#
#   gpt.sh tune NAME | final NAME | report      parts, of the same $WORK; without: everything
#   gpt.sh preset                               the preset symo as it stands, into gpt/preset.txt
#   gpt.sh wide                                 6 x 384, 256 tokens, into gpt-wide; an hour and a half
#   gpt.sh heads                                symo beside symo-joint, 4 x 256, into gpt-heads; a quarter of an hour
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
results=$(cd "$here/../../docs/results" && pwd)
symo=${SYMO:-$here/../../build/symo}
work=${WORK:-$(mktemp -d)}
names=(adamw soap muon symo-coupled symo symo-joint spectral-newton)
momentum="--grid momentum=0.8,0.85,0.9,0.95"
fixed() {
  case $1 in
  adamw | muon | symo | symo-coupled | spectral-newton) echo "--optimizer $1" ;;
  symo-joint) echo "--optimizer symo" ;; # and what `extra` has
  soap) echo "--optimizer soap --set refresh_every=10" ;;
  shampoo) echo "--optimizer shampoo --set refresh_every=10 --set graft=adam" ;;
  esac
}
space() {
  case $1 in
  adamw) echo "--grid lr=0.002:0.016 --grid beta1=0.8,0.85,0.9,0.95" ;;
  shampoo | soap) echo "--grid lr=0.002:0.016 --grid adamw-lr=0.002:0.006 $momentum" ;;
  muon) echo "--grid lr=0.02:0.08 --grid adamw-lr=0.002:0.006 $momentum" ;;
  symo-coupled | symo) echo "--grid lr=0.0014:0.0056 --grid adamw-lr=0.002:0.006 $momentum" ;;
  esac
}
extra() { if [ "$1" = symo-joint ]; then more=(--set groups=alternate); else more=(); fi; }
# Decoupled decay is lr weight_decay: muon's rates, for updates of norm 1, are ten times those of the others.
decay() { if [ "$1" = muon ]; then echo 0.003:0.03; else echo 0.03:0.3; fi; }
point() { case $1 in symo-coupled | symo-joint | spectral-newton) echo symo ;; *) echo "$1" ;; esac }
best() { python3 "$here/best.py" "$1" val_loss; }
sweep() { "$symo" sweep gpt --threads 1 --checkpoint-every 0 "$@" 2>/dev/null; }
tune() {
  local all
  read -ra all <<<"$(fixed "$1") $(space "$1") --grid weight-decay=$(decay "$1") --random ${POINTS:-6} --steps 2000"
  echo "\$ symo sweep gpt ${all[*]}   (seed 11)"
  sweep "${all[@]}" --eval-every 0 --eval-iters 100 --seed 11 --out "$work/tune-$1"
}
final() {
  local all
  read -ra all <<<"$(fixed "$1") $(best "$work/tune-$(point "$1")")"
  extra "$1"
  echo "\$ symo sweep gpt ${all[*]} ${more[*]} --steps 2000   (seeds 21 to 23)"
  sweep "${all[@]}" "${more[@]}" --steps 2000 --eval-every 100 --eval-iters 50 --seed 21 --seeds 3 --out "$work/$1"
}
preset() {
  echo "\$ symo sweep gpt --optimizer symo --steps 2000   (seeds 21 to 23)"
  sweep --optimizer symo --steps 2000 --eval-every 100 --eval-iters 50 --seed 21 --seeds 3 --out "$work/preset"
}
# The last tenth of the text, whole, as the trainings hold it back.
held=$work/held.txt
hold() { python3 -c 'import sys; t = open(sys.argv[1]).read(); print(t[int(0.9 * len(t)):], end="")' \
  "${SYMO_DATA:?}/tinyshakespeare.txt" >"$held"; }
report() { # FOLDER TITLE NAME..
  local folder=$results/$1 title=$2
  shift 2
  mkdir -p "$folder"
  python3 "$here/gpt.py" "$work" "$folder" "$symo" "$held" "$title" "$@"
}
# nanoGPT's shakespeare-char, without dropout and in batches of 12, 1,000 steps, one seed.  Nothing is swept: the
# rates of the sweep at width 128 are carried over, those of updates of rms 1 by 1 / sqrt(3), adamw's by 1 / 3.
wide() {
  local name all
  for name in symo symo-joint muon soap adamw; do
    read -ra all <<<"$(fixed "$name") --grid $(wide_rates "$name")"
    extra "$name"
    echo "\$ symo sweep gpt --preset shakespeare-char --dropout 0 --batch 12 --steps 1000 ${all[*]} ${more[*]}   (seed 21)"
    sweep --preset shakespeare-char --dropout 0 --batch 12 --steps 1000 "${all[@]}" "${more[@]}" --eval-every 100 --eval-iters 10 \
      --seed 21 --out "$work/wide/$name"
  done
  work=$work/wide report gpt-wide 'GPT 6 x 384 on tiny Shakespeare, one seed' symo symo-joint muon soap adamw
}
wide_rates() {
  case $1 in
  adamw) echo "lr=0.0013 --grid weight-decay=0.1" ;;
  soap) echo "lr=0.0027 --grid adamw-lr=0.002 --grid weight-decay=0.1" ;;
  muon) echo "lr=0.04 --grid adamw-lr=0.002 --grid weight-decay=0.01" ;;
  symo | symo-joint) echo "lr=0.0018 --grid adamw-lr=0.002 --grid weight-decay=0.1" ;;
  esac
}
# Eight heads of 32, three seeds, pair by pair: held-back losses and seconds of the optimizer.
heads() {
  local seed name all=(--n-layer 4 --n-head 8 --n-embd 256 --block-size 128 --batch 12 --steps 800 --optimizer symo
    --lr 0.0022 --adamw-lr 0.003 --set weight_decay=0.07 --eval-every 0 --eval-iters 100)
  for name in symo-joint symo; do
    extra $name
    echo "\$ symo train gpt ${all[*]} ${more[*]}   (seeds 31 to 33)"
    for seed in 31 32 33; do
      "$symo" train gpt --threads 1 --checkpoint-every 0 "${all[@]}" "${more[@]}" --seed $seed --out "$work/$name-$seed" >/dev/null 2>&1
      echo "$name $seed $(grep -e '"val_loss"' -e '"optimizer_seconds"' -e '"seconds"' "$work/$name-$seed/summary.json" | tr -d ' \n')"
    done
  done
}
mkdir -p "$results/gpt" "$work"
[ -s "$held" ] || hold
if [ "${1:-}" = preset ]; then
  preset >"$results/gpt/preset.txt"
elif [ "${1:-}" = wide ]; then
  mkdir -p "$results/gpt-wide"
  wide >"$results/gpt-wide/output.txt"
elif [ "${1:-}" = heads ]; then
  mkdir -p "$results/gpt-heads"
  heads >"$results/gpt-heads/output.txt"
elif [ $# -gt 0 ]; then
  "$@"
else
  {
    for name in adamw soap muon symo; do tune "$name" && final "$name"; done
    for name in symo-coupled symo-joint spectral-newton; do final "$name"; done
    report gpt 'GPT 4 x 128 on tiny Shakespeare, three seeds' "${names[@]}"
  } >"$results/gpt/output.txt"
fi
