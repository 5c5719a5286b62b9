"""libvirt's events: one callback per event id, each only copies values and posts.

A second Python callback for the same id is refused by the binding, and a slow one delays every
connection (measured): whoever wants more reads the object again, on a thread of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import libvirt

from kvmweb.core.hosts import Part

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """A hint that this object changed. at: when libvirt told us. kind: also a `Part` of the host.

    did_start, did_stop: the lifecycle events after which times and consoles differ.
    """

    kind: str
    id: str
    at: float
    did_start: bool = False
    did_stop: bool = False


Post = Callable[[Event], None]

_GUEST_EVENTS = (
    "REBOOT",
    "IO_ERROR_REASON",
    "BLOCK_JOB",
    "TRAY_CHANGE",
    "DISK_CHANGE",
    "PMSUSPEND",
    "PMSUSPEND_DISK",
    "PMWAKEUP",
    "BALLOON_CHANGE",
    "DEVICE_ADDED",
    "DEVICE_REMOVED",
    "DEVICE_REMOVAL_FAILED",
    "AGENT_LIFECYCLE",
    "TUNABLE",
    "METADATA_CHANGE",
    "JOB_COMPLETED",
    "CONTROL_ERROR",
    "MEMORY_DEVICE_SIZE_CHANGE",
)

_STARTS = (libvirt.VIR_DOMAIN_EVENT_STARTED,)
_STOPS = (libvirt.VIR_DOMAIN_EVENT_STOPPED,)


def listen(connection: libvirt.virConnect, post: Post) -> None:
    """Register every callback on this connection. `post` runs on libvirt's thread."""

    def lifecycle(_connection: Any, domain: Any, event: int, _detail: int, _context: Any) -> None:
        post(
            Event(
                "guest",
                domain.UUIDString(),
                time.time(),
                did_start=event in _STARTS,
                did_stop=event in _STOPS,
            )
        )

    def changed(_connection: Any, domain: Any, *_values: Any) -> None:
        post(Event("guest", domain.UUIDString(), time.time()))

    def pool(_connection: Any, pool: Any, *_values: Any) -> None:
        post(Event("pool", pool.UUIDString(), time.time()))

    def network(_connection: Any, network: Any, *_values: Any) -> None:
        post(Event("network", network.UUIDString(), time.time()))

    guests = connection.domainEventRegisterAny
    _register(guests, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle)
    for name in _GUEST_EVENTS:
        identity = getattr(libvirt, f"VIR_DOMAIN_EVENT_ID_{name}", None)
        if identity is not None:
            _register(guests, identity, changed)
    pools = connection.storagePoolEventRegisterAny
    _register(pools, libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, pool)
    _register(pools, libvirt.VIR_STORAGE_POOL_EVENT_ID_REFRESH, pool)
    _register(connection.networkEventRegisterAny, libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, network)
    _listen_to_parts(connection, post)


def _listen_to_parts(connection: libvirt.virConnect, post: Post) -> None:
    """Which device or secret it was does not matter: their list is read as a whole."""

    def device(_connection: Any, _device: Any, *_values: Any) -> None:
        post(Event(Part.DEVICES, "", time.time()))

    def secret(_connection: Any, _secret: Any, *_values: Any) -> None:
        post(Event(Part.SECRETS, "", time.time()))

    devices = connection.nodeDeviceEventRegisterAny
    _register(devices, libvirt.VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE, device)
    _register(devices, libvirt.VIR_NODE_DEVICE_EVENT_ID_UPDATE, device)
    _register(connection.secretEventRegisterAny, libvirt.VIR_SECRET_EVENT_ID_LIFECYCLE, secret)


def _register(register: Callable[..., Any], identity: int, callback: Callable[..., None]) -> None:
    """An old daemon lacks some of them; the reconcile makes up for it."""
    try:
        register(None, identity, callback, None)
    except libvirt.libvirtError as error:
        log.info("no event %d: %s", identity, error)
