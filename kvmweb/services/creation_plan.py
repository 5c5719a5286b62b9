"""From what a person wishes to what will be made: a spec, new volumes, and what to say about it.

Nothing here asks libvirt or the database: the ground was read before, with the person's rights.
The host worker looks at everything again when it acts.
"""

from __future__ import annotations

import re
import uuid as uuids
from dataclasses import replace

from django.utils.translation import gettext as _

from kvmweb.core import sizes
from kvmweb.core.creation import Ground, Plan
from kvmweb.core.specs import CpuMode, DirectBoot, Firmware, GuestSpec, TopologySpec
from kvmweb.core.systems import System
from kvmweb.core.wishes import GuestWish, Source
from kvmweb.services import cloud_seeds, creation_devices
from kvmweb.services.marks import open_to_all

NAME = re.compile(r"[^\W_][\w .+@-]{0,62}")
"""What libvirt, file systems and shells all take."""
TOPOLOGY = re.compile(r"([1-9]\d{0,3}):([1-9]\d{0,3}):([1-9]\d{0,3})")
MEMORY_MIN = 32 * 1024**2
DESCRIPTION_MAX = 8000
_WITH_TREE = (Source.TREE,)
_BOOT_PLACES = frozenset({"hd", "cdrom", "network"})


@open_to_all("a pure function; the ground holds only what the person may use")
def plan(wish: GuestWish, ground: Ground, system: System | None, uuid: str = "") -> Plan:
    """What will be made; its faults say, field by field, why it cannot be made yet."""
    faults: dict[str, str] = {}
    _check_name(wish, ground, faults)
    spec = _machine(wish, ground, system, uuid or str(uuids.uuid4()), faults)
    disks = creation_devices.disks(wish, ground, system, faults)
    seed = creation_devices.seed(wish, ground, disks)
    spec = replace(
        spec,
        disks=disks.specs,
        interfaces=creation_devices.interfaces(wish, ground, system, faults),
        boot=wish.boot or _boot(wish, are_new=not disks.has_old),
        direct=_direct(wish, faults),
    )
    return Plan(
        spec=spec,
        shown=replace(spec, disks=disks.shown),
        volumes=disks.volumes,
        seed=seed,
        boot_volumes=creation_devices.boot_volumes(wish, ground, disks, faults),
        faults=faults,
        warnings=(*_warnings(wish, ground, spec, system), *disks.warnings),
    )


def _check_name(wish: GuestWish, ground: Ground, faults: dict[str, str]) -> None:
    if not wish.name:
        faults["name"] = _("Give the guest a name.")
    elif not NAME.fullmatch(wish.name) or wish.name != wish.name.strip():
        faults["name"] = _(
            "1 to 63 letters, digits, spaces or . _ + @ -, beginning with a letter or a digit."
        )
    elif wish.name in ground.names:
        faults["name"] = _("A guest of this name is already on this host.")
    if len(wish.description) > DESCRIPTION_MAX:
        faults["description"] = _("At most %(n)d characters.") % {"n": DESCRIPTION_MAX}
    if not ground.is_up:
        faults["host"] = _("This host is not answering.")


def _machine(
    wish: GuestWish, ground: Ground, system: System | None, uuid: str, faults: dict[str, str]
) -> GuestSpec:
    """Everything but the devices that have a choice of their own."""
    virt_type = wish.virt_type or ground.virt_type
    facts = ground.facts(virt_type)
    vcpus_max = max(wish.vcpus, wish.vcpus_max)
    memory_max = max(wish.memory, wish.memory_max)
    limit = facts.vcpus_max if facts else 255
    if not 1 <= wish.vcpus <= limit:
        faults["vcpus"] = too_many(limit)
    elif vcpus_max > limit:
        faults["vcpus_max"] = too_many(limit)
    _check_memory(wish.memory, memory_max, ground.record.memory, faults)
    if facts is None and ground.record.domains:
        faults["virt_type"] = _("This host does not offer that.")
    return GuestSpec(
        uuid=uuid,
        name=wish.name,
        title=wish.title,
        description=wish.description,
        system=system.uri if system else "",
        virt_type=virt_type,
        arch=ground.record.arch or "x86_64",
        machine=wish.machine or _chipset(wish, ground, system),
        firmware=_firmware(wish, ground, faults),
        tpm=_tpm(wish, ground, faults),
        cpu_mode=_cpu(wish, ground, virt_type, faults),
        vcpus=wish.vcpus,
        vcpus_max=vcpus_max,
        topology=_topology(wish.topology.strip(), vcpus_max, faults),
        memory=wish.memory,
        memory_max=memory_max,
        graphics=wish.graphics,
        video=creation_devices.video(ground, virt_type, system),
        is_local_time=bool(system and system.is_windows),
    )


def _topology(typed: str, vcpus_max: int, faults: dict[str, str]) -> TopologySpec | None:
    """Sockets, cores and threads; all of them together are the greatest number of vCPUs."""
    if not typed:
        return None
    found = TOPOLOGY.fullmatch(typed)
    if found is None:
        faults["topology"] = _("Three numbers, such as 1:4:2.")
        return None
    sockets, cores, threads = (int(part) for part in found.groups())
    if sockets * cores * threads != vcpus_max:
        said = _("%(all)d virtual CPUs by this, but the guest can have %(most)d.")
        faults["topology"] = said % {"all": sockets * cores * threads, "most": vcpus_max}
        return None
    return TopologySpec(sockets, cores, threads)


def _check_memory(now: int, most: int, there: int, faults: dict[str, str]) -> None:
    """there: what the host has; 0 where it does not say."""
    if now < MEMORY_MIN:
        faults["memory"] = _("At least %(size)s.") % {"size": sizes.typed(MEMORY_MIN)}
    elif there and now > there:
        faults["memory"] = _("The host has %(size)s.") % {"size": _about(there)}
    elif there and most > there:
        faults["memory_max"] = _("More than the host has.")


def _chipset(wish: GuestWish, ground: Ground, system: System | None) -> str:
    """q35, but for the systems that are known not to drive it; secure boot needs it."""
    if ground.record.arch not in ("x86_64", "i686", ""):
        return "virt"
    is_old = system is not None and system.devices and "q35" not in system.devices
    is_old = is_old and wish.firmware != Firmware.SECURE
    return "pc" if is_old and "virtio-net" not in system.devices else "q35"  # type: ignore[union-attr]


def _firmware(wish: GuestWish, ground: Ground, faults: dict[str, str]) -> Firmware:
    try:
        wanted = Firmware(wish.firmware)
    except ValueError:
        wanted = Firmware.BIOS
        faults["firmware"] = _("Choose one of these.")
    domains = ground.record.domains
    if wanted is Firmware.EFI and domains and not any(it.has_efi for it in domains):
        faults["firmware"] = _("This host has no UEFI firmware (OVMF).")
    if wanted is Firmware.SECURE and domains and not any(it.has_secure_boot for it in domains):
        faults["firmware"] = _("This host has no UEFI firmware with secure boot.")
    elif wanted is Firmware.SECURE and wish.machine == "pc":
        faults["firmware"] = _("Secure boot needs the chipset Q35.")
    return wanted


def _tpm(wish: GuestWish, ground: Ground, faults: dict[str, str]) -> str:
    if not wish.has_tpm:
        return ""
    models = next((it.tpms for it in ground.record.domains if it.tpms), ())
    if ground.record.domains and not models:
        faults["has_tpm"] = _("This host cannot emulate a TPM (swtpm).")
    return "tpm-crb" if not models or "tpm-crb" in models else models[0]


def _cpu(wish: GuestWish, ground: Ground, virt_type: str, faults: dict[str, str]) -> CpuMode:
    """virt-install's order: all that emulation can, or the host's own, as far as it is offered."""
    facts = ground.facts(virt_type)
    modes = facts.cpu_modes if facts else ()
    if wish.cpu == "default":
        return CpuMode.HYPERVISOR
    if wish.cpu:
        if modes and wish.cpu not in modes:
            faults["cpu"] = _("This host does not offer that.")
        return CpuMode(wish.cpu)
    order = (CpuMode.MAXIMUM,) if virt_type == "qemu" else (CpuMode.PASSTHROUGH, CpuMode.MODEL)
    return next((mode for mode in order if mode in modes), CpuMode.HYPERVISOR)


def _boot(wish: GuestWish, *, are_new: bool) -> tuple[str, ...]:
    """A new disk has nothing to boot: the firmware goes on to what installs it, and next time
    finds the system there. An old one may have something that is not meant."""
    second = {Source.ISO: "cdrom", Source.PXE: "network"}.get(wish.source)
    if second is None:
        return ("hd",)
    if not wish.disks:
        return (second,)
    return ("hd", second) if are_new else (second, "hd")


def _direct(wish: GuestWish, faults: dict[str, str]) -> DirectBoot | None:
    if wish.source not in _WITH_TREE:
        return None
    if not re.match(r"(https?|ftp)://[^\s/]+", wish.url):
        faults["url"] = _("An address that begins with http://, https:// or ftp://.")
    if not wish.is_started:
        faults["is_started"] = _("An installation from the network begins at once.")
    arguments = " ".join(wish.arguments.split())
    return DirectBoot("", "", arguments)


def _warnings(wish: GuestWish, ground: Ground, spec: GuestSpec, system: System | None) -> list[str]:
    """What is possible but perhaps not meant: said, never silently changed."""
    said = []
    if wish.vcpus > ground.record.cpus > 0:
        said.append(_("More virtual CPUs than the host has CPUs: slower, not faster."))
    if system:
        least = system.least(spec.arch)
        if least.memory and spec.memory < least.memory:
            said.append(
                _("%(system)s needs at least %(size)s of memory.")
                % {"system": system.name, "size": _about(least.memory)}
            )
        if least.cpus and spec.vcpus < least.cpus:
            said.append(
                _("%(system)s needs at least %(n)d virtual CPUs.")
                % {"system": system.name, "n": least.cpus}
            )
        largest = max((disk.size for disk in wish.disks), default=0)
        if least.disk and largest < least.disk and not any(disk.volume for disk in wish.disks):
            said += _small(wish, system, least.disk)
        if system.needs_efi and spec.firmware is Firmware.BIOS:
            said.append(_("%(system)s starts from UEFI only.") % {"system": system.name})
    if wish.source is Source.CLOUD and not cloud_seeds.lets_in(wish.cloud):
        said.append(
            _(
                "Nobody can sign in, unless the image has a password of its own: cloud-init is told"
                " of no user with a password or an SSH key."
            )
        )
    if spec.virt_type == "qemu" and "kvm" not in {it.virt_type for it in ground.record.domains}:
        said.append(_("This host offers software emulation only: some ten times slower."))
    return said


def _small(wish: GuestWish, system: System, least: int) -> list[str]:
    """What is said of disks too small to install it on."""
    if not wish.disks or wish.source is Source.IMPORT:
        return []
    return [
        _("%(system)s needs a disk of at least %(size)s.")
        % {"system": system.name, "size": _about(least)}
    ]


def _about(size: int) -> str:
    """In GiB or MiB, rounded down."""
    gib = size / 1024**3
    return f"{gib:.1f} GiB" if gib >= 1 else f"{size // 1024**2} MiB"


@open_to_all("a pure function")
def too_many(limit: int) -> str:
    """What is said of virtual CPUs beyond what QEMU of the host gives any guest."""
    return _("A guest on this host can have 1 to %(n)d virtual CPUs.") % {"n": limit}
