"""Where a host is: typed fields in, a libvirt URI out. Nobody ever types a URI.

A name becomes an argument of `ssh` on this machine, so it has to look like a name: one that starts
with a dash would be an option (CVE-2017-1000117 and its family).
Source: https://libvirt.org/uri.html, remote URIs and their parameters.
"""

from __future__ import annotations

import ipaddress
import json
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.utils.translation import gettext as _

from kvmweb.core import errors, wire
from kvmweb.core.records import HostRecord
from kvmweb.services.guard import internal, open_to_all

TEST_DEADLINE_S = 15.0
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


@internal("`hosts.test` guards it")
def test(address: Address) -> HostRecord:
    """Connect once in a process of its own, which is ended at the deadline.

    Raises: Invalid, HostDown (with libvirt's words as detail), or what the host answered.
    """
    command = [sys.executable, "-m", "kvmweb.hostworker", "--check", "--uri", uri(address)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=TEST_DEADLINE_S,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=settings.BASE_DIR,
        )
    except subprocess.TimeoutExpired as error:
        words = _("No answer within %(seconds)d seconds.") % {"seconds": TEST_DEADLINE_S}
        raise errors.HostDown(words, host=_shown(address)) from error
    lines = done.stdout.strip().splitlines()
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        raise errors.Fault(done.stderr[-500:]) from error
    if "ok" in answer:
        return wire.from_plain(HostRecord, answer["ok"])
    context = {**(answer.get("context") or {}), "host": _shown(address)}
    raise errors.problem(str(answer["problem"]), str(answer.get("detail", "")), context)


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


def _shown(address: Address) -> str:
    return address.machine.strip() or address.transport.value
