#!/usr/bin/env bash
# tests/coverage.py counts the sources and kernels of every folder, and nothing else: run on a small
# tree of its own.
set -eu
command -v gcov >/dev/null || { echo "gcov is not installed"; exit 77; }
command -v python3 >/dev/null || { echo "python3 is not installed"; exit 77; }
"$CC" --version | grep -qi clang && { echo "gcov counts for gcc alone"; exit 77; }
mkdir -p "$WORK/tests" "$WORK/core" "$WORK/net/attention" "$WORK/cli" "$WORK/io" \
  "$WORK/experiments/examples"
cd "$WORK"
cp "$SOURCE/tests/coverage.py" tests/
printf 'static int KERNEL(int x) {\n  if (x > 0) return 1;\n  return 2;\n}\n' >core/kernels.inc
printf '#define KERNEL one\n#include "core/kernels.inc"\n' >core/core.c
printf 'int core(void) { return one(1); }\n' >>core/core.c
printf 'int net(void) { return 1; }\n' >net/attention/net.c
printf 'int cli(void) {\n  return 1;\n}\nint unused(void) {\n  return 2;\n}\n' >cli/cli.c
printf 'int unreached(void) { return 1; }\n' >io/unreached.c
printf 'int example(void) { return 1; }\n' >experiments/examples/example.c
printf 'int core(void), net(void), cli(void), example(void);\n' >tests/test.c
printf 'int main(void) { return core() + net() + cli() + example() - 4; }\n' >>tests/test.c
objects=()
for file in core/core.c net/attention/net.c cli/cli.c io/unreached.c experiments/examples/example.c \
  tests/test.c; do
  object=build/obj/${file%.c}.o
  mkdir -p "$(dirname "$object")"
  "$CC" -I. -O0 --coverage -c "$file" -o "$object"
  [ "$file" = io/unreached.c ] || objects+=("$object")
done
"$CC" --coverage "${objects[@]}" -o build/test
build/test
python3 tests/coverage.py build 'core/*' >out
for file in core/core.c core/kernels.inc net/attention/net.c cli/cli.c io/unreached.c; do
  grep -q "$file" out || { echo "$file is not counted:"; cat out; exit 1; }
done
if grep -q 'example\|tests/' out; then
  echo "tests or examples are counted:"
  cat out
  exit 1
fi
# Of the kernel two of three lines and one of two branches; of io nothing.
for line in ' 66.7 % of     3 lines   50.0 % of     2 branches  core/kernels.inc' \
  ' 75.0 % of     4 lines   50.0 % of     2 branches  core' \
  '  0.0 % of     1 lines  100.0 % of     0 branches  io' \
  'core/kernels.inc:3: not reached:   return 2;' 'core/kernels.inc:2: 1 branches not taken:   if (x > 0) return 1;'; do
  grep -qF -- "$line" out || { echo "no line \"$line\":"; cat out; exit 1; }
done
if python3 tests/coverage.py build --least 95 85 >out 2>err; then
  echo "the least is not asked for:"
  cat out err
  exit 1
fi
grep -qF 'less than 95 % of lines or 85 % of branches: core, io' err || { cat err; exit 1; }
python3 tests/coverage.py build --least 0 0 >out 2>err || { cat out err; exit 1; }
echo "tests/coverage.py counts lines and branches"
