"""Volumes: one to be made, and what their names say. Pure."""

from __future__ import annotations

from dataclasses import dataclass

PREALLOCATIONS = ("off", "metadata", "full")


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
