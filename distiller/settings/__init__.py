"""Django settings, put together from one file per concern."""

from __future__ import annotations

import secrets
from pathlib import Path

from distiller.broker import broker_url
from distiller.settings.database import databases
from distiller.settings.environment import ENVIRONMENT
from distiller.settings.logs import logging_config
from distiller.settings.queue import celery_settings

BASE_DIR = Path(__file__).resolve().parents[2]
DISTILLER_HOME = ENVIRONMENT.distiller_home.resolve()


def _secret_key() -> str:
    if ENVIRONMENT.distiller_secret_key:
        return ENVIRONMENT.distiller_secret_key
    path = DISTILLER_HOME / "secret_key"
    try:
        return path.read_text()
    except FileNotFoundError:
        DISTILLER_HOME.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x") as file:
                path.chmod(0o600)
                file.write(secrets.token_urlsafe(50))
        except FileExistsError:
            pass
        return path.read_text()


SECRET_KEY = _secret_key()
DEBUG = ENVIRONMENT.distiller_debug
ALLOWED_HOSTS = ENVIRONMENT.distiller_allowed_hosts

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "accounts",
    "provenance",
    "uws",
    "tap",
    "archive",
    "frontend",
    "distiller",
]
MIDDLEWARE = [
    "distiller.middleware.release_while_streaming",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SignInByHeader",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "frontend.views.problems.TellTransientFaults",
]
ROOT_URLCONF = "distiller.urls"
APPEND_SLASH = False
WSGI_APPLICATION = "distiller.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = databases(ENVIRONMENT.database_url, DISTILLER_HOME)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATIC_ROOT = DISTILLER_HOME / "static"
STORAGES = {
    "default": ENVIRONMENT.distiller_storage
    or {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DISTILLER_HOME / "store"},
    },
    "results": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DISTILLER_HOME / "results"},
    },
    "uploads": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": DISTILLER_HOME / "uploads",
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_MANIFEST_STRICT = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "vo.rest.json_errors",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Distiller",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "OAS_VERSION": "3.1.1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "uws.openapi.add_job_lists",
    ],
}

LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "account"
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "frontend.views.problems.forbidden_form"
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 2**20
# Values of repeated parameters count as fields: a DataLink request has one for each identifier.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000 + 2 * ENVIRONMENT.distiller_links_max_ids
if ENVIRONMENT.distiller_trust_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    USE_X_FORWARDED_HOST = True

LOGGING = logging_config(ENVIRONMENT.distiller_log_level)

CELERY_BROKER_URL = broker_url(ENVIRONMENT.celery_broker_url, DISTILLER_HOME)
CELERY = celery_settings(CELERY_BROKER_URL, DISTILLER_HOME)
UWS_CELERY_APP = "distiller.celery.app"
DISTILLER_JOB_TYPES = ENVIRONMENT.distiller_job_types
DISTILLER_WORKER_WARM_UP = ENVIRONMENT.distiller_worker_warm_up
DISTILLER_JOB_MEMORY = ENVIRONMENT.distiller_job_memory
DISTILLER_JOB_CACHE = ENVIRONMENT.distiller_job_cache
DISTILLER_JOB_RUNS = ENVIRONMENT.distiller_job_runs
DISTILLER_AUTHORITY = ENVIRONMENT.distiller_authority
DISTILLER_EVENT_COLLECTIONS = ENVIRONMENT.distiller_event_collections
DISTILLER_BASE_URL = ENVIRONMENT.distiller_base_url.rstrip("/")
DISTILLER_PORT = ENVIRONMENT.distiller_port
DISTILLER_WORKER_SHORT_SLOTS = ENVIRONMENT.distiller_worker_short_slots
DISTILLER_WORKER_LONG_SLOTS = ENVIRONMENT.distiller_worker_long_slots
DISTILLER_TAP_DEFAULT_MAXREC = ENVIRONMENT.distiller_tap_default_maxrec
DISTILLER_TAP_HARD_MAXREC = ENVIRONMENT.distiller_tap_hard_maxrec
DISTILLER_TAP_TIMEOUT = ENVIRONMENT.distiller_tap_timeout
DISTILLER_TAP_ASYNC_TIMEOUT = ENVIRONMENT.distiller_tap_async_timeout
DISTILLER_LINKS_MAX_IDS = ENVIRONMENT.distiller_links_max_ids
DISTILLER_UPLOAD_MAX_BYTES = ENVIRONMENT.distiller_upload_max_bytes
DISTILLER_UPLOAD_MAX_ROWS = ENVIRONMENT.distiller_upload_max_rows
DISTILLER_TAP_CLIENT_STATEMENTS = ENVIRONMENT.distiller_tap_client_statements
DISTILLER_TAP_STATEMENTS = ENVIRONMENT.distiller_tap_statements
DISTILLER_TAP_TURNS = ENVIRONMENT.distiller_tap_turns
DISTILLER_TAP_WAITING = ENVIRONMENT.distiller_tap_waiting
DISTILLER_TAP_PATIENCE = ENVIRONMENT.distiller_tap_patience
DISTILLER_TAP_ROLE = ENVIRONMENT.distiller_tap_role
DISTILLER_BASIC_OVER_HTTP = ENVIRONMENT.distiller_basic_over_http
DISTILLER_TRUST_PROXY = ENVIRONMENT.distiller_trust_proxy
DISTILLER_UPLOAD_TIMEOUT = ENVIRONMENT.distiller_upload_timeout
DISTILLER_UPLOAD_HOSTS = ENVIRONMENT.distiller_upload_hosts
DISTILLER_JOB_RUNNING = ENVIRONMENT.distiller_job_running
DISTILLER_JOB_WAITING = ENVIRONMENT.distiller_job_waiting
DISTILLER_JOB_DISK = ENVIRONMENT.distiller_job_disk
DISTILLER_JOB_RUN_TIME = ENVIRONMENT.distiller_job_run_time
DISTILLER_WAITING_REQUESTS = ENVIRONMENT.distiller_waiting_requests
DISTILLER_BUNDLE_SYNC = ENVIRONMENT.distiller_bundle_sync
DISTILLER_BUNDLE_ASYNC = ENVIRONMENT.distiller_bundle_async
DISTILLER_JOB_RETENTION_DAYS = ENVIRONMENT.distiller_job_retention_days
DISTILLER_UNPACKED_MAX = ENVIRONMENT.distiller_unpacked_max
DISTILLER_FILE_CACHE = ENVIRONMENT.distiller_file_cache
DISTILLER_ACCEL_PREFIX = ENVIRONMENT.distiller_accel_prefix
DISTILLER_SCRUB_DAYS = ENVIRONMENT.distiller_scrub_days
DISTILLER_SCRUB_RATE = ENVIRONMENT.distiller_scrub_rate
DISTILLER_SESAME_URL = ENVIRONMENT.distiller_sesame_url
DISTILLER_SESAME_TIMEOUT = ENVIRONMENT.distiller_sesame_timeout
