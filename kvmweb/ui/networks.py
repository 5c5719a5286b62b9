"""The page of a network: its facts, controls, who reaches whom, and what needs attention."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from kvmweb.core import networks as core
from kvmweb.core.network_details import Attached, NetworkDetails
from kvmweb.core.networks import IpBlock, Lease, NetworkSpec, Reservation
from kvmweb.core.records import NetworkRecord
from kvmweb.ui import commands, controls, words
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

MODES: dict[str, Text] = {
    core.NAT: gettext_lazy("NAT"),
    core.ROUTE: gettext_lazy("Routed"),
    core.ISOLATED: gettext_lazy("Isolated"),
    core.OPEN: gettext_lazy("Open"),
    core.BRIDGE: gettext_lazy("Bridge"),
    core.OVS: gettext_lazy("Open vSwitch"),
    core.MACVTAP: gettext_lazy("Direct (macvtap)"),
    core.HOSTDEV: gettext_lazy("SR-IOV pool"),
}
EXPLAINED: dict[str, Text] = {
    core.NAT: gettext_lazy(
        "Guests reach the outside under the host's address; nobody outside reaches them."
    ),
    core.ROUTE: gettext_lazy(
        "The host passes on packets with their own addresses; the outside needs a route to them."
    ),
    core.ISOLATED: gettext_lazy("Guests reach each other and the host, nothing else."),
    core.OPEN: gettext_lazy("Routed, without any rule of the firewall by libvirt: yours decide."),
    core.BRIDGE: gettext_lazy(
        "Guests are plugged into a bridge of the host, as if they stood in its network."
    ),
    core.OVS: gettext_lazy("Guests are plugged into an Open vSwitch bridge, with VLANs."),
    core.MACVTAP: gettext_lazy(
        "Guests share an interface of the host directly; they cannot reach the host itself."
    ),
    core.HOSTDEV: gettext_lazy(
        "Each guest gets a virtual function of a network card: fast, but it cannot migrate."
    ),
}
YES, NO, PARTLY = "yes", "no", "partly"


@dataclass(frozen=True, slots=True)
class Way:
    """Whether packets get through. answer: yes, no or partly. note: under which condition."""

    what: Text
    answer: str
    note: Text = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """Who reaches whom on one network: the picture, and the same in words."""

    guests: Way
    host: Way
    out: Way
    back: Way
    middle: str
    """What stands between guests and the outside: a bridge, or an interface of the host."""
    has_host: bool = True

    @property
    def ways(self) -> tuple[Way, ...]:
        """In the order of reading."""
        return (self.guests, self.host, self.out, self.back)


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
    reach: Reach
    mode: Text
    explained: Text
    blocks: tuple[BlockRow, ...]
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
        reach=reach(record.spec),
        mode=MODES.get(record.spec.mode, record.spec.mode),
        explained=EXPLAINED.get(record.spec.mode, ""),
        blocks=tuple(BlockRow(it, "IPv6" if it.is_ipv6 else "IPv4") for it in record.spec.ips),
        leases=_leases(details),
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


def reach(spec: NetworkSpec) -> Reach:
    """Who reaches whom on a network like this."""
    together, host, out, back = _ANSWERS[spec.mode](spec)
    middle = spec.bridge or (spec.devices[0] if spec.devices else "")
    return Reach(
        guests=Way(gettext_lazy("Guests reach each other"), *together),
        host=Way(gettext_lazy("Guests and the host reach each other"), *host),
        out=Way(gettext_lazy("Guests reach the outside"), *out),
        back=Way(gettext_lazy("The outside reaches guests"), *back),
        middle=middle or str(MODES.get(spec.mode, "")),
        has_host=spec.mode not in (core.MACVTAP, core.HOSTDEV),
    )


_Answer = tuple[str, Text]
_Answers = tuple[_Answer, _Answer, _Answer, _Answer]


def _host_way(spec: NetworkSpec) -> _Answer:
    if spec.ips:
        return (YES, "")
    return (NO, gettext_lazy("the host has no address here"))


def _nat(spec: NetworkSpec) -> _Answers:
    out: _Answer = (YES, gettext_lazy("under the host's address"))
    if spec.ips and all(it.is_ipv6 for it in spec.ips):
        out = (PARTLY, gettext_lazy("routed: IPv6 is not translated here"))
    return ((YES, ""), _host_way(spec), out, (NO, gettext_lazy("answers excepted")))


def _routed(spec: NetworkSpec) -> _Answers:
    known = gettext_lazy("if the outside has a route to the subnet")
    return ((YES, ""), _host_way(spec), (YES, known), (YES, known))


def _isolated(spec: NetworkSpec) -> _Answers:
    return ((YES, ""), _host_way(spec), (NO, ""), (NO, ""))


def _open(spec: NetworkSpec) -> _Answers:
    rules = gettext_lazy("as the host's firewall says")
    return ((YES, ""), _host_way(spec), (PARTLY, rules), (PARTLY, rules))


def _bridged(_spec: NetworkSpec) -> _Answers:
    host: _Answer = (PARTLY, gettext_lazy("if the bridge has an address of the host"))
    direct = gettext_lazy("directly, with addresses of the network outside")
    return ((YES, ""), host, (YES, direct), (YES, direct))


def _tagged(_spec: NetworkSpec) -> _Answers:
    same = gettext_lazy("within the same VLAN")
    return (YES, same), (PARTLY, same), (YES, same), (YES, same)


def _direct(spec: NetworkSpec) -> _Answers:
    together: dict[str, _Answer] = {
        "bridge": (YES, gettext_lazy("on the same interface")),
        "vepa": (PARTLY, gettext_lazy("if the switch sends packets back")),
        "private": (NO, ""),
        "passthrough": (PARTLY, gettext_lazy("through the switch outside")),
    }
    host: _Answer = (NO, gettext_lazy("macvtap cannot reach its own host"))
    return together.get(spec.macvtap_mode, (PARTLY, "")), host, (YES, ""), (YES, "")


def _sriov(_spec: NetworkSpec) -> _Answers:
    card = gettext_lazy("through the card")
    return (YES, card), (PARTLY, card), (YES, card), (YES, card)


_ANSWERS = {
    core.NAT: _nat, core.ROUTE: _routed, core.ISOLATED: _isolated, core.OPEN: _open,
    core.BRIDGE: _bridged, core.OVS: _tagged, core.MACVTAP: _direct, core.HOSTDEV: _sriov,
}  # fmt: skip


def question(word: str, name: str) -> str:
    """What a dialog asks before this verb."""
    asked = {
        "network.stop": _("Stop network %(name)s?"),
        "network.restart": _("Restart network %(name)s?"),
        "network.delete": _("Delete network %(name)s?"),
    }.get(word)
    return asked % {"name": name} if asked else f"{words.verb(word).label}: {name}"


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


def mode_choices() -> list[tuple[str, Text, Text]]:
    """Every mode with its name and what it means."""
    return [(mode, MODES[mode], EXPLAINED[mode]) for mode in core.MODES]


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
