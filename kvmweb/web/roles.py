"""Roles: what each may do, in words; roles of one's own."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.services import rights, roles
from kvmweb.ui import words
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted


class RoleForm(Strict):
    """A name and what it may do."""

    label = forms.CharField(label=_("Name"), max_length=64)
    verbs = forms.MultipleChoiceField(label=_("May"), widget=forms.CheckboxSelectMultiple)

    def __init__(self, data: Any = None, *, actor: Any, **rest: Any) -> None:
        super().__init__(data, **rest)
        known = [(verb, words.verb(verb).label) for verb in roles.all_verbs(actor)]
        self.fields["verbs"].choices = known  # type: ignore[attr-defined]


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    """Every role with its rights."""
    actor = request.actor  # type: ignore[attr-defined]
    context = {
        "roles": roles.list_(actor),
        "may_grant": rights.held(actor, "people.grant"),
        "tab": "roles",
    }
    return respond.page(request, "people/roles.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def save(request: HttpRequest, key: str = "") -> HttpResponse:
    """Make or change a role of one's own."""
    actor = request.actor  # type: ignore[attr-defined]
    rights.require(actor, "people.grant")
    role = next((row for row in roles.list_(actor) if row.key == key and row.is_custom), None)
    if key and role is None:
        raise NotFound(ref=f"role:{key}")
    given = {"label": role.label, "verbs": list(role.verbs)} if role else {}
    form = posted(request, RoleForm, actor=actor, initial=given)
    if form.is_valid():
        try:
            roles.save(actor, form.cleaned_data["label"], form.cleaned_data["verbs"], key=key)
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Denied:
            form.add_error("verbs", _("You can only give what you hold yourself."))
        else:
            return respond.done(request, _now("The change is made."), to=reverse("roles"))
    status = 422 if form.is_bound else 200
    return respond.page(request, "people/role.html", {"form": form, "role": role}, status=status)


@require_POST
def remove(request: HttpRequest, key: str) -> HttpResponse:
    """Take a role of one's own away, with its grants."""
    posted(request, Strict)
    roles.remove(request.actor, key)  # type: ignore[attr-defined]
    said = _now("The role is removed, and every grant of it.")
    return respond.done(request, said, to=reverse("roles"))


urlpatterns = [
    path("", list_, name="roles"),
    path("add/", save, name="role_add"),
    path("<slug:key>/edit/", save, name="role_edit"),
    path("<slug:key>/remove/", remove, name="role_remove"),
]
