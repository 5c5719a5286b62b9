"""Uploads over HTTP: begin, see, give up. The data itself goes past Django (`live.uploads`)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kvmweb.core import refs
from kvmweb.core.errors import Invalid, Problem
from kvmweb.core.images import Format
from kvmweb.core.refs import Ref
from kvmweb.core.uploads import UploadRecord, UploadState, Wish
from kvmweb.services import pools
from kvmweb.services import uploads as desk
from kvmweb.ui import links
from kvmweb.ui import uploads as face
from kvmweb.web import respond
from kvmweb.web.forms import Strict

SIZE_DIGITS = 19


class WishForm(Strict):
    """What is uploaded; limits and sentences are the service's."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=255)
    size = forms.IntegerField(label=gettext_lazy("Size in bytes"), min_value=0)
    format = forms.ChoiceField(label=gettext_lazy("Format"), choices=face.FORMATS, required=False)
    mark = forms.CharField(max_length=64, required=False)
    sha256 = forms.CharField(label=gettext_lazy("SHA-256 checksum"), max_length=64, required=False)
    wants_checksum = forms.BooleanField(required=False)
    is_trusted = forms.BooleanField(required=False)

    def wish(self) -> Wish:
        """Once it is valid."""
        found = self.cleaned_data
        return Wish(
            name=found["name"],
            size=found["size"],
            format=Format(found["format"] or Format.AUTO),
            mark=found["mark"],
            sha256=found["sha256"].strip().lower(),
            wants_checksum=found["wants_checksum"],
            is_trusted=found["is_trusted"],
        )


@require_GET
def dialog(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Choose files, or copy the command; linkable, and a page of its own without htmx."""
    ref = refs.pool(host, str(uuid))
    actor = request.actor  # type: ignore[attr-defined]
    context = {
        **listed(request, ref),
        "pool": pools.get(actor, ref),
        "form": WishForm(),
        "may_trust": desk.may_trust(actor, ref),
        "title": _("Upload images"),
        "name": "upload",
        "back_url": links.of(ref),
        "back_label": pools.get(actor, ref).name,
        "frame": respond.frame(request),
        "is_page": not request.htmx,  # type: ignore[attr-defined]
    }
    return respond.page(request, "storage/upload.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def uploads(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """One's own uploads into this pool, as a part of its page; POST begins one."""
    ref = refs.pool(host, str(uuid))
    if request.method == "POST":
        return begin(request, ref)
    return respond.page(request, "storage/uploads.html", listed(request, ref))


def listed(request: HttpRequest, ref: Ref) -> dict[str, Any]:
    """One's own uploads into this pool, for the page they are a part of."""
    place = [ref.host, ref.id]
    return {
        **face.listing(desk.mine(request.actor, ref)),  # type: ignore[attr-defined]
        "begin_url": reverse("uploads", args=place),
        "dialog_url": reverse("upload_dialog", args=place),
        "fetch_url": reverse("fetch", args=place),
        "words": face.words(),
        "icons": face.ICONS,
    }


def begin(request: HttpRequest, ref: Ref) -> HttpResponse:
    """Where to send the file, from which byte on, and with which ticket; or why not, in words."""
    actor = request.actor  # type: ignore[attr-defined]
    form = WishForm(request.POST)
    if not form.is_valid():
        return _refused(Invalid(fields={name: str(said[0]) for name, said in form.errors.items()}))
    is_for_command = request.GET.get("for") == "command"
    try:
        record = desk.begin(actor, ref, form.wish())
        said = _said(ref, record)
        if record.state is UploadState.MOVING:
            secret = desk.ticket(actor, ref, record.id, is_for_command=is_for_command)
            said["ticket"] = secret
            if is_for_command:
                url = request.build_absolute_uri(said["data_url"])
                said["command"] = face.upload_command(url, secret, record.name)
    except Problem as problem:
        return _refused(problem)
    return JsonResponse(said)


@require_GET
@respond.quiet
def show(request: HttpRequest, host: str, uuid: UUID, upload: UUID) -> HttpResponse:
    """How far it is."""
    ref = refs.pool(host, str(uuid))
    record = desk.show(request.actor, ref, upload)  # type: ignore[attr-defined]
    return JsonResponse(_said(ref, record))


@require_POST
def cancel(request: HttpRequest, host: str, uuid: UUID, upload: UUID) -> HttpResponse:
    """Give it up, or put away how it ended."""
    ref = refs.pool(host, str(uuid))
    try:
        desk.cancel(request.actor, ref, upload)  # type: ignore[attr-defined]
    except Problem as problem:
        return _refused(problem)
    return HttpResponse(status=204)


def _said(ref: Ref, record: UploadRecord) -> dict[str, Any]:
    line = face.line(record)
    url = reverse("upload", args=[ref.host, ref.id, record.id])
    return {
        "id": str(record.id),
        "url": url,
        "data_url": f"{url}data",
        "offset": record.offset,
        "safe": record.safe,
        "missing": record.missing,
        "size": record.size,
        "state": record.state,
        "held": record.is_held,
        "sentence": line.sentence,
        "notes": line.notes,
        "volume": line.url,
    }


def _refused(problem: Problem) -> JsonResponse:
    return JsonResponse(face.refusal(problem), status=problem.http_status)


POOL = "storage/<slug:host>/<uuid:uuid>/"
urlpatterns: list[URLPattern] = [
    path(f"{POOL}upload/", dialog, name="upload_dialog"),
    path(f"{POOL}uploads/", uploads, name="uploads"),
    path(f"{POOL}uploads/<uuid:upload>/", show, name="upload"),
    path(f"{POOL}uploads/<uuid:upload>/cancel/", cancel, name="upload_cancel"),
]
