"""The question what a guest boots from: a place for every disk, drive and interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs
from kvmweb.core.records import GuestRecord
from kvmweb.services import boot_order
from kvmweb.ui import device_commands, device_words
from kvmweb.ui import disks as words
from kvmweb.web import guest_dialogs
from kvmweb.web.forms import Strict
from kvmweb.web.guest_dialogs import Answer, Change, Question


class OrderForm(Change):
    """A place for each device: `place-0` of the first one, and so on."""

    keys: tuple[str, ...] = ()

    def clean(self) -> dict[str, Any]:
        """No place twice."""
        found: dict[str, Any] = super().clean() or {}
        seen: dict[str, str] = {}
        for name in _names(self.keys):
            place = found.get(name)
            if place and place in seen:
                self.add_error(name, _("Another device has this place."))
            seen[place or ""] = name
        return found

    def places(self) -> list[Any]:
        """The fields of the devices, for the template."""
        return [self[name] for name in _names(self.keys)]

    def wanted(self) -> list[str]:
        """The chosen devices in order."""
        chosen = [
            (int(self.cleaned_data[name]), key)
            for name, key in zip(_names(self.keys), self.keys, strict=True)
            if self.cleaned_data[name]
        ]
        return [key for _place, key in sorted(chosen)]


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """GET asks; POST stores the order."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    kind = _form_of(details.record)
    bound: list[OrderForm] = []

    def form(*args: Any, **rest: Any) -> Strict:
        bound.append(kind(*args, **rest))
        return bound[-1]

    def act(found: dict[str, Any]) -> Answer:
        keys = bound[-1].wanted()
        when = boot_order.edit(actor, ref, keys, definition_hash=found["definition_hash"])
        return device_words.saved(when), "info" if when == "next" else "good"

    asked = Question(
        "guests/boot_order.html",
        _("Boot order of %(name)s") % {"name": details.record.name},
        _("Save"),
        form,
        act,
        {"command": device_commands.boot_order(details)},
        name="boot",
        tells_now=True,
    )
    return guest_dialogs.answer(request, details, asked)


def _form_of(record: GuestRecord) -> Any:
    """The class of the form for the devices of this guest."""
    keys = _keys(record)
    return type("DevicesForm", (OrderForm,), {**_places(record, keys), "keys": tuple(keys)})


def _keys(record: GuestRecord) -> list[str]:
    """Every device that can be booted from: those that are, in their order, first."""
    there = [f"disk:{disk.target}" for disk in record.next_disks]
    there += [f"network:{card.mac}" for card in record.next_interfaces]
    own = [key for key in record.boot if key in there]
    return [*own, *(key for key in there if key not in own)]


def _places(record: GuestRecord, keys: list[str]) -> dict[str, forms.Field]:
    shown = {
        f"disk:{it.target}": (f"{words.device(it.device)} {it.target}", it.source)
        for it in record.next_disks
    }
    shown |= {
        f"network:{it.mac}": (f"{_('Network')} {it.mac}", it.source)
        for it in record.next_interfaces
    }
    choices = [("", _("not booted from")), *((str(n), str(n)) for n in range(1, len(keys) + 1))]
    found: dict[str, forms.Field] = {}
    for name, key in zip(_names(keys), keys, strict=True):
        title, source = shown[key]
        initial = str(record.boot.index(key) + 1) if key in record.boot else ""
        found[name] = forms.ChoiceField(
            label=title, help_text=source, choices=choices, required=False, initial=initial
        )
    return found


def _names(keys: Sequence[str]) -> list[str]:
    return [f"place-{number}" for number in range(len(keys))]


urlpatterns = [path("guests/<slug:host>/<uuid:uuid>/boot/", edit, name="guest_boot")]
