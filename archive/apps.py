"""Django application of the room `archive`: publishes its tables to TAP and its files to the jobs."""

from django.apps import AppConfig


class ArchiveConfig(AppConfig):
    name = "archive"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from archive.datastore.output import GADF
        from archive.distillable import resolve_events
        from archive.inputs import resolve_dl3
        from archive.published import publish_tables, published_activities
        from archive.soda.jobs import register_job_type
        from tap import outputs
        from uws.jobtypes import register_resolver
        from uws.visibility import register_published

        publish_tables()
        register_resolver("dl3", resolve_dl3)
        register_resolver("events", resolve_events)
        register_job_type()
        outputs.register(GADF)
        register_published(published_activities)
