"""Devices of a guest that are no disks, interfaces or consoles: shown, added, changed, removed.

One way for all kinds of the table: `core.hardware_kinds`. What the host does not offer is not
added; a device or a folder of the host itself needs a right of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import hardware_kinds, wire
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid, NotFound, NotSupported
from kvmweb.core.hardware import (
    PASS,
    Field,
    Hardware,
    HardwareLine,
    Kind,
    KindOffer,
    Outcome,
    Pair,
    Refusal,
    is_offered,
)
from kvmweb.core.hardware_kinds import ADDABLE, named
from kvmweb.core.offers import Obstacle
from kvmweb.core.records import GuestState, HostRecord
from kvmweb.core.refs import Ref
from kvmweb.definitions import hardware as xml
from kvmweb.definitions import spice
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, hardware_lacks, passthrough, present
from kvmweb.services.guard import guarded, internal

DEADLINE_S = 30.0
"""A guest is given 8 s to let go of a device, after the 5 s that libvirt waits itself."""
SPICE = "graphics.type:spice"


@internal("a part of the guest's page, which carries the mark")
def of_guest(actor: Actor, row: mirror.Guest, host: mirror.HostMirror | None) -> Hardware:
    """What the card shows: read from the definitions in the mirror."""
    live, stored = _definitions(row)
    found = _pairs(live, stored)
    obstacle = _obstacle(actor, row.ref, host)
    named_there = passthrough.names(actor, row.host, found)
    is_transient = not stored
    has_spice = _has_spice(stored or live)
    return Hardware(
        lines=tuple(_line(actor, row.ref, pair, found, obstacle, named_there) for pair in found),
        has_spice=has_spice and not is_transient,
        lacks_spice=has_spice and not is_offered(_offers(row, host), SPICE),
        obstacle=obstacle,
    )


@guarded("guest.view")
def line(actor: Actor, ref: Ref, key: str) -> HardwareLine:
    """One device of the card. Raises NotFound."""
    row, host = _known(ref)
    lines = of_guest(actor, row, host).lines
    found = next((it for it in lines if it.pair.device.key == key), None)
    if found is None:
        raise NotFound(ref=f"{ref}/{key}")
    return found


@guarded("guest.view")
def offers(actor: Actor, ref: Ref) -> list[KindOffer]:
    """Every kind that can be added, each with what stands in its way."""
    row, host = _known(ref)
    there = _later(row)
    told = _told(row, host)
    may_pass = judge.can(actor, PASS, ref)
    return [_offer(kind, there, told, may_pass) for kind in ADDABLE.values()]


@guarded("guest.view")
def choices(actor: Actor, ref: Ref, kind: Kind) -> KindOffer:
    """What the host offers for each field; a field of free text is not in it."""
    row, host = _known(ref)
    return _offer(kind, _later(row), _told(row, host), judge.can(actor, PASS, ref))


@guarded("guest.edit")
def add(
    actor: Actor, ref: Ref, kind: str, values: Mapping[str, str], *, definition_hash: str = ""
) -> Outcome:
    """`now`, or `next` and why.

    Raises: Invalid (fields), NotSupported, Denied, Conflict, HostDown.
    """
    row, host = _known(ref, is_up=True)
    there = _later(row)
    offer = _offer(_addable(kind), there, _told(row, host), judge.can(actor, PASS, ref))
    if offer.refusal is Refusal.RIGHT:
        raise Denied(verb=PASS)
    if offer.refusal is not Refusal.NONE:
        raise NotSupported(f"{kind}: {offer.refusal}", kind=kind, refusal=offer.refusal.value)
    clean = _clean(offer, values, {})
    wrong = passthrough.faults(actor, row, offer.kind, clean, there)
    wrong |= hardware_lacks.faults(offer.kind, clean)
    if wrong:
        raise Invalid(fields=wrong)
    _tell(kind, offer.kind, clean)
    return _call(ref, "guest.add_hardware", definition_hash, kind=kind, values=clean)


@guarded("guest.edit")
def edit(
    actor: Actor, ref: Ref, key: str, values: Mapping[str, str], *, definition_hash: str = ""
) -> Outcome:
    """`now`, `next` or `same`. Raises NotFound, Invalid (fields), Denied, Conflict, HostDown."""
    row, host = _known(ref, is_up=True)
    kind, now = _there(actor, row, key)
    if not kind.can_edit:
        raise NotSupported(kind=kind.name)
    others = [pair for pair in _later(row) if pair.device.key != key]
    offer = _offer(kind, others, _told(row, host), judge.can(actor, PASS, ref))
    clean = _clean(offer, values, now)
    changed = {name: value for name, value in clean.items() if value != now.get(name)}
    wrong = passthrough.faults(actor, row, kind, changed, others)
    wrong |= hardware_lacks.faults(kind, {**now, **clean}) if changed else {}
    if wrong:
        raise Invalid(fields=wrong)
    _tell(key, kind, changed)
    return _call(ref, "guest.edit_hardware", definition_hash, key=key, values=clean)


@guarded("guest.edit")
def remove(actor: Actor, ref: Ref, key: str, *, definition_hash: str = "") -> Outcome:
    """`now` when it is gone, `asked` while the guest holds on to it, or `next`.

    Raises: NotFound, NotSupported for a part of the machine, Denied, Conflict, HostDown.
    """
    row, host = _known(ref, is_up=True)
    kind, now = _there(actor, row, key)
    found = next(it for it in of_guest(actor, row, host).lines if it.pair.device.key == key)
    if not found.can_remove:
        raise NotSupported(kind=kind.name)
    _tell(key, kind, now)
    return _call(ref, "guest.remove_hardware", definition_hash, key=key)


@guarded("guest.edit")
def convert_spice(actor: Actor, ref: Ref, *, definition_hash: str = "") -> Outcome:
    """SPICE devices become what VNC can: `now`, `next` or `same`. Raises Conflict, HostDown."""
    row, host = _known(ref, is_up=True)
    told = _offers(row, host)
    has_virtio = is_offered(told, "video.modelType:virtio")
    return _call(
        ref, "guest.convert_spice", definition_hash,
        video="virtio" if has_virtio else "vga",
        keeps_clipboard="channel.type:qemu-vdagent" in told,
    )  # fmt: skip


def _call(ref: Ref, verb: str, definition_hash: str, **args: Any) -> Outcome:
    found = client.call(
        ref.host, verb, deadline_s=DEADLINE_S, uuid=ref.id, definition_hash=definition_hash, **args
    )
    return wire.from_plain(Outcome, found)


def _tell(what: str, kind: Kind, values: Mapping[str, str]) -> None:
    """Into the audit, but for what is secret."""
    secret = {field.name for field in kind.fields if field.is_secret}
    said = {name: "…" if name in secret and value else value for name, value in values.items()}
    audit.running().detail.update(device=what, values=said)


def _known(ref: Ref, *, is_up: bool = False) -> tuple[mirror.Guest, mirror.HostMirror | None]:
    row = present.guest(ref)
    if is_up:
        return row, present.host(ref.host)
    return row, mirror.HostMirror.objects.filter(host=ref.host).first()


def _definitions(row: mirror.Guest) -> tuple[str, str]:
    """The running definition and the stored one; empty where there is none."""
    kept = mirror.GuestDefinition.objects.filter(guest=row).first()
    if kept is None:
        return "", ""
    is_active = GuestState(row.state).is_active
    is_persistent = bool(row.record.get("is_persistent", True))
    if not is_persistent:
        return kept.xml, ""
    return (kept.xml, kept.stored_xml or kept.xml) if is_active else ("", kept.xml)


@lru_cache(maxsize=128)
def _pairs(live: str, stored: str) -> tuple[Pair, ...]:
    try:
        return xml.pairs(live, stored) if live or stored else ()
    except Invalid:
        return ()


@lru_cache(maxsize=128)
def _has_spice(text: str) -> bool:
    try:
        return bool(text) and spice.is_there(text)
    except Invalid:
        return False


def _offers(row: mirror.Guest, host: mirror.HostMirror | None) -> tuple[str, ...]:
    """What its host can give a guest of its kind; empty where the host does not say."""
    if host is None or not host.record:
        return ()
    record = present.record(row)
    room = ("memory.slots:yes",) if record.next_tuning.banks.slots else ("memory:no",)
    domains = wire.from_plain(HostRecord, host.record).domains
    virt_type = row.record.get("virt_type")
    found = next((it for it in domains if it.virt_type == virt_type), None)
    told = found.offers if found else domains[0].offers if domains else ()
    return (*told, *room)


def _told(row: mirror.Guest, host: mirror.HostMirror | None) -> tuple[str, ...]:
    """The same, and what only its devices say: more to read, for dialogs alone."""
    return (*_offers(row, host), *hardware_lacks.drawing(row.host))


def _obstacle(actor: Actor, ref: Ref, host: mirror.HostMirror | None) -> Obstacle:
    if not judge.can(actor, "guest.edit", ref):
        return Obstacle.NO_RIGHT
    if host is None or not host.is_up:
        return Obstacle.HOST_AWAY
    can_plug = (host.record.get("capabilities") or {}).get("guest.hotplug", True)
    return Obstacle.NONE if can_plug else Obstacle.NOT_SUPPORTED


def _line(
    actor: Actor,
    ref: Ref,
    pair: Pair,
    found: tuple[Pair, ...],
    obstacle: Obstacle,
    names: Mapping[str, str],
) -> HardwareLine:
    kind = named(pair.device.kind)
    may = kind.right == "guest.edit" or judge.can(actor, kind.right, ref)
    is_live_only = pair.then is None
    return HardwareLine(
        pair=pair,
        can_edit=kind.can_edit and not is_live_only and not pair.device.key.startswith(xml.LIVE),
        can_remove=kind.can_remove and not _is_needed(pair, found)
        and (not is_live_only or kind.can_plug(pair.device.values)),
        obstacle=obstacle if obstacle or may else Obstacle.NO_RIGHT,
        host_device=names.get(pair.device.values.get("device", ""), ""),
    )  # fmt: skip


def _is_needed(pair: Pair, found: tuple[Pair, ...]) -> bool:
    """libvirt gives a guest that has a screen a video card of its own choice; what draws in 3D
    does so for a video card."""
    if pair.device.kind == hardware_kinds.EGL.name:
        return any(it.then and it.then.values.get("accel3d") == "yes" for it in found)
    if pair.device.kind != hardware_kinds.VIDEO.name:
        return False
    later = [it.then for it in found if it.then]
    cards = [it for it in later if it.kind == pair.device.kind]
    return len(cards) < 2 and any(it.tag == "graphics" for it in later)


def _offer(kind: Kind, there: list[Pair], told: tuple[str, ...], may_pass: bool) -> KindOffer:
    same = [it for it in there if it.device.kind == kind.name]
    if kind.is_sole:
        same = [it for it in there if it.device.tag == kind.tag]
    has_usb = _has_usb(there)
    allowed = _choices(kind, told, may_pass, has_usb=has_usb)
    is_there = is_offered(told, kind.needs) and all(allowed.values())
    refusal = Refusal.NONE
    if kind.right == PASS and not may_pass:
        refusal = Refusal.RIGHT
    elif not is_there:
        refusal = Refusal.HOST
    elif kind.most and len(same) >= kind.most:
        refusal = Refusal.FULL
    elif kind.source == "usb" and not has_usb:
        refusal = Refusal.NO_USB
    return KindOffer(kind, refusal, allowed, hardware_lacks.reasons(kind, told, may_pass=may_pass))


def _later(row: mirror.Guest) -> list[Pair]:
    """What is there at the next start."""
    return [pair for pair in _pairs(*_definitions(row)) if pair.then]


def _has_usb(there: list[Pair]) -> bool:
    """libvirt adds the controller itself, unless it was switched off."""
    off = {"type": "usb", "model": "none"}
    return not any(it.device.tag == "controller" and it.device.values == off for it in there)


def _choices(
    kind: Kind, told: tuple[str, ...], may_pass: bool, *, has_usb: bool
) -> dict[str, tuple[str, ...]]:
    return {
        field.name: tuple(
            value
            for value in field.choices
            if (not field.offered or is_offered(told, f"{field.offered}:{value}"))
            and (may_pass or value not in field.powerful)
            and hardware_lacks.can_have(field, value, told)
            and (has_usb or value not in hardware_kinds.ON_USB)
        )
        for field in kind.fields
        if field.choices
    }


def _clean(offer: KindOffer, values: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """What was said, checked. now: as it is, which may stay. Raises Invalid (fields)."""
    wrong: dict[str, str] = {}
    clean: dict[str, str] = {}
    for field in offer.kind.fields:
        if field.is_fixed or field.name not in values:
            continue
        value = str(values[field.name]).strip()
        clean[field.name] = value
        allowed = offer.choices.get(field.name)
        if sentence := _fault(field, value, allowed, now.get(field.name)):
            wrong[field.name] = offer.reasons.get(field.name) or sentence
    if offer.kind.source and not now:
        clean["device"] = str(values.get("device", ""))
    if wrong:
        raise Invalid(fields=wrong)
    return clean


def _fault(field: Field, value: str, allowed: tuple[str, ...] | None, now: str | None) -> str:
    if allowed is not None:
        return "" if value in allowed or value == now else _("Choose one of the list.")
    if len(value) > field.most or not value.isprintable():
        return _("At most %(n)d characters.") % {"n": field.most}
    if field.pattern and not re.fullmatch(field.pattern, value):
        if field.name == "target":
            return _("Letters, digits, dot, dash and underscore; at most 36.")
        return _("A path begins with a slash and has at most 500 characters.")
    return ""


def _addable(name: str) -> Kind:
    if name not in ADDABLE:
        raise NotFound(ref=name)
    return ADDABLE[name]


def _there(actor: Actor, row: mirror.Guest, key: str) -> tuple[Kind, dict[str, str]]:
    """Its kind and what it says. Raises NotFound, Denied."""
    pair = next((it for it in _pairs(*_definitions(row)) if it.device.key == key), None)
    if pair is None:
        raise NotFound(ref=key)
    kind = named(pair.device.kind)
    if kind.right != "guest.edit" and not judge.can(actor, kind.right, row.ref):
        raise Denied(verb=kind.right)
    return kind, pair.device.values
