"""Network filters made and deleted: real libvirt takes every template, and lets none go in use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Busy, Denied, Exists, Invalid, NotFound
from kvmweb.inventory import models as mirror
from kvmweb.services import nwfilters
from kvmweb.store.models import AuditEntry, Session
from tests.services.stage import person
from tests.services.workshop import KEY, Workshop

pytestmark = [pytest.mark.lab, pytest.mark.django_db]
HOST = refs.host(KEY)


@pytest.fixture
def admin() -> Actor:
    """Who gave the password just now."""
    made = person("ada", "administrator")
    Session.objects.create(key_hash="s1", person_id=made.person_id)
    return replace(made, session="s1")


@pytest.fixture(autouse=True)
def own_filters(shop: Workshop) -> Iterator[None]:
    """None of the tests' filters stays."""
    yield
    shop.lab.clear()
    for line in shop.lab.virsh("nwfilter-list").splitlines():
        if line.split()[-1].startswith("own-"):
            shop.lab.virsh("nwfilter-undefine", line.split()[-1], check=False)


def made(shop: Workshop, admin: Actor, name: str, start: str) -> refs.Ref:
    ref = nwfilters.create(admin, HOST, name=name, start=start)
    shop.see(lambda: mirror.Filter.objects.filter(uuid=ref.id, is_gone=False).exists())
    return ref


def test_libvirt_takes_every_template(shop: Workshop, admin: Actor) -> None:
    for start in nwfilters.STARTS[1:]:
        ref = nwfilters.create(admin, HOST, name=f"own-{start}", start=start)
        assert f"name='own-{start}'" in shop.lab.virsh("nwfilter-dumpxml", ref.id)
    closed = nwfilters.show(admin, made(shop, admin, "own-2", "closed")).record
    assert closed.rules == (("accept", "out", "all"), ("drop", "in", "all"))
    assert closed.parts == ("clean-traffic",)


def test_a_copy_has_the_rules_and_an_identity_of_its_own(shop: Workshop, admin: Actor) -> None:
    first = made(shop, admin, "own-first", "web")
    copy = made(shop, admin, "own-copy", first.id)
    assert copy != first
    rules = nwfilters.show(admin, first).record.rules
    assert nwfilters.show(admin, copy).record.rules == rules
    entry = AuditEntry.objects.filter(verb="nwfilter.edit", outcome="ok").latest("pk")
    assert entry.detail["copy_of"] == "own-first"


def test_what_is_used_is_not_deleted_and_its_users_are_named(shop: Workshop, admin: Actor) -> None:
    ref = made(shop, admin, "own-used", "blank")
    card = "<interface type='network'><source network='default'/><filterref filter='own-used'/>"
    shop.define("web01", network="", extra=f"{card}</interface>")
    shop.see(lambda: nwfilters.users_of(admin, HOST, uuid=ref.id) == ["web01"])
    with pytest.raises(Busy) as refused:
        nwfilters.delete(admin, HOST, uuid=ref.id)
    assert refused.value.context["users"] == "web01"
    shop.lab.clear()
    shop.see(lambda: not nwfilters.users_of(admin, HOST, uuid=ref.id))
    nwfilters.delete(admin, HOST, uuid=ref.id)
    shop.see(lambda: not mirror.Filter.objects.filter(uuid=ref.id, is_gone=False).exists())
    assert "own-used" not in shop.lab.virsh("nwfilter-list")


def test_a_filter_that_others_are_made_of_stays(shop: Workshop, admin: Actor) -> None:
    shop.see(lambda: mirror.Filter.objects.filter(name="no-mac-spoofing").exists())
    part = mirror.Filter.objects.get(name="no-mac-spoofing")
    with pytest.raises(Busy) as refused:
        nwfilters.delete(admin, HOST, uuid=part.uuid)
    assert "clean-traffic" in refused.value.context["users"]


def test_a_bad_name_an_old_one_and_a_strange_start_are_refused(
    shop: Workshop, admin: Actor
) -> None:
    for name in ("", "a/b", "a\nb", "x" * 129):
        with pytest.raises(Invalid) as wrong:
            nwfilters.create(admin, HOST, name=name, start="blank")
        assert "name" in wrong.value.fields
    with pytest.raises(Invalid) as wrong:
        nwfilters.create(admin, HOST, name="own-x", start="none-such")
    assert "start" in wrong.value.fields
    with pytest.raises(Exists):
        nwfilters.create(admin, HOST, name="clean-traffic", start="blank")
    with pytest.raises(NotFound):
        nwfilters.delete(admin, HOST, uuid="00000000-0000-4000-8000-000000000000")


def test_it_wants_the_right_and_the_password(shop: Workshop, admin: Actor) -> None:
    with pytest.raises(Denied) as refused:
        nwfilters.create(replace(admin, session=""), HOST, name="own-x", start="blank")
    assert refused.value.context["verb"] == "me.confirm"
    keeper = person("nia", "network-admin")
    assert nwfilters.places(keeper) == []
    with pytest.raises(Denied):
        nwfilters.create(keeper, HOST, name="own-x", start="blank")
