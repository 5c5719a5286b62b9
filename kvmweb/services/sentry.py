"""Whose consoles must close now: signed out, switched off, or without the right any more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kvmweb.access import judge
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied
from kvmweb.core.refs import Ref
from kvmweb.services import people
from kvmweb.services.guard import open_to_all
from kvmweb.store.models import RightsEpoch

SIGNED_OUT = 4401


@dataclass(frozen=True, slots=True)
class Standing:
    """What an open console may still do. code: 0, or the close code that ends it."""

    code: int = 0
    reason: str = ""
    may_drive: bool = False


@open_to_all("a number that says nothing but that something changed")
def epoch() -> int:
    """Rises with every change to what anybody may do."""
    return RightsEpoch.current()


@open_to_all("the portal's own clockwork: it only ever ends or narrows what is open")
def living(actors: Iterable[Actor]) -> set[Actor]:
    """Those whose session still stands."""
    return {actor for actor in set(actors) if people.is_live(actor)}


@open_to_all("the portal's own clockwork: it only ever ends or narrows what is open")
def standings(pairs: Iterable[tuple[Actor, Ref]]) -> dict[tuple[Actor, Ref], Standing]:
    """How each of these people stands to the console of this guest now."""
    return {(actor, ref): _standing(actor, ref) for actor, ref in set(pairs)}


def _standing(actor: Actor, ref: Ref) -> Standing:
    if not people.is_live(actor):
        return Standing(SIGNED_OUT, "signed-out")
    if not judge.can(actor, "console.watch", ref):
        return Standing(Denied.close_code, "revoked")
    return Standing(may_drive=judge.can(actor, "console.drive", ref))
