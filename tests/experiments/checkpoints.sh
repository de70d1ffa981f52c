#!/usr/bin/env bash
# Damaged checkpoints: each region flipped, cut off, empty, exchanged.  The damage is found, the run goes
# on from the previous checkpoint, which is said, and ends as if nothing had been.
set -u
test=checkpoints
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C SYMO_DATA=$root/experiments/data/files

works() {
  "$symo" "$@" >out 2>err </dev/null || fail "$*: exit $?: $(cat err)"
}
# flip FILE OFFSET: the lowest bit of a byte.
flip() {
  local byte
  byte=$(od -An -tu1 -j "$2" -N 1 "$1")
  # shellcheck disable=SC2059 # made of digits
  printf "\\x$(printf %02x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
# whole: run `d` has ended with the bytes of `unbroken`.
whole() {
  local file
  for file in checkpoint best; do
    cmp -s "unbroken/$file.safetensors" "d/$file.safetensors" || fail "$1: another $file.safetensors"
  done
  [ -z "$(find d -name '.*' -type f)" ] || fail "$1: left $(find d -name '.*' -type f)"
}

net="--data digits --optimizer adamw --net 64-8-10 --batch 50 --eval-every 10 --checkpoint-every 10"
# shellcheck disable=SC2086 # words
works train classifier $net --steps 60 --out unbroken
# shellcheck disable=SC2086
works train classifier $net --steps 40 --out r
for file in checkpoint previous best; do [ -s r/$file.safetensors ] || fail "no $file.safetensors"; done
grep -aq '"step":"30"' r/previous.safetensors || fail "the previous checkpoint is not that of step 30"

# goes_on WHAT: r, damaged as `d`, is found out, and ends whole.
goes_on() {
  works train classifier --resume d --steps 60
  grep -q '^symo: d/checkpoint.safetensors: .*; the run goes on from d/previous.safetensors, which is of step 30$' err ||
    fail "$1: not told: $(cat err)"
  whole "$1"
}
fresh() { rm -rf d && cp -r r d; }

# ---- every region ----
size=$(wc -c <r/checkpoint.safetensors)
length=$(od -An -tu8 -N 8 r/checkpoint.safetensors)
offsets="0 3 7 8 9 $((8 + length / 3)) $((8 + length / 2)) $((7 + length)) $((8 + length)) $((size - 1))"
for i in $(seq 1 8); do offsets="$offsets $((8 + length + (size - 8 - length) * i / 9))"; done
for i in $(seq 1 6); do offsets="$offsets $((8 + length * i / 7))"; done
tried=0
for at in $offsets; do
  fresh
  flip d/checkpoint.safetensors "$at"
  "$symo" eval --checkpoint d/checkpoint.safetensors >/dev/null 2>err
  status=$?
  [ $status -eq 3 ] && [ "$(wc -l <err)" -eq 1 ] || fail "eval, byte $at: exit $status: $(cat err)"
  goes_on "byte $at"
  tried=$((tried + 1))
done
[ $tried -eq 24 ] || fail "$tried regions"

# ---- cut off, empty, gone, longer, of zeros ----
for bytes in 0 1 7 8 9 $((8 + length / 2)) $((8 + length)) $((size / 2)) $((size - 1)); do
  fresh
  head -c "$bytes" r/checkpoint.safetensors >d/checkpoint.safetensors
  fails 3 d/checkpoint.safetensors eval --checkpoint d/checkpoint.safetensors
  goes_on "$bytes bytes"
done
fresh
rm d/checkpoint.safetensors
goes_on "none"
fresh
echo >>d/checkpoint.safetensors
goes_on "one byte more"
fresh
head -c "$size" /dev/zero >d/checkpoint.safetensors
goes_on "zeros"

# ---- exchanged: blocks inside, and whole files ----
fresh
at=$((8 + length + 64))
dd if=r/checkpoint.safetensors of=d/checkpoint.safetensors bs=1 skip=$at seek=$((at + 64)) count=64 conv=notrunc 2>/dev/null
dd if=r/checkpoint.safetensors of=d/checkpoint.safetensors bs=1 skip=$((at + 64)) seek=$at count=64 conv=notrunc 2>/dev/null
goes_on "exchanged blocks"
fresh
mv d/checkpoint.safetensors d/x && mv d/previous.safetensors d/checkpoint.safetensors && mv d/x d/previous.safetensors
works train classifier --resume d --steps 60
grep -q 'goes on from' err && fail "exchanged files: $(cat err)"
whole "exchanged files"
fresh
ln -f d/previous.safetensors d/checkpoint.safetensors # put back by hand, as a second name
works train classifier --resume d --steps 60
whole "one file under two names"
fresh
cp d/best.safetensors d/checkpoint.safetensors
fails 3 "not the state of an optimizer" train classifier --resume d --steps 60

# ---- both, and the best ----
fresh
flip d/checkpoint.safetensors $((size - 1))
flip d/previous.safetensors $((size - 1))
fails 3 d/previous.safetensors train classifier --resume d --steps 60
rm d/previous.safetensors
fails 3 d/checkpoint.safetensors train classifier --resume d --steps 60
fresh
flip d/best.safetensors 1000
works train classifier --resume d --steps 60
grep -q '^symo: d/best.safetensors: .*; the best parameters so far are lost' err || fail "best: $(cat err)"
works eval --checkpoint d/best.safetensors

# A damaged checkpoint never takes the place of the previous one, also where the run is killed again.
fresh
cp d/previous.safetensors good
flip d/checkpoint.safetensors $((size - 1))
works train classifier --resume d --steps 40
cmp -s good d/previous.safetensors || fail "the damaged one became the previous one"

# ---- a run that is there, and none ----
fresh
rm d/checkpoint.safetensors
# shellcheck disable=SC2086
fails 4 "--overwrite" train classifier $net --steps 3 --out d
# shellcheck disable=SC2086
works train classifier $net --steps 3 --out d --overwrite
[ ! -e d/previous.safetensors ] || fail "a checkpoint of the run that was overwritten"

[ $failures -eq 0 ] || exit 1
echo "damage is found"
