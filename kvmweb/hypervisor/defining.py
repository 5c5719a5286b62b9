"""The stored definition of a guest as text, and another one in its place."""

from __future__ import annotations

import libvirt

from kvmweb.core import errors
from kvmweb.definitions import defining as xml
from kvmweb.definitions import elements
from kvmweb.hypervisor import actions, creation, faults


def stored(connection: libvirt.virConnect, uuid: str) -> dict[str, str]:
    """`{"xml", "hash"}`: what the next start brings, each password as `KEPT`.

    Raises: NotFound, WrongState (it has no stored definition).
    """
    domain = actions.find(connection, uuid)
    with faults.translated():
        _require_persistent(domain)
        plain = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        return {"xml": xml.shown(plain, _secure(domain)), "hash": elements.fingerprint(plain)}


def redefine(
    connection: libvirt.virConnect, uuid: str, *, text: str, definition_hash: str
) -> dict[str, str]:
    """Store it, checked by libvirt's schema; `{"hash"}` of what libvirt made of it.

    definition_hash: of the one that the person saw. Raises: Conflict, Invalid, WrongState.
    """
    domain = actions.find(connection, uuid)
    with faults.translated():
        _require_persistent(domain)
        if actions.definition_hash(domain) != definition_hash:
            raise errors.Conflict("the definition changed meanwhile", name=domain.name())
        xml.check(text, name=domain.name(), uuid=uuid)
        wanted = xml.taken(text, _secure(domain))
        connection.defineXMLFlags(wanted, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
        return {"hash": actions.definition_hash(domain)}


def define_new(connection: libvirt.virConnect, uuid: str, *, text: str) -> None:
    """Keep the definition of a guest that is not there yet, checked by libvirt's schema.

    libvirt itself would put it in the place of a guest of the same name and UUID, without a word.
    Raises: Exists (name, or uuid), Invalid.
    """
    _text, name, known = xml.named(text, uuid)
    if known != uuid:
        raise errors.Invalid("the definition of another guest")
    with faults.translated():
        try:
            there = connection.lookupByUUIDString(uuid)
        except libvirt.libvirtError as error:
            if not faults.is_gone(error):
                raise
        else:
            raise errors.Exists(name=there.name(), uuid=uuid)
        creation.refuse_namesake(connection, name=name, uuid=uuid)
        connection.defineXMLFlags(text, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)


def _secure(domain: libvirt.virDomain) -> str:
    return str(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE))


def _require_persistent(domain: libvirt.virDomain) -> None:
    """Defining a transient guest would make it a persistent one without a word."""
    if not domain.isPersistent():
        raise errors.WrongState("it has no stored definition", name=domain.name())
