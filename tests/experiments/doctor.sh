#!/usr/bin/env bash
# symo doctor: what it finds here, what it says is missing, and what to do; text, JSON, exit status.
set -u
test=doctor
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
unset SYMO_DATA OPENBLAS_CORETYPE

mkdir none some
printf '#!/bin/sh\necho "gnuplot 9.8 patchlevel 7"; echo more\n' >some/gnuplot
printf '#!/bin/sh\necho "3.99.1 symo 0.7.3 numpy 5.6.7 scipy - torch ?"\n' >some/python3
chmod +x some/*

# finds NAME TEXT: the line of that name begins so.
finds() { grep -qE "^  $1 +$2" out || fail "no \"$1 $2\" in: $(cat out err)"; }
# advises NAME TEXT: it is not there, and the line below says what to do.
advises() { grep -A1 "^  $1  .*not found" out | grep -q "note: .*$2" || fail "no advice on $1 in: $(cat out err)"; }

PATH=$work/none "$symo" doctor >out 2>err
[ $? -eq 0 ] || fail "exit $?: $(cat out err)"
[ -s err ] && fail "something on stderr: $(cat err)"
finds build '.*OpenBLAS'
finds kernels '[A-Z]'
finds threads '[1-9][0-9]* for [1-9][0-9]* processors?, by OPENBLAS_NUM_THREADS='
for rate in 'gemm f32' 'gemm f64' copy; do finds "$rate" '[1-9][0-9.]* G'; done
finds digits "/.*/digits.csv.gz"
advises tinyshakespeare.txt --data
advises mnist 'SYMO_DATA, ./data or'
advises gnuplot 'apt-get install gnuplot'
advises python3 'Python package'
grep -q '^no problems$' out || fail "there are problems: $(cat out)"

# What is there is found where the commands would find it.
mkdir -p data/mnist
: >data/tinyshakespeare.txt
: >data/mnist/train-images-idx3-ubyte
PATH=$work/some "$symo" doctor --threads 1 >out 2>err || fail "exit $?: $(cat out err)"
finds tinyshakespeare.txt data/tinyshakespeare.txt
finds mnist data/mnist
finds threads '1 for [1-9][0-9]* processors?$'
advises fashion-mnist --data
finds gnuplot 'gnuplot 9.8 patchlevel 7'
finds python3 3.99.1
finds 'python3 symo' 0.7.3
finds 'python3 numpy' 5.6.7
finds 'python3 torch' '[?]'
advises 'python3 scipy' 'pip install scipy'
printf '#!/bin/sh\nexit 3\n' >some/python3
PATH=$work/some "$symo" doctor >out 2>err || fail "exit $?: $(cat out err)"
advises python3 'does not run'

# Kernels of a processor without AVX2 where this one has it: a problem, and what to do about it.
OPENBLAS_CORETYPE=Prescott "$symo" doctor --json >out 2>err
status=$?
if grep -q '"kernels": "Prescott"' out && ! grep -q '"instructions": "base"' out; then
  [ $status -eq 1 ] || fail "old kernels: exit $status: $(cat out err)"
  problems=$(grep -c '"state": "problem"' out) # on a busy machine its rates may be among them
  grep -q "\"problems\": $problems\$" out || fail "old kernels: $(cat out)"
  grep -A3 '"name": "kernels"' out | grep -q 'unset OPENBLAS_CORETYPE' || fail "old kernels: $(cat out)"
fi
for key in version build kernels instructions threads processors memory_available gemm_f32_gflops \
  copy_gb_per_s findings problems; do
  grep -q "\"$key\": " out || fail "--json has no $key: $(cat out)"
done
fails 2 '--jsn' doctor --jsn
[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
echo "symo doctor says what there is and what is missing"
