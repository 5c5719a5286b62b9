"""What a guest boots from, in order: stored, for a guest looks at it when it starts."""

from __future__ import annotations

import libvirt

from kvmweb.definitions import boot_order as xml
from kvmweb.hypervisor import changing


def edit(
    connection: libvirt.virConnect, uuid: str, *, keys: list[str], definition_hash: str = ""
) -> str:
    """Boot from these devices, in this order: `now`, `next` while it runs, or `same`.

    Raises: Conflict, NotFound for a device that is not there, WrongState, Invalid.
    """
    domain = changing.seen(connection, uuid, definition_hash)
    if not changing.store(connection, domain, lambda text: xml.edit(text, keys)):
        return changing.SAME
    return changing.NEXT if domain.isActive() else changing.NOW
