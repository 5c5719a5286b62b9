"""Who the client is behind a proxy: forwarding headers count from configured peers only.

One rule for pages, sockets and the stand-alone gateway, so that an audit entry names the person's
address whichever of them wrote it. Pure.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable


def client_of(
    peer: str, forwarded_for: str, forwarded_proto: str, proxies: Iterable[str]
) -> tuple[str, bool]:
    """The client's address, and whether it came over TLS to the proxy.

    forwarded_for: X-Forwarded-For as received; only its last address was written by the peer.
    proxies: the networks of KVMWEB_TRUSTED_PROXIES; from any other peer headers mean nothing.
    """
    if not _is_within(peer, proxies):
        return peer, False
    last = forwarded_for.rpartition(",")[2].strip()
    return last or peer, forwarded_proto == "https"


def _is_within(peer: str, networks: Iterable[str]) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(address in _network(network) for network in networks)


_network = functools.cache(ipaddress.ip_network)
