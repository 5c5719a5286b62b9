"""Reaching a stranger's server safely: who it really is, how much it sends, and no further inside.

A name is resolved once and its address is what is connected to, so that it cannot become another
between the look and the leap. Every redirect is looked at again. Inner addresses (loopback,
link-local, private) are refused unless the operator allowed them: the portal's own machine can
reach what the person cannot.
"""

from __future__ import annotations

import ftplib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO, cast
from urllib.parse import unquote, urljoin, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from kvmweb.core.errors import Busy, Invalid, NotFound, OutOfBounds, Problem
from kvmweb.services.guard import internal

CONNECT_S = 10.0
SILENT_S = 30.0
REDIRECTS = 5
LENGTH_MAX = 2000
SCHEMES = ("http", "https", "ftp")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PORTS = {"http": 80, "https": 443, "ftp": 21}
_ANSWER_S = 60.0
"""Until the headers are there, however slowly they come."""
_NEVER = tuple(
    ipaddress.ip_network(net)
    for net in (
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "::/96",
        "::ffff:0:0:0/96",
        "64:ff9b:1::/48",
        "fec0::/10",
    )
)
"""Inner ones that Python takes for global: metadata of clouds, relays, old ways to write IPv4."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Source:
    """An open answer. size: bytes that it announced."""

    body: BinaryIO
    size: int

    def some(self, most: int) -> bytes:
        """What is there, without waiting for all of it; nothing at the end."""
        read: Callable[[int], bytes] = getattr(self.body, "read1", self.body.read)
        return read(most)


@internal("the service that asks has judged")
def check(url: str) -> None:
    """What can be said of an address without reaching it. Raises Invalid."""
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or 0 < parts.port < 65536
    except ValueError as error:
        raise Invalid(_("This is not an address.")) from error
    if parts.scheme not in SCHEMES or not parts.hostname or not has_port or len(url) > LENGTH_MAX:
        raise Invalid(_("An address begins with https://, http:// or ftp://."))
    if any(char.isspace() or ord(char) < 32 for char in url) or parts.username or parts.password:
        raise Invalid(_("An address has no blanks and no password."))


@internal("the service that asks has judged")
@contextmanager
def opened(url: str) -> Iterator[Source]:
    """The file behind this address, after its redirects. Raises a Problem that names the reason."""
    try:
        for _hop in range(REDIRECTS + 1):
            check(url)
            if urlsplit(url).scheme == "ftp":
                with _ftp(url) as source:
                    yield source
                return
            with _http(url) as found:
                if isinstance(found, Source):
                    yield found
                    return
                url = _onward(url, found)
        raise Invalid(_("Too many redirects."))
    except ftplib.error_perm as error:
        raise NotFound(str(error)[:200]) from error
    except ssl.SSLCertVerificationError as error:
        raise Invalid(f"certificate: {error.verify_message}") from error
    except TimeoutError as error:
        raise Busy("it does not answer") from error
    except UnicodeError as error:
        raise Invalid(_("An address has no letters but ASCII ones.")) from error
    except (OSError, EOFError, http.client.HTTPException, ftplib.Error) as error:
        raise Busy(f"{type(error).__name__}: {error}"[:200]) from error


def _onward(url: str, said: str) -> str:
    """Where a redirect leads. Raises OutOfBounds where it would lose what https gives."""
    try:
        found = urljoin(url, said)
        scheme = urlsplit(found).scheme
    except ValueError as error:
        raise Invalid(_("A redirect to no address.")) from error
    if urlsplit(url).scheme == "https" and scheme in ("http", "ftp"):
        raise OutOfBounds(f"a redirect from https to {scheme}")
    return found


@internal("the service that asks has judged")
def addresses(host: str, port: int) -> list[str]:
    """Where this name leads now. Raises OutOfBounds for an inner address, NotFound for none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotFound(f"no address for {host[:100]}") from error
    plain = list(dict.fromkeys(str(info[4][0]) for info in found))
    for address in plain:
        if _is_inner(address):
            raise OutOfBounds(f"{host[:100]} leads to the inner address {address}")
    return plain


def _is_inner(address: str) -> bool:
    number = ipaddress.ip_address(address.partition("%")[0])
    number = getattr(number, "ipv4_mapped", None) or number
    if _is_allowed(number):
        return False
    carried = tuple(_carried(number))
    # A 6to4 address is as inner as the IPv4 address in it; Python 3.11.2 takes all for private.
    judged = carried if getattr(number, "sixtofour", None) else (number, *carried)
    return any(_is_private(it) and not _is_allowed(it) for it in judged)


def _is_allowed(number: Address) -> bool:
    allowed = (ipaddress.ip_network(net, strict=False) for net in settings.KVMWEB_FETCH_INNER)
    return any(number in net for net in allowed if net.version == number.version)


def _is_private(number: Address) -> bool:
    if any(number in net for net in _NEVER if net.version == number.version):
        return True
    return not number.is_global or number.is_multicast


def _carried(number: Address) -> Iterator[Address]:
    """The IPv4 addresses that a gateway would make of this one of IPv6."""
    if isinstance(number, ipaddress.IPv6Address):
        if number.sixtofour:
            yield number.sixtofour
        if number in _NAT64:
            yield ipaddress.IPv4Address(int(number) & 0xFFFFFFFF)


def _reached(host: str, port: int) -> socket.socket:
    last: OSError | None = None
    for address in addresses(host, port):
        try:
            line = socket.create_connection((address, port), CONNECT_S)
        except OSError as error:
            last = error
            continue
        _refuse_ourselves(line, host)
        return line
    raise last or OSError("no address")


def _refuse_ourselves(line: socket.socket, host: str) -> None:
    """A global address of this very machine leads past its firewall. Raises OutOfBounds."""
    own, theirs = str(line.getsockname()[0]), str(line.getpeername()[0])
    if own == theirs and not _is_allowed(ipaddress.ip_address(own.partition("%")[0])):
        line.close()
        raise OutOfBounds(f"{host[:100]} leads to this machine")


@contextmanager
def _http(url: str) -> Iterator[Source | str]:
    """The answer, or where it says that it is."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    line = http.client.HTTPConnection(host, port, timeout=SILENT_S)
    raw = _reached(host, port)
    try:
        if parts.scheme == "https":
            raw = ssl.create_default_context().wrap_socket(raw, server_hostname=host)
        raw.settimeout(SILENT_S)
        line.sock = raw
        path = parts.path or "/"
        target = f"{path}?{parts.query}" if parts.query else path
        asked = {"Accept-Encoding": "identity", "User-Agent": "kvmweb", "Connection": "close"}
        line.request("GET", target, headers=asked)
        with _hurried(raw):
            answer = line.getresponse()
        if answer.status in (301, 302, 303, 307, 308):
            yield answer.headers.get("Location", "")
            return
        _require_ok(answer.status)
        yield Source(cast(BinaryIO, answer), _length(answer.headers.get("Content-Length", "")))
    finally:
        line.close()
        raw.close()


@contextmanager
def _ftp(url: str) -> Iterator[Source]:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS["ftp"]
    line = ftplib.FTP(timeout=SILENT_S)  # noqa: S321 - people's mirrors speak it
    try:
        raw = _reached(host, port)
        raw.settimeout(SILENT_S)
        line.sock, line.af = raw, raw.family  # as its connect() does, which asks for names again
        line.file = raw.makefile("r", encoding=line.encoding)
        line.welcome = line.getresp()
        line.login()
        line.voidcmd("TYPE I")
        path = unquote(parts.path)
        if not path.isprintable():
            raise Invalid("a path of FTP is one line")
        size = _length(str(line.size(path) or ""))
        with line.transfercmd(f"RETR {path}") as data, data.makefile("rb") as body:
            data.settimeout(SILENT_S)
            yield Source(cast(BinaryIO, body), size)
    finally:
        line.close()


@contextmanager
def _hurried(line: socket.socket) -> Iterator[None]:
    """Who sends a byte now and then is cut off: every single wait would be short enough."""

    is_cut = threading.Event()

    def cut() -> None:
        is_cut.set()
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_ANSWER_S, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if is_cut.is_set():
        raise TimeoutError


def _require_ok(status: int) -> None:
    if status == 200:
        return
    problem: type[Problem] = NotFound if status in (404, 410) else Busy
    raise problem(f"the server answered {status}")


def _length(said: str) -> int:
    if not (said.isascii() and said.isdigit()) or len(said) > 18 or not int(said):
        raise Invalid("the server does not say how large the file is")
    return int(said)
