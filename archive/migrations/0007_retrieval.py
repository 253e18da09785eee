"""What stored files hold when they are unpacked, and when they were last found whole."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('archive', '0006_other_products'),
    ]

    operations = [
        migrations.AddField(
            model_name='storedfile',
            name='checked',
            field=models.DateTimeField(db_index=True, help_text='when all bytes were last read and compared', null=True),
        ),
        migrations.AddField(
            model_name='storedfile',
            name='damage',
            field=models.CharField(blank=True, help_text='what was found wrong; empty: nothing', max_length=200),
        ),
        migrations.AddField(
            model_name='storedfile',
            name='damage_found',
            field=models.DateTimeField(help_text='when it was found first', null=True),
        ),
        migrations.AddField(
            model_name='storedfile',
            name='unpacked_sha256',
            field=models.CharField(blank=True, help_text='of what a gzip file holds', max_length=64),
        ),
        migrations.AddField(
            model_name='storedfile',
            name='unpacked_size',
            field=models.BigIntegerField(help_text='bytes that a gzip file holds; NULL for other files', null=True),
        ),
        migrations.AlterField(
            model_name='storedfile',
            name='media_type',
            field=models.CharField(help_text='of what is in it, unpacked', max_length=100),
        ),
        migrations.AddIndex(
            model_name='storedfile',
            index=models.Index(condition=models.Q(('damage', ''), _negated=True), fields=['damage'], name='stored_file_damaged'),
        ),
    ]
