"""Jobs, workers and job types in Django's admin: to look things up, to abort jobs, to say who may use what."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from uws import jobtypes, service, store
from uws.models import Job, JobLog, JobTypeSetting, Part, Result, Worker


class _ReadOnly:
    """Nothing can be added, changed or deleted."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ResultInline(_ReadOnly, admin.TabularInline):
    model = Result
    fields = ("name", "filename", "media_type", "product_type")
    extra = 0


class PartInline(_ReadOnly, admin.TabularInline):
    model = Part
    fields = ("name", "filename", "media_type", "size", "sha256")
    extra = 0


class LogInline(_ReadOnly, admin.StackedInline):
    model = JobLog
    extra = 0


@admin.register(Job)
class JobAdmin(_ReadOnly, admin.ModelAdmin):
    list_display = ("public_id", "job_type", "phase", "owner", "created", "started", "ended", "error_message")
    list_filter = ("phase", "job_type", "queue", "owner")
    list_select_related = ("owner",)
    search_fields = ("public_id", "run_id", "owner__username", "error_message")
    date_hierarchy = "created"
    inlines = (ResultInline, PartInline, LogInline)
    exclude = ("session",)
    actions = ("abort",)

    def has_abort_permission(self, request: HttpRequest) -> bool:
        """Who may end the jobs of others."""
        return request.user.has_perm("uws.change_job")

    @admin.action(description="Abort the selected jobs", permissions=["abort"])
    def abort(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        """End the jobs: all are told before the first is waited for."""
        chosen = [job for job in jobs if not job.is_final]
        for job in chosen:
            store.request_abort(job)
        for job in chosen:
            service.abort(job)
        ended = sum(job.is_final for job in chosen)
        level = messages.SUCCESS if ended == len(chosen) else messages.WARNING
        self.message_user(request, f"{ended} of {len(chosen)} jobs have ended.", level)


@admin.register(Worker)
class WorkerAdmin(_ReadOnly, admin.ModelAdmin):
    list_display = ("host", "boot_id", "slots", "started", "heartbeat")


class SettingForm(forms.ModelForm):
    """The job type is one of those that are registered."""

    class Meta:
        model = JobTypeSetting
        fields = ("job_type", "enabled", "audience", "groups", "execution_duration")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "job_type" in self.fields:
            names = [(kind.name, f"{kind.title} ({kind.name})") for kind in jobtypes.all_job_types()]
            self.fields["job_type"] = forms.ChoiceField(choices=names, help_text="as declared until it is set here")


@admin.register(JobTypeSetting)
class JobTypeSettingAdmin(admin.ModelAdmin):
    form = SettingForm
    list_display = ("job_type", "enabled", "audience", "execution_duration")
    list_editable = ("enabled", "audience")
    filter_horizontal = ("groups",)

    def get_readonly_fields(self, request: HttpRequest, obj: JobTypeSetting | None = None) -> tuple[str, ...]:
        return () if obj is None else ("job_type",)
