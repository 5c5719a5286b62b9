"""Snapshot XML to records and back, against files in libvirt's own form."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from lxml import etree

from kvmweb.core import errors
from kvmweb.core.snapshots import Kind, Memory, SnapshotRecord
from kvmweb.definitions import snapshots

DATA = Path(__file__).parent.parent / "data" / "xml"
SCHEMA = Path("/usr/share/libvirt/schemas/domainsnapshot.rng")
MEMORY = SnapshotRecord(
    name="live",
    description="before the\nupgrade",
    created_at=1795348800,
    state="running",
    parent="first",
    memory=Memory.INTERNAL,
    kind=Kind.INTERNAL,
    disks=("vda",),
    needs=(
        "dev:usb-id:046d:c52b",
        "disk:/var/lib/libvirt/images/web01.qcow2",
        "net:network/default/lan/clean-traffic",
    ),
    has_added_vcpus=True,
)
EXTERNAL = SnapshotRecord(
    name="frozen",
    description="",
    created_at=1795348900,
    state="disk-snapshot",
    parent="",
    memory=Memory.NONE,
    kind=Kind.EXTERNAL,
    disks=("vda",),
    needs=("disk:/var/lib/libvirt/images/web01.img", "net:network/default//"),
    limits=("52:54:00:42:fc:b2 in 1000/2000/512", "vda total_iops:500"),
)


def read(name: str) -> str:
    return (DATA / f"{name}.xml").read_text()


def test_memory_outside_of_the_images_names_its_file() -> None:
    asked = snapshots.build(
        "one", "", with_memory=True, disks={"vda": "external"}, memory_file="/images/one.memory"
    )
    assert snapshots.memory_file(asked) == "/images/one.memory"
    read_back = snapshots.parse(asked)
    assert (read_back.memory, read_back.memory_file) == (Memory.EXTERNAL, "/images/one.memory")
    inside = snapshots.build("one", "", with_memory=True, disks={"vda": "internal"})
    assert snapshots.memory_file(inside) == ""


def test_both_kinds_are_read_field_by_field() -> None:
    assert snapshots.parse(read("snapshot-memory")) == MEMORY
    assert snapshots.parse(read("snapshot-external")) == EXTERNAL
    nothing = snapshots.parse("<domainsnapshot/>")
    outside = snapshots.parse(
        "<domainsnapshot><memory snapshot='external' file='/m'/></domainsnapshot>"
    )
    for field in dataclasses.fields(SnapshotRecord):
        if field.name != "is_current":  # stands elsewhere
            shown = {getattr(it, field.name) for it in (MEMORY, EXTERNAL, nothing, outside)}
            assert len(shown) > 1, field.name


def test_a_limit_counts_where_it_holds_now_and_from_the_next_start_on() -> None:
    text = read("snapshot-external")
    start = "<domain type='qemu'>"
    domain = text[text.index(start) : text.index("</domain>")]
    bare = "<inactiveDomain><devices/></inactiveDomain>"
    assert snapshots.parse(text.replace("</domain>", f"</domain>{bare}")).limits == ()
    same = domain.replace(start, "<inactiveDomain>") + "</inactiveDomain>"
    both = text.replace("</domain>", f"</domain>{same}")
    assert snapshots.parse(both).limits == EXTERNAL.limits


def test_vcpus_that_are_defined_one_by_one_were_not_added() -> None:
    text = read("snapshot-memory")
    listed = text[text.index("<vcpus>") : text.index("</vcpus>") + len("</vcpus>")]
    defined = text.replace("<inactiveDomain type='qemu'>", f"<inactiveDomain>{listed}")
    assert not snapshots.parse(defined).has_added_vcpus
    marked = defined.replace("hotpluggable='no' order='2'", "hotpluggable='yes' order='2'")
    assert snapshots.parse(marked).has_added_vcpus


def test_what_a_revert_connects_is_that_of_now_and_of_the_next_start() -> None:
    here = set(snapshots.needs_of(read("snapshot-memory")))
    assert here == {*MEMORY.needs, "disk:fast/next.qcow2"}
    assert snapshots.needs_of("<domainsnapshot/>") == ()


def test_what_guests_are_connected_to_is_told_in_the_same_words() -> None:
    domain = etree.fromstring(read("snapshot-memory")).find("domain")
    text = etree.tostring(domain, encoding="unicode")
    assert snapshots.needs(text, "<domain/>") == MEMORY.needs


GUEST = "<domain xmlns:qemu='urn:qemu'><os/><devices><emulator/>{}</devices>{}</domain>"
FOREIGN = {
    "<filesystem type='mount'><source dir='/etc'/><target dir='e'/></filesystem>": "fs:/etc/e/",
    "<tpm><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>": "foreign:tpm:",
    "<graphics type='vnc' listen='0.0.0.0'/>": "listen:0.0.0.0",
    "<graphics type='vnc'><listen type='address' address='::'/></graphics>": "listen:::",
    "<graphics type='vnc'><listen type='network' network='lan'/></graphics>": "listen:network:lan",
    "<serial type='file'><source path='/etc/x'/></serial>": "foreign:serial:",
    "<serial type='pty'><log file='/etc/x'/></serial>": "file:/etc/x",
    "<channel type='unix'><source mode='connect' path='/run/x'/></channel>": "file:/run/x",
    "<rng><backend model='random'>/etc/shadow</backend></rng>": "foreign:rng:",
    "<shmem name='x'/>": "foreign:shmem:",
    "<video><model type='virtio'><acceleration accel3d='yes'/></model></video>": "drawing:3d",
    "<hostdev mode='capabilities' type='misc'><source><char>/dev/x</char></source></hostdev>":
        "foreign:hostdev:",
    "<interface type='vhostuser'><source type='unix' path='x'/></interface>": "foreign:interface:",
    "<interface type='bridge'><source bridge='b'/><vlan><tag id='7'/></vlan></interface>":
        "net:bridge/b////7",
    "<interface type='direct'><source dev='e' mode='passthrough'/></interface>":
        "net:direct/e///passthrough/",
}  # fmt: skip
BESIDE = {
    "<qemu:commandline><qemu:arg value='-x'/></qemu:commandline>": "foreign:commandline:",
    "<seclabel type='none'/>": "foreign:seclabel:",
    "<memoryBacking><locked/></memoryBacking>": "foreign:locked:",
    "<os><kernel>/boot/x</kernel></os>": "foreign:kernel:",
}


@pytest.mark.parametrize(
    ("devices", "beside", "key"),
    [*((xml, "", key) for xml, key in FOREIGN.items()),
     *(("", xml, key) for xml, key in BESIDE.items())],
)  # fmt: skip
def test_what_only_a_powerful_person_can_have_given_is_named_to_the_worker(
    devices: str, beside: str, key: str
) -> None:
    domain = GUEST.format(devices, beside)
    kept = f"<domainsnapshot>{domain}</domainsnapshot>"
    found = set(snapshots.needs_of(kept)) - set(snapshots.needs(GUEST.format("", "")))
    assert any(name.startswith(key) for name in found), found
    assert set(snapshots.needs(domain)) >= found
    asked_of_records = snapshots.parse(kept).needs
    assert all(name.count("/") == 3 and name.startswith("net:") for name in asked_of_records)


def test_a_harmless_device_is_not_named_and_neither_is_what_libvirt_fills_in() -> None:
    plain = (
        "<serial type='pty'/><graphics type='vnc' listen='127.0.0.1'/><memory model='dimm'/>"
        "<channel type='qemu-vdagent'/><smartcard type='spicevmc'/><redirfilter/>"
        "<channel type='unix'><source mode='bind' path='/var/lib/libvirt/qemu/channel/target/a'/>"
        "</channel><tpm><backend type='emulator'/></tpm><graphics type='vnc' listen='::1'/>"
    )
    assert snapshots.needs(GUEST.format(plain, "<seclabel type='dynamic'/>")) == ()
    stored = "<serial type='file'><source path='/x'/></serial>"
    live = "<serial  type='file'>\n<source path='/x'/>\n<alias name='serial0'/></serial>"
    assert snapshots.needs(GUEST.format(stored, "")) == snapshots.needs(GUEST.format(live, ""))
    shared = "<filesystem><source dir='/s'/><target dir='t'/>{}</filesystem>"
    live = shared.format("<binary path='/usr/libexec/virtiofsd'/><alias name='fs0'/>")
    stored = snapshots.needs(GUEST.format(shared.format(""), ""))
    assert snapshots.needs(GUEST.format(live, "")) == stored


def test_a_new_snapshot_is_as_written_and_as_the_schema_of_libvirt_wants_it() -> None:
    disks = {"vda": "internal", "sda": "no"}
    made = etree.fromstring(snapshots.build("before", "a < b", with_memory=True, disks=disks))
    parser = etree.XMLParser(remove_blank_text=True)
    golden = etree.fromstring(read("new-snapshot"), parser)
    assert etree.tostring(made, method="c14n") == etree.tostring(golden, method="c14n")
    if SCHEMA.exists():
        schema = etree.RelaxNG(etree.parse(SCHEMA))
        assert schema.validate(made), schema.error_log


def test_a_hostile_name_stays_a_name() -> None:
    name = "</name><disks><disk name='vda' snapshot='manual'/></disks>"
    made = snapshots.parse(snapshots.build(name, name, with_memory=False, disks={}))
    assert (made.name, made.description, made.disks) == (name, name, ())
    assert made.memory is Memory.NONE
    with pytest.raises(errors.Invalid):
        snapshots.build("a\0b", "", with_memory=False, disks={})


def test_what_is_no_snapshot_or_of_another_time_is_read_without_a_guess() -> None:
    odd = "<domainsnapshot><name>x</name><memory snapshot='new'/></domainsnapshot>"
    assert snapshots.parse(odd).memory is Memory.NONE
    with pytest.raises(errors.Invalid):
        snapshots.parse("<!DOCTYPE a><domainsnapshot/>")
