"""3D: a video card that draws with the host's, and the screen without a window that it needs.

Source: domain XML <video><model><acceleration>, <graphics type='egl-headless'>.
"""

from __future__ import annotations

from lxml import etree

from kvmweb.core.hardware_kinds import ACCELERATED
from kvmweb.definitions.elements import Element

_HEADLESS = "devices/graphics[@type='egl-headless']"
_ABLE = (_HEADLESS, "devices/graphics/gl[@enable='yes']")


def is_accelerated(video: Element) -> bool:
    """Whether this card draws with the host's."""
    return video.find(ACCELERATED) is not None


def is_wanted(root: Element) -> bool:
    """Whether a video card of it draws so."""
    return root.find(f"devices/video/{ACCELERATED}") is not None


def follow(root: Element, was_wanted: bool) -> None:
    """After a change of devices: QEMU's screens can do what the video cards ask for now.

    What is there for 3D only goes with the last card that draws so; else nothing is touched.
    """
    if is_wanted(root) is was_wanted:
        return
    if was_wanted:
        for found in root.findall(_HEADLESS):
            found.getparent().remove(found)
    elif all(root.find(path) is None for path in _ABLE):
        made = etree.Element("graphics", type="egl-headless")
        screens = root.findall("devices/graphics")
        if screens:
            made.tail = screens[-1].tail
            screens[-1].addnext(made)
        else:
            root.find("devices").append(made)
