"""Consoles over HTTP: tickets, keys, pictures, the card and the window of their own."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_POST

from kvmweb.core import refs
from kvmweb.core.errors import Problem
from kvmweb.services import consoles
from kvmweb.ui import consoles as face
from kvmweb.web import respond

TICKET_FIELDS = {"device", "mode", "csrfmiddlewaretoken"}
KEYS_FIELDS = {"keys", "csrfmiddlewaretoken"}


@require_POST
def ticket(request: HttpRequest, host: str, uuid: UUID, kind: str) -> HttpResponse:
    """A ticket as JSON, or in words why there is none now."""
    if set(request.POST) - TICKET_FIELDS:
        return JsonResponse({"problem": "invalid"}, status=400)
    place = consoles.Place(kind, request.POST.get("device", ""))
    mode = request.POST.get("mode", consoles.WATCH)
    try:
        ref = refs.guest(host, str(uuid))
        secret = consoles.issue(request.actor, ref, place, mode=mode)  # type: ignore[attr-defined]
    except Problem as problem:
        return JsonResponse(face.refusal(problem), status=problem.http_status)
    return JsonResponse({"ticket": secret})


@require_POST
def keys(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Press a chord that the viewer's own system would keep."""
    if set(request.POST) - KEYS_FIELDS:
        return JsonResponse({"problem": "invalid"}, status=400)
    try:
        consoles.press(request.actor, refs.guest(host, str(uuid)), request.POST.get("keys", ""))  # type: ignore[attr-defined]
    except Problem as problem:
        return JsonResponse(face.refusal(problem), status=problem.http_status)
    return HttpResponse(status=204)


@require_GET
@respond.quiet
def thumbnail(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """The screen as a picture; 204 while there is none."""
    try:
        image = consoles.picture(request.actor, refs.guest(host, str(uuid)))  # type: ignore[attr-defined]
    except Problem as problem:
        if problem.http_status in (403, 404):
            raise
        return HttpResponse(status=204)
    return HttpResponse(image, content_type="image/png", headers={"Cache-Control": "no-store"})


@require_GET
def card(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """The console of the guest page, as a fragment; `?part=off` what it offers while off.

    `?part=state`: whether the guest runs, as JSON.
    """
    facts = consoles.facts(request.actor, refs.guest(host, str(uuid)))  # type: ignore[attr-defined]
    if request.GET.get("part") == "state":
        return JsonResponse({"state": facts.state})
    context = {"it": face.card(facts)}
    part = "off" if request.GET.get("part") == "off" else "card"
    return respond.page(request, "consoles/console.html", context, part=part)


@require_GET
def window(request: HttpRequest, host: str, uuid: UUID, kind: str) -> HttpResponse:
    """Only the console: for a window of its own or a second monitor."""
    if kind not in (consoles.SCREEN, consoles.SERIAL):
        raise Http404
    facts = consoles.facts(request.actor, refs.guest(host, str(uuid)))  # type: ignore[attr-defined]
    device = request.GET.get("device", "")
    return respond.page(
        request, "consoles/window.html", {"it": face.card(facts, kind=kind, device=device)}
    )


PLACE = "consoles/<slug:host>/<uuid:uuid>/"
urlpatterns: list[URLPattern] = [
    path(f"{PLACE}keys/", keys, name="console_keys"),
    path(f"{PLACE}thumbnail.png", thumbnail, name="console_thumbnail"),
    path(f"{PLACE}card/", card, name="console_card"),
    path(f"{PLACE}<slug:kind>/", window, name="console_window"),
    path(f"{PLACE}<slug:kind>/ticket/", ticket, name="console_ticket"),
]
