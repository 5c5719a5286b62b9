"""The recycle bin: what goes in comes back whole, nobody else takes it, and its days end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Busy, Denied, Invalid, NotFound, WrongState
from kvmweb.core.jobs import JobState
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.hub import mirror as hub
from kvmweb.inventory import models as mirror
from kvmweb.services import (
    bins,
    creation,
    deletion,
    guest_page,
    guests,
    job_worker,
    jobs,
    power,
    retention,
    volume_acts,
    volumes,
)
from kvmweb.store.models import AuditEntry, Grant, GuestVersion, Job, RightsEpoch
from tests.services.cut_off import killed
from tests.services.stage import person
from tests.services.workshop import IMAGES, KEY, Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]


def binned(shop: Workshop, actor: Actor, ref: Ref, **options: Any) -> None:
    """Put it into the bin, with the disks that are proposed, until the mirror says so."""
    going = [disk.volume for disk in deletion.ask(actor, ref).disks if disk.is_proposed]
    job = deletion.delete(actor, ref, volumes=going, **options)
    job_worker.run.call(str(job))
    assert jobs.show(actor, job).state is JobState.DONE
    called = shop.lab.virsh("domname", ref.id)
    rows = mirror.Guest.objects.filter(uuid=ref.id, is_binned=True, record__name=called)
    shop.see(rows.exists)


def in_bin(ref: Ref) -> bool:
    return mirror.Guest.objects.filter(uuid=ref.id, is_gone=True, is_binned=True).exists()


@pytest.fixture
def kept(shop: Workshop, admin: Actor) -> Ref:
    """A guest in the bin, with a disk of its own."""
    shop.disk("own.qcow2")
    ref = shop.define("web01", disk=f"{IMAGES}/own.qcow2")
    shop.lab.virsh("autostart", "web01")
    binned(shop, admin, ref)
    return ref


def test_what_is_in_the_bin_is_gone_but_its_disk_is_not_free(
    shop: Workshop, admin: Actor, kept: Ref
) -> None:
    [row] = bins.list_(admin).rows
    assert (row.name, row.by, row.size) == ("web01", "ada", 8 * 1024**2)
    assert [disk.name for disk in bins.show(admin, kept).going] == ["own.qcow2"]
    assert row.until - row.at == timedelta(days=7)
    assert shop.lab.virsh("list", "--all", "--name") == f"web01.deleted-{kept.id[:8]}"
    assert shop.lab.virsh("list", "--all", "--name", "--autostart") == ""
    assert guests.count(admin) == 0
    for look in (guest_page.show, power.start, deletion.ask):
        with pytest.raises(NotFound):
            look(admin, kept)
    pool, volume = refs.pool(KEY, shop.pool), refs.volume_id(shop.pool, "own.qcow2")
    [user] = volumes.show(admin, pool, volume).users.seen
    assert (user.name, user.is_binned) == ("web01", True)
    with pytest.raises(Busy) as busy:
        volume_acts.delete(admin, pool, volume)
    assert busy.value.context["users"] == "recycle bin: web01"
    with pytest.raises(Busy):
        client.call(KEY, "volume.delete", uuid=shop.pool, name="own.qcow2")
    with pytest.raises(WrongState):
        client.call(KEY, "guest.start", uuid=kept.id)


def test_it_comes_back_as_it_was(shop: Workshop, admin: Actor, kept: Ref) -> None:
    bins.bring_back(admin, kept, name="web01")
    record = shop.record(kept)
    assert (record.name, record.bin, record.has_autostart) == ("web01", None, True)
    assert "kvmwebbin" not in shop.lab.virsh("dumpxml", "web01")
    assert bins.list_(admin).rows == ()
    assert deletion.ask(admin, kept).disks[0].name == "own.qcow2"
    said = AuditEntry.objects.filter(detail__act="bring-back", outcome="ok").get()
    assert (said.ref, said.detail["now"]) == (str(kept), "web01")


def test_its_name_is_free_meanwhile_and_then_it_takes_another(
    shop: Workshop, admin: Actor, kept: Ref
) -> None:
    assert "web01" not in creation.names(KEY)
    shop.define("web01")
    assert bins.show(admin, kept).proposed_name == "web01-2"
    with pytest.raises(Invalid) as wrong:
        bins.bring_back(admin, kept, name="web01")
    assert "name" in wrong.value.fields
    bins.bring_back(admin, kept, name="web01-2")
    assert shop.record(kept).name == "web01-2"


def test_saved_state_and_snapshots_come_back_under_the_name_they_are_kept_under(
    shop: Workshop, admin: Actor
) -> None:
    shop.disk("snap.qcow2")
    ref = shop.define("bound", disk=f"{IMAGES}/snap.qcow2", start=True)
    shop.lab.virsh("snapshot-create-as", "bound", "first")
    shop.lab.virsh("managedsave", "bound")
    shop.see(lambda: deletion.ask(admin, ref).has_saved_state)
    binned(shop, admin, ref)
    assert bins.show(admin, ref).is_bound
    assert "bound" in creation.names(KEY)
    with pytest.raises(Invalid):
        bins.bring_back(admin, ref, name="other")
    bins.bring_back(admin, ref, name="bound")
    record = shop.record(ref)
    assert (record.has_saved_state, record.snapshots) == (True, 1)


def test_the_firmwares_variables_are_its_own_and_its_name_is_free(
    shop: Workshop, admin: Actor
) -> None:
    folder, inside = shop.lab.folder / "lib/nvram-of-bin", "/var/lib/libvirt/nvram-of-bin"
    folder.mkdir()
    try:
        (folder / "code.fd").write_bytes(bytes(4096))
        (folder / "web01_VARS.fd").write_bytes(b"boot order" * 512)
        ref = shop.define("web01", kernel=False)
        text = shop.lab.virsh("dumpxml", "--inactive", "web01")
        named = (
            f"<loader readonly='yes' type='pflash'>{inside}/code.fd</loader>"
            f"<nvram>{inside}/web01_VARS.fd</nvram></os>"
        )
        (folder / "web01.xml").write_text(text.replace("</os>", named))
        shop.lab.virsh("define", str(folder / "web01.xml"))
        binned(shop, admin, ref)
        assert not bins.show(admin, ref).is_bound
        aside = f"web01.deleted-{ref.id[:8]}_VARS.fd"
        assert f"{inside}/{aside}" in shop.lab.virsh("dumpxml", ref.id)
        assert {it.name for it in folder.iterdir()} == {"code.fd", "web01.xml", aside}
        assert (folder / aside).read_bytes().startswith(b"boot order")
        assert "kvmweb-nvram" not in shop.lab.virsh("pool-list", "--all", "--name")
    finally:
        shop.lab.clear()
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def test_a_running_guest_is_forced_off_on_its_way_into_the_bin(
    shop: Workshop, admin: Actor
) -> None:
    ref = shop.define("running", start=True)
    shop.see(lambda: deletion.ask(admin, ref).is_active)
    binned(shop, admin, ref, force_off=True)
    assert shop.lab.virsh("list", "--name") == ""


def test_purged_by_hand_it_goes_with_its_disk(shop: Workshop, admin: Actor, kept: Ref) -> None:
    job = bins.purge(admin, kept)
    job_worker.run.call(str(job))
    assert jobs.show(admin, job).state is JobState.DONE
    assert shop.lab.virsh("list", "--all", "--name") == ""
    assert "own.qcow2" not in shop.volumes()
    shop.see(lambda: not in_bin(kept))
    assert AuditEntry.objects.filter(verb="guest.purge", outcome="ok", ref=str(kept)).exists()


def test_what_somebody_started_outside_is_not_purged(
    shop: Workshop, admin: Actor, kept: Ref
) -> None:
    shop.lab.virsh("start", kept.id)
    shop.see(lambda: bins.show(admin, kept).is_active)
    with pytest.raises(WrongState):
        bins.purge(admin, kept)
    with pytest.raises(WrongState):
        client.call(KEY, "guest.purge", uuid=kept.id)


def test_a_guest_outside_the_bin_is_never_purged(shop: Workshop, admin: Actor) -> None:
    ref = shop.define("staying")
    with pytest.raises(NotFound):
        bins.purge(admin, ref)
    with pytest.raises(WrongState):
        client.call(KEY, "guest.purge", uuid=ref.id)


def test_when_its_days_are_over_the_clock_purges_it_once(
    shop: Workshop, admin: Actor, kept: Ref, monkeypatch: pytest.MonkeyPatch
) -> None:
    bins.sweep()
    assert not Job.objects.filter(verb=bins.VERB).exists()
    later = timezone.now() + timedelta(days=7, minutes=1)
    monkeypatch.setattr(bins.timezone, "now", lambda: later)
    bins.sweep()
    bins.sweep()
    job = Job.objects.get(verb=bins.VERB)
    monkeypatch.undo()
    assert job.person is None
    job_worker.run.call(str(job.pk))
    assert Job.objects.get(pk=job.pk).state == JobState.DONE
    assert shop.volumes() == []
    assert shop.lab.virsh("list", "--all", "--name") == ""
    said = AuditEntry.objects.get(verb="guest.purge", ref=str(kept))
    assert (said.person_name, said.ref_name, said.detail["volumes"]) == (
        "kvmweb", "web01", ["own.qcow2"],
    )  # fmt: skip


def test_a_disk_that_is_needed_by_then_stays(shop: Workshop, admin: Actor, kept: Ref) -> None:
    shop.define("taker", disk=f"{IMAGES}/own.qcow2")
    assert bins.show(admin, kept).going == ()
    job_worker.run.call(str(bins.purge(admin, kept)))
    assert "own.qcow2" in shop.volumes()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", ["guest.bin", "guest.purge", "volume.delete"])
def test_killed_anywhere_it_is_whole_or_gone_with_its_disk(
    shop: Workshop, admin: Actor, monkeypatch: pytest.MonkeyPatch, at: str, after: bool
) -> None:
    shop.disk("own.qcow2")
    ref = shop.define("web01", disk=f"{IMAGES}/own.qcow2")
    if at != "guest.bin":
        binned(shop, admin, ref)
        job = bins.purge(admin, ref)
    else:
        job = deletion.delete(admin, ref)
    killed(monkeypatch, admin, job, at, after=after)
    left = shop.lab.virsh("list", "--all", "--name")
    if at != "guest.bin" and (at, after) != ("guest.purge", False):
        assert (left, shop.volumes()) == ("", [])
        return
    assert shop.volumes() == ["own.qcow2"]
    if left != "web01":
        shop.see(lambda: in_bin(ref))
        bins.bring_back(admin, ref, name="web01")
    assert shop.record(ref).name == "web01"


def test_the_bin_keeps_to_the_rights_of_deletion(shop: Workshop, kept: Ref) -> None:
    editor, owner = person("ed", "editor"), person("own", "project-owner", str(kept))
    assert bins.list_(editor).is_blind
    assert [row.ref for row in bins.list_(owner).rows] == [kept]
    with pytest.raises(Denied):
        bins.bring_back(editor, kept, name="web01")
    with pytest.raises(NotFound):
        bins.show(person("nobody"), kept)


def test_its_days_are_set_by_who_may_change_settings(admin: Actor, creator: Actor) -> None:
    assert retention.days() == 7
    retention.set_days(admin, 30)
    assert retention.days() == 30
    with pytest.raises(Invalid):
        retention.set_days(admin, 0)
    with pytest.raises(Denied):
        retention.set_days(creator, 1)


def test_a_listing_leaves_it_alone_and_the_history_without_it(
    shop: Workshop, admin: Actor, kept: Ref
) -> None:
    before = mirror.Guest.objects.values_list("rev", flat=True).get(uuid=kept.id)
    shop.sync()
    hub.purge(timezone.now() + timedelta(days=1))
    assert mirror.Guest.objects.values_list("rev", flat=True).get(uuid=kept.id) == before
    assert not GuestVersion.objects.filter(uuid=kept.id, xml__contains="kvmwebbin").exists()


def test_a_disk_that_may_not_be_deleted_any_more_does_not_go_into_the_bin(
    shop: Workshop, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The portal itself deletes what is in there: rights are judged once more when it goes in."""
    shop.disk("own.qcow2")
    ref = shop.define("web01", disk=f"{IMAGES}/own.qcow2")
    going = [disk.volume for disk in deletion.ask(admin, ref).disks]
    owner = person("own", "project-owner", str(ref))
    Grant.objects.create(
        person_id=owner.person_id, role="storage-admin", scope=str(refs.pool(KEY, shop.pool))
    )
    RightsEpoch.advance()
    job = deletion.delete(owner, ref, volumes=going)
    Grant.objects.filter(person_id=owner.person_id, role="storage-admin").delete()
    RightsEpoch.advance()
    job_worker.run.call(str(job))
    assert jobs.show(admin, job).state is JobState.DONE
    shop.see(lambda: in_bin(ref))
    assert bins.show(admin, ref).going == ()


def test_the_disks_of_a_guest_that_left_its_host_before_the_end_stay(
    shop: Workshop, admin: Actor, kept: Ref
) -> None:
    before = shop.volumes()
    job = bins.purge(admin, kept)
    shop.lab.virsh("undefine", kept.id)
    job_worker.run.call(str(job))
    assert jobs.show(admin, job).steps[0].problem == "not-found"
    assert shop.volumes() == before != []
