"""Creating, editing and duplicating networks: one form beside what it would make; reservations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from kvmweb.core import networks as core
from kvmweb.core import refs
from kvmweb.core.details import HostLine
from kvmweb.core.errors import Denied, Invalid, Problem
from kvmweb.core.network_details import NetworkDetails
from kvmweb.core.networks import Reservation
from kvmweb.core.refs import Ref
from kvmweb.services import network_drafts, networks
from kvmweb.services import network_edits as desk
from kvmweb.ui import links, network_reach
from kvmweb.ui import networks as face
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted
from kvmweb.web.network_forms import NetworkForm, form_of


class ReserveForm(Strict):
    """One address for one guest."""

    who = forms.CharField(
        label=gettext_lazy("MAC address"),
        help_text=gettext_lazy("Of the guest's interface; with IPv6 its DUID."),
        max_length=80,
    )
    ip = forms.CharField(label=gettext_lazy("Address"), max_length=64)
    host_name = forms.CharField(
        label=gettext_lazy("Host name"),
        required=False,
        help_text=gettext_lazy("The network's DNS answers it with this address."),
        max_length=253,
    )
    instead_of = forms.CharField(required=False, widget=forms.HiddenInput, max_length=120)
    definition_hash = forms.CharField(required=False, widget=forms.HiddenInput, max_length=64)

    def add_invalid(self, invalid: Invalid) -> None:
        """The service's names of the fields are its own."""
        names = {"mac": "who", "name": "host_name"}
        for name, sentence in invalid.fields.items():
            self.add_error(names.get(name, name), sentence)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """A new network: `?mode=` and `?host=` choose the form; `?preview=1` answers what it makes."""
    actor = request.actor  # type: ignore[attr-defined]
    places = networks.places(actor)
    if not places:
        raise Denied(verb="network.create")
    chosen = request.GET.get("host", "")
    host = next((it for it in places if it.ref.host == chosen), places[0])
    mode = request.GET.get("mode", core.NAT)
    if mode not in core.MODES:
        raise Http404
    initial: dict[str, Any] = {"start": True, "autostart": True}
    if request.method != "POST":
        initial = {**desk.proposal(actor, host.ref, mode), **initial}
    return _create(request, host, mode, initial, places=places)


@require_http_methods(["GET", "HEAD", "POST"])
def duplicate(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """A new network like this one, with a name, a bridge and subnets that are free."""
    actor = request.actor  # type: ignore[attr-defined]
    details = networks.show(actor, refs.network(host, str(uuid)))
    like = desk.kept_spec(actor, details.ref)
    initial: dict[str, Any] = {
        "start": details.record.is_active,
        "autostart": details.record.has_autostart,
    }
    initial = {**desk.proposal(actor, details.host.ref, like.mode, like), **initial}
    return _create(request, details.host, like.mode, initial, like=details)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """All that can be decided about this network, except its name."""
    actor = request.actor  # type: ignore[attr-defined]
    details = networks.show(actor, refs.network(host, str(uuid)))
    spec = desk.kept_spec(actor, details.ref)
    initial = {
        **network_drafts.write(spec),
        "definition_hash": details.record.definition_hash,
    }
    form = posted(request, form_of(spec.mode, is_new=False), initial=initial)
    draft = form.draft() if request.method == "POST" else network_drafts.write(spec)
    preview = desk.preview_edit(actor, details.ref, draft)
    if request.GET.get("preview"):
        return _preview(request, form, preview, details.host)
    if request.method == "POST" and form.is_valid():
        try:
            applied = desk.edit(
                actor, details.ref, draft, definition_hash=form.cleaned_data["definition_hash"]
            )
            respond.say(request, _said(applied, details))
            return respond.done(request, to=links.of(details.ref))
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Problem as problem:
            return respond.problem(request, problem, about=spec.name)
    context = {"network": details.record.name, "back_url": links.of(details.ref)}
    context["title"] = _("Edit network %(name)s") % {"name": details.record.name}
    return _page(request, form, preview, details.host, spec.mode, context)


@require_http_methods(["GET", "HEAD", "POST"])
def reserve(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Keep an address: a dialog, or at once from a lease."""
    actor = request.actor  # type: ignore[attr-defined]
    details = networks.show(actor, refs.network(host, str(uuid)))
    form = posted(request, ReserveForm, initial=_kept(request, details))
    if request.method == "POST" and form.is_valid():
        try:
            kept = _reserve(request, details.ref, form.cleaned_data)
            to = "" if request.htmx else links.of(details.ref)  # type: ignore[attr-defined]
            said = _("%(ip)s is reserved.") % {"ip": kept.ip}
            return respond.done(request, said, to=to)
        except Invalid as invalid:
            if "definition_hash" not in request.POST:  # a click beside a lease has no form to mend
                sentence = next(iter(invalid.fields.values()), "")
                return respond.problem(request, Invalid(sentence), about=details.record.name)
            form.add_invalid(invalid)
        except Problem as problem:
            return respond.problem(request, problem, about=details.record.name)
    context = {
        "form": form,
        "it": face.page(details),
        "name": "network.reserve",
        "action": reverse("network_reserve", args=[host, uuid]),
        "back_url": links.of(details.ref),
        "back_label": details.record.name,
        "title": _("Reserve an address on %(name)s") % {"name": details.record.name},
        "action_label": _("Reserve"),
        "frame": respond.frame(request),
    }
    status = 422 if form.errors else 200
    return respond.page(request, "networks/reserve.html", context, status=status)


@require_POST
def release(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Take a reservation away."""
    ref = refs.network(host, str(uuid))
    name = networks.get(request.actor, ref).name  # type: ignore[attr-defined]
    try:
        desk.release(request.actor, ref, key=request.POST.get("key", ""))  # type: ignore[attr-defined]
    except Problem as problem:
        return respond.problem(request, problem, about=name, about_url=links.of(ref))
    to = "" if request.htmx else links.of(ref)  # type: ignore[attr-defined]
    return respond.done(request, _("The reservation was removed."), to=to)


def _reserve(request: HttpRequest, ref: Ref, found: dict[str, str]) -> Reservation:
    """As typed; a click beside a lease goes without a name that is no name, or taken."""
    wanted = {"who": found["who"], "ip": found["ip"], "instead_of": found["instead_of"]}
    wanted["definition_hash"] = found["definition_hash"]
    actor = request.actor  # type: ignore[attr-defined]
    try:
        return desk.reserve(actor, ref, name=found["host_name"], **wanted)
    except Invalid as invalid:
        if "definition_hash" in request.POST or set(invalid.fields) != {"name"}:
            raise
    return desk.reserve(actor, ref, **wanted)


def _create(
    request: HttpRequest,
    host: HostLine,
    mode: str,
    initial: dict[str, Any],
    *,
    places: list[HostLine] | None = None,
    like: NetworkDetails | None = None,
) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    form = posted(request, form_of(mode, is_new=True), initial=initial)
    draft = form.draft() if request.method == "POST" else initial
    preview = desk.preview(actor, host.ref, mode, draft)
    if request.GET.get("preview"):
        return _preview(request, form, preview, host)
    if request.method == "POST" and form.is_valid():
        found = form.cleaned_data
        try:
            ref = desk.create(
                actor, host.ref, mode, draft, start=found["start"], autostart=found["autostart"]
            )
            said = _("Network %(name)s was created.") % {"name": preview.spec.name}
            return respond.done(request, said, to=links.of(ref))
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Problem as problem:
            return respond.problem(request, problem, about=preview.spec.name)
    title = _("Create a network")
    if like:
        title = _("Duplicate network %(name)s") % {"name": like.record.name}
    back = links.of(like.ref) if like else reverse("networks")
    context: dict[str, Any] = {"hosts": places, "title": title, "back_url": back, "is_new": True}
    context |= {"modes": network_reach.mode_choices() if places else ()}
    return _page(request, form, preview, host, mode, context)


def _page(
    request: HttpRequest,
    form: NetworkForm,
    preview: desk.Preview,
    host: HostLine,
    mode: str,
    more: dict[str, Any],
) -> HttpResponse:
    if not desk.may_boot(request.actor, host.ref):  # type: ignore[attr-defined]
        form.forbid_boot()
    form.choose_from(desk.interfaces(request.actor, host.ref))  # type: ignore[attr-defined]
    if request.method == "POST" and not form.errors:
        form.add_invalid(Invalid(fields=preview.findings.faults))
    context = {
        "form": form,
        "host": host,
        "mode": mode,
        "mode_name": network_reach.MODES[mode],
        **_previewed(preview, host, is_new=bool(more.get("is_new"))),
        **more,
    }
    status = 422 if form.errors else 200
    return respond.page(request, "networks/form.html", context, status=status)


def _preview(
    request: HttpRequest, form: NetworkForm, preview: desk.Preview, host: HostLine
) -> HttpResponse:
    """What the form would make now, and the faults of every field, beside it."""
    faults = [(name, preview.findings.faults.get(name, "")) for name in form.fields]
    context = {**_previewed(preview, host, is_new="start" in form.fields), "faults": faults}
    return respond.page(request, "networks/preview.html", context)


def _previewed(preview: desk.Preview, host: HostLine, *, is_new: bool) -> dict[str, Any]:
    name = preview.spec.name
    return {
        "reach": network_reach.reach(preview.spec),
        "dom_id": "preview",
        "warnings": preview.findings.warnings,
        "xml": preview.xml,
        "lines": face.define_lines(host.uri, name, is_new=is_new),
    }


def _kept(request: HttpRequest, details: NetworkDetails) -> dict[str, str]:
    """What the dialog starts from: a reservation that is changed, or nothing."""
    key = request.GET.get("instead_of", "")
    spec = details.record.stored or details.record.spec
    kept = next((it for it in spec.reservations if it.key == key), None)
    initial = {"definition_hash": details.record.definition_hash, "instead_of": key if kept else ""}
    if kept:
        initial |= {"who": kept.mac or kept.id, "ip": kept.ip, "host_name": kept.name}
    return initial


def _said(applied: desk.Applied, details: NetworkDetails) -> str:
    if not details.record.is_active:
        return _("The definition was saved.")
    if applied.is_pending and applied.is_live:
        return _("Saved. Some of it works already; the rest applies at the next start.")
    if applied.is_pending:
        return _("Saved. It applies at the next start of the network.")
    return _("Saved. It works already.")
