"""Renaming on a real host: what stays, and what is in the way."""

from __future__ import annotations

import pytest

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid, WrongState
from kvmweb.hostlink import client
from kvmweb.services import renaming
from kvmweb.store.models import AuditEntry
from tests.services.stage import person
from tests.services.workshop import IMAGES, Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]


def test_it_is_called_otherwise_and_is_the_same(shop: Workshop, editor: Actor) -> None:
    ref = shop.define("before")
    renaming.rename(editor, ref, name="after")
    assert shop.lab.virsh("domname", ref.id) == "after"
    shop.see(lambda: shop.record(ref).name == "after")
    entry = AuditEntry.objects.get(verb="guest.rename")
    assert (entry.outcome, entry.detail["before"], entry.detail["after"]) == (
        "ok", "before", "after",
    )  # fmt: skip
    renaming.rename(editor, ref, name="after")


def test_names_that_are_taken_or_are_none_are_said(shop: Workshop, editor: Actor) -> None:
    ref = shop.define("one")
    shop.define("two")
    for name in ("two", "", "a/b", "-x", " y"):
        with pytest.raises(Invalid) as caught:
            renaming.rename(editor, ref, name=name)
        assert set(caught.value.fields) == {"name"}
    with pytest.raises(Denied):
        renaming.rename(person("op", "operator"), ref, name="three")
    assert shop.lab.virsh("domname", ref.id) == "one"


def test_a_running_guest_keeps_its_name(shop: Workshop, editor: Actor) -> None:
    ref = shop.define("busy")
    shop.lab.virsh("start", "busy")
    with pytest.raises(WrongState):
        client.call("east", "guest.rename", uuid=ref.id, name="other")
    shop.see(lambda: shop.record(ref).state.is_active)
    with pytest.raises(WrongState):
        renaming.rename(editor, ref, name="other")
    shop.lab.virsh("managedsave", "busy")
    shop.see(lambda: shop.record(ref).has_saved_state)
    with pytest.raises(Invalid) as caught:
        renaming.rename(editor, ref, name="other")
    assert "saved" in caught.value.fields[""]
    with pytest.raises(WrongState):
        client.call("east", "guest.rename", uuid=ref.id, name="other")


def test_snapshots_that_know_its_name_are_in_the_way(shop: Workshop, editor: Actor) -> None:
    """libvirt would take it; a revert to one of them would bring the old name back."""
    shop.disk("snapped.qcow2")
    ref = shop.define("snapped", disk=f"{IMAGES}/snapped.qcow2")
    shop.lab.virsh("snapshot-create-as", "snapped", "s1")
    shop.see(lambda: shop.record(ref).snapshots == 1)
    with pytest.raises(Invalid) as caught:
        renaming.rename(editor, ref, name="other")
    assert "snapshots" in caught.value.fields[""]
    assert shop.lab.virsh("domname", ref.id) == "snapped"
    shop.lab.virsh("snapshot-delete", "snapped", "s1")
