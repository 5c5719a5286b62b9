"""Devices of a guest by the table of kinds: one dialog to add, change and remove any of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from kvmweb.core import refs
from kvmweb.core.details import GuestDetails
from kvmweb.core.errors import NotFound
from kvmweb.core.hardware import Field, HostChoice, Kind, KindOffer
from kvmweb.core.hardware_kinds import ADDABLE, named
from kvmweb.services import hardware, passthrough, pool_roots
from kvmweb.ui import hardware as face
from kvmweb.ui import hardware_commands, hardware_words, links
from kvmweb.ui.words import Text
from kvmweb.web import guest_dialogs, respond
from kvmweb.web.forms import Strict
from kvmweb.web.guest_dialogs import Answer, Change, Question

OF_GUEST = "guests/<slug:host>/<uuid:uuid>/hardware/"
DEVICE = f"{OF_GUEST}<slug:key>/"
ASKS = require_http_methods(["GET", "HEAD", "POST"])


class DeviceForm(Change):
    """A change of one device; its fields come from its kind."""

    @property
    def shown(self) -> list[Any]:
        """The fields that a person fills in."""
        return [self[name] for name in self.fields if name != "definition_hash"]


def _form(
    offer: KindOffer, listed: dict[str, Any], there: list[HostChoice] | None = None
) -> type[DeviceForm]:
    """listed: what can be chosen, by field. there: host devices, one of which is to be given."""
    kind = offer.kind
    found: dict[str, forms.Field] = {}
    if there is not None and kind.source:
        label = str(hardware_words.field(kind.name, "device"))
        found["device"] = forms.ChoiceField(label=label, choices=face.host_choices(there))
    for field in kind.fields:
        if not field.is_fixed:
            found[field.name] = _field(offer, field, listed)
    return type("KindForm", (DeviceForm,), found)


def _filled(made: type[DeviceForm], known: dict[str, str]) -> Callable[..., Strict]:
    """The form with what is known in its fields."""

    def form(*args: Any, **rest: Any) -> Strict:
        rest["initial"] = {**known, **rest.get("initial", {})}
        return made(*args, **rest)

    return form


def _field(offer: KindOffer, field: Field, listed: dict[str, Any]) -> forms.Field:
    name = offer.kind.name
    label = str(hardware_words.field(name, field.name))
    hint = offer.reasons.get(field.name) or str(hardware_words.HINTS.get((name, field.name), ""))
    if field.name in listed:
        return forms.ChoiceField(label=label, help_text=hint, choices=listed[field.name])
    if field.is_secret:
        hidden = forms.PasswordInput(attrs={"autocomplete": "new-password"})
        return forms.CharField(
            label=label, help_text=hint, max_length=field.most, required=False, widget=hidden
        )
    return forms.CharField(label=label, help_text=hint, max_length=field.most)


@require_GET
def kinds(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """What can be added, and why not."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    context = {
        "kinds": face.addable(hardware.offers(actor, ref)),
        "ref": ref,
        "name": "hardware-add",
        "title": _("Add hardware to %(name)s") % {"name": details.record.name},
        "back_url": links.of(ref),
        "back_label": details.record.name,
        "frame": respond.frame(request),
    }
    return respond.page(request, "guests/hardware_kinds.html", context)


@sensitive_post_parameters("password")
@ASKS
def add(request: HttpRequest, host: str, uuid: UUID, kind: str) -> HttpResponse:
    """One more of this kind, at once where the guest has a free slot and it can be plugged in."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    found = ADDABLE.get(kind)
    if found is None:
        raise NotFound(ref=f"{ref}/{kind}")
    there = passthrough.devices(actor, ref, found.source) if found.source else []
    label = hardware_words.kind(found.name).label
    title = _("Add to %(name)s: %(device)s") % {"name": details.record.name, "device": label}
    offer = next(it for it in hardware.offers(actor, ref) if it.kind is found)
    why = face.refusal(found, offer.refusal)
    if why or (found.source and not face.host_choices(there)):
        return _none(request, details, title, there, why)
    listed = face.choices(offer.choices, {})
    standard = {field.name: field.default for field in found.fields}

    def act(typed: dict[str, Any]) -> Answer:
        seen = typed.pop("definition_hash")
        outcome = hardware.add(actor, ref, found.name, typed, definition_hash=seen)
        expected = "good" if outcome.when == "now" else "info"
        return face.added(found.name, outcome), "warn" if outcome.why == "full" else expected

    asked = Question(
        "guests/hardware_form.html",
        title,
        _("Add"),
        _filled(_form(offer, listed, there), standard),
        act,
        {
            **_about(request, details, found),
            "refused": face.refused(there),
            "command": hardware_commands.add(details, found, standard),
        },
        name=f"hardware-{found.name}",
    )
    return guest_dialogs.answer(request, details, asked)


def _about(request: HttpRequest, details: GuestDetails, kind: Kind) -> dict[str, Any]:
    """What the dialog says of a kind of which one more is asked for."""
    actor, is_folder = request.actor, kind.tag == "filesystem"  # type: ignore[attr-defined]
    return {
        "words": hardware_words.kind(kind.name),
        "said": face.takes_effect(kind, is_active=details.record.state.is_active, is_new=True),
        "wants_folder": is_folder,
        "folders": passthrough.folders(actor, details.ref) if is_folder else (),
        "may_change_roots": pool_roots.may_change(actor),
        "wants_shared_memory": kind.wants_shared_memory,
    }


def _none(
    request: HttpRequest, details: GuestDetails, title: str, there: list[HostChoice], why: Text
) -> HttpResponse:
    """Nothing can be given: why, and no form."""
    context = {
        "why": why,
        "refused": face.refused(there),
        "title": title,
        "back_url": links.of(details.ref),
        "back_label": details.record.name,
        "frame": respond.frame(request),
    }
    return respond.page(request, "guests/hardware_none.html", context)


@sensitive_post_parameters("password")
@ASKS
def edit(request: HttpRequest, host: str, uuid: UUID, key: str) -> HttpResponse:
    """Another model, another action; so from the next start on where the guest runs."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    line = hardware.line(actor, ref, key)
    device = line.pair.device
    kind = named(device.kind)
    if not line.can_edit:
        raise NotFound(ref=f"{ref}/{key}")
    now = {it.name: device.values.get(it.name) or it.default for it in kind.fields}
    offer = hardware.choices(actor, ref, kind)
    made = _form(offer, face.choices(offer.choices, now))

    def act(typed: dict[str, Any]) -> Answer:
        seen = typed.pop("definition_hash")
        when = hardware.edit(actor, ref, key, typed, definition_hash=seen).when
        return face.saved(when), "info" if when == "next" else "good"

    label = hardware_words.kind(kind.name).label
    asked = Question(
        "guests/hardware_form.html",
        _("Change in %(name)s: %(device)s") % {"name": details.record.name, "device": label},
        _("Save"),
        _filled(made, now),
        act,
        {
            "words": hardware_words.kind(kind.name),
            "said": face.takes_effect(kind, is_active=details.record.state.is_active, is_new=False),
            "command": hardware_commands.edit(details, device),
        },
        name=f"hardware-{key}",
    )
    return guest_dialogs.answer(request, details, asked)


@ASKS
def remove(request: HttpRequest, host: str, uuid: UUID, key: str) -> HttpResponse:
    """Take it away; a running guest may hold on to it."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    line = hardware.line(actor, ref, key)
    shown = face.row(line)
    if not line.can_remove:
        raise NotFound(ref=f"{ref}/{key}")

    def act(typed: dict[str, Any]) -> Answer:
        outcome = hardware.remove(actor, ref, key, **typed)
        return face.removed(str(shown.label), outcome), "good" if outcome.when == "now" else "warn"

    asked = Question(
        "guests/hardware_remove.html",
        _("Remove from %(name)s: %(device)s?")
        % {"name": details.record.name, "device": shown.label},
        _("Remove"),
        Change,
        act,
        {
            "row": shown,
            "said": face.leaves(line.pair.device, is_active=details.record.state.is_active),
            "command": hardware_commands.remove(details, line.pair.device),
        },
        name=f"remove-{key}",
        tone="bad",
    )
    return guest_dialogs.answer(request, details, asked)


@ASKS
def convert_spice(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """SPICE devices become what the portal's console can show."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)

    def act(typed: dict[str, Any]) -> Answer:
        outcome = hardware.convert_spice(actor, ref, **typed)
        return face.converted(outcome), "info" if outcome.when == "next" else "good"

    asked = Question(
        "guests/hardware_spice.html",
        _("Convert %(name)s from SPICE to VNC?") % {"name": details.record.name},
        _("Convert"),
        Change,
        act,
        {"command": hardware_commands.convert_spice(details)},
        name="spice",
    )
    return guest_dialogs.answer(request, details, asked)


urlpatterns = [
    path(f"{OF_GUEST}add/", kinds, name="guest_hardware_add"),
    path(f"{OF_GUEST}add/<slug:kind>/", add, name="guest_hardware_kind"),
    path(f"{OF_GUEST}spice/", convert_spice, name="guest_spice"),
    path(DEVICE, edit, name="guest_hardware"),
    path(f"{DEVICE}remove/", remove, name="guest_hardware_remove"),
]
