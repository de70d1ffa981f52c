#!/usr/bin/env bash
# Installs the peers from the package index into an environment outside the tree, and runs peers.py.
# Writes docs/results/peers.md.  With SYMO_DATA (a folder with tinyshakespeare.txt) and TRAIN=STEPS
# it trains as well.
#   PEERS=FOLDER   where the environment lies (~/.cache/symo-peers)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
peers=${PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/symo-peers}
if [ ! -x "$peers/bin/python" ]; then
  python3 -m venv "$peers"
  for package in numpy torch curvlinops-for-pytorch heavyball "jax[cpu]" python-somax; do
    "$peers/bin/python" -m pip install -q "$package" ||
      echo "peers: $package does not install; its rows are left out" >&2
  done
fi
extra=()
[ -z "${TRAIN:-}" ] || extra=(--train "$TRAIN" --data "${SYMO_DATA:?}/tinyshakespeare.txt")
"$peers/bin/python" "$here/peers.py" ${extra[@]+"${extra[@]}"} "$@" >"$root/docs/results/peers.md.new"
mv "$root/docs/results/peers.md.new" "$root/docs/results/peers.md"
