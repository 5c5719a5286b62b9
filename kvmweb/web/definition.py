"""The page of a definition, of a guest or a network: read-only XML, or a file."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from kvmweb.core.refs import Ref
from kvmweb.ui import commands, links, xml_text
from kvmweb.web import respond


def show(request: HttpRequest, ref: Ref, xml: str, *, name: str, command: str) -> HttpResponse:
    """`?download=1` as a file. command: the virsh line that shows the same."""
    if request.GET.get("download"):
        file = f"{commands.guest_word(name, ref.id)}.xml"
        headers = {"Content-Disposition": f'attachment; filename="{file}"'}
        return HttpResponse(xml, content_type="application/xml", headers=headers)
    context = {
        "name": name,
        "url": links.of(ref),
        "download_url": f"{request.path}?download=1",
        "xml": xml,
        "pieces": xml_text.pieces(xml),
        "dumpxml": command,
    }
    return respond.page(request, "definition/show.html", context, part="xml")
