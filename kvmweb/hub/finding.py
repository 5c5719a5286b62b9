"""The host found by itself: this machine's own libvirt, offered once and never again.

Whoever removed it does not want it back: the audit remembers that a host was added.
"""

from __future__ import annotations

import asyncio
import logging
import socket

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from kvmweb.core import refs
from kvmweb.core.actors import PORTAL
from kvmweb.hub.supervisor import command
from kvmweb.store.models import AuditEntry, Host

log = logging.getLogger(__name__)

KEY = "local"
VERB = "host.add"
CHECK_S = 8.0


def is_wanted() -> bool:
    """No host was ever added, by anybody."""
    return bool(settings.KVMWEB_LOCAL_URI) and not (
        Host.objects.exists() or AuditEntry.objects.filter(verb=VERB).exists()
    )


async def answers(uri: str) -> bool:
    """Whether a libvirt answers there, asked by a process that can be killed."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command("--check", "--uri", uri),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=settings.BASE_DIR,
        )
    except OSError as error:
        log.warning("the connection test did not start: %s", error)
        return False
    try:
        async with asyncio.timeout(CHECK_S):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@transaction.atomic
def add() -> bool:
    """Add this machine, unless somebody was quicker."""
    if not is_wanted():
        return False
    now = timezone.now()
    name = socket.gethostname()
    _, is_new = Host.objects.get_or_create(
        key=KEY, defaults={"name": name[:64], "uri": settings.KVMWEB_LOCAL_URI}
    )
    if is_new:
        AuditEntry(
            person_name=PORTAL.name,
            verb=VERB,
            ref=str(refs.host(KEY)),
            ref_name=name[:255],
            outcome="ok",
            ended_at=now,
        ).save()
        log.info("found libvirt on this machine: added as %s", KEY)
    return is_new
