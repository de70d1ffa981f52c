#!/usr/bin/env bash
# make install into a DESTDIR: a program finds the library through pkg-config, shared and static;
# the shared library exports what the public headers declare and nothing else; uninstall leaves
# nothing.
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
for file in bin/symo lib/libsymo.a lib/pkgconfig/symo.pc include/symo/symo.h \
  share/symo/data/digits.csv.gz; do
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
fi

run_make uninstall
left=$(find "$root" -type f -o -type l)
[ -z "$left" ] || fail "uninstall leaves $left"
