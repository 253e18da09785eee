#!/bin/sh
# Makes .venv from a lock file: tools/setup.sh web|worker|dev. Says what it does; does nothing when nothing changed.
set -eu
cd "$(dirname "$0")/.."
lock="requirements/${1:-worker}.lock"

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}
can_install() {
    command -v apt-get >/dev/null 2>&1 && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}
apt_install() {
    say "Installing system packages: $*"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

is_version() { # whether interpreter $1 is Python 3.$2 or, with "-ge", newer
    command -v "$1" >/dev/null 2>&1 && minor=$("$1" -c 'import sys; print(sys.version_info[1])' 2>/dev/null) &&
        [ "$minor" "${3:--eq}" "$2" ]
}
# Compiled with profiles, Python is a fifth faster; one made by pyenv mostly is not. Debian's does not say that it is,
# but has no flag left to do it with.
is_quick() {
    "$1" -c 'import ensurepip, sys; from sysconfig import get_config_var as var
sys.exit("--enable-optimizations" not in (var("CONFIG_ARGS") or "") and bool((var("PGO_PROF_USE_FLAG") or "").strip()))
' 2>/dev/null
}

python=""
for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.14; do
    if is_version "$candidate" 11 -ge; then
        python=$candidate
        break
    fi
done
if [ -n "$python" ] && [ "$python" != "${PYTHON:-}" ] && ! is_quick "$python"; then
    wanted=$minor
    for candidate in "/usr/bin/python3.$wanted" "/usr/local/bin/python3.$wanted" "/opt/homebrew/bin/python3.$wanted"; do
        if is_version "$candidate" "$wanted" && is_quick "$candidate"; then
            python=$candidate
            break
        fi
    done
fi
if [ -z "$python" ]; then
    echo "Distiller needs Python 3.11 or newer; set PYTHON to one." >&2
    exit 1
fi

if [ ! -x .venv/bin/python ]; then
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        if can_install; then
            apt_install python3-venv
        else
            echo "Python's venv module is missing: install the package python3-venv and try again." >&2
            exit 1
        fi
    fi
    say "Creating .venv with $("$python" --version)"
    "$python" -m venv .venv
fi

stamp=.venv/.installed
wanted="$(cat requirements/uv.lock "$lock" | cksum) $lock"
# A fuller environment serves a smaller wish: `make demo` after `make test` installs nothing.
if [ -f "$stamp" ] && grep -qxF "$wanted" "$stamp"; then
    exit 0
fi
say "Installing Python packages from $lock"
.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.lock
.venv/bin/uv pip install -q --compile-bytecode --python .venv/bin/python --require-hashes -r "$lock"
say "Checking that the packages work together"
.venv/bin/python tools/smoke.py "${1:-worker}"
: > "$stamp"
for name in web worker dev; do
    echo "$(cat requirements/uv.lock "requirements/$name.lock" | cksum) requirements/$name.lock" >> "$stamp"
    [ "$name" = "${1:-worker}" ] && break
done
exit 0
