"""One volume: its page."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from kvmweb.core import refs
from kvmweb.core.refs import Kind, Ref
from kvmweb.services import pools
from kvmweb.services import volumes as desk
from kvmweb.ui import pools as pool_face
from kvmweb.ui import volumes as face
from kvmweb.web import respond


@require_safe
def find(request: HttpRequest, host: str, volume: UUID) -> HttpResponse:
    """To the page of a volume whose pool is not named."""
    pool = desk.pool_of(request.actor, Ref(Kind.VOLUME, host, str(volume)))  # type: ignore[attr-defined]
    return HttpResponseRedirect(face.url(pool, str(volume)))


@require_safe
def detail(request: HttpRequest, host: str, uuid: UUID, volume: UUID) -> HttpResponse:
    """Everything about one volume."""
    ref = refs.pool(host, str(uuid))
    details = pools.show(request.actor, ref)  # type: ignore[attr-defined]
    row = desk.show(request.actor, ref, str(volume))  # type: ignore[attr-defined]
    context = {
        "pool": pool_face.page(details),
        "it": face.page(ref, row, desk.offers(request.actor, ref, str(volume)), details),  # type: ignore[attr-defined]
        "live_rev": details.rev,
    }
    return respond.page(request, "storage/volume.html", context)
