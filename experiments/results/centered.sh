#!/usr/bin/env bash
# Estimates with and without label 0, what the group does not move: experiments/results/centered.sh
# UCI: the folder with iris.csv and wine_data.csv (scikit-learn's copies); SYMO: the command.
set -euo pipefail
symo=${SYMO:-$(dirname "$0")/../../build/symo}
symo=$(cd "$(dirname "$symo")" && pwd)/$(basename "$symo")
uci=${UCI:-data/uci}
uci=$(cd "$uci" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../docs/results"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
scales=0.001,0.01,0.1,0.3,1

# NAME OPTIONS...: both ways, three seeds, all scales.
both() {
  local name=$1 way
  shift
  for way in uncentered centered; do
    "$symo" compare "$@" --$way --sweep scale --sweep-values $scales --seeds 3 --no-plots --json \
      --out "$work/out" >"$work/$name.$way.json"
  done
  echo "symo compare $* --uncentered|--centered --sweep scale --sweep-values $scales --seeds 3" |
    sed "s|$uci/||"
}
# NAME OPTIONS...: both activations, with biases and without.
all() {
  local name=$1 act
  shift
  for act in tanh relu; do
    both "$name.$act.bias" "$@" --act $act
    both "$name.$act.none" "$@" --act $act --no-bias
  done
}
iris=(--data "$uci/iris.csv" --standardize)
wine=(--data "$uci/wine_data.csv" --standardize)
digits=(--data digits --net 64-12-10 --examples 600)
mkdir -p centered
{
  all teacher,mse --data teacher --net 3-64-2
  all iris,mse "${iris[@]}" --loss mse
  all iris,ce "${iris[@]}" --loss cross-entropy
  all wine,mse "${wine[@]}" --loss mse
  all wine,ce "${wine[@]}" --loss cross-entropy
  all digits,mse "${digits[@]}" --loss mse
  all digits,ce "${digits[@]}" --loss cross-entropy
  both rnn,ce.tanh.bias --data digits --net rnn:8-12-10 --examples 300
  both conv,ce.tanh.bias --data digits --net conv:8x8x1-c8k3-p4-10 --examples 150
  both gpt,markov.gelu.none --data teacher --net gpt:v12-t6-c8-h2-l1 --no-bias --examples 64
  echo
  python3 "$here/centered.py" "$work"
} >centered/output.txt
