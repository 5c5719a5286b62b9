"""Carry a creation out: disks, seed, kernel, definition, start; and take each of them back.

What a step makes is announced before it is made, so that nothing stays behind when the process
dies. A volume that was there before is never touched: making it fails, and what was announced is
withdrawn.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import replace
from typing import Any

from django.db import transaction

from kvmweb.access import judge
from kvmweb.core import flows, refs, wire
from kvmweb.core.creation import NewVolume
from kvmweb.core.errors import Busy, Denied, HostDown, NotFound, Problem
from kvmweb.core.specs import GuestSpec
from kvmweb.hostlink import client
from kvmweb.services import audit, cloud_seeds
from kvmweb.services.works import Arguments, Work, carries, undoes
from kvmweb.store.models import Job

VERB = "guest.create"
DISK_S = 600.0
DEFINE_S = 30.0
START_S = 60.0
UPLOAD_S = 60.0


@carries(VERB)
def _create(work: Work, arguments: Arguments) -> None:
    """The whole guest, or nothing of it. What it was comes to the audit either way."""
    host, spec = str(arguments["host"]), wire.from_plain(GuestSpec, arguments["spec"])
    guest = refs.guest(host, spec.uuid)
    try:
        if not judge.can(work.actor, VERB, refs.host(host)):
            raise Denied(verb=VERB)
        work.undo("guest.unsay", job=str(work.job_id))
        _carry(work, arguments, host, spec)
    except Problem as problem:
        audit.note(work.actor, VERB, guest, outcome=problem.code, name=spec.name)
        raise
    finally:
        _unsay(job=str(work.job_id))
    work.made(guest)
    audit.note(work.actor, VERB, guest, name=spec.name)


def _carry(work: Work, arguments: Arguments, host: str, spec: GuestSpec) -> None:
    for plain in arguments["volumes"]:
        volume = wire.from_plain(NewVolume, plain)
        with work.step("disk", volume.name):
            _make(work, host, volume)
    if arguments["seed"]:
        seed = wire.from_plain(NewVolume, arguments["seed"])
        with work.step("seed", seed.name):
            _seed(work, host, seed, arguments["answers"])
    with work.step("define", spec.name):
        work.undo("guest.forget", host=host, uuid=spec.uuid)
        plain = wire.to_plain(spec)
        client.call(host, "guest.define", deadline_s=DEFINE_S, uuid=spec.uuid, spec=plain)
        if arguments["has_autostart"]:
            client.call(host, "guest.autostart", uuid=spec.uuid, enabled=True)
    if arguments["is_started"]:
        with work.step("start", spec.name):
            client.call(host, "guest.start", deadline_s=START_S, uuid=spec.uuid)


def _make(work: Work, host: str, volume: NewVolume) -> None:
    """One volume, announced first. Where the host says no, it has made none."""
    below: dict[str, Any] = {}
    if volume.backing:
        below = client.call(host, "volume.look", uuid=volume.backing_pool, name=volume.backing)
    work.undo("guest.drop_volume", host=host, pool=volume.pool, name=volume.name)
    try:
        client.call(
            host,
            "volume.create",
            deadline_s=DISK_S,
            uuid=volume.pool,
            name=volume.name,
            capacity=volume.size,
            image_format=volume.format,
            backing=below.get("path", ""),
            backing_format=below.get("format", ""),
        )
    except (HostDown, Busy):
        raise
    except Problem:
        work.withdraw()
        raise


def _seed(work: Work, host: str, seed: NewVolume, answers: dict[str, str]) -> None:
    """The disc with the answers for cloud-init."""
    image = cloud_seeds.image(answers)
    _make(work, host, replace(seed, size=len(image)))
    flow, _said = client.take(
        host, "volume.upload", uuid=seed.pool, name=seed.name, offset=0, length=len(image)
    )
    with flow:
        flow.settimeout(UPLOAD_S)
        flow.sendall(image)
        flow.shutdown(socket.SHUT_WR)
        frames = flows.Frames()
        while frames.verdict is None and (piece := flow.recv(65536)):
            for _part in frames.feed(piece):
                pass
    if frames.verdict is None:
        raise HostDown(host=host)
    frames.verdict.or_raise()


@undoes("guest.drop_volume")
def _drop_volume(*, host: str, pool: str, name: str) -> None:
    with suppress(NotFound):
        client.call(host, "volume.delete", deadline_s=DISK_S, uuid=pool, name=name, force=True)


@undoes("guest.forget")
def _forget(*, host: str, uuid: str) -> None:
    client.call(host, "guest.forget", deadline_s=DEFINE_S, uuid=uuid)


@undoes("guest.unsay")
def _unsay(*, job: str) -> None:
    """The answers for cloud-init hold hashed passwords: they leave the job's row when it ends."""
    with transaction.atomic():
        row = Job.objects.select_for_update().filter(pk=job).first()
        if row is not None and row.arguments.get("answers"):
            Job.objects.filter(pk=job).update(arguments={**row.arguments, "answers": None})
