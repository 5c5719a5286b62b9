"""Domain XML to records, held against files that a real libvirt wrote."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from kvmweb.core import errors, wire
from kvmweb.core.records import DiskRecord, InterfaceRecord, SerialRecord
from kvmweb.definitions import guests, pending

NAMES = ("running", "inactive", "uefi", "tuned")
DATA = Path(__file__).parent.parent / "data" / "xml"


def read(name: str) -> str:
    return (DATA / name).read_text()


@pytest.mark.parametrize("name", ["guest-running", "guest-inactive", "guest-uefi", "guest-tuned"])
def test_parse_reads_what_the_golden_file_says(name):
    parsed = wire.to_plain(guests.parse(read(f"{name}.xml")))
    assert parsed == json.loads(read(f"{name}.json"))


def test_every_field_differs_from_its_empty_value_somewhere():
    nothing = guests.parse("<domain/>")
    found = [guests.parse(read(f"guest-{name}.xml")) for name in NAMES]
    for field in dataclasses.fields(guests.Definition):
        empty = getattr(nothing, field.name)
        assert any(getattr(one, field.name) != empty for one in found), field.name
    for kind, names in {
        DiskRecord: "disks",
        InterfaceRecord: "interfaces",
        SerialRecord: "serials",
    }.items():
        parts = [part for one in found for part in getattr(one, names)]
        for field in dataclasses.fields(kind):
            if field.name in ("capacity", "allocation", "addresses", "told_by", "is_unplugged"):
                continue  # not from the XML
            assert len({getattr(part, field.name) for part in parts}) > 1, (kind, field.name)


def test_running_and_inactive_definition_agree_until_one_is_edited():
    live, inactive = read("guest-running.xml"), read("guest-inactive.xml")
    assert not pending.has_pending_changes(live, inactive)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<vcpu placement='static'>1</vcpu>", "<vcpu placement='static'>2</vcpu>"),
        ("<memory unit='KiB'>98304</memory>", "<memory unit='KiB'>196608</memory>"),
        ("web01.qcow2", "web02.qcow2"),
        ("<model type='virtio'/>", "<model type='e1000e'/>"),
        ("<apic/>", ""),
        ("<on_reboot>restart</on_reboot>", "<on_reboot>destroy</on_reboot>"),
        ("listen='127.0.0.1'", "listen='0.0.0.0'"),
        ("<input type='mouse' bus='ps2'/>", ""),
        ("<input type='mouse' bus='ps2'/>", "<input type='tablet' bus='usb'/>"),
    ],
)
def test_edit_of_the_inactive_definition_is_pending(before, after):
    live, inactive = read("guest-running.xml"), read("guest-inactive.xml")
    edited = inactive.replace(before, after)
    assert edited != inactive
    assert pending.has_pending_changes(live, edited)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<title>Web</title>", "<title>Else</title>"),
        ("<currentMemory unit='KiB'>98304", "<currentMemory unit='KiB'>65536"),
        ("type='pci' domain='0x0000' bus='0x03'", "type='pci' domain='0x0000' bus='0x04'"),
    ],
)
def test_what_changes_at_once_is_not_pending(before, after):
    live, inactive = read("guest-running.xml"), read("guest-inactive.xml")
    assert before in inactive
    assert not pending.has_pending_changes(live, inactive.replace(before, after))


def test_vnc_address_is_of_the_running_guest_only():
    assert guests.vnc_address(read("guest-running.xml")) == ("127.0.0.1", 5900)
    assert guests.vnc_address(read("guest-inactive.xml")) is None
    assert guests.vnc_address(read("guest-uefi.xml")) is None


def test_tags_come_back_as_they_were_given():
    tags = ("web", "<b>&amp;", "办公", "a b")
    assert guests.parse_tags(guests.build_tags(tags)) == tags
    assert guests.build_tags((" x ", "x", "")) == guests.build_tags(("x",))


@pytest.mark.parametrize("tags", [("x" * 65,), tuple(map(str, range(65))), ("nul\0",)])
def test_tags_out_of_range_are_invalid(tags):
    with pytest.raises(errors.Invalid):
        guests.build_tags(tags)
