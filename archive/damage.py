"""What is wrong with a stored file: recorded when it is noticed, gone when the file is found whole again."""

from __future__ import annotations

from django.utils.timezone import now

from archive.models import StoredFile

MISSING = "missing"
ALTERED = "changed: its SHA-256 is another"
_LONGEST = 200


def record_damage(file: StoredFile, damage: str) -> None:
    """Mark a file as damaged, unless it is marked with the same already."""
    StoredFile.objects.filter(pk=file.pk).exclude(damage=damage[:_LONGEST]).update(
        damage=damage[:_LONGEST], damage_found=now()
    )


def record_checked(file: StoredFile, damage: str) -> None:
    """All bytes were read; `damage` is what was found, "" if they are those of the record."""
    if damage:
        record_damage(file, damage)
    else:
        record_restored(file)
    StoredFile.objects.filter(pk=file.pk).update(checked=now())


def record_restored(file: StoredFile) -> None:
    """The bytes have been put in their place again."""
    StoredFile.objects.filter(pk=file.pk).update(damage="", damage_found=None)
