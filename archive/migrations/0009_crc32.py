"""CRC-32 of stored files, which zip files begin with."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('archive', '0008_pictures_that_are_plots'),
    ]

    operations = [
        migrations.AddField(
            model_name='storedfile',
            name='crc32',
            field=models.BigIntegerField(help_text='CRC-32 of its bytes, for zip files; NULL: not computed yet', null=True),
        ),
    ]
