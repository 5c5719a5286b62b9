"""The recycle bin: the list, its days, bringing a guest back, and deleting it for good."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kvmweb.core import refs
from kvmweb.core.bins import Binned
from kvmweb.core.errors import Invalid, Problem
from kvmweb.services import bins as desk
from kvmweb.services import retention
from kvmweb.ui import bins as face
from kvmweb.ui import links
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted


class DaysForm(Strict):
    """Limits and sentences are the service's."""

    days = forms.IntegerField(
        label=gettext_lazy("Days"), widget=forms.NumberInput(attrs={"min": 1, "max": 3650})
    )


class BackForm(Strict):
    """Limits and sentences are the service's."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=255, strip=False)


class PurgeForm(Strict):
    """name: typed when data is lost."""

    name = forms.CharField(required=False, max_length=255, strip=False)

    def __init__(self, data: object = None, *, found: Binned, **rest: object) -> None:
        super().__init__(data, **rest)
        self._found = found
        label = _("Type %(name)s: the data of these disks is lost")
        self.fields["name"].label = label % {"name": found.name}

    def clean_name(self) -> str:
        """Needed only where data goes."""
        typed = str(self.cleaned_data["name"])
        if self._found.going and typed.strip() != self._found.name.strip():
            raise forms.ValidationError(_("This is not its name."))
        return typed


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    """Every guest in the bin that this person may delete."""
    return _page(request, DaysForm(None, initial={"days": retention.days()}))


@require_POST
def days(request: HttpRequest) -> HttpResponse:
    """For how long guests are kept."""
    form = posted(request, DaysForm)
    if form.is_valid():
        try:
            retention.set_days(request.actor, form.cleaned_data["days"])  # type: ignore[attr-defined]
            return respond.done(request, _("Saved."), to=reverse("bin"))
        except Invalid as invalid:
            form.add_invalid(invalid)
    return _page(request, form, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
def bring_back(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """GET asks for the name; POST does it."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    found = desk.show(actor, ref)
    form = posted(request, BackForm, initial={"name": found.proposed_name})
    form.fields["name"].disabled = found.is_bound and request.method != "POST"
    if request.method == "POST" and form.is_valid():
        name = form.cleaned_data["name"]
        try:
            desk.bring_back(actor, ref, name=name)
            return respond.done(request, _("%(name)s is back.") % {"name": name}, to=links.of(ref))
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Problem as problem:
            return respond.problem(request, problem, about=found.name)
    return _question(
        request, "bins/back.html", form, found,
        title=_("Bring %(name)s back?"), name="bin.back",
        action_label=pgettext("recycle bin", "Bring back"),
        command=face.back_command(found, str(form["name"].value() or found.name)),
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
def purge(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """GET asks, with the disks; POST answers the job that does it."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    found = desk.show(actor, ref)
    form = posted(request, PurgeForm, found=found)
    if request.method == "POST" and form.is_valid():
        try:
            return respond.done(request, to=reverse("job", args=[desk.purge(actor, ref)]))
        except Problem as problem:
            return respond.problem(request, problem, about=found.name)
    return _question(
        request, "bins/purge.html", form, found,
        title=_("Delete %(name)s for good?"), name="bin.purge", action_label=_("Delete for good"),
        tone="bad", command=face.purge_command(found), staying=face.staying(found),
    )  # fmt: skip


def _page(request: HttpRequest, form: DaysForm, status: int = 200) -> HttpResponse:
    found = desk.list_(request.actor)  # type: ignore[attr-defined]
    context = {**face.listing(found), "form": form, "live_rev": found.rev}
    return respond.page(request, "bins/list.html", context, status=status)


def _question(
    request: HttpRequest, template: str, form: Strict, found: Binned, *, title: str, **more: object
) -> HttpResponse:
    context = {
        "form": form,
        "found": found,
        "title": title % {"name": found.name},
        "action": request.path,
        "back_url": reverse("bin"),
        "back_label": _("Recycle bin"),
        "frame": respond.frame(request),
        **more,
    }
    return respond.page(request, template, context, status=422 if form.errors else 200)


urlpatterns: list[URLPattern] = [
    path("bin/", list_, name="bin"),
    path("bin/days/", days, name="bin_days"),
    path("bin/<slug:host>/<uuid:uuid>/back/", bring_back, name="bin_back"),
    path("bin/<slug:host>/<uuid:uuid>/purge/", purge, name="bin_purge"),
]
