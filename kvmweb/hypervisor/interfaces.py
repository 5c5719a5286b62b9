"""The network interfaces of a host itself, and its addresses where this machine can see them."""

from __future__ import annotations

import ipaddress
import logging
import socket
import struct
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import libvirt

from kvmweb.core import errors
from kvmweb.core.networks import HostInterface
from kvmweb.definitions import interfaces as xml
from kvmweb.hypervisor import connections, faults

log = logging.getLogger(__name__)

_SOCKETS = ("/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock")
_NAMESPACE = uuid.UUID("6f1d5a1e-5a8e-4c5f-9a53-7a1c3f0d9b11")


@dataclass(frozen=True, slots=True)
class Sight:
    """The network of a host on this machine, through the process of its daemon.

    folder: /proc/<pid>/net, which shows the network namespace that the daemon lives in; None: the
    host is another machine.
    """

    folder: Path | None = None

    def addresses(self) -> dict[str, tuple[str, ...]]:
        """Interface to its addresses with prefix; empty where they cannot be seen."""
        if self.folder is None:
            return {}
        found: dict[str, list[str]] = defaultdict(list)
        for name, address in [*self._ipv4(), *self._ipv6()]:
            if address not in found[name]:
                found[name].append(address)
        return {name: tuple(known) for name, known in found.items()}

    def listeners(self) -> Callable[[str, int], bool]:
        """Whether somebody listens on this address and UDP port; True where we cannot know."""
        if self.folder is None:
            return lambda _address, _port: True
        heard = {*self._listening("udp"), *self._listening("udp6")}
        return lambda address, port: (
            not heard or (_packed(address), port) in heard or (b"", port) in heard
        )

    def _ipv4(self) -> list[tuple[str, str]]:
        own = _local_ipv4(self._lines("fib_trie"))
        found = []
        for line in self._lines("route")[1:]:
            words = line.split()
            if len(words) < 8 or words[2] != "00000000" or words[7] == "00000000":
                continue
            net = ipaddress.IPv4Network((_reversed(words[1]), _mask_length(words[7])))
            found += [(words[0], f"{it}/{net.prefixlen}") for it in own if it in net]
        return found

    def _ipv6(self) -> list[tuple[str, str]]:
        found = []
        for line in self._lines("if_inet6"):
            words = line.split()
            if len(words) == 6:
                address = ipaddress.IPv6Address(bytes.fromhex(words[0]))
                if not address.is_link_local and not address.is_loopback:
                    found.append((words[5], f"{address}/{int(words[2], 16)}"))
        return found

    def _listening(self, table: str) -> list[tuple[bytes, int]]:
        found = []
        for line in self._lines(table)[1:]:
            address, _, port = line.split()[1].partition(":")
            raw = b"".join(
                bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)
            )
            found.append((raw if any(raw) else b"", int(port, 16)))
        return found

    def _lines(self, name: str) -> list[str]:
        try:
            return (self.folder / name).read_text().splitlines() if self.folder else []
        except OSError:
            return []


def sight(uri: str) -> Sight:
    """How the network of this host can be seen from here; not at all for another machine."""
    pid = daemon(uri)
    folder = Path(f"/proc/{pid}/net")
    return Sight(folder if pid and folder.exists() else None)


def daemon(uri: str) -> int:
    """The process that answers for this host, if it is of this machine; 0 for any other."""
    if not connections.is_local(uri) or connections.is_test(uri):
        return 0
    chosen = parse_qs(urlsplit(uri).query).get("socket")
    for path in chosen or _SOCKETS:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(1)
            try:
                line.connect(path)
                asked = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            except OSError:
                continue
        return max(0, int(struct.unpack("3i", asked)[0]))
    return 0


def can_define(connection: libvirt.virConnect) -> bool:
    """Whether libvirt changes interfaces here (netcf), or only lists them (udev).

    Asked with what is no definition: who cannot refuses before it looks at it.
    """
    try:
        connection.interfaceDefineXML("<interface/>")
    except libvirt.libvirtError as error:
        if faults.is_lost(error):
            raise
        return not isinstance(faults.problem(error), errors.NotSupported)
    return False


def identity(name: str) -> str:
    """A UUID for an interface, which has none: always the same for the same name."""
    return str(uuid.uuid5(_NAMESPACE, name))


def read_all(connection: libvirt.virConnect, seen: Sight) -> list[HostInterface]:
    """Every interface that libvirt lists, without the taps of guests; none where it lists none."""
    try:
        found = [_record(it) for it in connection.listAllInterfaces(0)]
    except libvirt.libvirtError as error:
        if isinstance(faults.problem(error), errors.NotSupported):
            return []
        raise
    addresses, capable = seen.addresses(), _capable(connection)
    return [
        HostInterface(
            uuid=identity(it.name),
            name=it.name,
            type=it.type,
            is_active=is_active,
            mac=it.mac,
            link=it.link,
            speed=it.speed,
            mtu=it.mtu,
            members=it.members,
            addresses=addresses.get(it.name, ()),
            has_sriov=it.name in capable,
        )
        for it, is_active in (pair for pair in found if pair is not None)
        if it.name != "lo"
    ]


def _record(found: libvirt.virInterface) -> tuple[xml.Definition, bool] | None:
    """None for one that went away, or whose definition makes no sense."""
    try:
        return xml.parse(found.XMLDesc(0)), bool(found.isActive())
    except (libvirt.libvirtError, errors.Invalid) as error:
        if isinstance(error, libvirt.libvirtError) and faults.is_lost(error):
            raise
        log.debug("interface left out: %s", error)
        return None


def _capable(connection: libvirt.virConnect) -> frozenset[str]:
    """Interfaces whose card can give virtual functions to guests."""
    flag = libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET
    try:
        devices = connection.listAllDevices(flag)
        parents = {it.name(): it.parent() for it in devices}
        found = set()
        for device in devices:
            parent = parents.get(device.name())
            if parent and parent != "computer":
                card = connection.nodeDeviceLookupByName(parent).XMLDesc(0)
                if xml.has_virtual_functions(card):
                    found.add(xml.device_interface(device.XMLDesc(0)))
    except (libvirt.libvirtError, errors.Invalid) as error:
        if isinstance(error, libvirt.libvirtError) and faults.is_lost(error):
            raise
        return frozenset()
    return frozenset(found)


def _local_ipv4(lines: list[str]) -> list[ipaddress.IPv4Address]:
    """Addresses of the host itself, of the kernel's table of local routes."""
    found, at = [], ""
    for line in lines:
        words = line.split()
        if words[:1] == ["|--"]:
            at = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"]:
            address = ipaddress.IPv4Address(at)
            if not address.is_loopback and address not in found:
                found.append(address)
    return found


def _reversed(word: str) -> int:
    return int.from_bytes(bytes.fromhex(word), "little")


def _mask_length(word: str) -> int:
    return _reversed(word).bit_count()


def _packed(address: str) -> bytes:
    try:
        return ipaddress.ip_address(address).packed
    except ValueError:
        return b"?"
