#!/bin/sh
# Build the images: `images.sh game gateway`, or all of them. Their names are IMAGES/<service>:VERSION (parley/game:dev).
# PIP_CONFIG_FILE names pip's configuration for a package mirror. DOCKER_BUILD_OPTIONS adds options such as --network=host.
set -eu
cd "$(dirname "$0")/../.."
export DOCKER_BUILDKIT=1
services=$(python3 -c 'from deploy.services import SERVICES; print(*(service.name for service in SERVICES), "gateway", "backup")')
revision=$(git rev-parse HEAD 2> /dev/null || echo unknown)
for name in ${*:-$services}; do
    case $name in gateway | backup) target=$name ;; *) target=service ;; esac
    # shellcheck disable=SC2086 # several options
    docker build --quiet ${DOCKER_BUILD_OPTIONS:-} ${PIP_CONFIG_FILE:+--secret id=pip_config,src="$PIP_CONFIG_FILE"} \
        --file deploy/Dockerfile --target "$target" --build-arg SERVICE="$name" --build-arg REVISION="$revision" \
        --tag "${IMAGES:-parley}/$name:${VERSION:-dev}" . > /dev/null
    bytes=$(docker image inspect --format '{{.Size}}' "${IMAGES:-parley}/$name:${VERSION:-dev}")
    echo "${IMAGES:-parley}/$name:${VERSION:-dev} is built: $((bytes / 1000000)) MB"
done
