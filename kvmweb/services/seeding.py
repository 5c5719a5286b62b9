"""The disc of answers for cloud-init as a step of long work, and forgetting what it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.db import transaction

from kvmweb.core import wire
from kvmweb.core.creation import NewVolume
from kvmweb.services import cloud_seeds, creation_volumes
from kvmweb.services.marks import internal
from kvmweb.services.works import Work, undoes
from kvmweb.store.models import Job


@internal("a step of works that make guests")
def lay(work: Work, host: str, seed: dict[str, Any], answers: Mapping[str, str]) -> None:
    """Make the volume and write the disc into it."""
    volume = wire.from_plain(NewVolume, seed)
    with work.step("seed", volume.name):
        image = cloud_seeds.image(answers)
        creation_volumes.make(work, host, replace(volume, size=len(image)))
        creation_volumes.fill_with(host, volume, image)


@internal("the end of works that make guests")
@undoes("guest.unsay")
def unsay(*, job: str) -> None:
    """The answers for cloud-init hold hashed passwords: they leave the job's row when it ends."""
    with transaction.atomic():
        row = Job.objects.select_for_update().filter(pk=job).first()
        if row is not None and row.arguments.get("answers"):
            Job.objects.filter(pk=job).update(arguments={**row.arguments, "answers": None})
