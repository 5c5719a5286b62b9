"""Shut a guest down and start it: the question, and the job that does it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs
from kvmweb.core.errors import Problem
from kvmweb.services import power_cycle
from kvmweb.ui import device_commands, links
from kvmweb.ui import guest_page as face
from kvmweb.web import guest_dialogs, jobs, respond
from kvmweb.web.forms import Strict, posted


@require_http_methods(["GET", "HEAD", "POST"])
def cycle(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """GET asks; POST answers the job."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    name = details.record.name
    form = posted(request, Strict)
    if request.method == "POST" and form.is_valid():
        try:
            job = power_cycle.cycle(actor, ref)
        except Problem as problem:
            return respond.problem(request, problem, about=name, about_url=links.of(ref))
        if not request.htmx:  # type: ignore[attr-defined]
            return respond.done(request, to=reverse("job", args=[job]))
        return respond.page(request, "jobs/dialog.html", jobs.show_context(request, job))
    context = {
        "form": form,
        "it": face.page(details),
        "name": "cycle",
        "action": request.path,
        "title": _("Shut down %(name)s and start it?") % {"name": name},
        "action_label": _("Shut down and start"),
        "back_url": links.of(ref),
        "back_label": name,
        "command": device_commands.cycle(details),
        "frame": respond.frame(request),
    }
    return respond.page(request, "guests/cycle.html", context)


urlpatterns = [path("guests/<slug:host>/<uuid:uuid>/cycle/", cycle, name="guest_cycle")]
