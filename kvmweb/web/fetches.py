"""Fetching an image from a URL: a dialog that asks for a job."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs
from kvmweb.core.errors import Invalid, Problem
from kvmweb.core.images import Format
from kvmweb.services import fetches as desk
from kvmweb.services import pools, uploads
from kvmweb.ui import links
from kvmweb.ui import uploads as face
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted


class FetchForm(Strict):
    """Limits and sentences are the service's. Its own ids: the page below has a name too."""

    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=2000,
        widget=forms.TextInput(attrs={"placeholder": "https://", "inputmode": "url"}),
    )
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=128,
        required=False,
        help_text=gettext_lazy("Empty: as the address ends."),
    )
    format = forms.ChoiceField(label=gettext_lazy("Format"), choices=face.FORMATS, required=False)
    sha256 = forms.CharField(label=gettext_lazy("SHA-256 checksum"), max_length=64, required=False)
    is_trusted = forms.BooleanField(
        label=gettext_lazy("The image may build on other files of the host"), required=False
    )

    def __init__(self, *given: Any, **rest: Any) -> None:
        super().__init__(*given, **{"auto_id": "fetch_%s", **rest})

    def wish(self) -> desk.FetchWish:
        """Once it is valid."""
        found = self.cleaned_data
        return desk.FetchWish(
            url=found["url"],
            name=found["name"],
            format=Format(found["format"] or Format.AUTO),
            sha256=found["sha256"].strip().lower(),
            is_trusted=found["is_trusted"],
        )


@require_http_methods(["GET", "HEAD", "POST"])
def fetch(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """A dialog, or a page of its own without htmx; leads to the job, or back to a new guest."""
    ref = refs.pool(host, str(uuid))
    actor = request.actor  # type: ignore[attr-defined]
    uploads.require(actor, ref)
    may_trust = uploads.may_trust(actor, ref)
    is_for_guest = request.GET.get("for") == "guest"
    form = posted(request, FetchForm)
    if request.method == "POST" and form.is_valid():
        try:
            job = desk.begin(actor, ref, form.wish())
            if is_for_guest and request.htmx:  # type: ignore[attr-defined]
                image = {"pool": ref.id, "name": form.wish().volume}
                return respond.done(request, fetching=image)
            return respond.done(request, _("It is being fetched."), to=reverse("job", args=[job]))
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Problem as problem:
            said = face.refusal(problem)
            form.add_error(None, f"{said['sentence']} {said['step']}".strip())
    context = {
        "form": form,
        "pool": pools.get(actor, ref),
        "may_trust": may_trust,
        "name": "fetch",
        "action": reverse("fetch", args=[host, uuid]) + ("?for=guest" if is_for_guest else ""),
        "back_url": links.of(ref),
        "back_label": pools.get(actor, ref).name,
        "title": _("Fetch an image from a URL"),
        "action_label": _("Fetch"),
        "frame": respond.frame(request),
    }
    status = 422 if form.errors else 200
    return respond.page(request, "storage/fetch.html", context, status=status)


urlpatterns: list[URLPattern] = [
    path("storage/<slug:host>/<uuid:uuid>/fetch/", fetch, name="fetch"),
]
