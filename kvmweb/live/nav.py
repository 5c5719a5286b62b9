"""The numbers beside the navigation, on every page."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.http import QueryDict

from kvmweb.core import topics
from kvmweb.core.actors import Actor
from kvmweb.live.regions import Cards, Region, shows
from kvmweb.services import overview
from kvmweb.ui import fragments

TOPICS = frozenset({topics.GUESTS, topics.POOLS, topics.NETWORKS, topics.HOSTS})


@shows(r"/.*")
def _counts(_found: re.Match[str], _query: QueryDict) -> list[Region]:
    return [Cards(TOPICS, _gather)]


def _gather(actor: Actor) -> tuple[int, Mapping[str, str]]:
    rev, counts = overview.revision(), overview.counts(actor)
    numbers = {
        "guests": counts.guests,
        "storage": counts.pools,
        "networks": counts.networks,
        "hosts": counts.hosts,
    }
    return rev, {f"count-{noun}": fragments.count(noun, number) for noun, number in numbers.items()}
