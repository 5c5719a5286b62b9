"""Power by POST: one address for each verb; by GET the question that comes before."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid, Problem
from kvmweb.core.refs import Ref
from kvmweb.services import guest_page, presses
from kvmweb.services.power_line import Outcome
from kvmweb.ui import fragments, links, words
from kvmweb.ui import guest_page as face
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted


class PressForm(Strict):
    """key: drawn for each rendered form, so that pressing it twice is one act."""

    key = forms.CharField(required=False, max_length=64)


class ShutdownForm(PressForm):
    """mode: how the guest is asked; empty leaves it to libvirt."""

    mode = forms.ChoiceField(required=False, choices=[("", ""), ("acpi", ""), ("agent", "")])


class RebootForm(PressForm):
    """mode: as above; libvirt's own choice is ACPI where there is no agent."""

    mode = forms.ChoiceField(required=False, choices=[("", ""), ("agent", "")])


class SwitchForm(PressForm):
    """enabled: where the switch goes to, not where it is: twice is the same."""

    enabled = forms.ChoiceField(choices=[("on", ""), ("off", "")])


FORMS: dict[str, type[PressForm]] = {
    "guest.shutdown": ShutdownForm,
    "guest.reboot": RebootForm,
    "guest.autostart": SwitchForm,
}
WORDS = {words.verb(word).path: word for word in (*presses.WORDS, "guest.autostart")}
SISTERS = {
    "guest.destroy": "guest.shutdown",
    "guest.reset": "guest.reboot",
    "guest.start_fresh": "guest.restore",
}


@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, host: str, uuid: UUID, path: str) -> HttpResponse:
    """POST does it; GET asks first."""
    word = WORDS.get(path)
    if word is None:
        raise Http404
    ref = refs.guest(host, str(uuid))
    return _press(request, ref, word) if request.method == "POST" else _ask(request, ref, word)


@require_safe
def confirm(request: HttpRequest, host: str, uuid: UUID, path: str) -> HttpResponse:
    """The question alone, as a link."""
    word = WORDS.get(path)
    if word is None:
        raise Http404
    return _ask(request, refs.guest(host, str(uuid)), word)


def _ask(request: HttpRequest, ref: Ref, word: str) -> HttpResponse:
    """What will happen, for how long the guest has run, and the gentler way beside it."""
    it = face.page(guest_page.show(request.actor, ref))  # type: ignore[attr-defined]
    if word not in it.by_verb or word == "guest.autostart":
        raise Http404
    control = it.by_verb[word]
    context = {
        "it": it,
        "control": control,
        "title": face.question(word, it.record.name),
        "warning": face.warning(word),
        "sister": it.by_verb[SISTERS[word]] if word in SISTERS else None,
        "name": word,
        "tone": "bad" if words.verb(word).is_forceful else "",
        "action": "" if control.reason else control.url,
        "action_label": control.label,
        "back_url": links.of(ref),
        "back_label": it.record.name,
        "frame": respond.frame(request),
    }
    return respond.page(request, "guests/confirm.html", context)


def _press(request: HttpRequest, ref: Ref, word: str) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    form = posted(request, FORMS.get(word, PressForm))
    name = guest_page.name(actor, ref)
    try:
        outcome = presses.press(actor, ref, _meant(word, form), key=form.cleaned_data["key"])
    except Problem as problem:
        answer = respond.problem(request, problem, about=name, about_url=links.of(ref))
        answer.headers["HX-Trigger"] = fragments.triggers(close_dialog=True)
        return answer
    said = ""
    if outcome is Outcome.ASKED:
        values = {"name": name, "verb": words.verb(word).label}
        said = _("%(name)s: “%(verb)s” takes longer than usual and goes on.") % values
    to = "" if request.htmx else links.of(ref)  # type: ignore[attr-defined]
    return respond.done(request, said, tone="info", to=to)


def _meant(word: str, form: PressForm) -> str:
    """The word that this form asks for, with its mode or position. Raises Invalid."""
    if not form.is_valid():
        raise Invalid(form.errors.as_text())
    found = form.cleaned_data
    return presses.MODES.get((word, found.get("mode") or found.get("enabled") or ""), word)
