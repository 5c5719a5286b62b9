"""One host's worker: what is made once, and what begins anew with every connection."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from kvmweb.core.hosts import Part
from kvmweb.hostworker import gathering
from kvmweb.hostworker.gathering import Gathering
from kvmweb.hostworker.inside import Looks
from kvmweb.hostworker.link import Link
from kvmweb.hostworker.parts import Parts
from kvmweb.hostworker.publisher import Publisher
from kvmweb.hostworker.readings import Readings
from kvmweb.hostworker.rooms import Rooms
from kvmweb.hostworker.server import Server
from kvmweb.hostworker.verbs import Verbs
from kvmweb.hypervisor import connections, hosts
from kvmweb.hypervisor.connections import Lines
from kvmweb.hypervisor.events import Event
from kvmweb.hypervisor.guests import Details, Reader


class Worker:
    """Joins socket, link, readings, statistics and rooms. Lives on the asyncio thread."""

    def __init__(self, uri: str, socket_path: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._publisher = Publisher()
        self._details = Details(run_folder=connections.run_folder(uri))
        self._reader = Reader(self._details)
        self._rooms = Rooms(self._publisher)
        self._readings: Readings | None = None
        self._gathering: Gathering | None = None
        self._parts: Parts | None = None
        self._link = Link(uri, self._publisher, self._post, self._session)
        self._looks = Looks(self._link, self._publisher)
        verbs = Verbs(self._link, self._publisher, self._touch, self._rooms, self._looks)
        self._server = Server(socket_path, self._publisher, verbs.answer)

    async def run(self) -> None:
        """Serve until the process ends."""
        await asyncio.gather(self._server.run(), self._link.run())

    def _session(self, lines: Lines) -> list[Coroutine[Any, Any, None]]:
        """What works as long as this connection lives."""
        self._readings = Readings(lines, self._publisher, self._reader)
        self._gathering = Gathering(lines, self._publisher, self._reader)
        self._parts = Parts(lines, self._publisher, lambda: self._touch("interface", "", None))
        return [
            self._readings.reconcile(),
            self._readings.follow(),
            self._gathering.run(),
            self._rooms.serve(lines),
            self._facts(lines),
            self._parts.run(),
            gathering.statistics(lines, self._publisher, self._reader),
        ]

    async def _facts(self, lines: Lines) -> None:
        line = lines.of("storage")
        uri = self._link.uri
        record = await asyncio.wrap_future(line.submit(lambda c: hosts.read(c, uri)))
        self._publisher.set_host(record)
        await asyncio.Event().wait()

    def _post(self, event: Event) -> None:
        """Runs on libvirt's thread: hand over and return."""
        self._loop.call_soon_threadsafe(self._heard, event)

    def _heard(self, event: Event) -> None:
        if event.did_start:
            self._details.started_at[event.id] = event.at
            if self._gathering:
                self._gathering.started()
        elif event.did_stop:
            self._details.started_at.pop(event.id, None)
            self._rooms.end_guest(event.id)
        if event.kind == "guest":
            self._looks.changed()
        if event.kind == "network" and self._gathering:
            self._gathering.network_changed()
        self._touch(event.kind, event.id, event.at)

    def _touch(self, kind: Any, identity: str, event_at: float | None) -> None:
        if isinstance(kind, Part) and self._parts:
            self._parts.touch(kind)
        elif self._readings:
            self._readings.touch(kind, identity, event_at)
