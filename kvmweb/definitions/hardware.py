"""Devices of a guest by the table of kinds: found, built, edited in place, taken out, compared.

A device is known by its element, its place among those of the same element, and a digest of what
it says: whoever wants to change one that is no longer so gets a conflict.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from lxml import etree

from kvmweb.core import errors, hardware_kinds
from kvmweb.core.hardware import Device, Field, Kind, Pair
from kvmweb.core.hardware_kinds import ELSEWHERE, KINDS, OTHER
from kvmweb.definitions import (
    backing,
    banks,
    controllers,
    drawing,
    elements,
    host_devices,
    pending,
)
from kvmweb.definitions.elements import Element

LIVE = "now"
"""Begins the key of a device that is in the running guest only."""
Place = tuple[Element, int]
"""A device, and which of its element it is."""
_STEP = re.compile(r"([\w-]+)(?:\[@(\w+)='([^']*)'\])?")


def parse(xml: str, *, is_live: bool = False) -> tuple[Device, ...]:
    """Every device that is not elsewhere, in the order of the definition. Raises Invalid."""
    return tuple(_device(*found, is_live) for found in _all(elements.parse(xml)))


def pairs(live_xml: str, stored_xml: str) -> tuple[Pair, ...]:
    """Each device now and at the next start; either may be empty, and then is as the other.

    Raises Invalid.
    """
    if not live_xml or not stored_xml:
        only = parse(live_xml or stored_xml, is_live=not stored_xml)
        return tuple(Pair(device, device) for device in only)
    left = list(_all(elements.parse(live_xml)))
    wanted = list(_all(elements.parse(stored_xml)))
    met: dict[int, tuple[Place, bool]] = {}
    for is_it in (pending.contains, _is_successor, _is_alike):
        for order, (element, _place) in enumerate(wanted):
            other = next((one for one in left if is_it(one[0], element)), None)
            if order not in met and other is not None:
                left.remove(other)
                met[order] = other, is_it is not _is_successor
    found = [_pair(met.get(order), *then) for order, then in enumerate(wanted)]
    return (*found, *(Pair(_device(*one, True), None) for one in left))


def _pair(met: tuple[Place, bool] | None, then: Element, place: int) -> Pair:
    later = _device(then, place, False)
    return Pair(None, later) if met is None else Pair(_device(*met[0], True), later, met[1])


def build(kind: Kind, values: Mapping[str, str]) -> str:
    """The XML of one device. Raises Invalid."""
    return elements.serialize(_build(kind, values))


def device(xml: str, key: str) -> str:
    """The XML of this device alone. Raises Conflict, Invalid."""
    return elements.serialize(_find(elements.parse(xml), key))


def by_alias(xml: str, alias: str) -> str:
    """The XML of the device that libvirt calls so. Raises NotFound, Invalid."""
    for element, _place in _all(elements.parse(xml)):
        if alias and elements.attribute(element, "alias", "name") == alias:
            return elements.serialize(element)
    raise errors.NotFound(f"no device {alias}")


def place_of(xml: str, key: str) -> int:
    """Its place among those of its element. Raises Conflict, Invalid."""
    _find(elements.parse(xml), key)
    return int(key.removeprefix(f"{LIVE}-").split("-")[1])


def add(xml: str, kind: Kind, values: Mapping[str, str]) -> str:
    """The whole definition with one more device, and the shared memory it needs. Raises Invalid."""
    root = elements.parse(xml)
    was_drawn = drawing.is_wanted(root)
    made = _build(kind, values)
    holder = root.find("devices")
    if holder is None:
        raise errors.Invalid("a definition without devices")
    like = holder.findall(made.tag)
    if like:
        made.tail = like[-1].tail
        like[-1].addnext(made)
    else:
        holder.append(made)
    if kind.wants_shared_memory:  # virtiofsd reads and writes it itself
        backing.edit(root, replace(backing.read(root), is_shared=True))
    if kind.tag == "memory":
        banks.grow(root)
    if kind.source == "scsi":
        controllers.with_scsi(root)
    drawing.follow(root, was_drawn)
    return elements.serialize(root)


def edit(xml: str, place: int, kind: Kind, values: Mapping[str, str]) -> str:
    """The whole definition, with this device changed; what is not named stays. Raises Invalid."""
    root = elements.parse(xml)
    found = _at(root, kind.tag, place)
    changed = _changed(found, kind, values)
    if not changed:
        return xml
    was_drawn = drawing.is_wanted(root)
    for field in changed:
        _write(found, field, values[field.name])
        for path in field.clears:
            _clear(found, path)
    drawing.follow(root, was_drawn)
    return elements.serialize(root)


def updated(xml: str, place: int, kind: Kind, values: Mapping[str, str]) -> str:
    """The XML of a running guest's device, changed; empty where that waits. Raises Invalid."""
    found = _at(elements.parse(xml), kind.tag, place)
    changed = _changed(found, kind, values)
    if not changed or not all(it.is_live for it in changed):
        return ""
    for field in changed:
        _write(found, field, values[field.name])
    return elements.serialize(found)


def remove(xml: str, tag: str, place: int) -> str:
    """The whole definition without this device. Raises Conflict, Invalid."""
    root = elements.parse(xml)
    was_drawn = drawing.is_wanted(root)
    gone = _at(root, tag, place)
    if tag == "serial" and place == 0:  # the first console is the same port by another name
        for console in root.findall("devices/console"):
            if elements.attribute(console, "target", "type", "serial") == "serial":
                console.getparent().remove(console)
    gone.getparent().remove(gone)
    drawing.follow(root, was_drawn)
    return elements.serialize(root)


def _all(root: Element) -> Iterator[Place]:
    """Each device with its place among those of its element."""
    places: dict[str, int] = {}
    for element in root.iterfind("devices/*"):
        if isinstance(element.tag, str) and element.tag not in ELSEWHERE:
            place = places.get(element.tag, 0)
            places[element.tag] = place + 1
            yield element, place


def kind_of(element: Element) -> Kind:
    """The first kind whose marks it bears."""
    for kind in KINDS:
        if kind.tag == element.tag and all(
            _read(element, path) == value for path, value in kind.marks
        ):
            return kind
    return OTHER


def _device(element: Element, place: int, is_live: bool) -> Device:
    kind = kind_of(element)
    values = {it.name: _read(element, it.paths[0]) for it in kind.fields if not it.is_secret}
    if kind.source:
        values["device"] = host_devices.key_of(element)
    raw = etree.tostring(element, method="c14n", with_tail=False)
    digest = hashlib.sha256(raw).hexdigest()[:16]
    key = f"{element.tag}-{place}-{digest}"
    return Device(
        key=f"{LIVE}-{key}" if is_live else key,
        kind=kind.name,
        tag=str(element.tag),
        values={name: value for name, value in values.items() if value},
        alias=elements.attribute(element, "alias", "name"),
    )


def _is_successor(live: Element, stored: Element) -> bool:
    """The same device with something changed: the only one of its kind, or at the same address."""
    kind = kind_of(stored)
    if kind is OTHER or kind_of(live) is not kind:
        return False
    if kind.most == 1:
        return True
    ours, theirs = live.find("address"), stored.find("address")
    return ours is not None and theirs is not None and dict(ours.attrib) == dict(theirs.attrib)


def _is_alike(live: Element, stored: Element) -> bool:
    """It says the same, and is only plugged in elsewhere."""
    kind = kind_of(stored)
    if kind is OTHER or kind_of(live) is not kind:
        return False
    return _device(live, 0, False).values == _device(stored, 0, False).values


def _find(root: Element, key: str) -> Element:
    tag, place, _digest = key.removeprefix(f"{LIVE}-").rsplit("-", 2)
    found = _at(root, tag, int(place))
    if _device(found, int(place), key.startswith(f"{LIVE}-")).key != key:
        raise errors.Conflict("another device is at its place now")
    return found


def _at(root: Element, tag: str, place: int) -> Element:
    found = root.findall(f"devices/{tag}")
    if tag in ELSEWHERE or not 0 <= place < len(found):
        raise errors.Conflict("the device is gone")
    return found[place]


def _build(kind: Kind, values: Mapping[str, str]) -> Element:
    made = etree.Element(kind.tag)
    try:
        for path, value in (*kind.marks, *kind.writes):
            _set(made, path, value)
        for field in kind.fields:
            _write(made, field, values.get(field.name, field.default))
    except ValueError as error:
        raise errors.Invalid("a value holds a character that XML cannot carry") from error
    if kind.source:
        host_devices.fill(made, values.get("device", ""))
    return made


def _changed(element: Element, kind: Kind, values: Mapping[str, str]) -> list[Field]:
    return [it for it in kind.fields if it.name in values and _differs(element, it, values)]


def _differs(element: Element, field: Field, values: Mapping[str, str]) -> bool:
    wanted = values[field.name]
    if field.is_fixed or (field.is_secret and not wanted):
        return False
    return wanted != (_read(element, field.paths[0]) or field.default)


def _read(element: Element, path: str) -> str:
    if path.endswith("?"):
        return "no" if element.find(path[:-1]) is None else "yes"
    base, is_attribute, name = path.rpartition("@") if _is_attribute(path) else (path, "", "")
    found = element.find(base.rstrip("/")) if base.rstrip("/") else element
    if found is None:
        return ""
    return str(found.get(name, "")) if is_attribute else (found.text or "").strip()


def _is_attribute(path: str) -> bool:
    """`a[@b='c']/d` is none, `a/@b` is one."""
    return path.rpartition("/")[2].startswith("@")


def _write(element: Element, field: Field, value: str) -> None:
    if not value:
        return
    for path in field.paths:
        if path.endswith("?"):
            _clear(element, path[:-1].partition("[")[0])
            if value == "yes":
                _grown(element, path[:-1])
        else:
            _set(element, path, value)


def _set(element: Element, path: str, value: str) -> None:
    base, _slash, last = path.rpartition("/")
    is_attribute = last.startswith("@")
    holder = _grown(element, base if is_attribute else path)
    if is_attribute:
        holder.set(last[1:], value)
    else:
        holder.text = value


def _grown(element: Element, steps: str) -> Element:
    """The element at the end of these steps, made where it is not there."""
    holder = element
    for match in _STEP.finditer(steps):
        step, (tag, name, wanted) = match.group(0), match.groups()
        found = holder.find(step)
        if found is None:
            found = etree.SubElement(holder, tag)
            if name:
                found.set(name, wanted)
        holder = found
    return holder


def _clear(element: Element, path: str) -> None:
    base, _slash, last = path.rpartition("/")
    holder = element.find(base) if base else element
    if holder is None:
        return
    if last.startswith("@"):
        holder.attrib.pop(last[1:], None)
        return
    for found in holder.findall(last):
        holder.remove(found)


def shares_memory(xml: str) -> bool:
    """Whether others may read the guest's memory. Raises Invalid."""
    return backing.read(elements.parse(xml)).is_shared


def kind(name: str) -> Kind:
    """The kind of this name. Raises Invalid."""
    found = hardware_kinds.ADDABLE.get(name)
    if found is None:
        raise errors.Invalid(f"no kind of device: {name}")
    return found
