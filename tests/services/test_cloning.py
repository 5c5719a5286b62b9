"""Cloning guests on a real host: each way of each disk, and what is refused with its reason."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import pytest
from lxml import etree

from kvmweb.access import judge
from kvmweb.core.actors import Actor
from kvmweb.core.cloning import Way
from kvmweb.core.errors import Conflict, Denied, Exists, Invalid, NotFound, WrongState
from kvmweb.core.jobs import JobRecord, JobState
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.services import cloning, job_worker, jobs, power
from kvmweb.store.models import AuditEntry, CustomRole, Grant, Job, RightsEpoch
from tests.services.stage import person
from tests.services.workshop import IMAGES, Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
VARIABLES = "<loader readonly='yes' type='pflash'>{0}/code.fd</loader><nvram>{0}/vars.fd</nvram>"


def original(shop: Workshop, name: str = "first", **options: Any) -> Ref:
    """A guest that is off, with a disk of its own."""
    if "disk" not in options:
        shop.disk(f"{name}.qcow2")
        options["disk"] = f"{IMAGES}/{name}.qcow2"
    return shop.define(name, **options)


def cloned(actor: Actor, ref: Ref, name: str, **asked: Any) -> JobRecord:
    """The job, carried out."""
    job = cloning.clone(actor, ref, name=name, **{"ways": {}, **asked})
    job_worker.run.call(str(job))
    return jobs.show(actor, job)


def told(shop: Workshop, name: str) -> Any:
    return etree.fromstring(shop.lab.virsh("dumpxml", "--inactive", name))


def image(shop: Workshop, name: str) -> dict[str, Any]:
    command = ["qemu-img", "info", "--output=json", str(shop.folder / name)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))


def test_a_clone_is_whole_its_own_and_starts(shop: Workshop, admin: Actor) -> None:
    ref = original(shop, vnc_password="sesame12")
    assert cloning.ask(admin, ref).proposed_name == "first-clone"
    done = cloned(admin, ref, "second")
    assert (done.state, [step.word for step in done.steps]) == (
        JobState.DONE, ["copy", "define"],
    )  # fmt: skip
    assert done.result is not None
    made = shop.record(done.result)
    before, after = told(shop, "first"), told(shop, "second")
    assert after.findtext("uuid") == made.uuid != before.findtext("uuid")
    macs = [it.find("devices/interface/mac").get("address") for it in (before, after)]
    assert macs[0] != macs[1]
    assert [disk.source for disk in made.disks] == [f"{IMAGES}/second.qcow2"]
    assert "backing-filename" not in image(shop, "second.qcow2")
    assert "sesame12" not in shop.lab.virsh("dumpxml", "--security-info", "second")
    shop.lab.virsh("start", "second")
    assert shop.lab.state(made.uuid) == "running"
    assert Job.objects.get(pk=done.id).undo == []
    acts = AuditEntry.objects.filter(verb="guest.clone", outcome="ok").values_list("ref", flat=True)
    assert set(acts) == {str(ref), str(done.result)}


def test_a_linked_clone_is_thin_and_quick(shop: Workshop, admin: Actor) -> None:
    ref = original(shop)
    began = time.monotonic()
    done = cloned(admin, ref, "thin", ways={"vda": "link"})
    took_s = time.monotonic() - began
    assert done.state is JobState.DONE
    found = image(shop, "thin.qcow2")
    assert found["backing-filename"] == f"{IMAGES}/first.qcow2"
    assert (found["format"], found["virtual-size"]) == ("qcow2", 8 * 1024**2)
    assert took_s < 20, took_s  # 2 s on an idle machine; the pace of the job loop counts here
    shop.see_volume("thin.qcow2")
    shop.see_guest("thin")
    with pytest.raises(Invalid) as caught:
        power.start(admin, ref)
    assert "thin" in caught.value.fields[""]
    assert shop.lab.state(ref.id) == "shut off"
    assert done.result is not None
    power.start(admin, done.result)
    assert shop.lab.state(done.result.id) == "running"


def test_linking_is_refused_where_the_original_would_change_by_itself(
    shop: Workshop, admin: Actor
) -> None:
    ref = original(shop)
    shop.lab.virsh("autostart", "first")
    shop.see(lambda: Way.LINK not in cloning.ask(admin, ref).disks[0].ways)
    with pytest.raises(Invalid) as caught:
        cloning.clone(admin, ref, name="thin", ways={"vda": "link"})
    assert "autostart" in caught.value.fields["way-vda"]
    shop.lab.virsh("autostart", "--disable", "first")
    original(shop, "other", disk=f"{IMAGES}/first.qcow2")
    shop.see(lambda: Way.LINK not in cloning.ask(admin, ref).disks[0].ways)


def test_a_disc_is_shared_or_left_out_and_never_copied_by_itself(
    shop: Workshop, admin: Actor
) -> None:
    (shop.folder / "tools.iso").write_bytes(bytes(4096))
    shop.see_volume("tools.iso")
    disc = (
        f"<disk type='file' device='cdrom'><source file='{IMAGES}/tools.iso'/>"
        "<target dev='sda' bus='sata'/><readonly/></disk>"
    )
    ref = original(shop, extra=disc)
    ways = {disk.target: disk.ways for disk in cloning.ask(admin, ref).disks}
    assert ways["sda"][0] is Way.SHARE
    done = cloned(admin, ref, "reader")
    assert done.result is not None
    assert {disk.source for disk in shop.record(done.result).disks} == {
        f"{IMAGES}/reader.qcow2", f"{IMAGES}/tools.iso",
    }  # fmt: skip
    done = cloned(admin, ref, "empty", ways={"sda": "empty"})
    assert done.result is not None
    assert {disk.source for disk in shop.record(done.result).disks} == {f"{IMAGES}/empty.qcow2", ""}


def test_the_firmware_keeps_variables_of_its_own(shop: Workshop, admin: Actor) -> None:
    folder = shop.lab.folder / "lib/nvram-of-test"
    folder.mkdir(exist_ok=True)
    inside = "/var/lib/libvirt/nvram-of-test"
    (folder / "code.fd").write_bytes(bytes(4096))
    (folder / "vars.fd").write_bytes(b"boot order" * 512)
    try:
        ref = original(shop, kernel=False)
        text = shop.lab.virsh("dumpxml", "--inactive", "first")
        changed = text.replace("</os>", f"{VARIABLES.format(inside)}</os>")
        (folder / "first.xml").write_text(changed)
        shop.lab.virsh("define", str(folder / "first.xml"))
        (folder / "first.xml").unlink()
        shop.see(lambda: cloning.ask(admin, ref).definition_hash != "")
        shop.sync()
        done = cloned(admin, ref, "twin")
        assert done.result is not None, [step.detail for step in done.steps]
        path = told(shop, "twin").findtext("os/nvram")
        assert path == f"{inside}/{done.result.id}_VARS.fd"
        assert (folder / f"{done.result.id}_VARS.fd").read_bytes().startswith(b"boot order")
        assert "kvmweb-nvram" not in shop.lab.virsh("pool-list", "--all", "--name")
        client.call("east", "guest.unclone", uuid=done.result.id)
        assert sorted(it.name for it in folder.iterdir()) == ["code.fd", "vars.fd"]
    finally:
        shop.lab.clear()
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def test_the_definition_of_a_running_guest_is_not_taken_without_saying_so(
    shop: Workshop, admin: Actor
) -> None:
    ref = original(shop)
    shop.lab.virsh("start", "first")
    uuid = "11111111-2222-4333-8444-555555555555"
    with pytest.raises(WrongState):
        client.call("east", "guest.clone", uuid=uuid, source=ref.id, name="second", disks=[])


def test_names_disks_and_pools_that_do_not_fit_are_said_field_by_field(
    shop: Workshop, admin: Actor
) -> None:
    ref = original(shop)
    for name in ("first", "", " x", "a/b", "-x", "x" * 64):
        with pytest.raises(Invalid) as caught:
            cloning.clone(admin, ref, name=name, ways={})
        assert set(caught.value.fields) == {"name"}
    with pytest.raises(Invalid) as caught:
        cloning.clone(admin, ref, name="ok", ways={"vda": "share"}, pool="")
    assert "way-vda" in caught.value.fields
    with pytest.raises(Invalid) as caught:
        cloning.clone(admin, ref, name="ok", ways={}, pool="no-such-pool")
    assert "pool" in caught.value.fields
    small = shop.small_pool("64k")
    with pytest.raises(Invalid) as caught:
        cloning.clone(admin, ref, name="ok", ways={}, pool=small)
    assert "pool" in caught.value.fields


def test_what_changed_or_came_to_be_meanwhile_leaves_nothing(shop: Workshop, admin: Actor) -> None:
    ref = original(shop)
    there = set(shop.volumes())
    job = cloning.clone(admin, ref, name="late", ways={})
    shop.lab.virsh("setmem", "first", "80M", "--config")
    job_worker.run.call(str(job))
    assert [step.problem for step in jobs.show(admin, job).steps] == ["", Conflict.code]
    ref = original(shop, "other", disk=f"{IMAGES}/first.qcow2")
    job = cloning.clone(admin, ref, name="late", ways={})
    shop.lab.define_guest("late")
    job_worker.run.call(str(job))
    assert jobs.show(admin, job).steps[-1].problem == Exists.code
    assert set(shop.volumes()) == there
    assert shop.lab.virsh("list", "--all", "--name").split() == ["first", "late", "other"]


def test_rights_are_those_of_making_a_guest(shop: Workshop, creator: Actor) -> None:
    plain = original(shop, "plain", kernel=False)
    assert cloning.ask(creator, plain).obstacles == ()
    with_kernel = original(shop, "special")
    assert "kernel" in " ".join(cloning.ask(creator, with_kernel).obstacles)
    with pytest.raises(Invalid):
        cloning.clone(creator, with_kernel, name="no", ways={})
    with pytest.raises(Denied):
        cloning.clone(person("eye", "viewer"), plain, name="no", ways={})
    with pytest.raises(NotFound):
        cloning.clone(person("stranger"), plain, name="no", ways={})
    verbs = ["guest.view", "guest.clone", "host.view"]
    CustomRole.objects.create(key="half", label="Half", verbs=verbs)
    with pytest.raises(Denied):
        cloning.clone(person("half", "half"), plain, name="no", ways={})


def test_a_right_that_is_gone_when_it_begins_stops_it(shop: Workshop, creator: Actor) -> None:
    ref = original(shop, kernel=False)
    job = cloning.clone(creator, ref, name="second", ways={})
    Grant.objects.all().delete()
    RightsEpoch.advance()
    judge._kept.clear()
    job_worker.run.call(str(job))
    assert Job.objects.get(pk=job).state == JobState.FAILED
    assert shop.volumes() == ["first.qcow2"]
