from __future__ import annotations

from pathlib import Path

from kvmweb.definitions import pools

DATA = Path(__file__).parent.parent / "data" / "xml"


def test_directory_pool_of_a_real_host():
    parsed = pools.parse((DATA / "pool-dir.xml").read_text())
    assert parsed.name == "default"
    assert parsed.type == "dir"
    assert parsed.path == "/var/lib/libvirt/images"
    assert len(parsed.uuid) == 36


def test_pool_without_a_path():
    xml = "<pool type='rbd'><name>ceph</name><uuid>u</uuid><source/></pool>"
    assert pools.parse(xml) == pools.Definition(uuid="u", name="ceph", type="rbd", path="")
