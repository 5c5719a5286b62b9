"""The clock of a guest and what it keeps time by. Source: domain XML <clock>."""

from __future__ import annotations

from lxml import etree

from kvmweb.core.tuning import Clock
from kvmweb.definitions.elements import Element, attribute

_TICKING = ("rtc", "pit")
_SWITCHED = ("hpet", "kvmclock", "hypervclock")


def read(root: Element) -> Clock:
    """What the definition says."""
    timers = {str(timer.get("name")): timer for timer in root.iterfind("clock/timer")}
    ticks = {name: str(timers[name].get("tickpolicy", "")) for name in _TICKING if name in timers}
    shown = {name: str(timers[name].get("present", "")) for name in _SWITCHED if name in timers}
    return Clock(
        offset=attribute(root, "clock", "offset", "utc"),
        zone=attribute(root, "clock", "timezone"),
        **ticks,
        **shown,
    )


def edit(root: Element, wanted: Clock) -> None:
    """Make it so; other timers and what is said of these beside it stay."""
    clock = root.find("clock")
    before = read(root)
    if clock is None:
        clock = etree.SubElement(root, "clock", offset="utc")
    if (before.offset, before.zone) != (wanted.offset, wanted.zone):
        for name in ("adjustment", "basis", "timezone", "start"):
            clock.attrib.pop(name, None)
        clock.set("offset", wanted.offset)
        if wanted.offset == "timezone":
            clock.set("timezone", wanted.zone)
    for names, attribute_name in ((_TICKING, "tickpolicy"), (_SWITCHED, "present")):
        for name in names:
            if getattr(before, name) != getattr(wanted, name):
                _set_timer(clock, name, attribute_name, getattr(wanted, name))


def _set_timer(clock: Element, name: str, attribute_name: str, value: str) -> None:
    timer = clock.find(f"timer[@name='{name}']")
    if timer is None:
        timer = etree.SubElement(clock, "timer", name=name)
    timer.attrib.pop(attribute_name, None)
    if value:
        timer.set(attribute_name, value)
    elif set(timer.attrib) == {"name"} and len(timer) == 0:
        clock.remove(timer)
