"""Secrets of a host, for encrypted and Ceph volumes: values go in and never come out.

A value is in no answer, no audit entry, no log and no job: it goes over the worker's socket alone.
"""

from __future__ import annotations

import base64
import binascii

from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from kvmweb.access import judge
from kvmweb.core import plain
from kvmweb.core.actors import Actor
from kvmweb.core.devices import SecretRecord, SecretRow, SecretsRecord, SecretUsage, User
from kvmweb.core.errors import Invalid, NotFound
from kvmweb.core.hosts import Part
from kvmweb.core.refs import Ref
from kvmweb.definitions import secrets as xml
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, parts
from kvmweb.services.guard import guarded, open_to_all

VALUE_MAX = 64 * 1024
NAME_MAX = 255


@open_to_all("says to a person what that same person may do")
def may(actor: Actor, ref: Ref) -> bool:
    """Asked before a page looks by itself: a refusal would be audited each time."""
    return judge.can(actor, "host.secrets", ref)


@guarded("host.secrets", is_audited=False)
def list_(actor: Actor, ref: Ref) -> list[SecretRow]:
    """The secrets of this host with what uses each."""
    found = parts.read(ref.host, Part.SECRETS, SecretsRecord)
    if found is None or not found.record.secrets:
        return []
    definitions = _definitions(ref.host)
    reach = judge.reach(actor, "guest.view")
    return [
        SecretRow(
            ref,
            record,
            tuple(
                User(guest, name) if reach.covers(guest) else User(None, "")
                for guest, name, definition in definitions
                if _is_used(definition, record)
            ),
        )
        for record in found.record.secrets
    ]


@guarded("host.secrets", is_audited=False)
def get(actor: Actor, ref: Ref, uuid: str) -> SecretRow:
    """One of them. Raises NotFound."""
    found = (row for row in list_(actor, ref) if row.record.uuid == uuid)
    if row := next(found, None):
        return row
    raise NotFound(ref=str(ref))


@guarded("host.secrets")
@sensitive_variables("value", "coded")
def define(
    actor: Actor,
    ref: Ref,
    usage: SecretUsage,
    usage_id: str,
    *,
    description: str = "",
    is_private: bool = True,
    is_ephemeral: bool = False,
    value: str = "",
    is_base64: bool = False,
) -> str:
    """A new secret; answers its UUID. Raises Invalid, Exists, HostDown."""
    usage_id = usage_id.strip()
    audit.tell(act="define-secret", usage=usage.value, name=plain.line(usage_id, 100))
    wrong = _wrong(usage, usage_id, description)
    coded = ""
    if value:
        try:
            coded = _coded(value, is_base64)
        except Invalid as invalid:
            wrong |= invalid.fields
    if wrong:
        raise Invalid(fields=wrong)
    answer = client.call(
        ref.host,
        "secret.define",
        usage=usage.value,
        usage_id=usage_id if usage is not SecretUsage.NONE else "",
        description=description.strip(),
        is_private=is_private,
        is_ephemeral=is_ephemeral,
        value=coded,
    )
    return str(answer)


@guarded("host.secrets")
@sensitive_variables("value")
def set_value(actor: Actor, ref: Ref, uuid: str, value: str, *, is_base64: bool = False) -> None:
    """Exchange its value. Raises Invalid, NotFound, HostDown."""
    audit.tell(act="set-secret", secret=uuid)
    client.call(ref.host, "secret.set_value", uuid=uuid, value=_coded(value, is_base64))


@guarded("host.secrets")
def undefine(actor: Actor, ref: Ref, uuid: str) -> None:
    """Delete it with its value. Raises NotFound, HostDown."""
    audit.tell(act="delete-secret", secret=uuid)
    client.call(ref.host, "secret.undefine", uuid=uuid)


def _coded(value: str, is_base64: bool) -> str:
    """As it travels. Raises Invalid."""
    if not value:
        raise Invalid(fields={"value": _("Give the value.")})
    raw = value.encode()
    if is_base64:
        try:
            raw = base64.b64decode("".join(value.split()), validate=True)
        except (binascii.Error, ValueError):
            sentence = _("This is not base64. A key of Ceph is: copy it from `ceph auth get-key`.")
            raise Invalid(fields={"value": sentence}) from None
    if not raw or len(raw) > VALUE_MAX:
        raise Invalid(fields={"value": _("A value has 1 byte to 64 KiB.")})
    return base64.b64encode(raw).decode()


def _wrong(usage: SecretUsage, usage_id: str, description: str) -> dict[str, str]:
    """Field to sentence."""
    wrong = {}
    if usage is not SecretUsage.NONE and not usage_id:
        wrong["usage_id"] = _("Say what it is for: libvirt finds it by this.")
    elif len(usage_id) > NAME_MAX or plain.line(usage_id, NAME_MAX) != usage_id:
        wrong["usage_id"] = _("At most 255 characters on one line.")
    elif usage is SecretUsage.VOLUME and not usage_id.startswith("/"):
        wrong["usage_id"] = _("The full path of the volume, such as /var/lib/libvirt/images/a.img.")
    if len(description) > NAME_MAX or plain.line(description, NAME_MAX) != description:
        wrong["description"] = _("At most 255 characters on one line.")
    return wrong


def _definitions(host: str) -> list[tuple[Ref, str, str]]:
    """Of the guests whose definition names any secret at all."""
    found = mirror.GuestDefinition.objects.filter(
        mirror.HOLDS, guest__host=host, xml__contains="<secret "
    ).select_related("guest")
    return [(it.guest.ref, it.guest.name, it.xml) for it in found.order_by("guest__name_fold")]


def _is_used(definition: str, record: SecretRecord) -> bool:
    try:
        return xml.is_used(definition, record)
    except Invalid:
        return False
