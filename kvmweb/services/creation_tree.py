"""The first start from an install tree: its kernel and initrd, fetched and laid beside the disks.

QEMU reads both when it starts, so they are deleted again as soon as the guest runs.
"""

from __future__ import annotations

from dataclasses import replace

from kvmweb.core import wire
from kvmweb.core.creation import NewVolume
from kvmweb.core.specs import DirectBoot, GuestSpec
from kvmweb.hostlink import client
from kvmweb.services import creation_volumes, install_trees
from kvmweb.services.marks import internal
from kvmweb.services.works import Arguments, Work

START_S = 120.0


@internal("a step of a creation")
def lay(work: Work, host: str, arguments: Arguments, spec: GuestSpec) -> GuestSpec:
    """Fetch both and upload them; the spec that starts with them."""
    tree = arguments["tree"]
    volumes = [wire.from_plain(NewVolume, plain) for plain in arguments["boot_volumes"]]
    limits = (install_trees.KERNEL_MAX, install_trees.INITRD_MAX)
    wanted = list(zip(volumes, (tree["kernel"], tree["initrd"]), limits, strict=True))
    named = []
    for volume, url, most in wanted:
        if not url:
            named.append("")
            continue
        with work.step("kernel", url):
            _one(work, host, volume, url, most)
        named.append(f"{volume.pool}/{volume.name}")
    words = spec.direct.arguments if spec.direct else ""
    return replace(spec, direct=DirectBoot(named[0], named[1], words))


@internal("a step of a creation")
def start(host: str, spec: GuestSpec) -> None:
    """Run it this once with that kernel, and drop what QEMU has read."""
    plain = wire.to_plain(spec)
    client.call(host, "guest.start_installer", deadline_s=START_S, uuid=spec.uuid, spec=plain)
    for place in (spec.direct.kernel, spec.direct.initrd) if spec.direct else ():
        pool, _slash, name = place.partition("/")
        if place:
            creation_volumes.drop(host, pool, name)


def _one(work: Work, host: str, volume: NewVolume, url: str, most: int) -> None:
    """From there into the volume, without a stop on the way."""
    with install_trees.opened(url, most) as source:
        creation_volumes.make(work, host, replace(volume, size=source.size))
        creation_volumes.fill(host, volume, source.body, source.size, work.report)
