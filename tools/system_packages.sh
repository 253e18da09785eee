#!/bin/sh
# Installs the system packages that the tests use, where that is permitted; says which are missing otherwise.
set -eu
say() { printf '\033[1m==>\033[0m %s\n' "$*"; }

missing=""
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null 2>&1 || missing="$missing postgresql"
id postgres >/dev/null 2>&1 || case "$missing" in *postgresql*) ;; *) missing="$missing postgresql" ;; esac
ls /usr/share/postgresql/*/extension/cube.control >/dev/null 2>&1 || case "$missing" in *postgresql*) ;; *) missing="$missing postgresql" ;; esac
command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v stilts >/dev/null 2>&1 || missing="$missing stilts"
command -v curl >/dev/null 2>&1 || missing="$missing curl"
command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ] || missing="$missing nginx-light"
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null 2>&1 && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then
    say "Installing system packages for the tests:$missing"
    if [ "$(id -u)" = 0 ]; then root=""; else root="sudo -n"; fi
    $root apt-get update -qq
    # shellcheck disable=SC2086
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    # Debian starts a web server that it installs; the tests start their own.
    case "$missing" in
    *nginx*) $root sh -c 'systemctl disable --now nginx || service nginx stop' >/dev/null 2>&1 || true ;;
    esac
else
    say "Not installed, their tests will be skipped:$missing"
fi
