"""Uploads in words: why an image was refused, what still goes on, commands that a shell takes."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from kvmweb.core import errors, refs
from kvmweb.core.images_facts import Trouble
from kvmweb.core.uploads import UploadRecord, UploadState
from kvmweb.ui import uploads

POOL = refs.pool("east", "5c1e0000-0000-4000-8000-000000000001")


def record(**changes: Any) -> UploadRecord:
    standard: dict[str, Any] = {
        "id": UUID(int=7),
        "pool": POOL,
        "name": "a.qcow2",
        "size": 100,
        "offset": 25,
        "format": "auto",
        "state": UploadState.MOVING,
        "problem": "",
        "detail": "",
        "expires_at": datetime(2026, 1, 1, tzinfo=UTC),
        "is_held": False,
    }
    return UploadRecord(**{**standard, **changes})


@pytest.mark.parametrize("trouble", list(Trouble))
def test_every_trouble_has_a_sentence_without_a_hole(trouble: Trouble) -> None:
    facts = {"refusals": [str(trouble)], "format": "qcow2", "virtual_size": 2**50}
    found = uploads.line(
        record(state=UploadState.REFUSED, problem=str(trouble), detail="/x", facts=facts)
    )
    assert found.sentence
    assert "%(" not in found.sentence
    assert found.sentence.count(found.sentence[:20]) == 1


def test_what_goes_on_says_no_trouble() -> None:
    found = uploads.line(record(facts={"refusals": ["backing"]}))
    assert (found.sentence, found.record.percent, found.is_over) == ("", 25.0, False)


def test_a_fetch_is_told_apart_from_a_check() -> None:
    checked = uploads.line(record(state=UploadState.CHECKING))
    fetched = uploads.line(record(state=UploadState.CHECKING, facts={"url": "https://x/y"}))
    assert checked.is_checking
    assert (str(checked.shown.label), str(fetched.shown.label)) == (
        "Being checked",
        "Being fetched",
    )


def test_a_hostile_name_stays_one_word_of_the_command() -> None:
    name = "$(reboot) '; rm -rf /"
    for make in (uploads.upload_command, uploads.download_command):
        words = shlex.split(make("https://p/x", "secret", name))
        assert name in words
        assert words[-1] == "https://p/x"
        assert "secret" not in words[-1]


def test_why_it_cannot_begin_is_said_with_figures() -> None:
    full = errors.Quota("it does not fit", limit="pool", free=str(3 * 2**30))
    assert uploads.refusal(full)["sentence"] == "It does not fit: 3 GiB free."
    other = errors.Conflict("x", whose="other", name="a")
    assert "another name" in uploads.refusal(other)["step"]
    fields = uploads.refusal(errors.Invalid(fields={"name": "No."}))
    assert (fields["sentence"], fields["fields"]) == ("No.", {"name": "No."})
