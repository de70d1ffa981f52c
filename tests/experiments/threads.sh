#!/usr/bin/env bash
# The programs of tests/programs, in short: threads that share a plan have the bits of one after the
# other (`make test-tsan` looks at their memory), and two thousand steps hold what they should (`make
# test-long`: a million).
set -eu
export OPENBLAS_NUM_THREADS=1
"$BUILD/tests/threads" 5
"$BUILD/tests/long_run" 2000
