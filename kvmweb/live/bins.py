"""The recycle bin as a region."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from django.http import QueryDict

from kvmweb.core import topics
from kvmweb.core.actors import Actor
from kvmweb.live.lists import LIST_ID, Paced, listed
from kvmweb.live.regions import Region, shows
from kvmweb.services import bins
from kvmweb.ui import bins as face


@shows(r"/bin/")
def _bin(_found: re.Match[str], _query: QueryDict) -> Sequence[Region]:
    return [Paced(frozenset({topics.GUESTS, topics.HOSTS}), _gather, LIST_ID)]


def _gather(actor: Actor) -> tuple[int, Mapping[str, str], Mapping[str, str]]:
    found = bins.list_(actor)
    return listed("bins/list.html", found.rev, found.rows, face.listing(found))
