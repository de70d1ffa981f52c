#!/usr/bin/env bash
# docs/results/h-lr: low rank plus symmetry over training, on four networks; about ten minutes.
# h-lr.sh TEXT: tiny Shakespeare, for the transformer.  SYMO: the command.
set -euo pipefail
text=$(realpath "${1:?give the text of tiny Shakespeare}")
here=$(cd "$(dirname "$0")" && pwd)
symo=$(realpath "${SYMO:-$here/../../build/symo}")
target=$here/../../docs/results/h-lr
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$target"
cd "$work"
cp "$text" tinyshakespeare.txt
run() {
  local name=$1
  shift
  set -- "$@" --rank 10 --sweep steps --sweep-values 0,10,100,300,1000
  { echo "\$ symo compare $*"; "$symo" compare "$@" --no-plots --out "$name"; echo; } >>output.txt
}
run digits --data digits --net 64-16-10 --seeds 3
run rnn --data digits --net rnn:8-12-10 --examples 300 --seeds 3
run conv --data digits --net conv:8x8x1-c16k3-p4-10 --examples 150 --seeds 3
run gpt --net gpt:t8-c8-h2-l1 --data tinyshakespeare.txt --examples 64 --init-scale 0.1
for steps in 0 100; do
  large="--data digits --net 64-128-128-10 --train-steps $steps --residual 16"
  # shellcheck disable=SC2086 # words
  { echo "\$ symo lowrank $large"; "$symo" lowrank $large --out "m$steps"; echo; } >>output.txt
done
python3 "$here/h-lr.py" cosines.png "digits, 64-16-10"=digits/results.json \
  "recurrent, 8-12-10"=rnn/results.json "convolutional, 8x8-c16k3-p4-10"=conv/results.json \
  "transformer, 1472 parameters"=gpt/results.json
cp output.txt cosines.png "$target"
