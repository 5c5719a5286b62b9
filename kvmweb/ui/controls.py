"""Offers as controls: what a button says, where it goes, and why it cannot be pressed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kvmweb.core import offers, refs
from kvmweb.ui import links, messages, words


@dataclass(frozen=True, slots=True)
class Control:
    """One action, ready for `parts/offer.html`.

    reason: why it is disabled; empty when it can be pressed. asks: GET shows a dialog first.
    """

    verb: str
    label: str
    icon: str
    url: str
    doing: str
    reason: str
    command: str
    asks: bool


def of(offer: offers.Offer, ref: refs.Ref) -> Control:
    """The control for this offer on this object."""
    word = words.verb(offer.verb)
    return Control(
        verb=offer.verb,
        label=str(word.label),
        icon=word.icon,
        url=links.action(ref, offer.verb),
        doing=str(word.doing),
        reason="" if offer.is_possible else messages.obstacle(offer),
        command=offer.command,
        asks=word.asks,
    )


def all_of(found: Iterable[offers.Offer], ref: refs.Ref) -> list[Control]:
    """The controls for these offers, in their order."""
    return [of(offer, ref) for offer in found]
