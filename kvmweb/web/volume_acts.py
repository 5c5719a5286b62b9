"""What is done to volumes: each a dialog, or a page of its own without htmx."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from kvmweb.core import refs
from kvmweb.core.errors import Denied, Exists, Invalid, Problem
from kvmweb.core.refs import Kind, Ref
from kvmweb.core.volume_filter import VolumeFilter
from kvmweb.services import pools, volume_acts, volume_attach, volumes
from kvmweb.ui import disks as disk_face
from kvmweb.ui import links, messages, storage_commands
from kvmweb.ui import pools as pool_face
from kvmweb.ui import volumes as face
from kvmweb.web import jobs, respond
from kvmweb.web.forms import Strict, posted
from kvmweb.web.volume_forms import (
    AttachForm,
    CloneForm,
    CreateForm,
    DeleteForm,
    ResizeForm,
    WipeForm,
)

ASKS = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def actions(request: HttpRequest, host: str, uuid: UUID, volume: UUID) -> HttpResponse:
    """The menu of a row: every offer."""
    context = _about(request, refs.pool(host, str(uuid)), str(volume))
    return respond.page(request, "storage/volume_menu.html", context)


@ASKS
def create(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Make a volume in this pool."""
    ref = refs.pool(host, str(uuid))
    actor = request.actor  # type: ignore[attr-defined]
    details = pools.show(actor, ref)
    there = volumes.list_(actor, ref, VolumeFilter())
    bases = [(row.ref.id, face.shown_name(row.record.name)) for row in there.rows]
    form = posted(
        request, CreateForm, pool=details.record, bases=bases, initial={"capacity": 20 * 2**30}
    )
    if form.is_bound and form.is_valid():
        wanted = _wanted(host, form.cleaned_data)
        answer = _tried(request, form, links.of(ref), lambda: _create(request, ref, wanted))
        if answer is not None:
            return answer
    typed = form.data if form.is_bound else {}
    command = storage_commands.create(
        details.host.uri,
        details.record,
        typed.get("name") or "NAME",
        typed.get("capacity") or "20GiB",
        typed.get("format") or "qcow2",
    )
    context = {
        "pool": pool_face.page(details),
        "title": _("Create a volume in %(name)s") % {"name": details.record.name},
        "action_label": _("Create"),
        "command": command,
        "back_url": links.of(ref),
        "back_label": details.record.name,
    }
    return _asked(request, form, "storage/volume_create.html", "volume.create", context)


@ASKS
def resize(request: HttpRequest, host: str, uuid: UUID, volume: UUID) -> HttpResponse:
    """Grow or shrink it."""
    ref, identity = refs.pool(host, str(uuid)), str(volume)
    context = _about(request, ref, identity)
    record = context["it"].line.row.record
    form = posted(request, ResizeForm, initial={"capacity": record.capacity})
    if form.is_bound and form.is_valid():
        answer = _tried(
            request, form, context["back_url"], lambda: _resize(request, ref, identity, form)
        )
        if answer is not None:
            return answer
    context["title"] = _("Resize %(name)s") % {"name": context["it"].line.name}
    context["action_label"] = _("Resize")
    return _asked(request, form, "storage/volume_resize.html", "volume.resize", context)


@ASKS
def clone(request: HttpRequest, host: str, uuid: UUID, volume: UUID) -> HttpResponse:
    """Copy it, here or into another pool of the host, in the same or another format."""
    ref, identity = refs.pool(host, str(uuid)), str(volume)
    actor = request.actor  # type: ignore[attr-defined]
    context = _about(request, ref, identity)
    places = [
        (row.ref.id, row.name) for row in pools.list_(actor, host=host) if row.record.is_active
    ]
    line = context["it"].line
    initial = {"name": face.copy_name(line.row.record.name), "into": ref.id}
    form = posted(request, CloneForm, pools=places, initial=initial)
    if form.is_bound and form.is_valid():
        found = form.cleaned_data
        answer = _tried(
            request,
            form,
            context["back_url"],
            lambda: _begun(
                request,
                volume_acts.clone(
                    actor, ref, identity, into=refs.pool(host, found["into"]),
                    name=found["name"], image_format=found["format"],
                ),
            ),
        )  # fmt: skip
        if answer is not None:
            return answer
    context["title"] = _("Clone %(name)s") % {"name": line.name}
    context["action_label"] = _("Clone")
    return _asked(request, form, "storage/volume_clone.html", "volume.clone", context)


@ASKS
def attach(request: HttpRequest, host: str, uuid: UUID, volume: UUID) -> HttpResponse:
    """Give it to a guest of the host."""
    ref, identity = refs.pool(host, str(uuid)), str(volume)
    actor = request.actor  # type: ignore[attr-defined]
    context = _about(request, ref, identity)
    guests = [(it.id, name) for it, name, _runs in volume_attach.guests(actor, host)]
    if request.method == "POST" and not guests:
        raise Denied(verb="guest.disks")
    is_image = context["it"].line.row.record.name.lower().endswith(".iso")
    initial = {"device": "cdrom" if is_image else "disk", "is_readonly": is_image}
    form = posted(request, AttachForm, guests=guests, initial=initial)
    if form.is_bound and form.is_valid():
        attach_it = partial(_attach, request, ref, identity, form.cleaned_data)
        answer = _tried(request, form, context["back_url"], attach_it)
        if answer is not None:
            return answer
    context["title"] = _("Attach %(name)s") % {"name": context["it"].line.name}
    context["action_label"] = _("Attach")
    return _asked(request, form, "storage/volume_attach.html", "volume.attach", context)


def _attach(request: HttpRequest, ref: Ref, identity: str, found: dict[str, Any]) -> HttpResponse:
    guest = refs.guest(ref.host, found["guest"])
    made = volume_attach.attach(
        request.actor,  # type: ignore[attr-defined]
        ref,
        identity,
        guest=guest,
        bus=found["bus"] or "virtio",
        device=found["device"] or "disk",
        is_readonly=found["is_readonly"],
    )
    to = "" if request.htmx else links.of(guest)  # type: ignore[attr-defined]
    tone = "good" if made.when == "now" else "warn"
    return respond.done(request, disk_face.attached(made), to=to, tone=tone)


@ASKS
def wipe(request: HttpRequest, host: str, uuid: UUID, volume: UUID) -> HttpResponse:
    """Overwrite all of it."""
    ref, identity = refs.pool(host, str(uuid)), str(volume)
    context = _about(request, ref, identity)
    form = posted(request, WipeForm, initial={"algorithm": "zero"})
    if _is_meant(form, context["it"].line.name):
        algorithm = form.cleaned_data["algorithm"]
        answer = _tried(
            request,
            form,
            context["back_url"],
            lambda: _begun(
                request,
                volume_acts.wipe(request.actor, ref, identity, algorithm=algorithm),  # type: ignore[attr-defined]
            ),
        )
        if answer is not None:
            return answer
    context["title"] = _("Wipe %(name)s?") % {"name": context["it"].line.name}
    context["action_label"] = _("Wipe")
    context["tone"] = "bad"
    return _asked(request, form, "storage/volume_wipe.html", "volume.wipe", context)


@ASKS
def delete(request: HttpRequest, host: str, uuid: UUID, volume: UUID) -> HttpResponse:
    """Delete it; refused while anybody needs it, with the users named."""
    ref, identity = refs.pool(host, str(uuid)), str(volume)
    context = _about(request, ref, identity)
    form = posted(request, DeleteForm)
    name = context["it"].line.name
    if _is_meant(form, name):
        answer = _tried(
            request, form, context["back_url"], lambda: _delete(request, ref, identity, name)
        )
        if answer is not None:
            return answer
    context["title"] = _("Delete %(name)s?") % {"name": name}
    context["action_label"] = _("Delete")
    context["tone"] = "bad"
    return _asked(request, form, "storage/volume_delete.html", "volume.delete", context)


def _wanted(host: str, found: dict[str, Any]) -> volume_acts.Wanted:
    """What was typed, for the service to judge."""
    base = found.get("base")
    return volume_acts.Wanted(
        name=found["name"],
        capacity=found["capacity"],
        format=found["format"],
        preallocation=found.get("preallocation") or "off",
        base=Ref(Kind.VOLUME, host, base) if base else None,
        may_promise=found.get("may_promise", False),
    )


def _create(request: HttpRequest, ref: Ref, wanted: volume_acts.Wanted) -> HttpResponse:
    job = volume_acts.create(request.actor, ref, wanted)  # type: ignore[attr-defined]
    if job:
        return _begun(request, job)
    said = _("%(name)s was created.") % {"name": face.shown_name(wanted.name)}
    return respond.done(request, said, to="" if request.htmx else links.of(ref))  # type: ignore[attr-defined]


def _resize(request: HttpRequest, ref: Ref, identity: str, form: Any) -> HttpResponse:
    found = form.cleaned_data
    actor = request.actor  # type: ignore[attr-defined]
    capacity, shrink = found["capacity"], found["shrink"]
    how = volume_acts.resize(actor, ref, identity, capacity=capacity, shrink=shrink)
    said = _("It was resized.")
    if how == "guest":
        said = _("It was resized, and its running guest was told. Grow the file system in there.")
    return respond.done(request, said, to="" if request.htmx else face.url(ref, identity))  # type: ignore[attr-defined]


def _delete(request: HttpRequest, ref: Ref, identity: str, name: str) -> HttpResponse:
    volume_acts.delete(request.actor, ref, identity)  # type: ignore[attr-defined]
    is_on_its_page = face.url(ref, identity) in request.headers.get("HX-Current-URL", "")
    to = links.of(ref) if is_on_its_page or not request.htmx else ""  # type: ignore[attr-defined]
    return respond.done(request, _("%(name)s was deleted.") % {"name": name}, to=to)


def _begun(request: HttpRequest, job: UUID) -> HttpResponse:
    """The job's card, in the place of the dialog."""
    if not request.htmx:  # type: ignore[attr-defined]
        return respond.done(request, to=reverse("job", args=[job]))
    return respond.page(request, "jobs/dialog.html", jobs.show_context(request, job))


def _about(request: HttpRequest, ref: Ref, identity: str) -> dict[str, Any]:
    """The volume, its pool, and what can be done."""
    actor = request.actor  # type: ignore[attr-defined]
    details = pools.show(actor, ref)
    row = volumes.show(actor, ref, identity)
    offers = volumes.offers(actor, ref, identity)
    return {
        "pool": pool_face.page(details),
        "it": face.page(ref, row, offers, details),
        "back_url": face.url(ref, identity),
        "back_label": face.shown_name(row.record.name),
    }


def _is_meant(form: Any, name: str) -> bool:
    """The name was typed as it is shown."""
    if not form.is_bound or not form.is_valid():
        return False
    if form.cleaned_data["typed"].strip() == name.strip():
        return True
    form.add_error("typed", _("Type the name to confirm."))
    return False


def _tried(request: HttpRequest, form: Strict, back: str, act: Any) -> HttpResponse | None:
    """What the act answers; None when the form is to be shown again with what is wrong."""
    try:
        return act()  # type: ignore[no-any-return]
    except Invalid as invalid:
        if not invalid.fields:
            return respond.problem(request, invalid)
        form.add_invalid(invalid)
    except Exists as problem:
        said = messages.problem(problem).sentence
        form.add_error("name" if "name" in form.fields else None, said)
    except Problem as problem:
        return respond.problem(request, problem, about_url=back)
    return None


def _asked(
    request: HttpRequest, form: Any, template: str, verb: str, context: dict[str, Any]
) -> HttpResponse:
    frame = {
        "form": form,
        "name": verb.partition(".")[2],
        "action": request.path,
        "frame": respond.frame(request),
    }
    return respond.page(request, template, {**context, **frame}, status=422 if form.errors else 200)
