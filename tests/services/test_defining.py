"""The editor of definitions over a real libvirt: checked, conflict-safe, passwords never shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Conflict, Denied, Invalid, NotFound, WrongState
from kvmweb.core.refs import Ref
from kvmweb.services import defining, versions
from kvmweb.store.models import AuditEntry, GuestVersion, Session
from tests.services.stage import person
from tests.services.workshop import Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
PASSWORD = "sesame12"


@pytest.fixture
def admin() -> Actor:
    """Who gave the password just now."""
    made = person("ada", "administrator")
    Session.objects.create(key_hash="s1", person_id=made.person_id)
    return replace(made, session="s1")


def defined(shop: Workshop, name: str = "web", **options: Any) -> Ref:
    return shop.define(name, vnc_password=PASSWORD, **options)


def secure(shop: Workshop, ref: Ref) -> str:
    return shop.lab.virsh("dumpxml", "--inactive", "--security-info", ref.id)


def faults(admin: Actor, ref: Ref, text: str, definition_hash: str) -> str:
    with pytest.raises(Invalid) as caught:
        defining.apply(admin, ref, text=text, definition_hash=definition_hash)
    return caught.value.fields["text"]


def test_an_edit_is_stored_and_the_password_survives_unseen(shop: Workshop, admin: Actor) -> None:
    ref = defined(shop)
    stored = defining.read(admin, ref)
    assert PASSWORD not in stored.xml
    assert f"passwd='{defining.KEPT}'" in stored.xml
    text = stored.xml.replace("<vcpu placement='static'>1<", "<vcpu placement='static'>3<")
    assert [kind for kind, _line in defining.difference(stored.xml, text)].count("added") == 1
    defining.apply(admin, ref, text=text, definition_hash=stored.hash)
    assert ">3</vcpu>" in secure(shop, ref)
    assert f"passwd='{PASSWORD}'" in secure(shop, ref)
    entry = AuditEntry.objects.get(verb="guest.xml", outcome="ok")
    assert "+<vcpu" in entry.detail["changes"]
    shop.see(lambda: GuestVersion.objects.filter(uuid=ref.id).count() == 2)
    newest = versions.history(admin, ref).versions[0]
    assert (newest.verb, newest.who) == ("guest.xml", "ada")
    kept = " ".join(GuestVersion.objects.values_list("xml", flat=True))
    assert PASSWORD not in kept
    assert PASSWORD not in str(AuditEntry.objects.values_list("detail", flat=True))


def test_a_password_that_is_taken_out_is_gone(shop: Workshop, admin: Actor) -> None:
    ref = defined(shop)
    stored = defining.read(admin, ref)
    text = stored.xml.replace(f" passwd='{defining.KEPT}'", "")
    defining.apply(admin, ref, text=text, definition_hash=stored.hash)
    assert "passwd" not in secure(shop, ref)


def test_the_second_of_two_is_told_and_nothing_is_lost(shop: Workshop, admin: Actor) -> None:
    ref = defined(shop)
    stored = defining.read(admin, ref)
    first = stored.xml.replace("<memory unit='KiB'>98304", "<memory unit='KiB'>131072")
    defining.apply(admin, ref, text=first, definition_hash=stored.hash)
    second = stored.xml.replace("</name>", "</name><title>Two</title>")
    with pytest.raises(Conflict):
        defining.apply(admin, ref, text=second, definition_hash=stored.hash)
    assert "131072" in secure(shop, ref)
    assert "<title>" not in secure(shop, ref)


def test_what_is_no_definition_is_said_with_its_line(shop: Workshop, admin: Actor) -> None:
    ref = defined(shop)
    stored = defining.read(admin, ref)
    before = secure(shop, ref)
    broken = stored.xml.replace("</vcpu>", "")
    assert "line " in faults(admin, ref, broken, stored.hash)
    unknown = stored.xml.replace("<vcpu ", "<bogus/><vcpu ", 1)
    said = faults(admin, ref, unknown, stored.hash)
    assert "bogus" in said
    assert "/usr/share" not in said
    renamed = stored.xml.replace("<name>web<", "<name>other<")
    assert "<name> stays web" in faults(admin, ref, renamed, stored.hash)
    other = stored.xml.replace(ref.id, "11111111-2222-4333-8444-555555555555")
    assert f"<uuid> stays {ref.id}" in faults(admin, ref, other, stored.hash)
    large = stored.xml.replace("</name>", f"</name><!--{'x' * 1024**2}-->")
    assert "1 MiB" in faults(admin, ref, large, stored.hash)
    assert secure(shop, ref) == before


def test_a_running_guest_has_it_at_its_next_start(shop: Workshop, admin: Actor) -> None:
    ref = defined(shop)
    shop.lab.virsh("start", "web")
    shop.see(lambda: shop.record(ref).state.is_active)
    stored = defining.read(admin, ref)
    assert stored.is_active
    text = stored.xml.replace("<vcpu placement='static'>1<", "<vcpu placement='static'>2<")
    defining.apply(admin, ref, text=text, definition_hash=stored.hash)
    shop.see(lambda: shop.record(ref).has_pending_changes)
    shop.see(lambda: GuestVersion.objects.filter(uuid=ref.id).count() == 2)
    assert "id='" not in GuestVersion.objects.latest("pk").xml.split(">")[0]


def test_an_old_definition_comes_back_the_same_way(shop: Workshop, admin: Actor) -> None:
    ref = defined(shop)
    stored = defining.read(admin, ref)
    text = stored.xml.replace("</name>", "</name><title>Later</title>")
    defining.apply(admin, ref, text=text, definition_hash=stored.hash)
    shop.see(lambda: GuestVersion.objects.filter(uuid=ref.id).count() == 2)
    now = defining.read(admin, ref)
    first = GuestVersion.objects.filter(uuid=ref.id).earliest("pk")
    old = defining.restorable(admin, ref, first.pk, now.xml)
    defining.apply(admin, ref, text=old, definition_hash=now.hash, version=first.pk)
    assert "<title>" not in secure(shop, ref)
    assert PASSWORD in secure(shop, ref)
    shop.see(lambda: GuestVersion.objects.filter(uuid=ref.id).count() == 3)
    with pytest.raises(NotFound):
        defining.restorable(admin, ref, first.pk + 1000, now.xml)


def test_a_transient_guest_has_none_to_edit(shop: Workshop, admin: Actor) -> None:
    ref = defined(shop)
    shop.lab.virsh("start", "web")
    shop.lab.virsh("undefine", "web")
    with pytest.raises(WrongState):
        defining.read(admin, ref)


def test_it_wants_the_verb_and_the_password(shop: Workshop, admin: Actor) -> None:
    ref = defined(shop)
    stored = defining.read(admin, ref)
    with pytest.raises(Denied) as refused:
        defining.apply(
            replace(admin, session=""), ref, text=stored.xml, definition_hash=stored.hash
        )
    assert refused.value.context["verb"] == "me.confirm"
    for name, role in (("ed", "editor"), ("hal", "host-admin"), ("cy", "creator")):
        with pytest.raises(Denied):
            defining.read(person(name, role), ref)
    with pytest.raises(NotFound):
        defining.read(person("stranger"), ref)
