"""Volumes: one to be made, and what their names say. Pure."""

from __future__ import annotations

from dataclasses import dataclass

PREALLOCATIONS = ("off", "metadata", "full")
SEED_END = "-seed.iso"
"""So ends the name of every disc that carries answers for cloud-init."""


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    """capacity: bytes. preallocation: off, metadata (qcow2), full. backing: path of the base."""

    name: str
    capacity: int
    format: str = ""
    preallocation: str = "off"
    backing: str = ""
    backing_format: str = ""


def is_disc(image_format: str, name: str) -> bool:
    """An ISO, by its format or its name."""
    return image_format == "iso" or name.casefold().endswith(".iso")


def is_seed(name: str) -> bool:
    """A disc of answers for cloud-init, as the portal names it: nothing to install from."""
    return name.endswith(SEED_END)
