"""Bridges of a host: what sets its network up, what can be changed, and a change on trial.

A change is on trial until somebody who still reaches the portal keeps it; else the former state
returns by itself (ADR 0013).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kvmweb.core.refs import Ref

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")
"""Of an interface, and harmless in a shell, in a path and in every file that names one."""
CREATE, ATTACH, DETACH, DELETE = "create", "attach", "detach", "delete"
ACTS = (CREATE, ATTACH, DETACH, DELETE)
SWITCHING, ON_TRIAL, RETURNING = "switching", "trial", "returning"
KEPT, RETURNED, FAILED = "kept", "returned", "failed"


@dataclass(frozen=True, slots=True)
class Plugged:
    """Who uses a bridge: a guest or a network. ref: None for one that the reader does not see."""

    ref: Ref | None
    name: str


@dataclass(frozen=True, slots=True)
class Trial:
    """A change of the host's network. ends_at: epoch; then the former state returns.

    state: switching, trial, returning; at last kept, returned or failed. log: what was said on
    the host. way: the tool that did it.
    """

    id: str
    act: str
    bridge: str
    device: str
    way: str
    state: str
    ends_at: float
    log: str = ""

    @property
    def is_open(self) -> bool:
        """Whether its outcome is still to come."""
        return self.state in (SWITCHING, ON_TRIAL, RETURNING)


@dataclass(frozen=True, slots=True)
class HostPort:
    """An interface that could be put into a bridge. way: empty, and then obstacle says why not.

    addresses: they move to a new bridge, and are lost to one that is there already.
    """

    name: str
    way: str = ""
    obstacle: str = ""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostBridge:
    """A bridge that is not libvirt's own. way: who can change it; empty, and obstacle why not."""

    name: str
    ports: tuple[str, ...] = ()
    way: str = ""
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class BridgesRecord:
    """What the worker found. obstacle: why nothing can be changed from here; empty: it can.

    obstacle: demo, elsewhere, no-right, no-tool. ways: tools that were found, in their order.
    """

    obstacle: str = ""
    ways: tuple[str, ...] = ()
    ports: tuple[HostPort, ...] = ()
    bridges: tuple[HostBridge, ...] = ()
    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class BridgePlan:
    """What a change would do. commands: in a root shell. files: path, text before and after.

    lost: addresses that nobody has any more. digest: of all of it.
    """

    way: str
    commands: tuple[str, ...]
    files: tuple[tuple[str, ...], ...] = ()
    lost: tuple[str, ...] = ()
    digest: str = ""
