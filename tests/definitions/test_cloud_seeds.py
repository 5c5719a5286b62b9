"""User-data and the disc it lies on."""

from __future__ import annotations

import io

import pycdlib
import pytest

from kvmweb.core import errors
from kvmweb.definitions import cloud_seeds


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("packages: [vim\nusers: x", "2"),
        ("a: 1\n\tb: 2", "2"),
        ("a: b: c", "1"),
        ("a: &all 1\nb: *all", "2"),
        ("- one\n- two", "1"),
        ("a: 1\nb: 'open", "2"),
        ("a: !!python/object:os.system x", "1"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        cloud_seeds.read(text)
    assert caught.value.context["line"] == line
    assert caught.value.detail


@pytest.mark.parametrize("text", ["[" * 5000, "a: " + "x" * 70_000, "\x00"])
def test_what_would_cost_too_much_is_refused(text: str) -> None:
    with pytest.raises(errors.Invalid):
        cloud_seeds.read(text)


def test_what_was_typed_is_added_to_lists_and_wins_elsewhere() -> None:
    fields = {"hostname": "web", "packages": ["vim"], "users": ["default"]}
    typed = cloud_seeds.read("hostname: other\npackages: [htop]\nruncmd: [reboot]")
    assert cloud_seeds.merge(fields, typed) == {
        "hostname": "other",
        "packages": ["vim", "htop"],
        "users": ["default"],
        "runcmd": ["reboot"],
    }


def test_what_is_written_reads_back() -> None:
    values = {"name": "网页", "text": "a: [b\nc", "list": [1, "yes"]}
    text = cloud_seeds.write(values)
    assert text.startswith("#cloud-config\n")
    assert cloud_seeds.read(text) == values


def test_the_disc_is_one_that_cloud_init_finds() -> None:
    image = cloud_seeds.disc({"user-data": "#cloud-config\n{}\n", "meta-data": "instance-id: x\n"})
    iso = pycdlib.PyCdlib()
    iso.open_fp(io.BytesIO(image))
    assert iso.pvd.volume_identifier.decode().strip() == "cidata"
    for names in ({"rr_path": "/user-data"}, {"joliet_path": "/user-data"}):
        found = io.BytesIO()
        iso.get_file_from_iso_fp(found, **names)
        assert found.getvalue() == b"#cloud-config\n{}\n"
