"""A shell script that fetches files: it resumes, checks every SHA-256, goes on after failures, and may be run again.

It needs a POSIX shell and its usual tools, curl or wget, and sha256sum, shasum or openssl. What stands in it of the
archive's texts is quoted for the shell.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Download:
    """A file to be fetched: URL, path in the folder, SHA-256 in hexadecimal, size in bytes."""

    url: str
    path: str
    sha256: str
    size: int


def script(downloads: Sequence[Download]) -> str:
    """The text of the script."""
    calls = "".join(f"fetch {d.sha256} {d.size} {shlex.quote(d.path)} {shlex.quote(d.url)}\n" for d in downloads)
    total = sum(d.size for d in downloads)
    return _TEXT.replace("@FILES@", str(len(downloads))).replace("@BYTES@", str(total)).replace("@CALLS@", calls)


def checksums(downloads: Sequence[Download]) -> str:
    """The list that `sha256sum -c` reads."""
    return "".join(f"{d.sha256}  {d.path}\n" for d in downloads)


def urls(downloads: Sequence[Download]) -> str:
    """One URL a line."""
    return "".join(f"{d.url}\n" for d in downloads)


_TEXT = r"""#!/bin/sh
# Fetches @FILES@ files, @BYTES@ bytes, into the current folder or the one that is named: sh fetch.sh [folder]
# Run it again to go on after an interruption. What is there and right is left alone; what is there and wrong is kept
# beside the new file, with .old after its name. Passwords for data that are not public are read from ~/.netrc.
# Exit status: 0 all files are there and right, 1 some are not, 2 a tool is missing.

umask 022
if [ "$#" -gt 0 ]; then
    mkdir -p -- "$1" && cd -- "$1" || exit 2
fi

if command -v sha256sum >/dev/null 2>&1; then
    sum() { sha256sum < "$1" | cut -d ' ' -f 1; }
elif command -v shasum >/dev/null 2>&1; then
    sum() { shasum -a 256 < "$1" | cut -d ' ' -f 1; }
elif command -v openssl >/dev/null 2>&1; then
    sum() { openssl dgst -sha256 < "$1" | sed 's/^.*= *//'; }
else
    echo "sha256sum, shasum or openssl is needed" >&2
    exit 2
fi

if command -v curl >/dev/null 2>&1; then
    get() { curl --fail --silent --show-error --location --netrc-optional --retry 5 --retry-delay 2 \
        --connect-timeout 30 --speed-time 120 --speed-limit 1 -C - -o "$1" "$2"; }
elif command -v wget >/dev/null 2>&1; then
    get() { wget --quiet --tries=5 --waitretry=5 --timeout=120 --continue --output-document="$1" "$2"; }
else
    echo "curl or wget is needed" >&2
    exit 2
fi

failed=0 done=0
trap 'echo "interrupted: run it again to go on" >&2; exit 1' INT TERM

size_of() { [ -f "$1" ] && wc -c < "$1" | tr -d ' ' || echo 0; }
right() { [ -f "$1" ] && [ "$(size_of "$1")" = "$3" ] && [ "$(sum "$1")" = "$2" ]; }

# fetch SHA256 SIZE PATH URL
fetch() {
    done=$((done + 1))
    if right "$3" "$1" "$2"; then
        echo "$done/@FILES@ is there: $3"
        return
    fi
    case $3 in */*) mkdir -p -- "${3%/*}" ;; esac
    part=$3.part
    [ "$2" -gt 0 ] || : > "$part"
    for attempt in 1 2; do
        # Nothing is left to ask for of a file that is as long as it should be.
        if [ "$(size_of "$part")" -ge "$2" ] || get "$part" "$4"; then
            if right "$part" "$1" "$2"; then
                if [ -e "$3" ]; then mv -f -- "$3" "$3.old"; fi
                if mv -f -- "$part" "$3"; then
                    echo "$done/@FILES@ fetched: $3"
                    return
                fi
            fi
            rm -f -- "$part"
        else
            break
        fi
    done
    failed=$((failed + 1))
    echo "$done/@FILES@ FAILED: $3" >&2
}

@CALLS@
if [ "$failed" -gt 0 ]; then
    echo "$failed of @FILES@ files could not be fetched; run it again to go on" >&2
    exit 1
fi
echo "all @FILES@ files are there and right"
"""
