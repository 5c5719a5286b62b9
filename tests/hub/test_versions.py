"""What the hub keeps of definitions: each once, in order, a bounded number, without passwords."""

from __future__ import annotations

import pytest

from kvmweb.hub import versions
from kvmweb.hub.mirror import Writer
from kvmweb.store.models import GuestVersion
from tests.hub import plain

pytestmark = pytest.mark.django_db


def seen(writer: Writer, digest: str, **facts: object) -> None:
    told = {"definition_hash": digest, "xml": f"<domain>{digest}</domain>", **facts}
    writer.apply([plain.guest(1, **told)])


@pytest.fixture
def writer() -> Writer:
    made = Writer("east", "here")
    made.open()
    return made


def kept() -> list[str]:
    return list(GuestVersion.objects.order_by("pk").values_list("digest", flat=True))


def test_a_definition_is_kept_when_it_differs_and_only_then(writer: Writer) -> None:
    seen(writer, "a")
    seen(writer, "a", has_autostart=True)
    seen(writer, "b")
    seen(writer, "a")
    assert kept() == ["a", "b", "a"]
    found = list(GuestVersion.objects.order_by("pk").values_list("is_first", "is_newest"))
    assert found == [(True, False), (False, False), (False, True)]


def test_of_a_running_guest_it_is_what_the_next_start_brings(writer: Writer) -> None:
    seen(writer, "a", xml="<domain id='1'/>", stored_xml="<domain/>")
    assert GuestVersion.objects.get().xml == "<domain/>"


def test_it_holds_no_password(writer: Writer) -> None:
    seen(writer, "a", xml="<domain><graphics type='vnc' passwd='sesame'/></domain>")
    assert "sesame" not in GuestVersion.objects.get().xml


def test_the_oldest_go_first(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "KEPT", 3)
    for digest in "abcde":
        seen(writer, digest)
    assert kept() == ["c", "d", "e"]


def test_guests_and_hosts_are_apart(writer: Writer) -> None:
    seen(writer, "a")
    writer.apply([plain.guest(2, definition_hash="a")])
    other = Writer("west", "here")
    other.open()
    seen(other, "a")
    assert kept() == ["a", "a", "a"]
    assert GuestVersion.objects.filter(is_newest=True).count() == 3
