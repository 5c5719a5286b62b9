"""libvirt's event loop: registered before the first open, run by one thread of its own.

Opened earlier, a connection has neither keepalive nor events (measured). Callbacks run on this
thread, for all connections: they copy values and post, nothing else.
"""

from __future__ import annotations

import logging
import threading

import libvirt

log = logging.getLogger(__name__)

_started = threading.Lock()


def start() -> None:
    """Register libvirt's own loop and run it; a second call does nothing."""
    if not _started.acquire(blocking=False):
        return
    libvirt.registerErrorHandler(_ignore, None)
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=_run, name="libvirt-events", daemon=True).start()


def _run() -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except libvirt.libvirtError:
            log.exception("libvirt's event loop stumbled")


def _ignore(_context: object, _error: object) -> None:
    """Errors reach us as exceptions; libvirt would print each of them once more."""
