"""The door: set-up link, sign in, second step, sign out, reset link, idle time."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import DefaultAccountAdapter
from django import forms
from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kvmweb.core.errors import Busy, Denied, Invalid, NotFound
from kvmweb.services import people, sessions, signin
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted

HALF = "half_signed_in"
TOKEN = "one_time_token"  # noqa: S105 - the name of a session value
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
"""Each by its own name, so that whoever cannot read the page finds theirs."""
TOO_MANY = _("Too many attempts. Try again in %(seconds)s seconds.")


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    """People are made by administrators or by the set-up link."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False


class SignInForm(Strict):
    """Name and password."""

    login = forms.CharField(
        label=_("User name"),
        max_length=64,
        widget=forms.TextInput(
            {"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )


class CodeForm(Strict):
    """The second step."""

    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        help_text=_("From your authenticator app, or one of your recovery codes."),
        widget=forms.TextInput(
            {"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}
        ),
    )


class NewPasswordForm(Strict):
    """A password, twice."""

    password = forms.CharField(
        label=_("Password"),
        max_length=128,
        strip=False,
        help_text=_("At least 10 characters. A few unrelated words are a good choice."),
        widget=forms.PasswordInput({"autocomplete": "new-password"}, render_value=False),
    )
    again = forms.CharField(
        label=_("Password again"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        """Both the same."""
        given = super().clean() or {}
        if given.get("password") and given.get("again") and given["password"] != given["again"]:
            self.add_error("again", _("The two passwords differ."))
        return given


class SetUpForm(NewPasswordForm):
    """The first administrator."""

    username = forms.CharField(
        label=_("User name"),
        max_length=64,
        widget=forms.TextInput(
            {"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
        ),
    )
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES)
    field_order = ["username", "password", "again", "language"]


@respond.open_door("there is nobody yet: the one-time token of the link is the right")
@require_safe
def set_up_link(request: HttpRequest, token: str) -> HttpResponse:
    """Take the token out of the address, so that no header, history or log passes it on."""
    return _unreferred(_keep_token(request, token, reverse("setup_form")))


@respond.open_door("there is nobody yet: the one-time token of the link is the right")
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def set_up(request: HttpRequest) -> HttpResponse:
    """Make the first administrator and sign in."""
    token = request.session.get(TOKEN, "")
    if not signin.is_setup_open(token):
        return respond.page(request, "setup/void.html", status=404)
    form = posted(request, SetUpForm, initial={"language": get_language()})
    if not form.is_valid():
        return _form(request, "setup/setup.html", form)
    given = form.cleaned_data
    try:
        person = signin.set_up(
            token,
            username=given["username"],
            password=given["password"],
            language=given["language"],
            address=request.META["REMOTE_ADDR"],
        )
    except NotFound:
        return respond.page(request, "setup/void.html", status=404)
    except Invalid as invalid:
        form.add_invalid(invalid)
        return _form(request, "setup/setup.html", form)
    return _enter(request, person)


@respond.open_door("here one signs in")
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Name and password; then in, or to the second step."""
    if request.actor is not None:  # type: ignore[attr-defined]
        return HttpResponseRedirect(_goal(request))
    form = posted(request, SignInForm)
    context: dict[str, Any] = {"next": _goal(request), "reason": request.GET.get("reason", "")}
    if not form.is_valid():
        return _form(request, "account/sign_in.html", form, **context)
    given = form.cleaned_data
    try:
        person = signin.check(given["login"], given["password"], request.META["REMOTE_ADDR"])
    except Denied:
        form.add_error(None, _("User name or password is not right."))
    except Busy as busy:
        form.add_error(None, str(TOO_MANY) % busy.context)
        return _form(request, "account/sign_in.html", form, status=429, **context)
    else:
        return _step(request, person)
    return _form(request, "account/sign_in.html", form, **context)


@respond.open_door("the second step of signing in")
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    """The code of who has just given the right password."""
    half = request.session.get(HALF)
    if half is None or not signin.is_half_valid(half):
        request.session.pop(HALF, None)
        return HttpResponseRedirect(reverse("account_login"))
    form = posted(request, CodeForm)
    status = 200
    if form.is_valid():
        try:
            person = signin.check_code(half, form.cleaned_data["code"], request.META["REMOTE_ADDR"])
        except Denied:
            form.add_error("code", _("This code is not right, or was used already."))
        except Busy as busy:
            status = 429
            form.add_error("code", str(TOO_MANY) % busy.context)
        except NotFound:
            return HttpResponseRedirect(reverse("account_login"))
        else:
            return _enter(request, person)
    return _form(request, "mfa/code.html", form, status=status, next=_goal(request))


@respond.about_oneself
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Out; pages and consoles of this session close."""
    posted(request, Strict)
    sessions.end_this(request.actor)  # type: ignore[attr-defined]
    auth.logout(request)
    return respond.done(request, to=reverse("account_login") + "?reason=out")


@respond.open_door("the one-time token of the link is the right")
@require_safe
def reset_link(request: HttpRequest, token: str) -> HttpResponse:
    """As `set_up_link`."""
    return _unreferred(_keep_token(request, token, reverse("account_reset_form")))


@respond.open_door("the one-time token of the link is the right")
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def reset(request: HttpRequest) -> HttpResponse:
    """Choose a password by a link that an administrator gave."""
    token = request.session.get(TOKEN, "")
    name = signin.reset_name(token)
    if not name:
        return respond.page(request, "account/void.html", status=404)
    form = posted(request, NewPasswordForm)
    if form.is_valid():
        try:
            signin.reset(token, form.cleaned_data["password"], request.META["REMOTE_ADDR"])
        except Invalid as invalid:
            form.add_invalid(invalid)
        else:
            request.session.pop(TOKEN, None)
            return HttpResponseRedirect(reverse("account_login") + "?reason=password")
    return _form(request, "account/reset.html", form, username=name)


@respond.about_oneself
@respond.quiet
@require_safe
def left(request: HttpRequest) -> JsonResponse:
    """Seconds until this session ends by itself; asking is no activity."""
    return JsonResponse({"left": sessions.seconds_left(request.actor)})  # type: ignore[attr-defined]


@respond.about_oneself
@require_POST
def stay(request: HttpRequest) -> JsonResponse:
    """The person is there; being asked is activity."""
    return JsonResponse({"left": sessions.seconds_left(request.actor)})  # type: ignore[attr-defined]


def remember(response: HttpResponse, language: str, theme: str) -> HttpResponse:
    """Tell this browser the person's language and theme, where they have chosen any."""
    for cookie, value in ((settings.LANGUAGE_COOKIE_NAME, language), ("kvmweb_theme", theme)):
        if value:
            response.set_cookie(
                cookie,
                value,
                max_age=31_536_000,
                path=settings.SESSION_COOKIE_PATH,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
    return response


def _step(request: HttpRequest, person: Any) -> HttpResponse:
    half = signin.half_of(person)
    if half is None:
        return _enter(request, person)
    request.session.cycle_key()
    request.session[HALF] = half
    goal = urlencode({"next": _goal(request)})
    return HttpResponseRedirect(f"{reverse('account_code')}?{goal}")


def _enter(request: HttpRequest, person: Any) -> HttpResponse:
    """Sign in under a new session key, in the person's language and theme."""
    request.session.pop(HALF, None)
    request.session.pop(TOKEN, None)
    auth.login(request, person, backend=settings.AUTHENTICATION_BACKENDS[0])
    actor = people.actor_of(person, request.session, request.META["REMOTE_ADDR"])
    if actor is not None:
        signin.entered(actor)
    return remember(HttpResponseRedirect(_goal(request)), person.language, person.theme)


def _goal(request: HttpRequest) -> str:
    return respond.goal(request, reverse(settings.LOGIN_REDIRECT_URL))


def _form(
    request: HttpRequest, template: str, form: Strict, *, status: int = 200, **context: Any
) -> HttpResponse:
    wrong = 422 if form.is_bound and status == 200 else status
    return respond.page(request, template, {"form": form, **context}, status=wrong)


def _keep_token(request: HttpRequest, token: str, to: str) -> HttpResponse:
    if request.actor is None:  # type: ignore[attr-defined]
        request.session.cycle_key()
    request.session[TOKEN] = token
    return HttpResponseRedirect(to)


def _unreferred(response: HttpResponse) -> HttpResponse:
    """The address of this page holds a secret."""
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    return response


urlpatterns = [
    path("setup/", set_up, name="setup_form"),
    path("setup/<str:token>/", set_up_link, name="setup"),
    path("sign-in/", sign_in, name="account_login"),
    path("sign-in/code/", second_step, name="account_code"),
    path("sign-out/", sign_out, name="account_logout"),
    path("reset/", reset, name="account_reset_form"),
    path("reset/<str:token>/", reset_link, name="account_reset"),
    path("session/", left, name="session_left"),
    path("session/stay/", stay, name="session_stay"),
]
