#!/bin/sh
# Start the S3 server of the image that S3_IMAGE names, on port 9000, with one pair of keys: MinIO or SeaweedFS.
# `s3.sh healthy` checks whether it answers.
set -eu
if command -v weed > /dev/null; then
    [ "${1:-}" != healthy ] || exec nc -z 127.0.0.1 9000
    identity='{"identities": [{"name": "parley", "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        "credentials": [{"accessKey": "%s", "secretKey": "%s"}]}]}'
    umask 077
    # shellcheck disable=SC2059 # the format is the line above
    printf "$identity" "$S3_ACCESS_KEY" "$S3_SECRET_KEY" > /tmp/s3.json
    exec weed server -dir=/data -volume.max=0 -master.volumeSizeLimitMB=1024 -s3 -s3.port=9000 -s3.config=/tmp/s3.json
fi
[ "${1:-}" != healthy ] || exec mc ready local
export MINIO_ROOT_USER="$S3_ACCESS_KEY" MINIO_ROOT_PASSWORD="$S3_SECRET_KEY"
exec minio server /data --address :9000
