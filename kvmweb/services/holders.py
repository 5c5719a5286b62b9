"""Who a host says holds a volume, as far as whoever reads it may see them.

The mirror is asked first and names only what a person may see; the host looks once more when it
acts, knows nothing of persons, and names all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Busy
from kvmweb.services.marks import internal

NAMED = 10


@internal("the guard, and acts that run beside it")
@contextmanager
def named(actor: Actor) -> Iterator[None]:
    """A Busy from within comes out with `users` for this actor, and never with `holders`."""
    try:
        yield
    except Busy as problem:
        lines = problem.context.pop("holders", "").splitlines()
        if lines:
            problem.context["users"] = _users(actor, problem.context.get("host", ""), lines)
        raise


def _users(actor: Actor, host: str, lines: Sequence[str]) -> str:
    """lines: UUID and name of a guest each."""
    pairs = [line.partition(" ") for line in lines]
    seen = [name for uuid, _space, name in pairs if judge.can_see(actor, refs.guest(host, uuid))]
    return in_short(seen, len(pairs) - len(seen))


@internal("words for a sentence")
def in_short(names: Sequence[str], hidden: int) -> str:
    """The first names, and how many there are that may not be seen."""
    unseen = [_("%(n)d that you may not see") % {"n": hidden}] if hidden else []
    return ", ".join([*list(dict.fromkeys(names))[:NAMED], *unseen])
