#!/usr/bin/env bash
# symo verify --net from outside: exact groups pass, wrong ones are found and their space is named,
# approximate ones have a size; JSON, tolerances, and every way to fail.
# shellcheck disable=SC2086 # commands split into words
set -u
test=verify_net
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C SYMO_DATA=$root/experiments/data/files

# answers CODE ARGUMENTS...: this exit code, with an answer and nothing on stderr.
answers() {
  local code=$1 status
  shift
  "$symo" verify "$@" >out 2>err </dev/null
  status=$?
  [ $status -eq "$code" ] || fail "verify $*: exit $status, not $code: $(cat err) $(cat out)"
  [ -s out ] || fail "verify $*: no answer"
  [ -s err ] && fail "verify $*: something on stderr: $(cat err)"
}

# row SPACE VERDICT: the table has it.
row() { grep -qE "^  $1 .* $2 " out || fail "no row \"$1 ... $2\" in: $(cat out)"; }
has() { grep -qF -- "$1" out || fail "no \"$1\" in: $(cat out)"; }

net="--data teacher --net 3-6-5-2 --examples 40"

# ---- what is exact ----
while read -r activation group; do
  answers 0 $net --act $activation --groups $group
  row h1 exact
  row h2 exact
  row 'all together' exact
  has PASS
done <<'END'
tanh auto
relu auto
gelu auto
linear auto
tanh permutation
tanh sign-flip
tanh signed-permutation
linear orthogonal
linear signed-permutation
END
answers 0 $net --groups identity
has 'PASS: all spaces carry the identity'
grep -q '^  h1' out && fail "a row for the identity"
answers 0 $net --dtype f32
answers 0 $net --loss cross-entropy --init-scale 1
answers 0 $net --train-steps 30 --no-bias --samples 3
answers 0 --data digits --examples 50 --net 64-4-10 --standardize
has cross-entropy

# ---- what is wrong, and where ----
for group in signed-permutation sign-flip orthogonal; do
  for options in "" "--dtype f32" "--init-scale 1e-3" "--init-scale 1 --samples 1" "--train-steps 30"; do
    answers 1 $net --act relu --groups $group $options
    row h1 wrong
    row h2 wrong
    row 'all together' wrong
    has "FAIL: space h1: $group is wrong"
  done
done
layout() { # layout H1 H2
  cat <<END
{"spaces": {"in": {"dim": 3, "group": "identity"}, "h1": {"dim": 6, "group": "$1"},
            "h2": {"dim": 5, "group": "$2"}, "out": {"dim": 2, "group": "identity"}},
 "tensors": [{"name": "w1", "axes": ["h1", "in"]}, {"name": "b1", "axes": ["h1"]},
             {"name": "w2", "axes": ["h2", "h1"]}, {"name": "b2", "axes": ["h2"]},
             {"name": "w3", "axes": ["out", "h2"]}, {"name": "b3", "axes": ["out"]}]}
END
}
layout permutation signed-permutation >second.json
layout sign-flip permutation >first.json
layout permutation permutation >none.json
answers 1 $net --act relu --groups second.json
row h1 exact
row h2 wrong
row 'all together' wrong
has 'FAIL: space h2'
grep -q 'FAIL: space h1' out && fail "h1 is blamed: $(cat out)"
answers 1 $net --act relu --groups first.json
row h1 wrong
row h2 exact
grep -q 'FAIL: space h2' out && fail "h2 is blamed: $(cat out)"
answers 0 $net --act relu --groups none.json
answers 0 $net --act tanh --groups second.json

# ---- other networks, other groups ----
digits="--data digits --examples 30"
for one in rnn:8-5-10 conv:8x8x1-c4k3-p2-10 conv:8x8x1-c4k3c-m2-c3k3-10 64-6-ln-5-10 64-6-rms-5-10 \
  64-6-res-6-add-10; do
  answers 0 $digits --net $one
done
answers 1 $digits --net rnn:8-5-10 --act relu --groups signed-permutation
row h wrong
answers 1 $digits --net conv:8x8x1-c4k3-m2-10 --groups sign-flip # maxima are not odd
row h1 wrong
answers 1 $digits --net 64-6-ln-5-10 --groups signed-permutation
row h1 wrong
row h2 exact
norm() { # norm TENSORS: sign flips before a norm whose gain stays
  echo "in: identity 64; h1: sign-flip 6; g: identity 6; h2: permutation 5; out: identity 10;" \
    "w1[h1,in] b1[h1] $1 w2[h2,h1] b2[h2] w3[out,h2] b3[out]"
}
answers 0 $digits --net 64-6-rms-5-10 --groups "$(norm 'rms1.gain[g]')"
answers 1 $digits --net 64-6-ln-5-10 --groups "$(norm 'ln1.gain[g] ln1.bias[h1]')"
row h1 wrong # the mean is not odd
scaled() { # scaled WINDOW BIAS
  echo "in: identity 3; h: scaling($1) 6; n: identity 6; out: identity 2;" \
    "w1[h,in] b1[$2] w2[out,h*] b2[out]"
}
answers 0 --data teacher --net 3-6-2 --act relu --groups "$(scaled 1 h)"
answers 1 --data teacher --net 3-6-2 --act relu --groups "$(scaled 0.1 n)"
row h approximate # biases left behind
answers 1 --data teacher --net 3-6-2 --act tanh --init-scale 1 --groups "$(scaled 3 h)"
row h wrong

# ---- what is approximate: tanh at small weights is nearly linear ----
small="$net --act tanh --groups orthogonal --init-scale 0.05"
answers 1 $small
row h1 approximate
row h2 approximate
answers 0 $small --tolerance 0.3
has PASS
answers 1 $small --tolerance 1e-6
has 'FAIL: space h1: orthogonal is approximate'
answers 1 $net --act relu --groups orthogonal --tolerance 0.3
answers 1 $net --tolerance 0

# ---- weights that cannot tell: float32 does not see that tanh bends ----
for group in orthogonal 'wreath(2, orthogonal 32)'; do
  blind=(--data teacher --act tanh --init-scale 1e-3 --groups "$group")
  "$symo" verify "${blind[@]}" --dtype f32 >out 2>err && fail "$group: passes at weights of 1e-3"
  row h1 'cannot tell'
  row 'all together' 'cannot tell'
  has "CANNOT TELL: space h1: $group shows no defect at these weights"
  has '(take --init-scale 0.3 or --dtype f64)'
  "$symo" verify "${blind[@]}" --dtype f64 >out 2>err && fail "$group: passes in float64"
  row h1 approximate
  "$symo" compare "${blind[@]}" --dtype f32 --no-plots --out cannot >out 2>err || fail "$(cat err)"
  has 'cannot tell at these weights (defect '
  grep -q '"label": "cannot tell"' cannot/results.json || fail "no such label in results.json"
done
answers 0 --data teacher --act tanh --init-scale 1e-3 --dtype f32
answers 0 --data teacher --act linear --init-scale 1e-3 --dtype f32 --groups orthogonal
# Deep and with large weights, float32 makes much of its rounding: that is no defect.
answers 0 --data teacher --net gpt:v20-t16-c32-h4-l4 --dtype f32 --init-scale 0.02 --examples 32

# ---- the same measure, the same words in symo compare ----
for options in "--act relu --groups signed-permutation" "--act tanh --groups orthogonal" \
  "--act tanh --groups permutation" "--act relu --groups sign-flip --init-scale 1e-3"; do
  "$symo" verify $net $options >out 2>err
  word=$(sed -n 's/^  all together  *\([a-z]*\).*/\1/p' out)
  worst=$(sed -n -e 's/^FAIL: .* defect \([^,]*\),.*/\1/p' -e 's/^PASS: .* defect is \([^,]*\),.*/\1/p' out |
    sort -g | tail -n 1)
  "$symo" compare $net $options --no-plots --out same >out 2>err || fail "compare: $(cat err)"
  grep -q "^groups .*: $word (largest defect " out || fail "not \"$word\" in $(grep ^groups out)"
  grep -q "\"label\": \"$word\"" same/results.json || fail "not $word in results.json"
  got=$(sed -n 's/^groups .*(largest defect \([^)]*\)).*/\1/p' out)
  awk -v a="$got" -v b="$worst" 'BEGIN { exit !(a >= b) }' || fail "$options: $got, verify: $worst"
done

# ---- a group of one's own ----
own() {
  echo '{"spaces": {"in": {"dim": 3, "group": "identity"}, "h1": {"dim": 4, "group": "custom",
 "generators": [[[-1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]]}, "out": {"dim": 2, "group": "identity"}},
 "tensors": [{"name": "w1", "axes": ["h1", "in"]}, {"name": "b1", "axes": ["h1"]},
             {"name": "w2", "axes": ["out", "h1"]}, {"name": "b2", "axes": ["out"]}]}'
}
own >own.json
answers 1 --data teacher --net 3-4-2 --act relu --groups own.json
has 'FAIL: space h1: its custom group is wrong'
has '(look at its generators'
answers 0 --data teacher --net 3-4-2 --act tanh --groups own.json

# ---- JSON ----
valid=
command -v jq >/dev/null && valid="jq ."
[ -z "$valid" ] && command -v python3 >/dev/null && valid="python3 -m json.tool"
json() {
  answers "$@" --json
  [ -z "$valid" ] || $valid <out >valid.out 2>&1 || fail "verify $*: not JSON"
  head -c 1 out | grep -q '{' || fail "verify $*: something before the JSON"
  grep -qiE '(^|[^a-z])-?(nan|inf)' out && fail "verify $*: NaN in JSON"
}
json 1 $net --act relu --groups second.json
for key in '"pass": false' '"verdict": "wrong"' '"space": "h1"' '"group": "signed-permutation"' \
  '"joint": {' '"tensor_defects": {' '"parameters": 71' '"net": "3-6-5-2"' '"samples": 8' \
  '"tolerance": null' '"exact_bound": ' '"gradient_defect": ' '"loss_defect": ' '"largest_share": "'; do
  has "$key"
done
has '"approximate_bound": 0.3,' # as people write it
[ "$(grep -c '"verdict": "exact"' out)" -eq 1 ] || fail "not one exact row: $(cat out)"
json 0 $net --groups identity
has '"joint": null'
has '"spaces": []'
for options in "" --json; do # the same bytes twice
  answers 1 $net --act relu --groups first.json $options
  cp out first
  answers 1 $net --act relu --groups first.json $options
  cmp -s out first || fail "not the same bytes twice $options"
  answers 1 $net --act relu --groups first.json $options --seed 2
  cmp -s out first && fail "--seed changes nothing $options"
done

# ---- failures ----
refused() {
  local code=$1 text=$2
  shift 2
  fails "$code" "$text" verify "$@"
}
refused 2 'nothing to verify'
refused 2 'nothing to verify' --act relu
refused 2 '--net: means nothing with --layout' --layout none.json --net 3-6-5-2
refused 2 '--groups: means nothing with --layout' --layout none.json --groups auto
refused 2 '--tolerance: means nothing with --layout' --layout none.json --tolerance 1
refused 2 '--samples: 5 is out of range' --layout none.json --samples 5
refused 2 '--samples: 0 is out of range' $net --samples 0
refused 2 '--samples: 2000000 is out of range' $net --samples 2e6
refused 2 '--tolerance: -1 is out of range' $net --tolerance -1
refused 2 '--net' --data teacher --net 3-6-x
refused 2 'did you mean "signed-permutation"?' $net --groups signed-permutations
refused 2 'did you mean "relu"?' $net --act rely
refused 3 'does not fit digits' --net 3-6-2
refused 3 'tensor' --data teacher --net 3-6-2 --groups none.json
refused 3 'orthogonal' $net --groups 'in: orthogonals 3; w[in]'
refused 4 'nowhere.json' $net --groups nowhere.json
refused 4 'nowhere.csv' --net 3-6-2 --data nowhere.csv
refused 3 '--net:' --data teacher --net 900000-900000-2
refused 5 'does not move theta' $net --init-scale 0
refused 5 'not finite' --data teacher --net 3-6-6-6-6-6-6-6-2 --act linear --dtype f32 --init-scale 1e6

[ $failures -eq 0 ]
