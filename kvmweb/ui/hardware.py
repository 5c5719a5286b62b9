"""The hardware card: rows, what can be added, and what came of a change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kvmweb.core.hardware import (
    Device,
    Hardware,
    HardwareLine,
    HostChoice,
    Kind,
    KindOffer,
    Outcome,
    Refusal,
    When,
)
from kvmweb.core.hardware_kinds import KINDS, named
from kvmweb.core.offers import Obstacle, Offer
from kvmweb.ui import device_words, in_effect, messages
from kvmweb.ui import hardware_words as words
from kvmweb.ui.words import Text, colon, listed

_ORDER = {kind.name: order for order, kind in enumerate(KINDS)}


@dataclass(frozen=True, slots=True)
class Row:
    """A device in the table. when: empty for what is so now and later; reason: why no act works."""

    key: str
    label: Text
    icon: str
    facts: str
    when: Text
    tone: Text
    can_edit: bool
    can_remove: bool
    reason: str
    name: str


@dataclass(frozen=True, slots=True)
class Card:
    """What `guests/hardware.html` shows. parts: the machine's own, in words with their number."""

    rows: tuple[Row, ...]
    parts: tuple[str, ...]
    has_spice: bool
    lacks_spice: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Addable:
    """A kind in the list of what can be added; reason: why not."""

    name: str
    words: words.KindWords
    reason: Text


def card(found: Hardware) -> Card:
    """In the language that is active now."""
    rows, parts = [], []
    lines = sorted(found.lines, key=lambda it: _ORDER.get(it.pair.device.kind, len(_ORDER)))
    for line in lines:
        if named(line.pair.device.kind).is_built_in:
            parts.append(_part(line.pair.device))
        else:
            rows.append(row(line))
    return Card(
        rows=tuple(rows),
        parts=tuple(_counted(parts)),
        has_spice=found.has_spice,
        lacks_spice=found.lacks_spice,
        reason=messages.obstacle(Offer("guest.edit", found.obstacle)),
    )


def row(line: HardwareLine) -> Row:
    """One device."""
    device = line.pair.device
    said = words.kind(device.kind, device.tag)
    when, tone = in_effect.WORDS[line.pair.when]
    facts = _facts(line)
    return Row(
        key=device.key,
        label=said.label,
        icon=said.icon,
        facts=facts,
        when=when,
        tone=tone,
        can_edit=line.can_edit,
        can_remove=line.can_remove,
        reason=messages.obstacle(Offer(named(device.kind).right, line.obstacle)),
        name=f"{said.label} {facts}".strip(),
    )


def _facts(line: HardwareLine) -> str:
    now, then = line.pair.now, line.pair.then
    facts = _said(line.pair.device, line.host_device)
    if line.pair.when is When.CHANGED and now and then and _said(now) != _said(then):
        return f"{_said(now)} → {_said(then)}"
    return facts


def _said(device: Device, host_device: str = "") -> str:
    kind = named(device.kind)
    found = [
        str(words.value(field.name, device.values[field.name]))
        for field in kind.fields
        if field.is_said and device.values.get(field.name)
    ]
    place = device.values.get("device", "").partition(":")[2]
    return listed([part for part in (host_device, place) if part] + found)


def _part(device: Device) -> str:
    facts = _said(device)
    return (
        f"{words.kind(device.kind, device.tag).label}{colon()}{facts}" if facts else str(device.tag)
    )


def _counted(parts: Iterable[str]) -> list[str]:
    there = list(parts)
    return [
        part if there.count(part) == 1 else f"{part} × {there.count(part)}"
        for part in dict.fromkeys(there)
    ]


def addable(offers: Iterable[KindOffer]) -> list[Addable]:
    """Every kind, those that cannot be with the reason."""
    return [
        Addable(it.kind.name, words.kind(it.kind.name), refusal(it.kind, it.refusal))
        for it in offers
    ]


def refusal(kind: Kind, why: Refusal) -> Text:
    """Why it cannot be added; empty where it can."""
    if why is Refusal.RIGHT:
        return messages.obstacle(Offer(kind.right, Obstacle.NO_RIGHT))
    if why is Refusal.HOST:
        return words.kind(kind.name).lacking or _("This host does not offer it.")
    if why is Refusal.NO_USB:
        return _("The guest has no USB: its controller is switched off.")
    if why is Refusal.FULL:
        if kind.most == 1:
            return _("The guest has one already.")
        return ngettext("A guest has at most %(n)d.", "A guest has at most %(n)d.", kind.most) % {
            "n": kind.most
        }
    return ""


def choices(
    allowed: Mapping[str, tuple[str, ...]], now: Mapping[str, str]
) -> dict[str, list[tuple[str, Text]]]:
    """Of each field for a select; what is there now stays possible."""
    found = {}
    for name, values in allowed.items():
        there = now.get(name, "")
        listed = [there, *values] if there and there not in values else list(values)
        found[name] = [(value, words.value(name, value)) for value in listed]
    return found


def host_choices(found: Iterable[HostChoice]) -> list[tuple[str, str]]:
    """For a select: those that can be given."""
    return [(it.key, _host_choice(it)) for it in found if not it.refusal]


def _host_choice(it: HostChoice) -> str:
    said = f"{it.name} ({it.place})" if it.name != it.place else it.place
    users = [user.name for user in it.users if user.ref]
    if users:
        said += " · " + _("also defined for %(names)s") % {"names": ", ".join(users)}
    if it.carries:
        said += " · " + _("the host reaches %(things)s through it") % {
            "things": ", ".join(it.carries)
        }
    return said


def refused(found: Iterable[HostChoice]) -> list[tuple[str, list[str]]]:
    """Each reason with the devices that cannot be given for it."""
    reasons: dict[str, list[str]] = {}
    for it in found:
        if it.refusal:
            reasons.setdefault(it.refusal, []).append(f"{it.name} ({it.place})")
    return list(reasons.items())


def takes_effect(kind: Kind, *, is_active: bool, is_new: bool) -> str:
    """When what is asked for will be so."""
    if not is_active:
        return ""
    if is_new and kind.is_live:
        return _(
            "A running guest gets it at once where it has a free slot, else at its next start."
        )
    if is_new:
        return _("A running guest gets it at its next start.")
    if any(it.is_live for it in kind.fields):
        return _(
            "The guest is running: another password counts at once where its screen has one, all"
            " else from its next start on."
        )
    return _("The guest is running: the change is so from its next start on.")


def leaves(device: Device, *, is_active: bool) -> str:
    """What taking it away means."""
    kind = named(device.kind)
    if not is_active:
        return ""
    if kind.can_plug(device.values):
        return _("The running guest is asked to let go of it now.")
    return _("The running guest keeps it until its next shut-down.")


def added(kind: str, found: Outcome) -> str:
    """What came of adding one."""
    if found.when == "now":
        return _("%(device)s: added.") % {"device": words.kind(kind).label}
    if found.why == "full":
        return device_words.no_slot()
    if found.why == "memory":
        return _(
            "Stored, with shared memory for the guest. Both are so after the next shut-down and"
            " start."
        )
    return _(
        "Stored. A running guest cannot be given it: it is there after the next shut-down and"
        " start."
    )


def saved(when: str) -> str:
    """What came of a change."""
    return device_words.saved(when)


def removed(name: str, found: Outcome) -> str:
    """What came of removing one."""
    said = _("%(device)s: removed.") % {"device": name}
    return device_words.gone(found.when) or said


def converted(found: Outcome) -> str:
    """What came of turning SPICE into VNC."""
    if found.when == "next":
        return _("Converted. It is so after the next shut-down and start.")
    return _("Converted. The guest has a VNC screen now.")
