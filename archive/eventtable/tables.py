"""The database tables behind `gadf.events`: cells, and the events in them."""

from __future__ import annotations

from django.db import models

from archive.obscore.tables import ObsCore


class EventCell(models.Model):
    """A group of neighbouring events of one event list, with its bounding box on the unit sphere."""

    id = models.AutoField(primary_key=True)
    obscore = models.ForeignKey(ObsCore, on_delete=models.CASCADE, related_name="event_cells")
    x_min = models.FloatField()
    y_min = models.FloatField()
    z_min = models.FloatField()
    x_max = models.FloatField()
    y_max = models.FloatField()
    z_max = models.FloatField()

    class Meta:
        db_table = "gadf_event_cell"

    def __str__(self) -> str:
        return f"{self.obscore} {self.pk}"


class Event(models.Model):
    """An event. Rows come and go with their cell, never one by one; angles deg (ICRS), energy TeV.

    The migration makes the table, as small as each database can (decision 022): no index of its own for the key on
    PostgreSQL, no constraint that would be checked row by row.
    """

    pk = models.CompositePrimaryKey("cell", "number")
    cell = models.ForeignKey(EventCell, on_delete=models.CASCADE, db_constraint=False, related_name="events")
    number = models.SmallIntegerField(help_text="place within the cell, by time")
    event_id = models.BigIntegerField()
    mjd = models.FloatField(help_text="UTC")
    ra = models.FloatField()
    dec = models.FloatField()
    energy = models.FloatField()
    event_type = models.BigIntegerField(null=True)

    class Meta:
        db_table = "gadf_event"

    def __str__(self) -> str:
        return f"{self.cell_id}.{self.number}"
