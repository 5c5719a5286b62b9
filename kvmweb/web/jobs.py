"""Jobs: a press on many guests, the page and card of a job, and cancelling it."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.urls import get_script_prefix, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from kvmweb.core.refs import Kind, Ref
from kvmweb.services import jobs, presses
from kvmweb.ui import jobs as face
from kvmweb.ui import words
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted


class Many(forms.MultipleChoiceField):
    """The same field many times over, whatever its values."""

    def valid_value(self, value: str) -> bool:
        """Judged later, one by one."""
        return len(value) <= 120


class BulkForm(Strict):
    """verb: an offer's word, with or without `guest.`; ref: one for each guest."""

    verb = forms.CharField(max_length=40)
    ref = Many()
    confirmed = forms.ChoiceField(required=False, choices=[("", ""), ("yes", "")])


@require_POST
def bulk(request: HttpRequest) -> HttpResponse:
    """Begin a job on many guests; a forced verb is asked about first."""
    form = BulkForm(request.POST)
    if not form.is_valid():
        raise BadRequest(form.errors.as_text())
    word = form.cleaned_data["verb"]
    word = word if word.startswith("guest.") else f"guest.{word}"
    found = [_guest(text) for text in form.cleaned_data["ref"]]
    if word not in presses.WORDS:
        raise BadRequest("unknown verb")
    if words.verb(word).asks and not form.cleaned_data["confirmed"]:
        return _ask(request, word, found)
    job = jobs.ask_bulk(request.actor, word, found)  # type: ignore[attr-defined]
    if not request.htmx:  # type: ignore[attr-defined]
        return respond.done(request, to=reverse("job", args=[job]))
    return _in_dialog(show_context(request, job), request, "jobs/dialog.html")


@require_safe
def show(request: HttpRequest, job: UUID) -> HttpResponse:
    """One job; its card is pushed while it changes."""
    return respond.page(request, "jobs/detail.html", show_context(request, job), part="card")


@require_POST
def cancel(request: HttpRequest, job: UUID) -> HttpResponse:
    """Begin no further step; answers the card."""
    posted(request, Strict)
    jobs.cancel(request.actor, job)  # type: ignore[attr-defined]
    if not request.htmx:  # type: ignore[attr-defined]
        return respond.done(request, to=reverse("job", args=[job]))
    return respond.page(request, "jobs/detail.html", show_context(request, job), part="card")


def show_context(request: HttpRequest, job: UUID) -> dict[str, object]:
    """What the card shows."""
    found = jobs.show(request.actor, job)  # type: ignore[attr-defined]
    url = reverse("job", args=[job])
    live_url = url.removeprefix(get_script_prefix().rstrip("/"))
    return {"it": face.card(found), "job_url": url, "live_url": live_url}


def _ask(request: HttpRequest, word: str, found: list[Ref]) -> HttpResponse:
    offered = jobs.offered(request.actor, word, found)  # type: ignore[attr-defined]
    able = [one for one in offered if one.offer.is_possible]
    context: dict[str, object] = {
        "title": face.question(word, len(able)),
        "warning": face.warning(word) if able else "",
        "tone": "bad" if words.verb(word).is_forceful else "",
        "able": able,
        "skipped": face.skipped(offered),
        "verb": word,
        "name": "bulk",
        "action": reverse("guests_bulk") if able else "",
        "action_label": words.verb(word).label,
        "back_url": reverse("guests"),
        "back_label": _("Guests"),
        "frame": respond.frame(request),
    }
    return _in_dialog(context, request, "jobs/confirm.html")


def _in_dialog(context: dict[str, object], request: HttpRequest, template: str) -> HttpResponse:
    """Whatever form it was posted from: the answer opens as a dialog."""
    answer = respond.page(request, template, context)
    if request.htmx:  # type: ignore[attr-defined]
        answer.headers["HX-Retarget"] = "#dialogs"
        answer.headers["HX-Reswap"] = "innerHTML"
    return answer


def _guest(text: str) -> Ref:
    try:
        found = Ref.parse(text)
    except ValueError as error:
        raise BadRequest("not a guest") from error
    if found.kind is not Kind.GUEST or not found.id:
        raise BadRequest("not a guest")
    return found
