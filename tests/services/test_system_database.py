"""A newer osinfo database from its archive."""

from __future__ import annotations

import io
import lzma
import shutil
import tarfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from kvmweb.core.systems import Support
from kvmweb.services import system_database, systems
from kvmweb.store.models import AuditEntry

pytestmark = pytest.mark.django_db

DATA = Path(__file__).resolve().parents[1] / "data" / "osinfo"
TOP = "osinfo-db-20261101"
Files = dict[str, str | tarfile.TarInfo]


def os(short_id: str, inside: str = "") -> str:
    uri = f"http://example.org/{short_id}"
    return f"<libosinfo><os id='{uri}'><short-id>{short_id}</short-id>{inside}</os></libosinfo>"


GOOD: Files = {
    f"{TOP}/VERSION": "20261101",
    f"{TOP}/LICENSE": "free",
    f"{TOP}/device/one.xml": "<libosinfo/>",
    f"{TOP}/os/example.org/harbour.xml": os("harbour1", "<name>Harbour again</name>"),
    f"{TOP}/os/example.org/reef.xml": os("reef1"),
}


def packed(files: Files) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                tar.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content.encode()))
    return lzma.compress(raw.getvalue())


def link(kind: bytes, to: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, to
    return info


@pytest.fixture(autouse=True)
def data(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder with our little database; the distribution's is an empty one."""
    monkeypatch.setattr(systems, "PLACES", (str(tmp_path / "distribution"),))
    settings.KVMWEB_DATA_DIR = tmp_path / "data"
    shutil.copytree(DATA, tmp_path / "data" / "osinfo")
    yield tmp_path / "data"
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["osinfo"]
    assert not (tmp_path / "elsewhere").exists()


def take(tmp_path: Path, content: bytes) -> str:
    archive = tmp_path / "osinfo-db.tar.xz"
    archive.write_bytes(content)
    said = io.StringIO()
    call_command("import_osinfo", str(archive), stdout=said)
    return said.getvalue()


def test_an_archive_takes_the_place_of_what_was_there_at_once(tmp_path: Path, data: Path) -> None:
    assert systems.get("harbour2") is not None
    said = take(tmp_path, packed(GOOD))
    assert said == (
        "Version 20261101 of the osinfo database is in use now: 2 systems, 1 of them new.\n"
    )
    assert systems.get("reef1") is not None
    assert systems.get("harbour2") is None
    kept = sorted(str(it.relative_to(data)) for it in data.rglob("*") if it.is_file())
    assert kept == [
        "osinfo/VERSION",
        "osinfo/device/one.xml",
        "osinfo/os/example.org/harbour.xml",
        "osinfo/os/example.org/reef.xml",
    ]
    assert (data / "osinfo" / "os").stat().st_mode & 0o777 == 0o755  # whoever ran the command
    assert (data / "osinfo" / kept[0][7:]).stat().st_mode & 0o777 == 0o644
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.outcome) == ("settings.change", "ok")


def test_a_file_counts_instead_of_the_distributions_of_the_same_path(tmp_path: Path) -> None:
    early = os("reef1", "<release-status>prerelease</release-status>")
    older = tmp_path / "distribution" / "os" / "example.org" / "reef.xml"
    older.parent.mkdir(parents=True)
    older.write_text(early)
    (older.parent / "wreck.xml").write_text(os("wreck1"))
    reef = systems.get("reef1")
    assert reef is not None
    assert reef.support(date(2026, 11, 1)) is Support.EARLY
    take(tmp_path, packed(GOOD))
    reef = systems.get("reef1")
    assert reef is not None
    assert reef.support(date(2026, 11, 1)) is not Support.EARLY
    assert systems.get("wreck1") is not None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: b"PK\3\4" * 9, "no archive of the kind .tar.xz"),
        (lambda: lzma.compress(b"<libosinfo/>" * 99), "no archive of the kind .tar.xz"),
        (lambda: packed(GOOD)[:-40], "ends too early"),
        (lambda: lzma.compress(bytes(system_database.WHOLE_MAX + 1), preset=0), "too large"),
        (lambda: packed({**GOOD, "other/os/x.xml": "<a/>"}), "more than one folder"),
        (lambda: packed({f"{TOP}/os/x.xml": os("x")}), "does not say its version"),
        (lambda: packed({f"{TOP}/VERSION": "1", f"{TOP}/README": ""}), "knows no operating"),
        (lambda: packed({**GOOD, f"{TOP}/os/x.xml": "<libosinfo><os"}), "os/x.xml cannot be read"),
        (lambda: packed({**GOOD, f"{TOP}/os/x.xml": "<!DOCTYPE a><a/>"}), "document type"),
        (lambda: packed({**GOOD, f"{TOP}/../../elsewhere/x.xml": os("x")}), "no osinfo database"),
        (lambda: packed({**GOOD, "/elsewhere/x.xml": os("x")}), "no osinfo database"),
        (lambda: packed({**GOOD, f"{TOP}/os/x": link(tarfile.SYMTYPE, "/")}), "no osinfo database"),
        (
            lambda: packed({**GOOD, f"{TOP}/x.xml": link(tarfile.LNKTYPE, "a")}),
            "no osinfo database",
        ),
        (lambda: packed({**GOOD, f"{TOP}/x.xml": link(tarfile.CHRTYPE, "")}), "no osinfo database"),
    ],
)
def test_what_is_no_osinfo_database_changes_nothing(
    tmp_path: Path, content: Callable[[], bytes], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        take(tmp_path, content())
    assert systems.get("harbour2") is not None
    assert systems.get("reef1") is None


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_database, "FILES_MAX", len(GOOD) - 1)
    with pytest.raises(CommandError, match="too large"):
        take(tmp_path, packed(GOOD))


def test_a_place_that_cannot_be_written_keeps_the_former_one(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, _to: Path) -> None:
        if self.name == "new":
            raise OSError(28, "No space left on device")
        shutil.move(self, _to)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(CommandError, match="No space left"):
        take(tmp_path, packed(GOOD))
    assert (data / "osinfo" / "os" / "example.org" / "harbour-2.xml").exists()
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        call_command("import_osinfo", str(tmp_path / "missing.tar.xz"))
