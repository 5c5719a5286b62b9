from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from kvmweb.core import errors
from kvmweb.core.pools import TYPES, PoolSpec, Source, places
from kvmweb.definitions import pools

DATA = Path(__file__).parent.parent / "data" / "xml"
SCHEMA = Path("/usr/share/libvirt/schemas/storagepool.rng")
"""Comes with the libvirt that the lab needs; without it the golden files stand alone."""


def test_directory_pool_of_a_real_host():
    parsed = pools.parse((DATA / "pool-dir.xml").read_text())
    assert parsed.name == "default"
    assert parsed.type == "dir"
    assert parsed.path == "/var/lib/libvirt/images"
    assert len(parsed.uuid) == 36


def test_pool_without_a_path():
    xml = "<pool type='rbd'><name>ceph</name><uuid>u</uuid><source/></pool>"
    assert pools.parse(xml) == pools.Definition(uuid="u", name="ceph", type="rbd", path="")


SECRET = "2ec115d7-3a88-3ceb-bc12-0ac909a6fd87"
SPECS = {
    "dir": PoolSpec("p", "dir", target="/data/x"),
    "fs": PoolSpec("p", "fs", target="/data/x", devices=("/dev/sdb1",), format="ext4"),
    "netfs": PoolSpec(
        "p", "netfs", target="/data/x", hosts=("nfs.example",), source="/export/a", format="nfs"
    ),
    "logical": PoolSpec(
        "p", "logical", source="vg0", devices=("/dev/sdb", "/dev/sdc"), format="lvm2"
    ),
    "disk": PoolSpec("p", "disk", devices=("/dev/sdb",), format="gpt"),
    "iscsi": PoolSpec(
        "p", "iscsi", hosts=("10.0.0.1",), port=3260, devices=("iqn.2020-01.x:a",),
        initiator="iqn.a:b", username="u", secret=SECRET,
    ),
    "iscsi-direct": PoolSpec(
        "p", "iscsi-direct", hosts=("10.0.0.1",), devices=("iqn.2020-01.x:a",),
        initiator="iqn.2020-01.a:b",
    ),
    "scsi": PoolSpec("p", "scsi", adapter="scsi_host3"),
    "scsi-fc": PoolSpec("p", "scsi", adapter="20000000c9831b4b:10000000c9831b4b"),
    "mpath": PoolSpec("p", "mpath"),
    "rbd": PoolSpec(
        "p", "rbd", source="ceph", hosts=("a", "b"), port=6789, username="admin", secret=SECRET
    ),
    "gluster": PoolSpec("p", "gluster", source="vol/sub", hosts=("g1",)),
    "zfs": PoolSpec("p", "zfs", source="tank", devices=("/dev/sdb",)),
}  # fmt: skip
"""Every type that the portal offers. What a small machine cannot start is proved here alone."""


@pytest.mark.parametrize("kind", SPECS)
def test_a_new_pool_is_as_written_and_as_the_schema_of_libvirt_wants_it(kind: str) -> None:
    made = etree.fromstring(pools.build(SPECS[kind]))
    golden = (DATA / "pools" / f"{kind}.xml").read_text()
    parser = etree.XMLParser(remove_blank_text=True)
    wanted = etree.tostring(etree.fromstring(golden, parser), method="c14n")
    assert etree.tostring(made, method="c14n") == wanted
    if SCHEMA.exists():
        schema = etree.RelaxNG(etree.parse(SCHEMA))
        assert schema.validate(made), schema.error_log


def test_every_type_with_a_form_has_its_golden_file() -> None:
    assert {spec.type for spec in SPECS.values()} == set(TYPES)


def test_what_is_built_reads_as_what_was_asked_for() -> None:
    shown = {
        kind: pools.parse(pools.build(replace(spec, uuid=SECRET))).source
        for kind, spec in SPECS.items()
    }
    assert shown == {
        "dir": "", "fs": "/dev/sdb1", "netfs": "nfs.example:/export/a", "logical": "vg0",
        "disk": "/dev/sdb", "iscsi": "10.0.0.1:iqn.2020-01.x:a",
        "iscsi-direct": "10.0.0.1:iqn.2020-01.x:a", "scsi": "scsi_host3",
        "scsi-fc": "10000000c9831b4b", "mpath": "", "rbd": "a, b:ceph", "gluster": "g1:vol/sub",
        "zfs": "tank",
    }  # fmt: skip


def test_a_hostile_name_stays_a_name() -> None:
    xml = pools.build(PoolSpec("</name><target><path>/</path></target>", "dir", target="/x'\"<"))
    assert pools.parse(xml).name == "</name><target><path>/</path></target>"
    assert pools.parse(xml).path == "/x'\"<"
    with pytest.raises(errors.Invalid):
        pools.build(PoolSpec("a\0b", "dir", target="/x"))


@pytest.mark.parametrize(
    ("kind", "opened"),
    [
        ("dir", ("/data/x",)),
        ("fs", ("/data/x", "/dev/sdb1")),
        ("logical", ("/dev/vg0", "/dev/sdb", "/dev/sdc")),
        ("disk", ("/dev/sdb",)),
        ("scsi", ("/dev/disk/by-path",)),
        ("mpath", ("/dev/mapper",)),
        ("zfs", ("/dev/zvol/tank", "/dev/sdb")),
        ("iscsi", ()),
        ("rbd", ()),
        ("gluster", ()),
    ],
)
def test_every_path_of_the_host_that_a_pool_opens_is_named(
    kind: str, opened: tuple[str, ...]
) -> None:
    assert places(SPECS[kind]) == opened


def test_sources_that_libvirt_found() -> None:
    found = pools.sources(
        "<sources><source><host name='10.0.0.1'/><device path='iqn.a'/></source>"
        "<source><name>vg0</name><device path='/dev/sda2'/><format type='lvm2'/></source>"
        "<source><dir path='/export'/><format type='nfs'/></source></sources>"
    )
    assert found == (
        Source(host="10.0.0.1", devices=("iqn.a",)),
        Source(source="vg0", devices=("/dev/sda2",), format="lvm2"),
        Source(source="/export", format="nfs"),
    )
    assert pools.query("netfs", "h<&", 1) == '<source><host name="h&lt;&amp;" port="1"/></source>'


def test_types_that_the_host_supports() -> None:
    xml = (
        "<storagepoolCapabilities><pool type='dir' supported='yes'/>"
        "<pool type='rbd' supported='no'/></storagepoolCapabilities>"
    )
    assert pools.supported(xml) == ("dir",)
