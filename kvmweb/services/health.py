"""Is the portal alive, and is it ready: for load balancers and monitoring, so without secrets."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from kvmweb.core.records import HostState
from kvmweb.inventory.models import HostMirror
from kvmweb.services import worker_beat
from kvmweb.services.guard import open_to_all
from kvmweb.store.models import Host

log = logging.getLogger(__name__)

LAYER_S = 2.0
STALE = timedelta(seconds=60)
"""An "up" that nobody confirmed for so long is not believed: no hub writes it any more."""
JOB_WAIT = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Readiness:
    """What works. jobs: ok; none when nobody carries them out, waiting when nobody takes more.

    hosts: key to state.
    """

    database: bool
    layer: bool
    jobs: str
    hosts: dict[str, str]

    @property
    def is_ready(self) -> bool:
        """All of the portal works. A host that is away is shown to people, not to a balancer."""
        return self.database and self.layer and self.jobs != "none"


@open_to_all("monitoring has no account, and only hears that the process answers")
def is_alive() -> bool:
    """Nothing else is looked at."""
    return True


@open_to_all("monitoring has no account; it learns words of state and host keys only")
def readiness() -> Readiness:
    """Look at everything now; takes LAYER_S at most where the database answers."""
    layer = async_to_sync(_is_layer_working)()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return Readiness(database=True, layer=layer, jobs=_jobs(), hosts=_hosts())
    except DatabaseError:
        log.warning("the database does not answer", exc_info=True)
        return Readiness(database=False, layer=layer, jobs="unknown", hosts={})


def _jobs() -> str:
    if not worker_beat.is_anybody_there():
        return "none"
    late = DBTaskResult.objects.ready().filter(enqueued_at__lt=timezone.now() - JOB_WAIT)
    return "waiting" if late.exists() else "ok"


def _hosts() -> dict[str, str]:
    seen = {row.host: row for row in HostMirror.objects.only("host", "state", "heard_at")}
    return {
        key: _state(seen.get(key))
        for key in Host.objects.filter(is_enabled=True).values_list("key", flat=True)
    }


def _state(row: HostMirror | None) -> str:
    if row is None:
        return HostState.CONNECTING.value
    is_fresh = row.heard_at is not None and timezone.now() - row.heard_at < STALE
    return row.state if is_fresh or not row.is_up else "stale"


async def _is_layer_working() -> bool:
    """Send a message to ourselves."""
    try:
        layer = get_channel_layer()
        async with asyncio.timeout(LAYER_S):
            channel = await layer.new_channel()
            await layer.send(channel, {"type": "health"})
            await layer.receive(channel)
    except Exception:
        log.warning("the channel layer does not answer", exc_info=True)
        return False
    return True
