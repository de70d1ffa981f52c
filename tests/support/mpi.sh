# Sourced by tests of several processes: $MPI_SYMO, and what mpirun wants.
# shellcheck shell=bash
command -v mpirun >/dev/null || { echo "no mpirun (./bootstrap deps --mpi)"; exit 77; }
[ -z "${SANITIZED:-}" ] || { echo "MPI itself is not clean under sanitizers"; exit 77; }
if [ -z "${MPI_SYMO:-}" ]; then
  command -v mpicc >/dev/null || { echo "no mpicc (./bootstrap deps --mpi)"; exit 77; }
  MPI_SYMO=$WORK/symo
  build=(make -s -C "$SOURCE" MPI=1 "BUILD=$WORK/mpi" "CC=$CC")
  "${build[@]}" "$WORK/mpi/obj/cli/ranks_mpi.o" >"$WORK/out" 2>&1 || { cat "$WORK/out"; exit 1; }
  libs=$("${build[@]}" --eval 'libs: ; @echo $(EXE_LIBS)' libs) || exit 1
  read -r -a objects <<<"$(tr ' ' '\n' <"$BUILD/cmd-list" | grep -E '/obj/(net|cli|experiments)/' |
    grep -v ranks_one | tr '\n' ' ')"
  # shellcheck disable=SC2086 # a list of flags
  (cd "$SOURCE" && "$CC" -o "$MPI_SYMO" "${objects[@]}" "$WORK/mpi/obj/cli/ranks_mpi.o" \
    "$BUILD/libsymo.a" -pthread $libs) || exit 1
fi
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OPENBLAS_NUM_THREADS=1
