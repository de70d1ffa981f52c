#!/usr/bin/env bash
# tests/coverage.sh counts the sources and kernels of every folder, and nothing else: run on a small
# tree of its own.
set -eu
command -v gcov >/dev/null || { echo "gcov is not installed"; exit 77; }
mkdir -p "$WORK/tests" "$WORK/core" "$WORK/net/attention" "$WORK/cli" "$WORK/io" \
  "$WORK/experiments/examples"
cd "$WORK"
cp "$SOURCE/tests/coverage.sh" tests/
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
tests/coverage.sh build >out
for file in core/core.c core/kernels.inc net/attention/net.c cli/cli.c io/unreached.c; do
  grep -q "$file" out || { echo "$file is not counted:"; cat out; exit 1; }
done
if grep -q 'example\|tests/' out; then
  echo "tests or examples are counted:"
  cat out
  exit 1
fi
grep -q '^lines: \|lines in all$' out || { echo "no total:"; cat out; exit 1; }
