"""Clone a guest: the question with its disks, and asking for it."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs
from kvmweb.core.cloning import Original
from kvmweb.core.errors import Invalid, Problem
from kvmweb.core.wishes import CloudWish
from kvmweb.services import cloning as desk
from kvmweb.ui import cloning as face
from kvmweb.ui import links
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted


class CloneForm(Strict):
    """A field `way-<target>` for each disk beside these."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=255, strip=False)
    pool = forms.ChoiceField(label=gettext_lazy("Where copies go"), required=False)
    has_cloud = forms.BooleanField(
        label=gettext_lazy("Begin anew inside, by cloud-init"), required=False
    )
    hostname = forms.CharField(
        label=gettext_lazy("Host name"), max_length=253, required=False,
        help_text=gettext_lazy("Empty: as the clone is called."),
    )  # fmt: skip
    definition_hash = forms.CharField(required=False, widget=forms.HiddenInput, max_length=64)

    def __init__(self, data: object = None, *, found: Original, **rest: object) -> None:
        super().__init__(data, **rest)
        pools = [(pool.uuid, pool.name) for pool in found.pools]
        self.fields["pool"].choices = [  # type: ignore[attr-defined]
            ("", _("Beside the originals")), *pools,
        ]  # fmt: skip

    def ways(self, found: Original) -> dict[str, str]:
        """What is chosen for each disk, by target."""
        return {
            disk.target: str(self[f"way-{disk.target}"].value() or "")
            for disk in found.disks
            if f"way-{disk.target}" in self.fields
        }


@require_http_methods(["GET", "HEAD", "POST"])
def clone(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """GET asks, with the disks; POST answers the job that does it."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    found = desk.ask(actor, ref)
    initial = {"name": found.proposed_name, "definition_hash": found.definition_hash}
    form = posted(request, _with_ways(found), found=found, initial=initial)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        try:
            job = desk.clone(
                actor,
                ref,
                name=wanted["name"],
                ways=form.ways(found),
                pool=wanted["pool"],
                definition_hash=wanted["definition_hash"],
                cloud=CloudWish(hostname=wanted["hostname"]) if wanted["has_cloud"] else None,
            )
            return respond.done(request, to=reverse("job", args=[job]))
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Problem as problem:
            return respond.problem(request, problem, about=found.name, about_url=links.of(ref))
    status = 422 if form.errors else 200
    return respond.page(request, "guests/clone.html", _context(request, form, found), status=status)


def _context(request: HttpRequest, form: CloneForm, found: Original) -> dict[str, object]:
    errors = {
        disk.target: str(form.errors[f"way-{disk.target}"][0])
        for disk in found.disks
        if f"way-{disk.target}" in form.errors
    }
    name = str(form["name"].value() or found.proposed_name)
    return {
        "form": form,
        "found": found,
        "lines": face.lines(found, form.ways(found), errors),
        "title": _("Clone %(name)s") % {"name": found.name},
        "name": "guest.clone",
        "action": "" if found.obstacles else request.path,
        "action_label": _("Clone"),
        "back_url": links.of(found.ref),
        "back_label": found.name,
        "command": face.command(found, name, form.ways(found)),
        "frame": respond.frame(request),
    }


def _with_ways(found: Original) -> type[CloneForm]:
    """The form of this guest's disks: only ways that are possible are choices."""
    fields = {
        f"way-{disk.target}": forms.ChoiceField(
            required=False, choices=[(way.value, "") for way in disk.ways]
        )
        for disk in found.disks
        if disk.ways
    }
    return type("CloneFormOfDisks", (CloneForm,), fields)
