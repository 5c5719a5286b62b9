"""Uploads and downloads in words: how far, why not, what was noticed, and the command line."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kvmweb.core import errors, refs
from kvmweb.core.errors import Invalid, Problem
from kvmweb.core.images import Format, Trouble
from kvmweb.core.uploads import UploadRecord, UploadState
from kvmweb.ui import links, messages, volumes
from kvmweb.ui.templatetags.kvmweb import size
from kvmweb.ui.words import State, Text

FORMATS: list[tuple[str, Text]] = [
    (Format.AUTO, _("As the file says")),
    (Format.QCOW2, "qcow2"),
    (Format.RAW, "raw"),
    (Format.ISO, _("ISO image")),
    (Format.VMDK, "vmdk"),
    (Format.VDI, "vdi"),
    (Format.VHDX, "vhdx"),
    (Format.VPC, "vpc (vhd)"),
    (Format.QED, "qed"),
]

STATES: dict[UploadState, State] = {
    UploadState.MOVING: State(_("Not finished"), "clock", "warn"),
    UploadState.CHECKING: State(_("Being checked"), "busy", "busy"),
    UploadState.DONE: State(_("Done"), "good", "good"),
    UploadState.REFUSED: State(_("Refused"), "bad", "bad"),
}

FETCHING = State(_("Being fetched"), "busy", "busy")
_WHY: dict[str, Text] = {
    Trouble.BACKING: _(
        "The image builds on another file: %(names)s. The host would open that file for every guest"
        " that uses the image. Make it whole with “qemu-img convert” and upload that."
    ),
    Trouble.DATA_FILE: _(
        "The image keeps its data in another file: %(names)s. Make it whole with “qemu-img"
        " convert” and upload that."
    ),
    Trouble.EXTERNAL: _(
        "The image is a part of others: %(names)s. Make it whole with “qemu-img convert” and"
        " upload that."
    ),
    Trouble.BROKEN: _(
        "The header of the image makes no sense. Check the file with “qemu-img check”."
    ),
    Trouble.CORRUPT: _("The image is marked as corrupt. Repair it with “qemu-img check -r all”."),
    Trouble.SNAPSHOTS: _("The image claims more than 1,000 internal snapshots."),
    Trouble.COMPRESSED: _("The file is compressed (%(format)s). Unpack it first."),
    Trouble.OLD_ENCRYPTION: _(
        "The image is encrypted in a way that QEMU opens no more. Convert it with an old one."
    ),
    Trouble.OTHER_FORMAT: _("It was declared as %(declared)s, but is %(format)s."),
    Trouble.HIDDEN_FORMAT: _(
        "It was declared as raw, but begins like a %(format)s image. A guest sees that header as"
        " data, and libvirt may take the volume for %(format)s."
    ),
    Trouble.TOO_LARGE: _("The image claims %(virtual)s: more than the whole pool holds."),
    Trouble.UNREAD: _("The header of the image lies where no header should be."),
    "full": _("The pool ran full. Nothing of the file was kept. Free some space and start again."),
    "checksum": _(
        "The checksum is another one: %(names)s. The file was damaged, or is not the one."
    ),
    "gone": _("The volume was deleted by someone else meanwhile."),
    "expired": _("Nobody went on with it for a day."),
    "cancelled": _("It was cancelled."),
    "interrupted": _("The portal was stopped meanwhile. Nothing of it was kept."),
}


_SAID: dict[str, Text] = {
    "waiting": _("Waiting"),
    "moving": _("Uploading"),
    "broken": _("Connection lost"),
    "checking": _("Being checked"),
    "done": _("Done"),
    "refused": _("Refused"),
    "failed": _("Not possible"),
    "cancelled": _("Cancelled"),
    "cancel": _("Cancel"),
    "put-away": _("Put away"),
    "moving-figures": _("%done% of %all%, %speed%/s, %left% left"),
    "first-figures": _("%done% of %all%"),
    "broken-figures": _("%done% of %all% are safe. It goes on by itself."),
    "checking-figures": _("All is there. It is being read before anybody may use it."),
    "seconds": pgettext_lazy("time left", "%n% s"),
    "minutes": pgettext_lazy("time left", "%n% min"),
    "hours": pgettext_lazy("time left", "%n% h"),
    "one-checksum": _("A checksum is of one file: choose one file, or leave the checksum out."),
    "unreached": _("The portal does not answer. Try again."),
    "fault": _("Something went wrong in the portal."),
}
"""What the script says; %name% is filled in by it."""

ICONS = {"good": "good", "bad": "bad", "warn": "unlink", "calm": "off", "busy": "busy"}


def words() -> str:
    """As the script reads them."""
    return json.dumps({name: str(said) for name, said in _SAID.items()}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class UploadLine:
    """One upload as the pool's page lists it. sentence: why it was refused; url: of its volume."""

    record: UploadRecord
    name: str
    shown: State
    sentence: str
    notes: list[str]
    url: str

    @property
    def is_over(self) -> bool:
        """Nobody can go on with it."""
        return self.record.state in (UploadState.DONE, UploadState.REFUSED)

    @property
    def is_checking(self) -> bool:
        """Nobody has to do anything: a job or the portal is at work on it."""
        return self.record.state is UploadState.CHECKING

    @property
    def record_url(self) -> str:
        """Where it is asked about."""
        return f"{links.of(self.record.pool)}uploads/{self.record.id}/"


def listing(records: Iterable[UploadRecord]) -> dict[str, Any]:
    """What the list shows: all but those that are done, whose volumes stand in a list of their own.

    ended: the ids of those, for the script that sent them.
    """
    lines = [line(record) for record in records]
    done = [it for it in lines if it.record.state is UploadState.DONE]
    return {
        "lines": [it for it in lines if it not in done],
        "ended": " ".join(str(it.record.id) for it in done),
    }


def line(record: UploadRecord) -> UploadLine:
    """In the language that is active now."""
    volume = refs.volume_id(record.pool.id, record.name)
    refusals = record.facts.get("refusals", ()) if record.state is UploadState.REFUSED else ()
    is_fetched = "url" in record.facts and record.state is UploadState.CHECKING
    whys = [record.problem, *(word for word in refusals if word != record.problem)]
    return UploadLine(
        record=record,
        name=volumes.shown_name(record.name),
        shown=FETCHING if is_fetched else STATES[record.state],
        sentence=" ".join(_say(record, word) for word in whys if word),
        notes=[_say(record, word) for word in record.facts.get("notes", ())],
        url=volumes.url(record.pool, volume),
    )


def _say(record: UploadRecord, word: str) -> str:
    facts: dict[str, Any] = record.facts
    words = {
        "names": volumes.shown_name(record.detail) or "?",
        "format": facts.get("format", "?"),
        "declared": record.format,
        "virtual": size(facts.get("virtual_size", 0)),
    }
    if word not in _WHY:
        return messages.problem(errors.problem(word)).sentence
    return str(_WHY[word]) % words


def refusal(problem: Problem) -> dict[str, Any]:
    """Why it cannot begin, for the page's script. fields: sentence by field."""
    said = messages.problem(problem)
    found: dict[str, Any] = {"problem": problem.code, "sentence": said.sentence, "step": said.step}
    context = problem.context
    if context.get("limit") == "pool":
        free = size(int(context["free"]))
        found["sentence"] = _now("It does not fit: %(free)s free.") % {"free": free}
        found["step"] = _now("Free some space, or choose another pool.")
    elif context.get("limit") == "uploads":
        found["sentence"] = _now("You have 20 uploads under way.")
        found["step"] = _now("Finish or cancel some of them first.")
    elif "whose" in context:
        found["sentence"] = _now("A file of this name is being uploaded already.")
        found["step"] = (
            _now("Go on with the same file, or cancel that upload first.")
            if context["whose"] == "yours"
            else _now("Somebody else does it. Choose another name.")
        )
    if isinstance(problem, Invalid) and problem.fields:
        found["fields"] = problem.fields
        found["sentence"] = " ".join(str(sentence) for sentence in problem.fields.values())
    return found


def upload_command(url: str, secret: str, name: str) -> str:
    """The line that sends this file; `curl -C OFFSET` goes on where it broke off."""
    words = ["curl", "--fail-with-body", "-T", name, "-H", f"X-Transfer-Ticket: {secret}", url]
    return shlex.join(words)


def download_command(url: str, secret: str, name: str) -> str:
    """The line that fetches this volume, and goes on where it broke off."""
    words = ["curl", "--fail-with-body", "-C", "-", "-o", name]
    return shlex.join([*words, "-H", f"X-Transfer-Ticket: {secret}", url])
