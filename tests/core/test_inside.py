"""Names of a disk as text: whatever bytes they are, there and back, and nothing hides in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmweb.core import inside
from kvmweb.core.errors import Invalid
from kvmweb.core.inside import Choice, Entry, FileSystem

NAMES = st.binary(min_size=1, max_size=255).filter(lambda name: b"\0" not in name)


@given(NAMES)
def test_every_name_has_one_printable_text_that_means_it(name: bytes) -> None:
    said = inside.text(name)
    assert said.isprintable()
    assert inside.name(said) == name


@given(st.lists(NAMES, min_size=2, max_size=2, unique=True))
def test_two_names_never_look_the_same(names: list[bytes]) -> None:
    assert inside.text(names[0]) != inside.text(names[1])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (b"plain.txt", "plain.txt"),
        ("中文".encode(), "中文"),
        (b"a\nb", "a\\x0ab"),
        (b"\xff", "\\xff"),
        (b"back\\slash", "back\\\\slash"),
        (b"\\x0a", "\\\\x0a"),
        ("\u202e".encode(), "\\xe2\\x80\\xae"),
    ],
)
def test_what_cannot_be_printed_stands_as_its_bytes(name: bytes, said: str) -> None:
    assert inside.text(name) == said


@pytest.mark.parametrize("said", ["\\", "a\\", "\\q", "\\x", "\\x0", "\\xzz", "\\x00", "\udcff"])
def test_a_text_that_means_nothing_is_refused(said: str) -> None:
    with pytest.raises(Invalid):
        inside.name(said)


@pytest.mark.parametrize("said", ["etc", "/../etc", "/a/../../b", "/./a", "..", "/" + "a" * 5000])
def test_a_path_stays_where_it_begins(said: str) -> None:
    with pytest.raises(Invalid):
        inside.path(said)


def test_a_path_is_put_in_order() -> None:
    assert inside.path("") == b"/"
    assert inside.path("//etc///x/") == b"/etc/x"
    assert inside.path("/\\xff/...") == b"/\xff/..."


def test_an_address_that_says_nonsense_is_as_if_it_said_nothing() -> None:
    assert Choice.from_query({}) == Choice()
    assert Choice.from_query({"sort": "owner", "path": "", "x": "y"}) == Choice()
    wanted = Choice("/dev/sda1", "/a b&c/\\xff", "size", is_descending=True)
    assert wanted.query() == "fs=%2Fdev%2Fsda1&path=%2Fa+b%26c%2F%5Cxff&sort=-size"


def test_what_an_entry_is_follows_from_its_mode() -> None:
    def entry(mode: int) -> Entry:
        return Entry("x", mode, 0, 0, 0, 0)

    assert entry(0o040755).is_folder
    assert entry(0o100644).is_file
    assert entry(0o120777).is_link
    assert entry(0o100644).mode_text == "-rw-r--r--"
    assert not any(entry(mode).is_file for mode in (0o060600, 0o010600, 0))


def test_a_file_system_says_how_full_it_is_where_that_is_known() -> None:
    assert FileSystem("/dev/sda1", "ext4", 100, used=25, total=50).percent == 50
    assert FileSystem("/dev/sda1", "ext4", 100, used=60, total=50).percent == 100
    assert FileSystem("/dev/sda2", "swap", 100).percent is None
