"""The page of a new guest: that volumes came or went, a disc was read, this reader's upload ended,
or how far an image is that they have fetched."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence

from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils.html import format_html

from kvmweb.core import topics
from kvmweb.core.actors import Actor
from kvmweb.live.regions import UNVERSIONED, Cards, Region, shows
from kvmweb.services import discs, fetches, overview, uploads
from kvmweb.ui import fetches as face


@shows(r"/guests/create/")
def _create(_found: re.Match[str], _query: QueryDict) -> Sequence[Region]:
    return [
        Cards(frozenset({topics.VOLUMES}), _news),
        Cards(frozenset({topics.VOLUMES, topics.JOBS}), _fetches),
    ]


def _news(actor: Actor) -> tuple[int, Mapping[str, str]]:
    news = (overview.revision(), uploads.standing(actor), discs.standing())
    stands = zlib.crc32(repr(news).encode())
    html = format_html('<i id="create-news" hidden data-stands="{}"></i>', f"{stands:x}")
    return UNVERSIONED, {"create-news": html}


def _fetches(actor: Actor) -> tuple[int, Mapping[str, str]]:
    html = render_to_string("guests/create_fetches.html", face.listing(fetches.mine(actor)))
    return UNVERSIONED, {"create-fetches": html.strip()}
