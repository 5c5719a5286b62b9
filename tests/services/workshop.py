"""A real worker over the lab's libvirt, and a mirror that the test brings up to date."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from kvmweb.core import refs, wire
from kvmweb.core.errors import HostDown
from kvmweb.core.records import GuestRecord
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client, subscription
from kvmweb.hub.mirror import Writer
from kvmweb.inventory import models as mirror
from kvmweb.store.models import Host
from tests.lab.host import LabHost

REPOSITORY = Path(__file__).resolve().parents[2]
KEY = "east"
IMAGES = "/var/lib/libvirt/images"


class Workshop:
    """Host `east` is the lab, empty before and after. pool, network: the UUIDs of `default`.

    uri: how it is reached where not by its own socket.
    """

    def __init__(self, lab: LabHost, uri: str = "") -> None:
        self.lab = lab
        self.uri = uri or lab.uri
        self.folder = lab.folder / "lib/images"
        self.pool = lab.virsh("pool-uuid", "default")
        self.network = lab.virsh("net-uuid", "default")
        self._process: subprocess.Popen[bytes] | None = None
        self._our_end = -1
        self._pools: list[str] = []

    def __enter__(self) -> Workshop:
        self.lab.clear()
        self.start()
        self.sync()
        return self

    def start(self) -> None:
        """A worker of the host; the one before, if any, must be gone."""
        socket = settings.KVMWEB_RUN_DIR / f"{KEY}.sock"
        command = [sys.executable, "-m", "kvmweb.hostworker", "--host", KEY, "--uri", self.uri]
        worker_end, self._our_end = os.pipe()
        command += ["--socket", str(socket), "--log-level", "error", "--parent-fd", str(worker_end)]
        self._process = subprocess.Popen(command, cwd=REPOSITORY, pass_fds=(worker_end,))
        os.close(worker_end)
        wait_for(self._answers, "the worker did not answer")

    def kill(self) -> None:
        """The host's worker is gone, as if the host were lost."""
        assert self._process
        if self._our_end >= 0:
            os.close(self._our_end)
            self._our_end = -1
        self._process.kill()
        self._process.wait(10)

    def __exit__(self, *_: object) -> None:
        self.kill()
        for pool in self._pools:
            self.lab.virsh("pool-destroy", pool, check=False)
            self.lab.virsh("pool-undefine", pool, check=False)
            self.lab.inside("umount", f"{IMAGES}/{pool}", check=False)
        self.lab.clear()

    def _answers(self) -> bool:
        try:
            client.call(KEY, "host.ping", deadline_s=1.0)
        except HostDown:
            return False
        return True

    def sync(self) -> None:
        """Bring the mirror to what the worker knows now."""
        Host.objects.get_or_create(key=KEY, defaults={"name": "East", "uri": self.uri})
        writer = Writer(KEY, "workshop")
        writer.open()
        writer.apply(asyncio.run(self._frames()))

    async def _frames(self) -> list[dict[str, Any]]:
        frames: list[dict[str, Any]] = []
        missing = {"guest", "pool", "network", "volume", "interface", "nwfilter"}
        async for frame in subscription.listen(KEY):
            frames.append(frame)
            if frame["type"] == "listed":
                missing.discard(frame["kind"])
            if not missing:
                break
        return frames

    def see(self, is_so: Callable[[], bool], timeout_s: float = 60) -> None:
        """Bring the mirror up to date until it says so."""

        def look() -> bool:
            self.sync()
            return is_so()

        wait_for(look, "the mirror does not say so", timeout_s)

    def define(self, name: str, **options: Any) -> Ref:
        """A guest of the lab, when the mirror has it."""
        uuid = self.lab.define_guest(name, **options)
        self.see_guest(name)
        return refs.guest(KEY, uuid)

    def see_guest(self, name: str) -> None:
        """Until the mirror has it."""
        self.see(lambda: mirror.Guest.objects.filter(name=name, is_gone=False).exists())

    def see_volume(self, name: str) -> None:
        """Have the pools looked at, until the mirror has it."""
        client.call(KEY, "pool.refresh", uuid=self.pool)
        self.see(lambda: mirror.Volume.objects.filter(name=name, is_gone=False).exists())

    def record(self, ref: Ref) -> GuestRecord:
        """What the worker says of this guest."""
        rows = mirror.Guest.objects.filter(uuid=ref.id, is_gone=False)
        self.see(rows.exists)
        plain = rows.values_list("record", flat=True).get()
        return wire.from_plain(GuestRecord, {**plain, "xml": ""})

    def volumes(self, pool: str = "default") -> list[str]:
        """Their names, as libvirt says."""
        self.lab.virsh("pool-refresh", pool)
        lines = self.lab.virsh("vol-list", pool).splitlines()
        return [line.split()[0] for line in lines if line.strip()]

    def disk(self, name: str, *, size: str = "8M", backing: str = "", is_seen: bool = True) -> None:
        """An image in the pool."""
        command = ["qemu-img", "create", "-q", "-f", "qcow2"]
        command += ["-u", "-F", "raw", "-b", backing] if backing else []
        subprocess.run([*command, self.folder / name, size], check=True)
        if is_seen:
            self.see_volume(name)

    def small_pool(self, size: str = "2m") -> str:
        """A pool of its own file system, nearly nothing in it; its UUID."""
        name = f"small{os.getpid()}"
        self._pools.append(name)
        self.lab.inside("mkdir", f"{IMAGES}/{name}")
        self.lab.inside("mount", "-t", "tmpfs", "-o", f"size={size}", name, f"{IMAGES}/{name}")
        self.lab.virsh("pool-define-as", name, "dir", "--target", f"{IMAGES}/{name}")
        self.lab.virsh("pool-start", name)
        rows = mirror.Pool.objects.filter(name=name, record__is_active=True)
        self.see(rows.exists)
        return self.lab.virsh("pool-uuid", name)

    def pool_name(self, uuid: str) -> str:
        """libvirt's name of it."""
        return self.lab.virsh("pool-name", uuid)

    def fill(self, name: str) -> None:
        """Leave no room in it."""
        path = f"{IMAGES}/{name}/full"
        self.lab.inside("dd", "if=/dev/zero", f"of={path}", "bs=64k", check=False)


def wait_for(is_so: Callable[[], bool], otherwise: str, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(otherwise)
        time.sleep(0.05)
