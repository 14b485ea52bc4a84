#!/bin/sh
# Locks the dependencies of all pyproject files: exact versions with hashes, for every platform, without index URLs.
# Locked versions stay unless `--upgrade` or `--upgrade-package NAME` is given.
set -eu
cd "$(dirname "$0")/../.."
PATH="$PWD/.local/uv/bin:$PATH"

compile() {
    uv pip compile --quiet --universal --python .local/venv/bin/python --python-version 3.12 --generate-hashes \
        --no-header --no-emit-index-url --no-emit-find-links --no-emit-package parley-shared "$@"
}

echo uv | compile - --output-file deploy/local/uv.txt "$@"
compile --group pyproject.toml:dev shared/pyproject.toml services/*/pyproject.toml \
    --output-file requirements-dev.txt "$@"
compile training/pyproject.toml services/scoring/pyproject.toml shared/pyproject.toml \
    --constraint requirements-dev.txt --output-file training/requirements.txt "$@"
for service in services/*/; do
    compile "${service}pyproject.toml" --constraint requirements-dev.txt --output-file "${service}requirements.txt"
done
# For the pages of /docs in the gateway's image, which runs none of its code.
echo fastapi-offline | compile - --no-deps --constraint requirements-dev.txt --output-file gateway/requirements.txt
compile shared/pyproject.toml --constraint requirements-dev.txt --output-file deploy/backup/requirements.txt
