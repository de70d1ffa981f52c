#!/usr/bin/env bash
# Shards of tokens, as nanoGPT and llm.c write them, as data of symo train gpt: the tokens of a text train
# to the same numbers as the text itself; eval, sample, verify; what is refused.
set -u
test=gpt_shards
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"

# ---- a text of 26 letters and blanks, and its characters as 16-bit numbers ----
awk 'BEGIN { s = 7; for (i = 0; i < 4000; i++) { s = (s * 1103515245 + 12345) % 2147483648; k = int(s / 65536) % 27
  printf "%s", k == 26 ? " " : substr("abcdefghijklmnopqrstuvwxyz", k + 1, 1) } print "" }' >text.txt
# tokens FROM COUNT: line feed 0, blank 1, a 2, ..
tokens() { tail -c +$(($1 + 1)) text.txt | head -c "$2" | od -An -v -tu1 | tr -s ' ' '\n' | grep . |
  awk '{ print $1 == 10 ? 0 : $1 == 32 ? 1 : $1 - 95 }'; }
# packed WIDTH: numbers, one a line, little-endian.
packed() { local format; format=$(awk -v w="$1" '{ v = $1; for (i = 0; i < w; i++) { printf "\\%03o", v % 256; v = int(v / 256) } }'); printf "%b" "${format//\\/\\0}"; }
header() { { echo "$1"; echo "$2"; echo "$3"; for _ in $(seq 253); do echo 0; done; } | packed 4; }
size=$(wc -c <text.txt)
split=$((size * 9 / 10))
mkdir nano llm
tokens 0 $split | packed 2 >nano/train.bin
tokens $split $((size - split)) | packed 2 >nano/val.bin
[ "$(wc -c <nano/train.bin)" -eq $((2 * split)) ] || { fail "no shard was made"; exit 1; }
{ header 20240520 1 $split; cat nano/train.bin; } >llm/x_train_000001.bin
{ header 20240801 7 $((size - split)); tokens $split $((size - split)) | packed 4; } >llm/x_val_000000.bin
: >llm/other.bin

# ---- the same numbers as the text ----
sizes=(--n-layer 1 --n-head 2 --n-embd 8 --block-size 8 --batch-size 4 --max-iters 6 --eval-every 3 --eval-iters 2 --threads 1)
numbers() { grep -oE '"(loss|val_loss|gradient_norm)": [^,}]*' "$1/metrics.jsonl"; }
"$symo" train gpt "${sizes[@]}" --data text.txt --out text >/dev/null 2>err || fail "text: $(cat err)"
for data in nano llm; do
  "$symo" train gpt "${sizes[@]}" --data $data --out run-$data >/dev/null 2>err || fail "$data: $(cat err)"
  cmp -s <(numbers text) <(numbers run-$data) || fail "$data trains to other numbers: $(numbers run-$data | head -n 4)"
done
"$symo" train gpt "${sizes[@]}" --data nano/train.bin --data nano/val.bin --out files >/dev/null 2>err || fail "files: $(cat err)"
cmp -s <(numbers text) <(numbers files) || fail "named one by one they train to other numbers"
"$symo" train gpt --resume run-nano --max-iters 8 >/dev/null 2>err || fail "resume: $(cat err)"
[ "$(wc -l <run-nano/metrics.jsonl)" -eq 9 ] || fail "resume: $(wc -l <run-nano/metrics.jsonl) lines"

# A single shard holds back its last tenth, as a text does.
tokens 0 "$size" | packed 2 >whole.bin
"$symo" train gpt "${sizes[@]}" --data whole.bin --out whole >/dev/null 2>err || fail "whole: $(cat err)"
cmp -s <(numbers text) <(numbers whole) || fail "one shard trains to other numbers"

# ---- what else reads them ----
tail -c +$((split + 1)) text.txt >held.txt
loss() { grep -oE '"loss": [0-9.e-]+' "$1"; }
"$symo" eval --checkpoint text/checkpoint.safetensors --data held.txt --json >of-text 2>err || fail "eval: $(cat err)"
for data in nano/val.bin llm/x_val_000000.bin; do
  "$symo" eval --checkpoint files/checkpoint.safetensors --data $data --json >of-shard 2>err || fail "eval: $(cat err)"
  cmp -s <(loss of-text) <(loss of-shard) || fail "eval of $data: $(loss of-shard), not $(loss of-text)"
done
"$symo" eval --checkpoint text/checkpoint.safetensors --data nano/val.bin --json >of-shard 2>err || fail "eval: $(cat err)"
cmp -s <(loss of-text) <(loss of-shard) || fail "tokens of a text as a shard: another loss"
"$symo" sample --checkpoint files/checkpoint.safetensors --prompt '2 3 4' --tokens 5 --seed 1 >out 2>err || fail "sample: $(cat err)"
grep -qE '^2 3 4 ([0-9]+ ){5}$' out || fail "sample prints: $(cat out)"
"$symo" verify --weights files/checkpoint.safetensors --data nano/val.bin --examples 4 >out 2>err || fail "verify: $(cat out err)"

# ---- what is refused ----
fails 3 'the tokens of this network are numbers' eval --checkpoint files/checkpoint.safetensors --data held.txt
fails 2 'the tokens of this network are numbers' sample --checkpoint files/checkpoint.safetensors --prompt 'a b'
fails 2 'numbers from 0 to 27' sample --checkpoint files/checkpoint.safetensors --prompt '28'
echo 28 | packed 2 >high.bin
cat nano/val.bin >>high.bin
fails 3 'token 0 of it is 28, and there are 28' eval --checkpoint files/checkpoint.safetensors --data high.bin
printf a >odd.bin
fails 3 'odd.bin: 1 bytes are no tokens of 2 bytes' train gpt "${sizes[@]}" --data odd.bin --out no
: >empty.bin
fails 3 'empty.bin' train gpt "${sizes[@]}" --data empty.bin --out no
head -c 2000 llm/x_train_000001.bin >cut.bin
fails 3 'no count of tokens as it says' train gpt "${sizes[@]}" --data cut.bin --out no
{ header 20240520 2 1; printf 'ab'; } >version.bin
fails 3 'version 2 (known is version 1' train gpt "${sizes[@]}" --data version.bin --out no
fails 3 'a text and a shard' train gpt "${sizes[@]}" --data text.txt --data nano/val.bin --out no
fails 3 'a text and a shard' train gpt "${sizes[@]}" --data nano/val.bin --data text.txt --out no
[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
echo "shards of tokens train as their text does"
