"""Django application of the room `uws`."""

from django.apps import AppConfig


class UwsConfig(AppConfig):
    name = "uws"
    default_auto_field = "django.db.models.BigAutoField"
