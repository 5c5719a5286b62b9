"""Creating, editing and duplicating networks, and reserving addresses on them."""

from __future__ import annotations

import ipaddress
import time
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import networks as core
from kvmweb.core import refs, topics, wire
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Conflict, Denied, Invalid
from kvmweb.core.network_details import Neighbour, Surroundings
from kvmweb.core.networks import HostInterface, IpBlock, NetworkSpec, Reservation
from kvmweb.core.records import NetworkRecord
from kvmweb.core.refs import Ref
from kvmweb.core.topics import Notice
from kvmweb.definitions import network_edits as xml
from kvmweb.definitions import network_updates
from kvmweb.hostlink import client
from kvmweb.hub import publisher
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, network_drafts, network_rules, networks, present
from kvmweb.services.guard import guarded, open_to_all, sifted
from kvmweb.services.network_drafts import Draft
from kvmweb.services.network_rules import Findings

Step = network_updates.Update
APPEARS_S = 3.0


@dataclass(frozen=True, slots=True)
class Preview:
    """What a form would make. xml: empty while it cannot be built."""

    spec: NetworkSpec
    findings: Findings
    xml: str


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of an edit. is_live: some of it works already; is_pending: some waits."""

    is_live: bool
    is_pending: bool


@sifted("network.boot")
def may_boot(actor: Actor, ref: Ref) -> bool:
    """Whether this actor may name a folder of this host that guests can read by TFTP."""
    return judge.can(actor, "network.boot", ref.on_host)


@sifted("network.view")
def interfaces(actor: Actor, ref: Ref) -> list[str]:
    """Names of the interfaces of this host, for who sees all its networks."""
    if not judge.can(actor, "network.view", ref.on_host):
        return []
    return [it.name for it in _around(actor, ref).interfaces]


@guarded("network.create", is_audited=False)
def preview(actor: Actor, ref: Ref, mode: str, draft: Draft) -> Preview:
    """What this draft of a new network means, what is wrong with it, and its XML."""
    return _preview(actor, ref, mode, draft)


@guarded("network.edit", is_audited=False)
def preview_edit(actor: Actor, ref: Ref, draft: Draft) -> Preview:
    """What this draft would make of the network. Raises NotFound."""
    record = networks.read(ref)
    return _preview(actor, ref, stored(record).mode, draft, record)


@guarded("network.create")
def create(
    actor: Actor, ref: Ref, mode: str, draft: Draft, *, start: bool = True, autostart: bool = True
) -> Ref:
    """A new network on this host. Raises Invalid (fields), Exists, Overlap, HostDown."""
    made = _preview(actor, ref, mode, draft)
    _valid(made.findings)
    _may_boot(actor, ref, made.spec, NetworkSpec())
    audit.running().detail.update(name=made.spec.name, mode=mode, xml=made.xml[:4000])
    answer = _call(
        ref, "network.define", spec=wire.to_plain(made.spec), start=start, autostart=autostart
    )
    found = refs.network(ref.host, str(answer["uuid"]))
    audit.tell(str(found), made.spec.name)
    _await(found)
    return found


@guarded("network.edit")
def edit(actor: Actor, ref: Ref, draft: Draft, *, definition_hash: str) -> Applied:
    """Write it; what can be changed while it runs works at once.

    Raises: Invalid (fields), Conflict when it changed since the person saw it, HostDown.
    """
    record = networks.read(ref)
    before = stored(record)
    made = _preview(actor, ref, before.mode, draft, record)
    _valid(made.findings)
    _may_boot(actor, ref, made.spec, before)
    audit.running().detail.update(before=record.xml[:4000], after=made.xml[:4000])
    answer = _call(
        ref,
        "network.edit",
        uuid=ref.id,
        spec=wire.to_plain(made.spec),
        definition_hash=definition_hash,
    )
    return Applied(bool(answer["live"]), bool(answer["pending"]))


@guarded("network.reserve")
def reserve(
    actor: Actor,
    ref: Ref,
    *,
    who: str,
    ip: str,
    name: str = "",
    instead_of: str = "",
    definition_hash: str = "",
) -> Reservation:
    """Keep an address for a MAC address, or for a DUID with IPv6; it works at once.

    instead_of: key of the reservation that is changed. definition_hash: empty takes the newest.
    Raises: Invalid (fields mac, ip, name), Conflict.
    """
    record = networks.read(ref)
    spec = stored(record)
    kept = _reservation(who, ip, name)
    index, block = _block_of(spec, kept)
    old = next((it for it in spec.reservations if it.key == instead_of), None)
    others = [it for it in spec.reservations if it != old]
    same_family = [it for it in others if (":" in it.ip) == (":" in kept.ip)]
    faults = network_rules.reservation_faults(kept, block, same_family)
    if faults:
        raise Invalid(fields=faults)
    audit.running().detail.update(who=who, ip=ip, name=name)
    section = "ip-dhcp-host"
    steps = [Step("delete", section, index, xml.reservation(old))] if old else []
    steps.append(Step("add", section, index, xml.reservation(kept)))
    _amend(ref, steps, definition_hash or record.definition_hash)
    return kept


@guarded("network.reserve")
def release(actor: Actor, ref: Ref, *, key: str) -> None:
    """Take a reservation away; its guest keeps the address until its lease ends.

    Raises: NotFound, Conflict when somebody took it away already.
    """
    record = networks.read(ref)
    spec = stored(record)
    for index, block in enumerate(spec.ips):
        for kept in block.reservations:
            if kept.key == key:
                audit.running().detail.update(ip=kept.ip, who=kept.mac or kept.id)
                step = Step("delete", "ip-dhcp-host", index, xml.reservation(kept))
                _amend(ref, [step], record.definition_hash)
                return
    raise Conflict("the reservation is gone already")


@guarded("network.create", is_audited=False)
def proposal(actor: Actor, ref: Ref, mode: str, like: NetworkSpec | None = None) -> dict[str, str]:
    """A draft that fits on this host: a free name, bridge and subnet. like: what is duplicated."""
    around = _around(actor, ref)
    everything = _neighbours(actor, ref.host, is_whole=True)
    names = {it.name for it in everything}
    bridges = {it.bridge for it in everything} | {it.name for it in around.interfaces}
    name = _numbered(like.name if like else _NAMES.get(mode, mode), names, is_new=like is None)
    spec = replace(like, name=name) if like else NetworkSpec(name=name, mode=mode)
    if mode in core.OWN_BRIDGE:
        bridge = next(f"virbr{n}" for n in range(1000) if f"virbr{n}" not in bridges)
        taken = [net for it in everything for net in it.subnets]
        taken += [at for it in around.interfaces for at in it.addresses]
        spec = replace(spec, bridge=bridge, ips=_moved(spec.ips, taken) or (_fresh(taken),))
    elif like is None and mode in (core.MACVTAP, core.HOSTDEV):
        fits = [
            it for it in around.interfaces
            if it.type == "ethernet" and (it.has_sriov or mode == core.MACVTAP)
        ]  # fmt: skip
        spec = replace(spec, devices=tuple(it.name for it in fits[:1]))
    return network_drafts.write(spec)


@guarded("network.view")
def kept_spec(actor: Actor, ref: Ref) -> NetworkSpec:
    """What an edit or a duplicate starts from: as it will be at the next start."""
    return stored(networks.read(ref))


@open_to_all("a pure function")
def stored(record: NetworkRecord) -> NetworkSpec:
    """What the next start brings."""
    return record.stored or record.spec


_NAMES = {core.NAT: "nat", core.ROUTE: "routed", core.OVS: "ovs", core.HOSTDEV: "sriov"}


def _preview(
    actor: Actor, ref: Ref, mode: str, draft: Draft, record: NetworkRecord | None = None
) -> Preview:
    if mode not in network_drafts.FIELDS:
        raise Invalid(f"no such mode: {mode[:20]}")
    base = stored(record) if record else None
    spec, faults = network_drafts.read(mode, draft, base)
    own = {"own_uuid": record.uuid, "own_bridge": record.bridge} if record else {}
    findings = network_rules.check(spec, _around(actor, ref), **own)
    findings.faults = {**findings.faults, **faults}
    text = ""
    if not faults:
        try:
            text = xml.edit(record.xml, spec) if record else xml.build(spec)
        except Invalid as invalid:
            findings.add("name", _("Control characters cannot be stored."))
            findings.warnings.append(invalid.detail)
    return Preview(spec, findings, text)


def _valid(findings: Findings) -> None:
    if findings.faults:
        raise Invalid(fields=findings.faults)


def _may_boot(actor: Actor, ref: Ref, spec: NetworkSpec, before: NetworkSpec) -> None:
    """A folder of the host that guests can read is named by those who may. Raises Denied."""
    folders = {block.tftp_root for block in spec.ips if block.tftp_root}
    is_new = bool(folders - {block.tftp_root for block in before.ips})
    if is_new and not may_boot(actor, ref):
        raise Denied(verb="network.boot", ref=str(ref))


def _around(actor: Actor, ref: Ref) -> Surroundings:
    rows = mirror.Interface.objects.filter(host=ref.host, is_gone=False).order_by("name_fold")
    return Surroundings(
        neighbours=_neighbours(actor, ref.host),
        interfaces=tuple(wire.from_plain(HostInterface, it.record) for it in rows),
    )


def _neighbours(actor: Actor, host: str, *, is_whole: bool = False) -> tuple[Neighbour, ...]:
    """Every network of the host; the names of those alone that this actor sees."""
    reach = judge.reach(actor, "network.view")
    found = []
    for row in mirror.Network.objects.filter(host=host, is_gone=False):
        record = wire.from_plain(NetworkRecord, row.record)
        name = row.name if is_whole or reach.covers(row.ref) else ""
        subnets = tuple(dict.fromkeys((*record.subnets, *stored(record).subnets)))
        found.append(Neighbour(row.uuid, name, record.bridge, subnets, record.is_active))
    return tuple(found)


def _reservation(who: str, ip: str, name: str) -> Reservation:
    try:
        ipaddress.ip_address(ip.strip())
    except ValueError as error:
        raise Invalid(fields={"ip": _("This is not an address.")}) from error
    if len(name.split()) > 1:
        raise Invalid(fields={"name": _("A host name: letters, digits, dashes and dots.")})
    try:
        return network_drafts.reservation(f"{who.strip()} {ip.strip()} {name.strip()}")
    except ValueError as error:
        said = _("A MAC address such as 52:54:00:12:34:56, or a DUID with IPv6.")
        raise Invalid(fields={"mac": said}) from error


def _block_of(spec: NetworkSpec, kept: Reservation) -> tuple[int, IpBlock]:
    """The block that this address belongs to. Raises Invalid."""
    fits = [
        (order, block) for order, block in enumerate(spec.ips) if block.is_ipv6 == (":" in kept.ip)
    ]
    if not fits:
        raise Invalid(fields={"ip": _("The network has no addresses of this kind.")})
    address = ipaddress.ip_address(kept.ip)
    inside = [it for it in fits if address in ipaddress.ip_network(it[1].subnet)]
    return (inside or fits)[0]


def _numbered(stem: str, names: set[str], *, is_new: bool) -> str:
    if is_new and stem not in names:
        return stem
    return next(name for n in range(2, 10_000) if (name := f"{stem}-{n}") not in names)


def _fresh(taken: list[str]) -> IpBlock:
    """192.168.N.0/24 that nobody has."""
    nets = [ipaddress.ip_interface(it).network for it in taken]
    for third in (*range(100, 255), *range(1, 100)):
        mine = ipaddress.ip_network(f"192.168.{third}.0/24")
        if not any(net.version == 4 and net.overlaps(mine) for net in nets):
            break
    stem = f"192.168.{third}"
    return IpBlock(f"{stem}.1", 24, (core.DhcpRange(f"{stem}.100", f"{stem}.254"),))


def _moved(blocks: tuple[IpBlock, ...], taken: list[str]) -> tuple[IpBlock, ...]:
    """Each block with its size and shape kept, in the next subnet that is free."""
    found: list[IpBlock] = []
    for block in blocks:
        was = ipaddress.ip_network(block.subnet)
        nets = [ipaddress.ip_interface(it).network for it in taken]
        step, size = 0, was.num_addresses
        while any(
            net.version == was.version
            and int(net.network_address) <= int(was.network_address) + (step + 1) * size - 1
            and int(net.broadcast_address) >= int(was.network_address) + step * size
            for net in nets
        ):
            step += 1
        found.append(_shifted(block, step * size))
        taken.append(found[-1].subnet)
    return tuple(found)


def _shifted(block: IpBlock, by: int) -> IpBlock:
    """The same, so many addresses further; reservations stay behind: a MAC is of one guest."""

    def at(ip: str) -> str:
        return str(ipaddress.ip_address(ip) + by)

    ranges = tuple(core.DhcpRange(at(it.start), at(it.end)) for it in block.ranges)
    return replace(block, address=at(block.address), ranges=ranges, reservations=())


def _amend(ref: Ref, steps: list[Step], definition_hash: str) -> None:
    plain = [wire.to_plain(step) for step in steps]
    _call(ref, "network.amend", uuid=ref.id, steps=plain, definition_hash=definition_hash)


def _await(ref: Ref) -> None:
    """Until the mirror has it, or APPEARS_S: whoever made it goes to its page next."""
    until = time.monotonic() + APPEARS_S
    there = mirror.Network.objects.filter(host=ref.host, uuid=ref.id, is_gone=False)
    while not there.exists() and time.monotonic() < until:
        time.sleep(0.05)


def _call(ref: Ref, verb: str, **arguments: Any) -> Any:
    """Raises HostDown at once for a host away, and the worker's problems."""
    present.host(ref.host)
    answer = client.call(ref.host, verb, **arguments)
    publisher.publish(Notice(topics.of(ref), str(ref)))
    return answer
