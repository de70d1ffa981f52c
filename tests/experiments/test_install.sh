#!/usr/bin/env bash
# make install into a DESTDIR: programs outside find the library through pkg-config and CMake, shared
# and static, in C and C++; the shared library exports what the public headers declare and the list in
# packaging/debian says, and nothing else; manual pages and completion have every option of --help, and there
# is a page of each header and function; uninstall leaves nothing.
# Environment: SOURCE, BUILD (all of it built), CC, WORK (an empty directory).
set -euo pipefail
cd "$SOURCE"
root=$WORK/root prefix=/opt/symo
# -o all: what is built is installed as it is, whatever flags it was built with.
run_make() {
  env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS "${MAKE:-make}" -s -o all BUILD="${BUILD#"$SOURCE"/}" PREFIX=$prefix \
    DESTDIR="$root" "$@"
}
fail() {
  echo "$*"
  exit 1
}

run_make install
lib=$root$prefix/lib
for file in bin/symo lib/libsymo.a lib/pkgconfig/symo.pc include/symo/symo.h lib/cmake/symo/symoConfig.cmake \
  share/symo/data/digits.csv.gz share/man/man1/symo.1 share/bash-completion/completions/symo \
  share/doc/symo/examples/step.c; do
  [ -s "$root$prefix/$file" ] || fail "$file is not installed"
done
grep -q gslcblas "$lib/pkgconfig/symo.pc" && fail "symo.pc links gslcblas, which hides OpenBLAS"
grep -q "$WORK" "$lib/pkgconfig/symo.pc" && fail "DESTDIR stands in symo.pc"
export PKG_CONFIG_PATH=$lib/pkgconfig
pkg-config --validate symo

cat >"$WORK/program.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <symo/symo.h>

/* BLAS, LAPACK, JSON and random numbers are all needed. */
int main(void) {
  double w[4] = {1, 2, 3, 4}, x[4];
  symo_const_vector gradient = {.dtype = SYMO_F64, .data = (const void *[]){w}};
  symo_vector step = {.dtype = SYMO_F64, .data = (void *[]){x}};
  symo_context *context;
  symo_layout *layout;
  symo_plan *plan;
  symo_hessian *hessian;
  symo_rng *rng;
  const char *json = "{\"spaces\": {\"h\": {\"dim\": 4, \"group\": \"permutation\"}},"
                     " \"tensors\": [{\"name\": \"w\", \"axes\": [\"h\"]}]}";
  if (strcmp(symo_version(), SYMO_VERSION_STRING) != 0) return 1;
  if (symo_context_create(&context) != SYMO_OK) return 2;
  if (symo_layout_from_json(context, json, &layout) != SYMO_OK) return 3;
  if (symo_plan_create(layout, NULL, &plan) != SYMO_OK) return 4;
  if (symo_estimate(plan, NULL, 1, &gradient, NULL, &hessian) != SYMO_OK) return 5;
  if (symo_hessian_solve(hessian, 1e-3, gradient, step) != SYMO_OK) return 6;
  if (symo_rng_create(context, 1, &rng) != SYMO_OK) return 7;
  printf("%s %d\n", symo_version(), symo_rng_uniform(rng) < 1 && x[3] > 0);
  symo_rng_destroy(rng);
  symo_hessian_destroy(hessian);
  symo_plan_destroy(plan);
  symo_layout_destroy(layout);
  symo_context_destroy(context);
  return 0;
}
END
read -r -a shared < <(pkg-config --define-variable=prefix="$root$prefix" --cflags --libs symo)
read -r -a static < <(pkg-config --define-variable=prefix="$root$prefix" --static --libs symo |
  sed "s/-lsymo//")
expected="$(pkg-config --modversion symo) 1"

"$CC" -std=c11 -Wall -Wextra -Wpedantic -Werror "$WORK/program.c" "${shared[@]}" -o "$WORK/program"
answer=$(LD_LIBRARY_PATH=$lib DYLD_LIBRARY_PATH=$lib "$WORK/program")
[ "$answer" = "$expected" ] || fail "with the shared library: $answer"
"$CC" -std=c11 -I"$root$prefix/include" "$WORK/program.c" "$lib/libsymo.a" \
  "${static[@]}" -o "$WORK/static"
answer=$("$WORK/static")
[ "$answer" = "$expected" ] || fail "with the static library: $answer"

# Everything static, by what symo.pc says alone, where all those archives are installed.
archives=1
case ${TEST_FLAGS:-} in *-fsanitize*) archives=0 ;; esac # never with -static
for name in gsl lapacke openblas jansson; do
  case $($CC -print-file-name=lib$name.a) in /*) ;; *) archives=0 ;; esac
done
if [ $archives -eq 1 ]; then
  read -r -a all < <(pkg-config --define-variable=prefix="$root$prefix" --static --cflags --libs symo)
  $CC -std=c11 -static "$WORK/program.c" "${all[@]}" -o "$WORK/all-static" 2>"$WORK/link" ||
    fail "does not link statically: $(tail -n 2 "$WORK/link")"
  answer=$("$WORK/all-static")
  [ "$answer" = "$expected" ] || fail "linked statically: $answer"
fi
# The installed examples, as their user builds them: by pkg-config and by CMake, shared and static, from a
# tree that was moved.
examples=$root$prefix/share/doc/symo/examples
newton="Newton step of b: 1.260625 -1.146284 ..."
ran() { # HOW FOLDER: the quickstart there prints what it should
  answer=$(LD_LIBRARY_PATH=$lib DYLD_LIBRARY_PATH=$lib "$2/quickstart") || fail "$1: quickstart ends with $?"
  [ "$answer" = "$newton" ] || fail "$1: quickstart prints $answer"
}
export PKG_CONFIG_SYSROOT_DIR=$root # where the prefix is meant from
outside() { # FOLDER WORDS...: make in the folder of examples
  mkdir "$1"
  env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u BUILD "${MAKE:-make}" -s -C "$examples" CC="$CC" BUILD="$1" \
    LDFLAGS="-L$lib" "${@:2}" >"$1/log" 2>&1 || fail "examples do not build: $(tail -n 3 "$1/log")"
}
sysroot=$(pkg-config --cflags symo)
case $sysroot in
*"$root$prefix/include"*)
  outside "$WORK/shared-examples"
  ran "pkg-config" "$WORK/shared-examples"
  ;;
*) fail "pkg-config --cflags symo says $sysroot" ;;
esac
unset PKG_CONFIG_SYSROOT_DIR
if command -v cmake >/dev/null; then
  cp -R "$root$prefix" "$WORK/moved"
  for static in OFF ON; do
    cmake -S "$WORK/moved/share/doc/symo/examples" -B "$WORK/cmake-$static" -DCMAKE_C_COMPILER="$CC" \
      -DCMAKE_PREFIX_PATH="$WORK/moved" -DSTATIC=$static >"$WORK/cmake" 2>&1 &&
      cmake --build "$WORK/cmake-$static" >>"$WORK/cmake" 2>&1 ||
      fail "cmake, STATIC=$static: $(tail -n 5 "$WORK/cmake")"
    lib=$WORK/moved/lib ran "cmake, STATIC=$static" "$WORK/cmake-$static"
  done
  printf 'cmake_minimum_required(VERSION 3.10)\nproject(p C)\nfind_package(symo 0.999 REQUIRED)\n' >"$WORK/moved/CMakeLists.txt"
  cmake -S "$WORK/moved" -B "$WORK/cmake-new" -DCMAKE_PREFIX_PATH="$WORK/moved" >"$WORK/cmake" 2>&1 &&
    fail "CMake takes symo ${expected% 1} for 0.999"
else
  echo "cmake is not installed: find_package(symo) was not tried"
fi

# Headers, each by itself, and a program in C++.
cxx=$(command -v "${CXX:-c++}" || true)
if [ -n "$cxx" ]; then
  for header in "$root$prefix"/include/symo/*.h; do
    for standard in c++11 c++17; do
      "$cxx" -x c++ -std=$standard -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
        -I"$root$prefix/include" "$header" || fail "$(basename "$header") is no $standard"
    done
  done
  cat >"$WORK/program.cpp" <<'END'
#include <symo/symo.h>
#include <cstdio>
int main() {
  double w[4] = {1, 2, 3, 4}, x[4];
  const void *from[] = {w};
  void *to[] = {x};
  symo_const_vector gradient = symo_const_vector();
  gradient.dtype = SYMO_F64, gradient.data = from;
  symo_vector step = symo_vector();
  step.dtype = SYMO_F64, step.data = to;
  symo_hessian *h = nullptr;
  if (symo_hessian_open("h: permutation 4; w[h]", "h-g", gradient, nullptr, &h, nullptr) != SYMO_OK) return 1;
  symo_status status = symo_hessian_solve(h, 1e-3, gradient, step);
  symo_hessian_destroy(h);
  std::printf("%s %d\n", symo_version(), status == SYMO_OK && x[3] > 0);
}
END
  # shellcheck disable=SC2086 # flags
  "$cxx" -std=c++11 ${TEST_FLAGS:-} "$WORK/program.cpp" "${shared[@]}" -o "$WORK/cpp"
  answer=$(LD_LIBRARY_PATH=$lib DYLD_LIBRARY_PATH=$lib "$WORK/cpp")
  [ "$answer" = "$expected" ] || fail "from C++: $answer"
fi

# The pages and the completion say what --help says.
symo=$root$prefix/bin/symo
for command in $("$symo" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
  page=$root$prefix/share/man/man1/symo-$command.1
  [ -s "$page" ] || fail "there is no page of $command"
  "$symo" "$command" --help | sed -n 's/^  --\([a-z0-9-]*\).*/\1/p' | sort >"$WORK/help"
  sed -n 's/^\\fB\\-\\-\([a-z0-9\-]*\)\\fR.*/\1/p' "$page" | tr -d '\\' | sort >"$WORK/page"
  [ -s "$WORK/help" ] && diff "$WORK/help" "$WORK/page" || fail "the page of $command has other options than --help"
  grep -qF "symo\\-$command " "$root$prefix/share/man/man1/symo.1" || fail "symo.1 does not name $command"
  (
    # shellcheck source=/dev/null
    . "$root$prefix/share/bash-completion/completions/symo"
    COMP_WORDS=(symo "$command" --) COMP_CWORD=2
    _symo
    printf '%s\n' "${COMPREPLY[@]#--}" | sort
  ) >"$WORK/completed"
  diff "$WORK/help" "$WORK/completed" || fail "completion of $command has other options than --help"
done
# The interface: a page of each header, with all that it declares, and one of each function that is exported.
pages=$root$prefix/share/man/man3
for header in "$root$prefix"/include/symo/*.h; do
  name=symo_$(basename "$header" .h)
  [ "$name" = symo_symo ] && name=symo
  [ -s "$pages/$name.3" ] || fail "there is no page of $(basename "$header")"
  grep -q "^$name "'\\- [A-Za-z]' "$pages/$name.3" || fail "$name.3 does not say what it is of"
  [ "$name" = symo ] || grep -qF "BR $name (3)" "$pages/symo.3" || [ "$name" = symo_plugin ] ||
    fail "symo.3 does not name $name"
done
for function in $(nm -g "$root$prefix/lib/libsymo.a" 2>/dev/null | sed -n 's/.* T _*\(symo_[a-z0-9_]*\)$/\1/p' | sort -u); do
  grep -q "^ $function@" packaging/debian/libsymo0.symbols || continue
  page=$pages/$function.3
  [ -s "$page" ] || fail "there is no page of $function"
  target=$(sed -n 's/^[.]so man3[/]//p' "$page")
  grep -q "$function(" "$pages/${target:-$function.3}" || fail "$function stands on no page"
done
if command -v groff >/dev/null; then
  for page in "$root$prefix"/share/man/man[13]/*; do
    (cd "$root$prefix/share/man" && groff -ww -man -Tutf8 -z "$page") 2>"$WORK/groff" || true
    [ -s "$WORK/groff" ] && fail "$(basename "$page"): $(head -n 2 "$WORK/groff")"
  done
fi
(
  # shellcheck source=/dev/null
  . "$root$prefix/share/bash-completion/completions/symo"
  completes() { # EXPECTED WORDS...
    COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2)) COMPREPLY=()
    _symo
    [ "${COMPREPLY[*]}" = "$1" ] || fail "completion of ${*:2}: ${COMPREPLY[*]}"
  }
  cd "$WORK" && mkdir complete && cd complete && : >layout.json
  completes layout symo lay
  completes "h-g h-g-bd" symo estimate --estimator h-g
  completes layout.json symo estimate --layout lay
  completes layout.json symo plot lay
  completes gemm symo bench ge
  completes "estimate eval export" symo help e
  completes "" symo train --steps la
) || exit 1

version=$("$root$prefix/bin/symo" --version)
case $version in *"${expected% 1}"*) ;; *) fail "symo --version: $version" ;; esac

if [ "$(uname -s)" = Linux ]; then
  readelf -d "$lib/libsymo.so" | grep -q 'SONAME.*libsymo\.so\.0' || fail "no SONAME libsymo.so.0"
  readelf -d "$lib/libsymo.so" | grep -q 'NEEDED.*gslcblas' && fail "libsymo.so needs gslcblas"
  nm -D --defined-only "$lib/libsymo.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
    sort >"$WORK/exported"
  sed -n 's/^ *\(symo_[a-z0-9_]*\);$/\1/p' "$BUILD/symo.map" | sort >"$WORK/declared"
  [ "$(wc -l <"$WORK/declared")" -gt 80 ] || fail "symo.map lists too little"
  diff "$WORK/declared" "$WORK/exported" || fail "declared (<) and exported (>) differ"
  sed -n 's/^ \(symo_[a-z0-9_]*\)@SYMO_0 [0-9.]*$/\1/p' packaging/debian/libsymo0.symbols >"$WORK/listed"
  diff "$WORK/listed" "$WORK/exported" ||
    fail "listed in packaging/debian/libsymo0.symbols (<) and exported (>) differ (make symbols, if that is meant)"
fi

run_make uninstall
left=$(find "$root" -type f -o -type l)
[ -z "$left" ] || fail "uninstall leaves $left"
