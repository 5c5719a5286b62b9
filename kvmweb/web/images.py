"""The library of images."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from kvmweb.services import image_library as desk
from kvmweb.services import overview
from kvmweb.ui import images as face
from kvmweb.web import respond


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    """What guests can be installed from."""
    actor = request.actor  # type: ignore[attr-defined]
    search, host = request.GET.get("search", ""), request.GET.get("host", "")
    context = {
        "live_rev": overview.revision(),
        "rows": [face.line(row) for row in desk.list_(actor, search=search, host=host)],
        "is_blind": desk.is_blind(actor),
        "search": search,
        "host": host,
    }
    return respond.page(request, "images/list.html", context, part="listing")


urlpatterns: list[URLPattern] = [path("storage/images/", list_, name="images")]
