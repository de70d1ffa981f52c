#!/usr/bin/env bash
# Presets as they stand, nothing chosen but the rate: five rates a factor of two apart around the
# default of each, three seeds, on every task of `symo train`.  MNIST is looked for in $SYMO_DATA/mnist,
# the text in $SYMO_DATA/tinyshakespeare.txt.  Writes defaults/output.txt in docs/results; about half an
# hour on one core.
#
#   defaults.sh TASK | report      parts, of the same $WORK; without: everything
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
results=$(cd "$here/../../docs/results" && pwd)
symo=${SYMO:-$here/../../build/symo}
work=${WORK:-$(mktemp -d)}
data=${SYMO_DATA:?the folder of mnist and tinyshakespeare.txt}
rates=(--grid optimizer=symo,muon,adamw
  --grid symo:lr=0.00075,0.0015,0.003,0.006,0.012
  --grid muon:lr=0.005,0.01,0.02,0.04,0.08 --grid adamw:lr=0.00025,0.0005,0.001,0.002,0.004)
one() { # TASK OPTIONS..
  echo "\$ symo sweep $* ${rates[*]} --seeds 3" >&2
  "$symo" sweep "$@" "${rates[@]}" --seeds 3 --threads 1 --checkpoint-every 0 --out "$work/$1" >/dev/null 2>&1
}
teacher-student() { one teacher-student --steps 100 --eval-every 0; }
autoencoder() { one autoencoder --data "$data/mnist" --steps 150 --eval-every 0; }
classifier() { one classifier --data "$data/mnist" --steps 200 --eval-every 0; }
gpt() { one gpt --data "$data/tinyshakespeare.txt" --steps 300 --warmup-iters 50 --eval-every 0 --eval-iters 100; }
report() { python3 "$here/defaults.py" "$work" >"$results/defaults/output.txt"; }
mkdir -p "$results/defaults"
if [ $# -gt 0 ]; then
  "$@"
else
  for task in teacher-student autoencoder classifier gpt; do "$task"; done
  report
fi
