"""WSGI entry point for gunicorn."""

import gc
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from distiller.settings.database import shared_by_threads
from tap.adql.parser import warm_up
from vo.wsgi import ChunkedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "distiller.settings")
settings.DATABASES["default"] = shared_by_threads(settings.DATABASES["default"])
# Nothing of what is loaded now is garbage: to look for it would make the start an eighth longer.
gc.disable()
django = get_wsgi_application()

from distiller.lane import HEADERS, with_lane  # noqa: E402 - it has views, and there are none before Django is set up
from distiller.shortway import ShortWay, WithShortWay  # noqa: E402

# Twice what endpoints take: a body that is somewhat too long is refused by them, in the form that their clients read.
_most = 2 * (max(settings.DISTILLER_UPLOAD_MAX_BYTES) + settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
application = WithShortWay(ChunkedBodies(with_lane(django), _most), ShortWay(HEADERS))
# The first query need not wait for the parser's tables.
warm_up()
# What is there now stays: looking through it for garbage would stop all requests, for a tenth of a second each time.
gc.collect()
gc.freeze()
gc.enable()
