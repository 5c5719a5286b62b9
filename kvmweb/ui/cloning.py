"""The question before a guest is cloned: each disk with what may become of it, and the command."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from kvmweb.core.cloning import DiskPlan, Original, Way
from kvmweb.ui import commands
from kvmweb.ui.words import Text

WAYS: dict[Way, Text] = {
    Way.COPY: _("Copy"),
    Way.LINK: _("Link: a thin image that builds on the original"),
    Way.SHARE: _("Share: both read the same"),
    Way.EMPTY: _("Leave the drive empty"),
}


@dataclass(frozen=True, slots=True)
class DiskLine:
    """disk: what it is. choices: value and label, what is chosen. error: what is wrong with it."""

    disk: DiskPlan
    field: str
    choices: tuple[tuple[str, Text], ...]
    chosen: str
    error: str = ""


def lines(
    found: Original, chosen: Mapping[str, str], errors: Mapping[str, str]
) -> tuple[DiskLine, ...]:
    """Each disk that has a medium. chosen, errors: by target."""
    return tuple(
        DiskLine(
            disk=disk,
            field=f"way-{disk.target}",
            choices=tuple((way.value, WAYS[way]) for way in disk.ways),
            chosen=chosen.get(disk.target) or (disk.ways[0].value if disk.ways else ""),
            error=errors.get(disk.target, ""),
        )
        for disk in found.disks
    )


def command(found: Original, name: str, chosen: Mapping[str, str]) -> str:
    """The lines that do the same: virt-clone; where a disk is linked, each new image before it."""
    ways = {
        disk.target: chosen.get(disk.target) or (disk.ways[0] if disk.ways else "")
        for disk in found.disks
    }
    is_linked = Way.LINK in ways.values()
    made, options = [], ["--preserve-data" if is_linked else "--auto-clone"]
    for number, disk in enumerate(found.disks):
        way = ways[disk.target]
        if way == Way.SHARE:
            options += ["--skip-copy", disk.target]
        elif is_linked and way in (Way.LINK, Way.COPY):
            image = f"{name}-{number}.qcow2" if number else f"{name}.qcow2"
            made.append(_image(found, disk, image, is_linked=way == Way.LINK))
            options += ["--file", f"{posixpath.dirname(disk.source)}/{image}"]
    word = commands.guest_word(found.name, found.ref.id)
    return "\n".join([*made, commands.clone(found.host_uri, word, name, *options)])


def _image(found: Original, disk: DiskPlan, image: str, *, is_linked: bool) -> str:
    place = ("--pool", disk.pool_name)
    if not is_linked:
        return commands.virsh(found.host_uri, "vol-clone", *place, disk.name, image)
    base = ("--backing-vol", disk.name, "--backing-vol-format", disk.format)
    return commands.virsh(
        found.host_uri, "vol-create-as", *place, image, f"{disk.capacity}B", "--format", "qcow2",
        *base,
    )  # fmt: skip
