"""The recycle bin in words, for the page and for pushes alike."""

from __future__ import annotations

from typing import Any

from kvmweb.core.bins import Bin, Binned
from kvmweb.core.deletion import DiskChoice
from kvmweb.ui import commands


def listing(found: Bin) -> dict[str, Any]:
    """What the list and its partials need."""
    return {
        "rows": found.rows,
        "days": found.days,
        "may_change": found.may_change,
        "is_blind": found.is_blind,
    }


def staying(found: Binned) -> list[DiskChoice]:
    """The disks that stay when it is deleted for good."""
    return [disk for disk in found.disks if disk not in found.going]


def back_command(found: Binned, name: str) -> str:
    """The virsh line that gives it its name again."""
    if name == found.stored_name:
        return ""
    word = commands.guest_word(found.stored_name, found.ref.id)
    return commands.virsh("", "domrename", word, name)


def purge_command(found: Binned) -> str:
    """The virsh lines that do the same."""
    word = commands.guest_word(found.stored_name, found.ref.id)
    flags = ["--managed-save", "--snapshots-metadata", "--nvram"]
    lines = [commands.virsh("", "undefine", word, *flags)]
    lines += [
        commands.virsh("", "vol-delete", "--pool", disk.pool_name, disk.name)
        for disk in found.going
    ]
    return "\n".join(lines)
