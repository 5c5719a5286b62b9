"""A clone that is cut off, by the death of its process or by a cancel, leaves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from kvmweb.core.actors import Actor
from kvmweb.services import cloning, jobs
from tests.services import cut_off
from tests.services.workshop import IMAGES, Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
CALLS = ("volume.clone", "volume.create", "guest.clone")


@pytest.fixture
def asked(shop: Workshop, admin: Actor) -> tuple[Actor, Any]:
    """A disk to copy, one to link, and a definition: every step."""
    shop.disk("first.qcow2", size="4M")
    shop.disk("data.qcow2", size="4M")
    more = (
        f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
        f"<source file='{IMAGES}/data.qcow2'/><target dev='vdb' bus='virtio'/></disk>"
    )
    ref = shop.define("first", disk=f"{IMAGES}/first.qcow2", extra=more)
    ways = {"vda": "copy", "vdb": "link"}
    return admin, cloning.clone(admin, ref, name="doomed", ways=ways)


def nothing_is_left(shop: Workshop) -> None:
    assert sorted(shop.volumes()) == ["data.qcow2", "first.qcow2"]
    assert shop.lab.virsh("list", "--all", "--name") == "first"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", CALLS)
def test_killed_anywhere_it_is_taken_back(
    shop: Workshop, asked: Any, monkeypatch: pytest.MonkeyPatch, at: str, after: bool
) -> None:
    admin, job = asked
    cut_off.killed(monkeypatch, admin, job, at, after=after)
    nothing_is_left(shop)


def test_a_host_lost_at_the_definition_is_cleaned_when_it_is_back(
    shop: Workshop, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, job = asked
    cut_off.lost(monkeypatch, job, "guest.clone", shop.kill)
    assert jobs.show(admin, job).steps[-1].problem == "host-down"
    shop.start()
    cut_off.cleaned_later(job)
    nothing_is_left(shop)
