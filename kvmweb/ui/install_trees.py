"""What is known of an install tree in words, beside its address."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _now

from kvmweb.core.install_trees import TreeHolding
from kvmweb.ui.discs import Line, Told


def told(holding: TreeHolding, *, chosen: str) -> Told:
    """About the tree. chosen: the id of the system that stands in its field."""
    found = holding.system
    offer = found if found and chosen not in (found.id, *found.names) else None
    return Told(tuple(_lines(holding)), offer, is_awaited=False)


def _lines(holding: TreeHolding) -> Iterator[Line]:
    if holding.problem:
        yield Line("warn", holding.problem)
    elif holding.system:
        said = _now("This tree installs %(system)s.")
        yield Line("info", said % {"system": holding.system.name})
    elif holding.name:
        said = _now("The tree calls itself “%(name)s”, which is no known system.")
        yield Line("info", said % {"name": holding.name})
