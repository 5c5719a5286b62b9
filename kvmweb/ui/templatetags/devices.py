"""Filters of a guest's devices."""

from __future__ import annotations

from django import template

from kvmweb.ui import disks

register = template.Library()


@register.filter
def disk_limits(kept: tuple[str, ...]) -> str:
    """What a disk is limited to, in words; empty without limits."""
    return disks.limited(kept)
