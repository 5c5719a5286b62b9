"""Downloads over HTTP: the page of the address whose data goes past Django (`live.downloads`)."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from kvmweb.core import refs
from kvmweb.core.errors import Problem
from kvmweb.services import downloads as desk
from kvmweb.ui import uploads as face
from kvmweb.web import respond


@require_safe
def give(request: HttpRequest, host: str, uuid: UUID, volume: UUID) -> HttpResponse:
    """Reached only where the data cannot be given: this says why."""
    ref = refs.pool(host, str(uuid))
    desk.measure(request.actor, ref, volume)  # type: ignore[attr-defined]
    return HttpResponse(status=204)


@require_POST
def ticket(request: HttpRequest, host: str, uuid: UUID, volume: UUID) -> HttpResponse:
    """The command line that fetches it, with a ticket that ends within the hour."""
    ref = refs.pool(host, str(uuid))
    actor = request.actor  # type: ignore[attr-defined]
    try:
        about = desk.measure(actor, ref, volume)
        secret = desk.ticket(actor, ref, volume)
    except Problem as problem:
        if request.htmx:  # type: ignore[attr-defined]
            raise
        return JsonResponse(face.refusal(problem), status=problem.http_status)
    url = request.build_absolute_uri(reverse("volume_download", args=[host, uuid, volume]))
    command = face.download_command(url, secret, about.name)
    if request.htmx:  # type: ignore[attr-defined]
        context = {"command": command, "title": _("Download from a command line")}
        return respond.page(request, "storage/download_command.html", context)
    return JsonResponse({"ticket": secret, "command": command})


VOLUME = "storage/<slug:host>/<uuid:uuid>/volumes/<uuid:volume>/"
urlpatterns: list[URLPattern] = [
    path(f"{VOLUME}download/", give, name="volume_download"),
    path(f"{VOLUME}download/ticket/", ticket, name="volume_download_ticket"),
]
