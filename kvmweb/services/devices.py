"""Devices of a host, and what uses each: guests, networks, the host itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from kvmweb.access import judge
from kvmweb.core.actors import Actor
from kvmweb.core.devices import DeviceKind, DeviceRecord, DeviceRow, DevicesRecord, User
from kvmweb.core.hosts import Part
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import parts
from kvmweb.services.guard import guarded

Users = dict[str, list[User]]
"""Key of a device to what uses it."""


@guarded("host.view")
def list_(actor: Actor, ref: Ref, *, search: str = "", kind: str = "") -> list[DeviceRow]:
    """Devices of this host. search: within names, makers, addresses, ids and users."""
    found = parts.read(ref.host, Part.DEVICES, DevicesRecord)
    if found is None:
        return []
    users = _users(actor, ref.host)
    carried = _carried(found.record)
    rows = [_row(ref, record, users, carried) for record in found.record.devices]
    if kind:
        rows = [row for row in rows if row.record.kind == kind]
    word = search.strip().casefold()
    return [row for row in rows if word in _text(row)] if word else rows


@guarded("host.view")
def counts(actor: Actor, ref: Ref) -> dict[DeviceKind, int]:
    """How many of each kind there are."""
    found = parts.read(ref.host, Part.DEVICES, DevicesRecord)
    numbers: dict[DeviceKind, int] = defaultdict(int)
    for record in found.record.devices if found else ():
        numbers[record.kind] += 1
    return dict(numbers)


@guarded("host.view")
def read_at(actor: Actor, ref: Ref) -> datetime | None:
    """When the host last told its devices; None: not yet."""
    found = parts.read(ref.host, Part.DEVICES, DevicesRecord)
    return found.at if found else None


@guarded("host.view")
def look(actor: Actor, ref: Ref) -> None:
    """Have the devices read again; they arrive as a notice. Raises HostDown."""
    client.call(ref.host, "host.devices")


def _users(actor: Actor, host: str) -> Users:
    users: Users = defaultdict(list)
    reach = judge.reach(actor, "guest.view")
    fields = ("uuid", "name", "record")
    guests = mirror.Guest.objects.filter(host=host, is_gone__in=[False]).order_by("name_fold")
    for uuid, name, record in guests.values_list(*fields):
        ref = Ref(mirror.Guest.kind, host, uuid)
        user = User(ref, name) if reach.covers(ref) else User(None, "")
        for key in dict.fromkeys(_keys_of(record)):
            users[key].append(user)
    networks = mirror.Network.objects.filter(host=host, is_gone__in=[False])
    sees_networks = judge.reach(actor, "network.view")
    for row in networks:
        bridge = str(row.record.get("bridge", ""))
        if bridge and sees_networks.covers(row.ref):
            users[f"net:{bridge}"].append(User(row.ref, row.name))
    return users


def _keys_of(record: dict[str, object]) -> Iterator[str]:
    """By every name that a guest's record has for a device of the host."""
    yield from record.get("host_devices") or ()  # type: ignore[misc]
    for disk in record.get("disks") or ():  # type: ignore[attr-defined]
        if str(disk["source"]).startswith("/dev/"):
            yield f"block:{disk['source']}"
    for card in record.get("interfaces") or ():  # type: ignore[attr-defined]
        if card["type"] in ("bridge", "direct") and card["source"]:
            yield f"net:{card['source']}"
        if card.get("target"):
            yield f"net:{card['target']}"


def _carried(found: DevicesRecord) -> dict[str, list[str]]:
    """Of a card or a controller: what the host reaches through it."""
    carried: dict[str, list[str]] = defaultdict(list)
    for record in found.devices:
        if record.kind in (DeviceKind.NET, DeviceKind.DISK) and record.address:
            carried[record.parent].append(record.address)
    return carried


def _row(ref: Ref, record: DeviceRecord, users: Users, carried: dict[str, list[str]]) -> DeviceRow:
    used = [user for key in record.keys for user in users.get(key, ())]
    return DeviceRow(
        host=ref,
        record=record,
        users=tuple(dict.fromkeys(used)),
        carries=tuple(carried.get(record.name, ())),
    )


def _text(row: DeviceRow) -> str:
    it = row.record
    words = (it.name, it.vendor, it.product, it.address, it.ids, it.driver, it.mac, it.kind)
    return " ".join((*words, *row.carries, *(user.name for user in row.users))).casefold()
