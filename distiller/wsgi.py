"""WSGI entry point for gunicorn."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from distiller.settings.database import shared_by_threads
from vo.wsgi import ChunkedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "distiller.settings")
settings.DATABASES["default"] = shared_by_threads(settings.DATABASES["default"])
_MAX_CHUNKED_BODY_BYTES = 256 * 2**20
application = ChunkedBodies(get_wsgi_application(), _MAX_CHUNKED_BODY_BYTES)
