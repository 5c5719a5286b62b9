"""The network interfaces of a guest: add one, change it, pull its cable, take it away.

The right to edit the guest is needed; to connect it elsewhere also that over the network, or over
the host's bridges; for its bandwidth the one over limits. Nobody names a device of the host by
typing.
"""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import wire
from kvmweb.core.actors import Actor
from kvmweb.core.cards import CardChange, CardLimits, CardPlace
from kvmweb.core.errors import Denied, Invalid, NotFound, WrongState
from kvmweb.core.networks import MACVTAP_MODES, OVS, HostInterface
from kvmweb.core.records import GuestRecord, InterfaceRecord, NetworkRecord
from kvmweb.core.refs import Ref
from kvmweb.core.specs import InterfaceSpec
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, creation, creation_devices, macs, networks, present
from kvmweb.services import limits as rights
from kvmweb.services.guard import guarded, sifted

MODELS = creation_devices.MODELS
AS_IT_IS = CardLimits()
MTU = (68, 65535)
VLAN_MAX = 4094
FLOW_MAX = 4_000_000
"""KiB/s; libvirt multiplies it into an unsigned number of 32 bit."""


@sifted("network.use")
def places(actor: Actor, host: str) -> list[CardPlace]:
    """Where this actor may connect guests of this host: networks, their port groups, and for who
    may use the host's own bridges and devices, those.
    """
    found = []
    for uuid, network in creation.networks(actor, host).items():
        groups = sorted(it.name for it in network.spec.port_groups)
        has_vlans = network.spec.mode == OVS
        for group in ("", *groups):
            key = f"network:{uuid}/{group}" if group else f"network:{uuid}"
            place = CardPlace(key, "network", network.name, network.is_active, group, has_vlans)
            found.append(place)
    if not creation.may_bridge(actor, host):
        return found
    rows = mirror.Interface.objects.filter(host=host, is_gone__in=[False]).order_by("name_fold")
    cards = [wire.from_plain(HostInterface, row.record) for row in rows]
    of_libvirt = set(
        mirror.Network.objects.filter(host=host, is_gone__in=[False]).values_list(
            "record__bridge", flat=True
        )
    )
    own = [it.name for it in cards if it.type == "bridge" and it.name not in of_libvirt]
    taken = {name for it in cards if it.type == "bridge" for name in it.members}
    devices = [it.name for it in cards if it.type != "bridge" and it.name not in taken]
    found += [CardPlace(f"bridge:{name}", "bridge", name) for name in own]
    return found + [CardPlace(f"direct:{name}", "direct", name) for name in devices]


@guarded("guest.edit")
def attach(
    actor: Actor,
    ref: Ref,
    *,
    place: str,
    mode: str = "bridge",
    model: str = "virtio",
    mac: str = "",
    definition_hash: str = "",
) -> tuple[str, str]:
    """Its MAC, and `now`, or `next` where the running guest has no free slot.

    place: a key of `places`. mode: of macvtap, for a device of the host. mac: empty makes one.
    Raises: Denied (its interfaces are limited), Invalid (fields), Conflict, HostDown.
    """
    present.reachable(ref)
    record = present.record(present.guest(ref))
    is_free = rights.judged_beside(actor, ref, is_limited=record.has_limited_cards)
    wrong: dict[str, str] = {}
    found = _place(actor, ref, place, wrong)
    mac = _mac(actor, ref, mac, wrong) if mac else macs.free(ref.host)
    _model(model, wrong)
    _mode(mode, wrong)
    if wrong or found is None:
        raise Invalid(fields=wrong)
    spec = InterfaceSpec(
        type=found.type, source=found.source, mode=mode, model=model, mac=mac,
        port_group=found.port_group,
    )  # fmt: skip
    audit.running().detail.update(mac=mac, connected_to=f"{found.type} {found.source}")
    when = client.call(
        ref.host, "guest.attach_card", uuid=ref.id, spec=wire.to_plain(spec),
        definition_hash=definition_hash, beside_limited=is_free,
    )  # fmt: skip
    return mac, str(when)


@guarded("guest.edit")
def edit(
    actor: Actor,
    ref: Ref,
    mac: str,
    *,
    place: str = "",
    mode: str = "",
    model: str = "",
    new_mac: str = "",
    is_link_up: bool | None = None,
    limits: CardLimits = AS_IT_IS,
    definition_hash: str = "",
) -> str:
    """`now`, `next` (all of it at the next start at the latest) or `same`. Empty leaves as it is.

    Raises: NotFound, Denied (bandwidth), Invalid (fields), WrongState for a MAC while it runs,
    Conflict, HostDown, NotSupported where the host of a running guest cannot limit: then nothing
    was changed.
    """
    present.reachable(ref)
    before, record = _card(ref, mac)
    limits = _allowed(actor, ref, limits, before)
    wrong: dict[str, str] = {}
    found = _place(actor, ref, place, wrong) if place else _same_in(actor, ref, before, mode)
    _mode(mode or "bridge", wrong)
    _limits(actor, ref, limits, found, before, wrong)
    new_mac = _other_mac(actor, ref, before, new_mac, wrong, is_active=record.state.is_active)
    if model and model != before.model:
        _model(model, wrong)
    if wrong:
        raise Invalid(fields=wrong)
    change = wire.to_plain(
        CardChange(
            **_where(found, mode or before.mode), model=model, mac=new_mac, is_link_up=is_link_up,
            mtu=limits.mtu, vlan=limits.vlan, inbound=limits.inbound, outbound=limits.outbound,
        )
    )  # fmt: skip
    audit.running().detail.update(mac=mac, change=change)
    args = {"mac": mac, "change": change, "definition_hash": definition_hash}
    return str(client.call(ref.host, "guest.edit_card", uuid=ref.id, **args))


@guarded("guest.edit")
def detach(actor: Actor, ref: Ref, mac: str, *, definition_hash: str = "") -> str:
    """`now` when it is gone, `asked` while the guest holds on to it, `next` where it cannot be.

    Raises: NotFound, Denied (it is limited), WrongState while it is paused, Conflict, HostDown.
    """
    present.reachable(ref)
    card, record = _card(ref, mac)
    is_limited = any(it.mac == card.mac and it.is_limited for it in _cards(record))
    judged = rights.judged(actor, ref, record, definition_hash, is_limited=is_limited)
    audit.running().detail.update(mac=mac)
    return str(
        client.call(ref.host, "guest.detach_card", uuid=ref.id, mac=mac, definition_hash=judged)
    )


def _allowed(actor: Actor, ref: Ref, wanted: CardLimits, card: InterfaceRecord) -> CardLimits:
    """Who may not limit leaves the bandwidth as it is, whatever it is by then. Raises Denied."""
    if rights.may(actor, ref):
        return wanted
    pairs = ((wanted.inbound, card.inbound), (wanted.outbound, card.outbound))
    if any(flow is not None and flow != before for flow, before in pairs):
        raise Denied(verb=rights.VERB, ref=str(ref))
    return replace(wanted, inbound=None, outbound=None)


def _cards(record: GuestRecord) -> tuple[InterfaceRecord, ...]:
    """As they will be at the next start, then as they are."""
    return (*record.next_interfaces, *record.interfaces)


def _card(ref: Ref, mac: str) -> tuple[InterfaceRecord, GuestRecord]:
    record = present.record(present.guest(ref))
    if not record.is_persistent and not record.state.is_active:
        raise WrongState(state=record.state.value)
    for card in _cards(record):
        if card.mac == mac.lower():
            return card, record
    raise NotFound(ref=f"{ref}/{mac}")


def _place(actor: Actor, ref: Ref, key: str, wrong: dict[str, str]) -> CardPlace | None:
    found = next((it for it in places(actor, ref.host) if it.key == key), None)
    if found is None:
        wrong["place"] = _("Choose a network that you may use.")
    elif not found.is_active:
        wrong["place"] = _("This network is not started.")
    return found


def _where(found: CardPlace | None, mode: str) -> dict[str, str]:
    if found is None:
        return {}
    kept = mode or "bridge" if found.type == "direct" else ""
    return {
        "type": found.type, "source": found.source, "port_group": found.port_group, "mode": kept,
    }  # fmt: skip


def _same_in(actor: Actor, ref: Ref, card: InterfaceRecord, mode: str) -> CardPlace | None:
    """The place where it is already, for another mode there; None where that is nothing."""
    if not mode or card.type != "direct" or card.mode == mode:
        return None
    keys = {it.key: it for it in places(actor, ref.host)}
    return keys.get(f"direct:{card.source}")


def _has_vlans(ref: Ref, found: CardPlace | None, card: InterfaceRecord) -> bool:
    if found is not None:
        return found.has_vlans
    rows = mirror.Network.objects.filter(host=ref.host, name=card.source, is_gone=False)
    records = [wire.from_plain(NetworkRecord, row.record) for row in rows]
    return card.type == "network" and any(it.spec.mode == OVS for it in records)


def _mode(mode: str, wrong: dict[str, str]) -> None:
    if mode not in MACVTAP_MODES:
        wrong["mode"] = _("Choose one of the list.")


def _vlan_fault(
    actor: Actor, ref: Ref, vlan: int | None, found: CardPlace | None, card: InterfaceRecord
) -> str:
    """Another VLAN is another network: where the card stays, its network is to be used too."""
    if vlan and not 1 <= vlan <= VLAN_MAX:
        return _("1 to 4094, or empty.")
    if vlan and not _has_vlans(ref, found, card):
        return _("Only a network of Open vSwitch gives each interface a VLAN.")
    is_same = vlan == (card.vlans or (0,))[0]
    if vlan is None or (found is None and is_same):
        return ""
    if vlan and (found.port_group if found else card.port_group):
        return _("The port group says which VLAN it is.")
    if found is None and not any(
        (it.type, it.source) == (card.type, card.source) for it in places(actor, ref.host)
    ):
        return _("Choose a network that you may use.")
    return ""


def _limits(
    actor: Actor,
    ref: Ref,
    limits: CardLimits,
    found: CardPlace | None,
    card: InterfaceRecord,
    wrong: dict[str, str],
) -> None:
    low, high = MTU
    kind = found.type if found else card.type
    if limits.mtu and not low <= limits.mtu <= high:
        wrong["mtu"] = _("%(low)d to %(high)d, or empty.") % {"low": low, "high": high}
    elif limits.mtu and kind == "direct":
        wrong["mtu"] = _("macvtap has the MTU of its device.")
    if sentence := _vlan_fault(actor, ref, limits.vlan, found, card):
        wrong["vlan"] = sentence
    for name, flow in (("inbound", limits.inbound), ("outbound", limits.outbound)):
        if flow is None:
            continue
        if not all(0 <= it <= FLOW_MAX for it in (flow.average, flow.peak, flow.burst)):
            wrong[name] = _("At most %(n)d KiB/s.") % {"n": FLOW_MAX}
        elif (flow.peak or flow.burst) and not flow.average:
            wrong[name] = _("Peak and burst need an average.")
        elif flow.peak and flow.peak < flow.average:
            wrong[f"{name}_peak"] = _("The peak is not below the average.")


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


def _other_mac(
    actor: Actor, ref: Ref, card: InterfaceRecord, typed: str, wrong: dict[str, str], *,
    is_active: bool,
) -> str:  # fmt: skip
    """Empty where it stays."""
    if not typed or typed.lower() == card.mac:
        return ""
    mac = _mac(actor, ref, typed, wrong, "new_mac")
    if is_active:
        wrong.setdefault("new_mac", _("The guest is running. Shut it off first."))
    return mac
