"""One's own account: language, theme, password, second factor, sessions."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django import forms
from django.contrib import auth
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kvmweb.core.errors import Busy, Invalid
from kvmweb.services import factors, me, sessions
from kvmweb.web import respond
from kvmweb.web.accounts import LANGUAGES, TOO_MANY, NewPasswordForm, remember
from kvmweb.web.forms import Strict, posted

SECRET = "offered_secret"  # noqa: S105 - the name of a session value
CODES = "fresh_codes"


class PreferencesForm(Strict):
    """Language and theme."""

    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES)
    theme = forms.ChoiceField(
        label=_("Theme"),
        choices=[("system", _("As the system")), ("light", _("Light")), ("dark", _("Dark"))],
    )


class PasswordForm(NewPasswordForm):
    """The old one and the new one, twice."""

    old = forms.CharField(
        label=_("Present password"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )
    field_order = ["old", "password", "again"]

    def __init__(self, data: Any = None, **rest: Any) -> None:
        super().__init__(data, **rest)
        self.fields["password"].label = _("New password")
        self.fields["again"].label = _("New password again")


class ConfirmForm(Strict):
    """The password again, before something grave."""

    password = forms.CharField(
        label=_("Password"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password", "autofocus": True}),
    )


class ProveForm(Strict):
    """A code that proves that the app has the secret."""

    code = forms.CharField(
        label=_("Code from the app"),
        max_length=20,
        widget=forms.TextInput({"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


@respond.about_oneself
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Everything about oneself."""
    actor = request.actor  # type: ignore[attr-defined]
    profile = me.get(actor)
    given = {"language": profile.language or get_language(), "theme": profile.theme or "system"}
    context = {
        "profile": profile,
        "preferences": PreferencesForm(initial=given),
        "sessions": sessions.mine(actor),
        "has_factor": factors.has(actor),
        "codes_left": factors.codes_left(actor),
        "grants": me.grants(actor),
    }
    return respond.page(request, "me/show.html", context)


@respond.about_oneself
@require_POST
def prefer(request: HttpRequest) -> HttpResponse:
    """Keep language and theme, here and for every other browser."""
    form = posted(request, PreferencesForm)
    if not form.is_valid():
        return HttpResponseRedirect(reverse("me"))
    me.prefer(request.actor, **form.cleaned_data)  # type: ignore[attr-defined]
    with override(form.cleaned_data["language"]):
        response = respond.done(request, _now("Your choice is made."), to=reverse("me"))
    return remember(response, **form.cleaned_data)


@respond.about_oneself
@sensitive_post_parameters("old", "password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """Change it; all other sessions end."""
    form = posted(request, PasswordForm)
    if form.is_valid():
        given = form.cleaned_data
        try:
            person = me.change_password(request.actor, given["old"], given["password"])  # type: ignore[attr-defined]
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Busy as busy:
            form.add_error("old", str(TOO_MANY) % busy.context)
        else:
            # Not `update_session_auth_hash`: it would change the key that the session row names.
            request.session[auth.HASH_SESSION_KEY] = person.get_session_auth_hash()
            said = _now("The password is changed. All other sessions were signed out.")
            return respond.done(request, said, to=reverse("me"))
    return _form(request, "me/password.html", form)


@respond.about_oneself
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """Ask for the password again, then go on."""
    form = posted(request, ConfirmForm)
    if form.is_valid():
        try:
            sessions.confirm(request.actor, form.cleaned_data["password"])  # type: ignore[attr-defined]
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Busy as busy:
            form.add_error("password", str(TOO_MANY) % busy.context)
        else:
            return HttpResponseRedirect(respond.goal(request, reverse("me")))
    return _form(request, "me/confirm.html", form, next=respond.goal(request, reverse("me")))


@respond.about_oneself
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def factor_on(request: HttpRequest) -> HttpResponse:
    """Scan a secret, prove it by a code."""
    actor = request.actor  # type: ignore[attr-defined]
    if not sessions.is_confirmed(actor):
        return _confirm_first(request)
    if factors.has(actor):
        return HttpResponseRedirect(reverse("me"))
    secret = request.session.setdefault(SECRET, factors.offer(actor))
    form = posted(request, ProveForm)
    if form.is_valid():
        try:
            request.session[CODES] = factors.turn_on(actor, secret, form.cleaned_data["code"])
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Busy as busy:
            form.add_error("code", str(TOO_MANY) % busy.context)
        else:
            del request.session[SECRET]
            return HttpResponseRedirect(reverse("me_codes"))
    _address, picture = factors.address_of(actor, secret)
    qr = "data:image/svg+xml," + quote(picture)
    return _form(request, "mfa/turn_on.html", form, secret=secret, qr=qr)


@respond.about_oneself
@require_http_methods(["GET", "HEAD", "POST"])
def factor_off(request: HttpRequest) -> HttpResponse:
    """Ask, then only the password from now on."""
    actor = request.actor  # type: ignore[attr-defined]
    if not sessions.is_confirmed(actor):
        return _confirm_first(request)
    form = posted(request, Strict)
    if not form.is_valid():
        return _form(request, "mfa/turn_off.html", form)
    factors.turn_off(actor)
    return respond.done(request, _now("The second factor is off."), to=reverse("me"))


@respond.about_oneself
@require_http_methods(["GET", "HEAD", "POST"])
def codes(request: HttpRequest) -> HttpResponse:
    """Show fresh recovery codes once; make new ones."""
    actor = request.actor  # type: ignore[attr-defined]
    if request.method == "POST":
        if not sessions.is_confirmed(actor):
            return _confirm_first(request)
        posted(request, Strict)
        request.session[CODES] = factors.renew_codes(actor)
        return HttpResponseRedirect(reverse("me_codes"))
    context = {"codes": request.session.pop(CODES, []), "left": factors.codes_left(actor)}
    return respond.page(request, "mfa/codes.html", context)


@respond.about_oneself
@require_POST
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """Sign out there."""
    posted(request, Strict)
    sessions.end(request.actor, session_id)  # type: ignore[attr-defined]
    return respond.done(request, _now("The session was ended."), to=reverse("me"))


@respond.about_oneself
@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere but here."""
    posted(request, Strict)
    sessions.end_others(request.actor)  # type: ignore[attr-defined]
    return respond.done(request, _now("All other sessions were signed out."), to=reverse("me"))


def _confirm_first(request: HttpRequest) -> HttpResponse:
    """To the password and back to the page."""
    return HttpResponseRedirect(f"{reverse('me_confirm')}?next={quote(request.path)}")


def _form(request: HttpRequest, template: str, form: Strict, **context: Any) -> HttpResponse:
    status = 422 if form.is_bound else 200
    context = {"form": form, "back": respond.origin(request, reverse("me")), **context}
    return respond.page(request, template, context, status=status)


urlpatterns = [
    path("", show, name="me"),
    path("preferences/", prefer, name="me_prefer"),
    path("password/", password, name="me_password"),
    path("confirm/", confirm, name="me_confirm"),
    path("second-factor/", factor_on, name="me_factor_on"),
    path("second-factor/off/", factor_off, name="me_factor_off"),
    path("second-factor/codes/", codes, name="me_codes"),
    path("sessions/end-others/", end_others, name="me_end_others"),
    path("sessions/<int:session_id>/end/", end_session, name="me_end_session"),
]
