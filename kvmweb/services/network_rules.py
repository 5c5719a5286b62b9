"""Does a network make sense, by itself and on its host: said before libvirt refuses it. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from kvmweb.core import networks as core
from kvmweb.core.network_details import Neighbour, Surroundings
from kvmweb.core.networks import IpBlock, NetworkSpec
from kvmweb.services.guard import open_to_all

NAME_MAX = 128
PREFIX4 = (8, 30)
PREFIX6 = (8, 126)
MTU = (576, 65_521)
MTU6_MIN = 1280
RANGE_MAX = 65_535
"""Source: virSocketAddrGetRange."""
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_DEVICE = re.compile(r"[A-Za-z0-9_.:@-]+")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(slots=True)
class Findings:
    """faults: field to the sentence that forbids it. warnings: what may still be meant so."""

    faults: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add(self, name: str, sentence: str) -> None:
        """The first fault of a field stands."""
        self.faults.setdefault(name, sentence)


@open_to_all("a pure function")
def check(
    spec: NetworkSpec, around: Surroundings, *, own_uuid: str = "", own_bridge: str = ""
) -> Findings:
    """Everything that is wrong, or odd. own_uuid, own_bridge: of the network that is edited."""
    found = Findings()
    others = [it for it in around.neighbours if it.uuid != own_uuid]
    _name(spec, others, found, is_new=not own_uuid)
    _bridge(spec, others, around, own_bridge, found)
    _devices(spec, around, found)
    for block in spec.ips:
        _block(block, found)
        _overlaps(block, spec, others, around, own_bridge, found)
    _clashes(spec.reservations, found)
    _dns(spec, found)
    _plain(spec, found)
    _numbers(spec, found)
    return found


@open_to_all("a pure function")
def reservation_faults(
    kept: core.Reservation, block: IpBlock, others: Iterable[core.Reservation]
) -> dict[str, str]:
    """What is wrong with one more reservation in this block: fields mac, ip, name."""
    faults = {}
    wrong = _place(kept.ip, block)
    if wrong:
        faults["ip"] = wrong
    for it in others:
        if kept.mac and kept.mac == it.mac:
            faults["mac"] = _("This MAC address has %(ip)s reserved already.") % {"ip": it.ip}
        if kept.id and kept.id == it.id:
            faults["mac"] = _("This client has %(ip)s reserved already.") % {"ip": it.ip}
        if kept.ip == it.ip:
            faults["ip"] = _("%(ip)s is reserved for %(who)s already.") % {
                "ip": it.ip,
                "who": it.name or it.mac or it.id,
            }
        if kept.name and kept.name.casefold() == it.name.casefold() and kept.mac != it.mac:
            faults["name"] = _("The name is reserved for %(ip)s already.") % {"ip": it.ip}
    if kept.name and not _DOMAIN.fullmatch(kept.name):
        faults["name"] = _("A host name: letters, digits, dashes and dots.")
    return faults


def _name(spec: NetworkSpec, others: list[Neighbour], found: Findings, *, is_new: bool) -> None:
    if not is_new:
        return
    if not spec.name:
        found.add("name", _("Give the network a name."))
    elif len(spec.name) > NAME_MAX:
        found.add("name", _("At most %(n)d characters.") % {"n": NAME_MAX})
    elif not spec.name.isprintable() or any(sign in spec.name for sign in "/\\"):
        found.add("name", _("A name has no slashes and no characters that cannot be seen."))
    elif any(it.name == spec.name for it in others):
        found.add("name", _("A network of this name is already there."))


def _bridge(
    spec: NetworkSpec,
    others: list[Neighbour],
    around: Surroundings,
    own_bridge: str,
    found: Findings,
) -> None:
    is_own = spec.mode in core.OWN_BRIDGE
    if not spec.bridge:
        if spec.mode in (core.BRIDGE, core.OVS):
            found.add("bridge", _("Name the bridge of the host that guests are plugged into."))
    elif len(spec.bridge) > core.BRIDGE_NAME_MAX:
        sentence = _("A bridge's name has at most %(n)d characters; this has %(len)d.")
        found.add("bridge", sentence % {"n": core.BRIDGE_NAME_MAX, "len": len(spec.bridge)})
    elif not _DEVICE.fullmatch(spec.bridge):
        found.add("bridge", _("Letters, digits, dots and dashes only."))
    elif is_own and spec.bridge != own_bridge:
        for it in (it for it in others if it.bridge == spec.bridge):
            found.add("bridge", _("%(name)s has this bridge.") % {"name": _called(it)})
        if _has(around, spec.bridge):
            found.add("bridge", _("The host has an interface of this name."))
    elif spec.mode == core.BRIDGE and around.interfaces and not _has(around, spec.bridge):
        sentence = _("The host has no bridge %(name)s now; guests cannot start without it.")
        found.warnings.append(sentence % {"name": spec.bridge})


def _has(around: Surroundings, name: str) -> bool:
    return any(it.name == name for it in around.interfaces)


def _devices(spec: NetworkSpec, around: Surroundings, found: Findings) -> None:
    known = {it.name for it in around.interfaces}
    if spec.mode in (core.MACVTAP, core.HOSTDEV):
        if not spec.devices:
            found.add("devices", _("Name an interface of the host."))
        elif spec.mode == core.HOSTDEV and len(spec.devices) > 1:
            found.add(
                "devices", _("One physical interface, whose virtual functions are given out.")
            )
    for device in spec.devices:
        _device("devices", device, known, found)
    if spec.forward_dev:
        _device("forward_dev", spec.forward_dev, known, found)


def _device(name: str, device: str, known: set[str], found: Findings) -> None:
    if len(device) > core.BRIDGE_NAME_MAX or not _DEVICE.fullmatch(device):
        found.add(name, _("“%(name)s” cannot be an interface.") % {"name": device[:30]})
    elif known and device not in known:
        found.add(name, _("The host has no interface %(name)s.") % {"name": device})


def _block(block: IpBlock, found: Findings) -> None:
    number = "6" if block.is_ipv6 else "4"
    subnet = ipaddress.ip_network(block.subnet)
    wrong = _own_address(block, subnet)
    if wrong:
        found.add(f"ipv{number}", wrong)
    if block.is_ipv6 and block.prefix != 64 and block.ranges:
        found.warnings.append(_("Guests find their IPv6 address by themselves with /64 only."))
    for wrong in filter(None, (_range(it, subnet) for it in block.ranges)):
        found.add(f"ranges{number}", wrong)
    if f"ranges{number}" not in found.faults and any(
        _number(one.start) <= _number(other.end) and _number(other.start) <= _number(one.end)
        for one, other in _pairs(block.ranges)
    ):
        found.add(f"ranges{number}", _("Two ranges share addresses."))
    for wrong in filter(None, (_place(it.ip, block) for it in block.reservations)):
        found.add(f"reservations{number}", wrong)


def _own_address(block: IpBlock, subnet: Network) -> str:
    """Why the host cannot have this address; empty when it can."""
    low, high = PREFIX6 if block.is_ipv6 else PREFIX4
    address = ipaddress.ip_address(block.address)
    if not low <= block.prefix <= high:
        return _("The prefix is from /%(low)d to /%(high)d.") % {"low": low, "high": high}
    if _is_edge(address, subnet):
        sentence = _("%(ip)s names the subnet itself or all of it; the first free one is %(free)s.")
        return sentence % {"ip": address, "free": subnet[1]}
    if address.is_multicast or address.is_loopback or address.is_unspecified:
        return _("This address cannot be given to a network.")
    return ""


def _range(it: core.DhcpRange, subnet: Network) -> str:
    start, end = ipaddress.ip_address(it.start), ipaddress.ip_address(it.end)
    words = {"start": it.start, "end": it.end, "subnet": subnet}
    if start.version != subnet.version or end.version != subnet.version:
        return _("%(start)s - %(end)s is not of the subnet %(subnet)s.") % words
    if int(start) > int(end):
        return _("%(start)s lies behind %(end)s: give the lower address first.") % words
    if start not in subnet or end not in subnet:
        return _("%(start)s - %(end)s lies outside the subnet %(subnet)s.") % words
    if _is_edge(start, subnet) or _is_edge(end, subnet):
        return _("The first and the last address of %(subnet)s cannot be given out.") % words
    if int(end) - int(start) >= RANGE_MAX:
        return _("A range has at most %(n)d addresses.") % {"n": RANGE_MAX}
    return ""


def _place(ip: str, block: IpBlock) -> str:
    """Why this address cannot be reserved in this block; empty when it can."""
    subnet = ipaddress.ip_network(block.subnet)
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return _("This is not an address.")
    words = {"ip": ip, "subnet": subnet}
    if address.version != subnet.version or address not in subnet:
        return _("%(ip)s lies outside the subnet %(subnet)s.") % words
    if _is_edge(address, subnet):
        return _("The first and the last address of %(subnet)s cannot be given out.") % words
    if ip == block.address:
        return _("%(ip)s is the address of the host.") % words
    return ""


def _overlaps(
    block: IpBlock,
    spec: NetworkSpec,
    others: list[Neighbour],
    around: Surroundings,
    own_bridge: str,
    found: Findings,
) -> None:
    name = "ipv6" if block.is_ipv6 else "ipv4"
    subnet = ipaddress.ip_network(block.subnet)
    bridges = {it.bridge for it in around.neighbours} | {own_bridge, spec.bridge}
    for it in others:
        for theirs in it.subnets:
            if not _meet(subnet, ipaddress.ip_network(theirs)):
                continue
            words = {"subnet": subnet, "theirs": theirs, "name": _called(it)}
            if it.is_active:
                found.add(name, _("%(subnet)s overlaps %(theirs)s of %(name)s.") % words)
            else:
                sentence = _("%(subnet)s overlaps %(theirs)s of %(name)s, which is stopped: "
                             "only one of them can run.")  # fmt: skip
                found.warnings.append(sentence % words)
    for interface in around.interfaces:
        if interface.name in bridges:
            continue
        for theirs in interface.addresses:
            net = ipaddress.ip_interface(theirs).network
            if _meet(subnet, net):
                words = {"subnet": subnet, "theirs": net, "name": interface.name}
                sentence = _("%(subnet)s overlaps %(theirs)s on the host's interface %(name)s.")
                found.add(name, sentence % words)


def _clashes(kept: tuple[core.Reservation, ...], found: Findings) -> None:
    for what, words in {
        "mac": [it.mac for it in kept],
        "id": [it.id for it in kept],
        "ip": [it.ip for it in kept],
        "name": [f"{it.name.casefold()} {':' in it.ip}" if it.name else "" for it in kept],
    }.items():
        twice = next((it for it, n in Counter(filter(None, words)).items() if n > 1), None)
        if twice is None:
            continue
        is_ipv6 = any(":" in it.ip for it in kept if getattr(it, what) == twice)
        shown = twice.rpartition(" ")[0] if what == "name" else twice
        sentence = _("%(what)s is reserved twice.") % {"what": shown}
        found.add("reservations6" if is_ipv6 else "reservations4", sentence)
    for it in kept:
        if it.name and not _DOMAIN.fullmatch(it.name):
            sentence = _("“%(name)s” cannot be a host name.") % {"name": it.name[:40]}
            found.add("reservations6" if ":" in it.ip else "reservations4", sentence)


def _dns(spec: NetworkSpec, found: Findings) -> None:
    if spec.domain and not _DOMAIN.fullmatch(spec.domain):
        found.add("domain", _("A domain: letters, digits and dashes between dots."))
    for it in spec.forwarders:
        if it.domain and not _DOMAIN.fullmatch(it.domain):
            found.add("forwarders", _("“%(name)s” cannot be a domain.") % {"name": it.domain[:40]})
    for name in (name for it in spec.dns_hosts for name in it.names):
        if not _DOMAIN.fullmatch(name):
            found.add("dns_hosts", _("“%(name)s” cannot be a host name.") % {"name": name[:40]})
    twice = next((ip for ip, n in Counter(it.ip for it in spec.dns_hosts).items() if n > 1), None)
    if twice:
        found.add("dns_hosts", _("%(ip)s has two lines: write its names in one.") % {"ip": twice})
    for srv in spec.dns_services:
        if not 0 <= srv.port <= 65_535 or srv.priority > 65_535 or srv.weight > 65_535:
            found.add("dns_services", _("Port, priority and weight are at most 65535."))


def _numbers(spec: NetworkSpec, found: Findings) -> None:
    low, high = MTU
    if spec.mtu and not low <= spec.mtu <= high:
        found.add("mtu", _("From %(low)d to %(high)d.") % {"low": low, "high": high})
    elif spec.mtu and spec.mtu < MTU6_MIN and any(it.is_ipv6 for it in spec.ips):
        found.add("mtu", _("IPv6 needs at least %(low)d.") % {"low": MTU6_MIN})
    for name, flow in (("inbound", spec.inbound), ("outbound", spec.outbound)):
        if (flow.peak or flow.burst) and not flow.average:
            found.add(name, _("Peak and burst need an average."))
        elif flow.peak and flow.peak < flow.average:
            found.add(f"{name}_peak", _("The peak is not below the average."))
    names = Counter(it.name for it in spec.port_groups)
    if any(n > 1 for n in names.values()):
        found.add("port_groups", _("Two port groups have the same name."))
    if sum(it.is_default for it in spec.port_groups) > 1:
        found.add("port_groups", _("One port group alone can be the default."))
    if spec.mode == core.BRIDGE and any(it.vlans for it in spec.port_groups):
        found.add("port_groups", _("libvirt tags VLANs on Open vSwitch bridges only."))
    paths = [it.tftp_root for it in spec.ips if it.tftp_root]
    if any(not path.startswith("/") or ".." in path.split("/") for path in paths):
        found.add("tftp_root", _("A whole path of a folder on the host."))


def _plain(spec: NetworkSpec, found: Findings) -> None:
    """dnsmasq reads its settings line by line: a second line would be one more of them."""
    services = [f"{it.service}{it.domain}{it.target}" for it in spec.dns_services]
    values = {
        "dns_texts": [f"{it.name}{it.value}" for it in spec.dns_texts],
        "dns_services": services,
        "tftp_root": [it.tftp_root for it in spec.ips],
        "boot_file": [it.boot_file for it in spec.ips],
        "boot_server": [it.boot_server for it in spec.ips],
    }
    for name, written in values.items():
        if not "".join(written).isprintable():
            found.add(name, _("Characters that cannot be seen are not possible here."))
    for block in spec.ips:
        if block.boot_server and not _is_address(block.boot_server):
            found.add("boot_server", _("This is not an address."))


def _is_address(written: str) -> bool:
    try:
        ipaddress.ip_address(written)
    except ValueError:
        return False
    return True


def _called(it: Neighbour) -> str:
    return it.name or _("another network of this host")


def _is_edge(address: Address, subnet: Network) -> bool:
    """The subnet's own address, or the broadcast of IPv4."""
    is_last = subnet.version == 4 and address == subnet.broadcast_address
    return address == subnet.network_address or is_last


def _meet(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _number(ip: str) -> int:
    return int(ipaddress.ip_address(ip))


def _pairs(found: tuple[core.DhcpRange, ...]) -> Iterator[tuple[core.DhcpRange, core.DhcpRange]]:
    for order, one in enumerate(found):
        for other in found[order + 1 :]:
            yield one, other
