"""The button that leads to the page of a new guest: on lists, host pages and in the finder."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import get_script_prefix

from kvmweb.core.offers import Obstacle, Offer
from kvmweb.ui import messages, words
from kvmweb.ui.controls import Control

VERB = "guest.create"


def button(may: bool, **presets: str) -> Control:
    """presets: what the page is filled with, such as `host="lab"`."""
    offer = Offer(VERB, Obstacle.NONE if may else Obstacle.NO_RIGHT)
    word = words.verb(VERB)
    query = f"?{urlencode(presets)}" if presets else ""
    return Control(
        verb=VERB,
        label=str(word.label),
        icon=word.icon,
        url=f"{get_script_prefix()}guests/create/{query}",
        doing="",
        reason="" if may else messages.obstacle(offer),
        command="",
        asks=False,
    )
