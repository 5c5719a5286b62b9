"""The guest list."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from kvmweb.core.guest_filter import GuestFilter
from kvmweb.services import guests as desk
from kvmweb.ui import guests as face
from kvmweb.web import respond


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    """The guests that the person may see; what is shown stands in the address."""
    given = {name: ",".join(request.GET.getlist(name)) for name in request.GET}
    found = desk.list_(request.actor, GuestFilter.from_query(given))  # type: ignore[attr-defined]
    response = respond.page(request, "guests/list.html", face.page(found))
    query = found.wanted.query()
    response.headers["HX-Push-Url"] = reverse("guests") + (f"?{query}" if query else "")
    return response
