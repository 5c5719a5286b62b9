"""A secret's definition. Its value is never part of it. Source: libvirt.org/formatsecret.html."""

from __future__ import annotations

from lxml import etree

from kvmweb.core.devices import SecretRecord, SecretUsage
from kvmweb.definitions import elements
from kvmweb.definitions.elements import attribute, text

_NAMED_BY = {
    SecretUsage.VOLUME: "volume",
    SecretUsage.CEPH: "name",
    SecretUsage.ISCSI: "target",
    SecretUsage.TLS: "name",
    SecretUsage.VTPM: "name",
}


def parse(xml: str) -> SecretRecord:
    """What this secret is for. Raises Invalid."""
    root = elements.parse(xml)
    kind = attribute(root, "usage", "type")
    usage = SecretUsage(kind) if kind in set(SecretUsage) else SecretUsage.NONE
    named_by = _NAMED_BY.get(usage)
    return SecretRecord(
        uuid=text(root, "uuid"),
        usage=usage,
        usage_id=text(root, f"usage/{named_by}") if named_by else "",
        description=text(root, "description"),
        is_private=root.get("private") == "yes",
        is_ephemeral=root.get("ephemeral") == "yes",
    )


def build(
    usage: SecretUsage, usage_id: str, description: str, *, is_private: bool, is_ephemeral: bool
) -> str:
    """A new secret. libvirt chooses its UUID."""
    root = etree.Element(
        "secret",
        ephemeral="yes" if is_ephemeral else "no",
        private="yes" if is_private else "no",
    )
    if description:
        etree.SubElement(root, "description").text = description
    if usage in _NAMED_BY:
        found = etree.SubElement(root, "usage", type=usage.value)
        etree.SubElement(found, _NAMED_BY[usage]).text = usage_id
    return elements.serialize(root)


def is_used(xml: str, secret: SecretRecord) -> bool:
    """Whether a pool's or guest's definition names this secret. Raises Invalid."""
    root = elements.parse(xml)
    return any(
        found.get("uuid") == secret.uuid
        or bool(secret.usage_id and found.get("usage") == secret.usage_id)
        for found in root.iter("secret")
    )
