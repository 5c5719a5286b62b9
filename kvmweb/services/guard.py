"""The one enforcement point: every public service function carries exactly one of three marks.

`guarded(verb)`: acts on one object, or on the portal; the second argument is its `Ref`.
`sifted(verb)`: returns a collection, filtered by the reach of the verb.
`open_to_all(reason)`: anybody may call it; the reason is part of the code.
What only other services may call is `internal(reason)`: no promise to a door.
A change is audited: begun before it runs, its outcome after; when the audit cannot be written,
nothing runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar, cast

from kvmweb.access import judge
from kvmweb.access.verbs import VERBS
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, NotFound
from kvmweb.core.refs import Ref
from kvmweb.services import audit, holders
from kvmweb.services.marks import Mark, internal, open_to_all

__all__ = ["Mark", "guarded", "guarded_portal", "internal", "open_to_all", "sifted"]

P = ParamSpec("P")
R = TypeVar("R")


def guarded(
    verb: str, *, is_audited: bool = True
) -> Callable[[Callable[Concatenate[Actor, Ref, P], R]], Callable[Concatenate[Actor, Ref, P], R]]:
    """Only who may do this verb on this object; a change is audited. Raises NotFound, Denied.

    is_audited: False for a function that writes its own entry, is a part of an act that does, or
        only reads what a form is about to offer.
    """
    known = VERBS[verb]

    def mark(
        function: Callable[Concatenate[Actor, Ref, P], R],
    ) -> Callable[Concatenate[Actor, Ref, P], R]:
        @functools.wraps(function)
        def run(actor: Actor, ref: Ref, *args: P.args, **kwargs: P.kwargs) -> R:
            _require(actor, verb, ref)
            if not (known.is_change and is_audited):
                with holders.named(actor):
                    return function(actor, ref, *args, **kwargs)
            with holders.named(actor), audit.act(actor, verb, ref):
                return function(actor, ref, *args, **kwargs)

        run.__mark__ = Mark("guarded", verb, is_audited=is_audited)  # type: ignore[attr-defined]
        return cast(Callable[Concatenate[Actor, Ref, P], R], run)

    return mark


def guarded_portal(
    verb: str,
) -> Callable[[Callable[Concatenate[Actor, P], R]], Callable[Concatenate[Actor, P], R]]:
    """As `guarded`, for verbs on the portal itself: no object. Raises Denied."""
    known = VERBS[verb]

    def mark(function: Callable[Concatenate[Actor, P], R]) -> Callable[Concatenate[Actor, P], R]:
        @functools.wraps(function)
        def run(actor: Actor, *args: P.args, **kwargs: P.kwargs) -> R:
            if not judge.can(actor, verb):
                if known.is_change:
                    audit.note(actor, verb, outcome=Denied.code)
                raise Denied(verb=verb)
            if not known.is_change:
                return function(actor, *args, **kwargs)
            with audit.act(actor, verb):
                return function(actor, *args, **kwargs)

        run.__mark__ = Mark("guarded", verb)  # type: ignore[attr-defined]
        return cast(Callable[Concatenate[Actor, P], R], run)

    return mark


def sifted(
    verb: str,
) -> Callable[[Callable[Concatenate[Actor, P], R]], Callable[Concatenate[Actor, P], R]]:
    """A collection: the function itself filters by `judge.reach(actor, verb)`."""

    def mark(function: Callable[Concatenate[Actor, P], R]) -> Callable[Concatenate[Actor, P], R]:
        function.__mark__ = Mark("sifted", verb)  # type: ignore[attr-defined]
        return function

    return mark


def _require(actor: Actor, verb: str, ref: Ref) -> None:
    if judge.can(actor, verb, ref):
        return
    is_change = VERBS[verb].is_change
    if is_change:
        audit.note(actor, verb, ref, outcome=Denied.code)
    if not judge.can_see(actor, ref):
        raise NotFound(ref=str(ref))
    raise Denied(verb=verb, ref=str(ref))
