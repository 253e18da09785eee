"""Indexes of positions and regions of ivoa.obscore on the unit sphere."""

from django.db import migrations

from archive.published import POSITION, REGION
from tap.geometry.schema import index_operations


class Migration(migrations.Migration):
    dependencies = [("archive", "0001_initial"), ("tap", "0001_geometry")]
    operations = index_operations("ivoa_obscore", positions=[POSITION], regions=[REGION])
