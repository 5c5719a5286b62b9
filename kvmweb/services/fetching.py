"""Read from web addresses that people type, without lending them the portal's own place.

The portal stands where its users do not: on the hosts' network, beside services that trust it. So
what a name leads to is looked at when the connection stands, before a word is sent: never the
portal's own machine nor link-local addresses, and a redirect never leads from outside to inside.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

from django.utils.translation import gettext as _

from kvmweb.core.errors import Invalid
from kvmweb.services.marks import internal

CONNECT_S = 8.0
SILENT_S = 20.0
REDIRECTS_MAX = 5
PIECE = 256 * 1024
_MOVED = (301, 302, 303, 307, 308)
_FINE = 200


@dataclass(frozen=True, slots=True)
class Fetched:
    """url: where it was in the end. length: bytes read, or announced where nothing was read."""

    url: str
    length: int


Report = Callable[[int, int], None]


@internal("a part of works that read from the network")
def fetch(
    url: str, into: BinaryIO | None, *, most: int, within_s: float, report: Report | None = None
) -> Fetched:
    """Read all of it, or with `into` None only ask how much it is. Raises Invalid (field url).

    most: bytes. within_s: for everything; no silence may last longer than SILENT_S either.
    """
    until = time.monotonic() + within_s
    may_be_inner: bool | None = None
    for _redirect in range(REDIRECTS_MAX + 1):
        line, path, headers = _line(url)
        try:
            line.timeout = min(CONNECT_S, _left(until))
            line.connect()
            is_inner = _look(line.sock)
            if may_be_inner is False and is_inner:
                raise _invalid(_("It redirects to an address inside this network."))
            may_be_inner = is_inner if may_be_inner is None else may_be_inner and is_inner
            line.sock.settimeout(min(SILENT_S, _left(until)))
            line.request("HEAD" if into is None else "GET", path, headers=headers)
            answer = line.getresponse()
            if answer.status in _MOVED and answer.getheader("Location"):
                url = urljoin(url, str(answer.getheader("Location")))
                continue
            if answer.status != _FINE:
                raise _invalid(
                    _("%(url)s answers %(status)d.") % {"url": url[:200], "status": answer.status}
                )
            length = _read(answer, into, most, until, report)
            return Fetched(url, length)
        except (OSError, http.client.HTTPException) as error:
            raise _invalid(
                _("%(url)s does not answer: %(why)s.") % {"url": url[:200], "why": _why(error)}
            ) from error
        finally:
            line.close()
    raise _invalid(_("It redirects too often."))


def _line(url: str) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise _invalid(_("An address that begins with http:// or https://."))
    try:
        port = parts.port
    except ValueError as error:
        raise _invalid(_("Its port is not a number.")) from error
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or any(char <= " " for char in path):
        raise _invalid(_("It holds characters that an address cannot have."))
    headers = {"User-Agent": "kvmweb", "Accept": "*/*", "Accept-Encoding": "identity"}
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname, port), path, headers
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(parts.hostname, port, context=context), path, headers


def _look(sock: socket.socket) -> bool:
    """Whether the other end is inside; refuses those that nobody may reach through us."""
    address = ipaddress.ip_address(sock.getpeername()[0].partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if _is_own(address, sock):
        raise _invalid(_("This address is the portal's own machine."))
    if address.is_link_local or address.is_multicast:
        raise _invalid(_("This address is not one that the portal reads from."))
    return bool(address.is_private)


def _is_own(address: ipaddress.IPv4Address | ipaddress.IPv6Address, sock: socket.socket) -> bool:
    """Loopback, or the address that the connection itself comes from."""
    if address.is_loopback or address.is_unspecified:
        return True
    return bool(sock.getpeername()[0] == sock.getsockname()[0])


def _read(
    answer: http.client.HTTPResponse,
    into: BinaryIO | None,
    most: int,
    until: float,
    report: Report | None,
) -> int:
    announced = answer.getheader("Content-Length") or ""
    total = int(announced) if announced.isdigit() else 0
    if total > most:
        raise _too_much(most)
    if into is None:
        return total
    done = 0
    while piece := answer.read(PIECE):
        done += len(piece)
        if done > most:
            raise _too_much(most)
        into.write(piece)
        _left(until)
        if report:
            report(done, total)
    if total and done < total:
        raise http.client.IncompleteRead(b"", total - done)
    return done


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("it takes too long")
    return left


def _why(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return _("there is no such name")
    if isinstance(error, TimeoutError):
        return _("it takes too long")
    if isinstance(error, ConnectionRefusedError):
        return _("the connection was refused")
    return str(error)[:200] or type(error).__name__


def _too_much(most: int) -> Invalid:
    return _invalid(_("It is larger than %(n)d MiB.") % {"n": most // 1024**2})


def _invalid(sentence: str) -> Invalid:
    return Invalid(sentence, fields={"url": sentence})
