"""Tokens in Django's admin: curators see them, revoke them, and make one for a user; its text is shown once."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.forms import ModelForm
from django.http import HttpRequest

from accounts import tokens
from accounts.models import Token


@admin.register(Token)
class TokenAdmin(admin.ModelAdmin):
    list_display = ("name", "user", "created", "expires", "last_used")
    list_filter = ("user",)
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    fields = ("user", "name", "expires")

    def has_change_permission(self, request: HttpRequest, obj: Token | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Token, form: ModelForm[Any], change: bool) -> None:
        made, text = tokens.make(obj.user, obj.name, obj.expires)
        obj.pk, obj.created = made.pk, made.created
        self.message_user(request, f"The token, which is shown this once: {text}", messages.WARNING)
