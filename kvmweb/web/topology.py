"""The wiring of a host as one picture, and as a table."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from kvmweb.services import topology as desk
from kvmweb.ui import topology as face
from kvmweb.web import respond


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Of one host: `?host=`."""
    actor = request.actor  # type: ignore[attr-defined]
    found = desk.show(actor, host=request.GET.get("host", ""))
    context = {
        "it": found,
        "picture": face.draw(found.interfaces, found.networks, found.cards, found.host),
        "is_blind": desk.is_blind(actor),
        "live_rev": found.rev,
    }
    return respond.page(request, "networks/topology.html", context)
