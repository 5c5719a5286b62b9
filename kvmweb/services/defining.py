"""The stored definition of a guest as XML: read, checked, and put in the place of the present one.

Raw XML is root on the host: it needs a verb of its own and a password given lately. Passwords never
leave the host's worker.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from django.utils.translation import gettext as _

from kvmweb.core.actors import Actor
from kvmweb.core.details import HostLine
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.core.refs import Ref
from kvmweb.definitions import defining as xml
from kvmweb.definitions import elements
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, present, sessions, sight
from kvmweb.services.guard import guarded, open_to_all
from kvmweb.store.models import GuestVersion

VERB = "guest.xml"
SIZE_MAX = elements.SIZE_MAX
KEPT = xml.KEPT
DEADLINE_S = 30.0
Difference = tuple[tuple[str, str], ...]
"""Lines with what happened to them: same, added, removed; gap between two places."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the next start brings. xml: each password as `KEPT`. hash: to be sent with a change."""

    ref: Ref
    host: HostLine
    name: str
    is_active: bool
    xml: str
    hash: str


@guarded(VERB, is_audited=False)
def read(actor: Actor, ref: Ref) -> Stored:
    """As the host has it now. Raises NotFound, WrongState (transient), HostDown."""
    row, host = _known(ref)
    found = client.call(ref.host, "guest.stored", uuid=ref.id)
    return Stored(
        ref=ref,
        host=sight.host_line(actor, ref, host),
        name=row.name,
        is_active=row.state not in ("shut-off", "no-state", "crashed"),
        xml=str(found["xml"]),
        hash=str(found["hash"]),
    )


@guarded(VERB, is_audited=False)
def restorable(actor: Actor, ref: Ref, version: int, current: str) -> str:
    """An earlier definition as it would be typed now. Raises NotFound, Invalid."""
    found = GuestVersion.objects.filter(host=ref.host, uuid=ref.id, pk=version).first()
    if found is None:
        raise NotFound(ref=str(ref))
    return xml.restorable(found.xml, current)


@open_to_all("a pure function")
def faults(text: str, *, name: str, uuid: str) -> dict[str, str]:
    """What is wrong with it before libvirt is asked: in the field `text`, with the line."""
    if len(text.encode()) > SIZE_MAX:
        return {"text": _("The XML is larger than 1 MiB.")}
    try:
        xml.check(text, name=name, uuid=uuid)
    except Invalid as invalid:
        return {"text": _("This XML cannot be stored: %(what)s") % {"what": invalid.detail}}
    return {}


@guarded(VERB)
def apply(actor: Actor, ref: Ref, *, text: str, definition_hash: str, version: int = 0) -> None:
    """Store it; a guest that runs has it at its next start.

    version: of the history, where it was brought back from there.
    Raises: Denied without a password given lately, Invalid (fields), Conflict, WrongState,
    HostDown.
    """
    if not sessions.is_confirmed(actor):
        raise Denied("password not given lately", verb="me.confirm")
    present = read(actor, ref)
    wrong = faults(text, name=present.name, uuid=ref.id)
    if wrong:
        raise Invalid(fields=wrong)
    audit.running().detail.update(changes=_changes(present.xml, text))
    if version:
        audit.running().detail.update(version=version)
    try:
        found = client.call(
            ref.host, "guest.redefine", deadline_s=DEADLINE_S, uuid=ref.id, text=text,
            definition_hash=definition_hash,
        )  # fmt: skip
    except Invalid as invalid:
        said = _("libvirt does not take it: %(what)s") % {"what": _words(invalid.detail)}
        raise Invalid(invalid.detail, fields={"text": said}) from invalid
    audit.running().detail.update(after=found["hash"])


@open_to_all("a pure function")
def difference(before: str, after: str) -> Difference:
    """Four lines around each change; empty where nothing differs."""
    kinds = {"+": "added", "-": "removed", "@": "gap"}
    found = difflib.unified_diff(xml.lines(before), xml.lines(after), lineterm="", n=4)
    body = list(found)[2:]
    return tuple(
        (kinds.get(line[:1], "same"), "" if line.startswith("@@") else line[1:]) for line in body
    )


def _changes(before: str, after: str) -> str:
    """For the audit: the lines that differ, without passwords, as far as they fit."""
    signs = {"added": "+", "removed": "-"}
    found = difference(xml.masked(before), xml.masked(after))
    lines = (f"{signs[kind]}{line.strip()}" for kind, line in found if kind in signs)
    return "\n".join(lines)[:4000]


def _words(detail: str) -> str:
    """libvirt's sentence without the names of its own files."""
    lines = [line.strip() for line in detail.splitlines() if line.strip()]
    kept = [line for line in lines if "Unable to validate doc against" not in line]
    return " ".join(kept or lines)[:600]


def _known(ref: Ref) -> tuple[mirror.Guest, mirror.HostMirror]:
    return present.guest(ref), present.host(ref.host)
