"""A guest's agent through the portal: a real one in a real guest, and those that misuse it."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from kvmweb.core import wire
from kvmweb.core.actors import Actor
from kvmweb.core.agent import AgentState
from kvmweb.core.errors import AgentSilent, Denied, Invalid, NotSupported, WrongState
from kvmweb.core.offers import Obstacle
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.services import agent, agent_acts, freezes, hardware, power
from kvmweb.store.models import AuditEntry, GuestFreeze, Person
from kvmweb.ui import links
from tests.services.stage import person
from tests.services.workshop import KEY, Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRoaXJ0eS10d28gYnl0ZXMgb2YgYSBwdWJsaWMga2V5 li@desk"
CONTROLLER = "<controller type='virtio-serial'/>"
SECRET = "correct-horse-7\N{LATIN SMALL LETTER E WITH ACUTE}"


def guest(shop: Workshop, name: str, **options: Any) -> Ref:
    return shop.define(name, agent=True, memory_mib=112, vnc=False, start=True, **options)


def connected(shop: Workshop, *guests: Ref) -> None:
    for ref in guests:
        shop.see(lambda ref=ref: shop.record(ref).is_agent_connected)  # type: ignore[misc]


def until_it_answers(ref: Ref) -> None:
    """The port is open before the agent behind it reads."""
    deadline = time.monotonic() + 30
    while True:
        try:
            client.call(KEY, "agent.read", uuid=ref.id)
            return
        except AgentSilent:
            assert time.monotonic() < deadline


def offered(actor: Actor, ref: Ref) -> dict[str, Obstacle]:
    return {offer.verb: offer.obstacle for offer in agent.card(actor, ref).offers}


def test_a_real_agent_is_read_and_asked_for_what_it_can_do(
    shop: Workshop, admin: Actor, creator: Actor
) -> None:
    shop.disk("data.qcow2", size="64M")
    ref = guest(shop, "told", disk="/var/lib/libvirt/images/data.qcow2", deaf=True)
    connected(shop, ref)
    assert agent.card(creator, ref).state is AgentState.READING
    until_it_answers(ref)
    the_facts(ref, creator)
    who_says_its_address(shop, ref)
    the_password_stays_nowhere(shop, ref, creator)
    the_keys(ref, creator)
    agent_acts.set_time(creator, ref)
    assert agent_acts.trim(creator, ref) in ("done", "asked")
    what_is_frozen_is_thawed(ref, creator)
    power.shutdown(creator, ref, mode="agent")
    shop.see(lambda: shop.record(ref).state == "shut-off")
    assert agent.card(creator, ref).state is AgentState.OFF
    assert offered(creator, ref)["guest.password"] is Obstacle.NOT_RUNNING


def who_says_its_address(shop: Workshop, ref: Ref) -> None:
    """The lease, and beside it the agent's word, which a worker asks for as soon as it begins.

    The one that saw the guest boot may have asked too early, and asks again only after a minute.
    """

    def told() -> tuple[str, ...]:
        card = shop.record(ref).interfaces[0]
        assert len(card.told_by) == len(card.addresses)
        return card.told_by

    shop.see(lambda: told() in (("lease",), ("agent+lease",)))
    shop.kill()
    shop.start()
    shop.see(lambda: told() == ("agent+lease",))


def the_facts(ref: Ref, reader: Actor) -> None:
    deadline = time.monotonic() + 20
    while not (said := agent.card(reader, ref)).facts or not said.facts.file_systems:
        cache.delete(f"agent-due-{ref.host}-{ref.id}")
        agent.look(reader, ref)  # answers at once, and has it read beside
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert said.state is AgentState.ANSWERING
    facts = said.facts
    assert facts is not None
    assert (facts.system, facts.hostname) == ("Tiny Linux 1 (lab)", "told")
    assert [user.name for user in facts.users] == ["lab"]
    assert [(it.place, it.type, it.device) for it in facts.file_systems] == [
        ("/data", "ext2", "/dev/vda")
    ]
    assert facts.file_systems[0].percent is not None
    assert [link.name for link in facts.links] == ["eth0"]
    assert facts.clock_off_s is not None
    assert abs(facts.clock_off_s) < 10
    assert set(offered(reader, ref).values()) == {Obstacle.NONE, Obstacle.NOT_FROZEN}
    viewer = person("vic", "viewer")
    assert agent.card(viewer, ref).state is AgentState.NO_RIGHT
    assert agent.card(viewer, ref).facts is None
    with pytest.raises(Denied):
        agent.look(viewer, ref)


def the_password_stays_nowhere(shop: Workshop, ref: Ref, actor: Actor) -> None:
    agent_acts.set_password(actor, ref, user="root", password=SECRET)
    with pytest.raises(Invalid) as refused:
        agent_acts.set_password(actor, ref, user="nobody-here", password=SECRET)
    assert SECRET not in repr((refused.value.fields, refused.value.detail, refused.value.context))
    for user, password in (("root:x", SECRET), ("root", ""), ("root", "two\nlines"), ("-e", "x")):
        with pytest.raises(Invalid):
            agent_acts.set_password(actor, ref, user=user, password=password)
    entries = AuditEntry.objects.filter(verb="guest.password")
    assert [it.outcome for it in entries.order_by("pk")] == ["ok", *["invalid"] * 5]
    kept = json.dumps([it.detail for it in entries]) + repr(cache.get(f"agent-facts-{ref.host}"))
    assert "root" in kept
    assert "correct-horse" not in kept
    running = shop.lab.inside("ps", "axww", "-o", "args")
    assert "correct-horse" not in running


def the_keys(ref: Ref, actor: Actor) -> None:
    assert agent_acts.keys(actor, ref, user="root") == []
    agent_acts.add_key(actor, ref, user="root", key=SSH_KEY + "\n")
    assert agent_acts.keys(actor, ref, user="root") == [SSH_KEY]
    for key in ("", "ssh-ed25519 nonsense", 'command="reboot" ' + SSH_KEY, SSH_KEY * 100):
        with pytest.raises(Invalid):
            agent_acts.add_key(actor, ref, user="root", key=key)
    agent_acts.remove_key(actor, ref, user="root", key=SSH_KEY)
    assert agent_acts.keys(actor, ref, user="root") == []
    with pytest.raises(Invalid) as refused:
        agent_acts.keys(actor, ref, user="nobody-here")
    assert "nobody-here" in refused.value.fields[""]


def what_is_frozen_is_thawed(ref: Ref, actor: Actor) -> None:
    assert freezes.freeze(actor, ref) == 1
    held = agent.card(actor, ref)
    assert held.state is AgentState.FROZEN
    assert held.frozen
    assert held.frozen.by == actor.name
    assert held.frozen.until - held.frozen.since == timedelta(seconds=60)
    assert offered(actor, ref)["guest.thaw"] is Obstacle.NONE
    assert offered(actor, ref)["guest.password"] is Obstacle.FROZEN
    with pytest.raises(WrongState):
        freezes.freeze(actor, ref)
    freezes.sweep()
    agent.read(ref)
    assert agent.card(actor, ref).state is AgentState.FROZEN, "its time is not up"
    GuestFreeze.objects.update(until=timezone.now() - timedelta(seconds=1))
    freezes.sweep()
    assert not GuestFreeze.objects.exists()
    entry = AuditEntry.objects.filter(verb="guest.thaw").latest("pk")
    assert (entry.person_name, entry.detail["file_systems"]) == ("kvmweb", 1)
    agent.read(ref)
    assert agent.card(actor, ref).state is AgentState.ANSWERING
    client.call(KEY, "agent.freeze", uuid=ref.id)
    agent.read(ref)
    outside = agent.card(actor, ref)
    assert (outside.state, outside.frozen) == (AgentState.FROZEN, None)
    assert outside.facts, "what it said before is still there"
    assert freezes.thaw(actor, ref) == 1


def test_hostile_agents_hold_up_nobody_and_their_words_are_text(
    shop: Workshop, admin: Actor, client_of: Client
) -> None:
    deaf = guest(shop, "greets", hostile="greets")
    talker = guest(shop, "words", hostile="words")
    connected(shop, deaf, talker)
    until_it_answers(talker)
    with pytest.raises(AgentSilent):
        client.call(KEY, "agent.read", uuid=deaf.id)
    agent.read(deaf)
    assert agent.card(admin, deaf).state is AgentState.SILENT
    freezing = threading.Thread(target=frozen_without_an_answer, args=(deaf, admin))
    freezing.start()
    shop.see(lambda: GuestFreeze.objects.exists())
    began = time.monotonic()
    agent.read(talker)
    assert power.suspend(admin, deaf) == "done"
    assert power.resume(admin, deaf) == "done"
    assert time.monotonic() - began < 4, "the silent one was waited for"
    words_are_text(talker, admin, client_of)
    with pytest.raises(Invalid) as refused:
        freezes.freeze(admin, talker)
    assert "\x1b" not in refused.value.detail
    freezing.join(40)
    assert agent.card(admin, deaf).state is AgentState.FROZEN, "it may be so all the same"
    assert GuestFreeze.objects.get().uuid == deaf.id
    GuestFreeze.objects.update(until=timezone.now() - timedelta(seconds=1))
    began = time.monotonic()
    power.destroy(admin, deaf)
    assert time.monotonic() - began < 3
    shop.see(lambda: shop.record(deaf).state == "shut-off")
    freezes.sweep()
    assert not GuestFreeze.objects.exists(), "a guest that is off is not frozen"


def frozen_without_an_answer(ref: Ref, actor: Actor) -> None:
    try:
        with pytest.raises(AgentSilent):
            freezes.freeze(actor, ref)
    finally:
        connection.close()


def words_are_text(ref: Ref, reader: Actor, browser: Client) -> None:
    facts = agent.card(reader, ref).facts
    assert facts
    assert "<script>" in facts.system
    assert len(facts.hostname) == 256
    assert len(facts.users) == 64
    assert len(wire.frame({"ok": facts})) < 64_000
    page = browser.get(links.of(ref), secure=True).content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert not {"\u202e", "\x07", "\x1b"} & set(page)


@pytest.fixture
def client_of(admin: Actor) -> Client:
    made = Client()
    made.force_login(Person.objects.get(username=admin.name))
    return made


def test_a_channel_is_given_once_to_whom_has_none(shop: Workshop, creator: Actor) -> None:
    ref = shop.define("mute", kernel=False, start=True)
    assert agent.card(creator, ref).state is AgentState.NO_CHANNEL
    assert agent.card(creator, ref).plug is Obstacle.NONE
    given = hardware.add(creator, ref, "agent", {})
    assert given.when == "next", "a running guest gets no controller for it"
    shop.see(lambda: shop.record(ref).has_pending_changes)
    assert agent.card(creator, ref).state is AgentState.WAITS
    shop.lab.virsh("destroy", ref.id)
    shop.lab.virsh("start", ref.id)
    shop.see(lambda: shop.record(ref).has_agent_channel)
    assert agent.card(creator, ref).state is AgentState.NOT_CONNECTED
    stored = shop.lab.virsh("dumpxml", ref.id, "--inactive")
    assert stored.count("org.qemu.guest_agent.0") == 1
    with pytest.raises(NotSupported):
        hardware.add(creator, ref, "agent", {})
    ready = shop.define("ready", kernel=False, start=True, extra=CONTROLLER)
    assert hardware.add(creator, ready, "agent", {}).when == "now"
    shop.see(lambda: shop.record(ready).has_agent_channel)
