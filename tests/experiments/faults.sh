#!/usr/bin/env bash
# The file system and memory fail under the command, at one place after the other: it ends, with one line
# that says why or with its answer; files are as they were or whole; no scratch file stays.  FAULTS=all
# tries every place (about 2,500 runs), else some of each kind.
set -u
test=faults
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C SYMO_DATA=$root/experiments/data/files
[ "$(uname -s)" = Linux ] || { echo "LD_PRELOAD is Linux's"; exit 77; }
[ -z "${SANITIZED:-}" ] || { echo "sanitizers want to be loaded first"; exit 77; }
"${CC:-cc}" -std=c11 -O1 -fPIC -shared -DSHIM_PRELOADED -I"$root" -o libshim.so "$root/tests/support/shim.c" -ldl ||
  { fail "libshim.so"; exit 1; }
shim=$PWD/libshim.so
ran=0 failed=0

# check_files KIND: each file of work/ is that of before/ or that of after/, or a checkpoint on the
# way, which opens.
check_files() {
  local file name left
  left=$(find work -name '.symo-*')
  [ -z "$left" ] || [ "$1" = unlink ] || [ "$1" = make ] || fail "$what: left $left"
  while IFS= read -r file; do
    name=${file#work/}
    cmp -s "$file" "before/$name" || cmp -s "$file" "after/$name" && continue
    case $name in
    *metrics.jsonl | *summary.json | *results.json | *.symo-*) continue ;; # hold times
    *run.json | *command.json) [ "$(tail -c 2 "$file")" = "}" ] && continue ;; # says what the run was taken up from
    *.safetensors) "$symo" eval --checkpoint "$file" >/dev/null 2>&1 && continue ;;
    esac
    fail "$what: $name is neither as it was nor whole"
  done < <(find work -type f)
}

# tried KIND AFTER ERRNO ALWAYS: one run of "${command[@]}" in work/; whether the failure happened.
tried() {
  local status
  what="${command[*]}: $1 $3 after $2"
  rm -rf work mark && cp -r before work
  (cd work && timeout 60 env SYMO_SHIM="$1:$2:$3${4:+:$4}" SYMO_SHIM_MARK="$PWD/../mark" LD_PRELOAD="$shim" \
    "$symo" "${command[@]}" >../out 2>../err </dev/null)
  status=$?
  [ -e mark ] || { [ $status -eq 0 ] || fail "$what: exit $status though nothing failed: $(cat err)"; return 1; }
  ran=$((ran + 1))
  case $status in
  0) ;;
  3 | 4 | 5 | 2)
    failed=$((failed + 1))
    [ "$(grep -c '^symo: error: [^ ].*: .*(.*)$' err)" -eq 1 ] || fail "$what: $(cat err)"
    ;;
  *) fail "$what: exit $status: $(cat err)" ;;
  esac
  [ "$1" != memory ] || [ $status -eq 0 ] || grep -q -e 'out of memory' -e 'valid JSON' err ||
    fail "$what: $(cat err)"
  check_files "$1"
  return 0
}

# every KIND ERRNO [ALWAYS]: at each place, or at some.
every() {
  local after=0
  while tried "$1" $after "$2" "${3:-}" && [ $failures -lt 20 ]; do
    if [ "${FAULTS:-}" = all ] && [ "$1" != memory ]; then
      after=$((after + 1))
    else
      after=$((after + 1 + after / 2 + after * after / 20))
    fi
  done
}

# under PREPARATION COMMAND...: `before` is made by the preparation.
under() {
  rm -rf before after work && mkdir before
  (cd before && eval "$1") >out 2>&1 || fail "$1: $(cat out)"
  shift
  command=("$@")
  cp -r before work # files hold the path of their folder
  (cd work && "$symo" "${command[@]}") >out 2>err </dev/null || fail "${command[*]}: $(cat err)"
  mv work after
  every open 13
  every open 24 always
  every stat 5
  every read 5
  every read 0 always
  every write 28 always
  every write 0 always
  every sync 5
  every close 5
  every rename 13
  every link 1
  every unlink 30 always
  every make 28
  every memory 12 always
}

small="i: identity 3; h: signed-permutation 4; w[h,i] b[h]"
cat >small.json <<'EOF'
{"spaces": {"i": {"dim": 3, "group": "identity"}, "h": {"dim": 4, "group": "signed-permutation"}},
 "tensors": [{"name": "w", "axes": ["h", "i"]}, {"name": "b", "axes": ["h"]}]}
EOF
net="--net 4-3-2 --train 20 --test 10 --eval-every 2 --checkpoint-every 2"
vector="printf '\\x88\\0\\0\\0\\0\\0\\0\\0{\"w\":{\"dtype\":\"F64\",\"shape\":[4,3],\"data_offsets\":[0,96]},\"b\":{\"dtype\":\"F64\",\"shape\":[4],\"data_offsets\":[96,128]}}' >g.safetensors; printf '%*s' \$((0x88 + 8 - \$(wc -c <g.safetensors))) '' >>g.safetensors; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do printf '\\0\\0\\0\\0\\0\\0\\360?'; done >>g.safetensors"

under "$vector; cp ../small.json l.json" \
  estimate --layout l.json --grad g.safetensors --estimator h-g --out h.safetensors --dense h.npy
under "'$symo' train teacher-student $net --steps 4 --out r" train teacher-student --resume r --steps 6
if [ "${FAULTS:-}" = all ]; then
  under "$vector; '$symo' estimate --layout '$small' --grad g.safetensors --estimator h-g --out h.safetensors" \
    apply --hessian h.safetensors --op solve --damping 0.1 --in g.safetensors --out u.safetensors
  under "$vector; cp g.safetensors p.safetensors; echo old >p1.safetensors; '$symo' step --layout '$small' --param p.safetensors --grad g.safetensors --optimizer muon --out-param q.safetensors --out-state s.safetensors" \
    step --layout "$small" --param p.safetensors --grad g.safetensors --optimizer muon --state s.safetensors \
    --out-param p1.safetensors --out-state s1.safetensors
  under : train teacher-student --net 4-3-2 --train 20 --test 10 --eval-every 2 --checkpoint-every 2 --steps 4 --out r
  under : compare --data teacher --net 2-3-1 --no-plots --out c
  under "cp ../small.json l.json" layout --layout l.json --json
  under "'$symo' train classifier --data digits --net 64-4-10 --steps 2 --out r" \
    eval --checkpoint r/checkpoint.safetensors --json
fi

[ $failures -eq 0 ] || exit 1
[ $ran -ge 60 ] || { echo "only $ran failures happened"; exit 1; }
echo "$ran failures: $failed ended the command with a line that says why, the others did not matter"
