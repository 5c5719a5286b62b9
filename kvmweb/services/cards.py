"""The network interfaces of a guest: add one, change it, pull its cable, take it away.

The right to edit the guest is needed; to connect it elsewhere also that over the network, or over
the host's bridges. Nobody names a device of the host by typing.
"""

from __future__ import annotations

import secrets

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import wire
from kvmweb.core.actors import Actor
from kvmweb.core.cards import CardChange, CardPlace
from kvmweb.core.errors import Invalid, NotFound, WrongState
from kvmweb.core.networks import HostInterface
from kvmweb.core.records import InterfaceRecord
from kvmweb.core.refs import Ref
from kvmweb.core.specs import InterfaceSpec
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, creation, creation_devices, networks, present
from kvmweb.services.guard import guarded, sifted

MODELS = creation_devices.MODELS


@sifted("network.use")
def places(actor: Actor, host: str) -> list[CardPlace]:
    """The networks and bridges of this host that this actor may connect guests to."""
    found = [
        CardPlace(f"network:{uuid}", "network", network.name, network.is_active)
        for uuid, network in creation.networks(actor, host).items()
    ]
    if not creation.may_bridge(actor, host):
        return found
    rows = mirror.Interface.objects.filter(host=host, is_gone__in=[False]).order_by("name_fold")
    bridges = [wire.from_plain(HostInterface, row.record) for row in rows]
    of_libvirt = set(
        mirror.Network.objects.filter(host=host, is_gone__in=[False]).values_list(
            "record__bridge", flat=True
        )
    )
    own = [it.name for it in bridges if it.type == "bridge" and it.name not in of_libvirt]
    return found + [CardPlace(f"bridge:{name}", "bridge", name) for name in own]


@guarded("guest.edit")
def attach(
    actor: Actor,
    ref: Ref,
    *,
    place: str,
    model: str = "virtio",
    mac: str = "",
    definition_hash: str = "",
) -> tuple[str, str]:
    """Its MAC, and `now`, or `next` where the running guest has no free slot.

    place: a key of `places`. mac: empty makes one. Raises: Invalid (fields), Conflict, HostDown.
    """
    present.reachable(ref)
    wrong: dict[str, str] = {}
    found = _place(actor, ref, place, wrong)
    mac = _mac(actor, ref, mac, wrong) if mac else _free(ref.host)
    _model(model, wrong)
    if wrong or found is None:
        raise Invalid(fields=wrong)
    spec = InterfaceSpec(type=found.type, source=found.source, model=model, mac=mac)
    audit.running().detail.update(mac=mac, connected_to=f"{found.type} {found.source}")
    when = client.call(
        ref.host, "guest.attach_card", uuid=ref.id, spec=wire.to_plain(spec),
        definition_hash=definition_hash,
    )  # fmt: skip
    return mac, str(when)


@guarded("guest.edit")
def edit(
    actor: Actor,
    ref: Ref,
    mac: str,
    *,
    place: str = "",
    model: str = "",
    new_mac: str = "",
    is_link_up: bool | None = None,
    definition_hash: str = "",
) -> str:
    """`now`, `next` (all of it at the next start at the latest) or `same`. Empty leaves as it is.

    Raises: NotFound, Invalid (fields), WrongState for a MAC while it runs, Conflict, HostDown.
    """
    present.reachable(ref)
    before, is_active = _card(ref, mac)
    wrong: dict[str, str] = {}
    found = _place(actor, ref, place, wrong) if place else None
    new_mac = "" if new_mac.lower() == before.mac else new_mac
    if new_mac:
        new_mac = _mac(actor, ref, new_mac, wrong, "new_mac")
    if new_mac and is_active:
        wrong.setdefault("new_mac", _("The guest is running. Shut it off first."))
    if model and model != before.model:
        _model(model, wrong)
    if wrong:
        raise Invalid(fields=wrong)
    kind, source = (found.type, found.source) if found else ("", "")
    change = CardChange(kind, source, model, new_mac, is_link_up)
    audit.running().detail.update(mac=mac, change=wire.to_plain(change))
    return str(
        client.call(
            ref.host, "guest.edit_card", uuid=ref.id, mac=mac, change=wire.to_plain(change),
            definition_hash=definition_hash,
        )
    )  # fmt: skip


@guarded("guest.edit")
def detach(actor: Actor, ref: Ref, mac: str, *, definition_hash: str = "") -> str:
    """`now` when it is gone, `asked` while the guest holds on to it, `next` where it cannot be.

    Raises: NotFound, WrongState while it is paused, Conflict, HostDown.
    """
    present.reachable(ref)
    _card(ref, mac)
    audit.running().detail.update(mac=mac)
    return str(
        client.call(
            ref.host, "guest.detach_card", uuid=ref.id, mac=mac, definition_hash=definition_hash
        )
    )


def _card(ref: Ref, mac: str) -> tuple[InterfaceRecord, bool]:
    record = present.record(present.guest(ref))
    if not record.is_persistent and not record.state.is_active:
        raise WrongState(state=record.state.value)
    for card in (*record.next_interfaces, *record.interfaces):
        if card.mac == mac.lower():
            return card, record.state.is_active
    raise NotFound(ref=f"{ref}/{mac}")


def _place(actor: Actor, ref: Ref, key: str, wrong: dict[str, str]) -> CardPlace | None:
    found = next((it for it in places(actor, ref.host) if it.key == key), None)
    if found is None:
        wrong["place"] = _("Choose a network that you may use.")
    elif not found.is_active:
        wrong["place"] = _("This network is not started.")
    return found


def _model(model: str, wrong: dict[str, str]) -> None:
    if model not in MODELS:
        wrong["model"] = _("Choose one of the list.")


def _mac(actor: Actor, ref: Ref, typed: str, wrong: dict[str, str], field: str = "mac") -> str:
    """As libvirt writes it; one that a guest of the host has already is refused."""
    mac = typed.strip().lower().replace("-", ":")
    if not creation_devices.MAC.fullmatch(mac):
        wrong[field] = _("Six pairs such as 52:54:00:12:34:56, not of a group.")
        return mac
    holder = next((it for it in networks.cards(ref.host) if it.card.mac == mac), None)
    if holder:
        seen = judge.can_see(actor, holder.ref)
        name = holder.name if seen else _("a guest that you do not see")
        wrong[field] = _("%(name)s has this address already.") % {"name": name}
    return mac


def _free(host: str) -> str:
    """A MAC of QEMU's own range that no guest of the host has."""
    taken = {it.card.mac for it in networks.cards(host)}
    while True:
        tail = ":".join(f"{byte:02x}" for byte in secrets.token_bytes(3))
        if f"52:54:00:{tail}" not in taken:
            return f"52:54:00:{tail}"
