#!/usr/bin/env bash
# symo step and symo optimizers from outside: exit codes, messages, files that are whole or not there,
# the same bytes twice.
set -u
test=step
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"

succeeds() {
  "$symo" "$@" >out 2>err </dev/null || fail "symo $*: exit $?: $(cat err)"
  [ -s err ] && fail "symo $*: something on stderr: $(cat err)"
}

le() { # the bytes of a small number, eight of them
  printf "\\x$(printf %02x $(($1 % 256)))\\x$(printf %02x $(($1 / 256)))\\0\\0\\0\\0\\0\\0"
}

# tensors FILE HEADER BYTES: a safetensors file.
tensors() {
  { le ${#2}; printf %s "$2"; printf '%b' "$3"; } >"$1"
}

zero='\0\0\0\0' one='\0\0\0200\077' two='\0\0\0\0100' nan='\0\0\0300\0177'
shape='{"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}}'
half='{"w":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[2],"data_offsets":[8,12]}}'
tensors g "$shape" "$one$two$zero$one$two$one"
tensors p "$shape" "$two$one$one$zero$one$one"
tensors bad-g "$shape" "$one$two$zero$nan$two$one"
tensors half-p "$half" '\0\0100\0200\077\0200\077\0\0\0\074\0\074'
cat >layout.json <<END
{"spaces": {"in": {"dim": 2, "group": "identity"}, "h": {"dim": 2, "group": "signed-permutation"}},
 "tensors": [{"name": "w", "axes": ["h", "in"]}, {"name": "b", "axes": ["h"]}]}
END
echo '{"preset": "adamw", "lr": 0.5}' >spec.json
files=(--layout layout.json --param p --grad g --out-param out-p)
step=(step "${files[@]}")

# ---- answers ----

for optimizer in sgd adam adamw normalized-sgd muon muon-exact shampoo soap symo symo-bd symo-coupled adagrad-full spectral-newton spec.json; do
  for i in 1 2; do
    succeeds "${step[@]}" --optimizer $optimizer --out-state "s$i"
    mv out-p "p$i"
  done
  cmp -s p1 p2 || fail "$optimizer: not the same parameters twice"
  cmp -s s1 s2 || fail "$optimizer: not the same state twice"
  cmp -s p1 p && fail "$optimizer: the parameters stay where they were"
  succeeds "${step[@]}" --optimizer $optimizer --state s1 --out-state s2 --json
  grep -q '"step": 2' out || fail "$optimizer: $(cat out)"
  succeeds step --layout layout.json --optimizer $optimizer --plan
  grep -q 'state .* work space' out || fail "$optimizer --plan: $(cat out)"
  cp out plan
  succeeds step --layout layout.json --optimizer $optimizer --plan
  cmp -s plan out || fail "$optimizer --plan: not the same twice"
  succeeds step --layout layout.json --optimizer $optimizer --plan --json
  grep -q '"state_bytes"' out || fail "$optimizer --plan --json: $(cat out)"
done

# A spec printed is the preset; settings and files say the same; files may be written over.
succeeds optimizers muon
cp out muon.json
succeeds "${step[@]}" --optimizer muon --out-state s1
cp out-p p1
succeeds "${step[@]}" --optimizer muon.json --out-state s2
cmp -s p1 out-p || fail "muon and its spec file differ"
cmp -s s1 s2 || fail "muon and its spec file give different states"
succeeds "${step[@]}" --optimizer adamw --set lr=0.5
cp out-p p1
succeeds "${step[@]}" --optimizer spec.json
cmp -s p1 out-p || fail "--set lr and a file with lr differ"
cp p p-copy
succeeds step --layout layout.json --param p-copy --grad g --optimizer spec.json --out-param p-copy
cmp -s p1 p-copy || fail "parameters written over themselves differ"
succeeds optimizers
for word in adamw newton-cg weight_decay eigh levenberg-marquardt; do
  grep -q -- "$word" out || fail "symo optimizers: no $word"
done
succeeds optimizers --json
for key in presets options modules; do
  grep -q "\"$key\"" out || fail "symo optimizers --json: no $key"
done

# Half precision is read as F32, the sum is the same.
succeeds step --layout layout.json --param half-p --grad g --optimizer sgd --out-param out-p
grep -q '"F32"' out-p || fail "half precision is not written as F32"
cp out-p p1
succeeds "${step[@]}" --optimizer sgd
cmp -s p1 out-p || fail "half precision and F32 differ"
succeeds "${step[@]}" --optimizer sgd --set dtype=f64
grep -q '"F64"' out-p || fail "--set dtype=f64 does not write F64"

# A gradient that is not finite is counted, and the parameters stay.
bad=(step --layout layout.json --param p --grad bad-g --out-param out-p --optimizer adamw)
"$symo" "${bad[@]}" --out-state s1 --json >out 2>err || fail "a gradient with NaN: exit $?"
grep -q 'NaN' err || fail "a gradient with NaN: nothing is said"
grep -q '"accepted": false' out || fail "a gradient with NaN: $(cat out)"
succeeds "${step[@]}" --optimizer adamw --state s1 --json
grep -q '"refused_steps": 1' out || fail "the refused step is forgotten: $(cat out)"
rm out-p
fails 3 'tensor w holds NaN' "${bad[@]}" --set nan=stop
[ -e out-p ] && fail "a refused step left a file"
fails 3 'w holds NaN at entry 3' step --layout layout.json --param bad-g --grad g --out-param out-p --optimizer sgd

# ---- usage ----

fails 2 '--optimizer is missing' "${step[@]}"
fails 2 '--param is missing' step --layout layout.json --grad g --out-param q --optimizer sgd
fails 2 '--grad is missing' step --layout layout.json --param p --out-param q --optimizer sgd
fails 2 '--out-param is missing' step --layout layout.json --param p --grad g --optimizer sgd
fails 2 'is the file of --out-param too' "${step[@]}" --optimizer sgd --out-state out-p
fails 2 'did you mean "adamw"?' "${step[@]}" --optimizer adamww
fails 2 'did you mean lr?' "${step[@]}" --optimizer sgd --set lrr=1
fails 2 'must be a number from 0' "${step[@]}" --optimizer sgd --set lr=-1
fails 2 'nothing looks at rate here, which is of schedule exponential' "${step[@]}" --optimizer sgd --set rate=0.9
fails 2 'which is of curvature per-axis' "${step[@]}" --optimizer sgd --set rules.0.max_dim=9
fails 2 'write KEY=VALUE' "${step[@]}" --optimizer sgd --set lr
fails 2 'only 1 rule ' "${step[@]}" --optimizer sgd --set rules.1.lr=1
fails 2 'there is no "mun"; did you mean "muon"?' optimizers mun

# ---- options of tensors by their names: the same from the command line and from a file ----

fails 3 'fits "zz*"' "${step[@]}" --optimizer symo --set 'zz*:alpha=1.2'
fails 2 'nothing looks at rate here' "${step[@]}" --optimizer symo --set 'w*:rate=0.9'
fails 2 'did you mean alpha?' "${step[@]}" --optimizer symo --set 'w*:alphaa=1'
succeeds "${step[@]}" --optimizer symo --set 'w*:alpha=1.2' --set lr=0.1
mv out-p by-flag
echo '{"preset": "symo", "lr": 0.1, "w*:alpha": 1.2}' >patterns.json
succeeds "${step[@]}" --optimizer patterns.json
cmp -s by-flag out-p || fail 'a pattern in a file is another step than on the command line'
for optimizer in newton-cg ggn-cg lm newton-direct ggn-direct egn egn-cg ngd ngd-cg sgn adahessian sophia-g sophia-h; do
  "$symo" "${step[@]}" --optimizer $optimizer >out 2>err && fail "$optimizer from a gradient alone"
  grep -q "^symo: error: --optimizer.*$optimizer" err || fail "$optimizer: $(cat err)"
done

# ---- bad data ----

rm -f out-p
echo '{"preset": "adamw", "lrr": 0.5}' >bad.json
fails 3 'bad.json: lrr: unknown key; did you mean "lr"?' "${step[@]}" --optimizer bad.json
echo '{"rules": [{"preset": "adamw", "lr": -1}]}' >bad.json
fails 3 'bad.json: rules[0]: lr: -1' "${step[@]}" --optimizer bad.json
echo '{"rules": [{"preset": "adamw", "match": "w"}]}' >bad.json
fails 3 'no rule is for tensor b' "${step[@]}" --optimizer bad.json
fails 3 'nesterov needs momentum' "${step[@]}" --optimizer sgd --set nesterov=true
fails 3 'the budget is 100' "${step[@]}" --optimizer adamw --set budget_memory=100
succeeds "${step[@]}" --optimizer adamw --out-state s1
rm out-p
fails 3 's1: rule 0: lr is 0.001 there, but 0.5 here' "${step[@]}" --optimizer spec.json --state s1
fails 3 's1: rule 0: curvature is diagonal there' "${step[@]}" --optimizer sgd --state s1
fails 3 's1: holds f32, but the optimizer computes in f64' "${step[@]}" --optimizer adamw --set dtype=f64 --state s1
sed 's/signed-permutation/permutation/' layout.json >other.json
fails 3 's1: is the state for another layout: space h' step --layout other.json --param p --grad g --out-param out-p --optimizer adamw --state s1
fails 3 'p: not the state of an optimizer' "${step[@]}" --optimizer adamw --state p
head -c "$(($(wc -c <s1) - 4))" s1 >cut
fails 3 'cut' "${step[@]}" --optimizer adamw --state cut
{ head -c "$(($(wc -c <s1) - 1))" s1; printf x; } >changed
fails 3 'changed: the checksum is' "${step[@]}" --optimizer adamw --state changed
[ -e out-p ] && fail "a failure left parameters"
succeeds "${step[@]}" --optimizer adamw --set lr=0.5 --state s1

# ---- input and output ----

rm -f out-p
fails 4 'nowhere' "${step[@]}" --optimizer adamw --state nowhere
fails 4 'nowhere.json' "${step[@]}" --optimizer nowhere.json
fails 4 'folder/s' "${step[@]}" --optimizer adamw --out-state folder/s
[ -e out-p ] && fail "parameters were written without their state"
fails 4 'folder/p' step --layout layout.json --param p --grad g --optimizer adamw --out-param folder/p
rest=$(find . -name '.symo*' -o -name '*.tmp' | head)
[ -z "$rest" ] || fail "left behind: $rest"

[ $failures -eq 0 ]
