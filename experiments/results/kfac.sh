#!/usr/bin/env bash
# K-FAC, dense and of low rank, beside first-order methods and Symo on two classifiers: 784-512-256-10 on
# MNIST and a convolutional network on Fashion-MNIST, relu, float32, one thread, batches of 256 of 20,000
# images.  Every method has the same sweep, four rates a factor of two apart at the length of the run, with
# one seed, then three other seeds.  Data are looked for in $SYMO_DATA.  Writes kfac/output.txt and pictures
# in docs/results; an hour on a loaded core.
#
#   kfac.sh NET | preset | cadences | report     parts, of the same $WORK; without: everything.  NET: dense, conv
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
results=$(cd "$here/../../docs/results" && pwd)
symo=${SYMO:-$here/../../build/symo}
work=${WORK:-$(mktemp -d)}
data=${SYMO_DATA:?the folder of mnist and fashion-mnist}
common=(--act relu --batch 256 --train 20000 --threads 1 --checkpoint-every 0)
dense=(--net 784-512-256-10 --data "$data/mnist" --test 5000 --steps 156 --eval-every 6 "${common[@]}")
conv=(--net conv:28x28x1-c16k3-p2-c32k3-p2-128-10 --data "$data/fashion-mnist" --test 1500 --steps 60
  --eval-every 5 "${common[@]}")

best() { python3 "$here/best.py" "$1" val_loss; }
one() { # NET NAME RATES OPTIONS..
  local net=$1 name=$2 rates=$3
  local -n all=$net
  shift 3
  echo "$net $name" >&2
  "$symo" sweep classifier "${all[@]}" "$@" --seed 11 --grid "lr=$rates" --out "$work/$net/tune/$name" >/dev/null 2>&1
  read -ra chosen < <(best "$work/$net/tune/$name")
  echo "\$ symo sweep classifier --net ${all[1]} .. $* --grid lr=$rates   (seed 11), then ${chosen[*]} (seeds 21 to 23)" \
    >"$work/$net/$name.command"
  "$symo" sweep classifier "${all[@]}" "$@" --seed 21 --seeds 3 "${chosen[@]}" --out "$work/$net/final/$name" >/dev/null 2>&1
  "$symo" train classifier "${all[@]}" "$@" --plan >"$work/$net/$name.plan"
}
network() { # NET
  mkdir -p "$work/$1"
  one "$1" kfac 0.05,0.1,0.2,0.4 --optimizer kfac
  one "$1" kfac-lowrank 0.05,0.1,0.2,0.4 --optimizer kfac-lowrank
  one "$1" adamw 0.0005,0.001,0.002,0.004 --optimizer adamw
  one "$1" symo 0.0015,0.003,0.006,0.012 --optimizer symo
  one "$1" muon 0.01,0.02,0.04,0.08 --optimizer muon
  one "$1" sgd 0.025,0.05,0.1,0.2 --optimizer sgd --set momentum=0.9
  one "$1" ekfac 0.05,0.1,0.2,0.4 --optimizer ekfac
}
# How often, and of which rank, as it is (rank_share 0): at the rate of the preset, one seed.
cadences() {
  local every rank
  for every in 1 10 50; do
    echo "cadence $every" >&2
    "$symo" train classifier "${dense[@]}" --seed 31 --optimizer kfac --set statistics_every=$every --set refresh_every=$every \
      --out "$work/cadences/$every-whole" --overwrite >/dev/null 2>&1
    for rank in 0.05 0.15 0.3; do
      "$symo" train classifier "${dense[@]}" --seed 31 --optimizer kfac-lowrank --set statistics_every=$every \
        --set rank=$rank --set rank_share=0 --out "$work/cadences/$every-$rank" --overwrite >/dev/null 2>&1
    done
  done
}
# At the rate of the preset, the seeds of the others.
preset() {
  "$symo" sweep classifier "${dense[@]}" --optimizer kfac-lowrank --seed 21 --seeds 3 --grid lr=0.1 \
    --out "$work/dense/preset" >/dev/null 2>&1
}
report() { python3 "$here/kfac.py" "$work" "$results/kfac" >"$results/kfac/output.txt"; }
mkdir -p "$results/kfac"
case ${1:-all} in
dense | conv) network "$1" ;;
all) network dense && network conv && preset && cadences && report ;;
*) "$1" ;;
esac
