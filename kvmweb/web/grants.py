"""Grants: list, give, take back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse, reverse_lazy
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from kvmweb.core.errors import Denied, Invalid
from kvmweb.services import grants, projects, rights, roles
from kvmweb.ui import words
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted

MOMENT = {"type": "datetime-local", "step": "60"}


class GuestField(forms.CharField):
    """`host/name`, with choices as one types; its page has the list `guest-choices`."""

    def __init__(self) -> None:
        search = {
            "list": "guest-choices",
            "autocomplete": "off",
            "hx-get": reverse_lazy("grant_guests"),
            "hx-trigger": "input changed delay:200ms, focus once",
            "hx-target": "#guest-choices",
        }
        super().__init__(
            label=_("Guest"),
            max_length=300,
            required=False,
            help_text=_("Type a part of its name and choose: host/name."),
            widget=forms.TextInput(search),
        )


class GrantForm(Strict):
    """Who, what, where, how long."""

    holder = forms.ChoiceField(label=_("Person or team"))
    role = forms.ChoiceField(label=_("Role"))
    reach = forms.ChoiceField(
        label=_("Where"),
        choices=[
            ("everything", _("Everything")),
            ("host", _("One host, with all its guests")),
            ("project", _("One project, with all that belongs to it")),
            ("guest", _("One guest")),
        ],
        widget=forms.RadioSelect,
        initial="everything",
    )
    host = forms.ChoiceField(label=_("Host"), required=False)
    project = forms.ChoiceField(label=_("Project"), required=False)
    guest = GuestField()
    starts_at = forms.DateTimeField(
        label=_("Begins"),
        required=False,
        help_text=_("Empty: at once. Time in UTC."),
        widget=forms.DateTimeInput(MOMENT, format="%Y-%m-%dT%H:%M"),
    )
    ends_at = forms.DateTimeField(
        label=_("Ends"),
        required=False,
        help_text=_("Empty: stays until it is taken back. Time in UTC."),
        widget=forms.DateTimeInput(MOMENT, format="%Y-%m-%dT%H:%M"),
    )

    def __init__(self, data: Any = None, *, actor: Any, **rest: Any) -> None:
        super().__init__(data, **rest)
        people, teams = grants.holders(actor)
        self.fields["holder"].choices = [  # type: ignore[attr-defined]
            ("", ""),
            (_("People"), [(f"person:{key}", name) for key, name in people]),
            (_("Teams"), [(f"team:{key}", name) for key, name in teams]),
        ]
        named = [(role.key, role.label) for role in roles.list_(actor)]
        self.fields["role"].choices = named  # type: ignore[attr-defined]
        hosts = grants.hosts(actor)
        self.fields["host"].choices = [("", ""), *hosts]  # type: ignore[attr-defined]
        found = [(str(key), name) for key, name in projects.all_(actor)]
        self.fields["project"].choices = [("", ""), *found]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """The chosen place is named."""
        given = super().clean() or {}
        reach = given.get("reach")
        if (
            reach in ("host", "project", "guest")
            and not given.get(reach)
            and reach not in self.errors
        ):
            self.add_error(reach, _("Choose one."))
        return given

    def terms(self) -> grants.Terms:
        """As the service wants them."""
        given = self.cleaned_data
        scope = given.get(given["reach"]) or grants.EVERYTHING
        if given["reach"] == "project":
            scope = f"project:{scope}"
        return grants.Terms(given["role"], scope, given["starts_at"], given["ends_at"])

    def add_invalid(self, invalid: Invalid) -> None:
        """A wrong scope belongs to the place that was chosen."""
        fields = dict(invalid.fields)
        if "scope" in fields:
            fields[self.cleaned_data.get("reach", "guest")] = fields.pop("scope")
        super().add_invalid(Invalid(fields=fields))


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    """All grants."""
    actor = request.actor  # type: ignore[attr-defined]
    context = {
        "grants": grants.list_(actor),
        "may_grant": rights.held(actor, "people.grant"),
        "tab": "grants",
    }
    return respond.page(request, "people/grants.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def give(request: HttpRequest) -> HttpResponse:
    """Give a role to somebody."""
    actor = request.actor  # type: ignore[attr-defined]
    rights.require(actor, "people.grant")
    initial = {"holder": request.GET.get("to", ""), "project": request.GET.get("project", "")}
    if initial["project"]:
        initial["reach"] = "project"
    form = posted(request, GrantForm, actor=actor, initial=initial)
    if form.is_valid():
        kind, _colon, key = form.cleaned_data["holder"].partition(":")
        try:
            grants.give(actor, form.terms(), **{f"{kind}_id": int(key)})
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Denied:
            form.add_error(None, _("You can only give what you hold yourself."))
        else:
            said = _now("Given. It works at once.")
            return respond.done(request, said, to=_holder_page(kind, int(key)))
    status = 422 if form.is_bound else 200
    return respond.page(request, "people/grant.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, grant_id: int) -> HttpResponse:
    """Name what is lost; then take it back."""
    if request.method != "POST":
        return _ask(request, grant_id)
    posted(request, Strict)
    grants.revoke(request.actor, grant_id)  # type: ignore[attr-defined]
    to = respond.goal(request, reverse("grants"))
    return respond.done(request, _now("The grant is taken back."), to=to)


def _ask(request: HttpRequest, grant_id: int) -> HttpResponse:
    grant, lost = grants.loss(request.actor, grant_id)  # type: ignore[attr-defined]
    told = [(name, [words.verb(verb).label for verb in verbs]) for name, verbs in lost.items()]
    values = {"role": grant.role, "holder": grant.holder}
    context = {
        "title": _now("Remove %(role)s of %(holder)s?") % values,
        "grant": grant,
        "lost": told,
        "next": respond.goal(request, ""),
        "name": "revoke",
        "tone": "bad",
        "action": reverse("grant_revoke", args=[grant_id]),
        "action_label": _now("Remove the grant"),
        "back_url": reverse("grants"),
        "back_label": _now("Grants"),
        "frame": respond.frame(request),
    }
    return respond.page(request, "people/revoke.html", context)


@respond.quiet
@require_safe
def guests(request: HttpRequest) -> HttpResponse:
    """Guests to choose from, as you type."""
    if not request.htmx:  # type: ignore[attr-defined]
        return HttpResponseRedirect(reverse("grant_give"))
    found = grants.guests_like(request.actor, request.GET.get("guest", "")[:300])  # type: ignore[attr-defined]
    return respond.page(request, "people/grant.html", {"guests": found}, part="choices")


def _holder_page(kind: str, key: int) -> str:
    return reverse("team" if kind == "team" else "person", args=[key])


urlpatterns = [
    path("", list_, name="grants"),
    path("give/", give, name="grant_give"),
    path("guests/", guests, name="grant_guests"),
    path("<int:grant_id>/revoke/", revoke, name="grant_revoke"),
]
