#!/usr/bin/env bash
# Runs as folders: one writer at a time, no run lost, signals, what may change when a run goes on, runs
# taken up from elsewhere, the best weights, progress in logs, full disks.
set -u
test=train-runs
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C SYMO_DATA=$root/experiments/data/files

# works ARGUMENTS...: exit 0.
works() {
  "$symo" "$@" >out 2>err </dev/null || fail "$*: exit $?: $(cat err)"
}

# wait_for N FILE: until it has that many lines.
wait_for() {
  for _ in $(seq 600); do
    [ "$( (wc -l <"$2") 2>/dev/null || echo 0)" -ge "$1" ] && return
    sleep 0.05
  done
  fail "$2 has not $1 lines"
}

# started ARGUMENTS...: in the background, as $pid.
started() {
  "$symo" "$@" >/dev/null 2>started.err </dev/null &
  pid=$!
}

# ended SIGNAL: the exit status of $pid after it, which takes a minute at most.
ended() {
  kill "-$1" $pid
  for _ in $(seq 600); do
    kill -0 $pid 2>/dev/null || break
    sleep 0.1
  done
  kill -9 $pid 2>/dev/null && fail "$1 did not end it"
  { wait $pid; } 2>/dev/null
  status=$?
}

# The parts of a run that hold no times, without what was changed on the way.
timeless() {
  sed -E 's/"optimizer_items": \{[^}]*\}(, )?//g; s/"(optimizer_)?seconds": [0-9.e+-]+(, )?//g' "$1/metrics.jsonl"
  grep -v seconds "$1/summary.json"
  sed '/^  "history"/,/^  \]/d; s/,$//' "$1/run.json"
  cat "$1/optimizer.json" "$1/checkpoint.safetensors" "$1/best.safetensors"
}
same_run() {
  timeless "$1" >one
  timeless "$2" >two
  cmp -s one two || fail "$1 and $2 are not the same run"
}

# No scratch files, no lock.
clean() {
  [ -z "$(find "$1" -name '.*' -type f)" ] || fail "left in $1: $(find "$1" -name '.*' -type f)"
}

# text KEY FILE: of the metadata of a checkpoint.
text() { head -c 8000 "$2" | grep -ao "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d'"' -f4; }

net="--data digits --optimizer adamw --net 64-12-10 --batch 50"
long="$net --steps 2000000 --eval-every 0 --checkpoint-every 50"

# ---- one writer ----
# shellcheck disable=SC2086 # words
started train classifier $long --out busy
wait_for 60 busy/metrics.jsonl
before=$(date +%s)
# shellcheck disable=SC2086
fails 4 "process $pid is writing there" train classifier $net --steps 3 --out busy
# shellcheck disable=SC2086
fails 4 "is writing there" train classifier $net --steps 3 --out busy --overwrite
fails 4 "is writing there" train classifier --resume busy
[ $(($(date +%s) - before)) -le 20 ] || fail "not refused at once"
ended KILL
[ -e busy/.symo-lock ] || fail "no lock was left by kill -9"
works train classifier --resume busy --steps "$(($(text step busy/checkpoint.safetensors) + 5))"
clean busy

# Whatever writes a folder.
for held in sw cmp plots; do
  command -v flock >/dev/null || break
  mkdir -p $held
  flock -o $held/.symo-lock sleep 20 &
  holder=$!
  for _ in $(seq 200); do
    flock -n $held/.symo-lock true || break
    sleep 0.05
  done
  case $held in
  sw) set -- sweep classifier --data digits --net 64-4-10 --steps 2 --grid lr=0.1 --out sw ;;
  cmp) set -- compare --data teacher --net 2-3-1 --no-plots --out cmp ;;
  plots) set -- plot busy --out curves ;;
  esac
  fails 4 "is writing there" "$@"
  kill $holder
  { wait $holder; } 2>/dev/null
  works "$@"
  clean $held
done

# ---- no run is lost ----
# shellcheck disable=SC2086
works train classifier $net --steps 30 --eval-every 10 --out r
cp -r r kept
# shellcheck disable=SC2086
fails 4 "--overwrite" train classifier $net --steps 3 --out r
same_run r kept
rm r/summary.json
# shellcheck disable=SC2086
fails 4 "was interrupted" train classifier $net --steps 3 --out r
# shellcheck disable=SC2086
works train classifier $net --steps 3 --out r --overwrite
[ "$(wc -l <r/metrics.jsonl)" -eq 4 ] || fail "not overwritten"
fails 2 "--overwrite" train classifier --resume r --overwrite

# ---- signals ----
# shellcheck disable=SC2086
works train classifier $net --steps 1500 --eval-every 100 --checkpoint-every 100 --out unbroken
for signal in INT TERM; do
  rm -rf stopped
  # shellcheck disable=SC2086
  started train classifier $net --steps 1500 --eval-every 100 --checkpoint-every 100 --out stopped
  wait_for 30 stopped/metrics.jsonl
  ended $signal
  if [ $status -ne 0 ]; then
    [ $status -eq $((128 + $(kill -l $signal))) ] || fail "$signal: exit $status"
    grep -q "^symo: error: stopped: stopped by SIG$signal; .*--resume stopped" started.err ||
      fail "$signal: $(cat started.err)"
    at=$(text step stopped/checkpoint.safetensors)
    [ "$at" -eq "$(wc -l <stopped/metrics.jsonl)" ] || fail "$signal: the checkpoint is of step $at"
  fi
  clean stopped
  works train classifier --resume stopped
  same_run unbroken stopped
done

# Before the first step, and with a second signal, at once, but without leaving anything.
mkdir early
mkfifo early.txt
# shellcheck disable=SC2086
started train gpt --data early.txt --out early
for _ in $(seq 200); do [ -e early/.symo-lock ] && break; sleep 0.05; done
ended TERM
[ $status -eq 143 ] || fail "before the first step: exit $status"
clean early

# A sweep ends, too, and goes on.
# shellcheck disable=SC2086
set -- sweep classifier $net --steps 1500 --grid lr=0.1 --out swept
started "$@"
wait_for 30 swept/adamw/lr=0.1/s1/metrics.jsonl
ended INT
[ $status -eq 130 ] || [ -e swept/sweep.json ] || fail "sweep: exit $status"
clean swept
works "$@"

# Killed at any moment: what is there is whole, and what was left goes.
rm -rf killed
# shellcheck disable=SC2086
often="$net --steps 1500 --eval-every 20 --checkpoint-every 1"
# shellcheck disable=SC2086
works train classifier $often --out steady
landed=0
for turn in 1 2 3 4 5 6 7 8 9 10 11 12; do
  if [ $turn -eq 1 ]; then
    # shellcheck disable=SC2086
    started train classifier $often --out killed
    wait_for 3 killed/metrics.jsonl
  else
    started train classifier --resume killed
  fi
  sleep "0.$((RANDOM % 2))$((RANDOM % 10))"
  kill -9 $pid 2>/dev/null && landed=$((landed + 1))
  wait $pid 2>/dev/null
  if [ -e killed/checkpoint.safetensors ]; then works eval --checkpoint killed/checkpoint.safetensors; fi
  if [ -e killed/best.safetensors ]; then works eval --checkpoint killed/best.safetensors; fi
done
[ $landed -gt 3 ] || fail "killed $landed times"
: >killed/.symo-999999999-3.tmp
: >killed/.symo-$$-3.tmp # of a process that lives
works train classifier --resume killed
[ ! -e killed/.symo-999999999-3.tmp ] || fail "a scratch file of a dead process stays"
[ -e killed/.symo-$$-3.tmp ] || fail "a scratch file of a living process went"
rm killed/.symo-$$-3.tmp
clean killed
same_run steady killed

# ---- what may change ----
cp -r kept c
works train classifier --resume c --steps 40 --lr 0.02 --set weight_decay=0.3
for line in 'steps: 30 -> 40' 'lr: default -> 0.02' 'settings: default -> weight_decay=0.3;' \
  'rules.\*.weight_decay: [0-9.]* -> 0.3' 'rules.0 rate of step 31: [0-9.e-]* -> 0.02'; do
  grep -q "^symo: c: from step 30 on: $line" err || fail "no \"$line\" in: $(cat err)"
done
grep -q '"history"' c/run.json || fail "no history"
tail -n 2 c/metrics.jsonl | head -n 1 | grep -q '"lr": 0.02' || fail "the rate did not change"
works train classifier --resume c --steps 45 --set weight_decay=0.4
grep -q '"settings": "weight_decay=0.4;"' c/run.json || fail "settings: $(grep settings c/run.json)"
[ "$(grep -c '"step": ' c/run.json)" -eq 2 ] || fail "history: $(cat c/run.json)"
works train classifier --resume c
[ -s err ] && fail "something changed by itself: $(cat err)"
fails 2 "the examples of all steps follow from it" train classifier --resume c --batch 10
fails 2 "what the checkpoint holds is of that" train classifier --resume c --optimizer sgd
works train teacher-student --net 4-3-2 --train 20 --test 10 --steps 3 --out s
fails 3 "use the one it was made with" train teacher-student --resume s --steps 5 --set groups=sign-flip

# ---- what a run was given of the machine ----
blas_threads=${OPENBLAS_NUM_THREADS-}
export OPENBLAS_NUM_THREADS=1
given() { tr -d ' \n' <"$1/command.json" | grep -o '"threads":[0-9]*' | cut -d: -f2 | tr '\n' ' '; }
short="$net --eval-every 10 --threads 3 --memory 300MiB"
# shellcheck disable=SC2086 # words
works train classifier $short --steps 30 --out on-three
# shellcheck disable=SC2086
works train classifier $short --steps 20 --out goes-on
grep -q '"threads": 3' goes-on/run.json || fail "run.json has no threads: $(cat goes-on/run.json)"
grep -q '"memory": 314572800' goes-on/run.json || fail "run.json has no memory: $(cat goes-on/run.json)"
works train classifier --resume goes-on --steps 30
[ "$(given goes-on)" = "3 3 " ] || fail "resumed on other threads: $(given goes-on)"
same_run on-three goes-on
works train classifier --resume goes-on --steps 31 --threads 2
grep -q "^symo: goes-on: from step 30 on: threads: 3 -> 2$" err || fail "not said: $(cat err)"
grep -q '"threads": 2' goes-on/run.json || fail "other threads are not kept"
fails 3 "memory: about" train classifier --resume goes-on --steps 32 --memory 100000
fails 3 "memory: about" train classifier --resume goes-on --plan --memory 100000
works train classifier --resume goes-on --steps 32
sed -i 's/"threads": 2/"threads": 0/' goes-on/run.json
fails 3 "threads: not from 1 to 1024" train classifier --resume goes-on --steps 33

# A sweep that goes on, too.
grid="--grid lr=0.01 --steps 20 --out given"
# shellcheck disable=SC2086
works sweep classifier $net --threads 3 $grid
cp -r given given-whole
rm given/adamw/lr=0.01/s1/summary.json
# shellcheck disable=SC2086
works sweep classifier $net $grid
[ "$(given given/adamw/lr=0.01/s1)" = "3 3 " ] || fail "sweep: other threads: $(given given/adamw/lr=0.01/s1)"
same_run given/adamw/lr=0.01/s1 given-whole/adamw/lr=0.01/s1
unset OPENBLAS_NUM_THREADS
[ -z "$blas_threads" ] || export OPENBLAS_NUM_THREADS=$blas_threads

# A GPT whose run ended within the warm-up goes on behind it.
awk 'BEGIN { for (i = 0; i < 400; i++) printf "%s ", substr("abcdefgh", 1 + (i * i) % 8, 3) }' >text.txt
gpt="--data text.txt --n-layer 1 --n-head 2 --n-embd 8 --block-size 8 --batch-size 4 --eval-iters 2"
# shellcheck disable=SC2086
works train gpt $gpt --max-iters 10 --warmup-iters 10 --out warm
works train gpt --resume warm --max-iters 30 --min-lr 0 --eval-iters 3
grep -q 'rules.\*.schedule: constant -> cosine' err || fail "warm: $(cat err)"
grep -q 'eval-iters: 2 -> 3' err || fail "warm: $(cat err)"
[ "$(wc -l <warm/metrics.jsonl)" -eq 31 ] || fail "warm: not 31 lines"

# ---- from elsewhere ----
mkdir -p there here
cp text.txt there
(cd there && "$symo" train gpt $gpt --max-iters 6 --out ../moved >/dev/null 2>&1) || fail "there"
cp -r moved moved2
printf 'another text of the same name, which is none of ours, and long enough to be trained on. %s' \
  "$(seq 200)" >here/text.txt
works train gpt --resume moved --max-iters 8
(cd here && "$symo" train gpt --resume ../moved --max-iters 9 >/dev/null 2>../err) ||
  fail "from here: $(cat err)"
(cd here && "$symo" eval --checkpoint ../moved/checkpoint.safetensors >../out 2>../err) ||
  fail "eval from here: $(cat err)"
grep -q '"folder": ".*/there"' moved/run.json || fail "no folder in run.json"
echo more >>there/text.txt
fails 3 "checksum" train gpt --resume moved --max-iters 10
grep -qF "$(grep -o '"data": "[0-9a-f]*"' moved/run.json | grep -o '[0-9a-f]\{16\}')" err ||
  fail "not both checksums: $(cat err)"
fails 3 "checksum" eval --checkpoint moved/checkpoint.safetensors
fails 3 "checksum" train gpt --resume moved --max-iters 10 --data here/text.txt
works train gpt --resume moved --max-iters 10 --data text.txt
grep -q 'data: .* -> .*/text.txt' err || fail "moved data are not said: $(cat err)"
rm -r there
cd here || exit 1
fails 3 "checksum" train gpt --resume ../moved2 --max-iters 10
cd .. || exit 1
works train gpt --resume moved2 --max-iters 10 # text.txt is here, too
printf '1,2,0\n3,4,1\n5,6,0\n7,8,1\n9,10,0\n' >small.csv
works train classifier --data small.csv --net 2-3-2 --batch 0 --steps 3 --out csv
printf '1,2,0\n3,4,1\n5,6,1\n7,8,1\n9,10,0\n' >small.csv
fails 3 "checksum" train classifier --resume csv --steps 5

# ---- the best ----
# shellcheck disable=SC2086
works train classifier $net --steps 60 --eval-every 5 --set lr=0.03 --out best
least=$(grep -o '"val_loss": [0-9.e-]*' best/metrics.jsonl | cut -d' ' -f2 | sort -g | head -n 1)
step=$(grep -F "\"val_loss\": $least" best/metrics.jsonl | head -n 1 | sed 's/.*"step": \([0-9]*\).*/\1/')
[ "$(text val_loss best/best.safetensors)" = "$least" ] || fail "best: $least"
[ "$(text step best/best.safetensors)" = "$step" ] || fail "best: step $step"
[ "$(text best_val_loss best/checkpoint.safetensors)" = "$least" ] || fail "best in the checkpoint"
works eval --checkpoint best/best.safetensors --json
grep -qF "\"loss\": $least" out || fail "eval of the best: $(cat out)"
cp best/best.safetensors old
works train classifier --resume best --steps 65 --lr 10
cmp -s old best/best.safetensors || fail "a worse one took the place of the best"
works sample --checkpoint warm/best.safetensors --tokens 5
works export --checkpoint warm/best.safetensors --out exported.safetensors

# ---- progress in logs ----
# shellcheck disable=SC2086
works train classifier $net --steps 40 --eval-every 10 --out log
[ "$(grep -c '^symo: step [0-9]*/40  loss .*held back' err)" -eq 4 ] || fail "progress: $(cat err)"
grep -q "$(printf '\r')" err && fail "a line that rewrites itself in a log"

# ---- a full disk ----
works train classifier --data digits --optimizer adamw --net 64-40-10 --steps 5 --out limited
cp limited/checkpoint.safetensors whole
(
  ulimit -f 8 # blocks of 512 or 1024 bytes, less than a checkpoint
  "$symo" train classifier --resume limited --steps 9 >out 2>err
)
[ $? -eq 4 ] || fail "a limit on files: $(cat err)"
grep -q '^symo: error: limited/.*: cannot write: File too large (.*)$' err || fail "$(cat err)"
cmp -s whole limited/checkpoint.safetensors || fail "the checkpoint is not what it was"
clean limited
works train classifier --resume limited --steps 9
if mkdir small && mount -t tmpfs -o size=64k none small 2>/dev/null; then
  # shellcheck disable=SC2086
  works train classifier $net --steps 5 --out small/run
  "$symo" eval --checkpoint small/run/checkpoint.safetensors >whole 2>/dev/null
  head -c 1000000 /dev/zero >small/fill 2>/dev/null
  "$symo" train classifier --resume small/run --steps 9 >out 2>err
  [ $? -eq 4 ] || fail "a full disk: $(cat err)"
  grep -q '^symo: error: small/run/.*: cannot write: No space left' err || fail "$(cat err)"
  "$symo" eval --checkpoint small/run/checkpoint.safetensors >again 2>err
  cmp -s whole again || fail "the checkpoint is not what it was: $(cat err)"
  clean small/run
  rm small/fill
  works train classifier --resume small/run --steps 9
  umount small
fi

[ $failures -eq 0 ] || exit 1
echo "runs are kept"
