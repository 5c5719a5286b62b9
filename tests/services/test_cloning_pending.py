"""A guest that runs is judged by what its clone will be made of: its stored definition."""

from __future__ import annotations

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Conflict, Invalid
from kvmweb.core.refs import Ref
from kvmweb.core.wishes import GuestWish, Source
from kvmweb.services import cloning, copies
from kvmweb.store.models import Job
from tests.services.workshop import IMAGES, KEY, Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
CARD = "<interface type='bridge'><source bridge='virbr0'/><model type='virtio'/></interface>"
KERNEL = "<kernel>/etc/passwd</kernel></os>"


@pytest.fixture
def running(shop: Workshop) -> Ref:
    """A guest that runs, with nothing that a creator could not make."""
    shop.disk("first.qcow2")
    ref = shop.define("first", disk=f"{IMAGES}/first.qcow2", kernel=False, start=True)
    shop.see(lambda: shop.record(ref).disks[0].capacity is not None)
    return ref


def store(shop: Workshop, ref: Ref, before: str, after: str) -> None:
    """Change what is stored while it runs, as an administrator would; until the mirror says so."""
    text = shop.lab.virsh("dumpxml", "--inactive", "--security-info", "first")
    assert before in text
    path = shop.folder / "stored.xml"
    path.write_text(text.replace(before, after, 1))
    shop.lab.virsh("define", str(path))
    path.unlink()
    shop.see(lambda: shop.record(ref).has_pending_changes)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [("</os>", KERNEL, "kernel"), ("</devices>", f"{CARD}</devices>", "bridges")],
)
def test_what_is_only_stored_counts(
    shop: Workshop, creator: Actor, running: Ref, before: str, after: str, why: str
) -> None:
    assert cloning.ask(creator, running).obstacles == ()
    store(shop, running, before, after)
    assert why in " ".join(cloning.ask(creator, running).obstacles)
    with pytest.raises(Invalid):
        cloning.clone(creator, running, name="second", ways={})
    assert not Job.objects.exists()


def test_the_networks_of_a_copy_are_those_that_it_will_have(
    shop: Workshop, admin: Actor, running: Ref
) -> None:
    store(shop, running, "</devices>", f"{CARD}</devices>")
    assert cloning.ask(admin, running).obstacles == ()
    wish = GuestWish(host=KEY, name="second", source=Source.COPY, original=running.id)
    assert copies.plan(admin, refs.host(KEY), wish).networks == ("default", "virbr0")


def test_what_the_person_was_shown_must_be_what_is_judged(
    shop: Workshop, admin: Actor, running: Ref
) -> None:
    shown = cloning.ask(admin, running).definition_hash
    store(shop, running, "</os>", KERNEL)
    with pytest.raises(Conflict):
        cloning.clone(admin, running, name="second", ways={}, definition_hash=shown)
    assert not Job.objects.exists()
    now = cloning.ask(admin, running).definition_hash
    cloning.clone(admin, running, name="second", ways={}, definition_hash=now)
    assert Job.objects.get().arguments["definition_hash"] == now
