#!/usr/bin/env bash
# Training in several processes: to the bit what as many threads come to; one voice, one exit code and
# no process that waits for ever when one of them fails; runs that go on in any number of processes.
# Environment: MPI_SYMO, the command of a build with MPI=1; without it one is linked from the objects
# of BUILD and the one file that calls MPI.
set -u
faults=0
complain() { echo "$*" >&2; faults=$((faults + 1)); }

# shellcheck source=tests/support/mpi.sh
. "$SOURCE/tests/support/mpi.sh"
cd "$WORK" || exit 1

# run N ARGUMENT..: the command in N processes; $code, and stdout and stderr in files.
run() {
  local n=$1
  shift
  timeout 120 mpirun -n "$n" "$MPI_SYMO" "$@" >stdout 2>stderr </dev/null
  code=$?
}
train() { run "$1" train "${@:2}" --threads 1; }
must() { [ $code -eq 0 ] || { complain "$* ended with $code"; cat stderr >&2; }; }
errors() { grep -c '^symo: error: ' stderr; }
same() { cmp -s "$1/best.safetensors" "$2/best.safetensors" || complain "$1 and $2 differ${3:+: $3}"; }
losses() { sed 's/, "lr".*//; s/, "seconds".*//' "$1/metrics.jsonl"; }
fails() { # CODE TEXT: the last run
  [ $code -eq "$1" ] || complain "\"$2\": exit code $code, not $1"
  [ "$(errors)" -eq 1 ] || complain "\"$2\": $(errors) error lines"
  grep -qF -- "$2" stderr || { complain "no \"$2\""; cat stderr >&2; }
}

# ---- the same numbers ----

task=(classifier --batch 50 --checkpoint-every 5)
small=("${task[@]}" --steps 12)
for n in 2 3; do
  "$MPI_SYMO" train "${small[@]}" --threads $n --out threads-$n >/dev/null 2>&1 || complain "$n threads"
  train $n "${small[@]}" --out ranks-$n
  must "$n processes"
  same threads-$n ranks-$n "threads and processes"
  [ "$(losses threads-$n)" = "$(losses ranks-$n)" ] || complain "other losses in $n processes"
done
[ "$(wc -l <stdout)" -le 4 ] && grep -q '^ranks-3$' stdout || complain "not one answer"
train 3 "${small[@]}" --out again
same ranks-3 again "not repeatable"

# ---- a run goes on in any number of processes ----

train 2 "${task[@]}" --steps 5 --out elastic
train 3 classifier --resume elastic --steps 8
must "from 2 to 3 processes"
"$MPI_SYMO" train classifier --resume elastic --steps 12 --threads 1 >/dev/null 2>&1 || complain "from 3 to 1"
[ "$(wc -l <elastic/metrics.jsonl)" -eq 13 ] || complain "an elastic run has lost lines"
first() { losses "$1" | tail -n 1 | sed 's/.*"loss": \([0-9.e-]*\).*/\1/'; }
awk -v a="$(first elastic)" -v b="$(first ranks-2)" \
  'BEGIN { d = a - b; exit !(d * d <= 1e-8 * b * b) }' || complain "an elastic run ends elsewhere"

# ---- methods that ask the network are divided as well: the same loss up to rounding ----

asking=(classifier --batch 50 --lr 0.01 --set statistics_every=2)
for optimizer in kfac sophia-h; do
  "$MPI_SYMO" train "${asking[@]}" --optimizer $optimizer --steps 6 --threads 1 --out one-$optimizer >/dev/null 2>&1 ||
    complain "$optimizer in one process"
  train 2 "${asking[@]}" --optimizer $optimizer --steps 4 --out two-$optimizer
  must "$optimizer in 2 processes"
  train 3 classifier --resume two-$optimizer --steps 6
  must "$optimizer from 2 to 3 processes"
  awk -v a="$(first one-$optimizer)" -v b="$(first two-$optimizer)" \
    'BEGIN { d = a - b; exit !(a != "" && d * d <= 1e-8 * b * b) }' || complain "$optimizer ends elsewhere"
done

# Measured exponents: the method is in every process, its products are shared.
measured=(classifier --net 64-24-10 --batch 50 --optimizer spectral-newton --set alpha=auto --set alpha_every=3 --set alpha_first=2)
"$MPI_SYMO" train "${measured[@]}" --steps 8 --threads 1 --out one-alpha >/dev/null 2>&1 || complain "alpha=auto in one process"
train 2 "${measured[@]}" --steps 5 --out two-alpha
must "alpha=auto in 2 processes"
train 3 classifier --resume two-alpha --steps 8
must "alpha=auto from 2 to 3 processes"
awk -v a="$(first one-alpha)" -v b="$(first two-alpha)" \
  'BEGIN { d = a - b; exit !(a != "" && d * d <= 1e-6 * b * b) }' || complain "alpha=auto ends elsewhere: $(first one-alpha), $(first two-alpha)"

# ---- labels in other processes than their tensors: the same up to rounding, repeatable, by name in files ----

for optimizer in symo-coupled symo-pd symo-published; do
  coupled=(classifier --net 64-32-24-10 --batch 50 --optimizer $optimizer --checkpoint-every 4)
  "$MPI_SYMO" train "${coupled[@]}" --steps 9 --threads 1 --out one-$optimizer >/dev/null 2>&1 ||
    complain "$optimizer in one process"
  for folder in two again; do
    train 2 "${coupled[@]}" --steps 4 --out $folder-$optimizer
    must "$optimizer in 2 processes"
  done
  cmp -s two-$optimizer/checkpoint.safetensors again-$optimizer/checkpoint.safetensors || complain "$optimizer is not repeatable"
  train 3 classifier --resume two-$optimizer --steps 7
  must "$optimizer from 2 to 3 processes"
  "$MPI_SYMO" train classifier --resume two-$optimizer --steps 9 --threads 1 >/dev/null 2>&1 || complain "$optimizer from 3 to 1"
  train 3 classifier --resume again-$optimizer --steps 7
  cmp -s <(losses two-$optimizer | sed -n 1,7p) <(losses again-$optimizer | sed -n 1,7p) || complain "$optimizer: 3 processes are not repeatable"
  awk -v a="$(first one-$optimizer)" -v b="$(first two-$optimizer)" \
    'BEGIN { d = a - b; exit !(a != "" && d * d <= 1e-8 * b * b) }' ||
    complain "$optimizer ends elsewhere: $(first one-$optimizer), $(first two-$optimizer)"
  "$MPI_SYMO" eval --checkpoint two-$optimizer/checkpoint.safetensors >/dev/null 2>&1 || complain "$optimizer: no checkpoint to read"
done

# ---- measured: the state is divided, and bytes are those of the model ----

run 2 bench ranks --only 'steps memory' --json
must "bench ranks"
figure() { grep -A4 "\"2 processes: $1\"" stdout | sed -n "s/.*\"$2\": \([0-9.e+-]*\),\{0,1\}/\1/p"; }
for preset in adamw symo sophia-h; do
  awk -v r="$(figure "$preset, state and work space" ratio)" 'BEGIN { exit !(r > 0.9 && r <= 1) }' ||
    complain "the state of $preset is not half: $(figure "$preset, state and work space" ratio)"
done
awk -v r="$(figure 'soap, sent' ratio)" 'BEGIN { exit !(r > 0.99 && r <= 1) }' || complain "bytes: $(figure 'soap, sent' ratio)"
run 2 bench hessian
fails 2 "hessian works in one process"

# ---- Hessians and spectra: the directions, or the examples, are shared ----

compare=(compare --data digits --net 64-6-10 --examples 40 --no-plots --threads 1)
run 3 "${compare[@]}" --out compare-3
must "compare in 3 processes"
"$MPI_SYMO" "${compare[@]}" --out compare-1 >/dev/null 2>&1 || complain "compare in one process"
for folder in compare-1 compare-3; do grep -v -e seconds -e '"out"' $folder/results.json >$folder.json; done
cmp -s compare-1.json compare-3.json || complain "compare has other figures in 3 processes: $(diff compare-1.json compare-3.json | head -n 4)"
# ..and runs are: of --seeds 4 the first by all, then a round of three; of a sweep over 2 values four rounds of two.
several=("${compare[@]}" --seeds 4 --sweep depth --sweep-values 1,2)
"$MPI_SYMO" "${several[@]}" --out several-1 >alone 2>/dev/null || complain "compare of 4 seeds in one process"
figures() { grep -v -e seconds -e '"out"' "$1"; }
table() { sed -E 's/several-[0-9]//; s/ +[0-9.e-]+$//; /second/d' "$1"; } # without the last column, seconds
for n in 2 3; do
  run $n "${several[@]}" --out several-$n
  must "compare of 4 seeds in $n processes"
  cmp -s <(figures several-1/results.json) <(figures several-$n/results.json) ||
    complain "runs of $n processes have other figures: $(diff <(figures several-1/results.json) <(figures several-$n/results.json) | head -n 4)"
  cmp -s <(table alone) <(table stdout) || complain "the tables of $n processes differ: $(diff <(table alone) <(table stdout) | head -n 4)"
done
# One of the processes cannot take its run: one line, one code, and none that waits.
timeout 60 mpirun -n 1 "$MPI_SYMO" "${several[@]}" --out failing : -n 1 bash -c 'ulimit -v 1200000; exec "$@"' _ \
  "$MPI_SYMO" "${several[@]}" --sweep-values 1,200 --out failing >stdout 2>stderr
code=$?
{ [ $code -ne 0 ] && [ $code -ne 124 ] && [ "$(errors)" -eq 1 ]; } || complain "a run that fails in one process: $code: $(cat stderr)"
spectrum=(spectrum --data digits --net 64-6-10 --examples 40 --eigenpairs 3 --probes 4 --steps 20 --no-plots --threads 1)
run 2 "${spectrum[@]}" --out spectrum-2 --json
must "spectrum in 2 processes"
"$MPI_SYMO" "${spectrum[@]}" --out spectrum-1 --json >alone 2>/dev/null || complain "spectrum in one process"
numbers() { grep -oE '[-0-9.]+e?[-+0-9]*,?$' "$1" | tr -d ,; }
paste <(numbers alone) <(numbers stdout) | awk '{ d = $1 - $2; if (d * d > 1e-12 * $1 * $1 + 1e-20) bad = 1 } END { exit bad || NR < 10 }' ||
  complain "spectrum has other figures in 2 processes"
for prior in zero kfac; do
  lowrank=(lowrank --data digits --net 64-6-10 --examples 40 --products 40 --rank 6 --residual 4 --prior $prior --dtype f64 --threads 1)
  run 2 "${lowrank[@]}" --out lowrank-2 --json
  must "lowrank in 2 processes"
  "$MPI_SYMO" "${lowrank[@]}" --out lowrank-1 --json >alone 2>/dev/null || complain "lowrank in one process"
  paste <(grep -v seconds alone | grep -oE '[-0-9.]+e?[-+0-9]*,?$' | tr -d ,) <(grep -v seconds stdout | grep -oE '[-0-9.]+e?[-+0-9]*,?$' | tr -d ,) |
    awk '{ d = $1 - $2; if (d * d > 1e-12 * $1 * $1 + 1e-20) bad = 1 } END { exit bad || NR < 10 }' ||
    complain "lowrank has other figures in 2 processes: $(diff alone stdout | head -n 4)"
  [ -s lowrank-2/h-lr.safetensors ] || complain "lowrank wrote nothing"
done
run 2 spectrum --data digits --net 64-6-10 --exponents --out exponents
fails 2 "--exponents: works in one process"

# ---- a sweep: as many runs at the same time, the same figures ----

sweep=(classifier --grid optimizer=sgd,symo --grid lr=0.01,0.02 --seeds 2 --steps 3 --batch 50 --threads 1)
run 3 sweep "${sweep[@]}" --out sweep-3
must "a sweep in 3 processes"
"$MPI_SYMO" sweep "${sweep[@]}" --out sweep-1 >/dev/null 2>&1 || complain "a sweep in one process"
points() { grep -v seconds "$1/sweep.json"; }
[ "$(points sweep-1)" = "$(points sweep-3)" ] || complain "a sweep has other figures in 3 processes"
[ "$(find sweep-3 -name summary.json | wc -l)" -eq 8 ] || complain "a sweep lacks runs"

# ---- errors: one line, the right code, all processes end ----

train 2 "${small[@]}" --out ranks-2
fails 4 "holds a run that has ended"
run 2 train classifier --stepz 3
fails 2 "--stepz"
run 2 groups
fails 2 "works in one process"
timeout 60 mpirun -n 2 "$SYMO" train "${small[@]}" --out alone >stdout 2>stderr
code=$?
[ $code -eq 2 ] && grep -q "make MPI=1" stderr || complain "a build that knows no MPI: $code"
timeout 60 mpirun -n 1 "$MPI_SYMO" train "${small[@]}" --out apart : \
  -n 1 "$MPI_SYMO" train "${small[@]}" --data nowhere.csv --out apart >stdout 2>stderr
code=$?
fails 4 "process 1: "
# The first process alone cannot write its checkpoint, while the other trains on.
timeout 60 mpirun -n 1 bash -c 'ulimit -f 20; exec "$@"' _ "$MPI_SYMO" train "${small[@]}" --out full : \
  -n 1 "$MPI_SYMO" train "${small[@]}" --out full >stdout 2>stderr
code=$?
fails 4 "full/"

# ---- signals, and processes that are killed ----

# endless DIR: a training without end, in $job; its second process in $second, once DIR has a checkpoint.
endless() {
  timeout 120 mpirun -n 2 "$MPI_SYMO" train classifier --steps 1000000 --checkpoint-every 20 \
    --threads 1 --out "$1" >stdout 2>stderr </dev/null &
  job=$!
  for _ in $(seq 300); do [ -e "$1/checkpoint.safetensors" ] && break; sleep 0.1; done
  second=$(pgrep -f "$MPI_SYMO train classifier --steps 1000000 .*--out $1\$" | while read -r pid; do
    tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx 'OMPI_COMM_WORLD_RANK=1' && echo "$pid"
  done)
}
if [ -d /proc/self ] && mpirun --version 2>/dev/null | grep -q 'Open MPI'; then
  endless stopped
  kill -TERM "$second"
  wait "$job"
  code=$?
  fails 143 "stopped by SIGTERM; the checkpoint is of step"
  endless killed
  kill -KILL "$second"
  wait "$job"
  [ $? -ne 0 ] || complain "a process that was killed is no failure"
  at=$(tr -c '[:print:]' '\n' <killed/checkpoint.safetensors | grep -oE '"step": ?"[0-9]+"' | head -n 1 |
    tr -dc 0-9)
  train 2 classifier --resume killed --steps $((at + 3))
  must "resumption of a run that was killed"
  train 2 classifier --steps $((at + 3)) --checkpoint-every 20 --out unbroken
  same killed unbroken "resumption"
fi
[ $faults -eq 0 ] || { echo "$faults faults" >&2; exit 1; }
