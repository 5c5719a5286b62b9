"""Templates: guests that do not run and do not change, which new guests are made of.

The mark is kept by libvirt, in the guest's own definition, so that it travels with it. A template
stays a guest: its disks are its own, and nobody else is given them.
"""

from __future__ import annotations

import time

from django.utils.translation import gettext as _

from kvmweb.core import wire
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid, WrongState
from kvmweb.core.records import GuestRecord
from kvmweb.core.refs import Ref
from kvmweb.core.templates import TemplateMark
from kvmweb.core.wishes import CloudWish
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, cloud_seeds, present
from kvmweb.services.guard import guarded, internal

VERB = "guest.template"


@guarded(VERB, is_audited=False)
def ask(actor: Actor, ref: Ref) -> GuestRecord:
    """The guest that is to become one, or is one. Raises NotFound."""
    return present.record(present.guest(ref))


@guarded(VERB)
def make(actor: Actor, ref: Ref, defaults: CloudWish, *, definition_hash: str = "") -> None:
    """Make one of it, or give a template other defaults. defaults: without host name and password.

    Raises: WrongState (it runs, or its state is saved), Invalid (fields), Conflict, HostDown.
    """
    found = present.record(present.guest(ref))
    if found.state.is_active:
        raise WrongState(name=found.name, state=found.state)
    wrong = cloud_seeds.faults(defaults)
    if defaults.password:
        wrong["password"] = _("A template keeps no password: everybody who sees it could read it.")
    if wrong:
        raise Invalid(fields=wrong)
    mark = TemplateMark(
        at=time.time(),
        by=actor.name,
        user=defaults.user,
        keys=defaults.keys.replace("\r\n", "\n").strip(),
        packages=defaults.packages.strip(),
        text=defaults.text,
    )
    client.call(
        ref.host, VERB, uuid=ref.id, mark=wire.to_plain(mark), definition_hash=definition_hash
    )


@guarded(VERB)
def unmake(actor: Actor, ref: Ref) -> None:
    """A guest again. Linked clones stay protected: it does not start while there are any."""
    present.guest(ref)
    audit.tell(act="untemplate")
    client.call(ref.host, VERB, uuid=ref.id, mark=None)


@internal("a part of acts that make guests of templates")
def defaults(mark: TemplateMark) -> CloudWish:
    """What cloud-init is told unless somebody says otherwise."""
    return CloudWish(user=mark.user, keys=mark.keys, packages=mark.packages, text=mark.text)


@internal("a condition of acts that change a guest's disks")
def require_none(ref: Ref) -> None:
    """The disks of a template stay as they are. Raises Invalid."""
    found = mirror.Guest.objects.filter(host=ref.host, uuid=ref.id, is_gone=False)
    if found.values_list("record__template", flat=True).first():
        raise Invalid(fields={"": _("It is a template: its disks stay as they are.")})
