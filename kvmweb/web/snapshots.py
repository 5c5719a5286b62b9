"""Snapshots of a guest: the questions before one is taken, gone back to or deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from kvmweb.core import refs
from kvmweb.core.details import GuestDetails
from kvmweb.core.errors import Invalid, NotFound, Problem, WrongState
from kvmweb.core.offers import Obstacle
from kvmweb.services import guest_page, snapshot_pictures
from kvmweb.services import snapshots as desk
from kvmweb.services.power_line import Outcome
from kvmweb.ui import links, messages
from kvmweb.ui import snapshots as face
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted


class TakeForm(Strict):
    """Limits and sentences are the service's. keep: empty leaves it to what is possible."""

    name = forms.CharField(label=gettext_lazy("Name"))
    description = forms.CharField(
        label=gettext_lazy("Description"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    keep = forms.ChoiceField(
        label=gettext_lazy("Keep"), required=False, choices=[("memory", ""), ("disks", "")]
    )


class RevertForm(Strict):
    """keep: whether the present state is kept first."""

    afterwards = forms.ChoiceField(
        label=gettext_lazy("Afterwards"), required=False, choices=list(face.AFTERWARDS.items())
    )
    keep = forms.BooleanField(
        label=gettext_lazy("Save the present state first, as a snapshot"), required=False
    )


class DeleteForm(Strict):
    """with_children: those that were taken after it, too."""

    with_children = forms.BooleanField(required=False)


@require_http_methods(["GET", "HEAD", "POST"])
def take(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """GET asks, with what is kept in each way; POST does it."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_page.show(actor, ref)
    found = desk.taking(actor, ref)
    name = desk.new_name(details.record)
    form = posted(request, TakeForm, initial={"name": name, "keep": face.preferred(found)})
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        with_memory = (wanted["keep"] or face.preferred(found)) == "memory"
        answer = _attempt(
            request,
            form,
            details,
            found.with_memory if with_memory else found.disks_only,
            lambda: desk.take(
                actor,
                ref,
                name=wanted["name"],
                description=wanted["description"],
                with_memory=with_memory,
            ),
            _("The snapshot “%(name)s” was taken.") % {"name": wanted["name"]},
        )
        if answer:
            return answer
    context = {
        "name": "guest.snapshot",
        "title": _("Take a snapshot of %(name)s") % {"name": details.record.name},
        "action": request.path if found.is_possible else "",
        "action_label": _("Take the snapshot"),
        "ways": face.ways(found, form["keep"].value() or face.preferred(found)),
        "reason": str(messages.OBSTACLES[found.obstacle]),
        "command": face.take_command(details, found, form["name"].value() or name),
    }
    return _page(request, "guests/snapshot.html", form, details, context)


@require_http_methods(["GET", "HEAD", "POST"])
def revert(request: HttpRequest, host: str, uuid: UUID, name: str) -> HttpResponse:
    """GET says what is lost; POST goes back."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    line = desk.show(actor, ref, name)
    details, found = guest_page.show(actor, ref), desk.taking(actor, ref)
    form = posted(request, RevertForm, initial={"keep": not found.keeps})
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        kept = desk.new_name(details.record, "before-revert_") if wanted["keep"] else ""
        answer = _attempt(
            request,
            form,
            details,
            line.revert.obstacle,
            lambda: desk.revert(actor, ref, name, afterwards=wanted["afterwards"], keep_as=kept),
            _("%(guest)s is as it was at “%(name)s”.")
            % {"guest": details.record.name, "name": name},
        )
        if answer:
            return answer
    reason = "" if line.revert.is_possible else messages.obstacle(line.revert)
    context = {
        "name": f"revert-{name}",
        "tone": "bad",
        "title": _("Revert %(guest)s to “%(name)s”?")
        % {"guest": details.record.name, "name": name},
        "action": "" if reason else request.path,
        "action_label": _("Revert"),
        "line": line,
        "row": face.rows([line], ref)[0],
        "losses": face.losses(line.record, details),
        "reason": reason,
        "keeps_not": str(messages.OBSTACLES[found.keeps]),
        "command": face.revert_command(details, name),
    }
    return _page(request, "guests/revert.html", form, details, context)


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, host: str, uuid: UUID, name: str) -> HttpResponse:
    """GET asks, and says what hangs below it; POST deletes."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    line, details = desk.show(actor, ref, name), guest_page.show(actor, ref)
    form = posted(request, DeleteForm)
    if request.method == "POST" and form.is_valid():
        with_children = form.cleaned_data["with_children"]
        answer = _attempt(
            request,
            form,
            details,
            line.delete.obstacle,
            lambda: desk.delete(actor, ref, name, with_children=with_children),
            _("The snapshot “%(name)s” was deleted.") % {"name": name},
        )
        if answer:
            return answer
    reason = "" if line.delete.is_possible else messages.obstacle(line.delete)
    context = {
        "name": f"delete-{name}",
        "tone": "bad",
        "title": _("Delete the snapshot “%(name)s”?") % {"name": name},
        "action": "" if reason else request.path,
        "action_label": _("Delete"),
        "line": line,
        "row": face.rows([line], ref)[0],
        "reason": reason,
        "command": face.delete_command(details, line),
    }
    return _page(request, "guests/snapshot_delete.html", form, details, context)


@require_GET
def picture(request: HttpRequest, host: str, uuid: UUID, name: str) -> HttpResponse:
    """What was on the screen when it was taken."""
    ref = refs.guest(host, str(uuid))
    image = snapshot_pictures.picture(request.actor, ref, name)  # type: ignore[attr-defined]
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(image, content_type="image/png", headers=headers)


def _attempt(
    request: HttpRequest,
    form: Strict,
    details: GuestDetails,
    obstacle: Obstacle,
    act: Callable[[], Outcome],
    said: str,
) -> HttpResponse | None:
    """The answer to what was done; None when the question stays open, with its errors.

    obstacle: what stood in the way when it was looked at: said beside the form.
    """
    ref, name = details.ref, details.record.name
    try:
        outcome = act()
    except Invalid as invalid:
        if not invalid.fields:
            return respond.problem(request, invalid, about=name, about_url=links.of(ref))
        form.add_invalid(invalid)
        return None
    except NotFound:
        raise
    except Problem as problem:
        if obstacle and isinstance(problem, WrongState):
            form.add_error(None, str(messages.OBSTACLES[obstacle]))
            return None
        return respond.problem(request, problem, about=name, about_url=links.of(ref))
    is_slow = outcome is Outcome.ASKED
    sentence = _("It takes longer than usual and goes on.") if is_slow else said
    to = "" if request.htmx else links.of(ref)  # type: ignore[attr-defined]
    return respond.done(request, sentence, to=to, tone="info" if is_slow else "good")


def _page(
    request: HttpRequest,
    template: str,
    form: Strict,
    details: GuestDetails,
    context: dict[str, Any],
) -> HttpResponse:
    shown = {
        **context,
        "form": form,
        "guest": details,
        "back_url": links.of(details.ref),
        "back_label": details.record.name,
        "frame": respond.frame(request),
    }
    return respond.page(request, template, shown, status=422 if form.errors else 200)
