"""What a tool that sets up a host's network has to know to be a way of changing bridges."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Protocol

from kvmweb.core.bridges import BridgePlan
from kvmweb.hypervisor.bridge_place import Place


@dataclass(frozen=True, slots=True)
class Plan:
    """Lines for a root shell, and whole files between them; the way back likewise.

    files: path to new text; None: it goes. before, after: lines around the writing of the files.
    back_before, back_after: around the putting back of the former ones; each is tried, whatever
    became of the others. kept: lines once it is kept. lost: addresses that nobody has afterwards.
    """

    way: str
    files: dict[str, str | None] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    back_before: tuple[str, ...] = ()
    back_after: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    def shown(self, place: Place) -> BridgePlan:
        """As a person sees it before it is done."""
        files = tuple((path, place.text(path), text or "") for path, text in self.files.items())
        commands = (*self.before, *self.after)
        digest = hashlib.sha256(repr((self.way, files, commands)).encode()).hexdigest()
        return BridgePlan(self.way, commands, files, self.lost, digest)


@dataclass(frozen=True, slots=True)
class Wish:
    """act: one of core.bridges.ACTS. addresses: of the device, now."""

    act: str
    bridge: str
    device: str = ""
    ports: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


class Way(Protocol):
    """One tool."""

    @property
    def key(self) -> str:
        """Its name in records."""

    def is_there(self, place: Place) -> bool:
        """Whether the host has it, and has it in use."""

    def held(self, place: Place) -> set[str]:
        """Interfaces and bridges that it sets up."""

    def plan(self, place: Place, wish: Wish) -> Plan:
        """How it would do this. Raises NotSupported, WrongState."""
