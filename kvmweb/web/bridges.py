"""Bridges of hosts: which there are, and the exact steps to make or remove one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from kvmweb.services import topology as desk
from kvmweb.ui import bridges as face
from kvmweb.web import respond


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Of one host: `?host=`; `?bridge=` and `?device=` fill the steps in."""
    actor = request.actor  # type: ignore[attr-defined]
    found = desk.show(actor, host=request.GET.get("host", ""))
    plain = [it for it in found.interfaces if it.type != "bridge"]
    taken = {it.name for it in found.interfaces}
    free = next(f"br{n}" for n in range(100) if f"br{n}" not in taken)
    bridge = request.GET.get("bridge", "").strip() or free
    device = request.GET.get("device", "").strip() or (plain[0].name if plain else "eth0")
    try:
        ways, is_wrong = face.ways(bridge, device), False
    except ValueError:
        ways, is_wrong = face.ways(free, "eth0"), True
    context = {
        "it": found,
        "is_blind": desk.is_blind(actor),
        "bridges": [it for it in found.interfaces if it.type == "bridge"],
        "own": {record.bridge for _ref, record in found.networks if record.bridge},
        "plain": plain,
        "bridge": bridge,
        "device": device,
        "ways": ways,
        "is_wrong": is_wrong,
        "live_rev": found.rev,
    }
    return respond.page(request, "networks/bridges.html", context)
