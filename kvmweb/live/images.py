"""The library of images as a region."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from django.http import QueryDict
from django.template.loader import render_to_string

from kvmweb.core import topics
from kvmweb.core.actors import Actor
from kvmweb.live.lists import LIST_ID
from kvmweb.live.regions import UNVERSIONED, Part, Picture, Region, part, shows
from kvmweb.services import image_library
from kvmweb.ui import images as face

PAGE = "images/list.html"
_NAMES = ("search", "host")


class Library:
    """What one reader can install from; what is known of an image has no revision."""

    list_id = LIST_ID
    topics = frozenset({topics.VOLUMES, topics.POOLS, topics.HOSTS})

    def __init__(self, search: str, host: str) -> None:
        self._search, self._host = search, host

    def look(self, actor: Actor) -> Picture:
        """All rows, and what stands there while there is none."""
        wanted = {"search": self._search, "host": self._host}
        found = image_library.list_(actor, search=self._search, host=self._host)
        rows = [face.line(row) for row in found]
        context = {**wanted, "rows": rows, "is_blind": image_library.is_blind(actor)}
        empty = render_to_string(f"{PAGE}#empty", context).strip()
        parts = {it.row.ref.dom_id: Part(it.version, _html(it)) for it in rows}
        return Picture(UNVERSIONED, {"list-empty": part(empty)}, LIST_ID, parts)

    def glance(self, _actor: Actor, _notices: object) -> None:
        """Nothing here changes by the second."""


def _html(it: face.ImageLine) -> Callable[[], str]:
    return lambda: render_to_string(f"{PAGE}#row", {"it": it}).strip()


@shows(r"/storage/images/")
def _images(_found: re.Match[str], query: QueryDict) -> Sequence[Region]:
    search, host = (query.get(name, "") for name in _NAMES)
    return [Library(search, host)]
