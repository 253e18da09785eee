"""The slots of a worker by queue. Workers write their rows anew with each sign of life."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("uws", "0006_job_type_settings"),
    ]

    operations = [
        migrations.RemoveField(model_name="worker", name="slots"),
        migrations.AddField(
            model_name="worker",
            name="slots",
            field=models.JSONField(default=dict, help_text="jobs that it runs at the same time, by queue"),
        ),
    ]
