"""Rename a guest that is off. Its identity is its UUID: grants, history and jobs stay with it."""

from __future__ import annotations

from django.utils.translation import gettext as _

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Busy, Invalid, NotSupported, WrongState
from kvmweb.core.records import GuestState
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.services import audit, creation, creation_plan, present
from kvmweb.services.guard import guarded
from kvmweb.services.marks import internal

DEADLINE_S = 20.0


@guarded("guest.rename")
def rename(actor: Actor, ref: Ref, *, name: str) -> None:
    """Raises: WrongState (it runs), Invalid (fields), Exists, NotFound, HostDown.

    Source: virDomainRename.
    """
    row = present.reachable(ref)
    if GuestState(row.state).is_active:
        raise WrongState(name=row.name, state=row.state)
    wrong = {} if name == row.name else name_faults(ref.host, name)
    if row.record.get("has_saved_state"):
        wrong[""] = _("Its state is saved under its name. Start it, or discard the state first.")
    elif row.record.get("snapshots"):
        wrong[""] = _("It has snapshots, which know it by its name. Delete them first.")
    if wrong:
        raise Invalid(fields=wrong)
    audit.running().detail.update(before=row.name, after=name)
    try:
        client.call(ref.host, "guest.rename", deadline_s=DEADLINE_S, uuid=ref.id, name=name)
    except Busy as problem:
        if "file" not in problem.context:
            raise
        said = _("Firmware settings of another guest are kept under this name.")
        raise Invalid(fields={"name": said}) from problem
    except NotSupported as problem:
        said = _("Its firmware settings are kept under its name, where only libvirt finds them.")
        raise Invalid(fields={"": said}) from problem


@internal("a part of acts that name a guest")
def name_faults(host: str, name: str) -> dict[str, str]:
    """What is wrong with a new name of a guest of this host."""
    if not creation_plan.NAME.fullmatch(name) or name != name.strip():
        said = _(
            "1 to 63 letters, digits, spaces or . _ + @ -, beginning with a letter or a digit."
        )
        return {"name": said}
    if name in creation.names(host):
        return {"name": _("A guest of this name is already on this host.")}
    return {}
