"""UEFI, secure boot and TPM in real guests: what is theirs follows them, is copied, and goes."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid, Problem
from kvmweb.core.jobs import JobState
from kvmweb.core.offers import Obstacle
from kvmweb.core.refs import Ref
from kvmweb.core.snapshots import Kind
from kvmweb.core.tuning import FirmwareChoice
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import (
    bins,
    deletion,
    job_worker,
    jobs,
    power,
    renaming,
    snapshots,
    tuning,
)
from tests.services.test_bins import binned
from tests.services.test_cloning import cloned
from tests.services.test_creation import faults, made, wish
from tests.services.workshop import IMAGES, KEY, Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
TPM = "<tpm model='tpm-crb'><backend type='emulator' version='2.0' persistent_state='yes'/></tpm>"
"""libvirt keeps its state also of a guest that it forgets, unless it is told not to."""
MARK = b"what this firmware was told"


def variables(shop: Workshop, name: str) -> Path:
    return shop.lab.folder / "lib/qemu/nvram" / f"{name}_VARS.fd"


def named(shop: Workshop) -> set[str]:
    """The names of all guests whose firmware was told something."""
    return {it.name.removesuffix("_VARS.fd") for it in variables(shop, "x").parent.iterdir()}


def sealed(shop: Workshop, ref: Ref) -> Path:
    """Where the state of its TPM is kept."""
    return shop.lab.folder / "lib/swtpm" / ref.id


def tell(path: Path, words: bytes = MARK) -> None:
    """As if the guest had written it; the size of a flash chip stays."""
    with path.open("r+b") as file:
        file.seek(-len(words), 2)
        file.write(words)


def is_told(path: Path, words: bytes = MARK) -> bool:
    return path.read_bytes().endswith(words)


def started(shop: Workshop, ref: Ref) -> None:
    shop.lab.virsh("start", ref.id)
    shop.see(lambda: shop.record(ref).state.is_active)


def off(shop: Workshop, ref: Ref) -> None:
    shop.lab.virsh("destroy", ref.id)
    shop.see(lambda: not shop.record(ref).state.is_active)


def used(shop: Workshop, name: str, **options: Any) -> Ref:
    """A guest that is off, whose firmware was told something and whose TPM has sealed something."""
    ref = shop.define(name, kernel=False, firmware="efi", extra=TPM, **options)
    started(shop, ref)
    assert not shop.record(ref).has_pending_changes
    off(shop, ref)
    tell(variables(shop, name))
    return ref


def test_a_guest_that_the_portal_made_starts_sleeps_wakes_and_leaves_nothing(
    shop: Workshop, admin: Actor
) -> None:
    """With secure boot and a TPM; and it does not find what another of its name left."""
    variables(shop, "fresh").write_bytes(b"left")
    wanted = wish(shop, firmware="secure", has_tpm=True, is_started=True, memory=160 * 1024**2)
    assert "firmware" in faults(admin, replace(wanted, machine="pc"))
    done = made(admin, wanted)
    assert done.state is JobState.DONE, [step.detail for step in done.steps]
    ref = done.result
    assert ref is not None
    shop.see(lambda: shop.record(ref).state.is_active)
    live = shop.lab.virsh("dumpxml", ref.id)
    assert variables(shop, "fresh").stat().st_size > 100_000
    assert sealed(shop, ref).exists()
    assert "secure='yes'" in live
    assert "<smm state='on'" in live
    record = shop.record(ref)
    assert record.tuning.firmware.kind == record.next_tuning.firmware.kind == "secure"
    assert not record.has_pending_changes
    power.save(admin, ref)
    shop.see(lambda: shop.record(ref).has_saved_state)
    power.start(admin, ref)
    shop.see(lambda: shop.record(ref).state.is_active)
    going = [disk.volume for disk in deletion.ask(admin, ref).disks]
    job = deletion.delete(admin, ref, volumes=going, force_off=True, for_good=True)
    job_worker.run.call(str(job))
    assert jobs.show(admin, job).state is JobState.DONE
    assert "fresh" not in named(shop)
    assert not sealed(shop, ref).exists()


def test_what_the_firmware_was_told_goes_with_the_name_and_nobody_elses_is_taken(
    shop: Workshop, admin: Actor
) -> None:
    """As libvirt 9.0 finds it by the guest's name, and as newer versions name the file."""
    ref, other = used(shop, "first"), shop.define("other", kernel=False, firmware="efi")
    variables(shop, "second").write_bytes(b"of a guest that was called so once")
    renaming.rename(admin, ref, name="second")
    assert named(shop) == {"second"}
    assert is_told(variables(shop, "second"))
    assert sealed(shop, ref).exists()
    point(shop, "second", variables(shop, "second"))
    variables(shop, "third").write_bytes(b"the other's own")
    point(shop, "other", variables(shop, "third"))
    where = ("--target", "/var/lib/libvirt/qemu/nvram")
    shop.lab.virsh("pool-create-as", "kvmweb-nvram-left", "dir", *where)
    shop.see(lambda: shop.record(ref).name == "second")
    assert not mirror.Pool.objects.filter(name__startswith="kvmweb").exists()
    with pytest.raises(Invalid) as refused:
        renaming.rename(admin, ref, name="third")
    assert "another guest" in refused.value.fields["name"]
    assert shop.lab.virsh("domname", ref.id) == "second"
    renaming.rename(admin, ref, name="fourth")
    assert "kvmweb" not in shop.lab.virsh("pool-list", "--all", "--name")
    assert named(shop) == {"fourth", "third"}
    assert is_told(variables(shop, "fourth"))
    assert "fourth_VARS.fd" in shop.lab.virsh("dumpxml", "--inactive", ref.id)
    for guest in (ref, other):
        client.call(KEY, "guest.delete", uuid=guest.id)
    assert named(shop) == set()
    assert not sealed(shop, ref).exists()


def point(shop: Workshop, name: str, path: Path) -> None:
    """Have its definition name the file."""
    inside = f"/var/lib/libvirt/qemu/nvram/{path.name}"
    text = shop.lab.virsh("dumpxml", "--inactive", name)
    told = shop.lab.folder / "pointed.xml"
    told.write_text(text.replace("</os>", f"<nvram>{inside}</nvram></os>"))
    shop.lab.virsh("define", str(told))


def test_a_clone_has_its_own_and_what_comes_back_from_the_bin_has_kept_it(
    shop: Workshop, admin: Actor
) -> None:
    ref = used(shop, "web01")
    kept = {path.name: path.read_bytes() for path in sealed(shop, ref).rglob("*") if path.is_file()}
    assert kept
    started(shop, ref)
    done = cloned(admin, ref, "twin")
    assert done.result is not None, [step.detail for step in done.steps]
    off(shop, ref)
    assert is_told(variables(shop, "twin"))
    assert not sealed(shop, done.result).exists()
    tell(variables(shop, "twin"), bytes(len(MARK)))
    started(shop, done.result)
    assert sealed(shop, done.result).exists()
    off(shop, done.result)
    client.call(KEY, "guest.unclone", uuid=done.result.id)
    assert named(shop) == {"web01"}
    assert is_told(variables(shop, "web01"))
    binned(shop, admin, ref)
    assert not bins.show(admin, ref).is_bound
    assert "web01" not in named(shop)
    other = shop.define("web01", kernel=False, firmware="efi")
    started(shop, other)
    assert not is_told(variables(shop, "web01"))
    off(shop, other)
    bins.bring_back(admin, ref, name="web02")
    assert named(shop) == {"web01", "web02"}
    assert is_told(variables(shop, "web02"))
    now = {path.name: path.read_bytes() for path in sealed(shop, ref).rglob("*") if path.is_file()}
    assert now == kept
    started(shop, ref)


def test_another_firmware_before_the_installation_starts_from_its_own_template(
    shop: Workshop, admin: Actor
) -> None:
    """And then snapshots are offered as the host can keep them."""
    shop.disk("early.qcow2")
    ref = shop.define("early", kernel=False, disk=f"{IMAGES}/early.qcow2")
    assert tuning.ask(admin, ref).firmwares == ("bios", "efi", "secure")
    sizes = {}
    for kind in ("secure", "bios", "efi"):
        wanted = FirmwareChoice(kind)
        assert tuning.edit(admin, ref, wanted, is_sure=True) == "now"
        assert "early" not in named(shop)
        shop.see(lambda kind=kind: shop.record(ref).next_tuning.firmware.kind == kind)
        if kind != "bios":
            started(shop, ref)
            sizes[kind] = variables(shop, "early").read_bytes()
            off(shop, ref)
    assert sizes["efi"] != sizes["secure"]
    assert snapshots.taking(admin, ref).kind is Kind.INTERNAL
    snapshots.take(admin, ref, name="off")
    started(shop, ref)
    shop.see(lambda: shop.record(ref).snapshots == 1)
    found = snapshots.taking(admin, ref)
    assert (found.with_memory, found.disks_only) == (Obstacle.SNAPSHOT_UEFI, Obstacle.NONE)
    inside = {"with_memory": True, "disks": {"vda": "internal"}}
    with pytest.raises(Problem):
        client.call(KEY, "guest.snapshot", uuid=ref.id, name="live", **inside)
    snapshots.take(admin, ref, name="outside")
    shop.see(lambda: shop.record(ref).snapshots == 2)
    with pytest.raises(Invalid):
        tuning.edit(admin, ref, FirmwareChoice("bios"), is_sure=True)


def test_a_file_of_the_host_that_a_guest_names_in_its_flash_is_not_brought_along(
    shop: Workshop, admin: Actor, editor: Actor
) -> None:
    """Whoever rules in a guest writes its flash: there it can say that it builds on any file."""
    ref = used(shop, "liar")
    path, secret = variables(shop, "liar"), shop.lab.folder / "secret"
    secret.write_bytes(bytes(range(256)) * (path.stat().st_size // 256))
    image = shop.lab.folder / "image"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", image]
    subprocess.run(command, check=True)
    with path.open("r+b") as file:
        file.write(image.read_bytes()[: path.stat().st_size])
    written = path.read_bytes()
    renaming.rename(editor, ref, name="thief")
    assert variables(shop, "thief").read_bytes() == written
    shop.see(lambda: shop.record(ref).name == "thief")
    done = cloned(admin, ref, "accomplice")
    assert done.result is not None, [step.detail for step in done.steps]
    assert variables(shop, "accomplice").read_bytes() == written


def test_who_is_called_as_the_file_of_another_guest_is_never_takes_it(
    shop: Workshop, admin: Actor, creator: Actor, editor: Actor
) -> None:
    """A clone's file is called as its UUID: so would be that of a guest of such a name."""
    ref, like = used(shop, "victim"), shop.define("like", kernel=False, firmware="efi")
    own = variables(shop, "victim").rename(variables(shop, ref.id))
    point(shop, "victim", own)
    shop.see(lambda: shop.record(ref).next_tuning.firmware.has_variables)
    assert made(creator, wish(shop, name=ref.id, firmware="efi")).state is JobState.FAILED
    assert cloned(admin, like, ref.id).state is JobState.FAILED
    assert is_told(own)
    thief = shop.define("thief", kernel=False)
    renaming.rename(editor, thief, name=ref.id)
    shop.see(lambda: shop.record(thief).name == ref.id)
    with pytest.raises(Problem):
        tuning.edit(editor, thief, FirmwareChoice("efi"), is_sure=True)
    assert is_told(own)
