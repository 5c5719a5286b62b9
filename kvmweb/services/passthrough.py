"""Devices and folders of a host that a guest may be given, for who has the right to.

Chosen from what the host says it has, never typed. A device that another running guest has is
refused, and so is a SCSI device whose disk such a guest or a started pool has. What else the host
does with a disk (mounted, swap, a volume group of its own) libvirt does not tell. Folders lie below
places that an administrator allowed for that.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Q
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.devices import DeviceKind, DeviceRecord, DevicesRecord, User
from kvmweb.core.errors import Invalid
from kvmweb.core.hardware import PASS, HostChoice, Kind, Pair
from kvmweb.core.hosts import Part
from kvmweb.core.records import GuestState
from kvmweb.core.refs import Ref
from kvmweb.definitions import hardware as xml
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import parts, pool_roots
from kvmweb.services.guard import guarded, internal

_BRIDGE, _ROOT_HUB = "06", "1d6b:"
"""PCI class of what others are plugged into; maker of USB's own hubs."""
Holders = dict[str, list[tuple[Ref, str, bool]]]
"""Key of a device to the guests that have it: which, its name, whether it runs."""


@guarded(PASS, is_audited=False)
def devices(actor: Actor, ref: Ref, source: str) -> list[HostChoice]:
    """What this guest could be given of this sort (usb, pci, scsi, mdev); why some cannot be."""
    found = _records(ref.host)
    kind = DeviceKind(source)
    holders = _holders(ref.host)
    carried: dict[str, list[DeviceRecord]] = defaultdict(list)
    for record in found:
        if record.kind in (DeviceKind.NET, DeviceKind.DISK) and record.address:
            carried[record.parent].append(record)
    return [
        _choice(actor, ref, record, key, holders, carried.get(record.name, ()),
                _name(record, found))
        for record in found
        if record.kind is kind and not _is_plumbing(record)
        for key in (_key(record, found),)
    ]  # fmt: skip


@guarded(PASS, is_audited=False)
def folders(actor: Actor, ref: Ref) -> tuple[str, ...]:
    """Below which places of its host a folder can be shared with this guest."""
    return pool_roots.of_host(ref.host, pool_roots.SHARES)


@internal("a part of the guest's card, which carries the mark")
def names(actor: Actor, host: str, found: Iterable[Pair]) -> dict[str, str]:
    """Key of each device of the host that the guest has to what the host calls it."""
    wanted = {pair.device.values["device"] for pair in found if "device" in pair.device.values}
    if not wanted or not judge.can(actor, "host.view", refs.host(host)):
        return {}
    records = _records(host)
    return {
        key: _name(record, records) for record in records for key in record.keys if key in wanted
    }


@internal("a part of adding a device, which carries the mark")
def faults(
    actor: Actor,
    row: mirror.Guest,
    kind: Kind,
    values: Mapping[str, str],
    there: Sequence[Pair],
) -> dict[str, str]:
    """Field to sentence: a device that cannot be given, a folder that is not allowed."""
    wrong: dict[str, str] = {}
    if "device" in values:
        offered = devices(actor, row.ref, kind.source)
        found = next((it for it in offered if it.key == values["device"]), None)
        if found is None:
            wrong["device"] = _("Choose a device of the host.")
        elif found.refusal:
            wrong["device"] = found.refusal
    if kind.tag == "filesystem":
        if "source" in values:
            sentence = pool_roots.fault(row.host, values["source"], pool_roots.SHARES)
            if sentence := sentence or _nested(actor, row.host, values["source"]):
                wrong["source"] = sentence
        others = {it.device.values.get("target") for it in there if it.device.tag == kind.tag}
        if values.get("target") in others:
            wrong["target"] = _("The guest has a shared directory of this name.")
    return wrong


def _nested(actor: Actor, host: str, path: str) -> str:
    """Why a folder inside another guest's, or around it, is not shared; the same one may be.

    Who writes in the outer one could put a link in the place of the inner one, to any file.
    """
    has_folders = Q(xml__contains="<filesystem") | Q(stored_xml__contains="<filesystem")
    kept = mirror.GuestDefinition.objects.filter(
        mirror.HOLDS, has_folders, guest__host=host
    ).select_related("guest")
    held = [
        (shared, definition.guest)
        for definition in kept
        for shared in (*_shared(definition.xml), *_shared(definition.stored_xml))
        if shared.startswith("/")
    ]
    if not held:
        return ""
    paths = [path, *(shared for shared, _guest in held)]
    real, *reals = client.call(host, "pool.resolve", paths=paths)
    for other, (shared, guest) in zip(reals, held, strict=True):
        if other != real and (_is_in(other, real) or _is_in(real, other)):
            is_seen = judge.can_see(actor, guest.ref)
            name = guest.name if is_seen else _("a guest that you do not see")
            said = {"path": shared, "name": name}
            return _("Inside or around %(path)s, which %(name)s has.") % said
    return ""


def _is_in(inner: str, outer: str) -> bool:
    return f"{inner}/".startswith(f"{outer}/")


def _shared(text: str) -> list[str]:
    """The folders of the host in a definition."""
    try:
        found = xml.parse(text) if text else ()
    except Invalid:
        return []
    return [it.values["source"] for it in found if it.tag == "filesystem" and "source" in it.values]


def _records(host: str) -> tuple[DeviceRecord, ...]:
    found = parts.read(host, Part.DEVICES, DevicesRecord)
    return found.record.devices if found else ()


def _is_plumbing(record: DeviceRecord) -> bool:
    is_bridge = record.kind is DeviceKind.PCI and record.class_code.startswith(_BRIDGE)
    return is_bridge or record.ids.startswith(_ROOT_HUB)


def _key(record: DeviceRecord, found: Iterable[DeviceRecord]) -> str:
    """A USB device by maker and product where that is one: it may be plugged in elsewhere then."""
    same = [it for it in found if it.kind is record.kind and it.ids == record.ids]
    is_usb = record.kind is DeviceKind.USB
    return record.keys[1] if is_usb and record.ids and len(same) == 1 else record.keys[0]


def _name(record: DeviceRecord, found: Iterable[DeviceRecord]) -> str:
    """A SCSI device itself says only of which sort it is; the disk that it is says more."""
    is_scsi = record.kind is DeviceKind.SCSI
    disks = (it for it in found if is_scsi and it.parent == record.name)
    said = next((it for it in disks if it.kind is DeviceKind.DISK), record)
    parts_of_it = [part for part in (said.vendor, said.product) if part]
    return " ".join(parts_of_it) or record.ids or record.address


def _holders(host: str) -> Holders:
    found: Holders = defaultdict(list)
    rows = mirror.Guest.objects.filter(host=host, is_gone__in=[False]).order_by("name_fold")
    fields = ("uuid", "name", "state", "record__host_devices", "record__disks")
    for uuid, name, state, keys, disks in rows.values_list(*fields):
        blocks = (disk["source"] for disk in disks or () if disk["source"].startswith("/dev/"))
        for key in (*(keys or ()), *(f"block:{path}" for path in blocks)):
            ref = Ref(mirror.Guest.kind, host, uuid)
            found[key].append((ref, name, GuestState(state).is_active))
    return found


def _choice(
    actor: Actor,
    ref: Ref,
    record: DeviceRecord,
    key: str,
    holders: Holders,
    carries: Sequence[DeviceRecord],
    called: str,
) -> HostChoice:
    disks = [it for it in carries if record.kind is DeviceKind.SCSI and it.kind is DeviceKind.DISK]
    names = [name for it in (record, *disks) for name in it.keys]
    having = list(dict.fromkeys(one for name in names for one in holders.get(name, ())))
    users = [User(other, name) if judge.can_see(actor, other) else User(None, "")
             for other, name, _is_active in having]  # fmt: skip
    running = [name if judge.can_see(actor, other) else _("a guest that you do not see")
               for other, name, is_active in having if is_active and other != ref]  # fmt: skip
    refusal = ""
    if any(other == ref for other, _name_of, _is_active in having):
        refusal = _("This guest has it already.")
    elif running:
        refusal = _("In use by %(names)s, which is running.") % {"names": ", ".join(running)}
    elif record.kind is DeviceKind.PCI and not record.group:
        refusal = _(
            "The host has no IOMMU switched on (VT-d or AMD-Vi in its firmware, intel_iommu=on in"
            " its kernel's arguments): no PCI device can be given to a guest."
        )
    elif pool := _pool_of(ref.host, disks):
        name = pool.name if judge.can_see(actor, pool.ref) else _("a pool that you do not see")
        refusal = _("In use by the pool %(name)s, which is started.") % {"name": name}
    places = tuple(it.address for it in carries)
    return HostChoice(key, called, record.address, tuple(users), places, refusal)


def _pool_of(host: str, disks: Sequence[DeviceRecord]) -> mirror.Pool | None:
    """The started pool that lies on one of these disks, or on a partition of it."""
    whole = [name.removeprefix("block:") for it in disks for name in it.keys]
    if not whole:
        return None
    part = re.compile(rf"(?:{'|'.join(map(re.escape, whole))})(?:p?[0-9]+|-part[0-9]+)?")
    rows = mirror.Pool.objects.filter(host=host, is_gone__in=[False], record__is_active=True)
    started = rows.filter(record__source__startswith="/dev/").order_by("name_fold")
    return next((row for row in started if _is_on(part, row.record["source"])), None)


def _is_on(part: re.Pattern[str], source: str) -> bool:
    return any(part.fullmatch(device) for device in source.split(", "))
