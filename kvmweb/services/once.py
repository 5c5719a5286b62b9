"""Twice the same click has one effect: the second press of a double click changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import cache

from kvmweb.core.actors import Actor
from kvmweb.core.refs import Ref
from kvmweb.services.guard import open_to_all

KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
KEYED_S = 10
"""How long a form's key is remembered: resent requests lie so far apart at most."""
UNKEYED_S = 2
"""A second press of the same verb within this time is the same click, unless another verb was
pressed between."""


@open_to_all("remembers what the person pressed; reads and changes nothing else")
@contextmanager
def only(actor: Actor, ref: Ref, word: str, key: str = "") -> Iterator[bool]:
    """True for the first press; one that fails is forgotten, so that it can be tried again.

    key: drawn for each form that is rendered; empty or malformed: the time between decides.
    """
    slot = f"once:{actor.person_id}:{ref}"
    if KEY.fullmatch(key):
        name, kept_s = f"{slot}:{word}:{key}", KEYED_S
    else:
        name, kept_s = f"{slot}:{word}", UNKEYED_S
        before = cache.get(slot)
        if before and before != word:
            cache.delete(f"{slot}:{before}")
        cache.set(slot, word, kept_s)
    is_first = bool(cache.add(name, 1, kept_s))
    try:
        yield is_first
    except BaseException:
        if is_first:
            cache.delete(name)
        raise
