"""Storage pages: the pools, and one pool with its volumes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.refs import Ref
from kvmweb.core.volume_filter import VolumeFilter
from kvmweb.services import overview, pool_making, pool_roots, uploads, volume_deletion, volumes
from kvmweb.services import pools as desk
from kvmweb.ui import links
from kvmweb.ui import pools as face
from kvmweb.ui import volumes as volume_face
from kvmweb.web import respond
from kvmweb.web import uploads as upload_page


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    """Every pool that this person sees."""
    actor = request.actor  # type: ignore[attr-defined]
    rev = overview.revision()
    query = {name: request.GET.get(name, "") for name in ("search", "host")}
    context = {
        "live_rev": rev,
        "rows": face.lines(desk.list_(actor, **query), desk.promised(actor, host=query["host"])),
        **_making(actor),
        "is_blind": desk.is_blind(actor),
        **query,
    }
    return respond.page(request, "storage/list.html", context, part="listing")


def _making(actor: Actor) -> dict[str, Any]:
    """What may be made here."""
    return {
        "may_create": bool(pool_making.hosts(actor)),
        "may_change_roots": pool_roots.may_change(actor),
        "without_default": pool_making.without_default(actor),
    }


@require_safe
def detail(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """One pool and one page of its volumes; what is shown stands in the address."""
    ref = refs.pool(host, str(uuid))
    wanted = VolumeFilter.from_query(request.GET)
    details = desk.show(request.actor, ref)  # type: ignore[attr-defined]
    found = volumes.list_(request.actor, ref, wanted)  # type: ignore[attr-defined]
    context = {
        **_uploads(request, ref),
        "may_delete": volume_deletion.may(request.actor, ref),  # type: ignore[attr-defined]
        "it": face.page(details),
        "live_rev": details.rev,
        **volume_face.listing(ref, found),
    }
    response = respond.page(request, "storage/detail.html", context, part="listing")
    query = found.wanted.query()
    response.headers["HX-Push-Url"] = links.of(ref) + (f"?{query}" if query else "")
    return response


def _uploads(request: HttpRequest, ref: Ref) -> dict[str, Any]:
    """Of this person, where the whole page is asked for."""
    may = uploads.may(request.actor, ref)  # type: ignore[attr-defined]
    is_whole = not request.htmx  # type: ignore[attr-defined]
    return {"may_upload": may, **(upload_page.listed(request, ref) if may and is_whole else {})}
