"""Devices of a host: which there are, what uses each, and who is told."""

from __future__ import annotations

from typing import Any

import pytest

from kvmweb.core import refs, wire
from kvmweb.core.devices import DeviceKind, DeviceRecord, DevicesRecord
from kvmweb.core.errors import NotFound
from kvmweb.core.records import DiskRecord, InterfaceRecord
from kvmweb.hub.mirror import Writer
from kvmweb.services import devices
from kvmweb.ui import devices as face
from tests.hub import plain
from tests.services.stage import mirrored, person

pytestmark = pytest.mark.django_db
REF = refs.host("east")


def device(name: str, kind: DeviceKind, address: str, **facts: Any) -> DeviceRecord:
    keys = facts.pop("keys", (f"{'block' if kind == 'disk' else kind}:{address}",))
    found = {"parent": "computer", "vendor": "", "product": "", **facts}
    return DeviceRecord(name, kind, found.pop("parent"), found.pop("vendor"),
                        found.pop("product"), address, keys=keys, **found)  # fmt: skip


def told(*found: DeviceRecord) -> None:
    record = wire.to_plain(DevicesRecord(found))
    writer = Writer("east", "stage")
    writer.open()
    writer.apply([{"type": "part", "part": "devices", "record": record, "at": 1.0}])


def users(search: str = "", name: str = "ada") -> dict[str, list[str]]:
    rows = devices.list_(person(name, "viewer"), REF, search=search)
    return {row.record.name: [user.name for user in row.users] for row in rows}


def test_what_uses_a_device_is_found_by_each_of_its_names() -> None:
    mirrored(1, host_devices=("pci:0000:03:00.0", "usb-id:046d:c52b"))
    mirrored(2, disks=(DiskRecord("vda", "virtio", "disk", "/dev/disk/by-id/x", "raw"),))
    mirrored(3, interfaces=(InterfaceRecord("52:54:00:00:00:03", "direct", "eth0", "virtio"),))
    told(
        device("pci", DeviceKind.PCI, "0000:03:00.0"),
        device("usb", DeviceKind.USB, "1:5", keys=("usb:1:5", "usb-id:046d:c52b")),
        device("sdb", DeviceKind.DISK, "/dev/sdb", keys=("block:/dev/sdb",
                                                         "block:/dev/disk/by-id/x")),
        device("eth0", DeviceKind.NET, "eth0"),
        device("free", DeviceKind.NET, "eth1"),
    )  # fmt: skip
    assert users() == {
        "pci": ["guest1"], "usb": ["guest1"], "sdb": ["guest2"], "eth0": ["guest3"], "free": [],
    }  # fmt: skip


def test_a_network_uses_its_bridge_and_a_card_carries_what_the_host_reaches() -> None:
    mirrored(1)
    writer = Writer("east", "stage")
    writer.open()
    writer.apply([plain.network(4)])
    told(
        device("pci_nic", DeviceKind.PCI, "0000:00:03.0"),
        device("net", DeviceKind.NET, "eth0", parent="pci_nic"),
        device("bridge", DeviceKind.NET, "virbr0"),
    )
    assert users()["bridge"] == ["default"]
    row = devices.list_(person("bob", "viewer"), REF, search="pci_nic")[0]
    assert row.carries == ("eth0",)


def test_a_guest_that_the_reader_may_not_see_has_no_name() -> None:
    from kvmweb.store.models import CustomRole

    mirrored(1, host_devices=("pci:0000:03:00.0",))
    told(device("pci", DeviceKind.PCI, "0000:03:00.0"))
    CustomRole.objects.create(key="hosts-only", label="x", verbs=["host.view"])
    row = devices.list_(person("eve", "hosts-only"), REF)[0]
    assert [(user.ref, user.name) for user in row.users] == [(None, "")]


def test_search_and_kind_narrow_the_list() -> None:
    mirrored(1)
    told(
        device("a", DeviceKind.PCI, "0000:03:00.0", vendor="Intel Corporation", ids="8086:10fb"),
        device("b", DeviceKind.NET, "eth0", mac="52:54:00:aa:bb:cc"),
    )
    assert list(users("intel")) == ["a"]
    assert list(users("8086:10", "bob")) == ["a"]
    assert list(users("AA:BB", "eve")) == ["b"]
    actor = person("zoe", "viewer")
    assert [row.record.name for row in devices.list_(actor, REF, kind="net")] == ["b"]
    assert devices.counts(actor, REF) == {DeviceKind.PCI: 1, DeviceKind.NET: 1}
    assert [choice.number for choice in face.choices(devices.counts(actor, REF))] == [2, 1, 1]


def test_a_host_that_has_told_nothing_yet_is_empty_and_one_of_others_is_not_there() -> None:
    mirrored(1)
    assert devices.list_(person("ada", "viewer"), REF) == []
    assert devices.read_at(person("bob", "viewer"), REF) is None
    with pytest.raises(NotFound):
        devices.list_(person("eve", "viewer", "host:west"), REF)


@pytest.mark.parametrize(
    ("facts", "name", "sort"),
    [
        ({"vendor": "Intel", "product": "82576", "class_code": "020000"}, "Intel 82576", "network"),
        ({"ids": "8086:0d57", "class_code": "060000"}, "8086:0d57", "bridge"),
        ({"class_code": "ffff00"}, "0000:03:00.0", "PCI"),
    ],
)
def test_a_pci_device_is_named_as_well_as_it_can_be(
    facts: dict[str, str], name: str, sort: str
) -> None:
    mirrored(1)
    told(device("a", DeviceKind.PCI, "0000:03:00.0", **facts))
    shown = face.shown(devices.list_(person("ada", "viewer"), REF)[0])
    assert shown.name == name
    assert sort in str(shown.sort)
