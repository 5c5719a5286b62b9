"""Networks as people write them: lines of text to a `NetworkSpec` and back.

A draft maps the names of form fields to what was typed. What cannot be read is a sentence beside
its field; whether the result makes sense is asked of `network_rules`. Pure.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from django.utils.translation import gettext as _

from kvmweb.core import networks as core
from kvmweb.core.networks import IpBlock, NetworkSpec
from kvmweb.services.guard import open_to_all

T = TypeVar("T")
Draft = Mapping[str, str]
Faults = dict[str, str]

LINES_MAX = 500
_WORD = re.compile(r"[\s,，;；]+")
_FLOWS = ("inbound", "outbound")
_SERVED = (
    "bridge", "ipv4", "ranges4", "reservations4", "ipv6", "ranges6", "reservations6", "domain",
    "local_only", "forwarders", "dns_hosts", "dns_texts", "dns_services", "mtu", "inbound",
    "inbound_peak", "inbound_burst", "outbound", "outbound_peak", "outbound_burst", "tftp_root",
    "boot_file", "boot_server",
)  # fmt: skip
FIELDS: dict[str, tuple[str, ...]] = {
    core.NAT: ("name", "forward_dev", *_SERVED),
    core.ROUTE: ("name", "forward_dev", *_SERVED),
    core.ISOLATED: ("name", *_SERVED),
    core.OPEN: ("name", *_SERVED),
    core.BRIDGE: ("name", "bridge", "port_groups"),
    core.OVS: ("name", "bridge", "vlans", "port_groups"),
    core.MACVTAP: ("name", "devices", "macvtap_mode"),
    core.HOSTDEV: ("name", "devices", "vlans"),
}
"""What can be decided in each mode."""


class _Reader:
    """Reads one draft; gathers what is wrong with it."""

    def __init__(self, draft: Draft, fields: tuple[str, ...]) -> None:
        self.faults: Faults = {}
        self._draft = {name: draft.get(name, "") for name in fields}

    def word(self, name: str) -> str:
        return self._draft.get(name, "").strip()

    def lines(self, name: str, read: Callable[[str], T]) -> tuple[T, ...]:
        """Each line as `read` understands it; the first that it does not is named."""
        found: list[T] = []
        written = [line.strip() for line in self._draft.get(name, "").splitlines()]
        for line in (line for line in written if line):
            try:
                found.append(read(line))
            except (ValueError, IndexError):
                self.faults.setdefault(name, _("Not understood: “%(line)s”.") % {"line": line[:60]})
        if len(found) > LINES_MAX:
            self.faults[name] = _("At most %(n)d lines.") % {"n": LINES_MAX}
        return tuple(found)

    def number(self, name: str) -> int:
        written = self.word(name)
        if not written:
            return 0
        if not (written.isascii() and written.isdecimal() and len(written) < 10):
            self.faults[name] = _("A whole number.")
            return 0
        return int(written)

    def tags(self, name: str) -> tuple[int, ...]:
        try:
            return read_tags(self.word(name))
        except ValueError:
            self.faults[name] = _("VLAN tags are numbers from 0 to 4094, separated by commas.")
            return ()

    def flow(self, name: str) -> core.Flow:
        return core.Flow(*(self.number(f"{name}{part}") for part in ("", "_peak", "_burst")))

    def block(self, family: str, kept: IpBlock | None) -> IpBlock | None:
        """The address block of this family; None where no address is given."""
        name = f"ip{family}"
        written = self.word(name)
        ranges = self.lines(f"ranges{family[1]}", _range)
        reservations = self.lines(f"reservations{family[1]}", _reservation)
        if not written:
            if ranges or reservations:
                self.faults.setdefault(name, _("Without an address nothing can be given out."))
            return None
        try:
            address, prefix = _address(written)
            if ipaddress.ip_address(address).version != int(family[1]):
                raise ValueError
        except ValueError:
            example = "192.168.100.1/24" if family == "v4" else "fd00:100::1/64"
            sentence = _("An address of the host with its prefix, such as %(example)s.")
            self.faults[name] = sentence % {"example": example}
            return kept
        has_boot = family == "v4"
        return IpBlock(
            address=address,
            prefix=prefix,
            ranges=ranges,
            reservations=reservations,
            tftp_root=self.word("tftp_root") if has_boot else "",
            boot_file=self.word("boot_file") if has_boot else "",
            boot_server=self.word("boot_server") if has_boot else "",
        )


@open_to_all("a pure function")
def read(mode: str, draft: Draft, base: NetworkSpec | None = None) -> tuple[NetworkSpec, Faults]:
    """What the draft means, and what of it cannot be understood, by field.

    base: what is edited; whatever the form does not show stays as it is there.
    """
    fields = FIELDS[mode]
    reader = _Reader(draft, fields)
    spec = replace(base or NetworkSpec(), mode=mode)
    if base is None:
        spec = replace(spec, name=reader.word("name"))
    if "bridge" in fields:
        spec = replace(spec, bridge=reader.word("bridge"))
    if "forward_dev" in fields:
        spec = replace(spec, forward_dev=reader.word("forward_dev"))
    if "devices" in fields:
        found = (it for it in _WORD.split(reader.word("devices")) if it)
        spec = replace(spec, devices=tuple(dict.fromkeys(found)))
    if "macvtap_mode" in fields:
        spec = replace(spec, macvtap_mode=reader.word("macvtap_mode") or "bridge")
    if "vlans" in fields:
        spec = replace(spec, vlans=reader.tags("vlans"))
    if "port_groups" in fields:
        spec = replace(spec, port_groups=_groups(reader, spec))
    if "ipv4" in fields:
        spec = _served(reader, spec)
    return spec, reader.faults


@open_to_all("a pure function")
def write(spec: NetworkSpec) -> dict[str, str]:
    """A draft that would be read as this."""
    draft = {
        "name": spec.name,
        "bridge": spec.bridge,
        "forward_dev": spec.forward_dev,
        "devices": " ".join(spec.devices),
        "macvtap_mode": spec.macvtap_mode,
        "vlans": ", ".join(map(str, spec.vlans)),
        "port_groups": "\n".join(_write_group(it) for it in spec.port_groups),
        "domain": spec.domain,
        "local_only": "on" if spec.is_domain_local else "",
        "forwarders": "\n".join(f"{it.domain} {it.address}".strip() for it in spec.forwarders),
        "dns_hosts": "\n".join(f"{it.ip} {' '.join(it.names)}" for it in spec.dns_hosts),
        "dns_texts": "\n".join(f"{it.name} {it.value}" for it in spec.dns_texts),
        "dns_services": "\n".join(_write_service(it) for it in spec.dns_services),
        "mtu": str(spec.mtu or ""),
    }
    for name in _FLOWS:
        flow: core.Flow = getattr(spec, name)
        parts = {"": flow.average, "_peak": flow.peak, "_burst": flow.burst}
        draft |= {f"{name}{part}": str(value or "") for part, value in parts.items()}
    for family, block in (("v4", first(spec, "v4")), ("v6", first(spec, "v6"))):
        if block is not None:
            draft |= _write_block(family, block)
    return draft


@open_to_all("a pure function")
def first(spec: NetworkSpec, family: str) -> IpBlock | None:
    """The block of this family (v4, v6) that forms show; others are kept as they are."""
    return next((it for it in spec.ips if it.is_ipv6 == (family == "v6")), None)


@open_to_all("a pure function")
def reservation(line: str) -> core.Reservation:
    """One line of reservations. Raises ValueError."""
    return _reservation(line)


@open_to_all("a pure function")
def read_tags(written: str) -> tuple[int, ...]:
    """VLAN tags as typed. Raises ValueError."""
    found = tuple(int(it) for it in _WORD.split(written) if it)
    if any(not 0 <= it <= 4094 for it in found):
        raise ValueError
    return tuple(dict.fromkeys(found))


def _served(reader: _Reader, spec: NetworkSpec) -> NetworkSpec:
    """Addresses, DHCP, DNS: what only libvirt's own bridges have."""
    fresh = [reader.block(family, first(spec, family)) for family in ("v4", "v6")]
    ips = _merged(spec, fresh)
    return replace(
        spec,
        ips=ips,
        domain=reader.word("domain"),
        is_domain_local=bool(reader.word("local_only")) and bool(reader.word("domain")),
        forwarders=reader.lines("forwarders", _forwarder),
        dns_hosts=reader.lines("dns_hosts", _dns_host),
        dns_texts=reader.lines("dns_texts", _text),
        dns_services=reader.lines("dns_services", _service),
        mtu=reader.number("mtu"),
        inbound=reader.flow("inbound"),
        outbound=reader.flow("outbound"),
    )


def _merged(spec: NetworkSpec, fresh: list[IpBlock | None]) -> tuple[IpBlock, ...]:
    """The blocks of the form in the places of those that it showed, the others where they were."""
    shown = [first(spec, "v4"), first(spec, "v6")]
    left = list(fresh)
    found: list[IpBlock] = []
    for block in spec.ips:
        order = next((i for i, it in enumerate(shown) if it is block), None)
        wanted = block if order is None else left[order]
        if order is not None:
            left[order] = None
        if wanted is not None:
            found.append(wanted)
    return (*found, *(it for it in left if it is not None))


def _groups(reader: _Reader, spec: NetworkSpec) -> tuple[core.PortGroup, ...]:
    kept = {it.name: it for it in spec.port_groups}

    def group(line: str) -> core.PortGroup:
        words = [it for it in _WORD.split(line) if it]
        name, *rest = words
        is_default = "default" in rest
        tags = read_tags(" ".join(it for it in rest if it != "default"))
        was = kept.get(name, core.PortGroup(name))
        return replace(was, is_default=is_default, vlans=tags)

    return reader.lines("port_groups", group)


def _range(line: str) -> core.DhcpRange:
    start, end = (it for it in re.split(r"[\s,–-]+", line) if it)
    return core.DhcpRange(str(ipaddress.ip_address(start)), str(ipaddress.ip_address(end)))


def _reservation(line: str) -> core.Reservation:
    """`52:54:00:aa:bb:cc 192.168.1.5 name`; the name may be missing."""
    who, ip, *name = line.split()
    if len(name) > 1:
        raise ValueError
    address = str(ipaddress.ip_address(ip))
    kept = core.Reservation(ip=address, name=name[0] if name else "")
    if re.fullmatch(r"(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}", who):
        return replace(kept, mac=who.lower().replace("-", ":"))
    if ":" in address and re.fullmatch(r"(?:[0-9a-fA-F]{2}:){1,19}[0-9a-fA-F]{2}", who):
        return replace(kept, id=who.lower())
    raise ValueError


def _forwarder(line: str) -> core.Forwarder:
    """`9.9.9.9`, `corp.example 10.0.0.53`, or a domain alone that nobody is asked for."""
    *domain, last = line.split()
    if len(domain) > 1:
        raise ValueError
    try:
        return core.Forwarder(str(ipaddress.ip_address(last)), domain[0] if domain else "")
    except ValueError:
        if domain:
            raise
        return core.Forwarder("", last)


def _dns_host(line: str) -> core.DnsHost:
    ip, *names = line.split()
    if not names:
        raise ValueError
    return core.DnsHost(str(ipaddress.ip_address(ip)), tuple(names))


def _text(line: str) -> core.DnsText:
    name, value = line.split(maxsplit=1)
    return core.DnsText(name, value)


def _service(line: str) -> core.DnsService:
    """`_ldap._tcp.example.org target port priority weight`; all after the name may be missing."""
    name, *rest = line.split()
    service, protocol, *domain = name.removeprefix("_").split(".", 2)
    target, *numbers = rest or [""]
    port, priority, weight = (*(int(it) for it in numbers), 0, 0, 0)[:3]
    if len(numbers) > 3 or protocol.removeprefix("_") not in ("tcp", "udp"):
        raise ValueError
    return core.DnsService(
        service, protocol.removeprefix("_"), "".join(domain), target, port, priority, weight
    )


def _write_service(it: core.DnsService) -> str:
    name = ".".join(part for part in (f"_{it.service}", f"_{it.protocol}", it.domain) if part)
    numbers = f"{it.port} {it.priority} {it.weight}" if it.target else ""
    return f"{name} {it.target} {numbers}".strip()


def _write_group(it: core.PortGroup) -> str:
    words = (it.name, ",".join(map(str, it.vlans)), "default" if it.is_default else "")
    return " ".join(word for word in words if word)


def _write_block(family: str, block: IpBlock) -> dict[str, str]:
    number = family[1]
    kept = (f"{it.mac or it.id} {it.ip} {it.name}".strip() for it in block.reservations)
    draft = {
        f"ip{family}": f"{block.address}/{block.prefix}",
        f"ranges{number}": "\n".join(f"{it.start} - {it.end}" for it in block.ranges),
        f"reservations{number}": "\n".join(kept),
    }
    if family == "v4":
        draft |= {
            "tftp_root": block.tftp_root,
            "boot_file": block.boot_file,
            "boot_server": block.boot_server,
        }
    return draft


def _address(written: str) -> tuple[str, int]:
    """Address and prefix. Raises ValueError; a prefix must be given."""
    if "/" not in written:
        raise ValueError
    found = ipaddress.ip_interface(written)
    return str(found.ip), int(found.network.prefixlen)
