"""The question before a guest is deleted: each disk with why it goes or stays, and the command."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kvmweb.core.deletion import Deletion, DiskChoice
from kvmweb.ui import commands


@dataclass(frozen=True, slots=True)
class DiskLine:
    """disk: what it is. reason: why it stays, empty where it can go."""

    disk: DiskChoice
    is_ticked: bool
    reason: str


def disks(found: Deletion, ticked: Collection[str]) -> list[DiskLine]:
    """Each disk of the guest."""
    return [
        DiskLine(disk, disk.is_possible and disk.volume in ticked, reason(disk))
        for disk in found.disks
    ]


def reason(disk: DiskChoice) -> str:
    """Why its volume stays; empty when it can be deleted."""
    if not disk.volume:
        return _("It lies in no pool that is started.")
    if disk.is_shared:
        return _("Needed by %(users)s.") % {"users": _users(disk)}
    if not disk.may_delete:
        return _("You may not delete volumes of this pool.")
    return ""


def _users(disk: DiskChoice) -> str:
    hidden = disk.hidden and ngettext(
        "%(n)d guest that you do not see", "%(n)d guests that you do not see", disk.hidden
    ) % {"n": disk.hidden}
    return ", ".join([*disk.users, *([hidden] if hidden else [])])


def bin_command(found: Deletion) -> str:
    """The virsh lines that put it out of the way."""
    word = commands.guest_word(found.name, found.ref.id)
    lines = [commands.virsh("", "destroy", word)] if found.is_active else []
    lines.append(commands.virsh("", "autostart", word, "--disable"))
    aside = f"{found.name}.deleted-{found.ref.id[:8]}"
    return "\n".join([*lines, commands.virsh("", "domrename", word, aside)])


def command(found: Deletion) -> str:
    """The virsh lines that delete it for good."""
    word = commands.guest_word(found.name, found.ref.id)
    lines = [commands.virsh("", "destroy", word)] if found.is_active else []
    flags = ["--managed-save", "--snapshots-metadata", "--nvram"]
    lines.append(commands.virsh("", "undefine", word, *flags))
    lines += [
        commands.virsh("", "vol-delete", "--pool", disk.pool_name, disk.name)
        for disk in found.disks
        if disk.is_proposed
    ]
    return "\n".join(lines)
