"""The question before a guest is cloned: each disk with what may become of it, and the command."""

from __future__ import annotations

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
    """The lines that do the same: virt-clone, and before it the image of each linked disk."""
    word = commands.guest_word(found.name, found.ref.id)
    made, kept = [], []
    for number, disk in enumerate(found.disks):
        way = chosen.get(disk.target) or (disk.ways[0] if disk.ways else "")
        if way == Way.LINK:
            image = f"{name}-{number}.qcow2" if number else f"{name}.qcow2"
            base = ["--backing-vol", disk.name, "--backing-vol-format", disk.format]
            made.append(
                commands.virsh(
                    found.host_uri, "vol-create-as", disk.pool_name, image, f"{disk.capacity}B",
                    "--format", "qcow2", *base,
                )
            )  # fmt: skip
        if way in (Way.SHARE, Way.LINK):
            kept.append(disk.target)
    return "\n".join([*made, commands.clone(found.host_uri, word, name, shared=kept)])
