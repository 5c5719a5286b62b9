"""Devices by the table of kinds: each kind built as its golden XML, found again, edited alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmweb.core import errors, hardware_kinds
from kvmweb.core.hardware import Device, Kind, Pair, When, is_offered
from kvmweb.core.hardware_kinds import ADDABLE, KINDS
from kvmweb.core.records import PendingChange
from kvmweb.definitions import differences, domain_capabilities, elements, hardware, spice
from tests.definitions.test_device_edits import ALL, DATA, diff, read

GOLDEN = DATA / "hardware"
SAID = {
    "virtiofs": {"source": "/srv/share", "target": "share"},
    "9p": {"source": "/srv/share", "target": "share", "is_readonly": "yes"},
    "usb-device": {"device": "usb-id:046d:c52b", "startup": "optional"},
    "pci-device": {"device": "pci:0000:03:00.1"},
    "scsi-device": {"device": "scsi:2:0:1:3", "is_readonly": "yes"},
    "mdev-device": {"device": "mdev:b4462f9b-0bd0-4b4b-8a0c-3f1b3e3b9a61"},
    "vnc": {"listen": "0.0.0.0", "password": "secret"},
}
"""What is said of a kind that has no defaults, or in another way than by default."""
THREE_D = {"acceleration", "graphics"}
"""What is there for a video card that draws in 3D."""


def editable(xml: str) -> list[tuple[Device, Kind]]:
    found = [(it, hardware_kinds.named(it.kind)) for it in hardware.parse(xml)]
    return [(device, kind) for device, kind in found if kind.can_edit]


def canonical(xml: str) -> str:
    root = elements.parse(xml)
    for element in root.iter():
        element.text = (element.text or "").strip() or None
        element.tail = None
    return elements.serialize(root)


@pytest.mark.parametrize("name", ADDABLE)
def test_each_kind_is_built_as_its_golden_xml_and_known_again(name: str) -> None:
    kind = ADDABLE[name]
    built = hardware.build(kind, SAID.get(name, {}))
    assert canonical(built) == canonical((GOLDEN / f"{name}.xml").read_text())
    assert hardware.kind_of(elements.parse(built)) is kind


@pytest.mark.parametrize("name", ADDABLE)
def test_one_more_changes_nothing_else_and_is_taken_out_again(name: str) -> None:
    before, kind = read("guest-inactive"), ADDABLE[name]
    after = hardware.add(before, kind, SAID.get(name, {}))
    gone, come = diff(before, after)
    regrown = ["currentMemory [('unit', 'KiB')] 98304"] if kind.tag == "memory" else []
    assert gone == regrown  # libvirt counts anew
    own = diff("<x/>", f"<x>{hardware.build(kind, SAID.get(name, {}))}</x>")[1]
    shared = ["memoryBacking [] ", "source [('type', 'memfd')] ", "access [('mode', 'shared')] "]
    scsi = ["controller [('model', 'virtio-scsi'), ('type', 'scsi')] "]
    beside = {"virtiofs": shared, "scsi-device": scsi}.get(name, [])
    assert sorted(come) == sorted(own + beside)
    new = [it for it in hardware.parse(after) if it not in hardware.parse(before)]
    found = [it for it in new if it.kind == name]
    place = hardware.place_of(after, found[-1].key)
    left = diff(before, hardware.remove(after, kind.tag, place))
    assert left == (regrown, beside)


@pytest.mark.parametrize("name", ALL)
def test_what_is_said_again_as_it_is_changes_nothing(name: str) -> None:
    before = read(name)
    for device, kind in editable(before):
        place = hardware.place_of(before, device.key)
        assert hardware.edit(before, place, kind, device.values) == before


@pytest.mark.parametrize("name", ALL)
def test_one_edited_field_changes_nothing_else(name: str) -> None:
    before = read(name)
    for device, kind in editable(before):
        place = hardware.place_of(before, device.key)
        for field in (it for it in kind.fields if it.choices and not it.clears):
            other = next(it for it in field.choices if it != device.values.get(field.name))
            gone, come = diff(before, hardware.edit(before, place, kind, {field.name: other}))
            assert len(gone) <= len(field.paths)
            own = {kind.tag, "listen", "backend", *THREE_D}
            assert {line.split()[0] for line in [*gone, *come]} <= own


def test_another_video_card_loses_what_only_the_old_one_had() -> None:
    before = read("guest-inactive")
    after = hardware.edit(before, 0, hardware_kinds.VIDEO, {"model": "virtio"})
    gone, come = diff(before, after)
    assert [line for line in come if line.startswith("model")] == [
        "model [('primary', 'yes'), ('type', 'virtio')] "
    ]
    assert len(come) == 1
    assert {line.split()[0] for line in gone} == {"model", "address"}


def test_a_card_that_draws_in_3d_brings_what_it_draws_through_and_takes_it_along() -> None:
    golden = (GOLDEN / "video-3d.xml").read_text()
    plain = "".join(line for line in golden.splitlines(keepends=True) if "egl" not in line)
    plain = plain.replace('<acceleration accel3d="yes"/>', '<acceleration accel3d="no"/>')
    drawn = hardware.edit(plain, 0, hardware_kinds.VIDEO, {"model": "virtio", "accel3d": "yes"})
    assert canonical(drawn) == canonical(golden)
    assert [it.kind for it in hardware.parse(golden)] == ["vnc", "egl", "video"]
    for after in (
        hardware.edit(golden, 0, hardware_kinds.VIDEO, {"model": "vga", "accel3d": "no"}),
        hardware.edit(golden, 0, hardware_kinds.VIDEO, {"accel3d": "no"}),
        hardware.remove(golden, "video", 0),
    ):
        assert "egl" not in after
        assert "acceleration" not in after
    two = hardware.add(golden, hardware_kinds.VIDEO, {"model": "virtio", "accel3d": "yes"})
    assert two.count("egl") == 1
    assert "egl" in hardware.remove(two, "video", 1)
    spice = golden.replace('<graphics type="egl-headless"/>',
                           '<graphics type="spice"><gl enable="yes"/></graphics>')  # fmt: skip
    assert "egl" not in hardware.add(spice, hardware_kinds.VIDEO, {"accel3d": "yes"})


def test_a_screen_says_where_it_listens_in_both_places() -> None:
    before = read("guest-inactive")
    after = hardware.edit(before, 0, hardware_kinds.GRAPHICS, {"listen": "0.0.0.0"})
    screen = elements.parse(after).find("devices/graphics")
    assert screen.get("listen") == screen.find("listen").get("address") == "0.0.0.0"


def test_an_empty_password_stays_as_it_is_and_is_never_read() -> None:
    text = "<domain><devices><graphics type='vnc' passwd='hidden'/></devices></domain>"
    assert hardware.edit(text, 0, hardware_kinds.GRAPHICS, {"password": ""}) == text
    assert "hidden" not in str(hardware.parse(text))


def test_a_device_that_is_another_now_is_a_conflict() -> None:
    before = read("guest-inactive")
    key = next(it.key for it in hardware.parse(before) if it.kind == "balloon")
    other = hardware.edit(before, 0, hardware_kinds.BALLOON, {"free_pages": "on"})
    for text in (other, before.replace("memballoon", "rng")):
        with pytest.raises(errors.Conflict):
            hardware.device(text, key)


def test_the_first_serial_port_takes_its_console_along() -> None:
    before = read("guest-inactive")
    after = elements.parse(hardware.remove(before, "serial", 0))
    assert after.find("devices/console/target[@type='serial']") is None
    assert after.find("devices/console/target[@type='virtio']") is not None
    assert len(after.findall("devices/serial")) == 1


def test_a_running_guest_and_what_is_stored_are_the_same_device_by_device() -> None:
    found = hardware.pairs(read("guest-running"), read("guest-inactive"))
    assert {pair.when for pair in found} == {When.NOW}
    assert all(pair.now and pair.then and pair.now.alias for pair in found if _has_alias(pair))


def _has_alias(pair: Pair) -> bool:
    return pair.device.kind not in ("vnc", "audio")


def test_what_waits_is_told_by_kind_and_field() -> None:
    live, stored = read("guest-running"), read("guest-inactive")
    edited = hardware.edit(stored, 0, hardware_kinds.BALLOON, {"model": "none"})
    edited = hardware.add(edited, hardware_kinds.RNG, {})
    edited = hardware.remove(edited, "channel", 0)
    told = set(differences.of(live, edited))
    assert told == {
        PendingChange("balloon", "", "model", "virtio", "none"),
        PendingChange("rng", "", "added", then="/dev/urandom"),
        PendingChange("agent", "", "removed", now="yes"),
    }
    whens = {pair.device.kind: pair.when for pair in hardware.pairs(live, edited)}
    assert whens["balloon"] is When.CHANGED
    assert whens["rng"] is When.ADDED
    assert whens["agent"] is When.REMOVED


def test_spice_becomes_vnc_as_the_golden_xml_says() -> None:
    before, after = ((GOLDEN / f"spice-{word}.xml").read_text() for word in ("before", "after"))
    assert spice.is_there(before)
    made = spice.convert(before, keeps_clipboard=True)
    assert canonical(made) == canonical(after)
    assert not spice.is_there(made)
    assert spice.convert(made) == made


@pytest.mark.parametrize(
    "listen",
    [
        "<listen type='address' address='0.0.0.0'/>",
        "<listen type='network' network='lan'/>",
        "<listen type='address' address='127.0.0.1'/><listen type='address' address='::'/>",
    ],
)
def test_a_screen_that_becomes_vnc_keeps_its_password_and_is_not_open_to_the_network(
    listen: str,
) -> None:
    screen = "<graphics type='spice' passwd='longer-than-vnc' passwdValidTo='2027-01-01T00:00:00'"
    for before in (f"{screen}>{listen}</graphics>", f"{screen} listen='0.0.0.0'/>"):
        made = spice.convert(f"<domain><devices>{before}</devices></domain>")
        found = elements.parse(made).find("devices/graphics")
        assert (found.get("passwd"), found.get("listen")) == ("longer-t", "127.0.0.1")
        assert found.get("passwdValidTo") == "2027-01-01T00:00:00"
        assert [dict(it.attrib) for it in found] == [{"type": "address", "address": "127.0.0.1"}]


@pytest.mark.parametrize("name", sorted(set(ALL) - {"guest-uefi"}))
def test_a_guest_without_spice_is_left_alone(name: str) -> None:
    assert spice.convert(read(name)) == read(name)


def test_a_host_offers_what_its_domain_capabilities_say() -> None:
    found = domain_capabilities.parse((DATA / "domain-capabilities.xml").read_text()).offers
    assert is_offered(found, "graphics.type:vnc")
    assert is_offered(found, "memoryBacking.sourceType:memfd")
    assert not is_offered(found, "tpm.backendModel:emulator")
    assert not is_offered(found, "hostdev.subsysType:mdev")
    assert is_offered(found, "panic.model:isa")  # this libvirt says nothing of panic devices
    assert not is_offered(("tpm:no",), "tpm.backendModel:emulator")


def test_every_kind_has_a_name_of_its_own() -> None:
    names = [kind.name for kind in KINDS]
    assert len(names) == len(set(names))
    assert Path(GOLDEN).is_dir()
