"""The disks and network cards of a planned guest: which volumes, which networks, which models."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext as _

from kvmweb.core.creation import Ground, NewVolume
from kvmweb.core.records import VolumeRecord
from kvmweb.core.specs import DiskSpec, InterfaceSpec
from kvmweb.core.systems import System
from kvmweb.core.wishes import DiskWish, GuestWish, InterfaceWish, Source
from kvmweb.services.marks import internal, open_to_all

DISKS_MAX = 16
DISK_MIN = 1024**2
DISK_MAX = 64 * 1024**4
FORMATS = ("qcow2", "raw")
CACHES = ("", "none", "writeback", "writethrough", "directsync", "unsafe")
BUSES = ("virtio", "sata", "scsi", "usb", "ide")
MODELS = ("virtio", "e1000e", "e1000", "rtl8139")
MODES = ("bridge", "vepa", "private", "passthrough")
MAC = re.compile(r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}")
"""Of one machine: the second digit is even."""
DEVICE = re.compile(r"[A-Za-z0-9_.@-]{1,15}")
"""A network device of Linux."""
SEED_SIZE = 1024**2
SEED_BUS = "scsi"
"""A cloud image's small kernel knows virtio and SCSI, but often no SATA (measured: Debian's)."""


@dataclass(slots=True)
class Disks:
    """What came of the wishes: specs for the worker, the same with paths, volumes to be made."""

    found: list[tuple[DiskSpec, str]] = field(default_factory=list)
    made: list[NewVolume] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    has_old: bool = False

    @property
    def specs(self) -> tuple[DiskSpec, ...]:
        """Without paths."""
        return tuple(spec for spec, _path in self.found)

    @property
    def shown(self) -> tuple[DiskSpec, ...]:
        """With the paths as they will be."""
        return tuple(replace(spec, path=path) for spec, path in self.found)

    @property
    def volumes(self) -> tuple[NewVolume, ...]:
        """To be made, in order."""
        return tuple(self.made)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What may not be meant."""
        return tuple(self.said)


@internal("a part of the plan")
def disks(wish: GuestWish, ground: Ground, system: System | None, faults: dict[str, str]) -> Disks:
    """The image first, then the wished disks, then drives. Raises nothing: `faults` says."""
    plan = Disks()
    image = _image(wish, ground, faults)
    if wish.source is Source.IMPORT and image:
        bus = _bus(wish, ground, system)
        _attach(plan, ground, image, DiskWish(image.pool, image.name, bus=bus), "image", faults)
    if len(wish.disks) > DISKS_MAX:
        faults["disks"] = _("At most %(n)d disks.") % {"n": DISKS_MAX}
    if wish.source is Source.CLOUD and not wish.disks:
        faults["disks"] = _("A disk is needed: the image is copied to it.")
    for number, disk in enumerate(wish.disks[:DISKS_MAX]):
        place = f"disk-{number}"
        disk = replace(disk, bus=disk.bus or _bus(wish, ground, system))
        if disk.volume:
            record = ground.volume(disk.pool, disk.volume)
            if record is None:
                faults[f"{place}-volume"] = _("This volume is not there any more.")
            else:
                _attach(plan, ground, record, disk, f"{place}-volume", faults)
        else:
            backing = image if wish.source is Source.CLOUD and number == 0 else None
            _make(plan, wish, ground, disk, backing, place, faults)
    if wish.source is Source.ISO and image:
        drive = DiskSpec(image.pool, image.name, "cdrom", _drive(ground), "raw", discard="")
        plan.found.append((drive, image.path))
    _check_room(plan, ground)
    return plan


@internal("a part of the plan")
def seed(wish: GuestWish, ground: Ground, plan: Disks) -> NewVolume | None:
    """Where the answers for cloud-init go: beside the first new disk, in a drive of their own."""
    if wish.source is not Source.CLOUD or not plan.made:
        return None
    beside = plan.made[0]
    name = _free(ground, beside.pool, f"{file_stem(wish.name)}-seed", "iso", plan.made)
    drive = DiskSpec(beside.pool, name, "cdrom", SEED_BUS, "raw", discard="")
    plan.found.append((drive, _place(ground, beside.pool, name)))
    return NewVolume(beside.pool, beside.pool_name, name, SEED_SIZE, "raw")


@internal("a part of the plan")
def boot_volumes(
    wish: GuestWish, ground: Ground, plan: Disks, faults: dict[str, str]
) -> tuple[NewVolume, ...]:
    """Where an installer's kernel and initrd lie until the guest runs."""
    if wish.source is not Source.TREE:
        return ()
    pool = plan.made[0].pool if plan.made else next(iter(ground.pools), "")
    if not pool:
        faults["disks"] = _("The installer needs a pool that you may make volumes in.")
        return ()
    stem, name = file_stem(wish.name), ground.pools[pool].name
    return tuple(
        NewVolume(pool, name, _free(ground, pool, f"{stem}-{part}", "boot", plan.made), 0, "raw")
        for part in ("kernel", "initrd")
    )


def _place(ground: Ground, pool: str, name: str) -> str:
    """Where a volume that is made there will be."""
    return f"{ground.pools[pool].path.rstrip('/')}/{name}"


@internal("a part of the plan")
def interfaces(
    wish: GuestWish, ground: Ground, system: System | None, faults: dict[str, str]
) -> tuple[InterfaceSpec, ...]:
    """One card for each wish."""
    model = "virtio" if _drives(system, "virtio-net", "virtio1-net") else "e1000e"
    found, macs = [], Counter[str]()
    for number, card in enumerate(wish.interfaces):
        place = f"card-{number}"
        mac = card.mac.lower().replace("-", ":")
        if mac and not MAC.fullmatch(mac):
            faults[f"{place}-mac"] = _("Six pairs such as 52:54:00:12:34:56, not of a group.")
        macs[mac] += 1
        if mac and macs[mac] > 1:
            faults[f"{place}-mac"] = _("Each card needs an address of its own.")
        source = _source(card, ground, place, faults)
        found.append(
            InterfaceSpec(
                type=card.kind, source=source, mode=card.mode, model=card.model or model, mac=mac
            )
        )
    return tuple(found)


@open_to_all("a pure function")
def video(ground: Ground, virt_type: str, system: System | None) -> str:
    """virtio for what drives it, else what every firmware and system can show."""
    facts = ground.facts(virt_type)
    can = facts.videos if facts else ()
    if "virtio" in can and _drives(system, "virtio1-gpu", "virtio-net", "virtio1-net"):
        return "virtio"
    return "vga"


def _drives(system: System | None, *devices: str) -> bool:
    """Whether the system has drivers for one of these; an unknown system is taken for modern."""
    if system is None or (not system.devices and not system.is_windows):
        return True
    return bool(system.devices & set(devices))


def _bus(wish: GuestWish, ground: Ground, system: System | None) -> str:
    facts = ground.facts(wish.virt_type or ground.virt_type)
    offered = facts.disk_buses if facts and facts.disk_buses else BUSES
    if "virtio" in offered and _drives(system, "virtio-block", "virtio1-block"):
        return "virtio"
    return "sata" if "sata" in offered else "ide"


def _drive(ground: Ground) -> str:
    """Where a CD-ROM is found by every firmware and installer."""
    return "sata" if ground.record.arch in ("x86_64", "i686", "") else "scsi"


def _image(wish: GuestWish, ground: Ground, faults: dict[str, str]) -> VolumeRecord | None:
    """The volume that the source is made of; None where it has none, or is not there."""
    if wish.source not in (Source.IMPORT, Source.CLOUD, Source.ISO):
        return None
    if not wish.image_volume:
        faults["image"] = _("Choose one.")
        return None
    found = ground.volume(wish.image_pool, wish.image_volume)
    if found is None:
        faults["image"] = _("This volume is not there any more.")
    elif not _is_closed(found, ground):
        faults["image"] = _("This image reads another file of the host that you may not use.")
    return found


def _is_closed(record: VolumeRecord, ground: Ground) -> bool:
    """All that it is made of lies in pools that the person may use.

    An image names what it is backed by in its own header, which whoever uploads it writes: any
    file of the host could be read through it.
    """
    if record.uuid in ground.forged:
        return False
    if not record.backing:
        return True
    places = {
        it.path: (pool, it.name) for pool in ground.volumes for it in ground.volumes[pool].lines
    }
    seen: set[str] = set()
    while record.backing:
        below = ground.volume(*places.get(record.backing_path, ("", "")))
        # The path of a line is cut where it is very long: the record has it whole.
        if below is None or below.path != record.backing_path or below.path in seen:
            return False
        seen.add(below.path)
        record = below
    return True


def _attach(
    plan: Disks,
    ground: Ground,
    record: VolumeRecord,
    wish: DiskWish,
    place: str,
    faults: dict[str, str],
) -> None:
    """An existing volume. One that a guest writes to would be ruined by another writer."""
    users = ground.users.get(record.path, ())
    if users:
        faults[place] = _("Used by %(guests)s. Two guests on one disk destroy it.") % {
            "guests": ", ".join(name or _("a guest that you do not see") for name in users)
        }
    elif not _is_closed(record, ground):
        faults[place] = _("This image reads another file of the host that you may not use.")
    if any(path == record.path for _spec, path in plan.found):
        faults[place] = _("This disk is already in the list.")
    plan.has_old = True
    spec = DiskSpec(
        pool=record.pool,
        volume=record.name,
        bus=wish.bus,
        format=record.format or "raw",
        cache=wish.cache,
        discard="unmap" if wish.discard else "",
        type=record.type,
    )
    plan.found.append((spec, record.path))


def _make(
    plan: Disks,
    wish: GuestWish,
    ground: Ground,
    disk: DiskWish,
    backing: VolumeRecord | None,
    place: str,
    faults: dict[str, str],
) -> None:
    pool = ground.pools.get(disk.pool)
    if pool is None:
        faults[f"{place}-pool"] = _("Choose a pool that you may make volumes in.")
        return
    if not DISK_MIN <= disk.size <= DISK_MAX:
        faults[f"{place}-size"] = _("1 MiB to 64 TiB.")
    elif backing and disk.size < backing.capacity:
        faults[f"{place}-size"] = _("The image alone has %(n)d MiB.") % {
            "n": -(-backing.capacity // 1024**2)
        }
    form = "qcow2" if backing else disk.format
    suffix = "qcow2" if form == "qcow2" else "img"
    name = _free(ground, disk.pool, file_stem(wish.name), suffix, plan.made)
    plan.made.append(
        NewVolume(
            disk.pool, pool.name, name, disk.size, form,
            backing_pool=backing.pool if backing else "", backing=backing.name if backing else "",
            backing_format=backing.format if backing else "",
        )
    )  # fmt: skip
    spec = DiskSpec(
        pool=disk.pool,
        volume=name,
        bus=disk.bus,
        format=form,
        cache=disk.cache,
        discard="unmap" if disk.discard else "",
    )
    plan.found.append((spec, _place(ground, disk.pool, name)))


def _source(card: InterfaceWish, ground: Ground, place: str, faults: dict[str, str]) -> str:
    """The network's name, or the host's device."""
    if card.kind == "network":
        network = ground.networks.get(card.network)
        if network is None:
            faults[f"{place}-network"] = _("Choose a network that you may use.")
            return ""
        if not network.is_active:
            faults[f"{place}-network"] = _("This network is not started.")
        return network.name
    if not ground.may_bridge:
        faults[f"{place}-network"] = _("You may use virtual networks only.")
    elif not DEVICE.fullmatch(card.device):
        faults[f"{place}-device"] = _("The name of a bridge or device of the host, such as br0.")
    return card.device


def _check_room(plan: Disks, ground: Ground) -> None:
    """Thin volumes may promise more than there is; it is said before it hurts."""
    wanted = Counter[str]()
    for volume in plan.made:
        wanted[volume.pool] += volume.size
    for pool, size in wanted.items():
        free = ground.pools[pool].available
        if size > free:
            plan.said.append(
                _("The disks can grow to %(size)d GiB, but %(pool)s has %(free)d GiB free.")
                % {
                    "size": -(-size // 1024**3),
                    "pool": ground.pools[pool].name,
                    "free": free // 1024**3,
                }
            )


@open_to_all("a pure function")
def file_stem(name: str) -> str:
    """The guest's name as the beginning of a file's."""
    return re.sub(r"[^\w.+@-]+", "-", name).strip("-.") or "guest"


def _free(ground: Ground, pool: str, stem: str, suffix: str, made: list[NewVolume]) -> str:
    """A name that no volume of the pool has, and none that is about to be made."""
    taken = ground.volumes.get(pool, ())
    planned = {volume.name for volume in made if volume.pool == pool}
    names = (f"{stem}{tail}.{suffix}" for tail in ("", *(f"-{n}" for n in range(1, 10_000))))
    return next(name for name in names if name not in taken and name not in planned)
