"""Who sits at which console, and who of them drives.

The table is the truth for all web processes; a notice on the guest's console topic says "look
again". A process keeps in memory which of its own sockets drive, so that a key costs no query.
Whenever nobody drives, the seat goes to who asked first, else to who has sat longest.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from kvmweb.access import judge
from kvmweb.core import talk, topics
from kvmweb.core.actors import Actor
from kvmweb.core.details import Sitter
from kvmweb.core.errors import Busy, Denied, NotFound, Quota
from kvmweb.core.refs import Ref
from kvmweb.hub import publisher
from kvmweb.services.guard import guarded, internal, open_to_all
from kvmweb.store.models import Seat

PER_PERSON = 20
PER_GUEST = 8
STALE_S = 15


@internal("a part of opening, closing and pressing keys, which are guarded")
def require_room(actor: Actor, ref: Ref) -> None:
    """Raises Quota when this person or this guest has enough viewers."""
    fresh = Seat.objects.filter(seen_at__gt=_stale())
    if fresh.filter(person_id=actor.person_id).count() >= PER_PERSON:
        raise Quota("consoles of one person", limit=str(PER_PERSON))
    if fresh.filter(guest=str(ref)).count() >= PER_GUEST:
        raise Quota("viewers of one guest", limit=str(PER_GUEST))


@internal("a part of opening, closing and pressing keys, which are guarded")
def sit(
    actor: Actor, ref: Ref, kind: str, device: str, *, may_drive: bool, is_new: bool = True
) -> tuple[int, bool]:
    """Take a seat; answers it and whether it drives: who may does when nobody else does.

    Somebody who drives already and opens one more window goes on in the new one; a window that
    only comes back after an interruption takes nothing from another of the same person.
    Raises: Quota.
    """
    with transaction.atomic():
        require_room(actor, ref)
        seat = Seat.objects.create(
            guest=str(ref),
            kind=kind,
            device=device,
            person_id=actor.person_id,
            session=actor.session,
            may_drive=may_drive,
        )
    _settle(seat)
    driver = _driver(seat) if may_drive and is_new else None
    if driver is not None and driver.person_id == actor.person_id and driver.pk != seat.pk:
        _give(seat)
    _tell(ref)
    return seat.pk, Seat.objects.filter(pk=seat.pk, is_driving=True).exists()


@internal("a part of opening, closing and pressing keys, which are guarded")
def stand(seat_id: int) -> None:
    """Leave; the seat at the wheel goes to the next. Never fails for one that is gone."""
    seat = Seat.objects.filter(pk=seat_id).first()
    if seat is None:
        return
    seat.delete()
    _settle(seat)
    _tell(Ref.parse(seat.guest))


@internal("a part of opening, closing and pressing keys, which are guarded")
def require_wheel(actor: Actor, ref: Ref, kind: str) -> None:
    """Raises Busy when somebody else drives this console."""
    driver = Seat.objects.filter(guest=str(ref), kind=kind, is_driving=True, seen_at__gt=_stale())
    seat = driver.select_related("person").first()
    if seat is not None and seat.person_id != actor.person_id:
        raise Busy("somebody else drives", name=str(seat.person))


@guarded("console.watch", is_audited=False)
def at(actor: Actor, ref: Ref) -> list[Sitter]:
    """Everybody at any console of this guest, who came first first."""
    return sitters(ref)


@open_to_all("read by the portal for the sockets that sit there; `at` is for people")
def sitters(ref: Ref) -> list[Sitter]:
    """As `at`, whoever asks."""
    rows = Seat.objects.filter(guest=str(ref), seen_at__gt=_stale()).select_related("person")
    return [
        Sitter(
            row.pk, str(row.person), row.person_id, row.kind, row.device,
            row.may_drive, row.is_driving, row.asks_to_drive,
        )
        for row in rows.order_by("opened_at", "pk")
    ]  # fmt: skip


@open_to_all("each of the acts behind it is guarded")
def heed(actor: Actor, ref: Ref, seat_id: int, word: dict[str, Any]) -> None:
    """Do what the page of this seat asks for, in its own words.

    Raises: what the acts raise; ValueError for what nobody can ask for.
    """
    match word.get("type"):
        case "ask" | "ask-no-more" as asked:
            ask(actor, ref, seat_id, is_asking=asked == "ask")
        case "take":
            take(actor, ref, seat_id)
        case "take-over":
            take_over(actor, ref, seat_id)
        case "hand-over":
            hand_over(actor, ref, seat_id, talk.number(word, "seat"))
        case "release":
            release(actor, ref, seat_id)
        case _:
            raise ValueError("nothing that can be asked for")


@guarded("console.drive", is_audited=False)
def ask(actor: Actor, ref: Ref, seat_id: int, *, is_asking: bool = True) -> None:
    """Ask the driver to hand over, or think better of it."""
    _own(actor, ref, seat_id).update(asks_to_drive=is_asking)
    _tell(ref)


@guarded("console.drive")
def take(actor: Actor, ref: Ref, seat_id: int) -> None:
    """Drive, where nobody does, the driver is oneself elsewhere, or went silent. Raises Busy."""
    mine = _mine(actor, ref, seat_id)
    driver = _driver(mine)
    if driver is not None and driver.person_id != actor.person_id and not _is_stale(driver):
        raise Busy("somebody else drives", name=str(driver.person))
    _give(mine)


@guarded("console.takeover")
def take_over(actor: Actor, ref: Ref, seat_id: int) -> None:
    """Drive at once, whoever does now."""
    mine = _mine(actor, ref, seat_id)
    if not judge.can(actor, "console.drive", ref):
        raise Denied(verb="console.drive", ref=str(ref))
    _give(mine)


@guarded("console.drive")
def hand_over(actor: Actor, ref: Ref, seat_id: int, to: int) -> None:
    """Give the wheel to another seat at the same console that may drive."""
    mine = _mine(actor, ref, seat_id)
    if not mine.is_driving:
        raise Busy("you do not drive")
    other = _beside(mine).filter(pk=to, may_drive=True).select_related("person").first()
    if other is None:
        raise NotFound("nobody there who may drive", ref=str(ref))
    _give(other)


@guarded("console.drive", is_audited=False)
def release(actor: Actor, ref: Ref, seat_id: int) -> None:
    """Stop driving: the next who may goes on, or nobody."""
    mine = _mine(actor, ref, seat_id)
    Seat.objects.filter(pk=mine.pk).update(is_driving=False, asks_to_drive=False)
    _settle(mine, but=mine.pk)
    _tell(ref)


@open_to_all("the portal's own clockwork: sockets that are open keep their seats")
def refresh(seat_ids: Iterable[int]) -> set[int]:
    """Keep these seats; clear away those of processes that died. Answers those that still are."""
    ids = list(seat_ids)
    Seat.objects.filter(pk__in=ids).update(seen_at=Now())
    for gone in Seat.objects.filter(seen_at__lt=_stale()):
        stand(gone.pk)
    return set(Seat.objects.filter(pk__in=ids).values_list("pk", flat=True))


@open_to_all("only ever takes a right away")
def demote(seat_id: int) -> None:
    """The right to drive was taken away: watch on."""
    seat = Seat.objects.filter(pk=seat_id).first()
    if seat is None:
        return
    Seat.objects.filter(pk=seat_id).update(may_drive=False, is_driving=False, asks_to_drive=False)
    _settle(seat)
    _tell(Ref.parse(seat.guest))


def _settle(seat: Seat, *, but: int = 0) -> None:
    """If nobody drives the console of this seat, somebody who may does. but: not this one."""
    if _driver(seat) is not None:
        return
    waiting = _beside(seat).filter(may_drive=True, seen_at__gt=_stale()).exclude(pk=but)
    chosen = waiting.order_by("-asks_to_drive", "opened_at", "pk").first()
    if chosen is not None:
        _drive(chosen.pk)


def _give(seat: Seat) -> None:
    with transaction.atomic():
        _beside(seat).filter(is_driving=True).update(is_driving=False)
        _drive(seat.pk)
    _tell(Ref.parse(seat.guest))


def _drive(seat_id: int) -> None:
    """Two processes may choose at once: the constraint lets one of them, the other's stays."""
    try:
        with transaction.atomic():
            Seat.objects.filter(pk=seat_id).update(is_driving=True, asks_to_drive=False)
    except IntegrityError:
        return


def _beside(seat: Seat) -> QuerySet[Seat]:
    return Seat.objects.filter(guest=seat.guest, kind=seat.kind, device=seat.device)


def _driver(seat: Seat) -> Seat | None:
    return _beside(seat).filter(is_driving=True).select_related("person").first()


def _own(actor: Actor, ref: Ref, seat_id: int) -> QuerySet[Seat]:
    return Seat.objects.filter(
        pk=seat_id, guest=str(ref), person_id=actor.person_id, session=actor.session
    )


def _mine(actor: Actor, ref: Ref, seat_id: int) -> Seat:
    seat = _own(actor, ref, seat_id).first()
    if seat is None:
        raise NotFound("you do not sit there", ref=str(ref))
    if not seat.may_drive:
        raise Denied(verb="console.drive", ref=str(ref))
    return seat


def _is_stale(seat: Seat) -> bool:
    return Seat.objects.filter(pk=seat.pk, seen_at__lt=_stale()).exists()


def _stale() -> object:
    """By the database's clock, which all web processes share."""
    return Now() - dt.timedelta(seconds=STALE_S)


def _tell(ref: Ref) -> None:
    publisher.publish(topics.Notice(topics.console(ref), str(ref)))
