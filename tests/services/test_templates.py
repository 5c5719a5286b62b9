"""Templates: they do not run nor change, and new guests are made of them, copied or linked."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Busy, Denied, Invalid, NotFound, WrongState
from kvmweb.core.guest_filter import GuestFilter
from kvmweb.core.jobs import JobRecord, JobState
from kvmweb.core.offers import Obstacle
from kvmweb.core.refs import Ref
from kvmweb.core.wishes import CloudWish, GuestWish, Source
from kvmweb.hostlink import client
from kvmweb.services import (
    copies,
    disks,
    guest_page,
    guests,
    job_worker,
    jobs,
    power,
    templates,
    volume_acts,
    volume_attach,
)
from kvmweb.store.models import CustomRole, Job
from tests.services.cut_off import killed
from tests.services.stage import person
from tests.services.workshop import IMAGES, KEY, Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
HOST = refs.host(KEY)
KEYS = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJm0yW3l1mS2l2Xk0p0b9m7nq6m1m2m3m4m5m6m7m8m9 li@desk"


@pytest.fixture
def golden(shop: Workshop, admin: Actor) -> Ref:
    """A template with a disk."""
    shop.disk("golden.qcow2", size="4M")
    ref = shop.define("golden", disk=f"{IMAGES}/golden.qcow2")
    shop.lab.virsh("autostart", "golden")
    templates.make(admin, ref, CloudWish(user="li ada", packages="vim"))
    shop.see(lambda: guest_page.show(admin, ref).record.template is not None)
    return ref


def wish(original: Ref, **more: Any) -> GuestWish:
    base = {"source": Source.TEMPLATE, "original": original.id, "is_started": False}
    return GuestWish(host=KEY, name="fresh", **{**base, **more})


def made(actor: Actor, wanted: GuestWish) -> JobRecord:
    job = copies.create(actor, HOST, wanted)
    job_worker.run.call(str(job))
    done = jobs.show(actor, job)
    assert done.state is JobState.DONE, done.steps
    return done


def test_a_template_neither_starts_nor_changes(shop: Workshop, admin: Actor, golden: Ref) -> None:
    record = shop.record(golden)
    assert (record.template and record.template.by, record.has_autostart) == ("ada", False)
    offers = {it.verb: it.obstacle for it in guest_page.show(admin, golden).offers}
    assert {offers[verb] for verb in ("guest.start", "guest.autostart", "guest.snapshot")} == {
        Obstacle.TEMPLATE
    }
    with pytest.raises(WrongState):
        power.start(admin, golden)
    with pytest.raises(WrongState):
        client.call(KEY, "guest.start", uuid=golden.id)
    with pytest.raises(Invalid):
        disks.detach(admin, golden, "vda")
    pool, volume = refs.pool(KEY, shop.pool), refs.volume_id(shop.pool, "golden.qcow2")
    with pytest.raises(Busy):
        volume_acts.delete(admin, pool, volume)
    other = shop.define("other")
    with pytest.raises(Busy):
        volume_attach.attach(admin, pool, volume, guest=other)


def test_the_mark_is_kept_by_libvirt_and_taken_back(
    shop: Workshop, admin: Actor, golden: Ref
) -> None:
    assert "<kvmwebtemplate:template" in shop.lab.virsh("dumpxml", "golden")
    assert copies.defaults(admin, HOST, golden.id) == CloudWish(user="li ada", packages="vim")
    only = GuestFilter(template="only")
    assert [row.line.ref for row in guests.list_(admin, only).rows] == [golden]
    templates.unmake(admin, golden)
    shop.see(lambda: guest_page.show(admin, golden).record.template is None)
    assert "kvmwebtemplate" not in shop.lab.virsh("dumpxml", "golden")
    assert guests.list_(admin, only).rows == ()


def test_what_runs_becomes_no_template(shop: Workshop, admin: Actor) -> None:
    ref = shop.define("running", start=True)
    shop.see(lambda: guest_page.show(admin, ref).record.state.is_active)
    with pytest.raises(WrongState):
        templates.make(admin, ref, CloudWish())
    with pytest.raises(WrongState):
        client.call(KEY, "guest.template", uuid=ref.id, mark={"at": 1.0})


def test_a_template_keeps_no_password_and_no_broken_answers(shop: Workshop, admin: Actor) -> None:
    ref = shop.define("plain")
    with pytest.raises(Invalid) as wrong:
        templates.make(admin, ref, CloudWish(user="li", password="secret", text="a: ["))
    assert set(wrong.value.fields) == {"password", "user_data"}


@pytest.mark.parametrize("way", ["copy", "link"])
def test_a_guest_is_made_of_it(shop: Workshop, admin: Actor, golden: Ref, way: str) -> None:
    wanted = wish(golden, way=way, has_cloud=True, cloud=CloudWish(user="li"))
    shown = copies.preview(admin, HOST, wanted, copies.plan(admin, HOST, wanted))
    done = made(admin, wanted)
    assert done.result
    assert sources(shown) == sources(shop.lab.virsh("dumpxml", "fresh"))
    assert "<name>fresh</name>" in shown
    assert "<uuid>" not in shown
    assert [step.word for step in done.steps] == [way, "seed", "define"]
    assert sorted(shop.volumes()) == ["fresh-seed.iso", "fresh.qcow2", "golden.qcow2"]
    text = shop.lab.virsh("dumpxml", "fresh")
    assert "kvmwebtemplate" not in text
    assert "fresh-seed.iso" in text
    assert "golden.qcow2" not in text
    backing = shop.lab.virsh("vol-dumpxml", "fresh.qcow2", "default")
    assert ("golden.qcow2" in backing) is (way == "link")
    assert Job.objects.get(pk=done.id).arguments["answers"] is None


def sources(text: str) -> list[str]:
    return sorted(re.findall(r"<source (?:file|network)='([^']+)'", text.replace('"', "'")))


def test_who_may_not_see_the_definition_is_not_shown_the_copy_s(
    shop: Workshop, golden: Ref
) -> None:
    verbs = ("guest.view", "guest.clone", "guest.create", "network.use", "host.view")
    verbs += (
        "network.view",
        "guest.xml",
        "pool.view",
        "volume.create",
        "volume.clone",
        "volume.attach",
    )
    CustomRole.objects.create(key="maker", label="Maker", verbs=list(verbs))
    actor, wanted = person("mia", "maker"), wish(golden, way="copy")
    plan = copies.plan(actor, HOST, wanted)
    assert plan.faults == {}
    assert copies.preview(actor, HOST, wanted, plan) == ""


def test_its_answers_begin_anew_and_it_starts(shop: Workshop, admin: Actor, golden: Ref) -> None:
    cloud = CloudWish(
        hostname="web01.example.org", user="li", text="timezone: UTC", is_fixed=True,
        address="192.0.2.10/24",
    )  # fmt: skip
    wanted = wish(golden, way="link", has_cloud=True, cloud=cloud, is_started=True)
    shown = copies.preview(admin, HOST, wanted, copies.plan(admin, HOST, wanted))
    done = made(admin, wanted)
    assert done.result
    [mac] = re.findall("<mac address='([^']+)'", shop.lab.virsh("dumpxml", "fresh"))
    assert f'<mac address="{mac}"/>' in shown
    seed = (shop.folder / "fresh-seed.iso").read_bytes().decode("utf-8", "ignore")
    assert f"instance-id: kvmweb-{done.result.id}" in seed
    assert "systemd-machine-id-setup" in seed
    assert "fqdn: web01.example.org" in seed
    assert mac in seed
    assert shop.lab.state("fresh") == "running"


def test_a_linked_guest_keeps_its_template_from_changing(
    shop: Workshop, admin: Actor, golden: Ref
) -> None:
    made(admin, wish(golden, way="link"))
    shop.see_volume("fresh.qcow2")
    shop.see_guest("fresh")
    templates.unmake(admin, golden)
    shop.see(lambda: guest_page.show(admin, golden).record.template is None)
    with pytest.raises(Invalid):
        power.start(admin, golden)


def test_what_cannot_be_linked_says_so(shop: Workshop, admin: Actor) -> None:
    ref = shop.define("diskless")
    plan = copies.plan(admin, HOST, wish(ref, source=Source.COPY, way="link"))
    assert "way" in plan.faults
    with pytest.raises(Invalid):
        copies.create(admin, HOST, wish(ref, source=Source.COPY, way="link"))


def test_only_what_one_may_copy_is_offered(shop: Workshop, admin: Actor, golden: Ref) -> None:
    shop.define("plain")
    assert copies.originals(admin, KEY, Source.TEMPLATE) == [(golden.id, "golden")]
    assert [name for _uuid, name in copies.originals(admin, KEY, Source.COPY)] == ["plain"]
    assert copies.originals(person("ed", "editor"), KEY, Source.TEMPLATE) == []
    with pytest.raises(Denied):
        copies.create(person("op", "operator"), HOST, wish(golden))
    with pytest.raises(NotFound):
        templates.unmake(person("nobody"), golden)
    narrow = person("narrow", "creator", str(refs.guest(KEY, golden.id)))
    with pytest.raises((Denied, NotFound)):
        copies.create(narrow, HOST, wish(golden))


@pytest.mark.parametrize(
    ("at", "after"), [("volume.create#2", True), ("guest.clone", True), ("guest.start", False)]
)
def test_killed_anywhere_it_is_taken_back(
    shop: Workshop, admin: Actor, golden: Ref, monkeypatch: pytest.MonkeyPatch, at: str, after: bool
) -> None:
    wanted = wish(golden, way="link", has_cloud=True, cloud=CloudWish(user="li"), is_started=True)
    job = copies.create(admin, HOST, wanted)
    killed(monkeypatch, admin, job, at, after=after)
    assert shop.volumes() == ["golden.qcow2"]
    assert shop.lab.virsh("list", "--all", "--name") == "golden"
    assert Job.objects.get(pk=job).arguments["answers"] is None
