"""The portal's own database when it is locked, full or away: how long a page waits for it."""

from __future__ import annotations

import logging

from django.db import InterfaceError, OperationalError, connection

from kvmweb.core.errors import Problem, Unready
from kvmweb.services.marks import open_to_all

log = logging.getLogger(__name__)

PATIENCE_S = 3.5
"""No page takes longer than 5 s; the hub and the jobs wait longer (settings)."""
GLANCE_S = 0.3
"""For what may as well be written with the next request."""


@open_to_all("how long this thread waits for a lock; reads and changes nothing")
def be_patient(seconds: float = PATIENCE_S) -> None:
    """As long as this connection lives. PostgreSQL has a limit of its own (settings)."""
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        connection.connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


@open_to_all("a pure function")
def problem(error: Exception) -> Problem | None:
    """What a person is told of this error; None for one that is a fault of ours. Logs it."""
    if not isinstance(error, (OperationalError, InterfaceError)):
        return None
    log.error("the database does not do its part: %s", error)
    return Unready(str(error))
