#!/bin/sh
# Upgrade a running system to another VERSION: migrations and queues first, then one replica after the other. If a new
# replica does not become healthy, the upgrade stops and the others stay unchanged. COMPOSE_FILE names the files; default: production.
set -eu
cd "$(dirname "$0")/../.."
export COMPOSE_FILE="${COMPOSE_FILE:-docker-compose.yml:deploy/compose.prod.yml}"
compose=deploy/compose/compose.sh
MAX_START_SECONDS=${MAX_START_SECONDS:-180}

list() { "$compose" config --services | grep -E -- "$1"; }
containers() { "$compose" ps -q "$1" | sort; }
health() { docker inspect --format '{{.State.Health.Status}}' "$1"; }

remove() {
    docker stop --time 30 "$1" > /dev/null
    docker rm "$1" > /dev/null
}

# Start another replica, wait until it is healthy, and stop an old one.
replace() {
    before=$(containers "$1")
    count=$(echo "$before" | wc -l)
    "$compose" up -d --no-deps --no-recreate --scale "$1=$((count + 1))" "$1" > /dev/null 2>&1
    new=$(containers "$1" | grep -vxF "$before")
    seconds=0
    until [ "$(health "$new")" = healthy ]; do
        seconds=$((seconds + 1))
        if [ "$seconds" -gt "$MAX_START_SECONDS" ]; then
            docker logs --tail 5 "$new" >&2
            remove "$new"
            echo "The new version of $1 is not healthy, see above. The replicas that were not replaced run on." >&2
            exit 1
        fi
        sleep 1
    done
    remove "$2"
}

for command in databases $(list '-migrate$') topology; do
    if ! "$compose" up --no-deps --exit-code-from "$command" "$command"; then
        echo "The running version stays: $command has failed, see above." >&2
        exit 1
    fi
done
for process in $(list '.' | grep -Ev '^(postgres|redis|rabbitmq|s3|databases|topology|backup|gateway|.*-migrate)$'); do
    for old in $(containers "$process"); do replace "$process" "$old"; done
    echo "$process is replaced"
done
"$compose" up -d --no-deps gateway
