"""WSGI entry point for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

from vo.wsgi import ChunkedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "distiller.settings")
_MAX_CHUNKED_BODY_BYTES = 256 * 2**20
application = ChunkedBodies(get_wsgi_application(), _MAX_CHUNKED_BODY_BYTES)
