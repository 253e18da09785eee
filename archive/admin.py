"""The archive in Django's admin, to look things up and to publish results of jobs.

Ingest alone changes data otherwise; titles and descriptions are editable.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from archive.models import Collection, ObsCore, Observation, Product, ProductFile, Release, StoredFile
from archive.publication.content import NotPublishable, kinds
from archive.publication.publish import publish
from archive.releases import DEFAULT_RELEASE
from uws.models import Result
from uws.phases import Phase


class _ReadOnly:
    """Nothing can be added, changed or deleted."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Collection)
class CollectionAdmin(admin.ModelAdmin):
    list_display = ("name", "title", "created")
    readonly_fields = ("name", "created")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Collection | None = None) -> bool:
        return False


@admin.register(Release)
class ReleaseAdmin(_ReadOnly, admin.ModelAdmin):
    list_display = ("collection", "name", "created")
    list_filter = ("collection",)


@admin.register(Observation)
class ObservationAdmin(_ReadOnly, admin.ModelAdmin):
    list_display = ("obs_id", "release", "target_name", "t_start", "livetime", "event_count", "quality")
    list_filter = ("release__collection", "release", "quality")
    list_select_related = ("release__collection",)
    search_fields = ("obs_id", "target_name")


class ProductFileInline(_ReadOnly, admin.TabularInline):
    model = ProductFile
    extra = 0


@admin.register(Product)
class ProductAdmin(_ReadOnly, admin.ModelAdmin):
    list_display = ("did", "subtype", "semantics", "created")
    list_filter = ("subtype",)
    search_fields = ("did",)
    inlines = (ProductFileInline,)


class DamagedFilter(admin.SimpleListFilter):
    """Files that were found missing or altered, or the others."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("damaged", "damaged"), ("sound", "not known to be damaged")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[StoredFile]) -> QuerySet[StoredFile]:
        if self.value() == "damaged":
            return queryset.exclude(damage="")
        return queryset.filter(damage="") if self.value() == "sound" else queryset


@admin.register(StoredFile)
class StoredFileAdmin(_ReadOnly, admin.ModelAdmin):
    list_display = ("path", "size", "unpacked_size", "media_type", "stored", "checked", "damage")
    list_filter = (DamagedFilter, "checked")
    search_fields = ("sha256", "unpacked_sha256", "uses__name")


@admin.register(ObsCore)
class ObsCoreAdmin(_ReadOnly, admin.ModelAdmin):
    list_display = ("obs_publisher_did", "dataproduct_type", "obs_collection", "obs_id", "target_name")
    list_filter = ("obs_collection", "dataproduct_type")
    search_fields = ("obs_publisher_did", "obs_id", "target_name")


class PublicationForm(ActionForm):
    """Where the chosen results go."""

    collection = forms.CharField(required=False, help_text="name of the collection")
    release = forms.CharField(required=False, initial=DEFAULT_RELEASE)
    owner_agrees = forms.BooleanField(required=False, label="The owners agree")


@admin.register(Result)
class ResultAdmin(_ReadOnly, admin.ModelAdmin):
    """Results of completed jobs that can be published."""

    list_display = ("job", "name", "product_type", "description", "owner")
    list_filter = ("product_type", "job__job_type")
    list_select_related = ("job__owner",)
    search_fields = ("job__public_id", "job__owner__username")
    action_form = PublicationForm
    actions = ("publish",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Result]:
        found = super().get_queryset(request)
        return found.filter(job__phase=Phase.COMPLETED, job__destroyed=False, product_type__in=kinds())

    @admin.display(description="owner", ordering="job__owner__username")
    def owner(self, result: Result) -> str:
        return result.job.owner.get_username() if result.job.owner is not None else ""

    def has_publish_permission(self, request: HttpRequest) -> bool:
        """Who may add products to the archive."""
        return request.user.has_perm("archive.add_product")

    @admin.action(description="Publish in the collection", permissions=["publish"])
    def publish(self, request: HttpRequest, chosen: QuerySet[Result]) -> None:
        """Publish each of the results, and say of each that cannot be why."""
        collection = request.POST.get("collection", "").strip()
        release = request.POST.get("release", "").strip() or DEFAULT_RELEASE
        has_consent = bool(request.POST.get("owner_agrees"))
        curator = request.user if isinstance(request.user, User) else None
        for result in chosen:
            try:
                made = publish(result.job, result.name, collection, release, curator=curator, has_consent=has_consent)
            except NotPublishable as refusal:
                self.message_user(request, f"{result.job} {result.name}: {refusal}", messages.ERROR)
            else:
                self.message_user(request, f"{made.product.did} is published.", messages.SUCCESS)
