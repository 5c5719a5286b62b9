"""A new guest's own address, which cloud-init gives its first network card."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Interface, IPv6Interface

from django.utils.translation import gettext as _

from kvmweb.core.wishes import CloudWish
from kvmweb.definitions import cloud_networks
from kvmweb.services.marks import internal, open_to_all

NAMESERVERS_MAX = 8
Interface = IPv4Interface | IPv6Interface


@open_to_all("a pure function")
def faults(wish: CloudWish) -> dict[str, str]:
    """Field to the sentence that says what is wrong with it."""
    if not wish.is_fixed:
        return {}
    found: dict[str, str] = {}
    own = _interface(wish.address)
    if own is None:
        found["address"] = _(
            "An address with its prefix, such as 192.0.2.10/24 or 2001:db8::10/64."
        )
    elif wrong := _wrong_host(own, own):
        found["address"] = wrong
    if wish.gateway and (wrong := _wrong_gateway(wish.gateway, own)):
        found["gateway"] = wrong
    servers = _servers(wish.nameservers)
    bad = next((it for it in servers if not _is_machine(it)), "")
    if bad:
        found["nameservers"] = _("Not the address of a machine: %(address)s") % {
            "address": bad[:50]
        }
    elif len(servers) > NAMESERVERS_MAX:
        found["nameservers"] = _("At most %(n)d DNS servers.") % {"n": NAMESERVERS_MAX}
    return found


@internal("a part of a creation")
def text(wish: CloudWish, mac: str) -> str:
    """network-config; the wish has no faults. mac: of the card."""
    own = ipaddress.ip_interface(wish.address)
    gateway = str(ipaddress.ip_address(wish.gateway)) if wish.gateway else ""
    servers = tuple(str(ipaddress.ip_address(it)) for it in _servers(wish.nameservers))
    return cloud_networks.write(mac, own.with_prefixlen, gateway, servers, version=own.version)


def _servers(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _interface(text: str) -> Interface | None:
    """None for what is none, and without a prefix, which would be that of one machine."""
    if "/" not in text or "%" in text:
        return None
    try:
        own = ipaddress.ip_interface(text)
    except ValueError:
        return None
    return own if own.network.prefixlen else None


def _is_machine(text: str) -> bool:
    """An address that one machine can be spoken to at."""
    try:
        it = ipaddress.ip_address(text)
    except ValueError:
        return False
    is_reserved = it.version == 4 and it.is_reserved
    return "%" not in text and not (it.is_multicast or it.is_unspecified or is_reserved)


def _wrong_host(it: Interface, own: Interface) -> str:
    """Why no machine of the subnet can have this address."""
    subnet = own.network
    if not _is_machine(str(it.ip)) or it.ip.is_loopback:
        return _("No machine can have this address.")
    if subnet.num_addresses <= 2:
        return ""
    if it.ip == subnet.network_address:
        return _("This is the address of the subnet %(subnet)s itself.") % {"subnet": subnet}
    if it.version == 4 and it.ip == subnet.broadcast_address:
        return _("This is the broadcast address of %(subnet)s.") % {"subnet": subnet}
    return ""


def _wrong_gateway(text: str, own: Interface | None) -> str:
    """own: what it is the gateway of, where that is known."""
    if not _is_machine(text):
        return _("An address such as 192.0.2.1 or 2001:db8::1.")
    if own is None:
        return ""
    it = ipaddress.ip_interface(text)
    if it.ip == own.ip:
        return _("The guest itself has this address.")
    if it.version == 6 == own.version and it.ip.is_link_local:
        return ""
    if it.ip not in own.network:
        return _("It is not in the subnet %(subnet)s.") % {"subnet": own.network}
    # an IPv6 router is spoken to at the subnet's own address, too
    return _wrong_host(it, own) if own.version == 4 else ""
