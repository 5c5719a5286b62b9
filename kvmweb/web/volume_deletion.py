"""Many volumes deleted at once: a dialog that names them, or a page of its own without htmx."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs
from kvmweb.core.errors import Problem
from kvmweb.core.refs import Ref
from kvmweb.core.volume_lists import PoolDetails
from kvmweb.services import pools
from kvmweb.services import volume_deletion as desk
from kvmweb.ui import links, storage_commands
from kvmweb.ui import volumes as face
from kvmweb.web import jobs, respond
from kvmweb.web.forms import Strict, posted


class ManyForm(Strict):
    """volume: one for each; the name of the pool is typed, for the data is lost."""

    volume = jobs.Many()
    typed = forms.CharField(required=False, strip=False)


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """`?volume=` once for each."""
    ref = refs.pool(host, str(uuid))
    actor = request.actor  # type: ignore[attr-defined]
    given = request.POST if request.method == "POST" else request.GET
    identities = _identities(given.getlist("volume"))
    found = desk.choose(actor, ref, identities)
    details = pools.show(actor, ref)
    form = posted(request, ManyForm)
    if form.is_bound and form.is_valid():
        if form.cleaned_data["typed"].strip() == details.record.name:
            try:
                job = desk.delete(actor, ref, identities)
            except Problem as problem:
                return respond.problem(request, problem, about_url=links.of(ref))
            if not request.htmx:  # type: ignore[attr-defined]
                return respond.done(request, to=reverse("job", args=[job]))
            return respond.page(request, "jobs/dialog.html", jobs.show_context(request, job))
        form.add_error("typed", _("Type the name to confirm."))
    context = {"form": form, "frame": respond.frame(request), **_context(ref, details, found)}
    context["action"] = request.path if found.free else ""
    status = 422 if form.errors else 200
    return respond.page(request, "storage/volumes_delete.html", context, status=status)


def _context(ref: Ref, details: PoolDetails, found: desk.Chosen) -> dict[str, Any]:
    number = len(found.free)
    title = ngettext("Delete %(n)d volume?", "Delete %(n)d volumes?", number) % {"n": number}
    lines = [
        storage_commands.volume(details.host.uri, "volume.delete", details.record, row.record)
        for row in found.free
    ]
    return {
        "free": [face.line(ref, row) for row in found.free],
        "kept": [face.line(ref, row) for row in found.kept],
        "size": sum(row.record.allocation for row in found.free),
        "pool_name": details.record.name,
        "command": "\n".join(lines),
        "title": title if number else _("None of these volumes can be deleted."),
        "name": "delete-volumes",
        "tone": "bad",
        "action_label": _("Delete"),
        "back_url": links.of(ref),
        "back_label": details.record.name,
    }


def _identities(given: list[str]) -> list[str]:
    try:
        return [str(UUID(text)) for text in dict.fromkeys(given)]
    except ValueError as error:
        raise BadRequest("not a volume") from error
