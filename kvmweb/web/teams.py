"""Teams: list, add, members."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from kvmweb.services import grants, people, rights, teams
from kvmweb.web import respond
from kvmweb.web.forms import Strict, attempt, posted


class TeamForm(Strict):
    """A team's name."""

    name = forms.CharField(label=_("Name"), max_length=64)


class MemberForm(Strict):
    """One person."""

    person = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    """All teams."""
    return _list(request, TeamForm())


@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Make a team."""
    form = posted(request, TeamForm)
    team_id = attempt(form, lambda: teams.add(request.actor, **form.cleaned_data))  # type: ignore[attr-defined]
    return _to(request, team_id) if team_id else _list(request, form)


@require_safe
def show(request: HttpRequest, team_id: int) -> HttpResponse:
    """Members and grants."""
    return _show(request, team_id)


@require_POST
def rename(request: HttpRequest, team_id: int) -> HttpResponse:
    """Call it differently."""
    form = posted(request, TeamForm)
    actor = request.actor  # type: ignore[attr-defined]
    if attempt(form, lambda: teams.rename(actor, team_id, **form.cleaned_data)):
        return _to(request, team_id, _now("The change is made."))
    return _show(request, team_id, form=form)


@require_POST
def remove(request: HttpRequest, team_id: int) -> HttpResponse:
    """Take it away."""
    posted(request, Strict)
    teams.remove(request.actor, team_id)  # type: ignore[attr-defined]
    return respond.done(request, _now("The team is removed."), to=reverse("teams"))


@require_POST
def add_member(request: HttpRequest, team_id: int) -> HttpResponse:
    """Put somebody in."""
    form = posted(request, MemberForm)
    if form.is_valid():
        teams.add_member(request.actor, team_id, form.cleaned_data["person"])  # type: ignore[attr-defined]
    return _to(request, team_id)


@require_POST
def remove_member(request: HttpRequest, team_id: int) -> HttpResponse:
    """Take somebody out."""
    form = posted(request, MemberForm)
    if form.is_valid():
        teams.remove_member(request.actor, team_id, form.cleaned_data["person"])  # type: ignore[attr-defined]
    return _to(request, team_id)


def _to(request: HttpRequest, team_id: int, sentence: str = "") -> HttpResponse:
    return respond.done(request, sentence, to=reverse("team", args=[team_id]))


def _list(request: HttpRequest, form: TeamForm) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    context = {
        "teams": teams.list_(actor),
        "form": form,
        "may_change": rights.held(actor, "people.change"),
        "tab": "teams",
    }
    return respond.page(request, "people/teams.html", context, status=422 if form.errors else 200)


def _show(request: HttpRequest, team_id: int, form: TeamForm | None = None) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    team = teams.get(actor, team_id)
    inside = {member for member, _name in team.members}
    context: dict[str, Any] = {
        "team": team,
        "others": [row for row in people.list_(actor) if row.id not in inside and row.is_active],
        "grants": grants.list_(actor, team_id=team_id),
        "form": form or TeamForm(initial={"name": team.name}),
        "may_change": rights.held(actor, "people.change"),
        "may_grant": rights.held(actor, "people.grant"),
    }
    return respond.page(request, "people/team.html", context, status=422 if form else 200)


urlpatterns = [
    path("", list_, name="teams"),
    path("add/", add, name="teams_add"),
    path("<int:team_id>/", show, name="team"),
    path("<int:team_id>/rename/", rename, name="team_rename"),
    path("<int:team_id>/remove/", remove, name="team_remove"),
    path("<int:team_id>/add-member/", add_member, name="team_add_member"),
    path("<int:team_id>/remove-member/", remove_member, name="team_remove_member"),
]
