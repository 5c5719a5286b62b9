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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast
from urllib.parse import unquote, urljoin, urlsplit

from django.conf import settings

from kvmweb.core.errors import Busy, Denied, Invalid, NotFound, Problem
from kvmweb.services.guard import internal

CONNECT_S = 10.0
SILENT_S = 30.0
REDIRECTS = 5
LENGTH_MAX = 2000
SCHEMES = ("http", "https", "ftp")
_PORTS = {"http": 80, "https": 443, "ftp": 21}


@dataclass(frozen=True, slots=True)
class Source:
    """An open answer. size: bytes that it announced."""

    body: BinaryIO
    size: int


@internal("the service that asks has judged")
def check(url: str) -> None:
    """What can be said of an address without reaching it. Raises Invalid."""
    parts = urlsplit(url)
    try:
        has_port = parts.port is None or 0 < parts.port < 65536
    except ValueError:
        has_port = False
    if parts.scheme not in SCHEMES or not parts.hostname or not has_port or len(url) > LENGTH_MAX:
        raise Invalid("an address begins with https://, http:// or ftp://")
    if any(char.isspace() or ord(char) < 32 for char in url) or parts.username or parts.password:
        raise Invalid("an address has no blanks and no password")


@internal("the service that asks has judged")
@contextmanager
def opened(url: str) -> Iterator[Source]:
    """The file behind this address, after its redirects. Raises a Problem that names the reason."""
    try:
        for _ in range(REDIRECTS + 1):
            check(url)
            if urlsplit(url).scheme == "ftp":
                with _ftp(url) as source:
                    yield source
                return
            with _http(url) as found:
                if isinstance(found, Source):
                    yield found
                    return
                if urlsplit(url).scheme == "https" and urlsplit(found).scheme == "http":
                    raise Denied("a redirect from https to http")
                url = found
        raise Invalid("too many redirects")
    except ftplib.error_perm as error:
        raise NotFound(str(error)[:200]) from error
    except ssl.SSLCertVerificationError as error:
        raise Invalid(f"certificate: {error.verify_message}") from error
    except TimeoutError as error:
        raise Busy("it does not answer") from error
    except (OSError, http.client.HTTPException, ftplib.Error) as error:
        raise Busy(f"{type(error).__name__}: {error}"[:200]) from error


@internal("the service that asks has judged")
def addresses(host: str, port: int) -> list[str]:
    """Where this name leads now. Raises Denied for an inner address, NotFound for no address."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotFound(f"no address for {host[:100]}") from error
    plain = list(dict.fromkeys(str(info[4][0]) for info in found))
    for address in plain:
        if _is_inner(address):
            raise Denied(f"{host[:100]} leads to the inner address {address}")
    return plain


def _is_inner(address: str) -> bool:
    number = ipaddress.ip_address(address.partition("%")[0])
    number = getattr(number, "ipv4_mapped", None) or number
    allowed = (ipaddress.ip_network(net, strict=False) for net in settings.KVMWEB_FETCH_INNER)
    if any(number in net for net in allowed if net.version == number.version):
        return False
    return not number.is_global or number.is_multicast


def _reached(host: str, port: int) -> socket.socket:
    last: OSError | None = None
    for address in addresses(host, port):
        try:
            return socket.create_connection((address, port), CONNECT_S)
        except OSError as error:
            last = error
    raise last or OSError("no address")


@contextmanager
def _http(url: str) -> Iterator[Source | str]:
    """The answer, or where it redirects to."""
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
        answer = line.getresponse()
        if answer.status in (301, 302, 303, 307, 308):
            yield urljoin(url, answer.headers.get("Location", ""))
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
    address = addresses(host, port)[0]
    try:
        line.connect(address, port, CONNECT_S)
        line.login()
        line.voidcmd("TYPE I")
        path = unquote(parts.path)
        size = _length(str(line.size(path) or ""))
        with line.transfercmd(f"RETR {path}") as data, data.makefile("rb") as body:
            data.settimeout(SILENT_S)
            yield Source(cast(BinaryIO, body), size)
    finally:
        line.close()


def _require_ok(status: int) -> None:
    if status == 200:
        return
    problem: type[Problem] = NotFound if status in (404, 410) else Busy
    raise problem(f"the server answered {status}")


def _length(said: str) -> int:
    if not said.isdigit() or len(said) > 18 or not int(said):
        raise Invalid("the server does not say how large the file is")
    return int(said)
