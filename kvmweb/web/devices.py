"""Devices of a host."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from kvmweb.core import refs
from kvmweb.core.errors import Problem
from kvmweb.services import devices as desk
from kvmweb.services import host_page
from kvmweb.ui import commands, links
from kvmweb.ui import devices as face
from kvmweb.ui import hosts as host_face
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted


@require_safe
def list_(request: HttpRequest, host: str) -> HttpResponse:
    """PCI, USB, disks, network, mediated; with what uses each."""
    actor, ref = request.actor, refs.host(host)  # type: ignore[attr-defined]
    details = host_page.show(actor, ref)
    query = {name: request.GET.get(name, "") for name in ("search", "kind")}
    context = {
        "live_rev": details.rev,
        "it": host_face.page(details),
        "rows": face.in_order(desk.list_(actor, ref, **query)),
        "choices": face.choices(desk.counts(actor, ref)),
        "read_at": desk.read_at(actor, ref),
        "command": commands.virsh(details.row.uri, "nodedev-list", "--tree"),
        **query,
    }
    return respond.page(request, "hosts/devices.html", context, part="listing")


@require_POST
def look(request: HttpRequest, host: str) -> HttpResponse:
    """Have them read again; they come by the live wire."""
    ref = refs.host(host)
    posted(request, Strict)
    try:
        desk.look(request.actor, ref)  # type: ignore[attr-defined]
    except Problem as problem:
        return respond.problem(request, problem, about=host, about_url=links.of(ref))
    return respond.done(request, _("The devices are being read."))
