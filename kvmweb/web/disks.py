"""The disks of a guest: add, change, resize, detach; each a dialog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.disk_edits import Attached, DiskChange
from kvmweb.core.errors import Exists, Invalid, Problem
from kvmweb.core.refs import Ref
from kvmweb.services import disks
from kvmweb.ui import deletion as deletion_face
from kvmweb.ui import device_commands, messages
from kvmweb.ui import disks as face
from kvmweb.ui import media as media_face
from kvmweb.web import guest_dialogs
from kvmweb.web.disk_forms import AddForm, DetachForm, EditForm
from kvmweb.web.forms import Strict
from kvmweb.web.guest_dialogs import Answer, Question

OF_GUEST = "guests/<slug:host>/<uuid:uuid>/disks/"
DISK = f"{OF_GUEST}<slug:target>/"
ASKS = require_http_methods(["GET", "HEAD", "POST"])
SIZE = 20 * 2**30


@ASKS
def add(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """A new volume, or one that nobody uses."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    pools = face.pools(disks.pools(actor, host))
    volumes = media_face.choices(disks.volumes(actor, host))

    def form(*args: Any, **rest: Any) -> Strict:
        if "initial" in rest:
            known = {"what": "new" if pools else "existing", "capacity": SIZE, "bus": "virtio"}
            rest["initial"] |= known | {"name": f"{details.record.name}-data.qcow2"}
        return AddForm(*args, volumes=volumes, pools=pools, **rest)

    def act(found: dict[str, Any]) -> Answer:
        made = _added(actor, ref, found)
        return face.attached(made), "good" if made.when == "now" else "warn"

    def faults(found: dict[str, Any]) -> Mapping[str, str]:
        is_new = found.get("what") == "new"
        return disks.faults(actor, ref, **_of_new(found)) if is_new else {}

    asked = Question(
        "guests/disk_add.html",
        _("Add a disk to %(name)s") % {"name": details.record.name},
        _("Add"),
        form,
        act,
        {
            "has_pools": bool(pools),
            "has_volumes": len(volumes) > 1,
            "command": device_commands.attach_disk(details),
        },
        name="disk-add",
        retry=_taken,
        is_possible=not details.no_disk_beside,
        faults=faults,
    )
    return guest_dialogs.answer(request, details, asked)


@ASKS
def edit(request: HttpRequest, host: str, uuid: UUID, target: str) -> HttpResponse:
    """Bus, cache, discard, read-only, shareable: at the next start."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    disk, _volume = disks.ask(actor, ref, target, is_next=True)
    bound: list[EditForm] = []

    def form(*args: Any, **rest: Any) -> Strict:
        bound.append(EditForm(*args, disk=disk, **rest))
        return bound[-1]

    def act(found: dict[str, Any]) -> Answer:
        change = DiskChange(**bound[-1].wanted())
        when = disks.edit(actor, ref, target, change, definition_hash=found["definition_hash"])
        return face.edited(when), "info" if when == "next" else "good"

    asked = Question(
        "guests/disk_edit.html",
        _("Change disk %(disk)s of %(name)s") % {"disk": target, "name": details.record.name},
        _("Save"),
        form,
        act,
        {"disk": disk, "command": device_commands.edit_disk(details, disk)},
        name=f"disk-{target}",
        tells_now=True,
    )
    return guest_dialogs.answer(request, details, asked)


@ASKS
def detach(request: HttpRequest, host: str, uuid: UUID, target: str) -> HttpResponse:
    """Take it away, with or without its volume."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    disk, volume = disks.ask(actor, ref, target)

    def act(found: dict[str, Any]) -> Answer:
        came = disks.detach(actor, ref, target, **found)
        is_good = came.when == "now" and came.problem is None
        said = face.detached(disk, came, delete=found["delete"])
        return said, "good" if is_good else "warn"

    asked = Question(
        "guests/disk_detach.html",
        _("Detach %(disk)s from %(name)s?") % {"disk": target, "name": details.record.name},
        _("Detach"),
        DetachForm,
        act,
        {
            "disk": disk,
            "volume": volume,
            "stays": deletion_face.reason(volume),
            "command": device_commands.detach_disk(details, disk),
        },
        name=f"detach-{target}",
        tone="bad",
    )
    return guest_dialogs.answer(request, details, asked)


@require_safe
def size(request: HttpRequest, host: str, uuid: UUID, target: str) -> HttpResponse:
    """To where its volume is resized: a running guest is told there, too."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    _disk, volume = disks.ask(actor, ref, target)
    if not volume.volume:
        raise Invalid(fields={"": deletion_face.reason(volume)})
    place = reverse("volume_resize", args=[host, volume.pool, volume.volume])
    return HttpResponseRedirect(place)


def _added(actor: Actor, ref: Ref, found: dict[str, Any]) -> Attached:
    if found["what"] == "existing":
        wanted = {name: found[name] for name in ("volume", "bus", "is_readonly")}
        return disks.attach(actor, ref, **wanted)
    return disks.create(actor, ref, **_of_new(found))


def _of_new(found: dict[str, Any]) -> dict[str, Any]:
    """What is known of a volume that is to be made."""
    names = ("pool", "name", "capacity", "image_format", "bus", "may_promise")
    return {name: found[name] for name in names if found.get(name)}


def _taken(problem: Problem, form: Strict) -> bool:
    """A name that is there already is said beside it."""
    if not isinstance(problem, Exists):
        return False
    form.add_error("name", messages.problem(problem).sentence)
    return True


urlpatterns = [
    path(f"{OF_GUEST}add/", add, name="guest_disk_add"),
    path(DISK, edit, name="guest_disk"),
    path(f"{DISK}detach/", detach, name="guest_disk_detach"),
    path(f"{DISK}size/", size, name="guest_disk_size"),
]
