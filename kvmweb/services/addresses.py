"""Where a host is: typed fields in, a libvirt URI out. Nobody ever types a URI.

A name becomes an argument of `ssh` on this machine, so it has to look like a name: one that starts
with a dash would be an option (CVE-2017-1000117 and its family).
Source: https://libvirt.org/uri.html, remote URIs and their parameters.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from kvmweb.core import errors
from kvmweb.services.guard import open_to_all

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_PORT_MAX = 65535


class Transport(StrEnum):
    """How the connection travels."""

    LOCAL = "local"
    SSH = "ssh"
    TLS = "tls"
    TCP = "tcp"
    DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Address:
    """machine: name or address; user: for ssh; port: 0 for the transport's own."""

    transport: Transport
    machine: str = ""
    user: str = ""
    port: int = 0


@open_to_all("a pure function")
def uri(address: Address) -> str:
    """The URI, built of checked parts only. Raises Invalid with the fields that are wrong."""
    if address.transport is Transport.LOCAL:
        return "qemu:///system"
    if address.transport is Transport.DEMO:
        return "test:///default"
    wrong = _wrong(address)
    if wrong:
        raise errors.Invalid(fields=wrong)
    return _uri(address)


def _uri(address: Address) -> str:
    machine = address.machine.strip()
    place = f"[{machine}]" if ":" in machine else machine
    user = f"{address.user.strip()}@" if address.user.strip() else ""
    port = f":{address.port}" if address.port else ""
    # no_tty: ssh must fail rather than ask a question that nobody sees.
    options = "?no_tty=1" if address.transport is Transport.SSH else ""
    return f"qemu+{address.transport}://{user}{place}{port}/system{options}"


@open_to_all("a pure function")
def command(uri: str, words: str) -> str:
    """A virsh line for this host, quoted for a shell."""
    return f"virsh -c {shlex.quote(uri)} {words}"


@open_to_all("a pure function")
def parse(uri: str) -> Address | None:
    """The fields that this URI was built of; None for one that an operator wrote differently."""
    fixed = {"qemu:///system": Transport.LOCAL, "test:///default": Transport.DEMO}
    if uri in fixed:
        return Address(fixed[uri])
    try:
        parts = urlsplit(uri)
        transport = Transport(parts.scheme.removeprefix("qemu+"))
        found = Address(transport, parts.hostname or "", parts.username or "", parts.port or 0)
    except ValueError:
        return None
    return found if not _wrong(found) and _uri(found) == uri else None


def _wrong(address: Address) -> dict[str, str]:
    """Field to sentence."""
    wrong = {}
    machine, user = address.machine.strip(), address.user.strip()
    if not machine:
        wrong["machine"] = _("Give the name or address of the machine.")
    elif not (_is_a_machine(machine) if _is_ip(machine) else _HOSTNAME.fullmatch(machine)):
        wrong["machine"] = _("This is not a host name or an IP address.")
    elif address.transport is Transport.TCP and not _is_loopback(machine):
        wrong["machine"] = _("TCP is not encrypted: only 127.0.0.1, ::1 or localhost.")
    if user and not _USER.fullmatch(user):
        wrong["user"] = _("This is not a user name: small letters, digits, dash, underscore.")
    elif user and address.transport is not Transport.SSH:
        wrong["user"] = _("A user is only for SSH.")
    if not 0 <= address.port <= _PORT_MAX:
        wrong["port"] = _("A port is a number from 1 to 65535.")
    return wrong


def _is_ip(machine: str) -> bool:
    try:
        return "%" not in machine and bool(ipaddress.ip_address(machine))
    except ValueError:
        return False


def _is_a_machine(machine: str) -> bool:
    """Not an address of the link alone, where clouds keep their metadata, nor of many or none."""
    found = ipaddress.ip_address(machine)
    found = getattr(found, "ipv4_mapped", None) or found
    return not (found.is_link_local or found.is_multicast or found.is_unspecified)


def _is_loopback(machine: str) -> bool:
    return machine == "localhost" or (_is_ip(machine) and ipaddress.ip_address(machine).is_loopback)
