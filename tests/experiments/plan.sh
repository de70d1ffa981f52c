#!/usr/bin/env bash
# symo plan: the model of a step in many processes, worked out by hand for one case, and its refusals.
set -u
faults=0
complain() { echo "$*" >&2; faults=$((faults + 1)); }
cd "$WORK" || exit 1

# sgd without momentum on 1000 numbers of 4 bytes: 8 processes, latency 1 s, 100 bytes/s, 1e3 flops/s.
plan=("$SYMO" plan --layout "a: identity 100; b: identity 10; w[a, b]" --optimizer sgd --set dtype=f32
  --tokens 2 --flops 1e3 --memory-bandwidth 1e3 --latency 1 --bandwidth 100 --json)
"${plan[@]}" --ranks 8 >rows.json || complain "ended with $?"
value() { # STRATEGY KEY
  tr -d '\n ' <rows.json | sed 's/},{/}\n{/g' | grep "\"strategy\":\"$1\"" |
    sed "s/.*\"$2\":\([0-9.e+-]*\).*/\1/"
}
near() { # WHAT GOT EXPECTED
  awk -v a="$2" -v b="$3" 'BEGIN { d = a - b; exit !(a != "" && d * d <= 1e-12 * b * b) }' ||
    complain "$1: $2, not $3"
}
near gradient "$(value replicated gradient_seconds)" 1.5 # 6 1000 2 / 1e3 / 8
near reduce "$(value replicated reduce_seconds)" 72      # 2 1 + 2 7/8 4000 / 100, one bucket
near "reduce to owners" "$(value sharded reduce_seconds)" 36
near wait "$(value sharded wait_seconds)" 36             # of the last bucket
near step "$(value sharded step_seconds)" 136.22           # 1.5 + 36 + (6000 + 3 4000) / 1e3 + 80.72
near spread "$(value sharded spread_seconds)" 80.72      # 3 1 + 7/8 4000 / 100, six times 6 + 2 7/8 64 / 100
near memory "$(value replicated bytes)" 8128             # two vectors, and the counters
[ "$(grep -c '"best": true' rows.json)" -eq 1 ] || complain "not one is best"

# Buckets of 1 MiB in turns of four, 2/3 of the gradient before: 1e6 numbers in 4 processes.
"$SYMO" plan --layout "a: identity 1000; b: identity 1000; w[a, b]" --optimizer sgd --set dtype=f32 --tokens 2 \
  --flops 1e6 --latency 1 --bandwidth 1e6 --ranks 4 --json >rows.json || complain "of a matrix ended with $?"
near "reduce in buckets" "$(value sharded reduce_seconds)" 4       # 1 turn of 4 buckets + 3/4 4
near "wait for buckets" "$(value sharded wait_seconds)" 2          # 4 - 2/3 3

# More processes never have more to do or to keep each; blocked comes in beyond the matrices.
"$SYMO" plan --net gpt:v65-t64-c128-h4-l4 --optimizer soap --ranks 1 --ranks 2 --ranks 4 --ranks 64 --json >rows.json ||
  complain "of a network ended with $?"
tr -d '\n ' <rows.json | sed 's/},{/}\n{/g' | grep -o '"strategy":"sharded".*' |
  sed 's/.*"optimizer_seconds":\([0-9.e+-]*\).*"bytes":\([0-9.e+-]*\).*/\1 \2/' |
  awk 'NR > 1 && ($1 > s || $2 > b) { bad = 1 } { s = $1; b = $2 } END { exit bad || NR != 3 }' ||
  complain "shares do not fall"
[ "$(grep -c '"blocked"' rows.json)" -eq 1 ] || complain "blocked is not for 64 processes alone"

"$SYMO" plan --net 9-14-13-7 --optimizer kfac --ranks 2 >out && grep -qx 'rule 0, kfac: 6 tensors in 3 parts' out ||
  complain "K-FAC is not divided by sites"
"$SYMO" plan --layout "in: identity 4; h: permutation 5; w[h, in] b[h]" --optimizer symo-published --ranks 2 >out &&
  grep -q ': 2 tensors in 1 part; what is more than a share, by tensors and 2 labels' out || complain "coupled tensors: $(cat out)"
# Labels go each for itself: of a network no process keeps all of the state.
"$SYMO" plan --net gpt:v65-t64-c128-h4-l4 --optimizer symo-pd --ranks 1 --ranks 2 --ranks 4 --json >rows.json ||
  complain "of labels ended with $?"
tr -d '\n ' <rows.json | sed 's/},{/}\n{/g' | grep -o '"ranks":[124],"strategy":"[a-z]*".*' | grep -e '"ranks":1' -e sharded |
  sed 's/.*"bytes":\([0-9.e+-]*\).*/\1/' | awk 'NR > 1 && $1 > 0.9 * b { bad = 1 } { b = $1 } END { exit bad || NR != 3 }' ||
  complain "labels are not divided: $(cat rows.json)"

refused() { # CODE TEXT ARGUMENT..
  local code=$1 text=$2
  shift 2
  "$SYMO" plan "$@" >out 2>err
  [ $? -eq "$code" ] && grep -qF -- "$text" err && [ ! -s out ] || { complain "plan $*"; cat err >&2; }
}
refused 3 "every process has all of the method" --net 9-14-13-7 --optimizer spectral-newton --set alpha=auto
refused 2 "give --layout or --net"
refused 2 "give --layout or --net" --net 3-2 --layout "a: identity 2; w[a]"
refused 2 'is no number from 1 to 65536' --net 3-4-2 --ranks 0 --json
refused 2 'is no number from 1 to 65536' --net 3-4-2 --ranks 2 --ranks x
refused 2 "--optimizer: " --net 3-4-2 --optimizer nothing
refused 3 "every process has all of the method" --net 3-4-2 --optimizer lm
[ $faults -eq 0 ] || { echo "$faults faults" >&2; exit 1; }
