"""Deleting guests: what goes, what stays because somebody else needs it, and what is refused."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Busy, Denied, Invalid, NotFound, WrongState
from kvmweb.core.jobs import JobRecord, JobState
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.services import deletion, job_worker, jobs, pool_acts, volume_acts, volumes
from kvmweb.store.models import AuditEntry, Grant, Person, RightsEpoch
from tests.services.cut_off import cancelled, cleaned_later, killed, lost
from tests.services.stage import person
from tests.services.workshop import IMAGES, KEY, Workshop

DONE = {JobState.DONE}
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


@pytest.fixture
def doomed(shop: Workshop) -> Ref:
    """A guest with two disks of its own."""
    shop.disk("one.qcow2", is_seen=False)
    shop.disk("two.qcow2", is_seen=False)
    shop.see_volume("two.qcow2")
    second = "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
    second += f"<source file='{IMAGES}/two.qcow2'/><target dev='vdb' bus='virtio'/></disk>"
    return shop.define("doomed", disk=f"{IMAGES}/one.qcow2", extra=second)


def steps(actor: Actor, job: UUID) -> list[tuple[str, str, JobState]]:
    return [(step.word, step.name, step.state) for step in jobs.show(actor, job).steps]


@pytest.mark.parametrize(
    ("at", "after", "is_there"),
    [
        ("guest.delete", False, True),
        ("guest.delete", True, False),
        ("volume.delete", True, False),
        ("volume.delete#2", False, False),
        ("volume.delete#2", True, False),
    ],
)
def test_killed_anywhere_its_job_says_what_is_left_and_asking_again_finishes(
    shop: Workshop, admin: Actor, doomed: Ref, monkeypatch: pytest.MonkeyPatch,
    at: str, after: bool, is_there: bool,
) -> None:  # fmt: skip
    volumes = proposed(admin, doomed)
    job = deletion.delete(admin, doomed, volumes=volumes, for_good=True)
    killed(monkeypatch, admin, job, at, after=after)
    if is_there:
        assert [(word, name) for word, name, state in steps(admin, job) if state not in DONE] == [
            ("undefine", "doomed"), ("volume", "one.qcow2"), ("volume", "two.qcow2"),
        ]  # fmt: skip
        assert shop.volumes() == ["one.qcow2", "two.qcow2"]
        assert deleted(admin, doomed, volumes=volumes).state is JobState.DONE
    else:
        assert {state for *_names, state in steps(admin, job)} == DONE
        assert jobs.show(admin, job).state is JobState.DONE
    assert shop.volumes() == []
    assert shop.lab.virsh("list", "--all", "--name") == ""


def test_killed_while_it_was_forced_off_it_is_asked_for_again(
    shop: Workshop, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.disk("one.qcow2")
    ref = shop.define("doomed", disk=f"{IMAGES}/one.qcow2", kernel=False, start=True)
    shop.see(lambda: deletion.ask(admin, ref).is_active)
    volumes = proposed(admin, ref)
    job = deletion.delete(admin, ref, volumes=volumes, force_off=True, for_good=True)
    killed(monkeypatch, admin, job, "guest.destroy", after=True)
    assert not {state for *_names, state in steps(admin, job)} & DONE
    shop.see(lambda: not deletion.ask(admin, ref).is_active)
    assert deleted(admin, ref, volumes=volumes).state is JobState.DONE
    assert shop.volumes() == []


def test_a_disk_that_somebody_took_before_a_cut_off_end_is_told_as_left(
    shop: Workshop, admin: Actor, doomed: Ref, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = deletion.delete(admin, doomed, volumes=proposed(admin, doomed), for_good=True)
    shop.lab.define_guest("thief", disk=f"{IMAGES}/one.qcow2")
    killed(monkeypatch, admin, job, "guest.delete", after=True)
    assert steps(admin, job) == [
        ("undefine", "doomed", JobState.DONE),
        ("volume", "one.qcow2", JobState.FAILED),
        ("volume", "two.qcow2", JobState.DONE),
    ]
    assert jobs.show(admin, job).steps[1].problem == "busy"
    assert shop.volumes() == ["one.qcow2"]


def test_who_cancels_keeps_the_disks_that_are_still_there(
    shop: Workshop, admin: Actor, doomed: Ref, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = deletion.delete(admin, doomed, volumes=proposed(admin, doomed), for_good=True)
    cancelled(monkeypatch, admin, job, "volume.delete")
    assert steps(admin, job)[:3] == [
        ("undefine", "doomed", JobState.DONE),
        ("volume", "one.qcow2", JobState.DONE),
        ("volume", "two.qcow2", JobState.CANCELLED),
    ]
    assert shop.volumes() == ["two.qcow2"]


def test_a_host_that_is_lost_in_between_is_finished_when_it_is_back(
    shop: Workshop, admin: Actor, doomed: Ref, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = deletion.delete(admin, doomed, volumes=proposed(admin, doomed), for_good=True)
    lost(monkeypatch, job, "volume.delete", shop.kill)
    assert jobs.show(admin, job).state is JobState.FAILED
    shop.start()
    cleaned_later(job)
    assert jobs.show(admin, job).state is JobState.DONE
    assert shop.volumes() == []


def test_the_disks_of_a_guest_that_left_its_host_meanwhile_stay(
    shop: Workshop, admin: Actor
) -> None:
    """It may run on another host that has the same pool."""
    shop.disk("taken.qcow2")
    ref = shop.define("leaving", disk=f"{IMAGES}/taken.qcow2")
    job = deletion.delete(admin, ref, volumes=proposed(admin, ref), for_good=True)
    shop.lab.virsh("undefine", ref.id)
    job_worker.run.call(str(job))
    assert jobs.show(admin, job).steps[0].problem == "not-found"
    assert "taken.qcow2" in shop.volumes()


def test_a_disk_that_was_made_anew_under_its_name_is_another_and_stays(
    shop: Workshop, admin: Actor, doomed: Ref, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = deletion.delete(admin, doomed, volumes=proposed(admin, doomed), for_good=True)
    lost(monkeypatch, job, "volume.delete", shop.kill)
    shop.start()
    (shop.folder / "one.qcow2").unlink()
    shop.disk("one.qcow2", is_seen=False)
    cleaned_later(job)
    assert steps(admin, job) == [
        ("undefine", "doomed", JobState.DONE),
        ("volume", "one.qcow2", JobState.FAILED),
        ("volume", "two.qcow2", JobState.DONE),
    ]
    assert jobs.show(admin, job).steps[1].problem == "conflict"
    assert shop.volumes() == ["one.qcow2"]


def test_a_volume_that_was_made_anew_before_its_pool_goes_stays(
    shop: Workshop, admin: Actor
) -> None:
    uuid = shop.small_pool()
    name, ref = shop.pool_name(uuid), refs.pool(KEY, uuid)
    shop.lab.virsh("vol-create-as", name, "old.img", "64k", "--format", "raw")
    client.call(KEY, "pool.refresh", uuid=uuid)
    shop.see(lambda: volumes.all_of(ref).filter(name="old.img").exists())
    job = pool_acts.delete(admin, ref, with_volumes=True)
    shop.lab.virsh("vol-delete", "old.img", "--pool", name)
    shop.lab.virsh("vol-create-as", name, "old.img", "64k", "--format", "raw")
    job_worker.run.call(str(job))
    assert [step.problem for step in jobs.show(admin, job).steps] == ["conflict", "", ""]
    assert shop.volumes(name) == ["old.img"]
    job = pool_acts.delete(admin, ref, with_volumes=True)
    Grant.objects.filter(person_id=admin.person_id).update(role="viewer")
    RightsEpoch.advance()
    job_worker.run.call(str(job))
    assert shop.volumes(name) == ["old.img"]


@pytest.mark.parametrize("loss", ["rights", "verb", "account"])
def test_who_may_not_delete_any_more_when_it_goes_on_deletes_nothing(
    shop: Workshop, admin: Actor, doomed: Ref, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    other = person("eve", "administrator")
    job = deletion.delete(other, doomed, volumes=proposed(other, doomed), for_good=True)
    lost(monkeypatch, job, "volume.delete", shop.kill)
    assert shop.lab.virsh("list", "--all", "--name") == ""
    grants = Grant.objects.filter(person_id=other.person_id)
    if loss == "rights":
        grants.delete()
    elif loss == "verb":
        grants.update(role="storage-admin")
    else:
        Person.objects.filter(pk=other.person_id).update(is_active=False)
    RightsEpoch.advance()
    shop.start()
    cleaned_later(job)
    done = jobs.show(admin, job)
    assert done.state is JobState.FAILED
    assert [step.problem for step in done.steps[1:]] == ["denied", "denied"]
    assert shop.volumes() == ["one.qcow2", "two.qcow2"]


def test_who_loses_the_right_while_it_runs_is_not_followed_by_the_portals_own(
    shop: Workshop, admin: Actor, doomed: Ref, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes a failed job back once deleted in the portal's name what the person might not."""
    other = person("eve", "administrator")

    def fall() -> None:
        Grant.objects.filter(person_id=other.person_id).delete()
        RightsEpoch.advance()

    job = deletion.delete(other, doomed, volumes=proposed(other, doomed), for_good=True)
    lost(monkeypatch, job, "guest.delete", fall)
    assert [step.problem for step in jobs.show(admin, job).steps] == ["", "denied", "denied"]
    assert shop.volumes() == ["one.qcow2", "two.qcow2"]


def test_users_that_only_the_host_knows_yet_are_named_to_who_may_see_them(shop: Workshop) -> None:
    shop.disk("taken.qcow2")
    known, _secret = (
        shop.lab.define_guest(name, disk=f"{IMAGES}/taken.qcow2") for name in ("known", "secret")
    )
    keeper = person("sam", "storage-admin")
    Grant.objects.create(
        person_id=keeper.person_id, role="viewer", scope=str(refs.guest(KEY, known))
    )
    RightsEpoch.advance()
    pool, volume = refs.pool(KEY, shop.pool), refs.volume_id(shop.pool, "taken.qcow2")
    with pytest.raises(Busy) as busy:
        volume_acts.delete(keeper, pool, volume)
    assert busy.value.context["users"] == "known, 1 that you may not see"
    assert "secret" not in f"{busy.value.context} {busy.value.detail}"
    entry = AuditEntry.objects.latest("pk")
    assert (entry.outcome, "secret" in str(entry.detail)) == ("busy", False)
    assert "taken.qcow2" in shop.volumes()
