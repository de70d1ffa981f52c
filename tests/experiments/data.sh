#!/usr/bin/env bash
# Data from outside, in train, eval, compare and verify: pipes, the classes and scales that a network
# keeps, first lines of CSV files, byte order marks, whole-number targets, names of files.
set -u
test=data
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C SYMO_DATA=$root/experiments/data/files

works() {
  timeout 120 "$symo" "$@" >out 2>err </dev/null || fail "$*: exit $?: $(cat err)"
}
# has FILE TEXT
has() { grep -qF -- "$2" "$1" || fail "no \"$2\" in: $(cat "$1")"; }

# classes COUNT FIRST CLASSES: records of four numbers near 3 e_k, and the label FIRST + k.
classes() {
  awk -v n="$1" -v first="$2" -v classes="$3" 'BEGIN {
    for (r = 0; r < n; r++) {
      for (j = 0; j < 4; j++) {
        s = (s * 1103 + 12345 + r) % 65521
        printf "%+.4f,", 3 * (j == (first + r % classes) % 4) + s / 65521 * 0.4 - 0.2
      }
      print first + r % classes
    }
  }'
}
classes 300 0 3 >train.csv
classes 60 1 2 >two.csv
classes 60 1 3 >other.csv
classes 1000 0 3 >long.csv
[ "$(wc -c <long.csv)" -gt 20000 ] || fail "long.csv is too short to need two reads"
# images PREFIX DOT LABELS: 40 images of 2 x 2.
images() {
  mkdir -p "$1"
  printf '\0\0\10\3\0\0\0\50\0\0\0\2\0\0\0\2' >"$1/train-images$2idx3-ubyte"
  printf '\0\0\10\1\0\0\0\50' >"$1/train-labels$2idx1-ubyte"
  for i in {0..39}; do
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\$(printf %o $((i * 6)))\\1\\2\\3" >>"$1/train-images$2idx3-ubyte"
    # shellcheck disable=SC2059
    printf "\\$(printf %o $((i % $3)))" >>"$1/train-labels$2idx1-ubyte"
  done
}
net="--net 4-8-3 --steps 60 --optimizer adam --lr 0.02 --batch 50"
# shellcheck disable=SC2086
works train classifier $net --data train.csv --out run
has err 'train.csv: 300 examples of 4 inputs; targets: 3 classes, column 4; data begin in the first line'

# ---- pipes: all of them, once ----
works eval --checkpoint run/checkpoint.safetensors --data long.csv --json
loss=$(grep '"loss"' out)
mkfifo fifo
all_of_it() {
  works eval --checkpoint run/checkpoint.safetensors --data "$1" --json
  has out '"examples": 1000'
  has out "$loss"
}
all_of_it <(cat long.csv)
all_of_it <(gzip -c long.csv)
timeout 60 sh -c "cat long.csv >fifo" &
all_of_it fifo
"$symo" eval --checkpoint run/checkpoint.safetensors --data /dev/stdin <long.csv >out 2>err
has out 'on 1000 examples'
# shellcheck disable=SC2002 # a pipe is what is wanted
cat long.csv | "$symo" eval --checkpoint run/checkpoint.safetensors --data /dev/stdin >out 2>err
has out 'on 1000 examples'
works compare --data <(cat long.csv) --net 4-3 --no-plots --seeds 2 --out piped
works compare --data long.csv --net 4-3 --no-plots --seeds 2 --out plain
for file in data-x.npy data-y.npy hessian.npy; do
  cmp -s piped/$file plain/$file || fail "compare: $file from a pipe is another"
done
has err 'long.csv: 1000 examples'
works compare --data <(head -n 60 long.csv) --net 4-2-3 --no-plots --sweep scale --sweep-values 0.1,0.2 --out v
works verify --data <(cat long.csv) --net 4-3-3
has err '1000 examples'
printf 'to be or not to be, that is the question\n%.0s' {1..400} >text.txt
works train gpt --data <(cat text.txt) --n-layer 1 --n-head 1 --n-embd 8 --block-size 8 --steps 1 --out gp
works eval --checkpoint gp/checkpoint.safetensors --data text.txt --json
loss=$(grep '"loss"' out)
works eval --checkpoint gp/checkpoint.safetensors --data <(cat text.txt) --json
has out "$loss"
works verify --weights gp/checkpoint.safetensors --data <(cat text.txt) --examples 4
works compare --net gpt:t4-c2-h1-l1 --data <(cat text.txt) --examples 4 --seeds 2 --no-plots --out v
# A run from a pipe cannot be taken up.
# shellcheck disable=SC2086
works train classifier $net --data <(cat train.csv) --out once
fails 4 'is a pipe or a device, and cannot be read again' train classifier --resume once --steps 70
fails 4 'is a pipe or a device, and cannot be read again' eval --checkpoint once/checkpoint.safetensors
fails 4 'is a pipe or a device, and cannot be read again' train gpt --resume gp --steps 2
fails 4 'cannot be read again' sweep classifier --data <(cat train.csv) --grid lr=0.1,0.2 --steps 1
fails 4 'optimizer: /dev/fd/' train classifier --data train.csv --optimizer <(echo '{"preset": "adam"}')
fails 4 'not a regular file' eval --checkpoint <(cat run/checkpoint.safetensors) --data train.csv
fails 4 'gives nothing' eval --checkpoint run/checkpoint.safetensors --data /dev/stdin
mkfifo train-images-idx3-ubyte train-labels-idx1-ubyte
images ten - 10
for part in images-idx3 labels-idx1; do
  timeout 60 sh -c "cat ten/train-$part-ubyte >train-$part-ubyte" &
done
works compare --data train-images-idx3-ubyte --net 4-10 --seeds 2 --no-plots --out v
has v/results.json '"examples": 40'
rm train-*-ubyte
fails 4 '--groups: /dev/fd/' compare --data train.csv --net 4-3-3 --seeds 2 --groups <(echo) --no-plots
printf '{"spaces": {"a": {"dim": 2, "group": "permutation"}}, "tensors": [{"name": "w", "axes": ["a"]}]}' >layout.json
works layout --layout <(cat layout.json)

# ---- classes stay what they were ----
works eval --checkpoint run/checkpoint.safetensors --data two.csv
has out 'accuracy 100.00 %'
fails 3 "other.csv:3:5: label '3' is no class of the network, which has 0, 1, 2" \
  eval --checkpoint run/checkpoint.safetensors --data other.csv
sed '1s/^/a,b,c,d,y\n/; s/1$/ant/; s/2$/bee/' two.csv >words.csv
sed 's/0$/wasp/; s/1$/ant/; s/2$/bee/' train.csv >train-words.csv
# shellcheck disable=SC2086
works train classifier $net --data train-words.csv --out words
grep -aq '"labels":"\[\\"ant\\",\\"bee\\",\\"wasp\\"\]"' words/checkpoint.safetensors || fail "no labels"
works eval --checkpoint words/checkpoint.safetensors --data words.csv
has out 'accuracy 100.00 %'
fails 3 "two.csv:1:5: label '1' is no class" eval --checkpoint words/checkpoint.safetensors --data two.csv
# The run goes on with its classes and its data, not with a file that has lost some, nor with others.
cp train-words.csv all-words.csv
# shellcheck disable=SC2086
works train classifier $net --data all-words.csv --out resumed
grep -v ant train-words.csv >all-words.csv
fails 3 "checksum" train classifier --resume resumed --steps 61
cp train-words.csv all-words.csv
works train classifier --resume resumed --steps 61
grep -aq '"labels":"\[\\"ant\\",\\"bee\\",\\"wasp\\"\]"' resumed/checkpoint.safetensors || fail "other labels"
cp train.csv all-words.csv
fails 3 "label '0' is no class" train classifier --resume resumed --steps 62
# In compare and verify at weights of a checkpoint too.
works compare --weights run/checkpoint.safetensors --net 4-8-3 --data two.csv --no-plots --out v
works verify --weights run/checkpoint.safetensors --net 4-8-3 --data two.csv
fails 3 "label '3'" verify --weights run/checkpoint.safetensors --net 4-8-3 --data other.csv
# A checkpoint from before there were labels.
sed 's/"labels"/"labelz"/; s/"checksum"/"checksuz"/' run/checkpoint.safetensors >old.safetensors
works eval --checkpoint old.safetensors --data two.csv
has out 'accuracy 100.00 %'
has err 'says no classes: 0 to 2 assumed'
fails 3 "label '3'" eval --checkpoint old.safetensors --data other.csv
works eval --checkpoint old.safetensors

images nine - 9
images dotted . 10
works train classifier --data ten --steps 2 --out im
works eval --checkpoint im/checkpoint.safetensors --data nine
has out 'on 40 examples'
works eval --checkpoint im/checkpoint.safetensors --data dotted/train-images.idx3-ubyte
works train classifier --data dotted --steps 2 --out dot
cmp -s im/checkpoint.safetensors dot/checkpoint.safetensors && fail "checkpoints do not say their data"
cmp -s <(cut -d, -f1-2 im/metrics.jsonl) <(cut -d, -f1-2 dot/metrics.jsonl) || fail "dotted is other data"
works train classifier --data nine --steps 2 --out im9
fails 3 'label 9 of image 9' eval --checkpoint im9/checkpoint.safetensors --data ten
works compare --data dotted --net 4-10 --no-plots --out v
mkdir named && mv dotted named/fashion-mnist
SYMO_DATA=named works train classifier --data fashion-mnist --steps 1 --out fm
fails 4 'in $SYMO_DATA, ./data or .' train classifier --data fashion-mnist

# ---- first lines ----
sed '1s/^[^,]*/?/' train.csv >missing.csv
{ echo 0,1,2,3,4; cat train.csv; } >frame.csv
for data in missing.csv frame.csv; do
  fails 3 "$data:1" train classifier --data $data
  fails 3 "$data:1" eval --checkpoint run/checkpoint.safetensors --data $data
  fails 3 "$data:1" compare --data $data --no-plots --out v
  fails 3 "$data:1" verify --net 4-3 --data $data
done
works train classifier --data frame.csv --header yes --steps 1 --out fr
has fr/run.json '"header": "yes"'
has err 'the first line holds names'
works train classifier --resume fr --steps 2
works eval --checkpoint fr/checkpoint.safetensors --data frame.csv --header yes
works compare --data frame.csv --header yes --net 4-3 --no-plots --out v
works verify --data frame.csv --header yes --net 4-3-3
fails 3 'frame.csv:1' eval --checkpoint fr/checkpoint.safetensors --data frame.csv
fails 3 "label '4'" eval --checkpoint run/checkpoint.safetensors --data frame.csv --header no
fails 2 'header' train classifier --data train.csv --header maybe
fails 2 'only for classifier|autoencoder' train gpt --data text.txt --header yes
fails 3 'header: is of CSV files' train classifier --data digits --header yes
fails 2 'is of --data' eval --checkpoint run/checkpoint.safetensors --header yes
works compare --data digits --header yes --net 64-1-10 --examples 20 --no-plots --out v
has err '--header is for CSV files, and digits is none: no effect'
sed 's/,/;/g; s/\./,/g' train.csv >comma.csv
sed 's/$/,/' train.csv >trailing.csv
for data in comma.csv trailing.csv; do
  # shellcheck disable=SC2086
  works train classifier $net --data $data --out ${data%.csv}
  cmp -s <(sed -E 's/"[a-z_]*seconds": [^,}]*//g; s/"optimizer_items": \{[^}]*\}//' run/metrics.jsonl) \
    <(sed -E 's/"[a-z_]*seconds": [^,}]*//g; s/"optimizer_items": \{[^}]*\}//' ${data%.csv}/metrics.jsonl) ||
    fail "$data is another run than train.csv"
done

# ---- whole numbers as targets ----
awk 'BEGIN { print "x,q"; for (r = 0; r < 60; r++) print r / 60 "," 3 + r % 6 }' >whole.csv
works compare --data whole.csv --loss mse --no-plots --out v
has v/results.json '"net": "1-32-1"'
works compare --data whole.csv --no-plots --out v
has v/results.json '"net": "1-32-6"'
works compare --data whole.csv --task regression --no-plots --out v
has v/results.json '"net": "1-32-1"'
works compare --data whole.csv --task classes --loss mse --no-plots --out v
has v/results.json '"net": "1-32-6"'
works verify --data whole.csv --task regression --net 1-3-1
works train classifier --data whole.csv --steps 1 --out wh
has wh/run.json '"header"'
awk 'BEGIN { print "x,q"; for (r = 0; r < 60; r++) print r / 60 "," r / 7 }' >numbers.csv
fails 3 'are not classes' train classifier --data numbers.csv
works compare --data numbers.csv --net 1-1 --no-plots --out v

# ---- scales, label columns, batches ----
awk 'BEGIN { print "kind,a,b,c"
  for (r = 0; r < 120; r++) {
    s = (s * 1103 + 12345 + r) % 65521
    k = r % 3; print k "," 1000 * (k == 1) + s / 700 "," 1e-3 * (k == 2) + 3 "," 7
  } }' >scales.csv
works train classifier --data scales.csv --label kind --standardize --steps 40 --lr 0.05 --out sc
has err '1 constant input became 0; a step takes all 96 examples to train on, not 128'
has out 'accuracy 100.00 %'
works eval --checkpoint sc/checkpoint.safetensors --data scales.csv
has out 'accuracy 100.00 %'
head -n 8 scales.csv >few.csv
works eval --checkpoint sc/checkpoint.safetensors --data few.csv
has out 'accuracy 100.00 %'
awk -F, '{ print $2 "," $3 "," $4 "," $1 }' scales.csv >moved.csv
works eval --checkpoint sc/checkpoint.safetensors --data moved.csv
has out 'accuracy 100.00 %'
sed 1d scales.csv >nameless.csv
works eval --checkpoint sc/checkpoint.safetensors --data nameless.csv --label 0
has out 'accuracy 100.00 %'
fails 3 "no column 'kind'" eval --checkpoint sc/checkpoint.safetensors --data nameless.csv
works verify --weights sc/checkpoint.safetensors --net 3-64-32-3 --data scales.csv --label kind --dtype f32
works train classifier --resume sc --steps 45
fails 2 'has standardize "false", not "true"' train classifier --resume fr --standardize
fails 3 'batch: 128 of 96 examples' train classifier --data scales.csv --label kind --batch 128
works train autoencoder --data scales.csv --label kind --standardize --steps 5 --out au
has err 'left out: column 0'
works eval --checkpoint au/checkpoint.safetensors --data moved.csv
awk -F, '{ print $2 / 2000 "," $3 / 10 "," "name " NR }' nameless.csv >ids.csv
works train autoencoder --data ids.csv --steps 2 --out ids
fails 4 '/dev/stdin for standard input' train classifier --data -
fails 3 'outside [0, 1]' train autoencoder --data scales.csv --label kind
fails 2 'only for classifier|autoencoder' train teacher-student --standardize

# ---- marks at the beginning of texts ----
marked() { printf '\357\273\277' && cat "$1"; }
marked layout.json >marked.json
works layout --layout marked.json
marked train.csv >marked.csv
works eval --checkpoint run/checkpoint.safetensors --data marked.csv
printf '{"preset": "adam", "lr": 0.01}' >adam.json
marked adam.json >marked-adam.json
works train classifier --data train.csv --optimizer marked-adam.json --steps 1 --out ma
printf '\377\376{\0}\0' >wide.json
fails 3 'wide.json: begins as UTF-16 text does (save it as UTF-8)' layout --layout wide.json
marked text.txt >marked.txt
sed 's/$/\r/' text.txt >crlf.txt
tr '\n' '\r' <text.txt >cr.txt
works eval --checkpoint gp/checkpoint.safetensors --data text.txt --json
grep -v '"data"' out >expected
for data in marked crlf cr; do
  works eval --checkpoint gp/checkpoint.safetensors --data $data.txt --json
  grep -v '"data"' out | cmp -s - expected || fail "$data.txt: $(cat out)"
done
for data in marked crlf; do
  works sample --checkpoint gp/checkpoint.safetensors --prompt-file $data.txt --tokens 3
done

# ---- more examples than there are ----
fails 3 'two.csv: 60 examples, not the 61 that are asked for' compare --data two.csv --net 4-2 --examples 61 --no-plots --out v
fails 3 'not the 9999999 that' verify --data text.txt --net gpt:t4-c4-h1-l1 --examples 9999999
fails 3 '40 examples, not the 41 ' train classifier --data ten --train 41 --steps 1 --out more
fails 3 'train: 50 of 60 examples, of which 12 are held back' train classifier --data two.csv --train 50 --steps 1 --out more
works train classifier --data two.csv --train 48 --batch 48 --steps 1 --out more

# ---- long paths ----
long=$(printf 'd%.0s' {1..200})
deep=.
for _ in 1 2 3 4 5 6 7 8; do deep=$deep/$long; done
mkdir -p "$deep" && cp train.csv text.txt "$deep"
cp -r ten "$deep/ten"
[ ${#deep} -gt 1600 ] || fail "the path is short"
works train classifier --data "$deep/train.csv" --steps 1 --out lp
works train classifier --resume lp --steps 2
works eval --checkpoint lp/checkpoint.safetensors --data "$deep/train.csv"
works train classifier --data "$deep/ten" --steps 1 --out li
works compare --data "$deep/train.csv" --net 4-3 --no-plots --out v
works train gpt --data "$deep/text.txt" --data "$deep/text.txt" --data "$deep/text.txt" --n-layer 1 --n-head 1 \
  --n-embd 8 --block-size 8 --steps 1 --out lt
works eval --checkpoint lt/checkpoint.safetensors

[ $failures -eq 0 ] || exit 1
echo "data from outside work"
