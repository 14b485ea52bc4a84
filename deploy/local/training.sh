#!/bin/sh
# Prepares .local/training, the Python environment that trains the offline scorer. Does nothing if it exists.
set -eu
cd "$(dirname "$0")/../.."
VENV=.local/training
export UV_CACHE_DIR="$PWD/.local/cache" UV_LINK_MODE=hardlink
PATH="$PWD/.local/uv/bin:$PATH"

[ "$(cat "$VENV/prepared" 2>/dev/null)" != "$(cksum <training/requirements.txt)" ] || exit 0
index=$(python3 -m pip config get global.index-url 2>/dev/null || true)
[ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
echo "Installing the packages for training"
uv venv --quiet --clear --python .local/venv/bin/python "$VENV"
uv pip sync --quiet --python "$VENV/bin/python" --require-hashes training/requirements.txt
uv pip install --quiet --python "$VENV/bin/python" --no-deps -e shared -e services/scoring
cksum <training/requirements.txt >"$VENV/prepared"
