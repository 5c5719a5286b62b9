"""One thing of a device is changed, and nothing else of the definition is."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmweb.core import errors
from kvmweb.core.cards import CardChange
from kvmweb.core.disk_edits import DiskChange, DiskLimits
from kvmweb.core.networks import Flow
from kvmweb.core.records import PendingChange
from kvmweb.definitions import (
    boot_order,
    cards,
    differences,
    disk_limits,
    disk_sources,
    disks,
    elements,
    guests,
    pending,
)

DATA = Path(__file__).parent.parent / "data" / "xml"
ALL = ("guest-inactive", "guest-running", "guest-uefi", "new-custom", "new-linux", "new-windows")


def read(name: str) -> str:
    return (DATA / f"{name}.xml").read_text()


def lines(xml: str) -> list[str]:
    """Every element with its attributes and text."""
    root = elements.parse(xml)
    return [
        f"{it.tag} {sorted(it.attrib.items())} {(it.text or '').strip()}"
        for it in root.iter()
        if isinstance(it.tag, str)
    ]


def diff(before: str, after: str) -> tuple[list[str], list[str]]:
    """What went, and what came."""
    old, new = lines(before), lines(after)
    gone, come = [*old], [*new]
    for line in new:
        if line in gone:
            gone.remove(line)
    for line in old:
        if line in come:
            come.remove(line)
    return gone, come


@pytest.mark.parametrize("name", ALL)
def test_an_edit_that_changes_nothing_leaves_every_element(name: str) -> None:
    before = read(name)
    found = guests.parse(before)
    for disk in found.disks:
        same = DiskChange(disk.cache, disk.discard, disk.is_readonly, disk.is_shareable, disk.bus)
        assert diff(before, disks.edit(before, disk.target, same)) == ([], [])
    for card in (it for it in found.interfaces if it.mac):
        same_card = CardChange(
            card.type, card.source, card.model, card.mac, card.is_link_up, card.mtu,
            (*card.vlans, 0)[0], card.inbound, card.outbound, card.port_group, card.mode,
        )  # fmt: skip
        assert diff(before, cards.edit(before, card.mac, same_card)) == ([], [])
    assert boot_order.edit(before, found.boot) == before


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "change",
    [
        DiskChange(cache="directsync"),
        DiskChange(discard="ignore"),
        DiskChange(is_shareable=True),
        DiskChange(io="threads"),
        DiskChange(detect_zeroes="unmap"),
        DiskChange(serial="S1"),
    ],
)
def test_one_edited_field_of_a_disk_changes_nothing_else(name: str, change: DiskChange) -> None:
    before = read(name)
    for disk in guests.parse(before).disks:
        gone, come = diff(before, disks.edit(before, disk.target, change))
        assert len(gone) <= 1
        assert len(come) <= 1
        assert {line.split()[0] for line in [*gone, *come]} <= {"driver", "shareable", "serial"}


def test_a_disk_on_another_bus_gets_another_name_and_no_address() -> None:
    before = read("guest-inactive")
    target = guests.parse(before).disks[0].target
    after = guests.parse(disks.edit(before, target, DiskChange(bus="scsi")))
    assert (after.disks[0].target, after.disks[0].bus) == ("sda", "scsi")
    assert "virtio-scsi" in disks.edit(before, target, DiskChange(bus="scsi"))
    assert len(after.disks) == len(guests.parse(before).disks)


def test_a_stick_loses_what_only_usb_has_on_another_bus() -> None:
    before = read("guest-inactive")
    target = guests.parse(before).disks[0].target
    stick = disks.edit(before, target, DiskChange(bus="usb", is_removable=True, serial="A-1"))
    disk = guests.parse(stick).disks[0]
    assert (disk.target, disk.is_removable, disk.serial) == ("sda", True, "A-1")
    back = guests.parse(disks.edit(stick, "sda", DiskChange(bus="virtio", serial=""))).disks[0]
    assert (back.target, back.is_removable, back.serial) == ("vda", False, "")


def test_limits_leave_bursts_and_groups_alone() -> None:
    tune = (
        "<iotune><read_bytes_sec>5</read_bytes_sec><read_bytes_sec_max>9</read_bytes_sec_max>"
        "<group_name>all</group_name></iotune>"
    )
    full = "<domain><devices><disk><target dev='vda'/>{}</disk></devices></domain>"
    before = full.format(tune)
    assert guests.parse(before).disks[0].limits == ("read_bytes:5",)
    after = disk_limits.edit(before, "vda", DiskLimits(write_iops=7))
    assert guests.parse(after).disks[0].limits == ("write_iops:7",)
    assert "<read_bytes_sec_max>9<" in after
    assert "<group_name>all<" in after
    known = DiskLimits.of(guests.parse(before).disks[0].limits)
    assert disk_limits.edit(before, "vda", known) == before
    bare = disk_limits.edit(full.format(""), "vda", DiskLimits(total_bytes=1))
    assert "iotune" not in disk_limits.edit(bare, "vda", DiskLimits())


def test_a_disk_is_pointed_elsewhere_and_keeps_all_else() -> None:
    before = read("guest-inactive")
    disk = guests.parse(before).disks[0]
    after = disk_sources.point(before, disk.target, ("block", "/dev/vg/new", "raw"))
    gone, come = diff(before, after)
    assert {line.split()[0] for line in [*gone, *come]} == {"disk", "driver", "source"}
    assert disk_sources.source(after, disk.target) == "/dev/vg/new"
    elsewhere = ("file", "/images/x", "qcow2")
    assert disk_sources.follow(before, disk.target, "/not/it", elsewhere) == before
    assert disk_sources.follow(before, "vdz", disk.source, elsewhere) == before
    assert "/images/x" in disk_sources.follow(before, disk.target, disk.source, elsewhere)


def test_a_card_moves_and_keeps_its_filter_model_and_address() -> None:
    before = (
        "<domain><devices><interface type='network'><mac address='52:54:00:00:00:0a'/>"
        "<source network='default' portgroup='a' portid='x' bridge='virbr0'/>"
        "<virtualport type='openvswitch'/><bandwidth><inbound average='100'/></bandwidth>"
        "<model type='virtio'/><filterref filter='clean-traffic'/>"
        "<address type='pci' slot='0x01'/></interface></devices></domain>"
    )
    moved = CardChange("network", "lab", is_link_up=False)
    card = guests.parse(cards.edit(before, "52:54:00:00:00:0A", moved)).interfaces[0]
    assert (card.source, card.filter, card.model) == ("lab", "clean-traffic", "virtio")
    assert (card.port, card.bridge, card.port_group, card.is_link_up) == ("", "", "", False)
    gone, come = diff(before, cards.edit(before, card.mac, CardChange(model="e1000e")))
    assert (gone, come) == (
        ["model [('type', 'virtio')] "], ["model [('type', 'e1000e')] "]
    )  # fmt: skip
    bridged = cards.edit(before, card.mac, CardChange("bridge", "br0"))
    assert guests.parse(bridged).interfaces[0].type == "bridge"


def test_a_card_gets_limits_and_loses_them_again() -> None:
    before = (
        "<domain><devices><interface type='network'><mac address='52:54:00:00:00:0a'/>"
        "<source network='default'/></interface></devices></domain>"
    )
    mac, fast = "52:54:00:00:00:0a", Flow(1000, 2000, 512)
    limited = cards.edit(before, mac, CardChange(mtu=1400, vlan=7, inbound=fast))
    card = guests.parse(limited).interfaces[0]
    assert (card.mtu, card.vlans, card.inbound, card.outbound) == (1400, (7,), fast, Flow())
    assert cards.limits(limited, mac) == (fast, Flow())
    other = cards.edit(limited, mac, CardChange(outbound=Flow(5)))
    assert cards.limits(other, mac) == (fast, Flow(5))
    none = CardChange(mtu=0, vlan=0, inbound=Flow(), outbound=Flow())
    assert diff(before, cards.edit(other, mac, none)) == ([], [])
    assert "1400" not in cards.changed(before, mac, CardChange(mtu=1400, inbound=fast))


def test_a_trunk_of_vlans_stays_one() -> None:
    before = (
        "<domain><devices><interface type='network'><mac address='52:54:00:00:00:0a'/>"
        "<source network='sw'/><vlan trunk='yes'><tag id='7'/><tag id='8'/></vlan>"
        "</interface></devices></domain>"
    )
    assert diff(before, cards.edit(before, "52:54:00:00:00:0a", CardChange(vlan=7))) == ([], [])


def test_a_card_moves_to_a_device_and_to_a_port_group() -> None:
    before = (
        "<domain><devices><interface type='network'><mac address='52:54:00:00:00:0a'/>"
        "<source network='default'/></interface></devices></domain>"
    )
    mac = "52:54:00:00:00:0a"
    direct = cards.edit(before, mac, CardChange("direct", "eth1", mode="vepa"))
    card = guests.parse(direct).interfaces[0]
    assert (card.type, card.source, card.mode) == ("direct", "eth1", "vepa")
    grouped = cards.edit(direct, mac, CardChange("network", "sw", port_group="dev"))
    card = guests.parse(grouped).interfaces[0]
    assert (card.source, card.port_group, card.mode) == ("sw", "dev", "")
    assert (
        guests.parse(cards.edit(grouped, mac, CardChange("network", "sw"))).interfaces[0].port_group
        == ""
    )


def test_a_running_card_takes_no_other_model_or_address() -> None:
    before = read("guest-running")
    mac = guests.parse(before).interfaces[0].mac
    change = CardChange(model="e1000", mac="52:54:00:ff:ff:ff")
    assert cards.changed(before, mac, change) == cards.device(before, mac)


def test_the_boot_order_is_by_device_and_never_both_ways() -> None:
    before = (
        "<domain><os><type>hvm</type><boot dev='network'/><boot dev='hd'/></os><devices>"
        "<disk device='cdrom'><target dev='sda'/></disk><disk><target dev='vda'/></disk>"
        "<interface><mac address='52:54:00:00:00:0A'/></interface></devices></domain>"
    )
    assert guests.parse(before).boot == ("network:52:54:00:00:00:0a", "disk:vda")
    after = boot_order.edit(before, ["disk:sda", "disk:vda"])
    assert guests.parse(after).boot == ("disk:sda", "disk:vda")
    assert "<boot dev" not in after
    with pytest.raises(errors.NotFound):
        boot_order.edit(before, ["disk:vdz"])


def test_a_device_without_a_place_in_the_dialog_keeps_its_own() -> None:
    before = (
        "<domain><devices><redirdev bus='usb'><boot order='3'/></redirdev>"
        "<hostdev type='pci'><boot order='1'/></hostdev><hostdev type='usb'/>"
        "<disk><target dev='vda'/><boot order='2' loadparm='5'/></disk>"
        "<disk><target dev='vdb'/><boot order='4'/></disk></devices></domain>"
    )
    after = boot_order.edit(before, ["disk:vda"]).replace('"', "'")
    assert "<disk><target dev='vda'/><boot order='1' loadparm='5'/></disk>" in after
    assert "<hostdev type='pci'><boot order='2'/></hostdev><hostdev type='usb'/>" in after
    assert "<redirdev bus='usb'><boot order='3'/></redirdev>" in after
    assert "<disk><target dev='vdb'/></disk>" in after


def test_a_medium_is_always_read_as_raw() -> None:
    drive = (
        "<domain><devices><disk type='file' device='cdrom'><driver name='qemu' type='qcow2'/>"
        "<source file='/a.qcow2'/><target dev='sda' bus='sata'/><readonly/></disk>"
        "<disk><target dev='vda'/></disk></devices></domain>"
    )
    full = disks.with_medium(drive, "sda", ("block", "/dev/x", ""))
    assert "type='raw'" in full.replace('"', "'")
    assert "/dev/x" in full
    assert "<source" not in disks.with_medium(drive, "sda", None)
    with pytest.raises(errors.Invalid):
        disks.with_medium(drive, "vda", None)


def test_what_waits_is_told_field_by_field() -> None:
    live, stored = read("guest-running"), read("guest-inactive")
    assert differences.of(live, stored) == ()
    target = guests.parse(stored).disks[0].target
    mac = guests.parse(stored).interfaces[0].mac
    was = guests.parse(stored).disks[0].cache
    edited = disks.edit(stored, target, DiskChange(cache="unsafe"))
    edited = cards.edit(edited, mac, CardChange(model="e1000e"))
    edited = edited.replace("<on_reboot>restart", "<on_reboot>destroy").replace("<apic/>", "")
    assert differences.of(live, edited) == (
        PendingChange("guest", "", "on_reboot", "restart", "destroy"),
        PendingChange("disk", target, "cache", was, "unsafe"),
        PendingChange("interface", mac, "model", "virtio", "e1000e"),
        PendingChange("definition", "features", "other"),
    )


def test_another_boot_order_is_one_thing_that_waits() -> None:
    live, stored = read("guest-running"), read("guest-inactive")
    mac = guests.parse(stored).interfaces[0].mac
    edited = boot_order.edit(stored, [f"network:{mac}", "disk:vda"])
    then = f"network:{mac} disk:vda"
    assert differences.of(live, edited) == (
        PendingChange("guest", "", "boot", "disk:vda", then),
    )  # fmt: skip


def test_a_device_that_leaves_the_boot_order_waits() -> None:
    stored = read("guest-inactive")
    mac = guests.parse(stored).interfaces[0].mac
    live = boot_order.edit(read("guest-running"), ["disk:vda", f"network:{mac}"])
    assert guests.parse(stored).boot == ("disk:vda",)
    edited = boot_order.edit(live, ["disk:vda"])
    assert pending.has_pending_changes(live, edited)
    assert [it.field for it in differences.of(live, edited)] == ["boot"]


def test_a_device_that_comes_or_goes_is_told() -> None:
    live = read("guest-running")
    mac = guests.parse(live).interfaces[0].mac
    stored = read("guest-inactive").replace(mac, "52:54:00:ff:ff:ff")
    told = {(it.name, it.field) for it in differences.of(live, stored)}
    assert told == {(mac, "removed"), ("52:54:00:ff:ff:ff", "added")}


def test_the_driver_of_an_empty_drive_is_no_difference() -> None:
    """libvirt forgets it while the guest runs (measured, 9.0.0)."""
    drive = "<disk type='file' device='cdrom'>{}<target dev='sda' bus='sata'/><readonly/></disk>"
    full = "<domain><devices>{}</devices></domain>"
    live = full.format(drive.format("<driver name='qemu'/>"))
    stored = full.format(drive.format("<driver name='qemu' type='raw'/>"))
    assert not pending.has_pending_changes(live, stored)
    assert differences.of(live, stored) == ()
