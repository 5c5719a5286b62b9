"""The virsh lines that do the same with pools and volumes: quoted for a shell, with the URI."""

from __future__ import annotations

from kvmweb.core import plain
from kvmweb.core.pools import PoolSpec, target_of
from kvmweb.core.records import PoolRecord, VolumeRecord
from kvmweb.ui.commands import guest_word, virsh

_POOL_LINES: dict[str, tuple[str, ...]] = {
    "pool.start": ("pool-start",),
    "pool.stop": ("pool-destroy",),
    "pool.refresh": ("pool-refresh",),
    "pool.build": ("pool-build",),
    "pool.edit": ("pool-edit",),
    "pool.delete": ("pool-undefine",),
    "pool.delete_content": ("pool-delete",),
    "volume.list": ("vol-list",),
}
_VOLUME_LINES: dict[str, str] = {
    "volume.delete": "vol-delete",
    "volume.wipe": "vol-wipe",
    "volume.download": "vol-download",
    "volume.show": "vol-info",
}


def pool(uri: str, verb: str, record: PoolRecord) -> str:
    """The line for this verb on this pool; empty where virsh has none."""
    word = guest_word(record.name, record.uuid)
    if verb == "pool.autostart":
        return virsh(uri, "pool-autostart", word, *(["--disable"] if record.has_autostart else []))
    if verb == "volume.create":
        return create(uri, record, "NAME", "10G", "")
    line = _POOL_LINES.get(verb)
    return virsh(uri, *line, word) if line else ""


def volume(uri: str, verb: str, record: PoolRecord, of: VolumeRecord) -> str:
    """The line for this verb on this volume; none for a name that no screen shows as it is."""
    if plain.line(of.name) != of.name or plain.line(of.path) != of.path:
        return ""
    where = _where(record, of)
    if verb == "volume.attach":
        kind = ["--subdriver", of.format] if of.format else []
        return virsh(uri, "attach-disk", "GUEST", of.path, "vdb", "--persistent", *kind)
    if verb == "volume.resize":
        return virsh(uri, "vol-resize", *where, "--capacity", f"{of.capacity}B")
    if verb == "volume.clone":
        return virsh(uri, "vol-clone", *where, "--newname", "NAME")
    line = _VOLUME_LINES.get(verb)
    return virsh(uri, line, *where) if line else ""


def create(uri: str, record: PoolRecord, name: str, size: str, image_format: str) -> str:
    """The line that makes a volume."""
    kind = ["--format", image_format] if image_format else []
    word = guest_word(record.name, record.uuid)
    return virsh(uri, "vol-create-as", word, name, size.replace(" ", ""), *kind)


def delete(uri: str, record: PoolRecord) -> str:
    """All lines that delete a pool, in the order that libvirt takes."""
    word = guest_word(record.name, record.uuid)
    steps = ["pool-destroy"] if record.is_active else []
    steps += ["pool-undefine"] if record.is_persistent else []
    return "\n".join(virsh(uri, step, word) for step in steps)


def _where(record: PoolRecord, of: VolumeRecord) -> tuple[str, ...]:
    """By name; by its path where virsh would take the name for an option."""
    word = of.path if of.name.startswith("-") and of.path else of.name
    return ("--vol", word, "--pool", guest_word(record.name, record.uuid))


def define(uri: str, spec: PoolSpec) -> str:
    """The lines that define, build and start a pool."""
    word = guest_word(spec.name, spec.name)
    options: list[str] = []
    for option, value in (
        ("--source-host", " ".join(spec.hosts)),
        ("--source-path", spec.source if spec.type == "netfs" else ""),
        ("--source-name", spec.source if spec.type != "netfs" else ""),
        ("--source-format", spec.format),
        ("--source-initiator", spec.initiator),
        ("--adapter-name", spec.adapter),
        ("--target", target_of(spec)),
    ):
        options += [option, value] if value else []
    for device in spec.devices:
        options += ["--source-dev", device]
    return "\n".join(
        (
            virsh(uri, "pool-define-as", word, spec.type, *options),
            virsh(uri, "pool-start", word),
            virsh(uri, "pool-autostart", word),
        )
    )
