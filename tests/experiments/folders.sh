#!/usr/bin/env bash
# Which folder includes which: no include points up, and no circle of folders is left.
#
# The layers are core <- groups <- hessian <- optim <- io <- net <- cli <- experiments: a file includes
# its own layer and those before it.  Within them every folder with sources is a node.  A subfolder
# may include headers of the folders that it lies in.  A folder includes a header of its own subfolders
# only if that header is a registry, which has an X-list: such an edge closes no circle.
set -u
cd "$SOURCE" || exit 1
layers='core groups hessian optim io net cli experiments'

# "FILE HEADER R", R: 1 if the header is a registry.
edges() {
  local file header registry
  find $layers -name '*.[ch]' | sort | xargs grep -HoE '^ *# *include "[^"]+"' |
    sed -E 's/^([^:]*): *# *include "([^"]*)"$/\1 \2/' |
    while read -r file header; do
      [ -f "$header" ] || header=$(dirname "$file")/$header
      registry=0
      grep -qE '^#define [A-Z_]+_LIST\(X\)' "$header" 2>/dev/null && registry=1
      echo "$file $header $registry"
    done
}

check() {
  awk -v layers="$layers" '
  function folder(path) { sub("/[^/]*$", "", path); return path }
  function layer(path) { sub("/.*", "", path); return path }
  function within(a, b) { return index(a "/", b "/") == 1 }
  # Depth first from `at`; the folders on the way are way[1..depth].
  function visit(at, depth,    i, k, n, next_of) {
    state[at] = 1; way[depth] = at
    n = split(out[at], next_of, " ")
    for (i = 1; i <= n; i++) {
      if (state[next_of[i]] == 1) {
        for (k = depth; way[k] != next_of[i]; k--);
        print "circle:"; bad = 1
        for (; k < depth; k++) print "  " why[way[k], way[k + 1]]
        print "  " why[at, next_of[i]]
      } else if (state[next_of[i]] == 0) visit(next_of[i], depth + 1)
    }
    state[at] = 2
  }
  BEGIN { n = split(layers, names, " "); for (i = 1; i <= n; i++) rank[names[i]] = i }
  {
    from = folder($1); to = folder($2); count++
    if (!(layer(to) in rank)) next
    if (rank[layer(to)] > rank[layer(from)]) { print "up: " $1 " includes " $2; bad = 1 }
    if (from == to || ($3 && within(to, from)) || (from, to) in why) next
    why[from, to] = $1 " includes " $2
    out[from] = out[from] " " to
    folders[++m] = from
  }
  END {
    for (i = 1; i <= m; i++) if (state[folders[i]] == 0) visit(folders[i], 1)
    if (count < 100) { print "only " count + 0 " include lines"; bad = 1 }
    exit bad
  }'
}

# The check finds what it is for.
for wrong in 'core/a.c io/b.h' 'cli/a.c experiments/b.h' 'optim/x/a.h optim/y/b.h
optim/y/b.h optim/x/a.h' 'net/a.c net/attention/b.h
net/attention/b.c net/c.h'; do
  { yes 'core/a.c core/b.h 0' | head -n 100; sed 's/$/ 0/' <<<"$wrong"; } | check >/dev/null &&
    { echo "not found: $wrong"; exit 1; }
done
edges | check
