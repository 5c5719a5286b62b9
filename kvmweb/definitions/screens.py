"""Where a screen listens: an address of this host only, or one that others reach, too.

Source: https://libvirt.org/formatdomain.html#graphical-framebuffers.
"""

from __future__ import annotations

import ipaddress

from lxml import etree

from kvmweb.definitions.elements import Element

LOOPBACK = "127.0.0.1"


def listens(screen: Element) -> tuple[str, ...]:
    """The addresses, `network:<name>` and `socket:<path>`; none where the host's default counts."""
    found = [str(screen.get("listen", ""))]
    if screen.get("socket"):
        found.append(f"socket:{screen.get('socket')}")
    for child in screen.iterfind("listen"):
        if child.get("type") == "address":
            found.append(str(child.get("address", "")))
        elif child.get("network"):
            found.append(f"network:{child.get('network')}")
        elif child.get("socket"):
            found.append(f"socket:{child.get('socket')}")
    return tuple(dict.fromkeys(filter(None, found)))


def keep_inside(screen: Element) -> None:
    """Only this host reaches it, where somebody else could."""
    if all(is_inside(it) or it.startswith("socket:") for it in listens(screen)):
        return
    screen.set("listen", LOOPBACK)
    for child in screen.findall("listen"):
        screen.remove(child)
    etree.SubElement(screen, "listen", type="address", address=LOOPBACK)


def is_inside(address: str) -> bool:
    """Whether nobody outside of the host reaches this address."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
