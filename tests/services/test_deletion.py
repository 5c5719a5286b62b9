"""Deleting guests: what goes, what stays because somebody else needs it, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid, NotFound, WrongState
from kvmweb.core.jobs import JobRecord, JobState
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.services import deletion, job_worker, jobs
from kvmweb.store.models import AuditEntry
from tests.services.stage import person
from tests.services.workshop import IMAGES, Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]


def deleted(actor: Actor, ref: Ref, **options: Any) -> JobRecord:
    job = deletion.delete(actor, ref, for_good=True, **options)
    job_worker.run.call(str(job))
    return jobs.show(actor, job)


def proposed(actor: Actor, ref: Ref) -> list[str]:
    return [disk.volume for disk in deletion.ask(actor, ref).disks if disk.is_proposed]


def test_a_guest_goes_with_its_own_disk(shop: Workshop, admin: Actor) -> None:
    shop.disk("own.qcow2")
    ref = shop.define("leaving", disk=f"{IMAGES}/own.qcow2")
    done = deleted(admin, ref, volumes=proposed(admin, ref))
    assert [(step.word, step.state) for step in done.steps] == [
        ("undefine", JobState.DONE),
        ("volume", JobState.DONE),
    ]
    assert shop.lab.virsh("list", "--all", "--name") == ""
    assert "own.qcow2" not in shop.volumes()
    verbs = set(AuditEntry.objects.values_list("verb", "outcome"))
    assert {("guest.delete", "ok"), ("volume.delete", "ok")} <= verbs


def test_a_disk_may_stay(shop: Workshop, admin: Actor) -> None:
    shop.disk("kept.qcow2")
    ref = shop.define("leaving", disk=f"{IMAGES}/kept.qcow2")
    assert deleted(admin, ref).state is JobState.DONE
    assert "kept.qcow2" in shop.volumes()


def test_a_disk_that_another_guest_has_is_never_proposed_nor_taken(
    shop: Workshop, admin: Actor
) -> None:
    shop.disk("shared.qcow2")
    ref = shop.define("leaving", disk=f"{IMAGES}/shared.qcow2")
    shop.define("staying", disk=f"{IMAGES}/shared.qcow2")
    [disk] = deletion.ask(admin, ref).disks
    assert (disk.users, disk.is_proposed) == (("staying",), False)
    with pytest.raises(Invalid):
        deletion.delete(admin, ref, volumes=[disk.volume])
    narrow = person("narrow", "project-owner", str(ref))
    [seen] = deletion.ask(narrow, ref).disks
    assert (seen.users, seen.hidden) == ((), 1)


def test_an_image_that_others_build_on_is_not_taken(shop: Workshop, admin: Actor) -> None:
    shop.disk("base.qcow2")
    ref = shop.define("leaving", disk=f"{IMAGES}/base.qcow2")
    shop.disk("above.qcow2", backing=f"{IMAGES}/base.qcow2")
    [disk] = deletion.ask(admin, ref).disks
    assert disk.users == ("above.qcow2",)
    assert not disk.is_possible


def test_a_disk_that_somebody_took_meanwhile_stays_and_the_rest_goes(
    shop: Workshop, admin: Actor
) -> None:
    shop.disk("raced.qcow2")
    ref = shop.define("leaving", disk=f"{IMAGES}/raced.qcow2")
    job = deletion.delete(admin, ref, volumes=proposed(admin, ref), for_good=True)
    shop.lab.define_guest("thief", disk=f"{IMAGES}/raced.qcow2")
    job_worker.run.call(str(job))
    assert [step.problem for step in jobs.show(admin, job).steps] == ["", "busy"]
    assert "raced.qcow2" in shop.volumes()
    assert shop.lab.virsh("list", "--all", "--name") == "thief"


def test_a_running_guest_is_refused_and_with_force_goes(shop: Workshop, admin: Actor) -> None:
    shop.disk("run.qcow2")
    ref = shop.define("running", disk=f"{IMAGES}/run.qcow2", start=True)
    shop.see(lambda: deletion.ask(admin, ref).is_active)
    with pytest.raises(WrongState):
        deletion.delete(admin, ref)
    done = deleted(admin, ref, volumes=proposed(admin, ref), force_off=True)
    assert [step.word for step in done.steps] == ["off", "undefine", "volume"]
    assert done.state is JobState.DONE
    assert shop.lab.virsh("list", "--all", "--name") == ""


def test_the_host_itself_refuses_to_delete_what_runs(shop: Workshop, admin: Actor) -> None:
    """libvirt would make it transient without a word, and lose it when it stops."""
    ref = shop.define("running", start=True)
    with pytest.raises(WrongState):
        client.call("east", "guest.delete", uuid=ref.id)
    assert shop.lab.state("running") == "running"


def test_saved_state_and_snapshots_go_too(shop: Workshop, admin: Actor) -> None:
    shop.disk("snap.qcow2")
    ref = shop.define("kept", disk=f"{IMAGES}/snap.qcow2", start=True)
    shop.lab.virsh("snapshot-create-as", "kept", "first")
    shop.lab.virsh("managedsave", "kept")
    shop.see(lambda: deletion.ask(admin, ref).has_saved_state)
    assert deletion.ask(admin, ref).snapshots == 1
    assert deleted(admin, ref).state is JobState.DONE
    assert not list((shop.lab.folder / "lib/qemu/save").glob("kept*"))


def test_who_may_not_delete_is_refused(shop: Workshop) -> None:
    ref = shop.define("safe")
    with pytest.raises(Denied):
        deletion.delete(person("op", "operator"), ref)
    with pytest.raises(NotFound):
        deletion.ask(person("nobody"), ref)


def test_volumes_need_the_right_on_their_pool(shop: Workshop) -> None:
    shop.disk("pooled.qcow2")
    ref = shop.define("leaving", disk=f"{IMAGES}/pooled.qcow2")
    owner = person("owner", "project-owner", str(ref))
    [disk] = deletion.ask(owner, ref).disks
    assert not disk.may_delete
    with pytest.raises(Denied):
        deletion.delete(owner, ref, volumes=[disk.volume])
