#!/usr/bin/env bash
# symo lowrank from outside: a file that symo apply takes, a residual that a dense Hessian confirms,
# priors, a checkpoint, the ways to fail.
set -u
test=lowrank
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C

works() {
  "$symo" "$@" >out 2>err </dev/null || fail "$*: exit $?: $(cat err)"
}
# value FILE KEY: a number of the answer.
value() {
  sed -n "s/^  \"$2\": \([-0-9.e+]*\),*$/\1/p" "$1"
}

small="--data teacher --net 6-12-3 --examples 20 --products 20"
# shellcheck disable=SC2086 # words
works lowrank $small --out a --json --residual 12
cmp -s out a/lowrank.json || fail "the answer is not what the file has"
[ "$(value a/lowrank.json rank)" = "$(value a/lowrank.json iteration)" ] || fail "not all pairs are kept"
[ "$(value a/lowrank.json products)" = 20 ] || fail "$(value a/lowrank.json products) products of 20"
works info --hessian a/h-lr.safetensors
grep -q '^leading eigenvalues' out || fail "no eigenvalues in symo info"

# |A| is measured by products alone; compare has it from the dense Hessian.
# shellcheck disable=SC2086
works compare $small --no-plots --out c
works apply --hessian a/h-lr.safetensors --op solve --damping 0.01 --in c/grad.safetensors --out d.safetensors
norm=$(value a/lowrank.json matrix_norm)
exact=$(sed -n 's/.*"hessian_norm": \([-0-9.e+]*\),*$/\1/p' c/results.json | head -1)
awk -v a="$norm" -v b="$exact" 'BEGIN { exit !(a > 0.8 * b && a < 1.25 * b) }' || fail "|A| $norm for $exact"
awk -v r="$(value a/lowrank.json residual)" -v e="$(value a/lowrank.json residual_error)" \
  'BEGIN { exit !(r > 0 && r < 1 && e > 0 && e < r) }' || fail "residual: $(cat a/lowrank.json)"

# More products, less is left.
# shellcheck disable=SC2086
works lowrank ${small%20}60 --out b --json --residual 12
awk -v a="$(value a/lowrank.json residual)" -v b="$(value b/lowrank.json residual)" \
  'BEGIN { exit !(b < a) }' || fail "60 products leave more than 20"

for prior in identity gradient kfac none; do
  # shellcheck disable=SC2086
  works lowrank $small --out p --json --prior $prior --residual 0 --signed --matrix ggn
  grep -q "\"prior\": \"$prior\"" p/lowrank.json || fail "no prior $prior"
  grep -q residual p/lowrank.json && fail "a residual that nobody asked for"
  # shellcheck disable=SC2086
  works compare $small --no-plots --out q --prior $prior --rank 3
  grep -q '"name": "h-lr-all"' q/results.json || fail "no row h-lr-all"
done
grep -q '"name": "h-lr-all"' c/results.json && fail "h-lr-all beside an h-lr that has all pairs"

works train teacher-student --net 4-6-2 --train 30 --test 10 --steps 3 --out run
works lowrank --checkpoint run/checkpoint.safetensors --products 12 --out k
grep -q '^residual |A - M| / |A| = ' out || fail "no residual: $(cat out)"

# shellcheck disable=SC2086
fails 2 'means nothing with --prior none' lowrank $small --prior none --prior-strength 1 --out e
# shellcheck disable=SC2086
fails 2 'choose one of' lowrank $small --prior best --out e
# shellcheck disable=SC2086
fails 2 'do not suffice' lowrank $small --rank 30 --out e
fails 2 'needs a network' compare --hessian c/hessian.npy --grad c/grad.safetensors --layout c/layout.json --prior kfac --out e

[ "$failures" -eq 0 ]
