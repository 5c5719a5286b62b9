"""A real server over a real pool, and people who send and fetch data byte by byte."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
import uuid as uuids
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from django.test import Client

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.refs import Ref
from kvmweb.hub.mirror import Writer
from kvmweb.management.listener import Listener
from kvmweb.services import images, people
from kvmweb.store.models import AuditEntry, Grant, Host, Person, RightsEpoch
from tests.e2e.portal import free_port
from tests.hub import plain
from tests.lab.host import LabHost

MIB = 1024 * 1024
HOST = "here"


@dataclass
class Sender:
    """Somebody signed in, at a socket of their own."""

    person: Person
    port: int
    pool: Ref
    client: Client = field(default_factory=Client)

    @property
    def actor(self) -> Actor:
        key = self.client.session.session_key or ""
        return Actor(self.person.pk, self.person.username, people.session_hash(key))

    @property
    def place(self) -> str:
        return f"/storage/{self.pool.host}/{self.pool.id}/"

    def begin(self, name: str, size: int, **choices: str) -> Any:
        fields = {"name": name, "size": str(size), "mark": "same", **choices}
        answer = self.client.post(f"{self.place}uploads/", fields)
        return {"status": answer.status_code, **answer.json()}

    def show(self, begun: Any) -> Any:
        return self.client.get(begun["url"]).json()

    def cancel(self, begun: Any) -> int:
        return self.client.post(f"{begun['url']}cancel/").status_code

    def put(self, begun: Any, data: bytes, offset: int = 0, **headers: str) -> tuple[int, Any]:
        """One whole request."""
        with self.request("PUT", begun["data_url"], data, begun, offset, **headers) as answer:
            return answer.status, json.loads(answer.read() or b"{}")

    def part(self, begun: Any, data: bytes, start: int, end: int) -> tuple[int, Any]:
        """These bytes of the file, in a request that leaves the others to others."""
        return self.put(begun, data[start:end], start, Upload_Until=str(end))

    @contextmanager
    def request(
        self, method: str, url: str, data: bytes, begun: Any, offset: int = 0, **headers: str
    ) -> Iterator[http.client.HTTPResponse]:
        line = http.client.HTTPConnection("localhost", self.port, timeout=30)
        listed = {
            "X-Transfer-Ticket": begun.get("ticket", ""),
            "Upload-Offset": str(offset),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        line.request(method, url, data, {k: v for k, v in listed.items() if v})
        try:
            yield line.getresponse()
        finally:
            line.close()

    def start(
        self, begun: Any, length: int, offset: int = 0, until: int | None = None
    ) -> http.client.HTTPConnection:
        """A request whose body is still to be sent."""
        line = http.client.HTTPConnection("localhost", self.port, timeout=30)
        line.putrequest("PUT", begun["data_url"])
        line.putheader("X-Transfer-Ticket", begun["ticket"])
        line.putheader("Upload-Offset", str(offset))
        line.putheader("Content-Length", str(length))
        if until is not None:
            line.putheader("Upload-Until", str(until))
        line.endheaders()
        return line

    def get(self, url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """A page or a download, with the browser's cookie unless a ticket is given."""
        line = http.client.HTTPConnection("localhost", self.port, timeout=30)
        listed = {name.replace("_", "-"): value for name, value in headers.items()}
        if "X-Transfer-Ticket" not in listed:
            cookies = self.client.cookies.items()
            listed["Cookie"] = "; ".join(f"{name}={jar.value}" for name, jar in cookies)
        method = listed.pop("method", "GET")
        line.request(method, url, headers=listed)
        answer = line.getresponse()
        found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        line.close()
        return found

    def stored(self, name: str, size: int) -> bytes:
        """What the volume holds."""
        return b"".join(bytes(piece) for piece in images.pieces(self.pool, name, length=size))


@contextmanager
def serving() -> Iterator[int]:
    """The portal's own application on a port of loopback."""
    from kvmweb.asgi import application

    port = free_port()
    config = uvicorn.Config(
        application,
        host="localhost",
        port=port,
        http=Listener,
        log_level="error",
        lifespan="on",
        loop="asyncio",
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(running.serve()), daemon=True)
    thread.start()
    while not running.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield port
    running.should_exit = True
    thread.join(15)


def mirrored_pool(uuid: str, *volumes: dict[str, Any], **facts: Any) -> Ref:
    """A pool as the hub would have written it, with room enough as far as anybody knows."""
    Host.objects.get_or_create(key=HOST, defaults={"name": HOST, "uri": "test:///default"})
    writer = Writer(HOST, "stage")
    writer.open()
    sizes = {"capacity": 2**40, "available": 2**39, "allocation": 0}
    told = plain.pool(1, **{"name": f"p{uuid[:6]}", "uuid": uuid, **sizes, **facts})
    writer.apply([told, *volumes, plain.link("up")])
    return refs.pool(HOST, uuid)


def mirrored_volume(pool: str, name: str, size: int) -> dict[str, Any]:
    told = plain.volume(1, name, format="raw", capacity=size)
    told["record"] |= {"pool": pool, "uuid": refs.volume_id(pool, name)}
    return told


def signed_in(name: str, role: str, port: int, pool: Ref) -> Sender:
    person = Person.objects.create_user(name, "correct horse battery")
    if role:
        Grant.objects.create(person=person, role=role, scope=Grant.EVERYTHING)
    RightsEpoch.advance()
    judge.forget()
    sender = Sender(person, port, pool)
    sender.client.force_login(person)
    return sender


def within(seconds: float, is_so: Callable[[], Any]) -> float:
    """How long it took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds, "not in time"
        time.sleep(0.02)
    return time.monotonic() - began


def fresh(suffix: str = ".img") -> str:
    return f"v{uuids.uuid4().hex[:8]}{suffix}"


def volumes(lab: LabHost, pool: str = "default") -> str:
    """The pool's, as virsh lists them."""
    return lab.virsh("vol-list", pool)


def audited(name: str) -> list[str]:
    """How the uploads of this name ended."""
    found = AuditEntry.objects.filter(verb="volume.upload", detail__name=name)
    return list(found.values_list("outcome", flat=True))
