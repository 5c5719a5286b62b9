"""Whose host is it: of all hubs exactly one writes a host's part of the mirror (DESIGN 2).

With PostgreSQL a lease is a session-level advisory lock on one dedicated connection per hub: the
server gives it up the moment that session ends. A hub killed with -9 loses it at once, one whose
machine vanished or that was frozen within `SESSION_S`. With SQLite it is a lock on a file.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from typing import Any, Protocol

import psycopg
from django.conf import settings
from django.db import connection

from kvmweb.hub import locks

log = logging.getLogger(__name__)

BEAT_S = 1.0
SESSION_S = 6
"""The server ends a session that was silent for so long."""
_SESSION = {
    "idle_session_timeout": f"{SESSION_S}s",
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
}


class Leases(Protocol):
    """The hosts that this hub holds."""

    async def take(self, host: str) -> None:
        """Wait until the host is ours."""

    async def lost(self, host: str) -> None:
        """Wait until it is ours no longer."""

    async def give_up(self, host: str) -> None:
        """Let another hub have it."""

    async def close(self) -> None:
        """Give up everything."""


def leases() -> Leases:
    """As the configured database allows."""
    return PostgresLeases() if connection.vendor == "postgresql" else FileLeases()


class FileLeases:
    """A database file has its hubs on one machine: a locked file beside the workers' sockets."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}

    async def take(self, host: str) -> None:
        """Wait while another hub of this data folder has it."""
        path = settings.KVMWEB_RUN_DIR / f"{host}.lease"
        self._held[host] = await locks.locked(path)

    async def lost(self, _host: str) -> None:
        """Never: only the end of the process opens the lock."""
        await asyncio.Event().wait()

    async def give_up(self, host: str) -> None:
        """Open the lock."""
        if (lock := self._held.pop(host, None)) is not None:
            os.close(lock)

    async def close(self) -> None:
        """Open all locks."""
        for host in list(self._held):
            await self.give_up(host)


class PostgresLeases:
    """One connection for all hosts of this hub; when it breaks, every lease is lost."""

    def __init__(self) -> None:
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._turn = asyncio.Lock()
        self._held: dict[str, asyncio.Event] = {}
        self._heart: asyncio.Task[None] | None = None

    async def take(self, host: str) -> None:
        """Ask every second."""
        while not await self._ask(host):
            await asyncio.sleep(BEAT_S)
        self._held[host] = asyncio.Event()
        log.info("host %s is ours", host)

    async def lost(self, host: str) -> None:
        """Noticed within two beats of a broken connection."""
        gone = self._held.get(host)
        if gone is not None:
            await gone.wait()

    async def give_up(self, host: str) -> None:
        """Unlock, where the connection still stands."""
        if self._held.pop(host, None) is None or self._connection is None:
            return
        try:
            await self._run("SELECT pg_advisory_unlock(%s)", lock_key(host))
        except (psycopg.Error, TimeoutError):
            await self._break()

    async def close(self) -> None:
        """Ending the session releases every lock."""
        if self._heart is not None:
            self._heart.cancel()
        await self._break()

    async def _ask(self, host: str) -> bool:
        try:
            if self._connection is None:
                await self._connect()
            return bool(await self._run("SELECT pg_try_advisory_lock(%s)", lock_key(host)))
        except (psycopg.Error, TimeoutError) as error:
            log.warning("lease of %s not asked for: %s", host, error)
            await self._break()
            return False

    async def _connect(self) -> None:
        async with self._turn:
            if self._connection is not None:
                return
            async with asyncio.timeout(5):
                opened = await psycopg.AsyncConnection.connect(**_parameters(), autocommit=True)
            for name, value in _SESSION.items():
                await opened.execute("SELECT set_config(%s, %s, false)", (name, value))
            self._connection = opened
            if self._heart is None:
                self._heart = asyncio.create_task(self._beat())

    async def _run(self, query: str, *values: int) -> Any:
        async with self._turn, asyncio.timeout(3):
            if self._connection is None:
                raise psycopg.OperationalError("not connected")
            answer = await (await self._connection.execute(query, values)).fetchone()
            return answer[0] if answer else None

    async def _beat(self) -> None:
        """Notices a broken session, and keeps a sound one from ending."""
        while True:
            await asyncio.sleep(BEAT_S)
            if self._connection is None:
                continue
            try:
                await self._run("SELECT 1")
            except (psycopg.Error, TimeoutError) as error:
                log.warning("leases lost: %s", error)
                await self._break()

    async def _break(self) -> None:
        broken, self._connection = self._connection, None
        held, self._held = self._held, {}
        for gone in held.values():
            gone.set()
        if broken is not None:
            await broken.close()


def lock_key(host: str) -> int:
    """The host's 64-bit advisory lock."""
    digest = hashlib.sha256(f"kvmweb host {host}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _parameters() -> dict[str, Any]:
    """As Django connects, without what is Django's own."""
    wanted = connection.get_connection_params()
    ours = ("host", "port", "user", "password", "dbname", "service", "sslmode", "sslrootcert")
    chosen = {name: wanted[name] for name in ours if wanted.get(name)}
    return {**chosen, "application_name": f"kvmweb-hub-{os.getpid()}"}
