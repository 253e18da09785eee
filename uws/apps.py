"""Django application of the room `uws`."""

from django.apps import AppConfig


class UwsConfig(AppConfig):
    name = "uws"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from provenance import aliases, policy
        from uws.visibility import activities, hidden_records

        policy.register(hidden_records)
        aliases.register(activities)
