"""Time coverage of ivoa.obscore_hea as intervals with an index, beside its text."""

from typing import Any

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from archive.published import COVERAGE
from tap.coverage.field import CoverageField
from tap.coverage.schema import index_operation
from vo.timescales import mjd_tcb
from vo.tmoc import decode


def fill(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    """The intervals of the rows that are there."""
    rows = apps.get_model("archive", "ObsCoreHEA").objects.using(editor.connection.alias)
    changed = []
    for row in rows.exclude(t_intervals=None).only("pk", "t_intervals"):
        row.t_coverage = decode(row.t_intervals)
        if row.t_coverage:
            row.t_first, row.t_last = mjd_tcb(row.t_coverage[0][0]), mjd_tcb(row.t_coverage[-1][1])
        changed.append(row)
    rows.bulk_update(changed, ["t_coverage", "t_first", "t_last"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [("archive", "0002_sphere_indexes"), ("tap", "0004_coverage")]
    operations = [
        migrations.AddField(
            model_name="obscorehea",
            name="t_coverage",
            field=CoverageField(editable=False, help_text="the intervals of t_intervals", null=True),
        ),
        migrations.AddField(
            model_name="obscorehea",
            name="t_first",
            field=models.FloatField(help_text="start of t_coverage, MJD (TCB)", null=True),
        ),
        migrations.AddField(
            model_name="obscorehea",
            name="t_last",
            field=models.FloatField(help_text="end of t_coverage, MJD (TCB)", null=True),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        index_operation("ivoa_obscore_hea", COVERAGE),
    ]
