"""Hosts come, change and go; workers die and freeze; the hub begins anew."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from kvmweb.hostlink import client
from kvmweb.inventory.models import Guest, HostMirror, Pool, Revision
from kvmweb.store.models import AuditEntry, Host
from tests.hub.conftest import HubUnderTest

URI = "test:///default"


def guest() -> Guest:
    return Guest.objects.get(host="east", name="test")


def is_state(state: str) -> Any:
    return lambda: HostMirror.objects.filter(host="east", state=state).exists()


def is_ended(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


async def test_an_added_host_is_in_the_mirror_with_all_it_has(hub: HubUnderTest) -> None:
    await hub.start()
    await hub.add("east", URI)
    await hub.up("east")
    await hub.until(lambda: Pool.objects.filter(host="east").exists())
    assert (await hub.look(guest)).state == "running"
    await hub.until(lambda: HostMirror.objects.get().record.get("driver") == "TEST")


async def test_an_act_comes_back_as_a_row_and_a_notice(hub: HubUnderTest) -> None:
    await hub.add("east", URI)
    await hub.start()
    await hub.up("east")
    await hub.listen()
    row = await hub.look(guest)
    await asyncio.to_thread(client.call, "east", "guest.suspend", uuid=row.uuid)
    await hub.until(lambda: guest().state == "paused")
    changed = await hub.look(guest)
    await asyncio.sleep(0.1)
    assert {"type": "notice", "topic": "guests", "ref": str(row.ref), "rev": changed.rev} in [
        message for _, message in hub.heard
    ]


async def test_a_killed_worker_is_started_again_and_the_mirror_is_told(hub: HubUnderTest) -> None:
    await hub.add("east", URI)
    await hub.start()
    await hub.up("east")
    await hub.listen()
    killed = hub.worker_pid("east")
    os.kill(killed, signal.SIGKILL)
    assert await hub.until(is_state("connecting")) < 1.0
    took = await hub.until(is_state("up"), 5)
    print(f"worker killed -9: up again after {took:.1f} s")
    assert hub.worker_pid("east") not in (0, killed)
    assert [m["ref"] for _, m in hub.heard if m["topic"] == "hosts"][:1] == ["host:east"]
    assert not (await hub.look(guest)).is_gone


async def test_a_frozen_worker_is_killed_and_its_host_is_silent(hub: HubUnderTest) -> None:
    await hub.add("east", URI)
    await hub.add("west", URI)
    await hub.start()
    await hub.up("east")
    await hub.up("west")
    frozen, other = hub.worker_pid("east"), hub.worker_pid("west")
    os.kill(frozen, signal.SIGSTOP)
    assert await hub.until(is_state("silent"), 15) < 15
    await hub.until(is_state("up"), 10)
    assert is_ended(frozen)
    assert hub.worker_pid("west") == other, "other hosts are not touched"


async def test_a_new_hub_goes_on_where_the_last_one_stopped(hub: HubUnderTest) -> None:
    await hub.add("east", URI)
    await hub.start()
    await hub.up("east")
    first, rev = hub.worker_pid("east"), await hub.look(Revision.current)
    await hub.stop()
    assert is_ended(first), "a hub ends its workers"
    await hub.look(lambda: Guest.objects.update(name="forged", digest="forged"))
    await hub.start()
    await hub.until(lambda: Guest.objects.get().name == "test")
    assert await hub.look(Revision.current) > rev


async def test_a_second_hub_of_the_same_folder_waits_its_turn(hub: HubUnderTest) -> None:
    await hub.add("east", URI)
    await hub.start()
    await hub.up("east")
    second = HubUnderTest()
    await second.start()
    try:
        await asyncio.sleep(1.5)
        assert second.worker_pid("east") == 0
        await hub.stop()
        await second.until(lambda: second.worker_pid("east"), 5)
        await second.until(is_state("up"), 5)
    finally:
        await second.close()


async def test_a_disabled_host_loses_its_worker_and_keeps_its_rows(hub: HubUnderTest) -> None:
    await hub.add("east", URI)
    await hub.start()
    await hub.up("east")
    pid = hub.worker_pid("east")
    await hub.look(lambda: Host.objects.update(is_enabled=False))
    await hub.until(lambda: is_ended(pid))
    await hub.until(is_state("down"))
    assert not (await hub.look(guest)).is_gone


async def test_a_removed_host_takes_its_rows_along(hub: HubUnderTest) -> None:
    await hub.add("east", URI)
    await hub.start()
    await hub.up("east")
    await hub.look(lambda: Host.objects.all().delete())
    await hub.until(lambda: Guest.objects.get().is_gone)
    await hub.until(lambda: not HostMirror.objects.exists())
    await asyncio.sleep(0.5)
    assert not await hub.look(HostMirror.objects.exists)


async def test_a_host_with_another_address_is_connected_anew(hub: HubUnderTest) -> None:
    await hub.add("east", "test:///nothing-here")
    await hub.start()
    await hub.until(is_state("down"))
    assert await hub.look(lambda: HostMirror.objects.get().reason)
    await hub.look(lambda: Host.objects.update(uri=URI))
    await hub.up("east")


async def test_this_machine_is_found_once_and_never_again(hub: HubUnderTest, settings: Any) -> None:
    settings.KVMWEB_LOCAL_URI = URI
    await hub.start()
    await hub.until(lambda: Host.objects.filter(key="local", uri=URI).exists())
    await hub.until(lambda: HostMirror.objects.filter(host="local", state="up").exists())
    assert await hub.look(lambda: AuditEntry.objects.get().verb) == "host.add"
    await hub.look(lambda: Host.objects.all().delete())
    await hub.stop()
    await hub.start()
    await asyncio.sleep(2)
    assert not await hub.look(Host.objects.exists)


async def test_no_host_is_added_where_no_libvirt_answers(hub: HubUnderTest, settings: Any) -> None:
    settings.KVMWEB_LOCAL_URI = "test:///nothing-here"
    await hub.start()
    await asyncio.sleep(2)
    assert not await hub.look(Host.objects.exists)
