"""A guest that runs is cloned as it is at one moment, and runs on whatever becomes of the clone."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import libvirt
import pytest

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid
from kvmweb.core.jobs import JobState
from kvmweb.core.refs import Ref
from kvmweb.core.wishes import CloudWish
from kvmweb.hostlink import client
from kvmweb.hypervisor import live_copies
from kvmweb.services import cloning, guest_page, job_worker, jobs, live_copying
from kvmweb.store.models import AuditEntry, GuestFreeze
from tests.services.cut_off import cleaned_later, cut, killed
from tests.services.workshop import IMAGES, KEY, Workshop, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
WAYS = {"vda": "copy", "vdb": "copy"}
NOBODY = {
    "uuid": "00000000-0000-4000-8000-000000000000", "targets": ["vda"], "is_running": True,
}  # fmt: skip


@pytest.fixture
def busy(shop: Workshop, admin: Actor) -> Ref:
    """A guest that runs, with two disks, one of which holds something."""
    shop.disk("first.qcow2", size="4M")
    write(shop, "first.qcow2", 0x5A)
    shop.disk("data.qcow2", size="2M")
    more = (
        f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
        f"<source file='{IMAGES}/data.qcow2'/><target dev='vdb' bus='virtio'/></disk>"
    )
    ref = shop.define("first", disk=f"{IMAGES}/first.qcow2", extra=more, start=True)
    shop.see(lambda: guest_page.show(admin, ref).record.state.is_active)
    return ref


def write(shop: Workshop, name: str, pattern: int) -> None:
    command = ["qemu-io", "-f", "qcow2", "-c", f"write -P {pattern} 1M 64k"]
    subprocess.run([*command, shop.folder / name], check=True, capture_output=True)


def holds(shop: Workshop, name: str, pattern: int) -> bool:
    command = ["qemu-io", "-f", "qcow2", "-r", "-c", f"read -P {pattern} 1M 64k"]
    done = subprocess.run(
        [*command, shop.folder / name], check=True, capture_output=True, text=True
    )
    return "verification failed" not in done.stdout


def runs_on(shop: Workshop) -> bool:
    """Alone on its own disks, not held."""
    text = shop.lab.virsh("dumpxml", "first")
    return (
        shop.lab.state("first") == "running"
        and "<mirror" not in text
        and f"{IMAGES}/first.qcow2" in text
    )


def test_it_is_cloned_while_it_runs(shop: Workshop, admin: Actor, busy: Ref) -> None:
    found = cloning.ask(admin, busy)
    assert found.obstacles == ()
    assert [tuple(disk.ways) for disk in found.disks] == [("copy",), ("copy",)]
    job = cloning.clone(admin, busy, name="copied", ways=WAYS, cloud=CloudWish(hostname="copied"))
    job_worker.run.call(str(job))
    done = jobs.show(admin, job)
    assert [(step.word, step.state) for step in done.steps] == [
        ("copy-live", JobState.DONE),
        ("seed", JobState.DONE),
        ("define", JobState.DONE),
    ]
    assert runs_on(shop)
    assert holds(shop, "copied.qcow2", 0x5A)
    text = shop.lab.virsh("dumpxml", "copied")
    assert text.count("copied") > 3
    assert f"{IMAGES}/first.qcow2" not in text
    assert AuditEntry.objects.filter(detail__act="held-paused").exists()
    shop.lab.virsh("start", "copied")
    assert shop.lab.state("copied") == "running"


def test_an_agent_that_answers_holds_the_file_systems_still(shop: Workshop, admin: Actor) -> None:
    shop.disk("first.qcow2", size="4M")
    ref = shop.define("first", disk=f"{IMAGES}/first.qcow2", start=True, agent=True, memory_mib=112)
    wait_for(lambda: shop.record(ref).is_agent_connected, "the agent is silent", timeout_s=60)
    job = cloning.clone(admin, ref, name="copied", ways={})
    job_worker.run.call(str(job))
    assert jobs.show(admin, job).state is JobState.DONE
    assert AuditEntry.objects.filter(detail__act="held-frozen").exists()
    asked = '{"execute":"guest-fsfreeze-status"}'
    assert "thawed" in shop.lab.virsh("qemu-agent-command", "first", asked)


def test_a_silent_agent_delays_the_clone_and_no_more(shop: Workshop, admin: Actor) -> None:
    """It may freeze a moment later: so the clockwork is told to thaw it."""
    shop.disk("first.qcow2", size="4M")
    ref = shop.define(
        "first", disk=f"{IMAGES}/first.qcow2", start=True, agent=True, hostile="greets",
        memory_mib=112,
    )  # fmt: skip
    wait_for(lambda: shop.record(ref).is_agent_connected, "no agent", timeout_s=60)
    job = cloning.clone(admin, ref, name="copied", ways={})
    began = time.monotonic()
    job_worker.run.call(str(job))
    assert jobs.show(admin, job).state is JobState.DONE
    assert time.monotonic() - began < live_copying.END_S / 2
    assert AuditEntry.objects.filter(detail__act="held-paused").exists()
    assert runs_on(shop)
    assert GuestFreeze.objects.get().uuid == ref.id
    began = time.monotonic()
    live_copying._stop(host=KEY, uuid=ref.id, targets=["vda"], is_running=True)
    assert time.monotonic() - began < live_copying.END_S / 2


def test_a_paused_guest_stays_paused(shop: Workshop, admin: Actor, busy: Ref) -> None:
    shop.lab.virsh("suspend", "first")
    shop.see(lambda: guest_page.show(admin, busy).record.state == "paused")
    job = cloning.clone(admin, busy, name="copied", ways=WAYS)
    job_worker.run.call(str(job))
    assert jobs.show(admin, job).state is JobState.DONE
    assert shop.lab.state("first") == "paused"


def test_nothing_is_linked_to_what_runs(admin: Actor, busy: Ref) -> None:
    with pytest.raises(Invalid) as wrong:
        cloning.clone(admin, busy, name="thin", ways={"vda": "link", "vdb": "copy"})
    assert "way-vda" in wrong.value.fields


@pytest.mark.parametrize(
    ("at", "after"),
    [
        ("guest.mirror_begin", True),
        ("guest.mirror_cut", False),
        ("guest.mirror_cut", True),
        ("guest.clone", True),
    ],
)
def test_killed_anywhere_it_is_taken_back_and_the_original_runs_on(
    shop: Workshop, admin: Actor, busy: Ref, monkeypatch: pytest.MonkeyPatch, at: str, after: bool
) -> None:
    job = cloning.clone(admin, busy, name="doomed", ways=WAYS)
    killed(monkeypatch, admin, job, at, after=after)
    assert runs_on(shop)
    assert sorted(shop.volumes()) == ["data.qcow2", "first.qcow2"]
    assert shop.lab.virsh("list", "--all", "--name") == "first"


def test_a_host_lost_meanwhile_is_cleaned_when_it_is_back(
    shop: Workshop, admin: Actor, busy: Ref, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = cloning.clone(admin, busy, name="doomed", ways=WAYS)
    with monkeypatch.context() as patch:
        cut(patch, "guest.mirror_progress", shop.kill, after=True)
        job_worker.run.call(str(job))
    assert jobs.show(admin, job).state is JobState.FAILED
    shop.start()
    cleaned_later(job)
    assert runs_on(shop)
    assert sorted(shop.volumes()) == ["data.qcow2", "first.qcow2"]


def test_a_guest_that_stops_meanwhile_fails_the_clone_alone(
    shop: Workshop, admin: Actor, busy: Ref, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = cloning.clone(admin, busy, name="doomed", ways=WAYS)

    def stop() -> None:
        shop.lab.virsh("destroy", "first")

    with monkeypatch.context() as patch:
        cut(patch, "guest.mirror_begin", stop, after=True)
        job_worker.run.call(str(job))
    assert [step.problem for step in jobs.show(admin, job).steps] == ["conflict", ""]
    assert sorted(shop.volumes()) == ["data.qcow2", "first.qcow2"]


def test_what_was_held_by_a_worker_that_died_is_let_go(
    shop: Workshop, admin: Actor, busy: Ref
) -> None:
    """And what somebody else paused meanwhile is not."""
    undo: dict[str, Any] = {"host": KEY, "uuid": busy.id, "targets": ["vda", "vdb"]}
    connection = libvirt.open(shop.lab.uri)
    live_copies._pause(connection.lookupByUUIDString(busy.id))
    connection.close()
    live_copying._stop(**undo, is_running=False)
    assert shop.lab.state("first") == "paused"
    live_copying._stop(**undo, is_running=True)
    assert shop.lab.state("first") == "running"
    assert "kvmwebheld" not in shop.lab.virsh("dumpxml", "first")
    shop.lab.virsh("suspend", "first")
    live_copying._stop(**undo, is_running=True)
    assert shop.lab.state("first") == "paused"
    assert client.call(KEY, "guest.mirror_stop", **NOBODY) == {"changed": False}
