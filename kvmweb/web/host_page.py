"""The page of one host."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from kvmweb.core import refs
from kvmweb.core.errors import Problem
from kvmweb.services import addresses, host_page
from kvmweb.ui import hosts as face
from kvmweb.ui import links
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted


@require_safe
def show(request: HttpRequest, host: str) -> HttpResponse:
    """What it is, how busy it is, what guests can have there."""
    details = host_page.show(request.actor, refs.host(host))  # type: ignore[attr-defined]
    context = {
        "live_rev": details.rev,
        "it": face.page(details),
        "tab": "overview",
        "command": addresses.command(details.row.uri, "nodeinfo"),
    }
    return respond.page(request, "hosts/show.html", context)


@require_POST
def check(request: HttpRequest, host: str) -> HttpResponse:
    """Have its readiness looked at again; the answer comes by the live wire."""
    ref = refs.host(host)
    posted(request, Strict)
    try:
        host_page.check(request.actor, ref)  # type: ignore[attr-defined]
    except Problem as problem:
        return respond.problem(request, problem, about=host, about_url=links.of(ref))
    return respond.done(request, _("The host is being looked at. It takes a few seconds."))
