"""How real guests are set up: what is so at once, what waits, what is refused and why."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Conflict, Denied, Invalid
from kvmweb.core.refs import Ref
from kvmweb.core.tuning import (
    Backing,
    Clock,
    CpuModel,
    HostCpu,
    Part,
    Placement,
    Processor,
    Startup,
)
from kvmweb.services import sizing, tuning
from kvmweb.store.models import AuditEntry
from tests.services.stage import person
from tests.services.test_sizing import SIZE
from tests.services.workshop import Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]


def defined(shop: Workshop, **options: Any) -> Ref:
    return shop.define("tuned", **options)


def stored(shop: Workshop, ref: Ref) -> str:
    return shop.lab.virsh("dumpxml", ref.id, "--inactive")


def affinity(shop: Workshop) -> set[frozenset[int]]:
    """Where the threads of the guest's process may run."""
    pid = shop.lab.qemu_pid("tuned")
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().startswith("CPU "):
            found.add(frozenset(os.sched_getaffinity(int(task.name))))
    return found


def test_a_host_says_what_it_can_give(shop: Workshop, admin: Actor) -> None:
    ref = defined(shop)
    found = tuning.ask(admin, ref)
    assert "custom" in found.cpu_modes
    models = {model.name: model for model in found.models}
    assert models["qemu64"] == CpuModel("qemu64")
    assert not all(model.is_usable for model in found.models)
    if found.cells:
        assert found.cpus
        assert isinstance(found.cells[0].processors[0], HostCpu)


PARTS: list[Part] = [
    Processor("custom", "Westmere", (1, 1, 2, 2), ("aes",), ("x2apic",)),
    Processor("maximum"),
    Placement(("0:0", "3:0"), "0", 2048, 50_000, 100_000, "strict", "0"),
    Backing(is_shared=True),
    Clock("timezone", "Asia/Shanghai", "catchup", "delay", "no", "", ""),
    Clock("localtime", hypervclock="yes"),
    Startup("yes", "destroy", "destroy", "preserve"),
]


def test_a_shut_off_guest_takes_every_part_at_once_and_starts_with_it(
    shop: Workshop, editor: Actor, admin: Actor
) -> None:
    ref = defined(shop, vcpus=4)
    with pytest.raises(Invalid) as refused:
        tuning.edit(editor, ref, Backing(is_locked=True))
    assert list(refused.value.fields) == ["is_locked"]
    assert tuning.edit(admin, ref, Backing(is_locked=True)) == "now"
    shop.see(partial(_is_told, shop, ref, Backing(is_locked=True)))
    for wanted in PARTS:
        assert tuning.edit(editor, ref, wanted) == "now"
        shop.see(partial(_is_told, shop, ref, wanted))
        assert tuning.edit(editor, ref, wanted) == "same"
        entry = AuditEntry.objects.filter(verb="guest.edit").latest("at")
        assert entry.detail["after"].keys() == entry.detail["before"].keys()
    shop.lab.virsh("start", ref.id)
    shop.see(lambda: shop.record(ref).state.is_active)
    assert not shop.record(ref).has_pending_changes


def _is_told(shop: Workshop, ref: Ref, wanted: Part) -> bool:
    told = shop.record(ref).tuning
    return wanted in {getattr(told, field) for field in told.__slots__}


def test_a_running_guest_is_pinned_weighed_and_let_go_at_once(
    shop: Workshop, editor: Actor
) -> None:
    ref = defined(shop, start=True, vcpus=2)
    shop.see(lambda: shop.record(ref).state.is_active)
    everywhere = affinity(shop)
    cpu = min(next(iter(everywhere)))
    wanted = Placement((f"0:{cpu}", f"1:{cpu}"), shares=512, quota=50_000)
    when = tuning.edit(editor, ref, wanted)
    assert affinity(shop) == {frozenset({cpu})}
    has_groups = "cpu_shares" in shop.lab.virsh("schedinfo", ref.id, check=False)
    if has_groups:
        assert when == "now"
        assert "512" in shop.lab.virsh("schedinfo", ref.id)
    assert f"<vcpupin vcpu='1' cpuset='{cpu}'/>" in stored(shop, ref)
    free = Placement(shares=512)
    assert tuning.edit(editor, ref, free) == when
    assert affinity(shop) == everywhere
    assert "vcpupin" not in stored(shop, ref)
    shop.see(lambda: shop.record(ref).tuning.placement == free)
    assert not shop.record(ref).has_pending_changes
    assert tuning.edit(editor, ref, Placement()) == "next"
    shop.see(lambda: [it.field for it in shop.record(ref).pending] == ["shares"])


def test_what_a_running_guest_cannot_take_waits_and_is_named(shop: Workshop, editor: Actor) -> None:
    ref = defined(shop, start=True, kernel=False)
    shop.see(lambda: shop.record(ref).state.is_active)
    assert tuning.edit(editor, ref, Clock("localtime")) == "next"
    assert tuning.edit(editor, ref, Placement(memory_mode="strict", nodes="0")) == "next"
    shop.see(lambda: len(shop.record(ref).pending) >= 3)
    fields = [change.field for change in shop.record(ref).pending]
    assert fields == ["memory_mode", "nodes", "offset"]
    assert shop.record(ref).next_tuning.clock.offset == "localtime"
    assert shop.record(ref).tuning.clock.offset == "utc"


def test_what_libvirt_spells_out_of_a_running_guest_is_not_stored(
    shop: Workshop, editor: Actor
) -> None:
    ref = defined(shop, kernel=False, vcpus=2)
    tuning.edit(editor, ref, Processor("host-model"))
    shop.lab.virsh("start", ref.id)
    shop.see(lambda: shop.record(ref).state.is_active)
    now = shop.record(ref).next_tuning.processor
    assert now == Processor("host-model")
    assert tuning.edit(editor, ref, replace(now, topology=(1, 1, 2, 1))) == "next"
    assert "<cpu mode='host-model'" in stored(shop, ref)
    assert "<feature " not in stored(shop, ref)
    shop.see(lambda: bool(shop.record(ref).pending))
    assert [change.field for change in shop.record(ref).pending] == ["topology"]


def test_a_topology_goes_along_with_the_greatest_number_of_cpus(
    shop: Workshop, editor: Actor
) -> None:
    ref = defined(shop, vcpus=4)
    tuning.edit(editor, ref, Processor(topology=(1, 1, 2, 2)))
    sizing.resize(editor, ref, **{**SIZE, "vcpus_max": 8})
    assert "<topology sockets='2' dies='1' cores='2' threads='2'/>" in stored(shop, ref)
    assert shop.lab.virsh("vcpucount", ref.id, "--config", "--maximum") == "8"
    sizing.resize(editor, ref, **SIZE)
    assert "<topology sockets='1' dies='1' cores='1' threads='1'/>" in stored(shop, ref)


def test_a_second_writer_gets_a_conflict(shop: Workshop, editor: Actor) -> None:
    ref = defined(shop)
    seen = shop.record(ref).definition_hash
    tuning.edit(editor, ref, Clock("localtime"), definition_hash=seen)
    with pytest.raises(Conflict):
        tuning.edit(editor, ref, Startup(on_reboot="destroy"), definition_hash=seen)
    assert "<on_reboot>restart" in stored(shop, ref)


def test_who_may_not_edit_is_refused(shop: Workshop) -> None:
    ref = defined(shop)
    with pytest.raises(Denied):
        tuning.edit(person("op", "operator"), ref, Clock("localtime"))
