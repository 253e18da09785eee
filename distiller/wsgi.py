"""WSGI entry point for gunicorn."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from vo.wsgi import ChunkedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "distiller.settings")
_application = get_wsgi_application()
# Twice what endpoints take: a body that is somewhat too long is refused by them, in the form that their clients read.
_most = 2 * (settings.DISTILLER_UPLOAD_MAX_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
application = ChunkedBodies(_application, _most)
