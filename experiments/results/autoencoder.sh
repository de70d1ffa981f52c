#!/usr/bin/env bash
# Optimizers on the deep autoencoder of MNIST, 784-256-64-16 and its mirror image, batches of 512, 300
# steps, rates falling linearly to 0, float32, one thread.  Every method has the same sweep, six rates a
# factor 2 or so apart times two decays, with one seed, then three other seeds; the presets symo and spectral-newton have four and five
# rates only.  Needs MNIST in $SYMO_DATA/mnist.  Writes autoencoder/output.txt and curves.png in
# docs/results; about half an hour.
#
#   autoencoder.sh NAME..       only these, into autoencoder/preset.txt
#   NET=784-1000-500-250-30 FOLDER=autoencoder-deep DECAYS=0 autoencoder.sh adamw soap muon symo
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
results=$(cd "$here/../../docs/results" && pwd)
symo=${SYMO:-$here/../../build/symo}
work=${WORK:-$(mktemp -d)}
net=${NET:-784-256-64-16}
folder=$results/${FOLDER:-autoencoder}
all=(--net "$net" --data "${SYMO_DATA:?}/mnist" --steps 300 --threads 1 --checkpoint-every 0
  --set 'rules.*.schedule=linear' --set 'rules.*.total_steps=300')
# The momentum's own covariance and no memory, the root anew in every step, tensors at rms 1.
stateless=(--set source=momentum --set beta2=0 --set momentum=0.95 --set nesterov=true
  --set scale=unit-rms --set mean=false)
best() { python3 "$here/best.py" "$1" smooth_loss; }
one() { # NAME RATE-KEY "RATES" DECAY-KEY "DECAYS" OPTIONS..
  [[ " ${names[*]} " == *" $1 "* ]] || return 0
  local name=$1 rate=$2 rates=$3 decay=$4 decays=${DECAYS:-$5}
  shift 5
  echo "\$ symo sweep autoencoder $* --grid $rate=$rates --grid $decay=$decays   (seed 11)"
  "$symo" sweep autoencoder "${all[@]}" "$@" --eval-every 50 --seed 11 --by smooth_loss \
    --grid "$rate=$rates" --grid "$decay=$decays" --out "$work/tune-$name" 2>/dev/null
  read -ra chosen < <(best "$work/tune-$name")
  echo "\$ symo sweep autoencoder $* ${chosen[*]}   (seeds 21 to 23)"
  "$symo" sweep autoencoder "${all[@]}" "$@" --eval-every 25 --seed 21 --seeds 3 "${chosen[@]}" \
    --out "$work/$name" 2>/dev/null
}
mkdir -p "$folder"
names=(adamw sgd soap shampoo muon full-groups by-tensor across-tensors symo spectral-newton) to=output.txt
[ $# -eq 0 ] || names=("$@") to=preset.txt
rates=0.0005,0.001,0.002,0.004,0.008,0.016
{
  # The preset as it stands, nothing chosen but the rate.
  one symo lr 0.0015,0.003,0.006,0.012 weight_decay 0 --optimizer symo
  one spectral-newton lr 0.00075,0.0015,0.003,0.006,0.012 weight_decay 0 --optimizer spectral-newton
  one adamw lr $rates weight_decay 0,0.1 --optimizer adamw
  one across-tensors lr 0.0005,0.001,0.002,0.003,0.006,0.012 weight_decay 0,0.1 --optimizer symo-published "${stateless[@]}" --set groups=alternate
  one muon rules.0.lr 0.0125,0.025,0.05,0.1,0.2,0.4 'rules.*.weight_decay' 0,0.01 --optimizer muon --set rules.1.lr=0.003
  one soap lr 0.004,0.008,0.016,0.032,0.064,0.128 weight_decay 0,0.1 --optimizer soap --set refresh_every=5
  one shampoo lr 0.001,0.002,0.004,0.008,0.016,0.032 weight_decay 0,0.1 --optimizer shampoo --set refresh_every=5 --set graft=adam
  one by-tensor lr 0.0005,0.001,0.002,0.003,0.006,0.012 weight_decay 0,0.1 --optimizer symo-published --set curvature=orbit-blocked "${stateless[@]}" --set groups=alternate
  one full-groups lr 0.0005,0.001,0.002,0.003,0.006,0.012 weight_decay 0,0.1 --optimizer symo-published "${stateless[@]}"
  one sgd lr 0.0005,0.001,0.002,0.003,0.005,0.008 weight_decay 0,0.001 --optimizer sgd --set momentum=0.9
  python3 "$here/autoencoder.py" "$work" "$folder" "$net" "${names[@]}"
} >"$folder/$to"
