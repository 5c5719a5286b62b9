"""The osinfo database's XML as systems."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from kvmweb.core.errors import Invalid
from kvmweb.core.systems import CloudImage, Medium, Need, Support, System, Tree
from kvmweb.definitions import osinfo, osinfo_known

FOLDER = Path(__file__).resolve().parents[1] / "data" / "osinfo" / "os" / "example.org"
GIB = 1024**3


@pytest.fixture(scope="module")
def known() -> dict[str, System]:
    files = ("harbour.xml", "harbour-2.xml", "harbour-2.d/more.xml")
    return osinfo.resolve(
        entry for name in files for entry in osinfo.parse((FOLDER / name).read_text())
    )


def test_an_entry_is_read_whole(known: dict[str, System]) -> None:
    assert known["harbour1"] == System(
        id="harbour1",
        uri="http://example.org/harbour/1",
        name="Harbour 1",
        version="1",
        family="linux",
        distro="harbour",
        vendor="Example",
        codename="Sandy Quay",
        released=date(2020, 2, 1),
        ends=date(2024, 2, 1),
        minimum=(Need("all", 1, GIB, 5 * GIB), Need("aarch64", 2, 2 * GIB, None)),
        recommended=(Need("all", None, 2 * GIB, 4 * GIB),),
        devices=frozenset({"virtio1-net", "virtio1-gpu"}),
        offers_efi=True,
        media=(
            Medium(
                "x86_64",
                volume="^HARBOUR_1$",
                url="https://example.org/harbour-1.iso",
                kernel="boot/vmlinuz",
                initrd="boot/initrd",
            ),
        ),
    )


def test_what_derives_takes_over_devices_needs_and_firmware(known: dict[str, System]) -> None:
    second = known["harbour2"]
    assert second.devices == {"virtio1-net", "virtio1-block", "q35"}  # the GPU was given up
    assert (second.minimum, second.offers_efi) == (known["harbour1"].minimum, True)
    assert second.needs_efi
    assert not known["harbour1"].needs_efi


def test_a_file_beside_adds_to_an_entry(known: dict[str, System]) -> None:
    second = known["harbour2"]
    assert (second.ends, second.name, second.status) == (date(2027, 2, 1), "Harbour 2", "rolling")
    assert (second.names, second.user) == (("harbour-latest",), "sailor")
    assert second.trees == (
        Tree("x86_64", "https://example.org/2/os", "images/vmlinuz", "images/initrd"),
    )
    assert second.images == (
        CloudImage("x86_64", "https://example.org/harbour-cloud.qcow2", "qcow2", True),
    )
    live, installer = second.media[:2]
    assert (live.is_live, live.is_installer, live.size) == (True, False, 2097152)
    assert (live.publisher, installer.system, installer.application) == ("EXAMPLE", "LINUX", "DOCK")


def test_a_tree_says_how_it_is_known_also_where_it_may_lie_anywhere() -> None:
    xml = """<libosinfo><os id="a"><short-id>a</short-id><tree arch="all"><treeinfo>
      <family>CentOS Stream</family><version>^9$</version><variant>BaseOS</variant>
      <arch>x86_64</arch></treeinfo></tree></os></libosinfo>"""
    assert osinfo.resolve(osinfo.parse(xml))["a"].trees == (
        Tree("all", "", "", "", "CentOS Stream", "BaseOS", "^9$", "x86_64"),
    )


def test_what_is_good_is_never_less_than_what_is_needed(known: dict[str, System]) -> None:
    first = known["harbour1"]
    assert first.good("x86_64") == Need("x86_64", 1, 2 * GIB, 5 * GIB)
    assert first.least("aarch64") == Need("aarch64", 2, 2 * GIB, None)


def test_support_ends_on_the_vendors_day(known: dict[str, System]) -> None:
    first = known["harbour1"]
    assert first.support(date(2024, 2, 1)) is Support.SUPPORTED
    assert first.support(date(2024, 2, 2)) is Support.ENDED
    assert System("x", "u", "X").support(date(2024, 2, 2)) is Support.UNKNOWN
    assert System("x", "u", "X", status="prerelease").support(date(2024, 2, 2)) is Support.EARLY


def test_what_derives_from_itself_ends_all_the_same() -> None:
    circle = """<libosinfo><os id='a'><short-id>a</short-id><derives-from id='b'/></os>
      <os id='b'><short-id>b</short-id><clones id='a'/></os></libosinfo>"""
    assert sorted(osinfo.resolve(osinfo.parse(circle))) == ["a", "b"]


def test_a_document_type_is_refused() -> None:
    with pytest.raises(Invalid):
        osinfo.parse("<!DOCTYPE libosinfo><libosinfo/>")


def test_what_is_known_without_a_database_is_whole() -> None:
    systems = list(osinfo_known.systems())
    assert len({system.id for system in systems}) == len(systems)
    for system in systems:
        assert system.name
        assert system.distro
        assert system.version
        assert system.released
        assert system.least().memory
        assert system.good().disk
        assert system.devices
