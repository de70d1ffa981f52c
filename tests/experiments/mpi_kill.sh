#!/usr/bin/env bash
# kill -9 of one of two or three processes at random moments, KILLS times (4), half of them while a
# checkpoint is written: all processes end, with a line that says what to do; every checkpoint that is
# there opens; and the run, taken up again until it ends, has the bytes of one that was never killed.
# Then a file system that is full for the process that writes alone, at two moments of a checkpoint.
# MEMORY="1000 1501 ..": and of `symo compare`, for which memory runs out after as many allocations, MPI's among them.
# SEED makes other choices, OPTIMIZER another method than symo-pd, whose labels are apart from their tensors; MPI_SYMO as in mpi.sh.
set -u
faults=0
complain() { echo "$*" >&2; faults=$((faults + 1)); }
# shellcheck source=tests/support/mpi.sh
. "$SOURCE/tests/support/mpi.sh"
{ [ -d /proc/self ] && mpirun --version 2>/dev/null | grep -q 'Open MPI'; } || { echo "wants Open MPI and /proc"; exit 77; }
export OMPI_MCA_mpi_yield_when_idle=1
cd "$WORK" || exit 1
kills=${KILLS:-4}
RANDOM=${SEED:-1}

ranks=$((2 + RANDOM % 2))
options=(--net 64-48-10 --batch 60 --optimizer "${OPTIMIZER:-symo-pd}" --checkpoint-every 1 --eval-every 5 --threads 1)
steps=$((kills * 12))
train() { timeout 120 mpirun -n $ranks "$MPI_SYMO" train classifier "$@" >out 2>err </dev/null; }

# of RANK: the process of the run that goes on.
of() {
  pgrep -f "$MPI_SYMO train classifier .*killed" | while read -r pid; do
    tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx "OMPI_COMM_WORLD_RANK=$1" && echo "$pid"
  done
}
lines() { [ -e killed/metrics.jsonl ] && wc -l <killed/metrics.jsonl || echo 0; }
scratch() { find killed -name '.symo-*' 2>/dev/null | grep -q .; }

# moment HOW JOB: a few steps on; or as soon as a checkpoint is being written.
moment() {
  local beyond=$(($(lines) + 2 + RANDOM % 6))
  for _ in $(seq 3000); do
    { [ "$(lines)" -ge $beyond ] || ! kill -0 "$2" 2>/dev/null; } && break
    sleep 0.01
  done
  [ "$1" = write ] || { sleep "0.0$((RANDOM % 10))"; return; }
  for _ in $(seq 2000); do scratch && { writing=$((writing + 1)); return; }; done
}

train "${options[@]}" --steps $steps --out steady || complain "the run that is not killed: $?: $(cat err)"
landed=0 opened=0 writing=0 tried=0
while [ $landed -lt "$kills" ] && [ $tried -lt $((4 * kills)) ]; do
  tried=$((tried + 1))
  if [ -e killed/run.json ]; then
    train --resume killed --steps $steps &
  else
    rm -rf killed
    train "${options[@]}" --steps $steps --out killed &
  fi
  job=$!
  moment $([ $((tried % 2)) -eq 0 ] && echo write || echo any) $job
  victim=$((RANDOM % ranks))
  pid=$(of $victim)
  [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null
  start=$SECONDS
  wait $job
  code=$?
  [ $code -ne 0 ] || { [ -e killed/summary.json ] && { rm -rf killed; continue; }; complain "a process that was killed is no failure"; }
  [ $((SECONDS - start)) -le 60 ] || complain "the others ended after $((SECONDS - start)) s"
  grep -q "exited on signal 9" err || { [ $code -eq 0 ] || complain "exit $code: $(cat err)"; continue; }
  landed=$((landed + 1))
  grep -qE '^symo: process [01]: killed: told to end .*--resume killed goes on' err || quiet=$((${quiet:-0} + 1))
  for file in killed/checkpoint.safetensors killed/previous.safetensors killed/best.safetensors; do
    [ -e $file ] || continue
    "$MPI_SYMO" eval --checkpoint $file >out 2>err </dev/null || complain "$file: exit $?: $(cat err)"
    opened=$((opened + 1))
  done
done
if [ -e killed/run.json ]; then
  [ -e killed/summary.json ] || train --resume killed --steps $steps || complain "resumption: $?: $(cat err)"
else
  train "${options[@]}" --steps $steps --out killed || complain "at last: $?: $(cat err)"
fi
for file in checkpoint best; do
  cmp -s steady/$file.safetensors killed/$file.safetensors || complain "$file is not that of the run that was never killed"
done
[ -z "$(find killed -name '.*' -type f)" ] || complain "left $(find killed -name '.*' -type f)"
[ $landed -eq "$kills" ] || complain "only $landed kills"
[ "${quiet:-0}" -le $((landed / 4)) ] || complain "${quiet:-0} of $landed kills went without a word of the others"
echo "killed $landed times, $writing while a checkpoint was written: $opened checkpoints opened"

# ---- failures of one process alone ----

# alone RANK SHIM TEXT: of two processes RANK has the failure; of `command`, by default a training.
if "${CC:-cc}" -std=c11 -O1 -fPIC -shared -DSHIM_PRELOADED -I"$SOURCE" -o libshim.so \
  "$SOURCE/tests/support/shim.c" -ldl 2>out; then
  alone() {
    local shim=(env "SYMO_SHIM=$2" "SYMO_SHIM_MARK=$PWD/mark" "LD_PRELOAD=$PWD/libshim.so") one=() two=()
    if [ "$1" -eq 0 ]; then one=("${shim[@]}"); else two=("${shim[@]}"); fi
    rm -rf full mark
    timeout 60 mpirun -n 1 "${one[@]}" "${command[@]}" : -n 1 "${two[@]}" "${command[@]}" >out 2>err </dev/null
    code=$?
    [ -e mark ] || { complain "process $1, $2: did not happen"; return; }
    { [ $code -ne 0 ] && [ $code -ne 124 ]; } || complain "process $1, $2: exit $code"
    [ "$(grep -c '^symo: error: ' err)" -eq 1 ] && grep -q "^symo: error: .*$3" err || complain "process $1, $2: $(cat err)"
    [ ! -e full/checkpoint.safetensors ] || "$MPI_SYMO" eval --checkpoint full/checkpoint.safetensors >out 2>err </dev/null ||
      complain "process $1, $2: the checkpoint: $(cat err)"
    [ -z "$(find full -name '.symo-*' 2>/dev/null)" ] || complain "process $1, $2: left $(find full -name '.symo-*')"
  }
  command=("$MPI_SYMO" train classifier --net 64-20-10 --batch 50 --steps 30 --checkpoint-every 3 --threads 1 --out full)
  alone 0 sync:2:28 'No space left' # writes are MPI's as well: those mpi.sh has, by a limit
  alone 0 rename:3:28:always 'No space left'
  # Between the Hessian and the averages, which all take together.
  command=("$MPI_SYMO" compare --data digits --net 64-4-10 --examples 30 --no-plots --threads 1 --save-all --out full)
  alone 0 rename:0:28:always 'No space left'
  for after in ${MEMORY:-}; do alone $((after % 2)) "memory:$after:12" 'out of memory'; done
fi
[ $faults -eq 0 ] || { echo "$faults faults" >&2; exit 1; }
