"""Creating guests on a real host: each source, each fault, and what is taken back."""

from __future__ import annotations

import io
from typing import Any

import pycdlib
import pytest
import yaml

from kvmweb.access import judge
from kvmweb.core import refs, wire
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.core.jobs import JobRecord, JobState
from kvmweb.core.wishes import CloudWish, DiskWish, GuestWish, InterfaceWish, Source
from kvmweb.hostlink import client
from kvmweb.services import creation, job_worker, jobs
from kvmweb.store.models import AuditEntry, CustomRole, Grant, Job, RightsEpoch
from kvmweb.ui import jobs as job_face
from tests.lab.host import guest_image
from tests.services.stage import person
from tests.services.test_agent import SSH_KEY
from tests.services.test_install_trees import INFO, Server
from tests.services.workshop import Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
HOST = refs.host("east")
MIB = 1024**2


def wish(shop: Workshop, name: str = "fresh", **asked: Any) -> GuestWish:
    chosen: dict[str, Any] = {
        "host": "east",
        "name": name,
        "vcpus": 1,
        "memory": 96 * MIB,
        "disks": (DiskWish(pool=shop.pool, size=8 * MIB),),
        "interfaces": (InterfaceWish(network=shop.network),),
        "is_started": False,
    }
    return GuestWish(**{**chosen, **asked})


def made(actor: Actor, wanted: GuestWish) -> JobRecord:
    """The job, carried out."""
    job = creation.create(actor, HOST, wanted)
    job_worker.run.call(str(job))
    return jobs.show(actor, job)


def faults(actor: Actor, wanted: GuestWish) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        creation.create(actor, HOST, wanted)
    return caught.value.fields


def test_a_guest_with_a_new_disk_is_defined_as_it_was_shown(shop: Workshop, creator: Actor) -> None:
    wanted = wish(shop, description="Line one\nline two")
    shown = creation.preview(creator, HOST, wanted)
    done = made(creator, wanted)
    assert (done.state, [step.word for step in done.steps]) == (
        JobState.DONE, ["disk", "define"],
    )  # fmt: skip
    assert done.result is not None
    guest = shop.record(done.result)
    assert (guest.name, guest.description, guest.vcpus) == ("fresh", "Line one\nline two", 1)
    assert [disk.source for disk in guest.disks] == [shown.plan.shown.disks[0].path]
    assert [card.source for card in guest.interfaces] == ["default"]
    assert "fresh.qcow2" in shop.volumes()
    assert Job.objects.get(pk=done.id).undo == []


def test_an_imported_disk_is_used_as_it_is_and_the_guest_runs(
    shop: Workshop, creator: Actor
) -> None:
    shop.disk("old.qcow2")
    wanted = wish(
        shop, source=Source.IMPORT, image_pool=shop.pool, image_volume="old.qcow2", disks=(),
        is_started=True, has_autostart=True,
    )  # fmt: skip
    done = made(creator, wanted)
    assert done.state is JobState.DONE
    assert done.result is not None
    assert shop.lab.state(done.result.id) == "running"
    assert shop.record(done.result).has_autostart


def test_a_disk_that_a_guest_uses_is_refused_and_says_by_whom(
    shop: Workshop, creator: Actor
) -> None:
    shop.disk("shared.qcow2")
    shop.lab.define_guest("owner", disk="/var/lib/libvirt/images/shared.qcow2")
    shop.see_guest("owner")
    wanted = wish(shop, source=Source.IMPORT, image_pool=shop.pool, image_volume="shared.qcow2")
    assert "owner" in faults(creator, wanted)["image"]


def test_an_image_that_reads_a_file_outside_the_pools_is_refused(
    shop: Workshop, creator: Actor
) -> None:
    """Whoever uploads an image writes its header: it must not open the host's own files."""
    shop.disk("sly.qcow2", backing="/etc/hostname")
    wanted = wish(shop, source=Source.IMPORT, image_pool=shop.pool, image_volume="sly.qcow2")
    assert "image" in faults(creator, wanted)


def test_a_raw_disk_that_turned_into_an_image_is_refused(shop: Workshop, creator: Actor) -> None:
    """A guest wrote the header of an image into its raw disk: the file it names is the guest's
    choice."""
    (shop.folder / "turned.img").write_bytes(bytes(MIB))
    shop.see_volume("turned.img")
    shop.disk("turned.img", is_seen=False)
    shop.see_volume("turned.img")
    shop.see(
        lambda: creation.ground(creator, HOST).volumes[shop.pool]["turned.img"].format != "raw"
    )
    wanted = wish(shop, source=Source.IMPORT, image_pool=shop.pool, image_volume="turned.img")
    assert "image" in faults(creator, wanted)


def test_a_cloud_image_grows_and_brings_its_answers(shop: Workshop, creator: Actor) -> None:
    shop.disk("cloud.qcow2", size="16M")
    wanted = wish(
        shop, name="cloudy", source=Source.CLOUD, image_pool=shop.pool,
        image_volume="cloud.qcow2", disks=(DiskWish(pool=shop.pool, size=64 * MIB),),
        cloud=CloudWish(
            user="li, ada", password="open sesame", hostname="cloudy", keys=SSH_KEY, is_fixed=True,
            address="192.0.2.10/24", gateway="192.0.2.1", nameservers="192.0.2.53",
        ),
    )  # fmt: skip
    shown = creation.preview(creator, HOST, wanted)
    done = made(creator, wanted)
    assert done.state is JobState.DONE
    assert {"cloudy.qcow2", "cloudy-seed.iso"} <= set(shop.volumes())
    found = shop.folder / "cloudy-seed.iso"
    assert b"cidata" in found.read_bytes()[32768:32900]
    assert b"$6$rounds=" in found.read_bytes()
    assert b"open sesame" not in found.read_bytes()
    row = Job.objects.get(pk=done.id)
    assert "open sesame" not in str(row.arguments)
    assert row.arguments["answers"] is None
    assert done.result is not None
    record = shop.record(done.result)
    assert [disk.device for disk in record.disks] == ["disk", "cdrom"]
    [mac] = [card.mac for card in record.interfaces]
    assert f'<mac address="{mac}"/>' in shown.xml
    told = on_disc(found.read_bytes())
    assert set(told) == {"meta-data", "network-config", "user-data"}
    card = yaml.safe_load(told["network-config"])["ethernets"]["eth0"]
    assert card["match"] == {"macaddress": mac}
    assert (card["addresses"], card["gateway4"]) == (["192.0.2.10/24"], "192.0.2.1")
    _default, first, second = yaml.safe_load(told["user-data"])["users"]
    assert (first["name"], first["lock_passwd"]) == ("li", False)
    assert (second["name"], second["lock_passwd"], "passwd" in second) == ("ada", True, False)
    assert (second["sudo"], second["ssh_authorized_keys"]) == (first["sudo"], [SSH_KEY])
    assert "&id" not in told["user-data"]


def on_disc(image: bytes) -> dict[str, str]:
    """What cloud-init would read."""
    iso, told = pycdlib.PyCdlib(), {}
    iso.open_fp(io.BytesIO(image))
    for it in iso.list_children(joliet_path="/"):
        if it.is_file():
            told[it.file_identifier().decode("utf-16-be")] = content = io.BytesIO()
            iso.get_file_from_iso_fp(
                content, joliet_path=f"/{it.file_identifier().decode('utf-16-be')}"
            )
    return {name: content.getvalue().decode() for name, content in told.items()}


@pytest.mark.parametrize(
    ("cloud", "field"),
    [
        (CloudWish(keys="ssh-rsa AAAA"), "keys"),
        (CloudWish(user="Li Wei"), "user"),
        (CloudWish(user="li, -x"), "user"),
        (CloudWish(user="li ada li"), "user"),
        (CloudWish(hostname="-web"), "hostname"),
        (CloudWish(password="x"), "user"),
        (CloudWish(packages="vim; reboot"), "packages"),
        (CloudWish(text="runcmd:\n  - [a\nb: c"), "user_data"),
    ],
)
def test_a_mistake_in_the_answers_is_told_beside_its_field(
    shop: Workshop, creator: Actor, cloud: CloudWish, field: str
) -> None:
    shop.disk("cloud.qcow2", size="8M")
    wanted = wish(
        shop, source=Source.CLOUD, image_pool=shop.pool, image_volume="cloud.qcow2", cloud=cloud
    )
    said = faults(creator, wanted)
    assert field in said
    if field == "user_data":
        assert "3" in said[field]


def test_a_name_that_is_taken_is_refused_also_by_one_under_way(
    shop: Workshop, creator: Actor
) -> None:
    creation.create(creator, HOST, wish(shop, name="twice"))
    assert "name" in faults(creator, wish(shop, name="twice"))
    shop.lab.define_guest("there")
    shop.see_guest("there")
    assert "name" in faults(creator, wish(shop, name="there"))


def test_a_name_taken_behind_the_portals_back_takes_everything_back(
    shop: Workshop, creator: Actor
) -> None:
    job = creation.create(creator, HOST, wish(shop, name="late"))
    other = shop.lab.define_guest("late")
    job_worker.run.call(str(job))
    done = jobs.show(creator, job)
    assert [step.problem for step in done.steps] == ["", "exists"]
    assert "late.qcow2" not in shop.volumes()
    assert shop.lab.virsh("domuuid", "late") == other
    assert AuditEntry.objects.filter(verb="guest.create", outcome="exists").count() == 1


def test_a_volume_of_somebody_else_survives_a_clash_of_names(
    shop: Workshop, creator: Actor
) -> None:
    job = creation.create(creator, HOST, wish(shop, name="clash"))
    shop.disk("clash.qcow2", is_seen=False)
    job_worker.run.call(str(job))
    assert jobs.show(creator, job).steps[0].problem == "exists"
    assert "clash.qcow2" in shop.volumes()


def test_a_disc_that_vanished_is_told_and_the_disk_is_taken_back(
    shop: Workshop, creator: Actor
) -> None:
    iso = shop.folder / "install.iso"
    iso.write_bytes(bytes(1024))
    shop.see_volume("install.iso")
    job = creation.create(
        creator, HOST,
        wish(shop, name="gone", source=Source.ISO, image_pool=shop.pool,
             image_volume="install.iso"),
    )  # fmt: skip
    iso.unlink()
    shop.lab.virsh("pool-refresh", "default")
    job_worker.run.call(str(job))
    done = jobs.show(creator, job)
    assert [step.problem for step in done.steps] == ["", "not-found"]
    assert "gone.qcow2" not in shop.volumes()


def test_who_may_not_create_gets_nothing_made(shop: Workshop) -> None:
    with pytest.raises(Denied):
        creation.create(person("viewer", "viewer"), HOST, wish(shop))
    with pytest.raises(NotFound):
        creation.create(person("nobody"), HOST, wish(shop))
    assert "fresh.qcow2" not in shop.volumes()


def test_pools_and_networks_out_of_reach_are_as_if_they_were_not_there(shop: Workshop) -> None:
    """Creator of the host, but neither its pools nor its networks are granted."""
    narrow = person("narrow", "making-only")
    CustomRole.objects.create(key="making-only", label="x", verbs=["guest.create", "host.view"])
    RightsEpoch.advance()
    judge.forget()
    said = faults(narrow, wish(shop))
    assert {"disk-0-pool", "card-0-network"} <= set(said)


@pytest.mark.parametrize("kind", ["bridge", "direct"])
def test_only_who_may_names_a_device_of_the_host(shop: Workshop, creator: Actor, kind: str) -> None:
    card = InterfaceWish(kind=kind, device="eth0")
    assert "card-0-network" in faults(creator, wish(shop, interfaces=(card,)))
    admin = person("admin", "administrator")
    assert made(admin, wish(shop, interfaces=(card,), name="wired")).state is JobState.DONE


def test_a_right_that_was_taken_meanwhile_stops_the_job(shop: Workshop, creator: Actor) -> None:
    job = creation.create(creator, HOST, wish(shop, name="revoked"))
    Grant.objects.all().delete()
    judge.forget()
    job_worker.run.call(str(job))
    assert Job.objects.get(pk=job).state == JobState.FAILED
    assert "revoked.qcow2" not in shop.volumes()


def test_the_worker_takes_no_paths(shop: Workshop, creator: Actor) -> None:
    spec = wire.to_plain(creation.preview(creator, HOST, wish(shop)).plan.shown)
    with pytest.raises(Invalid):
        client.call("east", "guest.define", uuid=spec["uuid"], spec=spec)


def test_a_full_pool_is_told_and_leaves_nothing(shop: Workshop, creator: Actor) -> None:
    small = shop.small_pool()
    wanted = wish(
        shop, name="big",
        disks=(DiskWish(pool=shop.pool, size=8 * MIB), DiskWish(pool=small, size=64 * MIB)),
    )  # fmt: skip
    shown = creation.preview(creator, HOST, wanted)
    assert any("small" in said for said in shown.plan.warnings)
    shop.fill(shop.pool_name(small))
    done = made(creator, wanted)
    assert done.state is JobState.FAILED
    assert "big.qcow2" not in shop.volumes()


def test_an_install_tree_boots_once_and_leaves_no_kernel_behind(
    shop: Workshop, creator: Actor, settings: Any
) -> None:
    settings.KVMWEB_FETCH_INNER = ["127.0.0.0/8"]
    server = Server("127.0.0.1")
    image = guest_image()
    server.answers = {
        "/.treeinfo": INFO.encode(),
        "/images/pxeboot/vmlinuz": (image / "vmlinuz").read_bytes(),
        "/images/pxeboot/initrd.img": (image / "initrd.gz").read_bytes(),
    }
    wanted = wish(
        shop, name="tree", source=Source.TREE, url=server.url, is_started=True,
        arguments="console=ttyS0 no_timer_check", graphics="none",
    )  # fmt: skip
    try:
        done = made(creator, wanted)
    finally:
        server.stop()
    assert done.state is JobState.DONE
    assert [step.word for step in done.steps] == ["disk", "kernel", "kernel", "define", "start"]
    assert done.result is not None
    assert job_face.card(done).result_url.endswith("/?console=serial:serial0")
    uuid = done.result.id
    live, kept = shop.lab.virsh("dumpxml", uuid), shop.lab.virsh("dumpxml", "--inactive", uuid)
    assert f"console=ttyS0 no_timer_check inst.repo={server.url}/" in live
    assert "<on_reboot>destroy</on_reboot>" in live
    assert "<on_reboot>restart</on_reboot>" in kept
    assert "<kernel>" not in kept
    assert [name for name in shop.volumes() if name.endswith(".boot")] == []
    assert shop.lab.state(uuid) == "running"


def test_a_tree_that_cannot_be_reached_is_told_beside_its_address(
    shop: Workshop, creator: Actor
) -> None:
    wanted = wish(shop, source=Source.TREE, url="http://nowhere.invalid/", is_started=True)
    assert "no such name" in faults(creator, wanted)["url"]
    wanted = wish(shop, source=Source.TREE, url="gopher://x/", is_started=False)
    assert {"url", "is_started"} <= set(faults(creator, wanted))
