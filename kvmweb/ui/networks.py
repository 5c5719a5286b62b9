"""The page of a network: its facts, controls, who reaches whom, and what needs attention."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kvmweb.core.network_details import Attached, NetworkDetails
from kvmweb.core.networks import IpBlock, Lease, NetworkSpec, Reservation
from kvmweb.core.records import NetworkRecord
from kvmweb.ui import commands, controls, network_reach, words
from kvmweb.ui.controls import Control
from kvmweb.ui.words import Text

_LINES = {
    "network.start": "net-start {net}",
    "network.stop": "net-destroy {net}",
    "network.restart": "net-destroy {net}; net-start {net}",
    "network.edit": "net-edit {net}",
    "network.definition": "net-dumpxml {net}",
    "network.leases": "net-dhcp-leases {net}",
    "network.duplicate": "net-define network.xml",
    "network.create": "net-define network.xml",
}
_GROUPS = (
    ("network.start", "network.stop", "network.restart", "network.restart_dhcp",
     "network.reattach"),
    ("network.edit", "network.duplicate", "network.reserve"),
    ("network.delete",),
)  # fmt: skip

ROWS_MAX = 100
"""Guests shown on the page of one network; it is rendered again whenever one of them changes."""


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """A lease. guest: whose interface it is, where the reader sees it. kept: reserved already."""

    lease: Lease
    guest: Attached | None
    kept: bool


@dataclass(frozen=True, slots=True)
class BlockRow:
    """An address block with its family in words."""

    block: IpBlock
    family: str


@dataclass(frozen=True, slots=True)
class Attention:
    """One sentence above the cards, and the way out beside it."""

    sentence: str
    tone: str
    control: Control | None = None
    names: tuple[Attached, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkPage:
    """Context of `networks/detail.html`, whole and in parts."""

    details: NetworkDetails
    dom_id: str
    shown: words.State
    is_stale: bool
    main: tuple[Control, ...]
    menu: tuple[tuple[Control, ...], ...]
    by_verb: dict[str, Control]
    attentions: tuple[Attention, ...]
    reach: network_reach.Reach
    mode: Text
    explained: Text
    blocks: tuple[BlockRow, ...]
    attached: tuple[Attached, ...]
    """The first ROWS_MAX of those that the reader sees."""
    leases: tuple[LeaseRow, ...]
    kept: tuple[Reservation, ...]
    key: str
    """The same as long as the page shows the same: twice the same click is one act."""
    dumpxml: str
    leases_line: str
    reserve_line: str

    @property
    def record(self) -> NetworkRecord:
        """Shorter in templates."""
        return self.details.record

    @property
    def spec(self) -> NetworkSpec:
        """As it works now."""
        return self.details.record.spec

    @property
    def autostart(self) -> Control:
        """The switch."""
        return self.by_verb["network.autostart"]

    @property
    def reserve(self) -> Control:
        """Reserving an address."""
        return self.by_verb["network.reserve"]


def page(details: NetworkDetails) -> NetworkPage:
    """Everything ready for the templates, in the language that is active now."""
    record, uri = details.record, details.host.uri
    offers = [replace(it, command=line(uri, it.verb, record)) for it in details.offers]
    found = {it.verb: it for it in controls.all_of(offers, details.ref)}
    return NetworkPage(
        details=details,
        dom_id=details.ref.dom_id,
        shown=words.activity(record.is_active),
        is_stale=not details.host.is_up,
        main=(
            found["network.stop" if record.is_active else "network.start"],
            found["network.edit"],
        ),
        menu=tuple(tuple(found[verb] for verb in group) for group in _GROUPS),
        by_verb=found,
        attentions=tuple(_attentions(details, found)),
        reach=network_reach.reach(record.spec),
        mode=network_reach.MODES.get(record.spec.mode, record.spec.mode),
        explained=network_reach.EXPLAINED.get(record.spec.mode, ""),
        blocks=tuple(BlockRow(it, "IPv6" if it.is_ipv6 else "IPv4") for it in record.spec.ips),
        attached=details.attached[:ROWS_MAX],
        leases=_leases(details)[:ROWS_MAX],
        kept=(record.stored or record.spec).reservations,
        key=hashlib.sha256(repr((details.rev, offers)).encode()).hexdigest()[:24],
        dumpxml=line(uri, "network.definition", record),
        leases_line=line(uri, "network.leases", record),
        reserve_line=_reserve_line(uri, record),
    )


def line(uri: str, verb: str, record: NetworkRecord) -> str:
    """The virsh line for this verb; empty where virsh has none."""
    word = commands.guest_word(record.name, record.uuid)
    if verb == "network.autostart":
        switch = ["--disable"] if record.has_autostart else []
        return commands.virsh(uri, "net-autostart", word, *switch)
    if verb == "network.delete":
        first = [commands.virsh(uri, "net-destroy", word)] if record.is_active else []
        last = [commands.virsh(uri, "net-undefine", word)] if record.is_persistent else []
        return "\n".join(first + last)
    lines = _LINES.get(verb, "")
    parts = (part.format(net=word).split() for part in lines.split(";") if part)
    return "\n".join(commands.virsh(uri, *part) for part in parts)


def _reserve_line(uri: str, record: NetworkRecord) -> str:
    word = commands.guest_word(record.name, record.uuid)
    scope = ["--config"] if record.is_persistent else []
    scope += ["--live"] if record.is_active else []
    host = "<host mac='MAC' ip='ADDRESS' name='NAME'/>"
    return commands.virsh(uri, "net-update", word, "add-last", "ip-dhcp-host", host, *scope)


def define_lines(uri: str, name: str, *, is_new: bool) -> list[str]:
    """The virsh lines that store network.xml, and start what is new."""
    word = commands.guest_word(name, name)
    lines = [commands.virsh(uri, "net-define", "network.xml", "--validate")]
    if is_new:
        lines += [commands.virsh(uri, verb, word) for verb in ("net-start", "net-autostart")]
    return lines


def question(word: str, name: str) -> str:
    """What a dialog asks before this verb."""
    asked = {
        "network.stop": _("Stop network %(name)s?"),
        "network.restart": _("Restart network %(name)s?"),
        "network.delete": _("Delete network %(name)s?"),
    }.get(word)
    if asked:
        return asked % {"name": name}
    return _("%(act)s: %(name)s") % {"act": words.verb(word).label, "name": name}


def warning(word: str, details: NetworkDetails) -> str:
    """What goes with it."""
    number = len({it.ref for it in details.running})
    if word == "network.delete":
        users = len({it.ref for it in details.attached})
        if not users:
            return _("Its definition is removed from the host. The audit keeps it.")
        return ngettext(
            "Its definition is removed from the host; the audit keeps it. %(n)d guest uses it and "
            "cannot start without it.",
            "Its definition is removed from the host; the audit keeps it. %(n)d guests use it and "
            "cannot start without it.",
            users,
        ) % {"n": users}
    if not number:
        return _("No running guest that you see uses it.")
    if word == "network.restart":
        return ngettext(
            "%(n)d running guest loses its link for a moment and is plugged in again.",
            "%(n)d running guests lose their link for a moment and are plugged in again.",
            number,
        ) % {"n": number}
    return ngettext(
        "%(n)d running guest loses its link, and stays without one until it is re-attached.",
        "%(n)d running guests lose their link, and stay without one until they are re-attached.",
        number,
    ) % {"n": number}


def _attentions(details: NetworkDetails, found: dict[str, Control]) -> Iterable[Attention]:
    record = details.record
    if not details.host.is_up:
        return
    if record.is_dhcp_silent:
        yield Attention(
            _("Its DHCP and DNS server (dnsmasq) does not run. Guests get no addresses."),
            "bad",
            found["network.restart_dhcp"],
        )
    lost = details.unplugged
    if lost:
        guests = len({it.ref for it in lost})
        if record.is_active:
            sentence = ngettext(
                "The network was stopped and started again. %(n)d guest has had no link since:",
                "The network was stopped and started again. %(n)d guests have had no link since:",
                guests,
            )
            yield Attention(sentence % {"n": guests}, "warn", found["network.reattach"], lost)
        else:
            sentence = ngettext(
                "The network is stopped. %(n)d running guest has no link:",
                "The network is stopped. %(n)d running guests have no link:",
                guests,
            )
            yield Attention(sentence % {"n": guests}, "warn", found["network.start"], lost)
    if record.stored is not None:
        yield Attention(
            _("The stored definition differs from the running one. A restart applies it."),
            "info",
            found["network.restart"],
        )


def _leases(details: NetworkDetails) -> tuple[LeaseRow, ...]:
    record = details.record
    by_mac = {it.card.mac: it for it in details.attached}
    kept = {(it.mac, it.ip) for it in (record.stored or record.spec).reservations}
    ids = {it.id for it in (record.stored or record.spec).reservations if it.id}
    return tuple(
        LeaseRow(it, by_mac.get(it.mac), (it.mac, it.ip) in kept or it.id in ids)
        for it in record.leases
    )
