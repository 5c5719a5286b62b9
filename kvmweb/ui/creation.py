"""The page of a new guest: choices in words, and the virt-install line that does the same."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from kvmweb.core.creation import Ground, Plan, VolumeLine
from kvmweb.core.specs import CpuMode, DiskSpec, Firmware, GuestSpec, InterfaceSpec
from kvmweb.core.systems import Support, System
from kvmweb.core.volumes import is_disc, is_seed
from kvmweb.core.wishes import GuestWish, Source
from kvmweb.ui import words
from kvmweb.ui.templatetags.kvmweb import size
from kvmweb.ui.words import Text

SOURCES: list[tuple[str, Text]] = [
    (Source.ISO, _("An installation disc (ISO)")),
    (Source.CLOUD, _("A cloud image, set up by cloud-init")),
    (Source.IMPORT, _("A disk that has a system already")),
    (Source.TREE, _("An install tree on the network")),
    (Source.PXE, _("The network, by PXE")),
    (Source.TEMPLATE, _("A template")),
    (Source.COPY, _("Another guest, as a copy")),
    (Source.EMPTY, _("Nothing yet")),
    (Source.XML, _("A definition (XML)")),
]
WAYS: list[tuple[str, Text]] = [
    ("copy", _("Full copies: they need nothing of the original")),
    ("link", _("Linked: made within a moment, they build on the disks of the original")),
]
CPUS: list[tuple[str, Text]] = [
    ("", _("Suits the host")),
    (CpuMode.PASSTHROUGH, _("The host's own (host-passthrough)")),
    (CpuMode.MODEL, _("Like the host's (host-model)")),
    (CpuMode.MAXIMUM, _("All that QEMU can (maximum)")),
    ("default", _("QEMU's default")),
]
MACHINES: list[tuple[str, Text]] = [
    ("", _("Suits the system")),
    ("q35", _("Q35, PCI Express")),
    ("pc", _("i440FX, for old systems")),
]
FIRMWARES: list[tuple[str, Text]] = [
    (Firmware.BIOS, _("BIOS")),
    (Firmware.EFI, _("UEFI")),
    (Firmware.SECURE, _("UEFI with secure boot")),
]
GRAPHICS: list[tuple[str, Text]] = [
    ("vnc", _("Screen and serial console")),
    ("none", _("Serial console only")),
]
BOOTS: list[tuple[str, Text]] = [
    ("", _("Suits the source")),
    ("hd", _("Disk")),
    ("hd,cdrom", _("Disk, CD-ROM")),
    ("cdrom,hd", _("CD-ROM, disk")),
    ("hd,network", _("Disk, network")),
    ("network,hd", _("Network, disk")),
    ("network,cdrom,hd", _("Network, CD-ROM, disk")),
]
ADDRESSINGS: list[tuple[str, Text]] = [
    ("", _("By DHCP")),
    ("fixed", _("Fixed address")),
]
DISK_KINDS: list[tuple[str, Text]] = [
    ("new", _("A new volume")),
    ("existing", _("An existing volume")),
]
FORMATS: dict[str, Text] = {"qcow2": _("qcow2, with snapshots"), "raw": _("raw, plain")}
BUSES: dict[str, Text] = {
    "virtio": _("VirtIO"),
    "sata": _("SATA"),
    "scsi": _("SCSI (VirtIO)"),
    "usb": _("USB"),
    "ide": _("IDE"),
}
CACHES: dict[str, Text] = {"": _("QEMU's default")}
SUPPORTS = (Support.SUPPORTED, Support.EARLY, Support.UNKNOWN, Support.ENDED)
"""The order of their groups."""
_PLACES: dict[str, Text] = {"hd": _("disk"), "cdrom": _("CD-ROM"), "network": _("network")}


def sources(*, may_write_xml: bool) -> list[tuple[str, Text]]:
    """Those that this person may use."""
    return [it for it in SOURCES if may_write_xml or it[0] != Source.XML]


def virt_types(ground: Ground) -> list[tuple[str, Text]]:
    """What this host offers; the first is what it gets when nothing is chosen."""
    labels: dict[str, Text] = {
        "kvm": _("KVM (hardware acceleration)"),
        "qemu": _("QEMU (software emulation)"),
    }
    kinds = [facts.virt_type for facts in ground.record.domains]
    chosen = labels.get(ground.virt_type, ground.virt_type)
    return [("", chosen), *((kind, labels[kind]) for kind in kinds if kind != ground.virt_type)]


def pools(ground: Ground) -> list[tuple[str, str]]:
    """Where volumes can be made, with what is free."""
    return [
        (uuid, _now("%(name)s, %(size)s free") % {"name": pool.name, "size": size(pool.available)})
        for uuid, pool in ground.pools.items()
    ]


def projects(ground: Ground) -> list[tuple[str, str]]:
    """What a new guest can belong to."""
    return [(str(key), name) if key else ("", _now("No project")) for key, name in ground.projects]


def project(ground: Ground, said: str) -> str:
    """What was chosen, or what comes first where that is not possible (any more)."""
    possible = [value for value, _name in projects(ground)]
    return said if said in possible else next(iter(possible), "")


def images(source: Source, ground: Ground) -> list[Any]:
    """Volumes that this source can be made of, by pool; what a guest uses says so."""
    if source not in (Source.ISO, Source.CLOUD, Source.IMPORT):
        return [("", "")]
    groups: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for pool, found in ground.volumes.items():
        name = ground.pools[pool].name if pool in ground.pools else pool
        for volume in found.lines:
            if is_seed(volume.name):
                continue
            if is_disc(volume.format, volume.name) is (source is Source.ISO):
                groups[name].append((f"{pool}/{volume.name}", _image(volume, source, ground)))
    return [("", _now("Choose…")), *groups.items()]


def _image(volume: VolumeLine, source: Source, ground: Ground) -> str:
    users = ground.users.get(volume.path, ()) if source is Source.IMPORT else ()
    text = f"{volume.name}, {size(volume.capacity)}"
    if not users:
        return text
    names = ", ".join(name or "?" for name in users)
    return _now("%(volume)s (used by %(guests)s)") % {"volume": text, "guests": names}


def systems(found: Iterable[System], most: int) -> list[dict[str, str]]:
    """Choices, by how their vendors treat them: what is mended still comes first.

    A list of suggestions can hold no headings, so each choice begins with its group's word.
    """
    day = date.today()
    grouped = sorted(found, key=lambda system: SUPPORTS.index(system.support(day)))
    return [{"id": system.id, "label": _system(system, day)} for system in grouped[:most]]


def _system(found: System, day: date) -> str:
    said = {
        Support.SUPPORTED: _now("Supported: %(name)s, released %(when)s"),
        Support.EARLY: _now("Preview: %(name)s"),
        Support.UNKNOWN: _now("Support unknown: %(name)s, released %(when)s"),
        Support.ENDED: _now("Support ended: %(name)s, on %(ended)s"),
    }[found.support(day)]
    when, ended = found.released or "?", found.ends or "?"
    return said % {"name": found.name, "when": when, "ended": ended}


def networks(ground: Ground) -> list[tuple[str, Text]]:
    """Virtual networks with their kind; the host's own devices for who may name them."""
    found: list[tuple[str, Text]] = [
        (uuid, f"{network.name}, {words.forward(network.forward)}")
        for uuid, network in ground.networks.items()
    ]
    if ground.may_bridge:
        found += [
            ("bridge", _("A bridge of the host")),
            ("direct", _("A device of the host (macvtap)")),
        ]
    return found


def command(wish: GuestWish, plan: Plan, uri: str) -> str:
    """The virt-install line that makes the same guest."""
    spec = plan.shown
    args = [
        *("virt-install", *(("--connect", uri) if uri else ()), "--name", spec.name or "NAME"),
        *("--virt-type", spec.virt_type, "--machine", spec.machine),
        *("--memory", _memory(spec), "--vcpus", _vcpus(spec)),
        *(("--cpu", spec.cpu_mode) if spec.cpu_mode else ()),
        *("--osinfo", wish.system or "detect=on,require=off"),
        *_source(wish, spec),
    ]
    sized = {volume.name: volume for volume in plan.volumes}
    for disk in spec.disks:
        args += _disk(disk, sized)
    for card in spec.interfaces:
        args += ["--network", _card(card)]
    if not spec.interfaces:
        args += ["--network", "none"]
    args += ["--graphics", "vnc,listen=127.0.0.1" if spec.graphics == "vnc" else "none"]
    args += _rest(wish, spec)
    return shlex.join(args)


def _memory(spec: GuestSpec) -> str:
    mib = spec.memory // 1024**2
    if spec.memory == spec.memory_max:
        return str(mib)
    return f"memory={spec.memory_max // 1024**2},currentMemory={mib}"


def _vcpus(spec: GuestSpec) -> str:
    shape = spec.topology
    parts = [str(spec.vcpus)]
    if spec.vcpus != spec.vcpus_max:
        parts.append(f"maxvcpus={spec.vcpus_max}")
    if shape:
        parts.append(f"sockets={shape.sockets},cores={shape.cores},threads={shape.threads}")
    return ",".join(parts)


def _source(wish: GuestWish, spec: GuestSpec) -> list[str]:
    if spec.direct:
        extra = ["--extra-args", spec.direct.arguments] if spec.direct.arguments else []
        return ["--location", wish.url, *extra]
    if wish.source is Source.PXE:
        return ["--pxe"]
    return ["--import"] if spec.disks else ["--import", "--disk", "none"]


def _disk(disk: DiskSpec, sized: dict[str, Any]) -> list[str]:
    parts = [f"path={disk.path}", f"bus={disk.bus}"]
    new = sized.get(disk.volume)
    if new:
        parts += [f"size={round(new.size / 1024**3, 3):g}", f"format={disk.format}"]
    if new and new.backing:
        parts.append(f"backing_store={disk.path.rpartition('/')[0]}/{new.backing}")
    parts += [f"device={disk.device}"] if disk.device != "disk" else []
    parts += [f"cache={disk.cache}"] if disk.cache else []
    parts += [f"discard={disk.discard}"] if disk.discard else []
    return ["--disk", ",".join(parts)]


def _card(card: InterfaceSpec) -> str:
    names = {"network": "network", "bridge": "bridge", "direct": "source"}
    parts = ["type=direct"] if card.type == "direct" else []
    parts += [f"{names.get(card.type, card.type)}={card.source}"]
    parts += [f"source_mode={card.mode}"] if card.type == "direct" else []
    parts += [f"model={card.model}"]
    return ",".join([*parts, *([f"mac={card.mac}"] if card.mac else [])])


def _rest(wish: GuestWish, spec: GuestSpec) -> list[str]:
    args = ["--boot", _boot(spec)]
    args += (
        ["--tpm", f"backend.type=emulator,backend.version=2.0,model={spec.tpm}"] if spec.tpm else []
    )
    args += ["--description", spec.description] if spec.description else []
    args += ["--autostart"] if wish.has_autostart else []
    return [*args, "--noautoconsole" if wish.is_started else "--noreboot"]


def _boot(spec: GuestSpec) -> str:
    parts = [*spec.boot]
    if spec.firmware is not Firmware.BIOS:
        state = "yes" if spec.firmware is Firmware.SECURE else "no"
        parts += [
            "firmware=efi",
            f"firmware.feature0.name=secure-boot,firmware.feature0.enabled={state}",
        ]
    return ",".join(parts)


def boot_order(spec: GuestSpec) -> str:
    """In words."""
    return words.listed(_PLACES[place] for place in spec.boot)
