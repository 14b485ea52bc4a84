#!/bin/sh
# Roll an overlay out: `rollout.sh deploy/k8s/overlays/production`. Migrations and topology finish before anything else changes.
# They may take MAX_JOB_SECONDS, half an hour if it is not set.
set -eu
overlay=${1:?usage: rollout.sh <folder of an overlay>}
jobs='app.kubernetes.io/component in (migrate, topology)'
processes='app.kubernetes.io/component in (api, worker, gateway)'
others='app.kubernetes.io/component notin (api, worker, gateway, backup, migrate, topology)'

kubectl apply -k "$overlay" -l "$others"
kubectl -n parley delete job -l "$jobs" --ignore-not-found
kubectl apply -k "$overlay" -l "$jobs"
seconds=0
until kubectl -n parley wait job -l "$jobs" --for=condition=Complete --timeout=10s 2> /dev/null; do
    seconds=$((seconds + 10))
    failed=$(kubectl -n parley get job -l "$jobs" -o jsonpath='{.items[*].status.conditions[?(@.type=="Failed")].reason}')
    if [ -n "$failed" ] || [ "$seconds" -ge "${MAX_JOB_SECONDS:-1800}" ]; then
        echo "The running version stays: a Job has not completed. See kubectl -n parley logs -l '$jobs'" >&2
        exit 1
    fi
done
kubectl apply -k "$overlay"
kubectl -n parley rollout status deployment -l "$processes" --timeout=15m
