#!/usr/bin/env bash
# Makes docs/results/cut: ./experiments/results/cut.sh [gpt] [autoencoder] [report]
# What a cut is relative to, with symo: for each reference the same number of points (three cuts, three rates) on seed 1,
# then three fresh seeds of the best, on a small GPT and on the autoencoder of MNIST.  A quarter of an hour of one core.
# Needs mnist and tinyshakespeare.txt in $SYMO_DATA, and python3.  SYMO: the command; WORK: a folder to keep the runs in.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
symo=$(realpath "${SYMO:-$here/../../build/symo}")
[ -x "$symo" ] || { echo "no $symo (run make first)"; exit 1; }
results=$here/../../docs/results/cut
work=${WORK:-$(mktemp -d)}
mkdir -p "$work" "$results"
common=(--optimizer symo --eval-every 1000000 --checkpoint-every 0 --threads 1)
declare -A cuts=([largest]=0.006,0.012,0.024 [median]=0.1,0.2,0.4 [noise]=0.025,0.05,0.1)

compare() { # NAME RATES TASK..: the sweeps of all references
  local name=$1 rates=$2 reference
  shift 2
  for reference in largest median noise; do
    "$symo" sweep "$@" "${common[@]}" --set "cut_reference=$reference" --grid "lr=$rates" --grid "cut=${cuts[$reference]}" \
      --out "$work/$name-$reference" >/dev/null 2>"$work/log"
    read -r lr cut < <(python3 "$here/cut.py" "$work" best "$name-$reference")
    "$symo" sweep "$@" "${common[@]}" --set "cut_reference=$reference" --set "cut=$cut" --lr "$lr" --seeds 3 --seed 101 \
      --out "$work/$name-$reference-final" >/dev/null 2>"$work/log"
  done
}
gpt() {
  compare gpt 0.004,0.008,0.016 gpt --n-layer 2 --n-head 4 --n-embd 64 --block-size 64 --steps 300 --eval-iters 50 \
    --warmup-iters 30 --lr-decay-iters 300
}
autoencoder() {
  compare autoencoder 0.003,0.006,0.012 autoencoder --steps 150 --set 'rules.*.schedule=linear' --set 'rules.*.total_steps=150'
}
report() { python3 "$here/cut.py" "$work" tables >"$results/output.txt"; }
[ $# -gt 0 ] || set -- gpt autoencoder report
for part in "$@"; do "$part"; done
