"""The picture of a host: every box in a place of its own, every line between the right two."""

from __future__ import annotations

from itertools import pairwise

from kvmweb.core import networks as core
from kvmweb.core import refs
from kvmweb.core.details import HostLine
from kvmweb.core.network_details import Attached
from kvmweb.core.networks import HostInterface, IpBlock, NetworkSpec
from kvmweb.core.records import GuestState, HostState, InterfaceRecord, NetworkRecord
from kvmweb.core.refs import Ref
from kvmweb.ui import topology
from kvmweb.ui.topology import BOX, Picture


def network(name: str, mode: str, **facts: object) -> tuple[Ref, NetworkRecord]:
    spec = NetworkSpec(name=name, mode=mode, **facts)  # type: ignore[arg-type]
    record = NetworkRecord(
        "", name, mode, spec.bridge, spec.subnets, False, True, True, True, spec=spec
    )
    return refs.network("east", f"{abs(hash(name)):032x}"[:32]), record


def card(name: str, source: str, kind: str = "network", **facts: object) -> Attached:
    state = facts.pop("state", GuestState.RUNNING)
    found = InterfaceRecord("52:54:00:00:00:01", kind, source, "virtio", **facts)  # type: ignore[arg-type]
    return Attached(refs.guest("east", "0" * 32), name, state, found)  # type: ignore[arg-type]


INTERFACES = [
    HostInterface("1", "eth0", "ethernet", link="up"),
    HostInterface("2", "eth1", "ethernet", link="down", is_active=False),
    HostInterface("3", "br0", "bridge", members=("eth1",)),
    HostInterface("4", "virbr0", "bridge"),
]
NETWORKS = [
    network("default", core.NAT, bridge="virbr0", ips=(IpBlock("10.0.0.1", 24),)),
    network("direct", core.MACVTAP, devices=("eth0",)),
    network("lan", core.BRIDGE, bridge="br0"),
]


def lines(picture: Picture) -> set[tuple[str, str, str, str]]:
    return {(it.left.label, it.right.label, it.state, it.kind) for it in picture.lines}


def test_lines_lead_from_guests_to_the_wire() -> None:
    cards = [
        card("web", "default"),
        card("lost", "default", is_unplugged=True),
        card("off", "lan", state=GuestState.SHUT_OFF),
        card("down", "br0", "bridge", is_link_up=False),
        card("tap", "eth0", "direct"),
    ]
    found = lines(topology.draw(INTERFACES, NETWORKS, cards))
    assert {
        ("default", "web", "up", "wire"),
        ("default", "lost", "unplugged", "wire"),
        ("lan", "off", "off", "wire"),
        ("br0", "down", "down", "wire"),
        ("eth0", "tap", "up", "wire"),
        ("virbr0", "default", "up", "wire"),
        ("Host routing", "virbr0", "up", "routed"),
        ("eth0", "direct", "up", "wire"),
        ("eth1", "br0", "up", "wire"),
        ("br0", "lan", "up", "wire"),
    } == found


def test_fifty_guests_have_a_place_each_and_a_row_each() -> None:
    names = ["default", "lan", "direct"]
    cards = [card(f"guest-{n:02d}", names[n % 3]) for n in range(50)]
    picture = topology.draw(INTERFACES, NETWORKS, cards)
    assert len(picture.rows) == 50
    for column in range(4):
        nodes = sorted((it for it in picture.nodes if it.column == column), key=lambda it: it.y)
        assert all(below.y >= above.y + BOX for above, below in pairwise(nodes))
        assert all(it.y + BOX <= picture.height for it in nodes)
    for line in picture.lines:
        assert line.left.right <= line.right.x


def test_a_bridge_that_nobody_lists_is_drawn_as_not_seen() -> None:
    picture = topology.draw([], [], [card("web", "br7", "bridge")])
    (bridge,) = (it for it in picture.nodes if it.label == "br7")
    assert bridge.state == "down"


def test_nothing_is_a_picture_too() -> None:
    assert topology.draw([], [], []).nodes == ()


def test_every_box_of_the_host_leads_to_what_it_is() -> None:
    east = HostLine(refs.host("east"), "East", "qemu:///system", HostState.UP)
    found = {it.label: it.url for it in topology.draw(INTERFACES, NETWORKS, [], east).nodes}
    assert found["br0"] == "/networks/bridges/?host=east#bridge-br0"
    assert found["eth1"] == "/hosts/east/devices/?search=eth1"
    assert found["virbr0"] == found["default"] != ""
    unseen = HostLine(refs.host("east"), "East", "", HostState.UP)
    found = {it.label: it.url for it in topology.draw(INTERFACES, NETWORKS, [], unseen).nodes}
    assert (found["eth1"], found["br0"] != "") == ("", True)
