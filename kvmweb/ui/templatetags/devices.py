"""Filters of a guest's devices."""

from __future__ import annotations

from django import template

from kvmweb.ui import cards, disks

register = template.Library()


@register.filter
def disk_limits(kept: tuple[str, ...]) -> str:
    """What a disk is limited to, in words; empty without limits."""
    return disks.limited(kept)


@register.filter
def disk_device(kind: str) -> str:
    """A disk's sort as a person calls it: CD-ROM."""
    return disks.device(kind)


@register.filter
def card_kind(name: str) -> str:
    """What a network card is connected to: a virtual network, a bridge."""
    return cards.kind(name)
