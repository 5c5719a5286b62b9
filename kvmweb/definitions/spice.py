"""Devices that only a SPICE client can use, found and turned into what VNC can.

As `virt-xml --convert-to-vnc` does it: the screen becomes a VNC one with the password of the other,
QXL cards become the video that is named, what redirects USB or sound to the client goes. It listens
on this host only: VNC has no encryption.
"""

from __future__ import annotations

from lxml import etree

from kvmweb.definitions import elements, screens
from kvmweb.definitions.elements import Element

_GRAPHICS = "devices/graphics[@type='spice']"
_GONE = (
    "devices/channel[@type='spicevmc']",
    "devices/channel[@type='spiceport']",
    "devices/redirdev[@type='spicevmc']",
    "devices/smartcard[@type='spicevmc']",
    "devices/audio[@type='spice']",
    "devices/redirfilter",
)
_KEPT = ("listen", "keymap", "passwd", "passwdValidTo")
_PASSWORD_MOST = 8
"""VNC looks at no more, and libvirt takes no more."""
_CLIPBOARD = "com.redhat.spice.0"


def is_there(xml: str) -> bool:
    """Whether something in it needs SPICE. Raises Invalid."""
    return _is_there(elements.parse(xml))


def convert(xml: str, *, video: str = "virtio", keeps_clipboard: bool = False) -> str:
    """The whole definition without SPICE; unchanged where there is none. Raises Invalid.

    keeps_clipboard: the host's QEMU can share the clipboard with VNC clients itself.
    """
    root = elements.parse(xml)
    if not _is_there(root):
        return xml
    had_agent = root.find(f"devices/channel[@type='spicevmc']/target[@name='{_CLIPBOARD}']")
    for path in _GONE:
        for found in root.findall(path):
            found.getparent().remove(found)
    for screen in root.findall(_GRAPHICS):
        if root.find("devices/graphics[@type='vnc']") is None:
            _to_vnc(screen)
        else:
            screen.getparent().remove(screen)
    for model in root.findall("devices/video/model[@type='qxl']"):
        _to_video(model, video)
    if keeps_clipboard and had_agent is not None:
        _share_clipboard(root)
    return elements.serialize(root)


def _is_there(root: Element) -> bool:
    return any(root.find(path) is not None for path in (_GRAPHICS, *_GONE))


def _to_vnc(screen: Element) -> None:
    kept = {name: str(screen.get(name)) for name in _KEPT if screen.get(name)}
    if "passwd" in kept:
        kept["passwd"] = kept["passwd"][:_PASSWORD_MOST]
    for child in list(screen):
        if child.tag != "listen":
            screen.remove(child)
    for name in list(screen.attrib):
        del screen.attrib[name]
    screen.set("type", "vnc")
    screen.set("port", "-1")
    screen.set("autoport", "yes")
    for name, value in kept.items():
        screen.set(name, value)
    screens.keep_inside(screen)


def _to_video(model: Element, video: str) -> None:
    is_primary = model.get("primary")
    for child in list(model):
        model.remove(child)
    for name in list(model.attrib):
        del model.attrib[name]
    model.set("type", video)
    if is_primary:
        model.set("primary", is_primary)
    for address in model.getparent().findall("address"):
        model.getparent().remove(address)


def _share_clipboard(root: Element) -> None:
    channel = etree.SubElement(root.find("devices"), "channel", type="qemu-vdagent")
    source = etree.SubElement(channel, "source")
    etree.SubElement(source, "clipboard", copypaste="yes")
    etree.SubElement(channel, "target", type="virtio", name=_CLIPBOARD)
