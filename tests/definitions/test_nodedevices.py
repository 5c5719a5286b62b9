"""Devices of a host, and what guests call the same devices."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmweb.core.devices import DeviceKind
from kvmweb.definitions import guests, nodedevices

DATA = Path(__file__).parent.parent / "data" / "xml"


def device(name: str):
    found = nodedevices.parse((DATA / f"nodedev-{name}.xml").read_text())
    assert found is not None
    return found


def guest(devices: str) -> tuple[str, ...]:
    return guests.parse(f"<domain><devices>{devices}</devices></domain>").host_devices


def test_a_virtual_function_with_its_group_and_what_it_can_be_split_into() -> None:
    found = device("pci")
    assert (found.kind, found.address) == (DeviceKind.PCI, "0000:02:10.7")
    assert (found.vendor, found.product) == ("Intel Corporation", "82576 Virtual Function")
    assert (found.ids, found.class_code, found.driver) == ("8086:10ca", "020000", "igbvf")
    assert (found.group, found.parent) == ("12", "pci_0000_00_04_0")
    assert found.mediated == ("GRID M60-0B",)


def test_a_disk_is_known_by_every_one_of_its_paths() -> None:
    found = device("disk")
    assert (found.kind, found.size) == (DeviceKind.DISK, 1000204886016)
    assert found.keys == ("block:/dev/sdb", "block:/dev/disk/by-id/ata-WDC_WD10")
    assert (found.product, found.is_removable) == ("WDC_WD10", False)


def test_a_network_card_tells_its_link() -> None:
    found = nodedevices.parse(
        """<device><name>net_eth0</name><parent>pci_0</parent><capability type='net'>
        <interface>eth0</interface><address>02:fc:00:00:00:01</address>
        <link speed='10000' state='up'/></capability></device>"""
    )
    assert found is not None
    assert (found.address, found.mac, found.link, found.speed) == (
        "eth0", "02:fc:00:00:00:01", "up", 10000,
    )  # fmt: skip


def test_a_speed_that_the_kernel_does_not_know_is_none() -> None:
    found = nodedevices.parse(
        """<device><name>n</name><capability type='net'><interface>eth0</interface>
        <link speed='4294967295' state='up'/></capability></device>"""
    )
    assert found is not None
    assert found.speed is None


def test_a_removable_drive_says_so() -> None:
    found = nodedevices.parse(
        """<device><name>block_sr0</name><capability type='storage'><block>/dev/sr0</block>
        <capability type='removable'><media_size>1024</media_size></capability></capability>
        </device>"""
    )
    assert found is not None
    assert (found.is_removable, found.size) == (True, 1024)


@pytest.mark.parametrize("kind", ["system", "scsi_host", "usb", "something-new"])
def test_what_nobody_looks_for_is_left_out(kind: str) -> None:
    xml = f"<device><name>x</name><capability type='{kind}'/></device>"
    assert nodedevices.parse(xml) is None


@pytest.mark.parametrize(
    ("name", "used"),
    [
        (
            "pci",
            "<hostdev mode='subsystem' type='pci'><source>"
            "<address domain='0x0000' bus='0x02' slot='0x10' function='0x7'/></source></hostdev>",
        ),
        (
            "pci",
            "<interface type='hostdev'><mac address='52:54:00:00:00:01'/><source>"
            "<address type='pci' domain='0x0000' bus='0x02' slot='0x10' function='0x7'/>"
            "</source></interface>",
        ),
        (
            "usb",
            "<hostdev type='usb'><source><vendor id='0x046d'/><product id='0xc52b'/></source>"
            "</hostdev>",
        ),
        ("usb", "<hostdev type='usb'><source><address bus='1' device='5'/></source></hostdev>"),
        (
            "mdev",
            "<hostdev type='mdev'><source>"
            "<address uuid='4b20d080-1b54-4048-85b3-a6a62d165c01'/></source></hostdev>",
        ),
        (
            "disk",
            "<hostdev mode='capabilities' type='storage'><source><block>/dev/sdb</block></source>"
            "</hostdev>",
        ),
    ],
)
def test_a_guest_calls_it_as_the_host_does(name: str, used: str) -> None:
    assert set(guest(used)) & set(device(name).keys)


def test_a_scsi_device_of_a_guest_is_named_by_its_place() -> None:
    used = guest(
        "<hostdev type='scsi'><source><adapter name='scsi_host2'/>"
        "<address bus='0' target='1' unit='3'/></source></hostdev>"
    )
    assert used == ("scsi:2:0:1:3",)


def test_a_scsi_device_says_of_which_sort_it_is_and_a_card_only_that_one_can_draw_with_it() -> None:
    tape = nodedevices.parse(
        """<device><name>scsi_2_0_1_3</name><capability type='scsi'><host>2</host><bus>0</bus>
        <target>1</target><lun>3</lun><type>tape</type></capability></device>"""
    )
    assert tape is not None
    assert (tape.kind, tape.product, tape.keys) == (DeviceKind.SCSI, "tape", ("scsi:2:0:1:3",))
    drm = (
        "<device><name>drm_{0}</name><devnode type='dev'>/dev/dri/{0}</devnode>"
        "<devnode type='link'>/dev/dri/by-path/x</devnode>"
        "<capability type='drm'><type>{1}</type></capability></device>"
    )
    card = nodedevices.parse(drm.format("renderD128", "render"))
    assert card is not None
    assert (card.kind, card.address) == (DeviceKind.RENDER, "/dev/dri/renderD128")
    assert nodedevices.parse(drm.format("card0", "primary")) is None


def test_a_guest_without_devices_of_the_host_has_none() -> None:
    assert guest("<interface type='network'><source network='default'/></interface>") == ()
