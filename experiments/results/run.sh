#!/usr/bin/env bash
# Makes docs/results again: ./experiments/results/run.sh [NAME...]   (SYMO: the command)
set -euo pipefail
symo=${SYMO:-$(dirname "$0")/../../build/symo}
[ -x "$symo" ] || { echo "no $symo (run make first)"; exit 1; }
symo=$(cd "$(dirname "$symo")" && pwd)/$(basename "$symo")
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../docs/results"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# NAME KEPT ARGUMENTS...: the command line and what it printed in NAME/output.txt, and the files KEPT.
compare() {
  local name=$1 kept=$2 file
  shift 2
  wanted "$name" || return 0
  mkdir -p "$name"
  echo "symo compare $*"
  { echo "\$ symo compare $*"; "$symo" compare "$@" --out "$work/$name"; } >"$work/out"
  sed "s|$work/||" "$work/out" >"$name/output.txt"
  for file in $kept; do
    cp "$work/$name/$file" "$name/"
    small "$name/$file"
  done
}
# Pictures above 200 KiB keep 32 colours (pngquant).
small() {
  [[ $1 == *.png && $(wc -c <"$1") -gt 204800 ]] || return 0
  pngquant 32 --nofs --strip --force --output "$1" "$1"
}
# NAME ARGUMENTS...: one more command and its output at the end of NAME/output.txt.
also() {
  local name=$1
  shift
  wanted "$name" || return 0
  echo "symo compare $*"
  { echo; echo "\$ symo compare $*"; "$symo" compare "$@" --no-plots --out "$work/$name"; } >"$work/out"
  sed "s|$work/||" "$work/out" >>"$name/output.txt"
}
bench() {
  local name=$1
  shift
  wanted "$name" || return 0
  mkdir -p "$name"
  echo "symo bench $*"
  { echo "\$ symo bench $*"; "$symo" bench "$@"; } >"$name/output.txt"
}
names=("$@")
wanted() { [ ${#names[@]} -eq 0 ] || [[ " ${names[*]} " == *" $1 "* ]]; }

teacher=(--data teacher --net 3-64-2 --act tanh --loss mse)
compare digits "matrices.png spectra.png cosines.png results.json" --data digits --seeds 3
compare central-fact "sweep.png matrices.png" "${teacher[@]}" --no-bias --sweep scale --seeds 5
compare central-fact-biases "sweep.png" "${teacher[@]}" --sweep scale --seeds 5
compare more-inputs "" --data teacher --net 20-64-5 --sweep scale --seeds 5 \
  --sweep-values 0.001,0.01,0.1
compare training "sweep.png" --data digits --net 64-16-10 --sweep steps --seeds 3
compare width "sweep.png" "${teacher[@]}" --sweep width --seeds 3
compare depth "sweep.png" --data teacher --net 3-24-2 --sweep depth --seeds 3
compare activation "sweep.png" "${teacher[@]}" --sweep activation --seeds 3
compare groups "sweep.png" "${teacher[@]}" --sweep groups --seeds 3 \
  --sweep-values identity,sign-flip,permutation,signed-permutation,orthogonal

# Other networks, digits as sequences of rows and as images.
rnn=(--data digits --net rnn:8-12-10 --examples 300 --seeds 3)
zero=(--data digits --net conv:8x8x1-c16k3-p4-10 --examples 150 --seeds 3)
circular=(--data digits --net conv:8x8x1-c16k3c-p4-10 --examples 150 --seeds 3)
compare rnn "sweep.png" "${rnn[@]}" --sweep scale --sweep-values 0.01,0.03,0.1,0.3,1
also rnn "${rnn[@]}" --uncentered --sweep scale --sweep-values 0.01,0.03,0.1,0.3,1
compare rnn-training "sweep.png" "${rnn[@]}" --sweep steps --sweep-values 0,10,30,100,300
compare rnn-groups "cost.png" "${rnn[@]}" --sweep groups \
  --sweep-values "identity,sign-flip,cyclic,permutation,signed-permutation,orthogonal,\
product(cyclic 4, permutation 3),sum(permutation 6, permutation 6),wreath(3, permutation 4)"
compare conv "cosines.png" "${zero[@]}"
also conv "${circular[@]}"
also conv "${zero[@]}" --act relu
also conv "${circular[@]}" --act relu
compare conv-training "sweep.png" "${zero[@]}" --sweep steps --sweep-values 0,30,100
compare conv-deep "" --data digits --net conv:8x8x1-c4k3-p2-c8k3-p4-10 --examples 300 --seeds 3
compare conv-groups "cost.png" --data digits --net conv:8x8x1-c16k3-p8-10 --examples 150 --seeds 3 \
  --act relu --sweep groups --sweep-values "identity,sign-flip,permutation,signed-permutation,\
scaling(1),scaling(1, permute),scaling(1, signs, permute),\
product(cyclic 4, permutation 4),wreath(4, permutation 4)"

# The method's promise on one network: what is had is set by the group.
group_list="identity,sign-flip,cyclic,dihedral,permutation,signed-permutation,orthogonal,\
scaling(0.3),scaling(1),scaling(3),scaling(1, signs),scaling(1, permute),scaling(3, permute),\
scaling(1, signs, permute),product(cyclic 4, permutation 4),product(permutation 4, permutation 4),\
sum(permutation 8, permutation 8),wreath(4, permutation 4),wreath(4, orthogonal 4)"
one=(--data teacher --net 10-16-5 --sweep groups --sweep-values "$group_list" --seeds 3)
compare groups-tanh "cost.png" "${one[@]}" --act tanh
compare groups-relu "cost.png" "${one[@]}" --act relu
bench bench-estimate estimate
bench bench-hessian hessian
bench bench-shared shared --threads 1
bench bench-optim optim

# AdamW beside torch's, where there is torch (PYTHON: the interpreter that has it).
python=${PYTHON:-python3}
if wanted adamw && ! "$python" -c 'import torch' 2>/dev/null; then
  echo "adamw: needs torch; left as it is" >&2
elif wanted adamw; then
  mkdir -p adamw
  {
    for threads in 1 2; do
      echo "\$ python3 experiments/results/adamw.py build/libsymo.so $threads"
      "$python" "$here/adamw.py" "$(dirname "$symo")/libsymo.so" $threads
      echo
    done
    for preset in adamw sgd; do
      echo "\$ symo bench optim --only $preset --threads 1 --repeats 31"
      "$symo" bench optim --only $preset --threads 1 --repeats 31
    done
  } >adamw/output.txt
fi

# Muon and Symo beside torch's Muon, under two kernel families where the machine has both.
if wanted matrices && ! "$python" -c 'import torch' 2>/dev/null; then
  echo "matrices: needs torch; left as it is" >&2
elif wanted matrices; then
  mkdir -p matrices
  kernels=(Haswell)
  ! grep -q avx512f /proc/cpuinfo || kernels+=(SkylakeX)
  for kind in "${kernels[@]}"; do
    echo "\$ OPENBLAS_CORETYPE=$kind python3 experiments/results/matrices.py build/libsymo.so 1"
    OPENBLAS_CORETYPE=$kind "$python" "$here/matrices.py" "$(dirname "$symo")/libsymo.so" 1
    echo
  done >matrices/output.txt
fi

# Teacher-student: the published settings, then those tuned on seeds 101 to 108 (see README.md).
# NAME OPTIONS...: ten seeds of one method.
students() {
  local name=$1
  shift
  echo "symo sweep teacher-student $*" >&2
  echo "\$ symo sweep teacher-student --seeds 10 --threads 1 $*   ($name)"
  "$symo" sweep teacher-student --seeds 10 --threads 1 --checkpoint-every 0 "$@" \
    --out "$work/students/$name" >/dev/null 2>&1
}
tuned_ema=(--set schedule=cosine --set momentum_ema=true --set momentum_correction=true)
if wanted teacher-student; then
  mkdir -p teacher-student
  {
    students symo-published --optimizer symo-published
    students shampoo --optimizer shampoo --lr 0.8 --set momentum=0
    students adam --optimizer adam --lr 0.01
    students sgd --optimizer sgd --lr 0.8
    students tuned --optimizer ../../experiments/examples/optim-teacher-student.json
    students tuned-full --optimizer symo-published "${tuned_ema[@]}" --set lr=0.08 --set min_lr=0.003 \
      --set momentum=0.3 --set warmup_steps=2 --set total_steps=17
    students muon-tuned --optimizer muon-exact "${tuned_ema[@]}" --set lr=0.364 \
      --set min_lr=0.0042 --set momentum=0.33 --set nesterov=false --set total_steps=15
    students shampoo-tuned --optimizer shampoo --set momentum=0 --set lr=0.514 --set schedule=linear \
      --set min_lr=0.0014 --set total_steps=15 --set beta2=0.457
    echo
    python3 "$here/teacher-student.py" "$work/students" symo-published shampoo adam sgd tuned tuned-full \
      muon-tuned shampoo-tuned
  } >teacher-student/output.txt
  (cd "$work/students" && "$symo" plot symo-published shampoo adam sgd tuned --out curves >/dev/null 2>&1)
  cp "$work/students/curves.png" teacher-student/
fi
