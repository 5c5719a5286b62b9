"""What a guest does when it starts and ends. Source: domain XML <bootmenu>, <on_poweroff>, …"""

from __future__ import annotations

from lxml import etree

from kvmweb.core.tuning import Startup
from kvmweb.definitions.elements import Element, attribute, text

_ENDS = ("on_poweroff", "on_reboot", "on_crash")


def read(root: Element) -> Startup:
    """What the definition says; libvirt's own choice where it says nothing."""
    usual = Startup()
    ends = {name: text(root, name) or getattr(usual, name) for name in _ENDS}
    return Startup(boot_menu=attribute(root, "os/bootmenu", "enable"), **ends)


def edit(root: Element, wanted: Startup) -> None:
    """Make it so; what is not named stays."""
    before = read(root)
    for name in _ENDS:
        if getattr(before, name) != getattr(wanted, name):
            found = root.find(name)
            if found is None:
                found = etree.SubElement(root, name)
            found.text = getattr(wanted, name)
    if before.boot_menu != wanted.boot_menu:
        _set_menu(root, wanted.boot_menu)


def _set_menu(root: Element, wanted: str) -> None:
    system = root.find("os")
    if system is None:
        system = etree.SubElement(root, "os")
    menu = system.find("bootmenu")
    if not wanted:
        if menu is not None:
            system.remove(menu)
        return
    if menu is None:
        menu = etree.SubElement(system, "bootmenu")
    menu.set("enable", wanted)
