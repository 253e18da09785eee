"""What the archive holds: collections, releases, observations, products, files, and their ObsCore rows.

Positions are ICRS degrees, times MJD in UTC, energies TeV (metres in ObsCore), unless a name says otherwise.
"""

from __future__ import annotations

from django.db import models


class Collection(models.Model):
    """A set of data that belongs together (`obs_collection`)."""

    name = models.SlugField(max_length=64, unique=True)
    title = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    facility_name = models.CharField(max_length=100, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Release(models.Model):
    """A version of a collection. Re-processing makes a new one; old ones stay resolvable."""

    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="releases")
    name = models.SlugField(max_length=64)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "name"], name="release_once")]

    def __str__(self) -> str:
        return f"{self.collection}/{self.name}"


class StoredFile(models.Model):
    """Bytes in the store, found by content: the same bytes are kept once."""

    sha256 = models.CharField(max_length=64, unique=True)
    size = models.BigIntegerField(help_text="bytes")
    path = models.CharField(max_length=400, help_text="name within the store")
    original_name = models.CharField(max_length=255)
    media_type = models.CharField(max_length=100)
    stored = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.original_name


class Observation(models.Model):
    """One run of an instrument in a release."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="observations")
    obs_id = models.CharField(max_length=64, help_text="as in ObsCore, without leading zeros")
    target_name = models.CharField(max_length=100, blank=True)
    ra_obj = models.FloatField(null=True)
    dec_obj = models.FloatField(null=True)
    ra_pnt = models.FloatField(null=True)
    dec_pnt = models.FloatField(null=True)
    zen_pnt = models.FloatField(null=True, help_text="deg")
    t_start = models.FloatField(help_text="MJD, UTC")
    t_stop = models.FloatField(help_text="MJD, UTC")
    ontime = models.FloatField(help_text="s")
    livetime = models.FloatField(help_text="s")
    event_count = models.BigIntegerField()
    quality = models.SmallIntegerField(default=-1, help_text="GADF QUALITY: -1 unknown, 0 best, 1 medium, 2 bad")
    obs_mode = models.CharField(max_length=16, blank=True)
    facility_name = models.CharField(max_length=100, blank=True)
    instrument_name = models.CharField(max_length=100, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["release", "obs_id"], name="observation_once")]

    def __str__(self) -> str:
        return f"{self.release} {self.obs_id}"


class Product(models.Model):
    """Something that can be fetched under an identifier (`obs_publisher_did`)."""

    did = models.CharField(max_length=255, unique=True)
    observation = models.ForeignKey(Observation, on_delete=models.PROTECT, null=True, related_name="products")
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="products")
    subtype = models.CharField(max_length=32, help_text="event-bundle, preview-image, ...")
    semantics = models.CharField(max_length=32, default="#this", help_text="DataLink term within the observation")
    hdus = models.JSONField(default=dict, help_text="HDU name by HDU_TYPE: {'events': 'EVENTS', 'aeff': 'AEFF', ...}")
    hdu_classes = models.JSONField(default=dict, help_text="HDU_CLASS by HDU_TYPE: {'psf': 'psf_table', ...}")
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.did
