"""People with rights, guests in the mirror, and a real worker over libvirt's test driver."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import HostDown
from kvmweb.core.records import GuestState
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client, subscription
from kvmweb.hub.mirror import Writer
from kvmweb.store.models import Grant, Host, Person, RightsEpoch
from tests.hub import plain

REPOSITORY = Path(__file__).resolve().parents[2]
DOMAIN = """<domain type='test'><name>{name}</name><uuid>{uuid}</uuid><memory>65536</memory>
<vcpu>2</vcpu><os><type>hvm</type></os></domain>"""


def person(name: str, role: str = "", scope: str = Grant.EVERYTHING) -> Actor:
    """Somebody who may do what this role may."""
    judge._kept.clear()  # the database of the test before had other people of the same number
    made = Person.objects.create_user(name, "x")
    if role:
        Grant.objects.create(person=made, role=role, scope=scope)
        RightsEpoch.advance()
    return Actor(made.pk, name)


def mirrored(*numbers: int, host: str = "east", link: str = "up", **facts: Any) -> list[Ref]:
    """Guests of a host as the hub would have written them."""
    Host.objects.get_or_create(key=host, defaults={"name": host, "uri": "test:///default"})
    writer = Writer(host, "stage")
    writer.open()
    writer.apply([plain.guest(n, **facts) for n in numbers] + [plain.link(link)])
    return [refs.guest(host, plain.uuid(n)) for n in numbers]


def held(number: int, *names: str, host: str = "east", link: str = "up", **facts: Any) -> Ref:
    """A pool of a host with volumes of these names, as the hub would have written them."""
    Host.objects.get_or_create(key=host, defaults={"name": host, "uri": "test:///default"})
    writer = Writer(host, "stage")
    writer.open()
    told = [plain.volume(number, name) for name in names]
    writer.apply([plain.pool(number, **facts), *told, plain.link(link)])
    return refs.pool(host, plain.uuid(number))


def with_network(number: int, host: str = "east", **facts: Any) -> Ref:
    """A network of a host as the hub would have written it."""
    Host.objects.get_or_create(key=host, defaults={"name": host, "uri": "test:///default"})
    writer = Writer(host, "stage")
    writer.open()
    writer.apply([plain.network(number, **facts), plain.link("up")])
    return refs.network(host, plain.uuid(number))


def with_filter(number: int, host: str = "east", **facts: Any) -> Ref:
    """A network filter of a host as the hub would have written it."""
    writer = Writer(host, "stage")
    writer.open()
    writer.apply([plain.filter_(number, **facts), plain.link("up")])
    return refs.filter_(host, plain.uuid(number))


class TestHost:
    """A worker over `test:///`, with as many guests as asked for, all running at first."""

    __test__ = False

    def __init__(self, folder: Path, run: Path, guests: int) -> None:
        self.key = "east"
        self.file = folder / "node.xml"
        bodies = [DOMAIN.format(name=f"guest{n}", uuid=plain.uuid(n)) for n in range(1, guests + 1)]
        self.file.write_text(f"<node>{''.join(bodies)}</node>")
        self.uri = f"test://{self.file}"
        self.run = run
        worker_end, self._our_end = os.pipe()
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "kvmweb.hostworker", "--host", self.key),
                *("--uri", self.uri, "--socket", str(run / f"{self.key}.sock")),
                *("--log-level", "error", "--parent-fd", str(worker_end)),
            ],
            cwd=REPOSITORY,
            pass_fds=(worker_end,),
        )
        os.close(worker_end)

    def ref(self, number: int) -> Ref:
        return refs.guest(self.key, plain.uuid(number))

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                client.call(self.key, "host.ping", deadline_s=1.0)
            except HostDown:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the worker did not answer")

    def sync(self) -> None:
        """Bring the mirror to what the host says now."""
        Host.objects.get_or_create(key=self.key, defaults={"name": "East", "uri": self.uri})
        writer = Writer(self.key, "stage")
        writer.open()
        writer.apply(asyncio.run(self._frames()))

    def becomes(self, number: int, state: GuestState) -> bool:
        """Whether the worker says so within a moment: it reads a guest after the act on it."""
        return self.reads(number, state=state)

    def reads(self, number: int, **facts: Any) -> bool:
        """Whether these are in what the worker says of the guest, within a moment."""
        deadline = time.monotonic() + 5
        while not facts.items() <= self.record(number).items():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def state(self, number: int) -> GuestState | None:
        """What the worker last read; None before it has read the guest at all."""
        found = self.record(number).get("state")
        return GuestState(found) if found else None

    def record(self, number: int) -> dict[str, Any]:
        """What the worker last read; empty before it has read the guest at all."""
        frames = asyncio.run(self._frames())
        records = [frame["record"] for frame in frames if frame["type"] == "guest"]
        return next((it for it in records if it["uuid"] == plain.uuid(number)), {})

    async def _frames(self) -> list[dict[str, Any]]:
        frames: list[dict[str, Any]] = []
        missing = {"guest", "pool", "network", "volume"}
        async for frame in subscription.listen(self.key):
            frames.append(frame)
            if frame["type"] == "listed":
                missing.discard(frame["kind"])
            if not missing:
                break
        return frames

    def stop(self) -> None:
        """Twice is once."""
        if self._our_end >= 0:
            os.close(self._our_end)
            self._our_end = -1
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def test_host(run_folder: Path, tmp_path: Path) -> Iterator[TestHost]:
    host = TestHost(tmp_path, run_folder, guests=6)
    try:
        host.wait()
        yield host
    finally:
        host.stop()
