"""Who reaches whom on a network: its mode in words, and what the picture draws."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy

from kvmweb.core import networks as core
from kvmweb.core.networks import NetworkSpec
from kvmweb.ui.words import Text

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


def mode_choices() -> list[tuple[str, Text, Text]]:
    """Every mode with its name and what it means."""
    return [(mode, MODES[mode], EXPLAINED[mode]) for mode in core.MODES]
