"""What the archive holds: collections, releases, observations, products and their files.

Positions are ICRS degrees, times MJD in UTC, energies TeV, unless a name says otherwise. The ObsCore rows of the
products are in `archive.obscore.tables`, the rows of the GADF index tables in `archive.gadf.tables`, events for ADQL in
`archive.eventtable.tables`.
"""

from __future__ import annotations

from django.db import models

from archive.eventtable.tables import Event, EventCell
from archive.gadf.tables import HDUIndex, ObservationIndex
from archive.obscore.tables import ObsCore, ObsCoreHEA

__all__ = [
    "Collection",
    "Event",
    "EventCell",
    "HDUIndex",
    "ObsCore",
    "ObsCoreHEA",
    "Observation",
    "ObservationIndex",
    "Product",
    "ProductFile",
    "Release",
    "StoredFile",
]


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
    """Bytes in the store, found by content: the same bytes are kept once.

    A file in gzip format is kept as it is; clients get what it holds (`archive.retrieval.contents`).
    """

    sha256 = models.CharField(max_length=64, unique=True)
    size = models.BigIntegerField(help_text="bytes")
    unpacked_sha256 = models.CharField(max_length=64, blank=True, help_text="of what a gzip file holds")
    unpacked_size = models.BigIntegerField(null=True, help_text="bytes that a gzip file holds; NULL for other files")
    crc32 = models.BigIntegerField(null=True, help_text="CRC-32 of its bytes, for zip files; NULL: not computed yet")
    path = models.CharField(max_length=400, unique=True, help_text="name within the store")
    media_type = models.CharField(max_length=100, help_text="of what is in it, unpacked")
    stored = models.DateTimeField(auto_now_add=True)
    checked = models.DateTimeField(null=True, db_index=True, help_text="when all bytes were last read and compared")
    damage = models.CharField(max_length=200, blank=True, help_text="what was found wrong; empty: nothing")
    damage_found = models.DateTimeField(null=True, help_text="when it was found first")

    class Meta:
        indexes = [models.Index(fields=["damage"], condition=~models.Q(damage=""), name="stored_file_damaged")]

    def __str__(self) -> str:
        return self.path


class Observation(models.Model):
    """What was observed and taken in as one data set: a run's event list, or a spectrum, a light curve, a table.

    Data sets made from the same run share its obs_id and differ in `part`, which is empty for the event list. Columns
    that make no sense for a kind of data are NULL.
    """

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="observations")
    obs_id = models.CharField(max_length=64, db_index=True, help_text="as in ObsCore")
    part = models.CharField(
        max_length=255, blank=True, default="", help_text="name of a data set that is not the run's event list"
    )
    target_name = models.CharField(max_length=100, blank=True)
    target_key = models.CharField(
        max_length=100, blank=True, db_index=True, help_text="target_name in small letters, without blanks"
    )
    ra_obj = models.FloatField(null=True, help_text="deg")
    dec_obj = models.FloatField(null=True, help_text="deg")
    ra_pnt = models.FloatField(null=True, help_text="deg; NULL for drift scans and surveys")
    dec_pnt = models.FloatField(null=True, help_text="deg; NULL for drift scans and surveys")
    zen_pnt = models.FloatField(null=True, help_text="deg")
    fov_radius = models.FloatField(null=True, help_text="deg, radius of the field of view")
    t_start = models.FloatField(null=True, help_text="MJD, UTC: start of the first good time interval")
    t_stop = models.FloatField(null=True, help_text="MJD, UTC: end of the last good time interval")
    ontime = models.FloatField(null=True, help_text="s, sum of the good time intervals")
    livetime = models.FloatField(null=True, help_text="s, ontime corrected for dead time")
    energy_min = models.FloatField(null=True, help_text="TeV, lower end of the safe range")
    energy_max = models.FloatField(null=True, help_text="TeV, upper end of the safe range")
    event_count = models.BigIntegerField(null=True)
    quality = models.SmallIntegerField(default=-1, help_text="GADF QUALITY: -1 unknown, 0 best, 1 medium, 2 bad")
    obs_mode = models.CharField(max_length=16, blank=True)
    point_like = models.BooleanField(default=False, help_text="its responses hold for one size of the on region only")
    facility_name = models.CharField(max_length=100, blank=True)
    instrument_name = models.CharField(max_length=100, blank=True)
    notes = models.JSONField(default=list, help_text="what ingest found worth telling, one sentence each")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["release", "obs_id", "part"], name="observation_once")]

    def __str__(self) -> str:
        return f"{self.release} {self.obs_id} {self.part}".rstrip()


class Product(models.Model):
    """What can be fetched under an identifier (`obs_publisher_did`): one file, or several that belong together.

    Documents of a whole release (terms of use, read-me) and published results of jobs have no observation. A response
    of an observation has no file: it is an HDU of the event list's (`archive.gadf.parts`).
    """

    did = models.CharField(max_length=255, unique=True)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="products")
    observation = models.ForeignKey(Observation, on_delete=models.PROTECT, null=True, related_name="products")
    subtype = models.CharField(max_length=32, help_text="event-bundle, event-list, preview-image, ...")
    semantics = models.CharField(max_length=32, default="#this", help_text="DataLink term within the observation")
    description = models.CharField(max_length=200, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    activity = models.CharField(
        max_length=32, blank=True, db_index=True, help_text="of the job whose published result it is (`Job.activity`)"
    )
    progenitors = models.ManyToManyField(
        "self",
        symmetrical=False,
        blank=True,
        related_name="derivations",
        help_text="products of this archive that a job made it from",
    )

    def __str__(self) -> str:
        return self.did


class ProductFile(models.Model):
    """A file of a product, under the name it had; `position` 0 is the main file, which `/retrieve?ID=` gives.

    `hdus` maps GADF's HDU_TYPE to the name of the HDU (`{"events": "EVENTS", "aeff": "AEFF"}`), `hdu_classes` to its
    HDU_CLASS (`{"psf": "psf_table"}`). Data that are not GADF's have kinds of their own (`spectrum`, `arf`, `rmf`).
    """

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="files")
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="uses")
    name = models.CharField(max_length=255, help_text="original name, unique within the product")
    position = models.PositiveSmallIntegerField(default=0)
    hdus = models.JSONField(default=dict)
    hdu_classes = models.JSONField(default=dict)

    class Meta:
        ordering = ["product", "position"]
        constraints = [
            models.UniqueConstraint(fields=["product", "position"], name="file_position_once"),
            models.UniqueConstraint(fields=["product", "name"], name="file_name_once"),
        ]

    def __str__(self) -> str:
        return self.name
