"""The database tables behind `gadf.obs_index` and `gadf.hdu_index`.

Columns without a counterpart in `archive.gadf.columns` are hidden: keys, and what the URLs and the HDUs as files of
their own are made from.
"""

from __future__ import annotations

from django.db import models


class ObservationIndex(models.Model):
    """A row of `gadf.obs_index`: an event list as GADF 0.3 describes it ("Observation index table")."""

    product = models.OneToOneField("archive.Product", on_delete=models.CASCADE, related_name="gadf_index")
    obs_id = models.CharField(max_length=64)
    obs_publisher_did = models.CharField(max_length=255, unique=True)
    obs_mode = models.CharField(max_length=32, null=True)
    ra_pnt = models.FloatField(null=True)
    dec_pnt = models.FloatField(null=True)
    glon_pnt = models.FloatField(null=True)
    glat_pnt = models.FloatField(null=True)
    alt_pnt = models.FloatField(null=True)
    az_pnt = models.FloatField(null=True)
    zen_pnt = models.FloatField(null=True)
    tstart = models.FloatField()
    tstop = models.FloatField()
    mjdrefi = models.IntegerField()
    mjdreff = models.FloatField()
    timesys = models.CharField(max_length=8)
    t_min = models.FloatField()
    t_max = models.FloatField()
    ontime = models.FloatField()
    livetime = models.FloatField()
    deadc = models.FloatField(null=True)
    n_tels = models.IntegerField(null=True)
    tellist = models.CharField(max_length=255, null=True)
    object = models.CharField(max_length=100, null=True)
    ra_obj = models.FloatField(null=True)
    dec_obj = models.FloatField(null=True)
    quality = models.SmallIntegerField(default=-1)
    event_count = models.BigIntegerField()
    geolon = models.FloatField(null=True)
    geolat = models.FloatField(null=True)
    altitude = models.FloatField(null=True)

    class Meta:
        db_table = "gadf_obs_index"
        verbose_name = "row of the observation index"
        verbose_name_plural = "rows of the observation index"
        indexes = [
            models.Index(fields=["obs_id"], name="gadf_obs_id"),
            models.Index(fields=["t_min", "t_max"], name="gadf_obs_time"),
            models.Index(fields=["dec_pnt", "ra_pnt"], name="gadf_obs_pointing"),
        ]

    def __str__(self) -> str:
        return self.obs_publisher_did


class HDUIndex(models.Model):
    """A row of `gadf.hdu_index`: an HDU of an event list's files (GADF 0.3, "HDU index table").

    `hdu_offset` and `hdu_length` say where its bytes are in the unpacked file; `hdu_sha256` is that of the HDU as a
    file of its own (`archive.gadf.parts`). They are NULL where the file could not be read when the row was made.
    """

    product = models.ForeignKey("archive.Product", on_delete=models.CASCADE, related_name="hdus")
    file = models.ForeignKey("archive.ProductFile", on_delete=models.CASCADE, related_name="+")
    response = models.OneToOneField(
        "archive.Product",
        on_delete=models.SET_NULL,
        null=True,
        related_name="hdu",
        help_text="the response as a product of its own",
    )
    obs_id = models.CharField(max_length=64)
    obs_publisher_did = models.CharField(max_length=255)
    hdu_type = models.CharField(max_length=16)
    hdu_class = models.CharField(max_length=32, null=True)
    file_dir = models.CharField(max_length=255)
    file_name = models.CharField(max_length=255)
    hdu_name = models.CharField(max_length=80)
    size = models.BigIntegerField()
    hdu_size = models.BigIntegerField(null=True, help_text="bytes of the HDU as a file of its own")
    file_query = models.CharField(max_length=800, help_text="parameters of the URL of the file")
    hdu_query = models.CharField(max_length=500, help_text="parameters of the URL of the HDU")
    hdu_offset = models.BigIntegerField(null=True)
    hdu_length = models.BigIntegerField(null=True)
    hdu_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        db_table = "gadf_hdu_index"
        verbose_name = "row of the HDU index"
        verbose_name_plural = "rows of the HDU index"
        indexes = [
            models.Index(fields=["obs_publisher_did"], name="gadf_hdu_did"),
            models.Index(fields=["obs_id"], name="gadf_hdu_obs_id"),
            models.Index(fields=["hdu_type"], name="gadf_hdu_type"),
        ]
        constraints = [models.UniqueConstraint(fields=["product", "hdu_type"], name="gadf_hdu_once")]

    def __str__(self) -> str:
        return f"{self.obs_publisher_did} {self.hdu_type}"
