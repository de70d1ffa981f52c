#!/usr/bin/env bash
# Makes docs/results/kinds: ./experiments/results/kinds.sh
# symo on a small GPT with another exponent for one kind of matrix, two seeds each.  Ten minutes of one core.  Needs
# tinyshakespeare.txt in $SYMO_DATA, and python3.  SYMO: the command; WORK: a folder to keep the runs in.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
symo=$(realpath "${SYMO:-$here/../../build/symo}")
[ -x "$symo" ] || { echo "no $symo (run make first)"; exit 1; }
work=${WORK:-$(mktemp -d)}
mkdir -p "$work" "$here/../../docs/results/kinds"
attention='h.*.attn*:alpha' up='h.*.c_fc*:alpha' down='h.*.mlp.c_proj*:alpha'
run() { # NAME SETTING..
  local name=$1 setting settings=()
  shift
  for setting in "$@"; do settings+=(--set "$setting"); done
  "$symo" sweep gpt --n-layer 2 --n-head 4 --n-embd 64 --block-size 64 --steps 300 --warmup-iters 30 --lr-decay-iters 300 \
    --lr 0.008 --seeds 2 --seed 101 --checkpoint-every 0 --threads 1 --optimizer symo --eval-every 1000000 --eval-iters 50 \
    "${settings[@]}" --out "$work/$name" >/dev/null 2>"$work/log"
}
run 'as it is'
run 'all 1.4' alpha=1.4
run 'attention 1.4' "$attention=1.4"
run 'MLP 1.4' "$up=1.4" "$down=1.4"
run 'MLP up 1.4' "$up=1.4"
run 'attention 1.8' "$attention=1.8"
run 'MLP 1.8' "$up=1.8" "$down=1.8"
python3 - "$work" >"$here/../../docs/results/kinds/output.txt" <<'END'
import glob, json, os, statistics, sys
print("held-back loss with exponent 1.6 but where it says otherwise; seeds 101, 102; mean")
for folder in sorted(glob.glob(f"{sys.argv[1]}/*/")):
    losses = [json.load(open(p))["val_loss"] for p in sorted(glob.glob(f"{folder}/symo/*/s*/summary.json"))]
    print("  %-15s %s   %.3f" % (os.path.basename(folder[:-1]), " ".join("%.4f" % x for x in losses), statistics.mean(losses)))
END
