"""Django application of the room `frontend`."""

from django.apps import AppConfig


class FrontendConfig(AppConfig):
    name = "frontend"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from frontend.views import jobs, problems
        from uws.negotiation import Pages, register

        register(Pages(job_list=jobs.job_list, job=jobs.job_page, problem=problems.problem))
