"""The network interfaces of a guest: add, change, pull the cable, remove; each a dialog."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs
from kvmweb.core.details import GuestDetails
from kvmweb.core.errors import NotFound
from kvmweb.core.offers import Obstacle
from kvmweb.core.records import InterfaceRecord
from kvmweb.services import cards
from kvmweb.ui import cards as face
from kvmweb.ui import device_commands
from kvmweb.web import guest_dialogs
from kvmweb.web.forms import Strict
from kvmweb.web.guest_dialogs import Answer, Change, Question

OF_GUEST = "guests/<slug:host>/<uuid:uuid>/interfaces/"
MAC = f"{OF_GUEST}<str:mac>/"
ASKS = require_http_methods(["GET", "HEAD", "POST"])


def _mode() -> forms.ChoiceField:
    return forms.ChoiceField(label=gettext_lazy("Macvtap mode"), choices=face.MODES, required=False)


def _rate(label: Any, most: int = cards.FLOW_MAX) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=0, max_value=most)


class AddForm(Change):
    """Where it is connected, and as what."""

    place = forms.ChoiceField(label=gettext_lazy("Connected to"))
    mode = _mode()
    model = forms.ChoiceField(label=gettext_lazy("Model"))
    mac = forms.CharField(
        label=gettext_lazy("MAC address"),
        required=False,
        max_length=32,
        help_text=gettext_lazy("Empty: one is made."),
    )

    def __init__(self, *args: Any, places: list[Any], models: list[Any], **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.fields["place"].choices = places  # type: ignore[attr-defined]
        self.fields["model"].choices = models  # type: ignore[attr-defined]


class EditForm(Change):
    """An empty place leaves it connected as it is."""

    place = forms.ChoiceField(label=gettext_lazy("Connected to"), required=False)
    mode = _mode()
    is_link_up = forms.ChoiceField(
        label=gettext_lazy("Link"),
        choices=[("up", gettext_lazy("up")), ("down", gettext_lazy("down"))],
    )
    model = forms.ChoiceField(
        label=gettext_lazy("Model"),
        help_text=gettext_lazy("A running guest gets another model at its next start."),
    )
    new_mac = forms.CharField(label=gettext_lazy("MAC address"), max_length=32)
    mtu = _rate(gettext_lazy("MTU"), cards.MTU[1])
    vlan = _rate(gettext_lazy("VLAN"), cards.VLAN_MAX)

    def __init__(self, *args: Any, places: list[Any], models: list[Any], **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.fields["place"].choices = places  # type: ignore[attr-defined]
        self.fields["model"].choices = models  # type: ignore[attr-defined]


class LimitForm(EditForm):
    """The same with its bandwidth, for who may limit."""

    inbound = _rate(gettext_lazy("Average"))
    inbound_peak = _rate(gettext_lazy("Peak"))
    inbound_burst = _rate(gettext_lazy("Burst"))
    outbound = _rate(gettext_lazy("Average"))
    outbound_peak = _rate(gettext_lazy("Peak"))
    outbound_burst = _rate(gettext_lazy("Burst"))


@ASKS
def add(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """One more, at once where the guest has a free slot."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    there = cards.places(actor, host)
    places = face.places(there)

    def form(*args: Any, **rest: Any) -> Strict:
        return AddForm(*args, places=places, models=face.models(cards.MODELS), **rest)

    def act(found: dict[str, Any]) -> Answer:
        found["mode"] = found["mode"] or "bridge"
        mac, when = cards.attach(actor, ref, **found)
        return face.added(mac, when), "good" if when == "now" else "warn"

    asked = Question(
        "guests/card_add.html",
        _("Add a network interface to %(name)s") % {"name": details.record.name},
        _("Add"),
        form,
        act,
        {
            "has_places": bool(there),
            "has_devices": any(it.type == "direct" for it in there),
            "command": device_commands.attach_card(details),
        },
        name="card-add",
        is_possible=not details.no_card_beside,
    )
    return guest_dialogs.answer(request, details, asked)


@ASKS
def edit(request: HttpRequest, host: str, uuid: UUID, mac: str) -> HttpResponse:
    """Where it is connected, its link, model and address."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    card = _card(details, mac, is_next=True)
    there = cards.places(actor, host)
    places, models = face.places(there, now=card), face.models(cards.MODELS, now=card.model)
    may_limit = details.limits is not Obstacle.NO_RIGHT

    def form(*args: Any, **rest: Any) -> Strict:
        if "initial" in rest:
            rest["initial"] |= face.known(card)
        kind = LimitForm if may_limit else EditForm
        made = kind(*args, places=places, models=models, **rest)
        if details.record.state.is_active:
            made.fields["new_mac"].help_text = _("It can be changed while the guest is shut off.")
        return made

    def act(found: dict[str, Any]) -> Answer:
        found["is_link_up"] = found["is_link_up"] == "up"
        limits = face.limits(found)
        when = cards.edit(actor, ref, card.mac, **found, limits=limits)
        return face.edited(when), "info" if when == "next" else "good"

    asked = Question(
        "guests/card_edit.html",
        _("Change interface %(mac)s of %(name)s") % {"mac": card.mac, "name": details.record.name},
        _("Save"),
        form,
        act,
        {
            "card": card,
            "may_limit": may_limit,
            "command": device_commands.edit_card(details, card),
            "has_vlans": bool(card.vlans) or any(it.has_vlans for it in there),
            "has_devices": card.type == "direct" or any(it.type == "direct" for it in there),
        },
        name=f"card-{card.mac}",
    )
    return guest_dialogs.answer(request, details, asked)


@ASKS
def link(request: HttpRequest, host: str, uuid: UUID, mac: str) -> HttpResponse:
    """Pull the cable, or plug it in again."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    card = _card(details, mac)
    is_up = not card.is_link_up

    def act(found: dict[str, Any]) -> Answer:
        cards.edit(actor, ref, card.mac, is_link_up=is_up, **found)
        return face.linked(card.mac, is_up), "good"

    title = _("Set the link of %(mac)s up?") if is_up else _("Set the link of %(mac)s down?")
    asked = Question(
        "guests/card_ask.html",
        title % {"mac": card.mac},
        _("Set up") if is_up else _("Set down"),
        Change,
        act,
        {
            "card": card,
            "said": "" if is_up else _("For the guest it is as if the cable were pulled."),
            "command": device_commands.link(details, card),
        },
        name=f"link-{card.mac}",
    )
    return guest_dialogs.answer(request, details, asked)


@ASKS
def remove(request: HttpRequest, host: str, uuid: UUID, mac: str) -> HttpResponse:
    """Take it away; a running guest may hold on to it."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    card = _card(details, mac)

    def act(found: dict[str, Any]) -> Answer:
        when = cards.detach(actor, ref, card.mac, **found)
        return face.removed(card.mac, when), "good" if when == "now" else "warn"

    asked = Question(
        "guests/card_ask.html",
        _("Remove interface %(mac)s of %(name)s?") % {"mac": card.mac, "name": details.record.name},
        _("Remove"),
        Change,
        act,
        {
            "card": card,
            "said": _("The guest loses this connection."),
            "command": device_commands.detach_card(details, card),
        },
        name=f"remove-{card.mac}",
        tone="bad",
    )
    return guest_dialogs.answer(request, details, asked)


def _card(details: GuestDetails, mac: str, *, is_next: bool = False) -> InterfaceRecord:
    """As it is, or as it will be at the next start. Raises NotFound."""
    now, then = details.record.interfaces, details.record.next_interfaces
    for card in (*then, *now) if is_next else (*now, *then):
        if card.mac == mac.lower():
            return card
    raise NotFound(ref=f"{details.ref}/{mac}")


urlpatterns = [
    path(f"{OF_GUEST}add/", add, name="guest_card_add"),
    path(MAC, edit, name="guest_card"),
    path(f"{MAC}link/", link, name="guest_card_link"),
    path(f"{MAC}remove/", remove, name="guest_card_remove"),
]
