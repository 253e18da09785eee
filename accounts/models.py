"""Tokens: what a user's programs show in place of a password."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Token(models.Model):
    """A token of a user. The text itself is not kept, only its digest; deleting the row revokes it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=64, help_text="what it is for")
    digest = models.CharField(max_length=64, unique=True, editable=False, help_text="SHA-256 of the text")
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, blank=True, editable=False, help_text="to the hour")

    class Meta:
        ordering = ["-created", "-pk"]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"
