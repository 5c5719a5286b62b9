"""What a volume's XML says of the file that a download would send."""

from __future__ import annotations

from kvmweb.definitions import elements


def modified_at(xml: str) -> str:
    """When the volume's file was changed last, as libvirt prints it; empty where it does not."""
    return elements.text(elements.parse(xml), "target/timestamps/mtime")
