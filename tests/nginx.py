"""A private nginx for tests and benchmarks: serves a folder, or stands in front of the service."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.server import listening, own_port

_CONFIGURATION = """
daemon off; worker_processes 2; pid {folder}/pid; error_log {folder}/error.log; {user}
events {{ worker_connections 512; }}
http {{
  include /etc/nginx/mime.types; default_type application/octet-stream; access_log off;
  sendfile on; tcp_nopush on; keepalive_requests 100000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    location /files/ {{ alias {files}/; }}
    {front}
  }}
}}
"""


def program() -> str | None:
    """Path of nginx, which some systems keep from ordinary users' paths."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")


@contextmanager
def nginx(files: Path, front: str = "") -> Iterator[str]:
    """Base URL of an nginx with the files of that folder at /files/; `front` are further directives of its server."""
    executable = program()
    if executable is None:
        raise RuntimeError("nginx is not installed")
    with own_port() as port, tempfile.TemporaryDirectory(prefix="distiller-nginx-", dir="/tmp") as folder:
        text = _CONFIGURATION.format(folder=folder, port=port, files=files, front=front, user=_user())
        path = Path(folder) / "nginx.conf"
        path.write_text(text)
        with listening([executable, "-p", folder, "-e", f"{folder}/error.log", "-c", str(path)], port):
            yield f"http://127.0.0.1:{port}"


def _user() -> str:
    """As root the workers stay root: they read folders that are the tests' own."""
    return "user root;" if os.geteuid() == 0 else ""


def snippet(document: Path) -> str:
    """The directives for nginx that a document shows, in its block of nginx's language."""
    return document.read_text().split("```nginx\n")[1].split("```")[0]
