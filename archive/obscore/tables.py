"""The database tables behind `ivoa.obscore` and `ivoa.obscore_hea`.

Column names are ObsCore's. Columns without a counterpart in `archive.obscore.columns` are hidden: the primary key, the
product, the encoded identifier that `access_url` is made from, and what the indexes of geometry and of time coverage
need. `access_url` and
`access_format` are not stored: they depend on the request and on nothing else.
"""

from __future__ import annotations

from django.db import models

from tap.coverage.field import CoverageField


class ObsCore(models.Model):
    """A row of `ivoa.obscore` (ObsCore 1.1 section 3)."""

    product = models.OneToOneField("archive.Product", on_delete=models.PROTECT, related_name="obscore")
    did_encoded = models.CharField(max_length=400, help_text="obs_publisher_did, percent-encoded for a query string")

    dataproduct_type = models.CharField(max_length=32, null=True)
    dataproduct_subtype = models.CharField(max_length=32, null=True)
    calib_level = models.IntegerField()
    obs_collection = models.CharField(max_length=64)
    obs_id = models.CharField(max_length=64)
    obs_title = models.CharField(max_length=200, null=True)
    obs_publisher_did = models.CharField(max_length=255, unique=True)
    access_estsize = models.BigIntegerField(null=True)
    target_name = models.CharField(max_length=100, null=True)
    s_ra = models.FloatField(null=True)
    s_dec = models.FloatField(null=True)
    s_fov = models.FloatField(null=True)
    s_region = models.TextField(null=True)
    s_resolution = models.FloatField(null=True)
    s_xel1 = models.BigIntegerField(default=-1)
    s_xel2 = models.BigIntegerField(default=-1)
    s_ucd = models.CharField(max_length=64, null=True)
    s_unit = models.CharField(max_length=16, null=True)
    s_calib_status = models.CharField(max_length=16, null=True)
    t_min = models.FloatField(null=True)
    t_max = models.FloatField(null=True)
    t_exptime = models.FloatField(null=True)
    t_resolution = models.FloatField(null=True)
    t_xel = models.BigIntegerField(default=-1)
    t_calib_status = models.CharField(max_length=16, null=True)
    em_min = models.FloatField(null=True)
    em_max = models.FloatField(null=True)
    em_res_power = models.FloatField(null=True)
    em_xel = models.BigIntegerField(default=-1)
    em_ucd = models.CharField(max_length=64, null=True)
    em_unit = models.CharField(max_length=16, null=True)
    em_calib_status = models.CharField(max_length=16, null=True)
    o_ucd = models.CharField(max_length=64, null=True)
    pol_states = models.CharField(max_length=32, null=True)
    pol_xel = models.BigIntegerField(default=0)
    facility_name = models.CharField(max_length=100, null=True)
    instrument_name = models.CharField(max_length=100, null=True)
    obs_creation_date = models.DateTimeField(null=True)
    obs_creator_name = models.CharField(max_length=200, null=True)
    publisher_id = models.CharField(max_length=255, null=True)
    data_rights = models.CharField(max_length=16, default="public")
    obs_release_date = models.DateTimeField(null=True)

    pos_x = models.FloatField(null=True)
    pos_y = models.FloatField(null=True)
    pos_z = models.FloatField(null=True)
    region_xmin = models.FloatField(null=True)
    region_ymin = models.FloatField(null=True)
    region_zmin = models.FloatField(null=True)
    region_xmax = models.FloatField(null=True)
    region_ymax = models.FloatField(null=True)
    region_zmax = models.FloatField(null=True)

    class Meta:
        db_table = "ivoa_obscore"
        verbose_name = "ObsCore row"
        indexes = [
            models.Index(fields=["s_ra", "s_dec"], name="obscore_position"),
            models.Index(fields=["s_dec"], name="obscore_dec"),
            models.Index(fields=["t_min", "t_max"], name="obscore_time"),
            models.Index(fields=["t_max"], name="obscore_t_max"),
            models.Index(fields=["em_min", "em_max"], name="obscore_energy"),
            models.Index(fields=["em_max"], name="obscore_em_max"),
            models.Index(fields=["obs_id"], name="obscore_obs_id"),
            models.Index(fields=["obs_collection"], name="obscore_collection"),
            models.Index(fields=["dataproduct_type"], name="obscore_type"),
            models.Index(fields=["target_name"], name="obscore_target"),
        ]

    def __str__(self) -> str:
        return self.obs_publisher_did


class ObsCoreHEA(models.Model):
    """A row of `ivoa.obscore_hea` (high-energy extension of ObsCore, IVOA draft of 2026-08-03, section 4)."""

    obscore = models.OneToOneField(
        ObsCore, on_delete=models.CASCADE, primary_key=True, db_column="id", related_name="hea"
    )
    obs_publisher_did = models.CharField(max_length=255, unique=True)
    ev_xel = models.BigIntegerField(null=True)
    s_ref_energy = models.FloatField(null=True)
    em_ref_energy = models.FloatField(null=True)
    s_ref_oaa = models.FloatField(null=True)
    em_ref_oaa = models.FloatField(null=True)
    t_intervals = models.TextField(null=True)
    t_coverage = CoverageField(null=True, editable=False, help_text="the intervals of t_intervals")
    t_first = models.FloatField(null=True, help_text="start of t_coverage, MJD (TCB)")
    t_last = models.FloatField(null=True, help_text="end of t_coverage, MJD (TCB)")
    energy_min = models.FloatField(null=True)
    energy_max = models.FloatField(null=True)
    obs_mode = models.CharField(max_length=32, null=True)
    tracking_mode = models.CharField(max_length=32, null=True)
    scan_mode = models.CharField(max_length=32, null=True)
    pointing_mode = models.CharField(max_length=32, null=True)
    analysis_mode = models.CharField(max_length=100, null=True)
    event_type = models.CharField(max_length=64, null=True)
    messenger_name = models.CharField(max_length=16, null=True)
    messenger_pdgid = models.CharField(max_length=16, null=True)

    class Meta:
        db_table = "ivoa_obscore_hea"
        verbose_name = "ObsCore row, high-energy extension"
        indexes = [models.Index(fields=["energy_min", "energy_max"], name="obscore_hea_energy")]

    def __str__(self) -> str:
        return self.obs_publisher_did
