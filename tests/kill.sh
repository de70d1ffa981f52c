#!/usr/bin/env bash
# kill -9 at random moments, KILLS times over all tasks of symo train (100).  After every kill each
# checkpoint that is there opens; taken up again until it ends, the run has the bytes of one that was
# never killed, and no scratch file stays.  SEED (of the moments) makes another choice.
set -u
test=kill
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/support/command.sh"
export LC_ALL=C SYMO_DATA=$root/experiments/data/files
kills=${KILLS:-100}
RANDOM=${SEED:-1}

timeless() { # the parts of a run that hold no times
  sed -E 's/"optimizer_items": \{[^}]*\}(, )?//g; s/"[a-z_]*(seconds|_ms|tokens_per_s)": [0-9.e+-]+(, )?//g; s/, }/}/' "$1/metrics.jsonl"
  grep -v -e seconds -e _ms -e tokens_per_s "$1/summary.json"
  sed '/^  "history"/,/^  \]/d; s/,$//' "$1/run.json"
  cat "$1/optimizer.json" "$1/checkpoint.safetensors" "$1/best.safetensors"
}

awk 'BEGIN { for (i = 0; i < 900; i++) printf "%s ", substr("abcdefgh", 1 + (i * i) % 8, 3) }' >text.txt
options() { # TASK, with a checkpoint at each of its steps
  case $1 in
  teacher-student) echo "--net 8-6-3 --train 40 --test 20 --optimizer symo --steps $2" ;;
  autoencoder) echo "--data digits --net 64-8-64 --batch 20 --optimizer muon --steps $2" ;;
  classifier) echo "--data digits --net 64-8-10 --batch 50 --optimizer symo-bd --steps $2" ;;
  gpt) echo "--data text.txt --n-layer 1 --n-head 2 --n-embd 8 --block-size 8 --batch-size 4 --eval-iters 2 --max-iters $2" ;;
  *) return 1 ;;
  esac
}

lines() { [ -e killed/metrics.jsonl ] && wc -l <killed/metrics.jsonl || echo 0; }

# moment PID: a fourth of them at any time after the start, the others after a few more steps and up to
# 50 ms, so that a machine that is busy does not have every run killed before its first step.
moment() {
  local start beyond
  if [ $((RANDOM % 4)) -eq 0 ]; then
    sleep "0.$((RANDOM % 6))$((RANDOM % 10))"
    return
  fi
  start=$(lines)
  beyond=$((start + 1 + RANDOM % 12))
  for _ in $(seq 1000); do
    { [ "$(lines)" -ge $beyond ] || ! kill -0 "$1" 2>/dev/null; } && break
    sleep 0.01
  done
  sleep "0.0$((RANDOM % 5))$((RANDOM % 10))"
}

# turns TASK KILLS: of one run.
landed=0 opened=0 resumed=0
turns() {
  local task=$1 wanted=$2 done=0 pid status file
  rm -rf killed steady
  # shellcheck disable=SC2046 # words
  set -- train "$task" $(options "$task" $((wanted * 25))) --eval-every 7 --checkpoint-every 1
  "$symo" "$@" --out steady >out 2>err </dev/null || fail "$task: exit $?: $(cat err)"
  while [ $done -lt "$wanted" ]; do
    if [ -d killed ] && [ ! -e killed/summary.json ]; then
      "$symo" train "$task" --resume killed >out 2>err </dev/null &
    else
      rm -rf killed
      "$symo" "$@" --out killed >out 2>err </dev/null &
    fi
    pid=$!
    moment $pid
    kill -9 $pid 2>/dev/null
    { wait $pid; } 2>/dev/null
    status=$?
    if [ $status -ne 137 ]; then
      [ $status -eq 0 ] || fail "$task: exit $status: $(cat err)"
      continue
    fi
    done=$((done + 1))
    [ -d killed ] || continue
    if [ ! -e killed/run.json ]; then
      [ ! -e killed/checkpoint.safetensors ] || fail "$task: a checkpoint before the run"
      rm -rf killed
      continue
    fi
    for file in killed/checkpoint.safetensors killed/previous.safetensors killed/best.safetensors; do
      [ -e $file ] || continue
      "$symo" eval --checkpoint $file >out 2>err </dev/null || fail "$task: $file: exit $?: $(cat err)"
      opened=$((opened + 1))
    done
  done
  landed=$((landed + done))
  if [ -d killed ]; then
    "$symo" train "$task" --resume killed >out 2>err </dev/null || fail "$task: exit $?: $(cat err)"
  else
    "$symo" "$@" --out killed >out 2>err </dev/null || fail "$task: exit $?: $(cat err)"
  fi
  grep -q 'goes on from' err && fail "$task: $(cat err)"
  [ -z "$(find killed -name '.*' -type f)" ] || fail "$task: left $(find killed -name '.*' -type f)"
  timeless steady >one
  timeless killed >two
  cmp -s one two || fail "$task: not the run that was never killed: $(diff one two | head -n 5)"
  resumed=$((resumed + 1))
}

tasks=$(for task in $("$symo" train --help | sed -n 's/^ *What is learned. One of: \(.*\)\. Required.*/\1/p'); do echo "$task"; done)
count=$(wc -w <<<"$tasks")
[ "$count" -ge 4 ] || fail "only the tasks $tasks"
for task in $tasks; do
  options "$task" 1 >/dev/null || { fail "no options for $task"; continue; }
  turns "$task" $(((kills + count - 1) / count))
done

[ $opened -ge $((kills / 2)) ] || fail "only $opened checkpoints were there to be opened"
[ $failures -eq 0 ] || exit 1
echo "killed $landed times: $opened checkpoints opened, $resumed of $count runs are those that were never killed"
