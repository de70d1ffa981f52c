#!/usr/bin/env bash
# symo-pd beside others on dense teachers and students with fewer and with more hidden units than each unit sees
# weights: six rates for each, at the length of the final run, then the best with three other seeds.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
symo=${SYMO:-$here/../../build/symo}
work=${WORK:-$(mktemp -d)}
out=$here/../../docs/results/teacher-wide
optimizers=(symo-published symo-pd symo muon soap adam)
nets=(100-70-40 20-60-10 20-240-10)
for net in "${nets[@]}"; do
  common=(--net "$net" --train 1000 --test 1000 --steps 100 --eval-every 10 --checkpoint-every 0 --threads 1)
  for o in "${optimizers[@]}"; do
    rates=0.0003,0.001,0.003,0.01,0.03,0.1
    case $o in symo-published | symo-pd) rates=0.01,0.03,0.06,0.1,0.2,0.4 ;; esac
    "$symo" sweep teacher-student "${common[@]}" --optimizer "$o" --grid "lr=$rates" \
      --out "$work/$net-$o" --json >"$work/$net-$o.json" 2>/dev/null
    lr=$(python3 -c 'import json, sys
print(next(p["settings"] for p in json.load(open(sys.argv[1]))["points"] if p["best"])[3:])' "$work/$net-$o.json")
    "$symo" sweep teacher-student "${common[@]}" --optimizer "$o" --lr "$lr" --seed 2 --seeds 3 \
      --out "$work/$net-$o-best" --json >"$work/$net-$o-best.json" 2>/dev/null
  done
done
mkdir -p "$out"
{
  echo "\$ experiments/results/teacher-wide.sh"
  python3 "$here/teacher-wide.py" "$work" "${nets[*]}" "${optimizers[*]}"
} >"$out/output.txt"
