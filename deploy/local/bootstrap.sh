#!/bin/sh
# Prepares a clone: Python 3.12, the locked packages, RabbitMQ, espeak-ng, strace and Chromium. Does nothing if all are
# installed.
set -eu
umask 022
cd "$(dirname "$0")/../.."
LOCAL="$PWD/.local"
VENV="$LOCAL/venv"
export UV_CACHE_DIR="$LOCAL/cache" UV_PYTHON_INSTALL_DIR="$LOCAL/python" UV_LINK_MODE=hardlink

# Messages bypass the redirections below.
exec 3>&1
say() { printf '%s\n' "$*" >&3; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

fingerprint() {
    pwd
    cat deploy/local/bootstrap.sh requirements-dev.txt shared/pyproject.toml services/*/pyproject.toml | cksum
}

runs() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' >/dev/null 2>&1; }

prepared() {
    [ "$(cat "$LOCAL/prepared" 2>/dev/null)" = "$(fingerprint)" ] && runs "$VENV/bin/python" && [ -z "$(missing)" ]
}

has() { PATH="$PATH:/usr/lib/rabbitmq/bin:/opt/homebrew/sbin:/usr/local/sbin" command -v "$1" >/dev/null 2>&1; }

missing() {
    has rabbitmq-server || printf 'rabbitmq-server '
    has espeak-ng || printf 'espeak-ng '
    # Tests use it to trace a service's system calls.
    [ "$(uname)" != Linux ] || has strace || printf 'strace '
}

# Only the browser tests need it. If apt has no such package, as on Ubuntu, they are skipped.
has_browser() {
    has chromium || has google-chrome || [ -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ]
}

# The package would start a broker on the default ports, now and at every boot. Parley runs its own broker, so a
# policy refuses the start during the installation and the service is disabled. An existing broker is not changed.
install_with_apt() {
    units=rabbitmq-server.service
    has epmd || units="$units epmd.service epmd.socket"
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'as_root rm -f "$policy"' EXIT
        printf '%s\n' '#!/bin/sh' 'case "$*" in *rabbitmq*|*epmd*) exit 101 ;; esac' | as_root tee "$policy" >/dev/null
        as_root chmod +x "$policy"
    fi
    as_root apt-get update -q
    apt_install "$@"
    has_browser || apt_install chromium || true
    case "$*" in *rabbitmq-server*)
        # shellcheck disable=SC2086 # a list of words
        as_root systemctl disable --now $units || true ;;
    esac
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=120 "$@"
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

install_system_packages() {
    packages=$(missing)
    has_browser || browser="chromium "
    [ -n "$packages${browser:-}" ] || return 0
    # shellcheck disable=SC2086 # a list of words
    if has apt-get && as_root true 2>/dev/null; then
        say "Installing $packages${browser:-}(this can take a minute; see $LOCAL/install.log)"
        (install_with_apt $packages) </dev/null
    elif [ -n "$packages" ] && has brew; then
        say "Installing $packages(this can take minutes; see $LOCAL/install.log)"
        brew install $(printf '%s' "$packages" | sed 's/rabbitmq-server/rabbitmq/')
    fi >"$LOCAL/install.log" 2>&1
}

install_uv() {
    [ ! -x "$LOCAL/uv/bin/uv" ] || return 0
    say "Downloading uv, which installs the rest"
    for python in python3 python3.12 python3.11 /usr/bin/python3; do
        "$python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --upgrade --target "$LOCAL/uv" \
            --require-hashes -r deploy/local/uv.txt 2>"$LOCAL/install-uv.log" && return 0
    done
    fail "pip could not install uv: $(tail -n 1 "$LOCAL/install-uv.log") (Debian: sudo apt-get install python3-pip)"
}

# A python3.12 in PATH may be a shim without an interpreter, so each candidate is tried.
find_python() {
    for python in python3.12 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12*/bin/python3.12 \
        /usr/local/bin/python3.12 /opt/homebrew/bin/python3.12 "$(uv python find 3.12 2>/dev/null)"; do
        if [ -n "$python" ] && runs "$python"; then
            "$python" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    say "Downloading Python 3.12"
    uv python install --quiet 3.12 && uv python find 3.12
}

install_python_packages() {
    install_uv
    PATH="$LOCAL/uv/bin:$PATH"
    # uv does not read pip's configuration, so an index that is configured there is passed on.
    index=$(python3 -m pip config get global.index-url 2>/dev/null || true)
    [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
    python=$(find_python) || fail "Python 3.12 is missing and could not be downloaded: install it and run this again."
    say "Installing the locked packages for $python"
    uv venv --quiet --clear --python "$python" "$VENV"
    uv pip sync --python "$VENV/bin/python" --require-hashes --compile-bytecode requirements-dev.txt
    editable=$(for project in shared services/*/; do [ ! -e "$project/pyproject.toml" ] || printf -- '-e %s ' "$project"; done)
    # shellcheck disable=SC2086 # a list of words
    uv pip install --quiet --python "$VENV/bin/python" --no-deps $editable
}

alone() {
    mkdir -p "$LOCAL"
    ln -s $$ "$LOCAL/preparing" 2>/dev/null && return
    other=$(readlink "$LOCAL/preparing")
    ! kill -0 "$other" 2>/dev/null || fail "Process $other is already preparing this clone."
    ln -sf $$ "$LOCAL/preparing"
}

if prepared; then exit 0; fi
alone
install_system_packages &
system=$!
install_python_packages
wait "$system" || true
[ -z "$(missing)" ] || fail "Missing: $(missing)(sudo apt-get install $(missing)or brew install rabbitmq espeak-ng)"
fingerprint >"$LOCAL/prepared"
rm "$LOCAL/preparing"
