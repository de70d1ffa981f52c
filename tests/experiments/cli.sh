#!/usr/bin/env bash
# The symo command from outside: exit codes, the one error line, help, JSON, files that are whole or
# not there, the same bytes twice.
# shellcheck disable=SC2059,SC2086 # bytes through printf; commands split into words
set -u
test=cli
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"

succeeds() {
  "$symo" "$@" >out 2>err </dev/null || fail "symo $*: exit $?: $(cat err)"
  [ -s err ] && fail "symo $*: something on stderr: $(cat err)"
}

no_rest() { # nothing that a broken-off writer left
  local rest
  rest=$(find "$1" -name '.symo*' -o -name '*.tmp' | head)
  [ -z "$rest" ] || fail "left behind: $rest"
}

le() { # the bytes of a small number, eight of them
  printf "\\x$(printf %02x $(($1 % 256)))\\x$(printf %02x $(($1 / 256)))\\0\\0\\0\\0\\0\\0"
}

# tensors FILE HEADER BYTES...: a safetensors file.
tensors() {
  { le ${#2}; printf %s "$2"; printf "$3"; } >"$1"
}

zero='\0\0\0\0' one='\0\0\200\077' two='\0\0\0\100' nan='\0\0\300\177'
shape='{"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}}'
tensors g.safetensors "$shape" "$one$two$zero$one$two$one"
tensors t.safetensors "$shape" "$two$one$one$zero$one$one"
tensors nan.safetensors "$shape" "$one$two$zero$nan$two$one"
layout="in: identity 2; h: signed-permutation 2; w[h,in] b[h]"
cat >layout.json <<END
{"spaces": {"in": {"dim": 2, "group": "identity"}, "h": {"dim": 2, "group": "signed-permutation"}},
 "tensors": [{"name": "w", "axes": ["h", "in"]}, {"name": "b", "axes": ["h"]}]}
END
estimate=(estimate --layout layout.json --grad g.safetensors --estimator h-g)

# ---- usage ----

fails 2 'the command is missing'
fails 2 'did you mean "estimate"?' estimat
fails 2 'there is no "frobnicate"' frobnicate
fails 2 '--layout' --layout x
fails 2 'one word too many' help layout groups
fails 2 'there is no "nothing"' help nothing
fails 2 'did you mean "man"?' help --mann
fails 2 'one word too many' help --man layout groups
fails 2 'one word too many' help --completion bash
fails 2 'there is no "nothing"' help --man nothing
for command in groups layout estimate apply info transport verify; do
  fails 2 'did you mean "threads"?' $command --threds 2
  fails 2 '--threads: the value is missing' $command --threads
  fails 2 '--threads: 0 is out of range' $command --threads 0
  fails 2 '--threads: "two"' $command --threads two
  fails 2 '--threads: given twice' $command --threads 1 --threads=1
  fails 2 'one word too many' $command word
done
fails 2 '--layout is missing' layout
fails 2 '--hessian is missing' info
fails 2 '--json: given twice' groups --json --json
fails 2 '--json: takes no value' groups --json=yes
fails 2 'did you mean "blocked"?' layout --layout layout.json --coupling block
fails 2 '--samples: 199 is out of range' verify --layout layout.json --samples 199
fails 2 'did you mean "h-g-bd"?' estimate --layout layout.json --grad g.safetensors --estimator h-g-db
fails 2 '--grad is missing' estimate --layout layout.json --estimator h-g
fails 2 '--estimator is missing' estimate --layout layout.json --grad g.safetensors
fails 2 '--param: is missing' estimate --layout layout.json --grad g.safetensors --estimator h-pd
fails 2 '--param: is missing' "${estimate[@]}" --scale
fails 2 'is the file of --out too' "${estimate[@]}" --out same --dense same
fails 2 '--scale: means nothing' estimate --layout layout.json --grad g.safetensors --estimator covariance --scale
fails 2 '--param: given 2 times for 1' "${estimate[@]}" --param t.safetensors --param t.safetensors
fails 2 '--damping: -1 is out of range' "${estimate[@]}" --damping -1
fails 2 '--damping: "nan"' "${estimate[@]}" --damping nan
fails 2 '--out: the value is empty' "${estimate[@]}" --out ''
fails 2 '--op is missing' apply --hessian h --in g.safetensors --out u
fails 2 '--power: is missing' apply --hessian h --in g.safetensors --out u --op power
fails 2 '--power: means nothing' apply --hessian h --in g.safetensors --out u --op sqrt --power 2

fails 2 '--out is missing' transport --hessian h --layout layout.json
fails 2 '--layout is missing' transport --hessian h --out h2

# ---- bad data ----

fails 3 'sphere' layout --layout "h: sphere 4; w[h]"
fails 3 'unknown group permutaton; did you mean "permutation"?' layout --layout "h: permutaton 4; w[h]"
fails 3 'names space hiden, which the layout does not have; did you mean hidden?' layout --layout "hidden: permutation 4; w[hiden]"
sed 's/signed-permutation/signed-permutaton/' layout.json >bad.json
fails 3 'did you mean "signed-permutation"?' layout --layout bad.json
sed 's/"axes": \["h"\]/"axes": ["hh"]/' layout.json >bad.json
fails 3 'did you mean h?' layout --layout bad.json
fails 4 'did you mean "digits"?' compare --data digit --net 64-2-10 --out no
fails 3 'did you mean "embd"?' train gpt --data "$root/README.md" --groups "emb=permutation" --out no
fails 3 'did you mean "permutation"?' train gpt --data "$root/README.md" --groups "embd=permutaton" --out no
extra='{"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[2],"data_offsets":[16,24]},"bb":{"dtype":"F32","shape":[2],"data_offsets":[24,32]}}'
tensors extra.safetensors "$extra" "$one$two$zero$one$two$one$one$one"
fails 3 'the layout has no such tensor; did you mean b?' estimate --layout layout.json --grad extra.safetensors --estimator h-g
fails 3 'k' layout --layout "h: identity 4; w[k]"
fails 3 'h' layout --layout "h: permutation 4; w[h,h,h,h,h]"
sed 's/"dim": 2, "group": "identity"/"dim": 2, "size": 3, "group": "identity"/' layout.json >bad.json
fails 3 'size' layout --layout bad.json
head -c 60 layout.json >bad.json
fails 3 'bad.json' layout --layout bad.json
head -c 100000 /dev/zero | tr '\0' '[' >bad.json
fails 3 'bad.json' layout --layout bad.json
fails 3 'w holds NaN at entry 3' estimate --layout layout.json --grad nan.safetensors --estimator h-g
head -c "$(($(wc -c <g.safetensors) - 8))" g.safetensors >cut.safetensors
fails 3 'cut.safetensors' estimate --layout layout.json --grad cut.safetensors --estimator h-g
tensors big.safetensors "${shape/24/99999999999}" "$one$two$zero$one$two$one"
fails 3 'big.safetensors' estimate --layout layout.json --grad big.safetensors --estimator h-g
printf '\377\377\377\377\377\377\377\177{}' >lie.safetensors
fails 3 'lie.safetensors' estimate --layout layout.json --grad lie.safetensors --estimator h-g
fails 3 'g.safetensors' estimate --layout "h: identity 3; w[h]" --grad g.safetensors --estimator h-g
fails 3 'g.safetensors' info --hessian g.safetensors
fails 3 'and ' estimate --layout "a: identity 4000000; w[a]" --grad g.safetensors --estimator h-g --dense d.npy
grep -q 'takes 128 TB of memory.*is available.*symo apply' err || fail "dense: $(cat err)"

# ---- input and output ----

fails 4 'nowhere.json' layout --layout nowhere.json
fails 4 'nowhere.safetensors' estimate --layout layout.json --grad nowhere.safetensors --estimator h-g
fails 4 'nowhere.safetensors' info --hessian nowhere.safetensors
fails 4 'folder/h.safetensors' "${estimate[@]}" --out folder/h.safetensors
mkdir folder
fails 4 'folder' "${estimate[@]}" --out folder
fails 4 'folder' "${estimate[@]}" --dense folder
[ -d /proc/self ] && fails 4 '/proc/h.safetensors' "${estimate[@]}" --out /proc/h.safetensors
if [ "$(id -u)" -ne 0 ]; then
  chmod a-w folder
  fails 4 'folder/h.safetensors' "${estimate[@]}" --out folder/h.safetensors
  chmod u+w folder
fi

# A file that cannot be finished leaves the old one, or none.
for option in out dense; do
  echo old >old
  message=$( (ulimit -f 0; exec "$symo" "${estimate[@]}" --$option old 2>&1 >/dev/null))
  [ $? -eq 4 ] || fail "--$option under ulimit -f 0 does not end with 4: $message"
  case $message in
    "symo: error: old: "*")") ;;
    *) fail "--$option under ulimit -f 0: $message" ;;
  esac
  [ "$(cat old)" = old ] || fail "--$option: the old file was touched"
  no_rest .
done

# A reader that goes away, a device that is full, a closed stdout.
for command in groups "groups --json" "help" "layout --layout layout.json" "verify --layout layout.json"; do
  if [ -c /dev/full ]; then
    "$symo" $command >/dev/full 2>err
    [ $? -eq 4 ] || fail "symo $command >/dev/full does not end with 4"
    grep -q '^symo: error: stdout: .*(.*)$' err || fail "symo $command >/dev/full: $(cat err)"
  fi
  "$symo" $command >&- 2>err
  [ $? -eq 4 ] || fail "symo $command >&- does not end with 4"
done
"$symo" "${estimate[@]}" --out closed.safetensors >&- 2>err
[ $? -eq 4 ] || fail "estimate >&- does not end with 4"
cmp -s closed.safetensors <("$symo" "${estimate[@]}" --out again.safetensors >/dev/null; cat again.safetensors) ||
  fail "a closed stdout got into the output file"
mkfifo pipe
(exec 3<>pipe; exec 4>pipe; exec 3<&-; exec "$symo" groups >&4 2>err)
[ $? -eq 4 ] || fail "a broken pipe does not end with 4"

# ---- help ----

succeeds --version
grep -q '^symo [0-9]*\.[0-9]*\.[0-9]*$' out || fail "--version"
succeeds help
commands=$(sed -n 's/^  \([a-z][a-z]*\)  *[a-z].*/\1/p' out | grep -v '^symo$')
[ "$(echo "$commands" | wc -w)" -ge 6 ] || fail "help lists: $commands"
for command in $commands; do
  succeeds "$command" --help
  for part in "Usage: symo $command" "Options:" "Example:" "  symo $command" "Exit status:" --threads; do
    grep -qF -- "$part" out || fail "symo $command --help: no \"$part\""
  done
  awk 'length($0) > 100' out | grep . && fail "symo $command --help: wide lines"
  cp out help1
  succeeds help "$command"
  cmp -s out help1 || fail "symo help $command and symo $command --help differ"
done

# ---- answers ----

valid=
command -v jq >/dev/null && valid="jq ."
[ -z "$valid" ] && command -v python3 >/dev/null && valid="python3 -m json.tool"
json() {
  succeeds "$@" --json
  [ -z "$valid" ] || $valid <out >valid.out 2>&1 || fail "symo $*: not JSON"
  head -c 1 out | grep -q '{' || fail "symo $*: something before the JSON"
}

estimators="covariance h-g h-g-bd h-pd h-star"
for name in $estimators; do
  args=(estimate --layout layout.json --grad g.safetensors --param t.safetensors --estimator "$name")
  succeeds "${args[@]}" --out "1.$name" --dense "1.$name.npy"
  json "${args[@]}" --out "2.$name" --dense "2.$name.npy"
  cmp "1.$name" "2.$name" || fail "$name: not the same bytes twice"
  cmp "1.$name.npy" "2.$name.npy" || fail "$name: not the same dense bytes twice"
  succeeds info --hessian "1.$name" --damping 100
  json info --hessian "1.$name" --damping 100
done
for op in matvec solve sqrt invsqrt "power --power 0.25"; do
  for i in 1 2; do
    succeeds apply --hessian 1.h-pd --damping 0.5 --in g.safetensors --out "u$i" --op $op
  done
  cmp u1 u2 || fail "$op: not the same bytes twice"
done
fails 5 '(' apply --hessian 1.h-star --in g.safetensors --out v --op sqrt
[ -e v ] && fail "a failed apply left a file"

# There and back gives the file back; a failure leaves none.
wide="in: identity 2; h: signed-permutation 50; w[h,in] b[h]"
succeeds transport --hessian 1.h-pd --layout "$wide" --out wide
grep -q 'h-pd from 6 to 150 parameters' out || fail "transport: $(cat out)"
json transport --hessian 1.h-pd --layout "$wide" --out wide2
grep -q '"parameters": 150' out || fail "transport --json: $(cat out)"
cmp wide wide2 || fail "transport: not the same bytes twice"
succeeds transport --hessian wide --layout layout.json --out back
cmp 1.h-pd back || fail "transport: not the same file there and back"
succeeds info --hessian wide
fails 3 'space in has dimension 3' transport --hessian 1.h-pd --layout "${wide/identity 2/identity 3}" --out v
fails 3 'space h: size 1 is too small' transport --hessian 1.h-pd --layout "${wide/50/1}" --out v
fails 4 'nowhere' transport --hessian nowhere --layout layout.json --out v
[ -e v ] && fail "a failed transport left a file"
fails 3 'w holds NaN' apply --hessian 1.h-g --in nan.safetensors --out v --op solve

for command in "groups" "layout --layout layout.json" "verify --layout layout.json --samples 300 --seed 5"; do
  succeeds $command
  cp out first
  succeeds $command
  cmp -s out first || fail "symo $command: not the same bytes twice"
  json $command
done
grep -q '"pass": true' out || fail "verify: $(cat out)"
succeeds layout --layout "$layout"
cp out first
succeeds layout --layout layout.json
cmp -s out first || fail "the two notations of a layout print differently"
succeeds "${estimate[@]}" --threads 2

# One option of no effect is said, on stderr, and is no failure.
"$symo" "${estimate[@]}" --damping 1 >out 2>err || fail "--damping with h-g"
grep -q 'no effect' err || fail "--damping with h-g says nothing"

# Help is for people: one full stop, no bounds of ten digits, nothing said seven times.
for command in groups layout estimate apply info transport verify compare eval train step bench symmetries plot \
  sweep sample export optimizers; do
  "$symo" $command --help >out 2>err || fail "$command --help: $(cat err)"
  grep -nE '\.\.\.\.|(From|to|At least) [0-9]*[0-9]{9}' out && fail "$command --help"
  [ "$(grep -c 'More of them' out)" -le 1 ] || fail "$command --help says the same again and again"
done

# One of a kind has no plural.
single() {
  "$symo" "$@" >out 2>err </dev/null
  grep -hE '(^|[^0-9.,-])1 (spaces|tensors|parameters|examples|elements|labels|numbers|axes|steps|samples)' out err &&
    fail "$*: a plural of one"
}
single layout --layout 'w: identity 1; x[w]'
single symmetries --net 2-1
single symmetries --net 2-3-1
single verify --layout 'h: sign-flip 1; x[h]' --samples 200
single verify --data teacher --net 1-2-1 --examples 1 --samples 1
single compare --data teacher --net 1-1-1 --no-bias --examples 1 --train-steps 1 --no-plots --out one
single step --plan --layout 'w: identity 1; x[w]' --optimizer adam
single train classifier --data digits --net 64-2-10 --steps 1 --train 1 --test 1 --out single
rm -rf one single

no_rest .
[ $failures -eq 0 ]
