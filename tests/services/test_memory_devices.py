"""Memory that is added to a real guest while it runs."""

from __future__ import annotations

import pytest

from kvmweb.core.actors import Actor
from kvmweb.core.errors import NotSupported
from kvmweb.core.hardware import Refusal
from kvmweb.core.tuning import Banks
from kvmweb.services import hardware, sizing, tuning
from tests.services.test_hardware import key, lines
from tests.services.workshop import Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
MIB = 1024**2
SMALL = {"size": "131072"}


def test_a_running_guest_is_given_memory_where_there_is_room(shop: Workshop, editor: Actor) -> None:
    ref = shop.define("grown", kernel=False, vcpus=2)
    offer = next(it for it in hardware.offers(editor, ref) if it.kind.name == "dimm")
    assert offer.refusal is Refusal.HOST
    with pytest.raises(NotSupported):
        hardware.add(editor, ref, "dimm", SMALL)
    assert tuning.edit(editor, ref, Banks(1024 * MIB, 4)) == "now"
    shop.see(lambda: shop.record(ref).tuning.banks == Banks(1024 * MIB, 4))
    size = {"vcpus": 2, "vcpus_max": 4, "memory": 128 * MIB, "memory_max": 128 * MIB}
    assert sizing.resize(editor, ref, **size) == {"vcpus": "now", "memory": "now"}
    assert "<cell id='0' cpus='0-3' memory='131072' unit='KiB'/>" in shop.lab.virsh(
        "dumpxml", ref.id
    )
    shop.lab.virsh("start", ref.id)
    shop.see(lambda: shop.record(ref).state.is_active)
    assert not shop.record(ref).has_pending_changes
    assert hardware.add(editor, ref, "dimm", SMALL).when == "now"
    shop.see(lambda: shop.record(ref).memory_max == 256 * MIB)
    assert shop.record(ref).memory == 256 * MIB
    shop.see(lambda: len(lines(editor, ref, "dimm")) == 1)
    stored = shop.lab.virsh("dumpxml", ref.id, "--inactive")
    assert "<memory model='dimm'>" in stored
    assert "<currentMemory unit='KiB'>262144<" in stored
    found = hardware.remove(editor, ref, key(editor, ref, "dimm"))
    assert found.when in ("asked", "next")  # nothing runs in it that could let go
    assert "<memory model='dimm'>" not in shop.lab.virsh("dumpxml", ref.id, "--inactive")
