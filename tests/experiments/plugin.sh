#!/usr/bin/env bash
# Groups beyond the registry: the example as a plugin of several commands, held against the same
# group as a custom one; what is no plugin is refused; the generators that `symo groups` shows.
# shellcheck disable=SC2015,SC2059,SC2154 # fail may follow either; bytes through printf
set -u
test=plugin
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"

compile=("${CC:-cc}" -std=c11 -shared -fPIC "-I$root/include")
[ "$(uname -s)" = Darwin ] && compile+=(-undefined dynamic_lookup)
"${compile[@]}" -Wall -Wextra -Wpedantic -Werror -o hadamard.so \
  "$root/experiments/examples/plugin_hadamard.c" -lm || { echo "the example does not build"; exit 1; }

note='symo: running code from hadamard.so: group hadamard: i -> i XOR t, d a power of two'
runs() { # ARGUMENTS...: exit 0, on stderr the note and, maybe, one on label 0; the answer in out
  "$symo" "$@" --plugin hadamard.so >out 2>err </dev/null || fail "symo $*: exit $?: $(cat err)"
  [ "$(grep -v '^symo: label 0, ' err)" = "$note" ] || fail "symo $*: on stderr: $(cat err)"
}

layout="h: hadamard 4; w[h,h] b[h]"
xor='[[1, 0, 3, 2], [2, 3, 0, 1]]'
cat >custom.json <<END
{"spaces": {"h": {"group": "custom", "generators": $xor}},
 "tensors": [{"name": "w", "axes": ["h", "h"]}, {"name": "b", "axes": ["h"]}]}
END
cat >plugin.json <<END
{"spaces": {"h": {"group": "hadamard", "dim": 4}},
 "tensors": [{"name": "w", "axes": ["h", "h"]}, {"name": "b", "axes": ["h"]}]}
END

# ---- commands ----

# Closed forms have no limit of a numerical search.
runs layout --layout "h: hadamard 128; w[h,h] b[h]"
grep -q 'irreps of hadamard given by its code' out || fail "128 on two axes: $(cat out)"

runs groups
grep -q '^hadamard: i -> i XOR t' out || fail "groups does not list it: $(cat out)"
runs groups --json
grep -q '"name": "hadamard"' out || fail "groups --json does not list it"
runs groups --generators "hadamard 4" --json
tr -d ' \n' <out | grep -qF "\"generators\":$(echo "$xor" | tr -d ' ')" ||
  fail "not the generators $xor: $(cat out)"

# The same labels, but for names: 4 irreps of dimension 1, in w four times and in b once.
counts() { tr -d ' \n' <out | grep -o '"dim":1,[^{}]*"multiplicity":[0-9]*' | sort; }
runs layout --layout "$layout" --json
counts >labels
[ "$(grep -c 'multiplicity":5$' labels)" -eq 4 ] || fail "labels: $(cat labels)"
"$symo" layout --layout custom.json --json >out || fail "layout of the custom group"
[ "$(counts)" = "$(cat labels)" ] || fail "labels of the custom group: $(counts)"

runs verify --layout "$layout" --samples 400

# Twenty numbers, k/4 for k = 3, -5, ...: float32 little-endian.
number() { # K: K / 4 for |K| < 8, through the table of the representations
  case $1 in
    0) printf '\0\0\0\0' ;; 1) printf '\0\0\200\076' ;; 2) printf '\0\0\0\077' ;;
    3) printf '\0\0\100\077' ;; 4) printf '\0\0\200\077' ;; 5) printf '\0\0\240\077' ;;
    -1) printf '\0\0\200\276' ;; -2) printf '\0\0\0\277' ;; -3) printf '\0\0\100\277' ;;
    -4) printf '\0\0\200\277' ;; -5) printf '\0\0\240\277' ;;
  esac
}
header='{"w":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]},"b":{"dtype":"F32","shape":[4],"data_offsets":[64,80]}}'
printf "\\x$(printf %02x ${#header})\\0\\0\\0\\0\\0\\0\\0" >g.safetensors
printf %s "$header" >>g.safetensors
for k in 3 -5 1 0 2 4 -1 -2 5 0 1 -3 2 -4 1 3 4 -1 2 0; do number $k; done >>g.safetensors

estimate=(--grad g.safetensors --estimator h-g)
runs estimate --layout plugin.json "${estimate[@]}" --dense plugin.npy --out H.safetensors
"$symo" estimate --layout custom.json "${estimate[@]}" --dense custom.npy >out 2>err ||
  fail "estimate of the custom group: $(cat err)"
paste <(tail -c 3200 plugin.npy | od -An -v -w8 -tf8) <(tail -c 3200 custom.npy | od -An -v -w8 -tf8) |
  awk '{ d = $1 - $2; if (d < 0) d = -d; if (!(d <= 1e-5)) bad++; if ($1 != 0) seen++ }
    END { exit NR == 400 && bad == 0 && seen >= 100 ? 0 : 1 }' ||
  fail "the estimate is not that of the custom group"

# What is stored names the group, which is then needed.
runs info --hessian H.safetensors
fails 3 'unknown group "hadamard"' info --hessian H.safetensors
fails 3 'unknown group "hadamard"' layout --layout plugin.json
"$symo" layout --plugin hadamard.so --layout "h: hadamard 6; b[h]" >out 2>err
[ $? -eq 3 ] && grep -q 'group hadamard: it does not act on dimension 6' err ||
  fail "dimension 6: $(cat err)"

# A run that goes on is not given code unasked.
trains() { "$symo" train classifier "$@" --plugin hadamard.so >out 2>err || fail "train: $(cat err)"; }
trains --data digits --net 64-4-10 --groups hadamard --steps 2 --out run
fails 2 'the run in run was given --plugin hadamard.so (give it again' train classifier --resume run --steps 3
trains --resume run --steps 3
tr -d ' \n' <run/run.json | grep -qF '"plugins":["hadamard.so"]' || fail "run.json: $(cat run/run.json)"

# A plugin that takes the locale of its user leaves the point in numbers.
if locale -a | grep -qix 'de_DE.utf-\?8'; then
  sed '1i #include <locale.h>' "$root/experiments/examples/plugin_hadamard.c" >comma.c
  cat >>comma.c <<'END'
__attribute__((constructor)) static void take_locale(void) { (void)setlocale(LC_ALL, "de_DE.UTF-8"); }
END
  "${compile[@]}" -o comma.so comma.c -lm || fail "comma.c does not build"
  for options in "" --json; do
    for plugin in hadamard comma; do
      "$symo" estimate --layout plugin.json "${estimate[@]}" --plugin $plugin.so $options >$plugin.out \
        2>/dev/null || fail "estimate with $plugin.so"
    done
    grep -q '[0-9][.][0-9]' hadamard.out || fail "estimate $options prints no number with a point"
    cmp -s <(grep -vE '^time|seconds' hadamard.out) <(grep -vE '^time|seconds' comma.out) ||
      fail "the locale of a plugin changes numbers: $(diff hadamard.out comma.out)"
  done
fi

# ---- what is no plugin ----

fails 4 'none.so: cannot open: No such file' groups --plugin none.so
echo text >text.so
fails 3 'text.so: not a plugin: ' groups --plugin text.so
fails 3 '.: not a plugin: ' groups --plugin .
fails 2 '--plugin: the value is missing' groups --plugin

bad() { # NAME BODY: a shared object
  printf '#include <symo/plugin.h>\n%s\n' "$2" >"$1.c"
  "${compile[@]}" -o "$1.so" "$1.c" || fail "$1.c does not build"
}
bad other 'int other(void); int other(void) { return 1; }'
fails 3 'other.so: not a plugin: no function symo_plugin_groups (see symo/plugin.h)' groups --plugin other.so
bad empty 'size_t symo_plugin_groups(const symo_group_ops **ops) { *ops = 0; return 0; }'
fails 3 'empty.so: not a plugin: symo_plugin_groups gives no groups' groups --plugin empty.so
bad old 'static const symo_group_ops table = {.size = sizeof table - 8, .name = "old"};
size_t symo_plugin_groups(const symo_group_ops **ops) { *ops = &table; return 1; }'
fails 3 'old.so: table 0: its size is ' groups --plugin old.so
bad slots 'static const symo_group_ops table = {.size = sizeof table, .name = "slots", .summary = "", .exact = "", .max_axes = 1};
size_t symo_plugin_groups(const symo_group_ops **ops) { *ops = &table; return 1; }'
fails 3 'slots.so: group table slots: num_irreps' groups --plugin slots.so
"$symo" groups --plugin hadamard.so --plugin hadamard.so >out 2>err
[ $? -eq 3 ] && grep -q '^symo: error: hadamard.so: .*hadamard.* (.*)$' err ||
  fail "the same name twice: $(cat err)"

# ---- generators ----

"$symo" groups --generators "sum(sign-flip 2, permutation 2)" >out || fail "groups --generators"
[ "$(sed 's/  */ /g; s/ $//' out)" = " 0 permutation 0 1 3 2
 1 signed permutation -0 +1 +2 +3
 2 signed permutation +0 -1 +2 +3" ] || fail "generators of a sum: $(cat out)"

# What --json prints is a space with the same group, its generators numbered alike.
"$symo" groups --generators "sum(orthogonal 2, permutation 2)" --json >space || fail "groups --json"
cat >restricted.json <<END
{"spaces": {"h": {"group": "restriction", "of": $(cat space), "generators": [1, 2]}},
 "tensors": [{"name": "b", "axes": ["h"]}]}
END
"$symo" layout --layout restricted.json --json >out || fail "layout of a restricted custom group"
counts >labels
"$symo" layout --json >out \
  --layout "h: restriction(sum(orthogonal 2, permutation 2), keep 1 2); b[h]" ||
  fail "layout of a restriction"
[ "$(counts)" = "$(cat labels)" ] || fail "restrictions differ: $(cat labels) and $(counts)"

fails 2 'did you mean "permutation"?' groups --generators "permutatoin 3"
fails 2 '--generators, character 12: expected a dimension' groups --generators permutation
fails 2 '--generators, character 15: expected the end' groups --generators "permutation 3 4"
fails 2 'custom groups have no short notation' groups --generators "custom 3"
fails 2 'dimension 100000 (give at most 1024)' groups --generators "orthogonal 100000"
fails 3 'scaling' groups --generators "scaling 3"
[ "$failures" -eq 0 ]
