#!/bin/sh
# Start the whole system for development, and return once it is ready and has its demo data: `make up`.
set -eu
cd "$(dirname "$0")/../.."
PORT=${PORT:-8000}
compose=deploy/compose/compose.sh
export PYTHONDONTWRITEBYTECODE=1

python3 deploy/compose/prepare.py "$PORT"
user=$(sed -n 's/^PARLEY_USER=//p' .env)
if [ ! -e .compose/keys/game/receipt-public-keys.json ]; then
    docker run --rm --user "$user" --env ENVIRONMENT=development --volume "$PWD/.compose/keys:/keys" \
        "${IMAGES:-parley}/auth:${VERSION:-dev}" python -m shared new-keys /keys
    mv .compose/keys/signing-keys.json .compose/keys/auth/
    mv .compose/keys/receipt-signing-keys.json .compose/keys/scoring/
    mv .compose/keys/receipt-public-keys.json .compose/keys/game/
fi

"$compose" up --detach --remove-orphans

# Return whether the gateway answers at a path, using the program of its container's health check.
answers() { "$compose" exec -T gateway python -IS /usr/local/lib/parley/healthcheck.py 8000 "$1"; }
count() { "$compose" exec -T postgres psql -U postgres -At -d "$1" -c "SELECT count(DISTINCT $2) FROM $3"; }
game_knows_the_speeches() { [ "$(count game speech_id speech_revisions)" -ge "$(count content id speeches)" ]; }
wait_until() {
    tries=0
    until "$@" > .compose/answer 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 90 ] || { cat .compose/answer; echo "The system is not ready. See: $compose ps, $compose logs"; exit 1; }
        sleep 1
    done
}
wait_until answers /ready
wait_until answers /ready/workers

if [ "$(count content id speeches)" -eq 0 ]; then
    "$compose" run --rm --no-deps auth python -m auth seed
    "$compose" run --rm --no-deps --volume "$PWD/deploy/seed:/seed:ro" content python -m content seed --folder /seed
fi
wait_until game_knows_the_speeches
echo "The system is ready at http://127.0.0.1:$PORT. Below it are /docs and /admin; \`make demo\` plays a learner's journey."
