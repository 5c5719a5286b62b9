import json

import pytest

from kvmweb.definitions import pools, volumes

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
