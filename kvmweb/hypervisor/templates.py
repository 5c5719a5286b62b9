"""Make a template of a guest that is off, and a guest of it again."""

from __future__ import annotations

from typing import Any

import libvirt

from kvmweb.core import errors, wire
from kvmweb.core.templates import TemplateMark
from kvmweb.definitions import templates as xml
from kvmweb.hypervisor import changing, faults, metadata


def mark(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    mark: dict[str, Any] | None,
    definition_hash: str = "",
) -> None:
    """None takes the mark away. A template does not start with its host.

    Raises: NotFound, Conflict, WrongState (it runs, its state is saved, or it has no stored
    definition).
    """
    domain = changing.seen(connection, uuid, definition_hash)
    if mark is None:
        metadata.write(domain, metadata.ELEMENT, None, metadata.TEMPLATE)
        return
    with faults.translated():
        if domain.isActive():
            raise errors.WrongState(name=domain.name(), state="running")
        if not domain.isPersistent():
            raise errors.WrongState("it has no stored definition", name=domain.name())
        if domain.hasManagedSaveImage(0):
            raise errors.WrongState("its state is saved", name=domain.name())
        # First: linked clones rest on it from the moment it is seen as a template.
        if domain.autostart():
            domain.setAutostart(0)
        element = xml.build(wire.from_plain(TemplateMark, mark))
        metadata.write(domain, metadata.ELEMENT, element, metadata.TEMPLATE)
