"""The guest page: whole, in parts, its definition and its description."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from kvmweb.core import refs
from kvmweb.services import agent, descriptions, guest_page
from kvmweb.ui import agent as agent_face
from kvmweb.ui import commands
from kvmweb.ui import guest_page as face
from kvmweb.web import definition as page_of
from kvmweb.web import guest_dialogs, respond
from kvmweb.web.forms import Strict
from kvmweb.web.guest_dialogs import Answer, Change, Question

PARTS = {
    "head": "guests/head.html",
    "snapshots": "guests/snapshots.html",
    "pending": "guests/pending_card.html",
    "agent": "guests/agent_card.html",
    **dict.fromkeys(
        ("overview", "use", "description", "disks", "interfaces"), "guests/detail.html"
    ),
}


class DescribeForm(Change):
    """Limits and sentences are the service's."""

    title = forms.CharField(label=gettext_lazy("Title"), required=False)
    description = forms.CharField(
        label=gettext_lazy("Description"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8}),
    )
    tags = forms.CharField(
        label=gettext_lazy("Tags"),
        required=False,
        help_text=gettext_lazy("Separated by spaces or commas, at most 20."),
    )


@require_safe
def detail(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Everything about one guest; `?part=` answers one of its live parts to htmx."""
    details = guest_page.show(request.actor, refs.guest(host, str(uuid)))  # type: ignore[attr-defined]
    part = request.GET.get("part", "")
    if part and part not in PARTS:
        raise Http404
    context = {
        "it": face.page(details),
        "agent": agent_face.face(agent.card(request.actor, details.ref), details),  # type: ignore[attr-defined]
        "live_rev": details.rev,
        "ref": details.ref,
    }
    return respond.page(request, PARTS.get(part, "guests/detail.html"), context, part=part)


@require_safe
def actions(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """The menu of every offer, for a row of a list."""
    details = guest_page.show(request.actor, refs.guest(host, str(uuid)))  # type: ignore[attr-defined]
    return respond.page(request, "guests/actions.html", {"it": face.page(details)})


@require_safe
def definition(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """The XML, read-only; `?download=1` as a file."""
    ref = refs.guest(host, str(uuid))
    xml = guest_page.definition(request.actor, ref)  # type: ignore[attr-defined]
    details = guest_page.show(request.actor, ref)  # type: ignore[attr-defined]
    command = commands.guest(details.host.uri, "guest.definition", details.record)
    return page_of.show(request, ref, xml, name=details.record.name, command=command)


@require_http_methods(["GET", "HEAD", "POST"])
def describe(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Title, description and tags: a dialog, or a page of its own without htmx."""
    ref = refs.guest(host, str(uuid))
    details = guest_dialogs.about(request, ref)
    record = details.record
    known = {
        "title": record.title,
        "description": record.description,
        "tags": " ".join(record.tags),
    }

    def form(*args: Any, initial: dict[str, Any] | None = None) -> Strict:
        return DescribeForm(*args, initial={**(initial or {}), **known})

    def act(found: dict[str, Any]) -> Answer:
        _write(request, ref, found)
        return _("The description was saved."), "good"

    asked = Question(
        "guests/describe.html",
        _("Describe %(name)s") % {"name": record.name},
        _("Save"),
        form,
        act,
        name="describe",
        tells_now=True,
    )
    return guest_dialogs.answer(request, details, asked)


def _write(request: HttpRequest, ref: refs.Ref, found: dict[str, str]) -> None:
    descriptions.describe(
        request.actor,  # type: ignore[attr-defined]
        ref,
        title=found["title"],
        description=found["description"].replace("\r\n", "\n"),
        tags=descriptions.split_tags(found["tags"]),
        definition_hash=found["definition_hash"],
    )
