"""A mirror filled as the hub would fill it, for tests and benchmarks without a host."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from kvmweb.inventory.models import Guest, HostMirror, Revision
from kvmweb.store.models import Grant, Host, Person, RightsEpoch

GIB = 1024**3


def person(name: str, *grants: tuple[str, str]) -> Person:
    """Somebody with these (role, scope) grants."""
    made = Person.objects.create_user(name, "a long password")
    for role, scope in grants:
        Grant.objects.create(person=made, role=role, scope=scope)
    RightsEpoch.advance()
    return made


def host(key: str = "local", state: str = "up") -> HostMirror:
    """A host that was added and answers."""
    Host.objects.get_or_create(key=key, defaults={"name": key, "uri": f"test:///{key}"})
    row, _made = HostMirror.objects.update_or_create(
        host=key, defaults={"state": state, "heard_at": timezone.now(), "rev": Revision.advance()}
    )
    return row


def uuid_of(host_key: str, name: str) -> str:
    """The same for the same guest."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{host_key}/{name}"))


def build(host_key: str, name: str, **fields: Any) -> Guest:
    """A row that is not saved yet. tags, addresses: lists."""
    record = {"is_persistent": True, "has_saved_state": False, **fields.pop("record", {})}
    tags = fields.pop("tags", ())
    values: dict[str, Any] = {"state": "shut-off", "vcpus": 1, "memory": GIB, **fields}
    return Guest(
        digest=hashlib.sha256(repr((name, values, tags, record)).encode()).hexdigest(),
        host=host_key,
        uuid=values.pop("uuid", uuid_of(host_key, name)),
        name=name,
        name_fold=name.casefold(),
        record=record,
        tags=f"|{'|'.join(tags)}|" if tags else "",
        addresses=" ".join(values.pop("addresses", ())),
        **values,
    )


def put(*guests: Guest) -> int:
    """Write new or changed rows under one revision, which is answered."""
    with transaction.atomic():
        rev = Revision.advance()
        for guest in guests:
            guest.rev = rev
            guest.save()
    return rev


def guest(host_key: str = "local", name: str = "web01", **fields: Any) -> Guest:
    """One guest, there."""
    row = build(host_key, name, **fields)
    put(row)
    return row


def fill(number: int, hosts: Iterable[str] = ("local",)) -> None:
    """Many guests: half of them running, one in ten tagged."""
    keys = list(hosts)
    rev = Revision.advance()
    rows = []
    for index in range(number):
        is_running = index % 2 == 0
        row = build(
            keys[index % len(keys)],
            f"guest-{index:05d}",
            state="running" if is_running else "shut-off",
            vcpus=1 + index % 4,
            memory=GIB * (1 + index % 8),
            has_autostart=index % 3 == 0,
            tags=[f"team-{index % 7}"] if index % 10 == 0 else (),
            addresses=[f"192.168.{index // 250 % 250}.{index % 250 + 1}"] if is_running else (),
            cpu=float(index % 100) if is_running else None,
            memory_used=GIB // 2 if is_running else None,
            record={"disks": [{"target": "vda", "source": f"/images/{index}.qcow2"}] * 4},
        )
        row.rev = rev
        rows.append(row)
    Guest.objects.bulk_create(rows, batch_size=500)
