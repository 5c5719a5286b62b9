"""The virsh lines that change the devices of a guest."""

from __future__ import annotations

import shlex

from kvmweb.core.details import GuestDetails
from kvmweb.core.disk_edits import DiskLimits
from kvmweb.core.disk_moves import DiskMove
from kvmweb.core.records import DiskRecord, InterfaceRecord
from kvmweb.ui import commands


def insert(details: GuestDetails, drive: DiskRecord, path: str = "IMAGE.iso") -> str:
    """Another medium into the drive."""
    word = "--update" if drive.source else "--insert"
    return _line(details, "change-media", drive.target, path, word)


def eject(details: GuestDetails, drive: DiskRecord) -> str:
    """No medium in the drive."""
    return _line(details, "change-media", drive.target, "--eject")


def _line(details: GuestDetails, verb: str, *words: str) -> str:
    record = details.record
    scope = ["--live"] if record.state.is_active else []
    scope += ["--config"] if record.is_persistent else []
    guest = commands.guest_word(record.name, record.uuid)
    return commands.virsh(details.host.uri, verb, guest, *words, *scope)


def attach_card(details: GuestDetails) -> str:
    """One more interface."""
    return _line(details, "attach-interface", "network", "NETWORK", "--model", "virtio")


def edit_card(details: GuestDetails, card: InterfaceRecord) -> str:
    """virsh takes a file with the interface's XML."""
    return f"{_line(details, 'update-device', 'INTERFACE.xml')}\n{_link(details, card, 'up')}"


def link(details: GuestDetails, card: InterfaceRecord) -> str:
    """The other position of the link."""
    return _link(details, card, "down" if card.is_link_up else "up")


def detach_card(details: GuestDetails, card: InterfaceRecord) -> str:
    """One interface less."""
    return _line(details, "detach-interface", card.type, "--mac", card.mac)


def _link(details: GuestDetails, card: InterfaceRecord, state: str) -> str:
    record = details.record
    guest = commands.guest_word(record.name, record.uuid)
    words = ["domif-setlink", guest, card.mac, state]
    lines = [commands.virsh(details.host.uri, *words)] if record.state.is_active else []
    if record.is_persistent:
        lines.append(commands.virsh(details.host.uri, *words, "--config"))
    return "\n".join(lines)


def attach_disk(details: GuestDetails) -> str:
    """One more disk."""
    return _line(details, "attach-disk", "/PATH/OF/VOLUME", "vdb", "--subdriver", "qcow2")


def edit_disk(details: GuestDetails, disk: DiskRecord) -> str:
    """virsh takes a file with the disk's XML."""
    record = details.record
    guest = commands.guest_word(record.name, record.uuid)
    return commands.virsh(
        details.host.uri, "update-device", guest, f"{disk.target}.xml", "--config"
    )


def limit_disk(details: GuestDetails, disk: DiskRecord) -> str:
    """The most that it may do in a second."""
    known = DiskLimits.of(disk.limits)
    pairs = ((name.replace("_", "-"), getattr(known, name)) for name in DiskLimits.__slots__)
    words = [word for name, value in pairs if value for word in (f"--{name}-sec", str(value))]
    return _line(
        details, "blkdeviotune", disk.target, *(words or ["--total-bytes-sec", "10485760"])
    )


def move_disk(details: GuestDetails, found: DiskMove) -> str:
    """virsh copies while the guest runs; else the volume is copied and the definition changed."""
    uri, record = details.host.uri, details.record
    guest = commands.guest_word(record.name, record.uuid)
    if record.state.is_active:
        words = ["blockcopy", guest, found.target, "/PATH/OF/VOLUME", "--wait", "--verbose"]
        return commands.virsh(uri, *words, "--pivot", "--transient-job")
    pool, name = found.pool_name or "POOL", found.name or "VOLUME"
    copy = commands.virsh(uri, "vol-create-from", "OTHER", "VOLUME.xml", name, "--inputpool", pool)
    start = ["virt-xml", "--connect", uri] if uri else ["virt-xml"]
    words = [*start, guest, "--edit", f"target={found.target}", "--disk", "path=/PATH/OF/VOLUME"]
    return f"{copy}\n{shlex.join(words)}"


def detach_disk(details: GuestDetails, disk: DiskRecord) -> str:
    """One disk less."""
    return _line(details, "detach-disk", disk.target)


def boot_order(details: GuestDetails) -> str:
    """virt-xml's line: virsh has none."""
    words = ["virt-xml", "--connect", details.host.uri] if details.host.uri else ["virt-xml"]
    guest = commands.guest_word(details.record.name, details.record.uuid)
    return shlex.join([*words, guest, "--edit", "target=vda", "--disk", "boot.order=1"])


def cycle(details: GuestDetails) -> str:
    """Shut down, wait, start."""
    guest = commands.guest_word(details.record.name, details.record.uuid)
    uri = details.host.uri
    wait = commands.virsh(uri, "event", guest, "--event", "lifecycle", "--timeout", "180")
    return "\n".join(
        (commands.virsh(uri, "shutdown", guest), wait, commands.virsh(uri, "start", guest))
    )
