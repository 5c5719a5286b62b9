"""The first page: is everything well?"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from kvmweb.services import overview as desk
from kvmweb.ui import overview as face
from kvmweb.web import respond


@require_GET
def show(request: HttpRequest) -> HttpResponse:
    """Hosts and their load, guests by state, pools filling up, what failed lately."""
    actor = request.actor  # type: ignore[attr-defined]
    context = {**desk.glance(actor), **face.states(desk.guests_by_state(actor))}
    return respond.page(request, "overview/show.html", context, part="body")
