"""Title, description and our own elements in a guest's definition, live and stored."""

from __future__ import annotations

import libvirt

from kvmweb.core import errors
from kvmweb.definitions import bins, templates
from kvmweb.definitions import guests as xml
from kvmweb.hypervisor import faults

ELEMENT = libvirt.VIR_DOMAIN_METADATA_ELEMENT
LIVE, CONFIG = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
TAGS = (xml.PREFIX, xml.NAMESPACE)
BIN = (bins.PREFIX, bins.NAMESPACE)
TEMPLATE = (templates.PREFIX, templates.NAMESPACE)
Key = tuple[str, str]
"""Prefix and namespace: libvirt keeps one element of each namespace."""


def write(domain: libvirt.virDomain, kind: int, value: str | None, key: Key | None = None) -> None:
    """None takes it away. Live and in the stored definition, as far as there are both."""
    prefix, uri = key or (None, None)
    with faults.translated():
        flags = LIVE if domain.isActive() else 0
        flags |= CONFIG if domain.isPersistent() else 0
        if value is None and _read(domain, kind, uri, flags) is None:
            return
        domain.setMetadata(kind, value, prefix, uri, flags)


def read(domain: libvirt.virDomain, key: Key) -> str | None:
    """Our element in this namespace; None where there is none."""
    with faults.translated():
        flags = CONFIG if domain.isPersistent() else LIVE
        return _read(domain, ELEMENT, key[1], flags)


def mark_live(domain: libvirt.virDomain, key: Key, value: str | None) -> None:
    """In what runs, and nowhere else; None takes it away."""
    with faults.translated():
        if value is not None or _read(domain, ELEMENT, key[1], LIVE) is not None:
            domain.setMetadata(ELEMENT, value, *key, LIVE)


def is_marked_live(domain: libvirt.virDomain, key: Key) -> bool:
    """Whether what runs has our element in this namespace."""
    with faults.translated():
        return _read(domain, ELEMENT, key[1], LIVE) is not None


def refuse_kept(domain: libvirt.virDomain) -> None:
    """Before its disks could change. Raises WrongState for one in the bin, and for a template."""
    if domain.isActive():
        return
    for key, why in ((BIN, "it is in the recycle bin"), (TEMPLATE, "it is a template")):
        if read(domain, key) is not None:
            raise errors.WrongState(why, name=domain.name())


def _read(domain: libvirt.virDomain, kind: int, uri: str | None, flags: int) -> str | None:
    """What stands there; libvirt refuses to remove what is not there."""
    for flag in (LIVE, CONFIG):
        if not flags & flag:
            continue
        try:
            return str(domain.metadata(kind, uri, flag))
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN_METADATA:
                raise
    return None
