"""A look inside a disk: its page, its beginning and end; files pass beside (`live.inside`)."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST, require_safe

from kvmweb.core import refs
from kvmweb.core.inside import Choice, Place
from kvmweb.services import inside as desk
from kvmweb.ui import inside as face
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted

DISK = "guests/<slug:host>/<uuid:uuid>/disks/<str:target>/inside/"
VOLUME = "storage/<slug:host>/<uuid:uuid>/volumes/<uuid:volume>/inside/"


@require_safe
def disk(request: HttpRequest, host: str, uuid: UUID, target: str) -> HttpResponse:
    """Into a disk of a guest."""
    return _show(request, _of_guest(request, host, uuid, target))


@require_safe
def volume(request: HttpRequest, host: str, uuid: UUID, volume: UUID) -> HttpResponse:
    """Into a volume of a pool."""
    return _show(request, _of_volume(request, host, uuid, volume))


@require_POST
def disk_begin(request: HttpRequest, host: str, uuid: UUID, target: str) -> HttpResponse:
    """Start looking."""
    return _begin(request, _of_guest(request, host, uuid, target))


@require_POST
def volume_begin(request: HttpRequest, host: str, uuid: UUID, volume: UUID) -> HttpResponse:
    """Start looking."""
    return _begin(request, _of_volume(request, host, uuid, volume))


@require_POST
def disk_end(request: HttpRequest, host: str, uuid: UUID, target: str) -> HttpResponse:
    """Stop looking."""
    return _end(request, _of_guest(request, host, uuid, target))


@require_POST
def volume_end(request: HttpRequest, host: str, uuid: UUID, volume: UUID) -> HttpResponse:
    """Stop looking."""
    return _end(request, _of_volume(request, host, uuid, volume))


@require_safe
def disk_file(request: HttpRequest, host: str, uuid: UUID, target: str) -> HttpResponse:
    """Reached only where the file cannot be given: this says why."""
    return _file(request, _of_guest(request, host, uuid, target))


@require_safe
def volume_file(request: HttpRequest, host: str, uuid: UUID, volume: UUID) -> HttpResponse:
    """Reached only where the file cannot be given: this says why."""
    return _file(request, _of_volume(request, host, uuid, volume))


def _of_guest(request: HttpRequest, host: str, uuid: UUID, target: str) -> Place:
    return desk.of_guest(request.actor, refs.guest(host, str(uuid)), target)  # type: ignore[attr-defined]


def _of_volume(request: HttpRequest, host: str, uuid: UUID, volume: UUID) -> Place:
    return desk.of_volume(request.actor, refs.pool(host, str(uuid)), str(volume))  # type: ignore[attr-defined]


def _show(request: HttpRequest, place: Place) -> HttpResponse:
    wanted = Choice.from_query(request.GET.dict())
    shown = desk.show(request.actor, place, wanted)  # type: ignore[attr-defined]
    return respond.page(request, "inside/show.html", {"it": face.page(shown)}, part="body")


def _begin(request: HttpRequest, place: Place) -> HttpResponse:
    posted(request, Strict)
    desk.begin(request.actor, place)  # type: ignore[attr-defined]
    return _answer(request, place)


def _end(request: HttpRequest, place: Place) -> HttpResponse:
    posted(request, Strict)
    desk.end(request.actor, place)  # type: ignore[attr-defined]
    return _answer(request, place)


def _answer(request: HttpRequest, place: Place) -> HttpResponse:
    """The page as it is now, in the place of the old one."""
    if not request.htmx:  # type: ignore[attr-defined]
        return respond.done(request, to=face.url(place))
    return _show(request, place)


def _file(request: HttpRequest, place: Place) -> HttpResponse:
    wanted = Choice.from_query(request.GET.dict())
    desk.measure(request.actor, place, wanted.device, wanted.path)  # type: ignore[attr-defined]
    return HttpResponse(status=204)


urlpatterns: list[URLPattern] = [
    path(DISK, disk, name="disk_inside"),
    path(f"{DISK}begin/", disk_begin, name="disk_inside_begin"),
    path(f"{DISK}end/", disk_end, name="disk_inside_end"),
    path(f"{DISK}file/", disk_file, name="disk_inside_file"),
    path(VOLUME, volume, name="volume_inside"),
    path(f"{VOLUME}begin/", volume_begin, name="volume_inside_begin"),
    path(f"{VOLUME}end/", volume_end, name="volume_inside_end"),
    path(f"{VOLUME}file/", volume_file, name="volume_inside_file"),
]
