#!/bin/sh
# Universal, hashed locks without index lines; the smaller ones take the versions of the larger. UPGRADE=1: newest versions.
set -eu
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
[ -x "$uv" ] || uv=uv
compile() {
    "$uv" pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 \
        --custom-compile-command "make lock" "$@"
}
compile ${UPGRADE:+--upgrade} --extra dev pyproject.toml -o requirements/dev.lock
compile -c requirements/dev.lock --extra worker pyproject.toml -o requirements/worker.lock
compile -c requirements/dev.lock --extra web pyproject.toml -o requirements/web.lock
compile ${UPGRADE:+--upgrade} requirements/uv.in -o requirements/uv.lock
