"""Guests of raw XML: checked by libvirt, never in the place of another, for who may write it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Exists, Invalid
from kvmweb.hostlink import client
from kvmweb.services import raw_guests, sessions
from kvmweb.store.models import AuditEntry
from tests.services.stage import person
from tests.services.workshop import KEY, Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
HOST = refs.host(KEY)
TEXT = """<domain type='qemu'>
  <name>typed</name>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices><interface type='network'><source network='default'/></interface></devices>
</domain>
"""
UUID = "5a0c1a4e-3d1c-4c54-9b0e-7d1f5a0e7b11"


@pytest.fixture
def writer(admin: Actor, monkeypatch: pytest.MonkeyPatch) -> Actor:
    """An administrator who has just given the password."""
    monkeypatch.setattr(sessions, "is_confirmed", lambda _actor: True)
    return admin


@contextmanager
def hub(shop: Workshop, name: str) -> Iterator[None]:
    """Somebody brings the mirror up to date meanwhile."""
    watching = threading.Thread(target=shop.see_guest, args=(name,))
    watching.start()
    yield
    watching.join()


def test_what_it_says_is_shown_and_then_there(shop: Workshop, writer: Actor) -> None:
    plan = raw_guests.plan(writer, HOST, TEXT)
    assert plan.found
    assert (plan.found.name, plan.found.vcpus, plan.faults) == ("typed", 1, {})
    with hub(shop, "typed"):
        guest = raw_guests.define(writer, HOST, TEXT)
    assert shop.record(guest).name == "typed"
    assert shop.lab.virsh("domuuid", "typed") == guest.id
    said = AuditEntry.objects.get(verb="guest.define")
    assert (said.outcome, said.detail["name"]) == ("ok", "typed")


def test_libvirts_schema_is_asked_and_its_words_are_told(shop: Workshop, writer: Actor) -> None:
    with pytest.raises(Invalid) as wrong:
        raw_guests.define(writer, HOST, TEXT.replace("<vcpu>1</vcpu>", "<nonsense/>"))
    assert "libvirt does not take it" in wrong.value.fields["definition"]
    assert shop.lab.virsh("list", "--all", "--name") == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Paste"),
        ("<domain>", "line 1"),
        ("<network/>", "<domain>"),
        ("<domain><memory>1</memory></domain>", "<name>"),
        (TEXT.replace("</name>", "</name><uuid>nonsense</uuid>"), "line 2"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]>" + TEXT, "document type"),
        (f"<!--{'x' * 1024 * 1024}-->{TEXT}", "1 MiB"),
    ],
)
def test_what_is_no_definition_is_refused_with_its_line(
    writer: Actor, text: str, said: str
) -> None:
    assert said in raw_guests.plan(writer, HOST, text).faults["definition"]


def test_a_name_or_uuid_that_is_there_is_refused(shop: Workshop, writer: Actor) -> None:
    ref = shop.define("typed")
    assert "name typed" in raw_guests.plan(writer, HOST, TEXT).faults["definition"]
    other = TEXT.replace("typed</name>", f"other</name><uuid>{ref.id}</uuid>")
    assert ref.id in raw_guests.plan(writer, HOST, other).faults["definition"]
    before = shop.lab.virsh("dumpxml", "typed")
    for uuid in (ref.id, UUID):
        text = TEXT.replace("</name>", f"</name><uuid>{uuid}</uuid>")
        with pytest.raises(Exists):
            client.call(KEY, "guest.define_new", uuid=uuid, text=text)
    assert shop.lab.virsh("dumpxml", "typed") == before


def test_it_takes_its_own_right_and_a_password_given_lately(
    shop: Workshop, admin: Actor, creator: Actor
) -> None:
    with pytest.raises(Denied):
        raw_guests.define(creator, HOST, TEXT)
    with pytest.raises(Denied):
        raw_guests.define(person("ha", "host-admin"), HOST, TEXT)
    with pytest.raises(Denied):
        raw_guests.define(admin, HOST, TEXT)
    assert shop.lab.virsh("list", "--all", "--name") == ""
