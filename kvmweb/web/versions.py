"""The history of a guest's definition: the list, and the difference of any two."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from kvmweb.core import refs
from kvmweb.services import defining, guest_page
from kvmweb.services import versions as desk
from kvmweb.ui import links
from kvmweb.ui import versions as face
from kvmweb.web import respond


@require_safe
def history(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """`?one=&other=` are compared, the older first; the newest two where none are named.

    One alone, or one with itself, is shown as it is.
    """
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    found = desk.history(actor, ref)
    newest = [it.id for it in found.versions[:2]]
    one = _number(request, "one") or (newest[-1] if newest else 0)
    other = _number(request, "other") or (newest[0] if newest else 0)
    pair = tuple(found.find(it) for it in sorted({one, other}) if it)
    context = {
        "guest_url": links.of(ref),
        "name": guest_page.name(actor, ref),
        "found": found,
        "lines": face.lines(found),
        "one": one,
        "other": other,
        "pair": pair,
        "diff": defining.difference(pair[0].xml, pair[1].xml) if len(pair) == 2 else (),
    }
    return respond.page(request, "guests/history.html", context)


def _number(request: HttpRequest, name: str) -> int:
    """0 for none, or for what is no number."""
    given = request.GET.get(name, "")
    return int(given) if given.isdecimal() and len(given) < 19 else 0
