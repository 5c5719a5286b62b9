"""Operating systems: found by name, recognised by an ISO's ids or a file's name."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kvmweb.core import install_trees, media_rules
from kvmweb.core.images import Disc
from kvmweb.core.install_trees import TreeInfo
from kvmweb.services import systems

DATA = Path(__file__).resolve().parents[1] / "data" / "osinfo"
TODAY = date(2026, 11, 1)


@pytest.fixture(autouse=True)
def database(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our little database alone, wherever this runs."""
    monkeypatch.setattr(systems, "PLACES", ())
    settings.KVMWEB_DATA_DIR = tmp_path
    shutil.copytree(DATA, tmp_path / "osinfo")
    return tmp_path / "osinfo"


def found(disc: Disc) -> str:
    detected = systems.detect(disc)
    return detected.system.id if detected else ""


def guessed(name: str) -> str:
    detected = systems.guess(name)
    return detected.system.id if detected else ""


def test_search_takes_every_word_and_leaves_out_what_has_ended() -> None:
    assert [s.id for s in systems.search("harbour", today=TODAY)] == ["harbour2"]
    both = systems.search("HARBOUR", even_ended=True, today=TODAY)
    assert [s.id for s in both] == ["harbour2", "harbour1"]
    assert [s.id for s in systems.search("sandy 1", even_ended=True)] == ["harbour1"]
    assert systems.search("harbour submarine") == []
    assert all(s.family == "winnt" for s in systems.search(family="winnt", even_ended=True))


def test_a_system_is_found_by_any_of_its_short_ids() -> None:
    second = systems.get("harbour-latest")
    assert second is not None
    assert second.id == "harbour2"
    assert systems.get("harbour9") is None


@pytest.mark.parametrize(
    ("disc", "expected"),
    [
        (Disc("HARBOUR_1"), "harbour1"),
        (Disc("HARBOUR_2", "LINUX", "", "DOCK"), "harbour2"),
        (Disc("HARBOUR_2", "", "EXAMPLE", "", 2097152), "harbour2"),
        (Disc("HARBOUR_2", "", "EXAMPLE", "", 4096), ""),
        (Disc("HARBOUR_2"), ""),
        (Disc("Debian 12.5.0 amd64 n"), "debian12"),
        (Disc("Ubuntu-Server 24.04.1 LTS amd64"), "ubuntu24.04"),
        (Disc("openEuler-24.03-LTS-x86_64"), "openeuler24.03"),
        (Disc("cidata"), ""),
        (Disc(""), ""),
    ],
)
def test_an_iso_is_known_by_all_the_ids_that_an_entry_asks_for(disc: Disc, expected: str) -> None:
    assert found(disc) == expected


def test_of_entries_that_ask_for_the_same_the_one_for_this_size_counts() -> None:
    detected = systems.detect(Disc("HARBOUR_2", "LINUX", "EXAMPLE", "DOCK", 2097152))
    assert detected is not None
    assert detected.medium is not None
    assert detected.medium.is_live


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("harbour-cloud.qcow2", "harbour2"),
        ("debian-12-genericcloud-amd64.qcow2", "debian12"),
        ("noble-server-cloudimg-amd64.img", "ubuntu24.04"),
        ("ubuntu-24.04.1-live-server-amd64.iso", "ubuntu24.04"),
        ("Rocky-9-GenericCloud-Base.latest.x86_64.qcow2", "rocky9"),
        ("win11.iso", "win11"),
        ("web01.qcow2", ""),
        ("windows.qcow2", ""),
        ("debian-1.qcow2", ""),
    ],
)
def test_a_file_is_known_by_its_name(name: str, expected: str) -> None:
    assert guessed(name) == expected


def test_a_newer_database_counts_as_soon_as_it_is_there(database: Path) -> None:
    assert systems.get("harbour3") is None
    entry = "<os id='http://example.org/harbour/3'><short-id>harbour3</short-id></os>"
    (database / "os" / "new.xml").write_text(f"<libosinfo>{entry}</libosinfo>")
    assert systems.get("harbour3") is not None


def test_a_broken_file_costs_only_itself(database: Path) -> None:
    (database / "os" / "broken.xml").write_text("<libosinfo><os")
    assert systems.get("harbour1") is not None


def test_without_a_database_the_most_common_are_known(database: Path) -> None:
    shutil.rmtree(database)
    assert not systems.has_database()
    assert systems.get("debian12") is not None
    assert systems.families()[0] == "linux"


MICROSOFT = "MICROSOFT CORPORATION"


def all_found(disc: Disc) -> list[str]:
    """The one, then those that have the same ids."""
    detected = systems.detect(disc)
    return [it.id for it in (detected.system, *detected.others)] if detected else []


@pytest.mark.parametrize(
    ("disc", "expected"),
    [
        (Disc("Debian 12.0.0 amd64 n"), ["debian12"]),
        (Disc("Fedora-S-dvd-x86_64-39"), ["fedora39"]),
        (Disc("Ubuntu-Server 22.04 LTS amd64"), ["ubuntu22.04"]),
        (Disc("CCCOMA_X64FRE_EN-US_DV9", "", MICROSOFT), ["win11", "win10"]),
        (Disc("CENA_X64FREV_EN-US_DV5", "", MICROSOFT), ["win10"]),
        (Disc("SSS_X64FREE_EN-US_DV9", "", MICROSOFT), ["win2k25", "win2k22", "win2k19"]),
        (Disc("SSS_X64FREE_EN-US_DV9"), []),
    ],
)
def test_real_discs_are_known_without_a_database(
    database: Path, disc: Disc, expected: list[str]
) -> None:
    shutil.rmtree(database)
    assert all_found(disc) == expected


def test_some_release_counts_only_where_no_release_fits(database: Path) -> None:
    entry = """<os id="http://example.org/h/u"><short-id>harbour-unknown</short-id>
        <media arch="all"><iso><volume-id>HARBOUR_\\d</volume-id>
        <system-id>LINUX</system-id></iso></media></os>"""
    (database / "os" / "some.xml").write_text(f"<libosinfo>{entry}</libosinfo>")
    assert all_found(Disc("HARBOUR_1", "LINUX")) == ["harbour1"]
    assert all_found(Disc("HARBOUR_9", "LINUX")) == ["harbour-unknown"]


def tree_of(short_id: str, family: str, rest: str) -> str:
    return f"""<os id="http://example.org/{short_id}"><short-id>{short_id}</short-id>
        <tree arch="all"><treeinfo><family>{family}</family>{rest}</treeinfo></tree></os>"""


TREES = (  # as osinfo-db describes them
    tree_of("fedora4", "Fedora", "<version>4</version>"),
    tree_of("fedora42", "Fedora", "<version>42</version><arch>x86_64</arch>"),
    tree_of("silverblue42", "Fedora", "<version>42</version><variant>Silverblue</variant>"),
    tree_of("fedora-unknown", "Fedora", "<version>(4[3-9]|[5-9][0-9])</version>"),
    tree_of("centos9", "CentOS", "<version>^9(.([0-9]|[1-9][0-9]))?$</version>"),
    tree_of("centos-stream9", "CentOS Stream", "<version>^9$</version>"),
    tree_of("opensuse15.6", "openSUSE Leap", "<version>15.6</version><arch>x86_64</arch>"),
    tree_of("opensusetumbleweed", "openSUSE Tumbleweed", ""),
    tree_of("slow", "(a*)*b", "<version>1</version>"),
)


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (TreeInfo("Fedora", "Server", "42", "x86_64"), "fedora42"),
        (TreeInfo("Fedora", "Silverblue", "42", "x86_64"), "silverblue42"),
        (TreeInfo("Fedora", "Server", "44", "x86_64"), "fedora-unknown"),
        (TreeInfo("Fedora", "Server", "43", "x86_64"), "fedora43"),  # by its name alone
        (TreeInfo("CentOS Stream", "", "9", "x86_64"), "centos-stream9"),
        (TreeInfo("CentOS", "", "9.1", "x86_64"), "centos9"),
        (TreeInfo("openSUSE Leap", "", "15.6", "x86_64"), "opensuse15.6"),
        (TreeInfo("openSUSE Leap", "", "15.6", "s390x"), ""),
        (TreeInfo("openSUSE Tumbleweed", "", "20261101", "x86_64"), "opensusetumbleweed"),
        (TreeInfo("AlmaLinux", "BaseOS", "9", "x86_64"), "almalinux9"),
        (TreeInfo("a" * 64, "", "1", ""), ""),
        (TreeInfo(), ""),
    ],
)
def test_a_tree_is_known_by_how_it_calls_itself(
    database: Path, info: TreeInfo, expected: str
) -> None:
    (database / "os" / "trees.xml").write_text(f"<libosinfo>{''.join(TREES)}</libosinfo>")
    found = systems.of_tree(info)
    assert (found.id if found else "") == expected


@pytest.mark.skipif(not Path("/usr/share/osinfo/os").is_dir(), reason="package osinfo-db is absent")
def test_the_distributions_database_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, "PLACES", ("/usr/share/osinfo",))
    assert found(Disc("Debian 11.5.0 amd64 n")) == "debian11"
    assert found(Disc("Ubuntu-Server 22.04 LTS amd64")) == "ubuntu22.04"
    assert "win10" in all_found(Disc("CCSA_X64FRE_EN-US_DV5", "", MICROSOFT))
    assert {"win2k16", "win2k19"} <= {*all_found(Disc("SSS_X64FREE_EN-US_DV9", "", MICROSOFT))}
    assert len(systems.search(even_ended=True)) == systems.MOST
    media = [medium for system in systems._database().values() for medium in system.media]
    telling = [it for it in media if it.volume or it.publisher or it.application]
    assert len(telling) > 500
    trees = [tree for system in systems._database().values() for tree in system.trees]
    assert sum(bool(tree.family) for tree in trees) > 200
    assert all(install_trees.rule(tree) for tree in trees if tree.family)
    assert {it.volume for it in telling if not media_rules.rule(it)} == {"^HARBOUR_("}
