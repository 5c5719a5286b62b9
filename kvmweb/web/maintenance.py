"""Maintenance of a host: begin it with a reason, end it."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from kvmweb.core import refs
from kvmweb.core.errors import Denied, Invalid
from kvmweb.services import host_page
from kvmweb.services import maintenance as desk
from kvmweb.ui import links
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted


class ReasonForm(Strict):
    """Everybody who may see the host reads it."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        help_text=gettext_lazy("Shown to everybody who sees this host, such as “new memory”."),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: HttpRequest, host: str) -> HttpResponse:
    """Ask for the reason, then begin."""
    actor, ref = request.actor, refs.host(host)  # type: ignore[attr-defined]
    form = posted(request, ReasonForm)
    if form.is_bound and form.is_valid():
        try:
            desk.enter(actor, ref, reason=form.cleaned_data["reason"])
        except Invalid as invalid:
            form.add_invalid(invalid)
        else:
            return _done(request, ref, _("The host is in maintenance."))
    details = host_page.show(actor, ref)
    if "host.maintain" not in details.may:
        raise Denied(verb="host.maintain")
    context = {
        "form": form,
        "it": details,
        "title": _("Put %(name)s in maintenance?") % {"name": details.row.name},
        "name": "maintain",
        "action": request.path,
        "action_label": _("Begin maintenance"),
        "back_url": links.of(ref),
        "back_label": details.row.name,
        "frame": respond.frame(request),
    }
    status = 422 if form.errors else 200
    return respond.page(request, "hosts/maintain.html", context, status=status)


@require_POST
def leave(request: HttpRequest, host: str) -> HttpResponse:
    """Guests may start there again."""
    ref = refs.host(host)
    posted(request, Strict)
    desk.leave(request.actor, ref)  # type: ignore[attr-defined]
    return _done(request, ref, _("The maintenance is over. Guests may start there again."))


def _done(request: HttpRequest, ref: refs.Ref, sentence: str) -> HttpResponse:
    to = "" if request.htmx else links.of(ref)  # type: ignore[attr-defined]
    return respond.done(request, sentence, to=to)
