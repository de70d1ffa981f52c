#!/usr/bin/env bash
# Every function that the library exports stands in tests/interface with its bad arguments, or there
# among those without any (NOTHING_FAILS); and with a sound call while memory runs out and files fail
# (FAULTY), or among those that need neither (QUIET); and nothing stands there that is not exported.
set -u
map=$BUILD/symo.map
[ -s "$map" ] || { echo "$map is not there (make lib)"; exit 1; }
# Tables of modules are data, read-only (R) or with addresses in them (D).
tables=$(nm -g --defined-only "$BUILD/libsymo.a" | sed -n 's/^[0-9a-f]* [BDR] \(symo_[a-z0-9_]*\)$/\1/p' |
  sort -u)
exported=$(grep -o 'symo_[a-z0-9_]*' "$map" | sort -u | comm -23 - <(echo "$tables"))
tested=$(tr '\n' ' ' <<<"$(cat "$SOURCE"/tests/interface/*.c)" |
  grep -oE '(REFUSED|SILENT|GIVES|BAD_INPUTS|BAD_OUTPUTS|NOTHING_FAILS)\( *symo_[a-z0-9_]*' |
  sed 's/.*( *//' | sort -u)
faulty=$(tr '\n' ' ' <<<"$(cat "$SOURCE"/tests/interface/*.c)" |
  grep -oE '(FAULTY|FAULTY_WITH|QUIET)\( *symo_[a-z0-9_]*' | sed 's/.*( *//' | sort -u)
[ "$(wc -l <<<"$exported")" -gt 100 ] || { echo "only a few functions in $map"; exit 1; }
missing=$(comm -23 <(echo "$exported") <(echo "$tested"))
untried=$(comm -23 <(echo "$exported") <(echo "$faulty"))
gone=$(comm -13 <(echo "$exported") <(sort -u <<<"$tested
$faulty"))
[ -z "$missing" ] || echo "without a row of bad arguments in tests/interface:" $missing
[ -z "$untried" ] || echo "without a row of failures in tests/interface:" $untried
[ -z "$gone" ] || echo "in tests/interface, but not exported:" $gone
[ -z "$missing$untried$gone" ]
