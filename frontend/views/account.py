"""The user's own page: signing in and out, and the tokens of the user's programs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, LogoutView
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import tokens
from accounts.models import Token
from frontend.pages import page
from frontend.wording import sentence
from vo.errors import UsageFault
from vo.http import base_url

LIFETIMES = {"30": "30 days", "365": "a year", "": "until it is revoked"}
"""How long a new token may be valid: days, and how the page says it."""


class SignIn(LoginView):
    """Signing in with user name and password; leads back to where it was asked for."""

    redirect_authenticated_user = True

    def render_to_response(self, context: dict[str, Any], **options: Any) -> HttpResponse:
        form: AuthenticationForm = context["form"]
        values = {"section": "account", "form": form, "next": self.get_redirect_url()}
        return page(self.request, "sign_in.html", values, 403 if form.errors else 200)


class SignOut(LogoutView):
    """Signing out; leads to the search page."""

    next_page = "search"


@never_cache
@login_required
@sensitive_variables("text", "values")
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """The tokens of the user; sent, it makes one and shows it, this once."""
    assert isinstance(request.user, User)
    values: dict[str, Any] = {"section": "account", "lifetimes": LIFETIMES, "tap_url": f"{base_url(request)}/tap"}
    status = 200
    if request.method == "POST":
        days = str(request.POST.get("days", ""))
        expires = timezone.now() + timedelta(days=int(days)) if days in LIFETIMES and days else None
        try:
            _, text = tokens.make(request.user, str(request.POST.get("name", "")), expires)
            values["made"] = text
        except UsageFault as fault:
            values["error"], status = sentence(fault.message), 400
    return page(request, "account.html", {**values, "tokens": Token.objects.filter(user=request.user)}, status)


@require_POST
@login_required
def revoke(request: HttpRequest, number: int) -> HttpResponse:
    """Revoke a token of the user."""
    assert isinstance(request.user, User)
    if not Token.objects.filter(pk=number, user=request.user).delete()[0]:
        raise Http404("There is no such token; it may have been revoked.")
    return HttpResponseRedirect(reverse("account"))
