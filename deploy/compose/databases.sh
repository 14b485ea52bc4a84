#!/bin/sh
# Create a database and a role for each <SERVICE>_DATABASE_PASSWORD of the environment. The role owns that database and
# can connect to no other. Existing ones are kept, but their passwords are set to those of the environment.
set -eu
env | sed -n 's/^\([A-Z]*\)_DATABASE_PASSWORD=..*/\1/p' | sort | while read -r prefix; do
    name=$(echo "$prefix" | tr '[:upper:]' '[:lower:]')
    psql -X -q -v ON_ERROR_STOP=1 -v name="$name" -v variable="${prefix}_DATABASE_PASSWORD" -d postgres > /dev/null <<'SQL'
\getenv password :variable
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
SELECT format('CREATE ROLE %I LOGIN', :'name') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
ALTER ROLE :"name" PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
    echo "database $name is there"
done
