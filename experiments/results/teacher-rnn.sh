#!/usr/bin/env bash
# The recurrent teacher and student: six learning rates for each optimizer, at the length of the
# final run, then the best with three other seeds.  SYMO: the command; WORK: a folder that keeps the runs, so
# that the same command goes on where it was.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
symo=${SYMO:-$here/../../build/symo}
work=${WORK:-$(mktemp -d)}
out=$here/../../docs/results/teacher-rnn
optimizers=(symo symo-pd muon soap adam)
common=(--task-net rnn --test 256 --eval-every 25 --steps "${STEPS:-500}" --checkpoint-every 0 --threads 1
  --set schedule=cosine --set "total_steps=${STEPS:-500}")
rates=0.0003,0.001,0.003,0.01,0.03,0.1
for o in "${optimizers[@]}"; do
  own=()
  [ "$o" != symo-pd ] || own=(--set eps=1e-5)
  "$symo" sweep teacher-student "${common[@]}" --optimizer "$o" "${own[@]}" --grid "lr=$rates" \
    --out "$work/sweep-$o" --json >"$work/$o.json" 2>/dev/null
done
for o in "${optimizers[@]}"; do
  own=()
  [ "$o" != symo-pd ] || own=(--set eps=1e-5)
  lr=$(python3 -c 'import json, sys
print(next(p["settings"] for p in json.load(open(sys.argv[1]))["points"] if p["best"])[3:])' "$work/$o.json")
  for seed in 2 3 4; do
    [ -f "$work/$o-$seed/finished" ] && continue
    rm -rf "$work/$o-$seed"
    "$symo" train teacher-student "${common[@]}" --optimizer "$o" "${own[@]}" --lr "$lr" --seed $seed \
      --out "$work/$o-$seed" >/dev/null 2>&1
    touch "$work/$o-$seed/finished"
  done
done
mkdir -p "$out"
{
  echo "\$ experiments/results/teacher-rnn.sh"
  python3 "$here/teacher-rnn.py" "$work" "${optimizers[@]}"
} >"$out/output.txt"
(cd "$work" && "$symo" plot symo-2 symo-pd-2 muon-2 soap-2 adam-2 --out curves >/dev/null 2>&1)
cp "$work/curves.png" "$out/"
