"""Storage pages: pools, list level."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from kvmweb.services import overview
from kvmweb.services import pools as desk
from kvmweb.web import respond


def list_(request: HttpRequest) -> HttpResponse:
    """Every pool that this person sees."""
    actor = request.actor  # type: ignore[attr-defined]
    rev = overview.revision()
    query = {name: request.GET.get(name, "") for name in ("search", "host")}
    context = {
        "live_rev": rev,
        "rows": desk.list_(actor, **query),
        "is_blind": desk.is_blind(actor),
        **query,
    }
    return respond.page(request, "storage/list.html", context, part="listing")
