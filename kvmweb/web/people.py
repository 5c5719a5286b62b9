"""People: list, add, change, switch off."""

from __future__ import annotations

import functools
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kvmweb.services import grants, people, rights
from kvmweb.web import respond
from kvmweb.web.forms import Strict, attempt, posted


class EditForm(Strict):
    """What a person is called."""

    display_name = forms.CharField(label=_("Name shown"), max_length=100, required=False)
    email = forms.EmailField(label=_("E-mail"), max_length=254, required=False)


class AddForm(EditForm):
    """A new person."""

    username = forms.CharField(
        label=_("User name"), max_length=64, widget=forms.TextInput({"autocomplete": "off"})
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=128,
        required=False,
        strip=False,
        help_text=_("Leave it empty to get a link with which the person chooses one."),
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )
    field_order = ["username", "display_name", "email", "password"]


class PasswordForm(Strict):
    """A typed password for somebody."""

    password = forms.CharField(
        label=_("New password"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    """Everybody."""
    actor = request.actor  # type: ignore[attr-defined]
    context = {
        "people": people.list_(actor),
        "may_change": rights.held(actor, "people.change"),
        "tab": "people",
    }
    return respond.page(request, "people/list.html", context)


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """Make a person."""
    rights.require(request.actor, "people.change")  # type: ignore[attr-defined]
    form = posted(request, AddForm)
    actor = request.actor  # type: ignore[attr-defined]
    faults = functools.partial(people.faults, actor)
    made = attempt(form, lambda: people.add(actor, **form.cleaned_data), faults)
    if made:
        person_id, token = made
        return _link_page(request, person_id, token) if token else _to(request, person_id)
    status = 422 if form.is_bound else 200
    return respond.page(request, "people/add.html", {"form": form}, status=status)


@require_safe
def show(request: HttpRequest, person_id: int) -> HttpResponse:
    """One person: what they hold, and what can be done."""
    return _show(request, person_id)


@require_POST
def edit(request: HttpRequest, person_id: int) -> HttpResponse:
    """Change the names."""
    form = posted(request, EditForm)
    actor = request.actor  # type: ignore[attr-defined]
    if attempt(form, lambda: people.edit(actor, person_id, **form.cleaned_data)):
        return _to(request, person_id, _now("The change is made."))
    return _show(request, person_id, edit_form=form)


@sensitive_post_parameters("password")
@require_POST
def set_password(request: HttpRequest, person_id: int) -> HttpResponse:
    """Type a password for somebody."""
    form = posted(request, PasswordForm)
    actor = request.actor  # type: ignore[attr-defined]
    if attempt(form, lambda: people.set_password(actor, person_id, **form.cleaned_data)):
        return _to(request, person_id, _now("The password is set. Their sessions ended."))
    return _show(request, person_id, password_form=form)


@require_POST
def reset_link(request: HttpRequest, person_id: int) -> HttpResponse:
    """A link with which the person chooses a password."""
    posted(request, Strict)
    token = people.reset_link(request.actor, person_id)  # type: ignore[attr-defined]
    return _link_page(request, person_id, token)


@require_POST
def enable(request: HttpRequest, person_id: int) -> HttpResponse:
    """Let them sign in again."""
    posted(request, Strict)
    people.set_active(request.actor, person_id, is_active=True)  # type: ignore[attr-defined]
    return _to(request, person_id, _now("This person can sign in again."))


@require_POST
def disable(request: HttpRequest, person_id: int) -> HttpResponse:
    """Do not let them sign in any more."""
    posted(request, Strict)
    people.set_active(request.actor, person_id, is_active=False)  # type: ignore[attr-defined]
    return _to(request, person_id, _now("This person cannot sign in any more."))


@require_POST
def end_sessions(request: HttpRequest, person_id: int) -> HttpResponse:
    """Sign them out everywhere."""
    posted(request, Strict)
    people.end_sessions(request.actor, person_id)  # type: ignore[attr-defined]
    return _to(request, person_id, _now("All their sessions were signed out."))


@require_POST
def reset_factor(request: HttpRequest, person_id: int) -> HttpResponse:
    """Take their second factor away."""
    posted(request, Strict)
    people.reset_factor(request.actor, person_id)  # type: ignore[attr-defined]
    return _to(request, person_id, _now("The second factor is off for this person."))


def _to(request: HttpRequest, person_id: int, sentence: str = "") -> HttpResponse:
    return respond.done(request, sentence, to=reverse("person", args=[person_id]))


def _link_page(request: HttpRequest, person_id: int, token: str) -> HttpResponse:
    """The link is shown once, in an answer that is not stored."""
    context = {
        "person": people.get(request.actor, person_id),  # type: ignore[attr-defined]
        "link": request.build_absolute_uri(reverse("account_reset", args=[token])),
    }
    return respond.page(request, "people/link.html", context)


def _show(request: HttpRequest, person_id: int, **forms_: Strict) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    person = people.get(actor, person_id)
    given = {"display_name": person.name, "email": person.email}
    context: dict[str, Any] = {
        "person": person,
        "grants": grants.list_(actor, person_id=person_id),
        "edit_form": EditForm(initial=given),
        "password_form": PasswordForm(),
        "may_change": rights.held(actor, "people.change"),
        "may_grant": rights.held(actor, "people.grant"),
        **forms_,
    }
    return respond.page(request, "people/show.html", context, status=422 if forms_ else 200)


urlpatterns = [
    path("", list_, name="people"),
    path("add/", add, name="people_add"),
    path("<int:person_id>/", show, name="person"),
    path("<int:person_id>/edit/", edit, name="person_edit"),
    path("<int:person_id>/password/", set_password, name="person_password"),
    path("<int:person_id>/reset-link/", reset_link, name="person_reset_link"),
    path("<int:person_id>/enable/", enable, name="person_enable"),
    path("<int:person_id>/disable/", disable, name="person_disable"),
    path("<int:person_id>/end-sessions/", end_sessions, name="person_end_sessions"),
    path("<int:person_id>/reset-second-factor/", reset_factor, name="person_reset_factor"),
]
