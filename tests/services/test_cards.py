"""The network interfaces of real guests: what is so at once, what waits, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Conflict, Denied, Invalid, NotFound
from kvmweb.core.refs import Ref
from kvmweb.services import cards
from tests.services.stage import person
from tests.services.workshop import Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
ASIDE = "<network><name>aside</name><bridge name='virbr77'/></network>"


def guest(shop: Workshop, name: str = "carded", **options: Any) -> Ref:
    return shop.define(name, **options)


def mac_of(shop: Workshop, ref: Ref) -> str:
    return shop.record(ref).interfaces[0].mac


def dumped(shop: Workshop, ref: Ref, *which: str) -> str:
    return shop.lab.virsh("dumpxml", ref.id, *which)


def test_the_link_goes_down_and_up_live_and_stored(shop: Workshop, creator: Actor) -> None:
    ref = guest(shop, kernel=False, start=True)
    mac = mac_of(shop, ref)
    assert cards.edit(creator, ref, mac, is_link_up=False) == "now"
    assert "down" in shop.lab.virsh("domif-getlink", ref.id, mac)
    assert "down" in shop.lab.virsh("domif-getlink", ref.id, mac, "--config")
    shop.see(lambda: not shop.record(ref).interfaces[0].is_link_up)
    assert cards.edit(creator, ref, mac, is_link_up=True) == "now"
    assert "up" in shop.lab.virsh("domif-getlink", ref.id, mac)
    assert not shop.record(ref).has_pending_changes


def test_another_model_waits_and_is_told_as_pending(shop: Workshop, creator: Actor) -> None:
    ref = guest(shop, kernel=False, start=True)
    mac = mac_of(shop, ref)
    assert cards.edit(creator, ref, mac, model="e1000e") == "next"
    assert "e1000e" not in dumped(shop, ref)
    shop.see(lambda: shop.record(ref).has_pending_changes)
    told = [(it.name, it.field, it.now, it.then) for it in shop.record(ref).pending]
    assert told == [(mac, "model", "virtio", "e1000e")]
    assert shop.record(ref).next_interfaces[0].model == "e1000e"
    assert cards.edit(creator, ref, mac, model="virtio") == "now"
    shop.see(lambda: not shop.record(ref).has_pending_changes)


def test_another_network_is_taken_live(shop: Workshop, creator: Actor) -> None:
    ref = guest(shop, kernel=False, start=True)
    mac = mac_of(shop, ref)
    file = shop.lab.folder / "aside.xml"
    file.write_text(ASIDE)
    shop.lab.virsh("net-create", str(file))
    try:
        there = shop.lab.virsh("net-uuid", "aside")
        shop.see(lambda: f"network:{there}" in [it.key for it in cards.places(creator, "east")])
        assert cards.edit(creator, ref, mac, place=f"network:{there}") == "now"
        assert "aside" in shop.lab.virsh("domiflist", ref.id)
        assert "aside" in shop.lab.virsh("domiflist", ref.id, "--inactive")
        assert cards.edit(creator, ref, mac, place=f"network:{shop.network}") == "now"
        assert "aside" not in shop.lab.virsh("domiflist", ref.id)
    finally:
        shop.lab.virsh("net-destroy", "aside", check=False)


def test_an_interface_is_added_to_a_running_guest_and_taken_away_again(
    shop: Workshop, creator: Actor
) -> None:
    ref = guest(shop)
    added, when = cards.attach(creator, ref, place=f"network:{shop.network}")
    assert when == "now"
    shop.see(lambda: len(shop.record(ref).interfaces) == 2)
    assert cards.detach(creator, ref, added) == "now"
    assert added not in dumped(shop, ref, "--inactive")


def test_a_guest_without_a_free_slot_gets_it_at_its_next_start(
    shop: Workshop, creator: Actor
) -> None:
    """A small q35 machine has one spare port."""
    ref = guest(shop, kernel=False, start=True)
    found = [cards.attach(creator, ref, place=f"network:{shop.network}") for _ in range(3)]
    assert [when for _mac, when in found][-1] == "next"
    assert found[-1][0] not in dumped(shop, ref)
    assert all(mac in dumped(shop, ref, "--inactive") for mac, _when in found)


def test_the_address_changes_while_it_is_shut_off_only(shop: Workshop, creator: Actor) -> None:
    ref = guest(shop)
    mac, other = mac_of(shop, ref), "52:54:00:aa:bb:cc"
    before = dumped(shop, ref)
    assert cards.edit(creator, ref, mac, new_mac=other.upper()) == "now"
    assert dumped(shop, ref) == before.replace(mac, other)
    shop.lab.virsh("start", ref.id)
    shop.see(lambda: shop.record(ref).state.is_active)
    with pytest.raises(Invalid) as caught:
        cards.edit(creator, ref, other, new_mac=mac)
    assert "new_mac" in caught.value.fields


@pytest.mark.parametrize("typed", ["52:54:00", "53:54:00:00:00:01", "zz:54:00:00:00:01", "<x/>"])
def test_what_is_no_address_is_refused(shop: Workshop, creator: Actor, typed: str) -> None:
    ref = guest(shop)
    with pytest.raises(Invalid) as caught:
        cards.attach(creator, ref, place=f"network:{shop.network}", mac=typed)
    assert set(caught.value.fields) == {"mac"}


def test_an_address_that_another_guest_has_is_refused_by_its_name(
    shop: Workshop, creator: Actor
) -> None:
    ref, other = guest(shop), guest(shop, "other")
    with pytest.raises(Invalid) as caught:
        cards.attach(creator, ref, place=f"network:{shop.network}", mac=mac_of(shop, other))
    assert "other" in caught.value.fields["mac"]


def test_a_network_that_one_may_not_use_is_refused(shop: Workshop) -> None:
    ref = guest(shop)
    editor = person("editor", "editor")
    assert cards.places(editor, "east") == []
    for place in (f"network:{shop.network}", "bridge:virbr0", "bridge:lo", "x"):
        with pytest.raises(Invalid) as caught:
            cards.edit(editor, ref, mac_of(shop, ref), place=place)
        assert "place" in caught.value.fields
    with pytest.raises(Denied):
        cards.detach(person("op", "operator"), ref, mac_of(shop, ref))
    with pytest.raises(NotFound):
        cards.edit(editor, ref, "52:54:00:99:99:99", is_link_up=False)


def test_a_second_writer_gets_a_conflict(shop: Workshop, creator: Actor) -> None:
    ref = guest(shop)
    seen, mac = shop.record(ref).definition_hash, mac_of(shop, ref)
    cards.edit(creator, ref, mac, model="e1000e", definition_hash=seen)
    with pytest.raises(Conflict):
        cards.edit(creator, ref, mac, model="rtl8139", definition_hash=seen)
    assert "e1000e" in dumped(shop, ref)
