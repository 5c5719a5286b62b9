from __future__ import annotations

import json
from pathlib import Path

import pytest
from lxml import etree

from kvmweb.core import errors
from kvmweb.core.volumes import VolumeSpec
from kvmweb.definitions import disks, pools, volumes

XML = """<volume type='file'><name>b2</name><key>/p/b2</key>
<capacity unit='bytes'>1073741824</capacity><allocation unit='KiB'>196</allocation>
<target><path>/p/b2</path><format type='qcow2'/><encryption format='luks'/></target>
<backingStore><path>{backing}</path><format type='raw'/></backingStore></volume>"""


def test_a_volume_with_a_backing_file_and_encryption() -> None:
    found = volumes.parse(XML.format(backing="/p/base"))
    assert (found.name, found.path, found.type, found.format) == ("b2", "/p/b2", "file", "qcow2")
    assert (found.capacity, found.allocation) == (2**30, 196 * 1024)
    assert (found.backing, found.backing_path, found.backing_format) == (
        "/p/base",
        "/p/base",
        "raw",
    )
    assert found.is_encrypted


def test_a_file_made_anew_and_a_logical_volume_made_anew_are_told_apart() -> None:
    file = (
        "<volume type='file'><name>b2</name><key>/p/b2</key><capacity>1</capacity><target>"
        "<path>/p/b2</path><timestamps><atime>{}</atime><mtime>2.5</mtime><ctime>{}</ctime>"
        "</timestamps></target></volume>"
    )
    block = (
        "<volume type='block'><name>lv</name><key>{}</key><capacity unit='bytes'>8</capacity>"
        "<target><path>/dev/vg/lv</path><timestamps><ctime>{}</ctime></timestamps></target>"
        "</volume>"
    )

    def same(text: str, one: tuple[str, str], other: tuple[str, str]) -> bool:
        first, second = (volumes.parse(text.format(*it)) for it in (one, other))
        return first.identity == second.identity

    assert same(file, ("1", "3"), ("2", "3"))  # it was read meanwhile
    assert not same(file, ("1", "3"), ("1", "4"))
    assert same(block, ("lv-id", "1"), ("lv-id", "2"))  # the host was started anew
    assert not same(block, ("lv-id", "1"), ("other-id", "1"))


@pytest.mark.parametrize(
    ("named", "means"),
    [
        ("/p/base", "/p/base"),
        ("file:/p/base", "/p/base"),
        ("file:///p/base", "/p/base"),
        ("nbd://10.0.0.1/x", ""),
        ('json:{"driver":"qcow2","file":{"driver":"file","filename":"/p/base"}}', "/p/base"),
        ('json:{"file.filename":"/p/base","file.driver":"file"}', "/p/base"),
        ('json:{"filename":"/p/base"}', "/p/base"),
        ('json:{"driver":"nbd","host":"10.0.0.1"}', ""),
        ('json:{"file":{"driver":"https","url":"https://x/y"}}', ""),
        ('json:["no object"]', ""),
        ("json:not json", ""),
        ("json:" + "[" * 100_000, ""),
        ("json:" + json.dumps({"filename": 'json:{"filename":"/deep"}'}), ""),
        ("", ""),
    ],
)
def test_what_a_header_names_is_understood_as_a_file_or_as_none(named: str, means: str) -> None:
    assert volumes.backing_path(named) == means


@pytest.mark.parametrize(
    ("kind", "source", "volume", "path", "alias"),
    [
        ("rbd", "<name>ceph</name>", "img", "ceph/img", "rbd:ceph/img"),
        ("gluster", "<name>vol</name><dir path='/sub'/>", "img", "x", "gluster:vol/sub/img"),
        ("gluster", "<name>vol</name><dir path='/'/>", "img", "x", "gluster:vol/img"),
        ("iscsi-direct", "<device path='iqn.x'/>", "unit:0:0:1", "x", "iscsi:iqn.x/1"),
        ("logical", "<name>vg-a</name>", "l-v", "/dev/vg-a/l-v", "/dev/mapper/vg--a-l--v"),
        ("dir", "", "a", "/p/a", ""),
    ],
)
def test_other_names_of_a_volume(
    kind: str, source: str, volume: str, path: str, alias: str
) -> None:
    xml = f"<pool type='{kind}'><name>p</name><source>{source}</source></pool>"
    assert pools.alias(xml, volume, path) == alias


LETTERS = "abcdefghijklmnopqrstuvwxyz"
STORAGE_SCHEMA = Path("/usr/share/libvirt/schemas/storagevol.rng")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (
            VolumeSpec("a", 1024),
            '<volume><name>a</name><capacity unit="bytes">1024</capacity>'
            '<allocation unit="bytes">0</allocation><target/></volume>',
        ),
        (
            VolumeSpec("a", 1024, "raw", "full"),
            '<volume><name>a</name><capacity unit="bytes">1024</capacity>'
            '<allocation unit="bytes">1024</allocation>'
            '<target><format type="raw"/></target></volume>',
        ),
        (
            VolumeSpec("top", 1, "qcow2", backing="/p/b", backing_format="qcow2"),
            '<volume><name>top</name><capacity unit="bytes">1</capacity>'
            '<allocation unit="bytes">0</allocation><target><format type="qcow2"/></target>'
            '<backingStore><path>/p/b</path><format type="qcow2"/></backingStore></volume>',
        ),
    ],
)
def test_a_new_volume(spec: VolumeSpec, says: str) -> None:
    made = volumes.build(spec)
    assert made == says
    if STORAGE_SCHEMA.exists():
        schema = etree.RelaxNG(etree.parse(STORAGE_SCHEMA))
        assert schema.validate(etree.fromstring(made)), schema.error_log


def test_a_name_that_xml_cannot_carry_is_refused() -> None:
    with pytest.raises(errors.Invalid):
        volumes.build(VolumeSpec("a\x01b", 1))


RUNNING = """<domain><devices>
<disk type='file' device='disk'><source file='/p/top'/>
  <backingStore type='file'><source file='/p/base'/></backingStore><target dev='vda'/></disk>
<disk type='volume' device='disk'><source pool='default' volume='v'/><target dev='vdb'/></disk>
<disk type='network' device='disk'><source protocol='rbd' name='ceph/img'/>
  <target dev='vdc'/></disk>
<disk type='file' device='cdrom'><source file='/p/iso'/><target dev='sda'/><readonly/></disk>
<disk type='file' device='cdrom'><target dev='sdb'/></disk>
</devices></domain>"""


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("/p/top", "vda"),
        ("/p/base", ""),
        ("default/v", "vdb"),
        ("rbd:ceph/img", "vdc"),
        ("/p/iso", ""),
    ],
)
def test_what_a_guest_reads_is_found_down_to_the_base(name: str, target: str) -> None:
    assert disks.needs(RUNNING, {name})
    assert disks.target_of(RUNNING, {name}) == target


def test_what_a_guest_does_not_read_is_not_its() -> None:
    assert not disks.needs(RUNNING, {"/p/other", "default/w"})
    assert not disks.needs("no xml", {"/p/top"})


def test_a_hostile_name_stays_a_name() -> None:
    name = "</name><capacity unit='TiB'>3</capacity>"
    found = volumes.parse(volumes.build(VolumeSpec(name, 1024)))
    assert (found.name, found.capacity) == (name, 1024)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (("file", "/p/<a>", ""), '<source file="/p/&lt;a&gt;"/>'),
        (("block", "/dev/vg/a", ""), '<source dev="/dev/vg/a"/>'),
        (("volume", "ceph", "img"), '<source pool="ceph" volume="img"/>'),
    ],
)
def test_a_new_disk(source: tuple[str, str, str], says: str) -> None:
    made = disks.build(
        source, image_format="qcow2", target="vdb", bus="virtio", device="disk", is_readonly=False
    )
    kind = source[0]
    assert made == (
        f'<disk type="{kind}" device="disk"><driver name="qemu" type="qcow2" discard="unmap"/>'
        f'{says}<target dev="vdb" bus="virtio"/></disk>'
    )
    iso = disks.build(
        source, image_format="", target="sda", bus="sata", device="cdrom", is_readonly=True
    )
    assert 'type="raw"' in iso
    assert "<readonly/>" in iso


def test_a_new_disk_takes_the_first_free_name() -> None:
    assert disks.free_target([RUNNING], "virtio") == "vdd"
    assert disks.free_target([RUNNING], "sata") == "sdc"
    taken = "".join(f"<disk><target dev='vd{letter}'/></disk>" for letter in LETTERS)
    with pytest.raises(errors.Invalid):
        disks.free_target([f"<domain><devices>{taken}</devices></domain>"], "virtio")
