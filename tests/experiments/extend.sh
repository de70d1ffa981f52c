#!/usr/bin/env bash
# One of each kind added from outside: the files of tests/extend/tree and one row for each
# (tests/extend/rows), and an option of symo train by its row alone (tests/extend/option_row), on a copy
# of the sources.  Nothing else is touched, the command is linked with what was built and knows the
# new ones, and the conformance kits pass with them.  CONTRIBUTING.md shows these rows.
# shellcheck disable=SC2034,SC2154 # variables of tests/support/command.sh
set -u
test=extend
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"

[ "$(uname -s)" = Linux ] || { echo "the link line is read as that of GNU ld"; exit 77; }
build=${BUILD:-$root/build}
for file in flags link cmd-list libsymo.a; do
  [ -e "$build/$file" ] || { echo "no $build/$file (run make first)"; exit 1; }
done

# ---- the sources, the files and the rows ----

(cd "$root" && find core groups hessian optim io net cli experiments include -name '*.[ch]' |
  tar cf - -T -) | tar xf - || exit 1
rows=$root/tests/extend/rows

# Behind the last row of the list.
add_row() { # HEADER LIST ROW
  awk -v list="#define $2(X)" -v row="  $3" '
    index($0, list) == 1 { inside = 1 }
    inside && !/\\$/ { print $0 " \\"; print row; inside = 0; next }
    { print }' "$1" >row.new && mv row.new "$1"
}
changed=''
expanding=''
while read -r file header list row; do
  [ "$file" = '#' ] && continue
  cp "$root/tests/extend/tree/$file" "$file" || exit 1
  add_row "$header" "$list" "$row"
  grep -qF -- "  $row" "$header" || fail "$header: no row $row"
  grep -qF -- "+  $row" "$root/CONTRIBUTING.md" || fail "CONTRIBUTING.md does not show $row"
  changed="$changed$header
"
  expanding="$expanding|$list\\("
done <"$rows"

# The row of an option ends the table of those that all tasks have.
options=experiments/train/option.c
awk -v row="$root/tests/extend/option_row" '
  $0 == "    {.key = NULL}};" && !done { while ((getline line <row) > 0) print line; done = 1 }
  { print }' "$options" >row.new && mv row.new "$options"
changed="$changed$options
"
while IFS= read -r line; do
  grep -qxF -- "$line" "$options" || fail "$options: no line $line"
  grep -qxF -- "    +$line" "$root/CONTRIBUTING.md" || fail "CONTRIBUTING.md does not show $line"
done <"$root/tests/extend/option_row"

# What CONTRIBUTING.md shows as added is added here.
while IFS= read -r line; do
  grep -qF -- "${line#  }" "$rows" || grep -qxF -- "$line" "$root/tests/extend/option_row" ||
    fail "CONTRIBUTING.md adds \"$line\", which is not added here"
done < <(sed -n 's/^    +//p' "$root/CONTRIBUTING.md")

# Each line of a table that CONTRIBUTING.md shows stands in the file.
sed -n '/^    static const group_parameter/,/^    };/s/^    //p' "$root/CONTRIBUTING.md" >shown
[ -s shown ] || fail 'CONTRIBUTING.md shows no table'
sed -n '/^static const group_parameter/,/{.name = NULL/p;/^const symo_group/,/^};/p' \
  groups/forms/translation.c | cmp - shown || fail 'CONTRIBUTING.md shows another table'

# What differs from the tree: the files that were added, and the header of each row.
for file in $(find core groups hessian optim io net cli experiments include -name '*.[ch]' | sort); do
  if [ ! -e "$root/$file" ]; then echo "new $file"
  elif ! cmp -s "$file" "$root/$file"; then echo "changed $file"
  fi
done >differs
[ "$(sed -n 's/^changed //p' differs)" = "$(printf %s "$changed" | sort -u)" ] ||
  fail "other files than the registries changed: $(cat differs)"
[ "$(sed -n 's/^new //p' differs)" = "$(sed -n 's/^\([^# ][^ ]*\) .*/\1/p' "$rows" | sort)" ] ||
  fail "other files were added: $(cat differs)"

# ---- building: the new files, and those that expand a list ----

compile=$(cat "$build/flags")
# shellcheck disable=SC2086 # words
sources="$(sed -n 's/^new //p; s/^changed \(.*\.c\)$/\1/p' differs)
$(grep -rlE --include='*.c' "NUM_KINDS${expanding}" groups hessian optim net)"
objects='' names=' '
for source in $sources; do
  object=$(echo "${source%.c}" | tr / -).o
  # shellcheck disable=SC2086
  $compile -c "$source" -o "$object" 2>log || { cat log; fail "$source does not compile"; exit 1; }
  objects="$objects $work/$object" names="$names$source "
done
commands=''
# shellcheck disable=SC2013 # words
for object in $(cat "$build/cmd-list"); do
  source=${object#*obj/} && source=${source%.o}.c
  case "$source" in tests/*) continue ;; esac
  case "$names" in *" $source "*) continue ;; esac
  commands="$commands $object"
done
link=$(sed -E 's/ -shared| -Wl,(-soname|--version-script|-z),?[^ ]*//g' "$build/link")
# shellcheck disable=SC2086
# The command first, so that what is here takes the place of what the archive has.
(cd "$root" && ${link%% -*} ${link#"${link%% -*}"} -o "$work/symo" $objects $commands \
  "$build/libsymo.a" ${link#"${link%% -*}"}) 2>log || { cat log; fail "does not link"; exit 1; }
symo=$work/symo

# ---- the kits: every test of tests/conformance, and those of all solvers ----

# What make was told to leave out with TEST_DIRS cannot be linked.
case $(cat "$build/test-list" 2>/dev/null) in
*conformance/test_layers.o*)
  # As CONTRIBUTING.md says, a layer comes with a line of networks that have it.
  mkdir -p tests/conformance
  sed '/^static const char \*const nets/r '"$root/tests/extend/networks_row" \
    "$root/tests/conformance/test_layers.c" >tests/conformance/test_layers.c
  # shellcheck disable=SC2046,SC2086
  $compile -I"$root" $(pkg-config --cflags criterion 2>/dev/null) -c tests/conformance/test_layers.c \
    -o kit.o 2>log || { cat log; fail "the kit of layers does not compile"; exit 1; }
  # shellcheck disable=SC2046,SC2086
  (cd "$root" && ${link%% -*} ${link#"${link%% -*}"} -o "$work/kits" $objects "$work/kit.o" \
    $(tr ' ' '\n' <"$build/test-list" | grep -v conformance/test_layers.o) "$build/obj/libkit.a" \
    "$build/libsymo.a" $(pkg-config --libs criterion 2>/dev/null || echo -lcriterion) \
    ${link#"${link%% -*}"}) 2>log || { cat log; fail "the kits do not link"; exit 1; }
  suites=$(cat "$root"/tests/conformance/*.c | sed -n 's/^Test(\([a-z_]*\),.*/\1/p' | sort -u | tr '\n' '|')
  (cd "$root" && "$work/kits" --color=never --filter "@(${suites}solvers)/*") >log 2>&1 </dev/null ||
    fail "the kits: $(grep -v '^\[----\] *$' log)"
  grep -q 'Tested: [5-9][0-9] ' log || fail "the kits: $(tail -n 1 log)"
  ;;
*) echo 'tests/conformance is not built: its kits are not run' ;;
esac

# ---- using them ----

has() { # TEXT ARGUMENTS...
  local text=$1
  shift
  "$symo" "$@" >out 2>err </dev/null || fail "symo $*: exit $?: $(cat err)"
  grep -qF -- "$text" out || fail "symo $*: no \"$text\" in: $(cat out)"
}

has 'parameters       step; for short translation(2) 6' groups
has '"step"' groups --json
has 'permutation  2 3 4 5 0 1' groups --generators 'translation(2) 6'
fails 3 'translation of 0 step (take 1 or more)' layout --layout 'h: translation(0) 6; w[h]'

# A comparison lists the estimator; its gradient serves the estimate, its layout the group.
has 'isotropic' compare --net 64-6-half-10 --data digits --examples 20 --no-plots --out cmp
layout='in: identity 64; h1: translation(2) 6; out: identity 10; w1[h1,in] b1[h1] w2[out,h1] b2[out]'
has 'isotropic from 1 gradient' estimate --layout "$layout" --grad cmp/grad.safetensors \
  --estimator isotropic --out hessian.safetensors
grep -aq 'translation[^}]*step[^}]*2' hessian.safetensors || fail 'the estimate lost the layout'
has 'isotropic' info --hessian hessian.safetensors
has '  isotropic   the mean eigenvalue' estimate --help
fails 2 'means nothing for isotropic' estimate --layout "$layout" --grad cmp/grad.safetensors \
  --estimator isotropic --scale

# Optimizers list the curvature and the solver, set them by name, and step with them.
has '  largest           the largest entry of every tensor' optimizers
has 'none hessian ggn fisher kfac largest' optimizers
"$symo" optimizers | tr -s ' \n' ' ' | grep -qF 'cholesky cg jacobi' ||
  fail 'symo optimizers: no jacobi behind the other solvers'
step() { # OUT SETTINGS...
  local out=$1 settings=()
  shift
  for setting; do settings+=(--set "$setting"); done
  has '' step --param cmp/theta.safetensors --grad cmp/grad.safetensors --layout cmp/layout.json \
    --optimizer sgd "${settings[@]}" --out-param "$out"
}
step plain lr=0.5
step none lr=0.5 curvature=largest
cmp none plain || fail 'alpha 0 is not the gradient'
step largest lr=0.5 curvature=largest alpha=1
cmp -s largest plain && fail 'the largest entry is not asked'
step jacobi lr=0.1 curvature=per-axis alpha=1 beta2=1 eps=0.1 solver=jacobi
step root lr=0.1 curvature=per-axis alpha=1 beta2=1 eps=0.1 solver=eigh
step polar lr=0.1 curvature=orbit alpha=1 beta2=0 solver=jacobi # of a solver that has only roots
cmp -s jacobi root && fail 'jacobi is not asked: its rounding is that of eigh'
fails 2 'did you mean' step --param cmp/theta.safetensors --grad cmp/grad.safetensors \
  --layout cmp/layout.json --optimizer sgd --set curvature=larges --out-param none

# The option is in both helps, has its range, and does what it is a name of; the run goes on with it.
train='train classifier --data digits --net 64-6-10 --optimizer adamw'
for command in train sweep; do
  has '  --largest-gradient R' $command --help
  tr -s ' \n' ' ' <out >words
  grep -qF 'Largest norm of the gradient over all tensors, 0 for any. From 0 to 100.' words ||
    fail "help of $command: $(grep -A 3 largest-gradient out)"
done
# shellcheck disable=SC2086
{
  fails 2 '--largest-gradient: 101 is out of range (give a number from 0 to 100)' $train --largest-gradient 101
  fails 2 '--largest-gradient' $train --largest-gradient much
  fails 2 'did you mean "largest-gradient"?' $train --largest-gradien 1
  has 'clip_norm' $train --plan --json
  sed -n '/"clip_norm"/p' out >none.json
  has 'clip_norm' $train --largest-gradient 0.5 --plan --json
  grep -q '"clip_norm": "0.5"' out || fail "the plan: $(grep clip_norm out)"
  ! cmp -s none.json <(sed -n '/"clip_norm"/p' out) || fail 'the plan does not say the option'
  has '' $train --steps 3 --largest-gradient 0.001 --out clipped
  has '' $train --steps 3 --set 'rules.*.clip_norm=0.001' --out set
  has '' $train --steps 3 --out free
}
cmp -s clipped/checkpoint.safetensors set/checkpoint.safetensors || fail 'not the same as --set'
cmp -s clipped/best.safetensors free/best.safetensors && fail 'the option does nothing'
grep -qF '"settings": "rules.*.clip_norm=0.001;"' clipped/run.json || fail 'run.json loses the option'
has '' train classifier --resume clipped --steps 4 --largest-gradient 0.01
grep -qF '"settings": "rules.*.clip_norm=0.01;"' clipped/run.json || fail 'a new value is not taken'
has '' sweep classifier --data digits --net 64-6-10 --steps 2 --seeds 1 \
  --grid optimizer=adamw --grid largest-gradient=0.1,1 --out sweep
fails 2 'largest-gradient: 200 is out of range' sweep classifier --data digits --net 64-6-10 \
  --steps 2 --grid optimizer=adamw --grid largest-gradient=200 --out sweep

fails 2 'no layer (' compare --net 64-halve-10 --data digits
[ $failures -eq 0 ]
