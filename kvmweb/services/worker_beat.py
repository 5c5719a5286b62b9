"""That somebody carries jobs out: each worker refreshes its row, `health` looks for a fresh one."""

from __future__ import annotations

import logging
import os
import socket
import threading
from datetime import timedelta

from django.db import DatabaseError, connection
from django.utils import timezone

from kvmweb.services.marks import internal, open_to_all
from kvmweb.store.models import JobWorker

log = logging.getLogger(__name__)

EVERY_S = 5.0
FRESH = timedelta(seconds=20)
FORGET = timedelta(hours=1)


@internal("`health` says it to monitoring")
def is_anybody_there() -> bool:
    """Whether a worker lives, on this machine or another."""
    return JobWorker.objects.filter(beat_at__gte=timezone.now() - FRESH).exists()


@open_to_all("only `manage.py db_worker` calls it; no request reaches it")
def start() -> None:
    """Beat from now on, beside the work and however long a job takes."""
    threading.Thread(target=_beat_on, name="jobs-beat", daemon=True).start()


@internal("a part of `start`")
def beat() -> None:
    """Refresh this process's row, and forget those of processes long gone."""
    now = timezone.now()
    name = f"{socket.gethostname()[:100]}:{os.getpid()}"
    JobWorker.objects.update_or_create(name=name, defaults={"beat_at": now})
    JobWorker.objects.filter(beat_at__lt=now - FORGET).delete()


def _beat_on() -> None:
    while True:
        try:
            beat()
        except DatabaseError:
            log.warning("the beat of the jobs worker could not be written", exc_info=True)
        finally:
            connection.close()
        threading.Event().wait(EVERY_S)
