"""What passes an interface, and other places to connect it to: on real guests of a real host."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kvmweb.core.actors import Actor
from kvmweb.core.cards import CardLimits
from kvmweb.core.errors import Conflict, Denied, Invalid, NotSupported
from kvmweb.core.networks import Flow
from kvmweb.core.refs import Ref
from kvmweb.services import cards
from tests.lab.host import LabHost
from tests.services.workshop import Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
SWITCH = (
    "<network><name>sw</name><bridge name='virbr78'/><portgroup name='dev'>"
    "<bandwidth/></portgroup><portgroup name='ops' default='yes'/></network>"
)
OVS = (
    "<network><name>ovs</name><forward mode='bridge'/><bridge name='ovsbr0'/>"
    "<virtualport type='openvswitch'/><portgroup name='dev'><vlan><tag id='7'/></vlan></portgroup>"
    "</network>"
)
FAST = Flow(1000, 2000, 512)
TC = '#!/bin/sh\necho "$@" >> {log}\n'


@pytest.fixture
def mac() -> str:
    return "52:54:00:00:be:01"


@pytest.fixture
def networks(shop: Workshop) -> Iterator[dict[str, str]]:
    """Networks `sw` with port groups and `ovs`; their UUIDs."""
    found = {}
    for name, text in (("sw", SWITCH), ("ovs", OVS)):
        path = shop.lab.folder / f"{name}.xml"
        path.write_text(text)
        shop.lab.virsh("net-define", str(path))
        shop.lab.virsh("net-start", name)
        found[name] = shop.lab.virsh("net-uuid", name)
    yield found
    shop.lab.clear()
    for name in found:
        shop.lab.virsh("net-destroy", name, check=False)
        shop.lab.virsh("net-undefine", name, check=False)


@pytest.fixture
def second_card(lab: LabHost) -> Iterator[str]:
    """A network card of the host that nothing uses."""
    lab.inside("ip", "link", "add", "card9", "type", "veth", "peer", "name", "far9")
    lab.inside("ip", "link", "set", "card9", "up")
    yield "card9"
    lab.clear()
    lab.inside("ip", "link", "delete", "card9", check=False)


def guest(shop: Workshop, mac: str, *, start: bool = False) -> Ref:
    card = f"<interface type='network'><mac address='{mac}'/><source network='default'/>"
    card += "<model type='virtio'/></interface>"
    return shop.define("limited", network="", extra=card, kernel=False, start=start)


def stored(shop: Workshop, ref: Ref) -> str:
    return shop.lab.virsh("dumpxml", ref.id, "--inactive")


def test_limits_are_stored_while_it_is_off(shop: Workshop, admin: Actor, mac: str) -> None:
    ref = guest(shop, mac)
    limits = CardLimits(mtu=1400, vlan=0, inbound=FAST, outbound=Flow(300))
    assert cards.edit(admin, ref, mac, limits=limits) == "now"
    text = stored(shop, ref)
    assert "<mtu size='1400'/>" in text
    assert "<inbound average='1000' peak='2000' burst='512'/>" in text
    shop.see(lambda: shop.record(ref).interfaces[0].inbound == FAST)
    card = shop.record(ref).interfaces[0]
    assert (card.mtu, card.outbound) == (1400, Flow(300))
    none = CardLimits(0, 0, Flow(), Flow())
    assert cards.edit(admin, ref, mac, limits=none) == "now"
    assert "<bandwidth>" not in stored(shop, ref)
    assert "<mtu" not in stored(shop, ref)


def test_who_may_not_limit_neither_sets_nor_lifts_it_nor_takes_the_interface_away(
    shop: Workshop, admin: Actor, creator: Actor, mac: str
) -> None:
    ref = guest(shop, mac)
    with pytest.raises(Denied):
        cards.edit(creator, ref, mac, limits=CardLimits(inbound=FAST))
    assert cards.edit(admin, ref, mac, limits=CardLimits(inbound=FAST)) == "now"
    assert cards.edit(creator, ref, mac, limits=CardLimits(mtu=1400, inbound=Flow())) == "now"
    assert "average='1000'" in stored(shop, ref)
    shop.see(lambda: shop.record(ref).interfaces[0].is_limited)
    for lifted in (Flow(), Flow(5000)):
        with pytest.raises(Denied) as denied:
            cards.edit(creator, ref, mac, limits=CardLimits(inbound=lifted))
        assert denied.value.context["verb"] == "guest.limits"
    with pytest.raises(Denied):
        cards.detach(creator, ref, mac)
    with pytest.raises(Denied):
        cards.attach(creator, ref, place=f"network:{shop.network}")
    assert cards.attach(admin, ref, place=f"network:{shop.network}")[1] == "now"
    place = f"network:{shop.network}"
    assert (
        cards.edit(creator, ref, mac, place=place, limits=CardLimits(mtu=0, inbound=FAST)) == "now"
    )
    assert "average='1000'" in stored(shop, ref)
    shop.see(lambda: shop.record(ref).interfaces[0].mtu == 0)
    assert cards.detach(admin, ref, mac) == "now"


def test_a_limit_that_came_meanwhile_stays(
    shop: Workshop, admin: Actor, creator: Actor, mac: str
) -> None:
    """The mirror does not know of it yet."""
    ref = guest(shop, mac)
    assert cards.edit(admin, ref, mac, limits=CardLimits(inbound=FAST)) == "now"
    with pytest.raises(Conflict):
        cards.detach(creator, ref, mac)
    with pytest.raises(Conflict):
        cards.attach(creator, ref, place=f"network:{shop.network}")
    assert "average='1000'" in stored(shop, ref)


def test_a_running_guest_is_limited_at_once(
    shop: Workshop, admin: Actor, mac: str, lab: LabHost
) -> None:
    """A recording `tc` stands in for a kernel that has what limits need."""
    log, fake = lab.folder / "tc.log", lab.folder / "tc"
    log.write_text("")
    fake.write_text(TC.format(log=log))
    fake.chmod(0o755)
    place = lab.inside("sh", "-c", "command -v tc").strip()
    lab.inside("mount", "--bind", str(fake), place)
    try:
        ref = guest(shop, mac, start=True)
        assert cards.edit(admin, ref, mac, limits=CardLimits(inbound=FAST)) == "now"
        assert "average='1000'" in shop.lab.virsh("dumpxml", ref.id)
        assert "average='1000'" in stored(shop, ref)
        assert "rate 1000kbps" in log.read_text()
        shop.see(lambda: not shop.record(ref).has_pending_changes)
        assert cards.edit(admin, ref, mac, is_link_up=False) == "now"
        assert "average='1000'" in shop.lab.virsh("dumpxml", ref.id)
    finally:
        lab.clear()
        lab.inside("umount", place)


def test_a_host_that_cannot_limit_changes_nothing(
    shop: Workshop, admin: Actor, mac: str, lab: LabHost
) -> None:
    """Stored, the guest would not start any more."""
    fake = lab.folder / "tc-none"
    fake.write_text("#!/bin/sh\necho 'Specified qdisc kind is unknown' >&2\nexit 2\n")
    fake.chmod(0o755)
    place = lab.inside("sh", "-c", "command -v tc").strip()
    ref = guest(shop, mac, start=True)
    before = stored(shop, ref)
    lab.inside("mount", "--bind", str(fake), place)
    try:
        with pytest.raises(NotSupported):
            cards.edit(admin, ref, mac, is_link_up=False, limits=CardLimits(inbound=FAST))
    finally:
        lab.inside("umount", place)
    assert stored(shop, ref) == before
    assert "up" in shop.lab.virsh("domif-getlink", ref.id, mac)


def test_another_mtu_waits_for_the_next_start(shop: Workshop, creator: Actor, mac: str) -> None:
    ref = guest(shop, mac, start=True)
    assert cards.edit(creator, ref, mac, limits=CardLimits(mtu=1400)) == "next"
    shop.see(lambda: shop.record(ref).has_pending_changes)
    told = [(it.field, it.now, it.then) for it in shop.record(ref).pending]
    assert told == [("mtu", "", "1400")]


def test_a_port_group_is_taken_live(
    shop: Workshop, creator: Actor, mac: str, networks: dict[str, str]
) -> None:
    ref = guest(shop, mac, start=True)
    key = f"network:{networks['sw']}/dev"
    shop.see(lambda: key in [it.key for it in cards.places(creator, "east")])
    assert cards.edit(creator, ref, mac, place=key) == "now"
    assert "portgroup='dev'" in stored(shop, ref)
    shop.see(lambda: shop.record(ref).interfaces[0].port_group == "dev")


def test_only_open_vswitch_has_vlans_of_interfaces(
    shop: Workshop, creator: Actor, mac: str, networks: dict[str, str]
) -> None:
    ref = guest(shop, mac)
    key = f"network:{networks['ovs']}"
    shop.see(lambda: key in [it.key for it in cards.places(creator, "east")])
    with pytest.raises(Invalid) as wrong:
        cards.edit(creator, ref, mac, limits=CardLimits(vlan=42))
    assert set(wrong.value.fields) == {"vlan"}
    assert cards.edit(creator, ref, mac, place=key, limits=CardLimits(vlan=42)) == "now"
    assert "<tag id='42'/>" in stored(shop, ref)
    shop.see(lambda: shop.record(ref).interfaces[0].vlans == (42,))
    assert cards.edit(creator, ref, mac, place=f"network:{shop.network}") == "now"
    assert "<tag" not in stored(shop, ref)


def test_another_vlan_is_for_who_may_use_the_network_and_not_beside_a_port_group(
    shop: Workshop, creator: Actor, editor: Actor, mac: str, networks: dict[str, str]
) -> None:
    ref = guest(shop, mac)
    key = f"network:{networks['ovs']}"
    shop.see(lambda: f"{key}/dev" in [it.key for it in cards.places(creator, "east")])
    assert cards.edit(creator, ref, mac, place=key, limits=CardLimits(vlan=42)) == "now"
    shop.see(lambda: shop.record(ref).interfaces[0].vlans == (42,))
    assert cards.places(editor, "east") == []
    for vlan in (43, 0):
        with pytest.raises(Invalid) as wrong:
            cards.edit(editor, ref, mac, limits=CardLimits(vlan=vlan))
        assert set(wrong.value.fields) == {"vlan"}
    assert cards.edit(editor, ref, mac, limits=CardLimits(mtu=1400, vlan=42)) == "now"
    assert cards.edit(creator, ref, mac, limits=CardLimits(vlan=43)) == "now"
    with pytest.raises(Invalid) as wrong:
        cards.edit(creator, ref, mac, place=f"{key}/dev", limits=CardLimits(vlan=43))
    assert set(wrong.value.fields) == {"vlan"}
    assert cards.edit(creator, ref, mac, place=f"{key}/dev") == "now"
    shop.see(lambda: shop.record(ref).interfaces[0].port_group == "dev")
    with pytest.raises(Invalid) as wrong:
        cards.edit(creator, ref, mac, limits=CardLimits(vlan=44))
    assert set(wrong.value.fields) == {"vlan"}


def test_a_device_of_the_host_is_for_those_who_may(
    second_card: str, shop: Workshop, admin: Actor, creator: Actor, mac: str
) -> None:
    ref = guest(shop, mac, start=True)
    key = f"direct:{second_card}"
    shop.see(lambda: key in [it.key for it in cards.places(admin, "east")])
    assert not [it for it in cards.places(creator, "east") if it.type == "direct"]
    with pytest.raises(Invalid) as wrong:
        cards.attach(creator, ref, place=key)
    assert set(wrong.value.fields) == {"place"}
    added, when = cards.attach(admin, ref, place=key, mode="private")
    assert when == "now"
    shop.see(lambda: len(shop.record(ref).interfaces) == 2)
    card = next(it for it in shop.record(ref).interfaces if it.mac == added)
    assert (card.type, card.source, card.mode) == ("direct", second_card, "private")
    with pytest.raises(Invalid) as wrong:
        cards.edit(admin, ref, added, limits=CardLimits(mtu=1400))
    assert set(wrong.value.fields) == {"mtu"}
    with pytest.raises(Invalid) as wrong:
        cards.edit(admin, ref, added, mode="loop")
    assert set(wrong.value.fields) == {"mode"}
    assert cards.edit(admin, ref, added, mode="vepa") in ("now", "next")
    assert "mode='vepa'" in stored(shop, ref)


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        (CardLimits(mtu=20), "mtu"),
        (CardLimits(mtu=70000), "mtu"),
        (CardLimits(vlan=4095), "vlan"),
        (CardLimits(inbound=Flow(0, 10, 0)), "inbound"),
        (CardLimits(outbound=Flow(10, 5, 0)), "outbound_peak"),
        (CardLimits(outbound=Flow(10**10)), "outbound"),
    ],
)
def test_limits_that_make_no_sense_are_refused(
    shop: Workshop, admin: Actor, mac: str, limits: CardLimits, field: str
) -> None:
    ref = guest(shop, mac)
    with pytest.raises(Invalid) as wrong:
        cards.edit(admin, ref, mac, limits=limits)
    assert set(wrong.value.fields) == {field}
