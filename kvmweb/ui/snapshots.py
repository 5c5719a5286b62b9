"""Snapshots in words: what each keeps, what can be done with it, and the virsh lines for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import quote

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kvmweb.core.details import GuestDetails
from kvmweb.core.offers import Obstacle
from kvmweb.core.refs import Ref
from kvmweb.core.snapshots import Kind, Memory, SnapshotLine, SnapshotRecord, Taking
from kvmweb.ui import commands, controls, links, messages
from kvmweb.ui.controls import Control
from kvmweb.ui.words import Text

DEPTH_MAX = 6
"""Deeper ones are drawn no further to the right."""
_STATES: dict[str, Text] = {
    "running": gettext_lazy("while running"),
    "blocked": gettext_lazy("while running"),
    "disk-snapshot": gettext_lazy("while running"),
    "paused": gettext_lazy("while paused"),
    "shutoff": gettext_lazy("while shut off"),
    "crashed": gettext_lazy("after a crash"),
    "pmsuspended": gettext_lazy("while asleep"),
}
AFTERWARDS: dict[str, Text] = {
    "": gettext_lazy("As it was then"),
    "running": gettext_lazy("Running"),
    "paused": gettext_lazy("Paused"),
}


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """One line of the card. indent: 0 to DEPTH_MAX. kept: what it keeps, in words.

    picture: where the screen of then is, empty where none was kept.
    """

    record: SnapshotRecord
    indent: int
    kept: str
    state: Text
    revert: Control
    delete: Control
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """One way of taking a snapshot. reason: why it is not possible, empty where it is."""

    value: str
    label: str
    says: str
    reason: str
    is_chosen: bool


def rows(lines: Iterable[SnapshotLine], ref: Ref) -> list[SnapshotRow]:
    """The tree from its roots."""
    return [
        SnapshotRow(
            record=line.record,
            indent=min(line.depth, DEPTH_MAX),
            kept=kept(line.record),
            state=_STATES.get(line.record.state, line.record.state),
            revert=_control(line, ref, "revert"),
            delete=_control(line, ref, "delete"),
            picture=_picture(line, ref),
        )
        for line in lines
    ]


def _control(line: SnapshotLine, ref: Ref, word: str) -> Control:
    label = _("Revert to %(name)s") if word == "revert" else _("Delete %(name)s")
    return replace(
        controls.of(line.revert if word == "revert" else line.delete, ref),
        label=label % {"name": line.record.name},
        url=url(ref, line.record.name, word),
    )


def _picture(line: SnapshotLine, ref: Ref) -> str:
    """Another address for another snapshot of the same name, for browsers keep pictures."""
    if not line.has_picture:
        return ""
    place = quote(line.record.name, safe="")
    return f"{links.of(ref)}snapshots/{place}/picture.png?at={line.record.created_at}"


def url(ref: Ref, name: str, word: str) -> str:
    """Where this is asked and done. word: revert or delete."""
    return f"{links.of(ref)}snapshots/{quote(name, safe='')}/{word}/"


def kept(record: SnapshotRecord) -> str:
    """What it keeps."""
    has_memory = record.memory is not Memory.NONE
    if record.disks and has_memory:
        found = _("disks and memory")
    elif record.disks:
        found = _("disks")
    else:
        found = _("memory") if has_memory else _("definition")
    if record.kind is Kind.EXTERNAL:
        return _("%(kept)s, external") % {"kept": found}
    return found


def ways(found: Taking, chosen: str) -> list[Way]:
    """With memory or without, for a guest that runs; the disks alone for one that is off."""
    says = (
        _("Kept inside the images. You can go back to it.")
        if found.kind is Kind.INTERNAL
        else _("As after a power cut. The images are frozen; the guest writes on to new files.")
    )
    if found.kind is Kind.EXTERNAL and not found.can_go_back:
        says += " " + messages.OBSTACLES[Obstacle.SNAPSHOT_EXTERNAL]
    disks = Way("disks", _("Disks"), says, _said(found.disks_only), chosen == "disks")
    if not found.is_active:
        return [disks]
    memory = _("The guest stops for as long as its memory is written, then runs on.")
    if found.memory is Memory.EXTERNAL:
        memory += " " + _(
            "It is kept in a file beside the first disk; the disks go on in new ones."
        )
    return [
        Way("memory", _("Disks and memory"), memory, _said(found.with_memory), chosen == "memory"),
        disks,
    ]


def preferred(found: Taking) -> str:
    """With memory where that is possible: the guest can go on from there."""
    return "memory" if found.is_active and not found.with_memory else "disks"


def _said(obstacle: Obstacle) -> str:
    return str(messages.OBSTACLES[obstacle])


def losses(record: SnapshotRecord, details: GuestDetails) -> list[str]:
    """What a revert costs, one sentence each."""
    found = []
    if record.disks:
        found.append(_("What was written to its disks since then is lost."))
    if details.record.state.is_active:
        found.append(
            _("What is in its memory now is lost; it goes on from the moment that was kept.")
            if record.is_active
            else _("It is forced off: the snapshot keeps no memory.")
        )
    found.append(_("Its definition goes back to what it was then, too."))
    return found


def take_command(details: GuestDetails, found: Taking, name: str) -> str:
    """The line for the way that is proposed."""
    words = ["snapshot-create-as", _word(details), name, "--atomic"]
    if preferred(found) == "disks" and found.kind is Kind.EXTERNAL:
        words.append("--disk-only")
    elif preferred(found) == "memory" and found.memory is Memory.EXTERNAL:
        words += ["--memspec", "file=/PATH/OF/MEMORY,snapshot=external"]
    return commands.virsh(details.host.uri, *words)


def revert_command(details: GuestDetails, name: str) -> str:
    """Back to it, as it was then."""
    return commands.virsh(
        details.host.uri, "snapshot-revert", _word(details), "--snapshotname", name
    )


def delete_command(details: GuestDetails, line: SnapshotLine) -> str:
    """It alone; where there are later ones, a second line takes them along."""
    words = ("snapshot-delete", _word(details), "--snapshotname", line.record.name)
    found = [commands.virsh(details.host.uri, *words)]
    if line.children:
        found.append(commands.virsh(details.host.uri, *words, "--children"))
    return "\n".join(found)


def _word(details: GuestDetails) -> str:
    return commands.guest_word(details.record.name, details.record.uuid)
