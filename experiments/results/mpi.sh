#!/usr/bin/env bash
# What docs/scaling.md says of 1, 2 and 4 processes of this machine: a training step of a GPT, divided
# (strong scaling), roots of two matrices a process (weak scaling), memory of every preset, and what a
# single process of a build with MPI takes more than one of a build without.
# SYMO, MPI_SYMO: the commands of both builds (make; make MPI=1).
set -euo pipefail
SYMO=${SYMO:-build/symo}
MPI_SYMO=${MPI_SYMO:-build-mpi/symo}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OPENBLAS_NUM_THREADS=1
rounds=${ROUNDS:-5}

# milliseconds FILE: of the processor, gradient and optimizer of three methods.
milliseconds() {
  grep -A1 -E '"1 process: [a-z]*, (gradient|optimizer)"' "$1" | sed -n 's/.*"figure": \([0-9.e+-]*\).*/\1/p' |
    awk '{ sum += $1 } END { print sum }'
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo "one process: milliseconds of the processor, of a step with each of adamw, symo, soap; the least of $rounds, in turn"
for ((round = 0; round < rounds; round++)); do
  "$SYMO" bench ranks --only steps --json >"$folder/plain" 2>/dev/null
  milliseconds "$folder/plain" >>"$folder/plain-all"
  mpirun -n 1 "$MPI_SYMO" bench ranks --only steps --json >"$folder/mpi" 2>/dev/null
  milliseconds "$folder/mpi" >>"$folder/mpi-all"
done
least() { sort -g "$1" | head -n 1; }
awk -v a="$(least "$folder/plain-all")" -v b="$(least "$folder/mpi-all")" \
  'BEGIN { printf "without MPI %.2f, mpirun -n 1 %.2f: %+.2f %%\n", a, b, 100 * (b / a - 1) }'
for ranks in 1 2 4; do
  printf '\n$ mpirun -n %d symo bench ranks\n' $ranks
  mpirun -n $ranks "$MPI_SYMO" bench ranks 2>/dev/null
done
