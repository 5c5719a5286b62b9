"""Delete a guest: the question with its disks, and asking for it."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs
from kvmweb.core.deletion import Deletion
from kvmweb.core.errors import Invalid, Problem
from kvmweb.services import deletion as desk
from kvmweb.ui import deletion as face
from kvmweb.ui import links
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted

BIN, GOOD = "bin", "good"


class DeleteForm(Strict):
    """where: into the recycle bin, or for good. volumes: the ids of the disks that go along; name:
    typed when data is lost."""

    where = forms.ChoiceField(
        required=False,
        choices=[(BIN, gettext_lazy("Into the recycle bin")), (GOOD, gettext_lazy("For good"))],
    )
    volumes = forms.MultipleChoiceField(required=False, label=gettext_lazy("Disks"))
    force_off = forms.BooleanField(required=False, label=gettext_lazy("Force it off first"))
    name = forms.CharField(required=False, max_length=255, strip=False)

    def __init__(self, data: object = None, *, found: Deletion, **rest: object) -> None:
        super().__init__(data, **rest)
        self._name = found.name
        self.fields["volumes"].choices = [  # type: ignore[attr-defined]
            (disk.volume, disk.name) for disk in found.disks if disk.volume
        ]
        label = _("Type %(name)s: the data of the ticked disks is lost")
        self.fields["name"].label = label % {"name": found.name}

    def clean_name(self) -> str:
        """Needed only where data goes."""
        typed = str(self.cleaned_data["name"])
        is_lost = self.cleaned_data.get("where") == GOOD and self.cleaned_data.get("volumes")
        if is_lost and typed.strip() != self._name.strip():
            raise forms.ValidationError(_("This is not its name."))
        return typed


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """GET asks, with the disks; POST answers the job that does it."""
    ref = refs.guest(host, str(uuid))
    found = desk.ask(request.actor, ref)  # type: ignore[attr-defined]
    proposed = [disk.volume for disk in found.disks if disk.is_proposed]
    form = posted(request, DeleteForm, found=found, initial={"volumes": proposed, "where": BIN})
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        try:
            job = desk.delete(
                request.actor,  # type: ignore[attr-defined]
                ref,
                volumes=wanted["volumes"],
                force_off=wanted["force_off"],
                for_good=wanted["where"] == GOOD,
            )
            return respond.done(request, to=reverse("job", args=[job]))
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Problem as problem:
            return respond.problem(request, problem, about=found.name, about_url=links.of(ref))
    context = {
        "form": form,
        "found": found,
        "disks": face.disks(found, form["volumes"].value() or []),
        "title": _("Delete %(name)s?") % {"name": found.name},
        "name": "guest.delete",
        "tone": "bad",
        "action": request.path,
        "action_label": _("Delete"),
        "back_url": links.of(ref),
        "back_label": found.name,
        "is_for_good": form["where"].value() == GOOD,
        "commands": (face.bin_command(found), face.command(found)),
        "frame": respond.frame(request),
    }
    status = 422 if form.errors else 200
    return respond.page(request, "guests/delete.html", context, status=status)
