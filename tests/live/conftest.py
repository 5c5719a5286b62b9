"""A real server in a thread over the test's database, and people with consoles."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from django.test import Client
from websockets.sync.client import ClientConnection, connect

from kvmweb.core import refs
from kvmweb.core.refs import Ref
from kvmweb.inventory import models as mirror
from kvmweb.store.models import Grant, Person, RightsEpoch
from tests.e2e.portal import free_port
from tests.hostworker.process import WorkerProcess
from tests.lab.host import LabHost
from tests.live import transfers
from tests.live.synthetic import Worker

GUEST = refs.guest("lab", "5c1e0000-0000-4000-8000-000000000001")
OTHER = refs.guest("lab", "5c1e0000-0000-4000-8000-000000000002")
PROTOCOL = "kvmweb.console.v1"
TINY = "<pool type='dir'><name>tiny</name><target><path>/mnt/tiny</path></target></pool>"


@dataclass
class Visitor:
    """Somebody signed in, with a browser's cookies."""

    person: Person
    port: int
    client: Client = field(default_factory=Client)

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={jar.value}" for name, jar in self.client.cookies.items())

    def ticket(self, kind: str = "screen", *, ref: Ref = GUEST, **fields: str) -> Any:
        return self.client.post(f"/consoles/{ref.host}/{ref.id}/{kind}/ticket/", fields)

    def connect(
        self,
        kind: str,
        secret: str,
        *,
        ref: Ref = GUEST,
        origin: str = "",
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> ClientConnection:
        return connect(
            f"ws://localhost:{self.port}/consoles/{ref.host}/{ref.id}/{kind}/socket/",
            subprotocols=[PROTOCOL, f"kvmweb.ticket.{secret}"],  # type: ignore[list-item]
            origin=origin or f"http://localhost:{self.port}",  # type: ignore[arg-type]
            additional_headers={"Cookie": self.cookie, **(headers or {})},
            compression=None,
            max_size=None,
            legacy=True,
            **options,
        )

    def open(self, kind: str = "screen", mode: str = "drive", **options: Any) -> ClientConnection:
        answer = self.ticket(kind, mode=mode)
        assert answer.status_code == 200, answer.content
        return self.connect(kind, answer.json()["ticket"], **options)


@pytest.fixture
def worker(settings: Any, tmp_path: Path) -> Iterator[Worker]:
    """The host worker of `lab`, with synthetic guests behind it."""
    settings.KVMWEB_RUN_DIR = tmp_path / "run"
    found = Worker(tmp_path / "run" / "lab.sock")
    yield found
    found.stop()


@pytest.fixture
def guests(transactional_db: None) -> None:
    """Two running guests in the mirror."""
    mirror.HostMirror.objects.create(host="lab", state="up")
    for ref, name in ((GUEST, "web01"), (OTHER, "web02")):
        mirror.Guest.objects.create(
            host=ref.host,
            uuid=ref.id,
            name=name,
            name_fold=name,
            state="running",
            record={"has_screen": True, "serials": [{"alias": "serial0"}]},
        )


@pytest.fixture
def server(guests: None, worker: Worker, settings: Any) -> Iterator[int]:
    """The portal's own application on a port of loopback."""
    settings.KVMWEB_EMBEDDED_HUB = False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    from kvmweb.asgi import application

    port = free_port()
    config = uvicorn.Config(
        application,
        host="localhost",
        port=port,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_level="warning",
        proxy_headers=False,
        lifespan="on",
        loop="asyncio",
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(running.serve()), daemon=True)
    thread.start()
    while not running.started:
        assert thread.is_alive()
    yield port
    running.should_exit = True
    thread.join(15)


@pytest.fixture
def visitor(server: int) -> Callable[..., Visitor]:
    """`visitor("li", "console")`: a person with this role on the first guest."""

    def enter(name: str, role: str = "console", scope: str = str(GUEST)) -> Visitor:
        person = Person.objects.create_user(name, "correct horse battery")
        if role:
            Grant.objects.create(person=person, role=role, scope=scope)
        RightsEpoch.advance()
        found = Visitor(person, server)
        found.client.force_login(person)
        return found

    return enter


@pytest.fixture(scope="module")
def pool_worker(lab: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    with WorkerProcess(lab.uri, tmp_path_factory.mktemp("run")) as process:
        yield process


@pytest.fixture
def pool(lab: LabHost, pool_worker: WorkerProcess, settings: Any) -> Ref:
    """The lab's, empty as far as the mirror knows."""
    settings.KVMWEB_RUN_DIR = pool_worker.directory
    settings.KVMWEB_EMBEDDED_HUB = False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    return transfers.mirrored_pool(lab.virsh("pool-uuid", "default").strip())


@pytest.fixture
def uploader(pool: Ref) -> Iterator[Callable[..., transfers.Sender]]:
    """`uploader("li", "creator")`: somebody signed in at a running server."""
    with transfers.serving() as port:
        yield lambda name="li", role="creator", into=pool: transfers.signed_in(
            name, role, port, into
        )


@pytest.fixture
def tiny(lab: LabHost, pool: Ref) -> Iterator[Ref]:
    """A pool of 8 MiB."""
    lab.inside("mkdir", "-p", "/mnt/tiny")
    lab.inside("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", "/mnt/tiny")
    (lab.folder / "tiny.xml").write_text(TINY)
    lab.virsh("pool-create", str(lab.folder / "tiny.xml"))
    yield transfers.mirrored_pool(lab.virsh("pool-uuid", "tiny").strip())
    lab.virsh("pool-destroy", "tiny")
    lab.inside("umount", "/mnt/tiny")
