"""New guests of raw XML: looked at, checked, and defined where nothing of the same name is.

Raw XML is root on the host: a verb of its own, and a password given lately.
"""

from __future__ import annotations

import time
import uuid as uuids
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Exists, Invalid
from kvmweb.core.refs import Ref
from kvmweb.definitions import defining as xml
from kvmweb.definitions import guests as parsing
from kvmweb.definitions.guests import Definition
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, creation, defining, maintenance, power, projects, sessions
from kvmweb.services.guard import guarded, sifted

VERB = "guest.define"
SEEN_WITHIN_S = 5.0
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class RawPlan:
    """What a text says. faults: field to sentence; while there are any, nothing is defined."""

    text: str
    uuid: str
    found: Definition | None
    faults: Mapping[str, str]
    is_named: bool = False
    """It names its UUID itself; else it gets one when it is defined."""


@sifted(VERB)
def may(actor: Actor, host: str) -> bool:
    """Whether this actor may send raw XML to this host."""
    return judge.can(actor, VERB, refs.host(host))


@sifted(VERB)
def is_confirmed(actor: Actor) -> bool:
    """Whether the password was given lately."""
    return sessions.is_confirmed(actor)


@guarded(VERB, is_audited=False)
def plan(actor: Actor, ref: Ref, text: str) -> RawPlan:
    """ref: the host. What would be made of it; libvirt is not asked yet."""
    if not text.strip():
        return RawPlan(text, "", None, {"definition": _("Paste a definition.")})
    if len(text.encode()) > defining.SIZE_MAX:
        return RawPlan(text, "", None, {"definition": _("The XML is larger than 1 MiB.")})
    try:
        own = str(uuids.uuid4())
        text, name, uuid = xml.named(text, own)
        found = parsing.parse(text)
    except Invalid as invalid:
        said = _("This XML cannot be stored: %(what)s") % {"what": invalid.detail}
        return RawPlan(text, "", None, {"definition": said})
    faults = {}
    same = mirror.Guest.objects.filter(host=ref.host, uuid=uuid)
    there = (same.filter(is_gone=False) | same.filter(is_binned=True)).first()
    if there is not None:
        faults["definition"] = _there(name, uuid, there.name)
    elif name in creation.names(ref.host):
        faults["definition"] = _there(name, uuid, name)
    if ref.host in maintenance.resting():
        faults["host"] = _("This host is in maintenance: no guest is made there.")
    return RawPlan(text, uuid, found, faults, is_named=uuid != own)


@guarded(VERB)
def define(actor: Actor, ref: Ref, text: str, *, is_started: bool = False, project: int = 0) -> Ref:
    """ref: the host. The new guest, when the mirror has it.

    Raises: Denied without a password given lately, Invalid (fields), Maintenance, HostDown.
    """
    if not sessions.is_confirmed(actor):
        raise Denied("password not given lately", verb="me.confirm")
    maintenance.require_open(ref.host)
    wanted = plan(actor, ref, text)
    faults = {**wanted.faults, **projects.faults(projects.choices(actor, ref.host), project)}
    if faults or wanted.found is None:
        raise Invalid(fields=faults)
    guest = refs.guest(ref.host, wanted.uuid)
    audit.running().detail.update(name=wanted.found.name, guest=wanted.uuid)
    projects.join(actor, guest, project)
    try:
        client.call(
            ref.host, "guest.define_new", deadline_s=defining.DEADLINE_S, uuid=guest.id,
            text=wanted.text,
        )  # fmt: skip
    except Invalid as invalid:
        said = _("libvirt does not take it: %(what)s") % {"what": defining.words(invalid.detail)}
        raise Invalid(invalid.detail, fields={"definition": said}) from invalid
    except Exists as exists:
        said = _there(wanted.found.name, guest.id, exists.context.get("name", ""))
        raise Invalid(fields={"definition": said}) from exists
    if _is_seen(guest) and is_started:
        power.start(actor, guest)
    return guest


def _is_seen(guest: Ref) -> bool:
    """Its page is there in a moment: worth waiting for."""
    rows = mirror.Guest.objects.filter(host=guest.host, uuid=guest.id, is_gone=False)
    until = time.monotonic() + SEEN_WITHIN_S
    while not rows.exists():
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_S)
    return True


def _there(name: str, uuid: str, other: str) -> str:
    if name == other:
        return _(
            "A guest of the name %(name)s is already on this host. Change <name> and take <uuid>"
            " out."
        ) % {"name": name}
    return _(
        "%(other)s on this host has the UUID %(uuid)s already. Take <uuid> out to give it one of"
        " its own."
    ) % {"other": other, "uuid": uuid}
