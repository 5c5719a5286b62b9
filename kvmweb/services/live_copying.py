"""Copy the disks of a guest that runs: mirrored by QEMU, and cut at one moment (hypervisor).

The volumes are announced first, then the mirrors; whatever ends the job, the guest runs on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from kvmweb.core import wire
from kvmweb.core.creation import NewVolume
from kvmweb.core.disk_moves import CopyProgress, Hold
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.services import creation_volumes, freezes
from kvmweb.services.marks import internal
from kvmweb.services.works import Work, undoes

LOOK_S = 0.5
BEGIN_S = 60.0
END_S = 90.0
"""Twice behind another question, and with an agent that answers neither freeze nor thaw."""
Disks = Sequence[dict[str, Any]]


@internal("a step of cloning")
def copy(work: Work, original: Ref, disks: Disks, *, is_running: bool) -> str:
    """All of these disks, each into a volume of its own; how the guest was held for a moment.

    disks: as a clone's job has them. is_running: not paused.
    """
    host, targets = original.host, [disk["target"] for disk in disks]
    for disk in disks:
        wanted = NewVolume(
            disk["pool"], "", disk["name"], disk["capacity"], disk["image_format"]
        )  # fmt: skip
        creation_volumes.make(work, host, wanted)
    guest: dict[str, Any] = {"uuid": original.id, "targets": targets}
    work.undo("guest.mirror_stop", host=host, is_running=is_running, **guest)
    client.call(
        host, "guest.mirror_begin", deadline_s=BEGIN_S, uuid=original.id,
        disks=[
            {
                "target": disk["target"], "pool": disk["pool"], "volume": disk["name"],
                "format": disk["image_format"],
            }
            for disk in disks
        ],
    )  # fmt: skip
    while not (at := _progress(host, guest)).is_ready:
        work.report(at.done, at.total)
        time.sleep(LOOK_S)
    work.report(at.total, at.total)
    found = client.call(host, "guest.mirror_cut", deadline_s=END_S, **guest)
    hold = wire.from_plain(Hold, found)
    if hold.is_unsure:
        freezes.expect(work.actor.name, original)
    work.withdraw()
    return hold.how


def _progress(host: str, guest: dict[str, Any]) -> CopyProgress:
    return wire.from_plain(CopyProgress, client.call(host, "guest.mirror_progress", **guest))


@undoes("guest.mirror_stop")
def _stop(*, host: str, uuid: str, targets: list[str], is_running: bool) -> None:
    client.call(
        host, "guest.mirror_stop", deadline_s=END_S, uuid=uuid, targets=targets,
        is_running=is_running,
    )  # fmt: skip
