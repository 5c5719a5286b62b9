"""One's own uploads into a pool, as a region of its pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from django.http import QueryDict
from django.template.loader import render_to_string

from kvmweb.core import refs, topics
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Problem
from kvmweb.live.regions import UNVERSIONED, Cards, Region, shows
from kvmweb.services import uploads
from kvmweb.ui import uploads as face


@shows(r"/storage/(?P<host>[a-z0-9-]+)/(?P<uuid>[0-9a-f-]{36})/(upload/)?")
def _uploads(found: re.Match[str], _query: QueryDict) -> Sequence[Region]:
    ref = refs.pool(found["host"], found["uuid"])

    def gather(actor: Actor) -> tuple[int, Mapping[str, str]]:
        try:
            # Asked first: a refusal stands in the audit, and this person only looks at the pool.
            if not uploads.may(actor, ref):
                return UNVERSIONED, {}
            listed = face.listing(uploads.mine(actor, ref))
        except Problem:  # the pool is gone
            return UNVERSIONED, {}
        html = render_to_string("storage/uploads.html#rows", listed)
        return UNVERSIONED, {"upload-rows": html.strip()}

    return [Cards(frozenset({topics.uploads_of(ref)}), gather)]
