"""What is still coming in, or was refused, is used by nobody, whatever way somebody tries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Busy, Invalid, Problem
from kvmweb.core.refs import Ref
from kvmweb.core.volume_filter import VolumeFilter
from kvmweb.services import creation, downloads, image_locks, volume_acts, volume_attach, volumes
from kvmweb.store.models import Image, Upload
from tests.services.stage import held, mirrored, person

pytestmark = pytest.mark.django_db
Way = Callable[[Actor, Ref, str], Any]

WAYS: dict[str, Way] = {
    "download": lambda actor, pool, volume: downloads.measure(actor, pool, volume),  # type: ignore[arg-type]
    "resize": lambda actor, pool, volume: volume_acts.resize(actor, pool, volume, capacity=2**31),
    "wipe": lambda actor, pool, volume: volume_acts.wipe(actor, pool, volume),
    "delete": lambda actor, pool, volume: volume_acts.delete(actor, pool, volume),
    "clone": lambda actor, pool, volume: volume_acts.clone(
        actor, pool, volume, into=pool, name="copy"
    ),
    "attach": lambda actor, pool, volume: volume_attach.attach(
        actor, pool, volume, guest=mirrored(11)[0]
    ),
}


@pytest.fixture
def actor() -> Actor:
    return person("ada", "administrator")


@pytest.fixture(params=["incoming", "refused"])
def locked(request: pytest.FixtureRequest, actor: Actor) -> tuple[Ref, str, type[Problem]]:
    pool = held(1, "a")
    if request.param == "incoming":
        Upload.objects.create(
            person_id=actor.person_id, pool=str(pool), name="a", size=9, format="auto"
        )
        return pool, refs.volume_id(pool.id, "a"), Busy
    Image.objects.create(pool=str(pool), name="a", state="refused")
    return pool, refs.volume_id(pool.id, "a"), Invalid


@pytest.mark.parametrize("way", list(WAYS))
def test_nobody_uses_it(actor: Actor, locked: tuple[Ref, str, type[Problem]], way: str) -> None:
    pool, volume, problem = locked
    with pytest.raises(problem):
        WAYS[way](actor, pool, volume)


def test_no_guest_is_made_of_it_and_its_list_says_why(
    actor: Actor, locked: tuple[Ref, str, type[Problem]]
) -> None:
    pool, _, _ = locked
    ground = creation.ground(actor, refs.host("east"))
    assert "a" not in ground.volumes.get(pool.id, {})
    row = volumes.list_(actor, pool, VolumeFilter()).rows[0]
    assert row.lock == image_locks.unfit(pool)["a"]
