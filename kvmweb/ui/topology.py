"""The wiring of a host as a picture: four columns of boxes, and lines between them.

From left to right: interfaces of the host, bridges, networks, interfaces of guests. Positions are
numbers for an SVG; the same facts stand in `rows`, for tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from kvmweb.core import networks as core
from kvmweb.core.details import HostLine
from kvmweb.core.network_details import Attached
from kvmweb.core.networks import HostInterface
from kvmweb.core.records import NetworkRecord
from kvmweb.core.refs import Ref
from kvmweb.ui import cards, links
from kvmweb.ui import network_reach as reaches

COLUMNS = (0, 270, 540, 820)
WIDTHS = (190, 190, 200, 240)
WIDTH = COLUMNS[3] + WIDTHS[3]
STEP, BOX, TOP = 36, 28, 8
UP, DOWN, OFF, UNPLUGGED = "up", "down", "off", "unplugged"


@dataclass(slots=True)
class Node:
    """One box. key: what lines name it by. more: the small words in it. state: of its link."""

    key: str
    column: int
    label: str
    more: str = ""
    url: str = ""
    state: str = UP
    y: float = 0.0

    @property
    def x(self) -> int:
        """Its left edge."""
        return COLUMNS[self.column]

    @property
    def width(self) -> int:
        """Of its box."""
        return WIDTHS[self.column]

    @property
    def right(self) -> int:
        """Its right edge."""
        return self.x + self.width

    @property
    def middle(self) -> float:
        """Half way down."""
        return self.y + BOX / 2


@dataclass(frozen=True, slots=True)
class Line:
    """From a box to one further right. kind: wire, or routed for packets that the host passes."""

    left: Node
    right: Node
    state: str
    kind: str = "wire"

    @property
    def path(self) -> str:
        """A curve from edge to edge."""
        start, end = self.left.right, self.right.x
        bend = (start + end) / 2
        return (
            f"M{start} {self.left.middle:g}C{bend:g} {self.left.middle:g} "
            f"{bend:g} {self.right.middle:g} {end} {self.right.middle:g}"
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One interface of a guest and what it leads to, in words."""

    card: Attached
    network: str
    network_url: str
    bridge: str
    beyond: str
    state: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Context of `networks/topology.html`."""

    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    rows: tuple[Row, ...]
    width: int
    height: int


class _Plan:
    """Boxes and lines while they are gathered."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.lines: list[Line] = []

    def node(
        self, key: str, column: int, label: str, *, more: str = "", url: str = "", state: str = UP
    ) -> Node:
        """The box of this key, made when first named."""
        if key not in self.nodes:
            self.nodes[key] = Node(key, column, label, more, url, state)
        return self.nodes[key]

    def line(self, left: str, right: str, state: str, kind: str = "wire") -> None:
        """Between two boxes that are there."""
        if left in self.nodes and right in self.nodes:
            self.lines.append(Line(self.nodes[left], self.nodes[right], state, kind))


def draw(
    interfaces: Sequence[HostInterface],
    networks: Sequence[tuple[Ref, NetworkRecord]],
    cards: Sequence[Attached],
    host: HostLine | None = None,
) -> Picture:
    """Everything in its place. host: leads to its bridges, and to its devices for who sees it."""
    plan = _Plan()
    own = {record.bridge for _ref, record in networks if record.spec.mode in core.OWN_BRIDGE}
    for it in interfaces:
        _interface(plan, it, own, host)
    for ref, record in networks:
        _network(plan, ref, record)
    by_name = {record.name: (ref, record) for ref, record in networks}
    rows = []
    for order, card in enumerate(_grouped(cards, list(by_name))):
        rows.append(_card(plan, order, card, by_name))
    for it in interfaces:
        for member in it.members:
            plan.line(f"if:{member}", f"br:{it.name}", UP if it.is_active else OFF)
    height = _place(plan)
    return Picture(tuple(plan.nodes.values()), tuple(plan.lines), tuple(rows), WIDTH, height)


def _interface(plan: _Plan, it: HostInterface, own: set[str], host: HostLine | None) -> None:
    state = {"up": UP, "down": DOWN}.get(it.link, UP if it.is_active else OFF)
    if it.type == "bridge":
        if it.name not in own:  # those of networks come with them
            addresses = " ".join(it.addresses[:1])
            url = links.bridge(host.ref, it.name) if host else ""
            plan.node(f"br:{it.name}", 1, it.name, more=addresses, url=url, state=UP)
        return
    speed = f"{it.speed} Mbit/s" if it.speed else ""
    more = " ".join(it.addresses[:1]) or speed or it.type
    url = links.device(host.ref, it.name) if host and host.uri else ""
    plan.node(f"if:{it.name}", 0, it.name, more=more, url=url, state=state)


def _network(plan: _Plan, ref: Ref, record: NetworkRecord) -> None:
    spec, state = record.spec, UP if record.is_active else OFF
    key = f"net:{record.name}"
    mode = str(reaches.MODES.get(spec.mode, spec.mode))
    plan.node(key, 2, record.name, more=mode, url=links.of(ref), state=state)
    if spec.mode in (core.MACVTAP, core.HOSTDEV):
        for device in spec.devices:
            plan.node(f"if:{device}", 0, device, state=DOWN, more=_("not seen"))
            plan.line(f"if:{device}", key, state)
        return
    bridge = f"br:{spec.bridge}"
    if spec.bridge:
        more = " ".join(spec.subnets[:1])
        plan.node(bridge, 1, spec.bridge, more=more, url=links.of(ref), state=state)
        plan.line(bridge, key, state)
    if spec.mode in (core.NAT, core.ROUTE, core.OPEN) and spec.bridge:
        out = spec.forward_dev
        left = f"if:{out}" if out else "routes"
        plan.node(left, 0, out or _("Host routing"), more="" if out else _("any interface"))
        plan.line(left, bridge, state, "routed")


def _card(
    plan: _Plan, order: int, it: Attached, by_name: dict[str, tuple[Ref, NetworkRecord]]
) -> Row:
    card, state = it.card, state_of(it)
    key = f"card:{order}"
    more = card.target or card.model or cards.kind(card.type)
    plan.node(key, 3, it.name, more=more, url=links.of(it.ref), state=state)
    found = by_name.get(card.source) if card.type == "network" else None
    if found:
        plan.line(f"net:{card.source}", key, state)
    elif card.type == "bridge":
        plan.node(f"br:{card.source}", 1, card.source, more=_("not seen"), state=DOWN)
        plan.line(f"br:{card.source}", key, state)
    elif card.type == "direct":
        plan.node(f"if:{card.source}", 0, card.source, more=_("not seen"), state=DOWN)
        plan.line(f"if:{card.source}", key, state)
    spec = found[1].spec if found else None
    bridge = spec.bridge if spec else card.source if card.type == "bridge" else ""
    return Row(
        card=it,
        network=card.source if card.type == "network" else "",
        network_url=links.of(found[0]) if found else "",
        bridge=bridge,
        beyond=str(reaches.MODES.get(spec.mode, "")) if spec else cards.kind(card.type),
        state=state,
    )


def state_of(it: Attached) -> str:
    """Of the link of an interface of a guest."""
    if not it.is_active:
        return OFF
    if it.card.is_unplugged:
        return UNPLUGGED
    return UP if it.card.is_link_up else DOWN


def _grouped(cards: Iterable[Attached], names: list[str]) -> list[Attached]:
    """Guests of one network beside each other, networks in their order."""
    known = {name: order for order, name in enumerate(names)}
    last = len(known)
    return sorted(
        cards,
        key=lambda it: (
            known.get(it.card.source, last) if it.card.type == "network" else last,
            it.card.source,
            it.name.casefold(),
        ),
    )


def _place(plan: _Plan) -> int:
    """Guests from top to bottom; every other box beside the middle of what it leads to."""
    bottoms = []
    for column in (3, 2, 1, 0):
        nodes = [it for it in plan.nodes.values() if it.column == column]
        wanted = {it.key: _wanted(plan, it, order) for order, it in enumerate(nodes)}
        free = float(TOP)
        for it in sorted(nodes, key=lambda node: wanted[node.key]):
            it.y = max(free, wanted[it.key]) if column < 3 else free
            free = it.y + STEP
        bottoms.append(free)
    return int(max(bottoms, default=TOP)) + TOP


def _wanted(plan: _Plan, node: Node, order: int) -> float:
    """The middle of the boxes to its right that it leads to; its own order where there is none."""
    found = [line.right.y for line in plan.lines if line.left is node]
    return sum(found) / len(found) if found else TOP + order * STEP
