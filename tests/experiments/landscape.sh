#!/usr/bin/env bash
# symo landscape from outside: the axes of the orbit, given axes, a checkpoint, the ways to fail.
set -u
test=landscape
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C

works() {
  "$symo" "$@" >out 2>err </dev/null || fail "$*: exit $?: $(cat err)"
}

small="--data teacher --net 3-16-2 --examples 60 --points 5"
# shellcheck disable=SC2086 # words
works landscape $small --out a --json
for key in orbit_variances coordinates loss least_loss half_width; do
  grep -q "\"$key\": " a/landscape.json || fail "no $key"
done
cmp -s out a/landscape.json || fail "the answer is not what the file has"
[ "$(wc -c <a/landscape.npy)" -ge $((25 * 8)) ] || fail "no array of 5 x 5"
command -v gnuplot >/dev/null && { [ -s a/landscape.png ] || fail "no picture"; }

# theta's square along an axis is the dimension of the irrep times the variance there, and so is
# the mean over the orbit.
tr -d ' \n' <a/landscape.json | sed -E 's/.*"orbit_variances":\[([^,]*),([^]]*)\],"coordinates":\[([^,]*),([^]]*)\].*/\1 \2 \3 \4/' |
  awk '{ for (k = 1; k <= 2; k++) { r = $(k + 2) ^ 2 / $k / 16; if (!(r > 0.999999 && r < 1.000001)) exit 1 }
         if (!($1 > $2)) exit 1 }' || fail "coordinates and variances: $(cat a/landscape.json)"

# Given directions: the centre of the square is theta, whatever they are.
# shellcheck disable=SC2086
works compare --data teacher --net 3-16-2 --examples 60 --no-plots --out c
# shellcheck disable=SC2086
works landscape $small --along c/grad.safetensors --along c/theta.safetensors --no-plots --out b
centre=$(sed -n 's/^  "loss": \([0-9.e+-]*\),*$/\1/p' b/landscape.json)
[ -n "$centre" ] && grep -q "\"loss\": $centre" a/landscape.json || fail "loss at theta: $centre"
grep -q orbit_variances b/landscape.json && fail "given directions have no variances of an orbit"
[ -e b/landscape.png ] && fail "a picture in spite of --no-plots"

works train teacher-student --net 4-6-2 --train 30 --test 10 --steps 3 --out run
works landscape --checkpoint run/checkpoint.safetensors --points 3 --no-plots --out d

# shellcheck disable=SC2086
fails 2 'give both' landscape $small --along c/grad.safetensors --out e
# shellcheck disable=SC2086
fails 3 'both directions are the same' landscape $small --along c/grad.safetensors --along c/grad.safetensors --out f
# shellcheck disable=SC2086
fails 3 'spans no plane' landscape $small --groups identity --out g
# shellcheck disable=SC2086
fails 3 'spans no plane' landscape $small --init-scale 0 --out h

[ "$failures" -eq 0 ]
