"""Pictures of light curves, spectra and flux points are plots, not images (DataLink vocabulary)."""

from typing import Any

from django.db import migrations

_PLOTTED = ("light-curve", "counts-spectrum", "flux-points")


def to_plots(apps: Any, schema_editor: Any) -> None:
    product = apps.get_model("archive", "Product")
    plotted = product.objects.filter(semantics="#this", subtype__in=_PLOTTED, observation__isnull=False)
    images = product.objects.filter(semantics="#preview-image", observation__in=plotted.values("observation"))
    images.update(subtype="preview-plot", semantics="#preview-plot")


class Migration(migrations.Migration):
    dependencies = [("archive", "0007_retrieval")]

    operations = [migrations.RunPython(to_plots, migrations.RunPython.noop, elidable=True)]
