#!/bin/sh
# Copy the programs for backups from PostgreSQL's image, with libraries that Python's image may lack: `postgresql.sh /opt/postgresql`.
set -eu
target=$1
mkdir -p "$target/bin" "$target/lib" "$target/programs"
for name in pg_dump pg_restore psql; do
    program=$(readlink -f "$(command -v "$name")")
    cp "$program" "$target/programs/$name"
    # The C library comes from the image in which they run.
    ldd "$program" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | grep -Ev '/lib(c|m|dl|rt|pthread|resolv)\.so' \
        | xargs -I{} cp -L {} "$target/lib/"
    printf '#!/bin/sh\nexec env LD_LIBRARY_PATH=%s %s "$@"\n' "$target/lib" "$target/programs/$name" > "$target/bin/$name"
    chmod 755 "$target/bin/$name"
done
