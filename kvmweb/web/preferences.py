"""Language and theme of this browser."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.utils.translation import check_for_language
from django.views.decorators.http import require_POST

from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted

THEME_COOKIE = "kvmweb_theme"
THEMES = ("light", "dark", "system")
_YEAR_S = 31_536_000


class ThemeForm(Strict):
    """One of the themes."""

    theme = forms.ChoiceField(choices=[(name, name) for name in THEMES])


class LanguageForm(Strict):
    """One of the languages."""

    language = forms.ChoiceField(choices=settings.LANGUAGES)


def theme_of(request: HttpRequest) -> str:
    """The theme that this browser asked for; the system's where it never did."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else "system"


@respond.open_door("language and theme are chosen before signing in too")
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the theme."""
    form = posted(request, ThemeForm)
    if not form.is_valid():
        return HttpResponseBadRequest()
    return _kept(request, THEME_COOKIE, form.cleaned_data["theme"])


@respond.open_door("language and theme are chosen before signing in too")
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Keep the language."""
    form = posted(request, LanguageForm)
    if not form.is_valid() or not check_for_language(form.cleaned_data["language"]):
        return HttpResponseBadRequest()
    return _kept(request, settings.LANGUAGE_COOKIE_NAME, form.cleaned_data["language"])


def _kept(request: HttpRequest, cookie: str, value: str) -> HttpResponse:
    response = HttpResponseRedirect(respond.back(request))
    response.set_cookie(
        cookie,
        value,
        max_age=_YEAR_S,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response
