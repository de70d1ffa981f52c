#!/usr/bin/env bash
# symo sample and symo export from outside: every way to fail, the same bytes twice, and byte pairs.
# shellcheck disable=SC2086 # options split into words
set -u
test=gpt_sample
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"

printf 'abc abd\nacd bcd %.0s' $(seq 40) >text.txt
small="--n-layer 1 --n-head 2 --n-embd 8 --block-size 8 --batch-size 4 --steps 2 --optimizer adamw"
"$symo" train gpt --data text.txt $small --out run >out 2>err </dev/null ||
  fail "train: exit $?: $(cat err)"
model=run/checkpoint.safetensors
sample="sample --checkpoint $model"

# works FILE ARGUMENTS...: exit 0, stdout into FILE.
works() {
  local file=$1
  shift
  "$symo" "$@" >"$file" 2>err </dev/null || fail "symo $*: exit $?: $(cat err)"
}

works one $sample --tokens 30 --samples 2 --seed 4
works two $sample --tokens 30 --samples 2 --seed 4
works three $sample --tokens 30 --samples 2 --seed 5
cmp -s one two || fail "two samples of one seed differ"
cmp -s one three && fail "seeds give the same sample"
[ "$(grep -c -- '---------------' one)" -eq 2 ] || fail "no line behind each sample: $(cat one)"
works likely $sample --tokens 40 --temperature 0
works first $sample --tokens 40 --top-k 1 --temperature 3
cmp -s likely first || fail "the likeliest of one is another than the likeliest"
works all $sample --tokens 40 --top-k 0 --temperature 3
works most $sample --tokens 40 --top-k 1000 --temperature 3
cmp -s all most || fail "a thousand of the tokens are not all"
works some $sample --tokens 40 --top-k 3 --temperature 3
cmp -s all some && fail "--top-k 3 strikes out nothing"
works none $sample --tokens 0 --prompt 'abc '
[ "$(cat none)" = 'abc ' ] || fail "no tokens: $(cat none)"
printf 'abd\n' >prompt.txt
works file $sample --tokens 1 --prompt-file prompt.txt --json
grep -q '"prompt_tokens": 4' file || fail "a prompt from a file: $(cat file)"
# Longer than the block size: the window moves.
works long $sample --tokens 5 --prompt 'abc abd acd bcd abc' --temperature 0
works short $sample --tokens 5 --prompt ' bcd abc' --temperature 0
[ "$(tail -c 6 long)" = "$(tail -c 6 short)" ] || fail "more than the last 8 tokens count"

fails 2 '--checkpoint is missing' sample
fails 2 '--prompt: there is --prompt-file too' $sample --prompt a --prompt-file prompt.txt
fails 2 '--vocab: the other file is missing' $sample --vocab v.json
fails 2 '--prompt: the text: line 1, column 2: the character x (U+0078)' $sample --prompt 'axb'
fails 2 '--prompt: the value is empty' $sample --prompt ''
fails 2 '--temperature' $sample --temperature -1
fails 4 'prompt.no' $sample --prompt-file prompt.no
printf 'a\nxy' >prompt.txt
fails 3 'prompt.txt: line 2, column 1: the character x' $sample --prompt-file prompt.txt
fails 4 'no.safetensors' sample --checkpoint no.safetensors
head -c 300 $model >cut.safetensors
fails 3 'cut.safetensors' sample --checkpoint cut.safetensors

# ---- export ----

works out export --checkpoint $model --format hf --out hf.safetensors --json
grep -q '"n_head": 2' out || fail "export says: $(cat out)"
works four sample --checkpoint hf.safetensors --tokens 30 --samples 2 --seed 4
cmp -s one four || fail "Hugging Face's form gives another sample"
works out export --checkpoint $model --block-size 4 --out four.safetensors
works out sample --checkpoint four.safetensors --tokens 9
fails 3 'has 8 positions, not 9' export --checkpoint $model --block-size 9 --out no.safetensors
fails 2 '--format' export --checkpoint $model --format onnx --out no.safetensors
fails 4 'no/folder' export --checkpoint $model --out no/folder/x.safetensors
[ -e no.safetensors ] && fail "a failed export left a file"

# ---- byte pairs ----

{
  printf '{'
  n=0
  for code in $(seq 33 126) $(seq 161 172) $(seq 174 255) $(seq 256 323); do
    printf '%s"\\u%04x": %d' "$([ $n -gt 0 ] && printf ', ')" "$code" $n
    n=$((n + 1))
  done
  printf ', "ab": 256, "cd": 257}'
} >vocab.json
printf '#version: 0.2\na b\nc d\n' >merges.txt
pairs="--vocab vocab.json --merges merges.txt"
works out train gpt --data text.txt $pairs $small --out pairs
works five sample --checkpoint pairs/checkpoint.safetensors --tokens 20 --prompt 'abcd é' --json
grep -q '"prompt_tokens": 5' five || fail "byte pairs: $(cat five)"
works six sample --checkpoint pairs/checkpoint.safetensors $pairs --tokens 20 --prompt 'abcd é' --json
cmp -s five six || fail "the files that the checkpoint names give another sample"
fails 3 'there are 258 tokens' $sample $pairs
printf 'a b\n' >merges.txt
fails 3 'are not those that it was made with' sample --checkpoint pairs/checkpoint.safetensors

[ $failures -eq 0 ] || exit 1
echo "symo sample and symo export do what they say"
