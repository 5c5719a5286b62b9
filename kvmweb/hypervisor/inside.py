"""What a look into a volume would read: its image and those below, each by libvirt's own hand.

Nothing is opened by path here: a volume's bytes come through libvirt's stream, as those of a
download do, so a look has no right of its own on any file, and works for hosts elsewhere, too.
A chain is followed by what the headers say; each image of it must be a volume of an active pool,
in a format that its upper neighbour names: none is ever probed.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

import libvirt

from kvmweb.core import errors, images
from kvmweb.core.images import Facts, Trouble
from kvmweb.core.inside import FORMATS
from kvmweb.definitions import volumes as xml
from kvmweb.hypervisor import faults, pools, volume_acts
from kvmweb.hypervisor import images as sizes
from kvmweb.hypervisor.image_serving import Image

CHAIN_MAX = 8


@dataclass(frozen=True, slots=True)
class Layer:
    """One image of the chain. format: what reads it: raw or qcow2."""

    path: str
    format: str
    image: Image


def plan(
    connection: libvirt.virConnect, uuid: str, *, name: str, image_format: str, chain: list[str]
) -> list[Layer]:
    """The chain of a volume, the topmost first, which nobody may be writing to.

    chain: the paths below it that whoever asks was judged by; another one now is refused.
    Raises: NotFound, Busy (users), NotSupported (format), Conflict, Invalid (a chain that leaves
    the pools).
    """
    with pools.translated():
        volume = volume_acts.find(connection, uuid, name)
        volume_acts.refuse_while_used(connection, uuid, volume, only_running=True)
        layers = _follow(connection, volume, image_format)
    found = [layer.path for layer in layers[1:]]
    if found != chain:
        raise errors.Conflict(f"it builds on {', '.join(found) or 'nothing'} now")
    return layers


def require_idle(connection: libvirt.virConnect, uuid: str, *, name: str) -> None:
    """Raises Busy once a running guest has it, NotFound once it is gone."""
    with pools.translated():
        volume = volume_acts.find(connection, uuid, name)
        volume_acts.refuse_while_used(connection, uuid, volume, only_running=True)


def _follow(
    connection: libvirt.virConnect, volume: libvirt.virStorageVol, image_format: str
) -> list[Layer]:
    layers: list[Layer] = []
    while True:
        driver = FORMATS.get(image_format)
        if driver is None:
            raise errors.NotSupported(f"format {image_format or 'unknown'}")
        image = _image(connection, volume)
        path = str(volume.path())
        layers.append(Layer(path, driver, image))
        if driver == "raw":
            return layers
        facts = _facts(image)
        if not facts.backing:
            return layers
        if len(layers) >= CHAIN_MAX:
            raise errors.Invalid(f"more than {CHAIN_MAX} images")
        volume = _below(connection, path, facts)
        image_format = facts.backing_format


def _facts(image: Image) -> Facts:
    """What a qcow2 image says of itself. Raises Invalid, NotSupported."""
    facts = images.inspect(b"".join(image.block(n) for n in range(_FIRST)), image.size)
    if facts.format != "qcow2" or Trouble.BROKEN in facts.troubles:
        raise errors.Invalid("not a whole qcow2 image")
    if facts.is_encrypted:
        raise errors.NotSupported("encrypted")
    if Trouble.DATA_FILE in facts.troubles:
        raise errors.Invalid("its data is in another file")
    return facts


_FIRST = 8
"""Blocks of 128 KiB: as much as `core.images` asks for."""


def _below(connection: libvirt.virConnect, path: str, facts: Facts) -> libvirt.virStorageVol:
    named = xml.backing_path(facts.backing)
    if not named or not facts.backing_format:
        raise errors.Invalid("it builds on something that is no volume, or of no named format")
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), named))
    try:
        return connection.storageVolLookupByPath(place)
    except libvirt.libvirtError as error:
        if faults.is_lost(error):
            raise
        raise errors.Invalid(f"{place} is in no active pool") from error


def _image(connection: libvirt.virConnect, volume: libvirt.virStorageVol) -> Image:
    _, capacity, _ = volume.info()
    size = sizes.physical(volume, int(capacity))

    def read(start: int, length: int) -> bytes:
        with faults.translated():
            return _read(connection, volume, start, length)

    return Image(size, read)


def _read(
    connection: libvirt.virConnect, volume: libvirt.virStorageVol, start: int, length: int
) -> bytes:
    """Through a stream of its own: 1 to 2 ms on the machine itself (measured)."""
    if length <= 0:
        return b""
    stream = connection.newStream(0)
    volume.download(stream, start, length, 0)
    parts, left = [], length
    try:
        while left:
            piece = stream.recv(min(left, 262_120))
            if not piece:
                break
            parts.append(piece)
            left -= len(piece)
    except libvirt.libvirtError:
        stream.abort()
        raise
    stream.finish()
    return b"".join(parts)
