#!/usr/bin/env bash
# make deb: three packages without errors of lintian, which would install here; out of them, in a root of
# their own, an outside program builds and runs, and the command finds its data.
# It compiles everything anew, so it runs only where DEB=1 (make test-deb).
set -u
[ "${DEB:-}" = 1 ] || { echo "DEB=1 is not set (make test-deb)"; exit 77; }
command -v dh >/dev/null || { echo "debhelper is not installed"; exit 77; }
test=deb
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"

build=$work/build
printf '#!/bin/sh\nexec %s "$@"\n' "${CC:-cc}" >cc # one word
chmod +x cc
if ! env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u SYMO -u WORK MAKEFLAGS=-j2 "${MAKE:-make}" -s -C "$root" BUILD="$build" deb \
  >log 2>&1; then
  echo "make deb: $(grep -iE 'error|missing' log | head -n 5)"
  exit 1
fi
for package in libsymo0 libsymo-dev symo; do
  set -- "$build"/deb/"$package"_*.deb
  [ -s "$1" ] || { fail "no package $package"; continue; }
  dpkg-deb -x "$1" system || fail "$package cannot be unpacked"
done
if command -v lintian >/dev/null; then
  lintian --fail-on error "$build"/deb/*.changes >lintian.out 2>&1 || fail "lintian: $(grep '^E:' lintian.out | head -n 5)"
fi
if [ "$(id -u)" -eq 0 ]; then
  dpkg --dry-run -i "$build"/deb/libsymo0_*.deb "$build"/deb/libsymo-dev_*.deb "$build"/deb/symo_*.deb >dry 2>&1 ||
    fail "would not install: $(tail -n 3 dry)"
fi
grep -rqF "$work" system/usr/lib system/usr/bin && fail "the folder of the build stands in what it installs"

triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
lib=$work/system/usr/lib/$triplet
export PKG_CONFIG_PATH=$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$work/system
# shellcheck disable=SC2046 # flags
./cc -std=c11 system/usr/share/doc/libsymo-dev/examples/quickstart.c $(pkg-config --cflags symo) "-L$lib" -lsymo -o quickstart ||
  fail "quickstart does not build"
[ "$(LD_LIBRARY_PATH=$lib ./quickstart)" = "Newton step of b: 1.260625 -1.146284 ..." ] || fail "quickstart"
if command -v cmake >/dev/null; then
  cmake -S system/usr/share/doc/libsymo-dev/examples -B examples -DCMAKE_C_COMPILER="$work/cc" -DCMAKE_PREFIX_PATH="$work/system/usr" -DSTATIC=ON >cmake 2>&1 &&
    cmake --build examples >>cmake 2>&1 && ./examples/quickstart >out || fail "CMake: $(tail -n 3 cmake)"
fi
(cd / && "$work/system/usr/bin/symo" doctor >"$work/out" 2>&1)
grep -q "digits  *$work/system/usr/bin/../share/symo/data" out || fail "digits: $(cat out)"
for page in symo symo-compare; do
  [ -s system/usr/share/man/man1/$page.1.gz ] || fail "no manual page $page"
done
[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
echo "the packages are sound"
