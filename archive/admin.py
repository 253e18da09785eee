"""The archive in Django's admin, to look things up: ingest alone changes data; titles and descriptions are editable."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from archive.models import Collection, ObsCore, Observation, Product, ProductFile, Release, StoredFile


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
