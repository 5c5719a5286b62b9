"""Consoles: tickets, opening and closing, keys and pictures.

A ticket is one right to open one console once, for 30 s, from the session it was given to. It is
judged again when it is used, and every second while the console is open (`services.vigil`).
"""

from __future__ import annotations

import datetime as dt
import socket
import time
from dataclasses import dataclass, field

from django.core.cache import cache
from django.utils import timezone

from kvmweb.access import judge
from kvmweb.core import records, tokens
from kvmweb.core.actors import Actor
from kvmweb.core.details import ConsoleFacts
from kvmweb.core.errors import (
    Denied,
    HostDown,
    Invalid,
    NotFound,
    NotSupported,
    Problem,
    WrongState,
)
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, power, present, seats
from kvmweb.services.guard import guarded, open_to_all
from kvmweb.store.models import Ticket

TICKET_S = 30
SCREEN, SERIAL = "screen", "serial"
WATCH, DRIVE, BESIDE = "watch", "drive", "beside"
"""Modes of a ticket. BESIDE: drive while nobody else does, for a window that comes back."""
PICTURE_S = 2
_FUNCTION_KEYS = (59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 87, 88)
_CTRL, _ALT = 29, 56
CHORDS: dict[str, tuple[int, ...]] = {
    "ctrl-alt-delete": (_CTRL, _ALT, 111),
    "ctrl-alt-backspace": (_CTRL, _ALT, 14),
    **{f"ctrl-alt-f{n}": (_CTRL, _ALT, code) for n, code in enumerate(_FUNCTION_KEYS, 1)},
    "print": (99,),
}
"""Keys that the viewer's own system would keep. Source: Linux input-event-codes.h."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which console of a guest. device: the alias of a serial port; empty for the screen."""

    kind: str
    device: str = ""


@dataclass(slots=True)
class Opened:
    """A console that was opened: the guest's end, and what has to be closed with it.

    line: connected to the guest's VNC server or to the room of its serial port.
    drives: at that moment; whoever holds it keeps it true.
    """

    line: socket.socket
    seat: int
    drives: bool
    place: Place
    opened_at: float = field(default_factory=time.monotonic)


@guarded("console.watch", is_audited=False)
def issue(actor: Actor, ref: Ref, place: Place, *, mode: str) -> str:
    """A ticket's secret, to be shown once. mode: watch, or one of the others for who may drive.

    Raises: Denied, NotFound, WrongState, NotSupported, HostDown, Quota: why it cannot open now.
    """
    if mode not in (WATCH, DRIVE, BESIDE):
        raise Invalid(f"no such mode: {mode}")
    if mode != WATCH and not judge.can(actor, "console.drive", ref):
        raise Denied(verb="console.drive", ref=str(ref))
    place = _ready(ref, place)
    seats.require_room(actor, ref)
    secret = tokens.fresh()
    now = timezone.now()
    Ticket.objects.filter(expires_at__lt=now - dt.timedelta(hours=1)).delete()
    Ticket.objects.create(
        token_hash=tokens.fingerprint(secret),
        person_id=actor.person_id,
        session=actor.session,
        guest=str(ref),
        kind=place.kind,
        device=place.device,
        mode=mode,
        expires_at=now + dt.timedelta(seconds=TICKET_S),
    )
    return secret


@guarded("console.watch", is_audited=False)
def redeem(actor: Actor, ref: Ref, kind: str, secret: str) -> Ticket:
    """Use the ticket up. Raises Denied for one that is used, old, or of somebody else."""
    found = Ticket.objects.filter(
        token_hash=tokens.fingerprint(secret),
        person_id=actor.person_id,
        session=actor.session,
        guest=str(ref),
        kind=kind,
        used_at=None,
        expires_at__gt=timezone.now(),
    )
    if not found.update(used_at=timezone.now()):
        audit.note(actor, "console.open", ref, outcome=Denied.code, kind=kind, why="ticket")
        raise Denied("the ticket is used, old or not yours", verb="console.watch", ref=str(ref))
    return Ticket.objects.get(token_hash=tokens.fingerprint(secret))


@guarded("console.watch", is_audited=False)
def open_(actor: Actor, ref: Ref, ticket: Ticket) -> Opened:
    """Sit down and take the guest's end. Rights are judged again.

    Raises: as `issue`. Nothing is opened unless the audit can be written.
    """
    may_drive = ticket.mode != WATCH and judge.can(actor, "console.drive", ref)
    place = Place(ticket.kind, ticket.device)
    entry = audit.begin(
        actor, "console.open", ref, kind=place.kind, device=place.device, mode=ticket.mode
    )
    seat = 0
    try:
        seat, drives = seats.sit(
            actor, ref, place.kind, place.device,
            may_drive=may_drive, is_new=ticket.mode == DRIVE,
        )  # fmt: skip
        line = _take(ref, place)
    except Problem as problem:
        seats.stand(seat)
        audit.end(entry, problem.code, problem=problem.detail[:500])
        raise
    except BaseException:
        seats.stand(seat)
        audit.end(entry, "fault")
        raise
    audit.end(entry, "ok")
    return Opened(line, seat, drives, place)


@open_to_all("whoever sits may stand up")
def close(
    actor: Actor, ref: Ref, opened: Opened, *, why: str, shown: int = 0, typed: int = 0
) -> None:
    """Stand up and write down how long it was. shown, typed: bytes from and to the guest."""
    opened.line.close()
    seats.stand(opened.seat)
    audit.note(
        actor,
        "console.close",
        ref,
        kind=opened.place.kind,
        device=opened.place.device,
        seconds=round(time.monotonic() - opened.opened_at, 1),
        bytes_shown=shown,
        bytes_typed=typed,
        why=why,
    )


@open_to_all("says to somebody who was at this console a moment ago why it ended")
def ending(ref: Ref) -> tuple[int, str]:
    """Close code and reason for a console whose guest's end was closed."""
    host = mirror.HostMirror.objects.filter(host=ref.host).first()
    if host is None or not host.is_up:
        return HostDown.close_code, "host-down"
    try:
        guest = present.guest(ref)
    except NotFound:
        return NotFound.close_code, "gone"
    if records.GuestState(guest.state).is_active:
        return WrongState.close_code, "interrupted"
    return WrongState.close_code, guest.state


@guarded("console.drive")
def press(actor: Actor, ref: Ref, chord: str) -> None:
    """Press these keys together through the hypervisor, which needs no VNC keyboard for it.

    Raises: Invalid for an unknown chord, Busy when somebody else drives the screen.
    """
    if chord not in CHORDS:
        raise Invalid(f"no such keys: {chord}")
    seats.require_wheel(actor, ref, SCREEN)
    audit.tell(keys=chord)
    keycodes = list(CHORDS[chord])
    client.call(ref.host, "guest.sendkeys", uuid=ref.id, keycodes=keycodes, hold_ms=50)


@guarded("guest.view")
def facts(actor: Actor, ref: Ref) -> ConsoleFacts:
    """For the card and the window of a guest's consoles. Raises NotFound."""
    guest = present.guest(ref)
    host = mirror.HostMirror.objects.filter(host=ref.host).first()
    offers = power.offers(actor, guest, host)
    begin = "guest.restore" if guest.record.get("has_saved_state") else "guest.start"
    return ConsoleFacts(
        ref=ref,
        name=guest.name,
        state=guest.state,
        has_screen=bool(guest.record.get("has_screen")),
        serials=tuple(serial["alias"] for serial in guest.record.get("serials", ())),
        watch=judge.can(actor, "console.watch", ref),
        drive=judge.can(actor, "console.drive", ref),
        take_over=judge.can(actor, "console.takeover", ref),
        start=next((offer for offer in offers if offer.verb == begin), None),
    )


@guarded("console.watch", is_audited=False)
def picture(actor: Actor, ref: Ref) -> bytes:
    """The screen as a PNG, at most `PICTURE_S` old. One capture serves all who look.

    Raises: WrongState, NotSupported, HostDown.
    """
    key = f"picture-{ref.host}-{ref.id}"
    kept = cache.get(key)
    if kept is not None:
        return bytes(kept)
    _ready(ref, Place(SCREEN))
    if not cache.add(f"{key}-turn", 1, PICTURE_S):
        last = cache.get(f"{key}-last")
        if last is not None:
            return bytes(last)
    taken, about = client.take_file(ref.host, "guest.screenshot", uuid=ref.id)
    with taken:
        image = taken.read()
    if about.get("mime") != "image/png":
        raise NotSupported(f"this host makes {about.get('mime')} pictures")
    cache.set(key, image, PICTURE_S)
    cache.set(f"{key}-last", image, 30)
    return image


def _ready(ref: Ref, place: Place) -> Place:
    """The place, with its device named, or why it cannot be opened now."""
    guest = present.guest(ref)
    present.host(ref.host)
    if place.kind == SCREEN:
        if not guest.record.get("has_screen"):
            raise NotSupported("no VNC screen is defined", missing=SCREEN)
        place = Place(SCREEN)
    elif place.kind == SERIAL:
        aliases = [serial["alias"] for serial in guest.record.get("serials", ())]
        if not aliases:
            raise NotSupported("no serial port is defined", missing=SERIAL)
        if place.device and place.device not in aliases:
            raise NotFound("no such serial port", ref=str(ref))
        place = Place(SERIAL, place.device or aliases[0])
    else:
        raise NotFound(f"no such console: {place.kind}")
    if not records.GuestState(guest.state).is_active:
        raise WrongState("the guest is not running", state=guest.state, name=guest.name)
    return place


def _take(ref: Ref, place: Place) -> socket.socket:
    if place.kind == SCREEN:
        line, _ = client.take(ref.host, "guest.open_screen", uuid=ref.id)
    else:
        line, _ = client.take(ref.host, "guest.open_serial", uuid=ref.id, alias=place.device)
    return line
