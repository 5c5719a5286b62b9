"""Network pages: the list, one network, and what is done with it by POST."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid, Problem
from kvmweb.core.refs import Ref
from kvmweb.services import networks as desk
from kvmweb.services import overview
from kvmweb.services.power_line import Outcome
from kvmweb.ui import fragments, links, words
from kvmweb.ui import networks as face
from kvmweb.web import definition as page_of
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted

PARTS = {
    "head": "networks/head.html",
    "kept": "networks/kept.html",
    **dict.fromkeys(("overview", "reach", "guests", "leases"), "networks/detail.html"),
}
WORDS = {
    words.verb(word).path: word
    for word in (
        "network.start", "network.stop", "network.restart", "network.restart_dhcp",
        "network.reattach", "network.autostart", "network.delete",
    )
}  # fmt: skip


class PressForm(Strict):
    """key: drawn for each rendered form, so that pressing it twice is one act."""

    key = forms.CharField(required=False, max_length=64)


class SwitchForm(PressForm):
    """enabled: where the switch goes to, not where it is: twice is the same."""

    enabled = forms.ChoiceField(choices=[("on", ""), ("off", "")])


def list_(request: HttpRequest) -> HttpResponse:
    """Every network that this person sees."""
    actor = request.actor  # type: ignore[attr-defined]
    rev = overview.revision()
    query = {name: request.GET.get(name, "") for name in ("search", "host")}
    context = {
        "live_rev": rev,
        "rows": desk.list_(actor, **query),
        "is_blind": desk.is_blind(actor),
        "may_create": bool(desk.places(actor)),
        **query,
    }
    return respond.page(request, "networks/list.html", context, part="listing")


@require_safe
def show(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Everything about one network; `?part=` answers one of its live parts to htmx."""
    details = desk.show(request.actor, refs.network(host, str(uuid)))  # type: ignore[attr-defined]
    part = request.GET.get("part", "")
    if part and part not in PARTS:
        raise Http404
    context = {"it": face.page(details), "live_rev": details.rev, "ref": details.ref}
    return respond.page(request, PARTS.get(part, "networks/detail.html"), context, part=part)


@require_safe
def definition(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """The stored XML, read-only; `?download=1` as a file."""
    ref = refs.network(host, str(uuid))
    xml = desk.definition(request.actor, ref)  # type: ignore[attr-defined]
    details = desk.show(request.actor, ref)  # type: ignore[attr-defined]
    command = face.line(details.host.uri, "network.definition", details.record)
    return page_of.show(request, ref, xml, name=details.record.name, command=command)


@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, host: str, uuid: UUID, path: str) -> HttpResponse:
    """POST does it; GET asks first."""
    word = WORDS.get(path)
    if word is None:
        raise Http404
    ref = refs.network(host, str(uuid))
    return _press(request, ref, word) if request.method == "POST" else _ask(request, ref, word)


def _ask(request: HttpRequest, ref: Ref, word: str) -> HttpResponse:
    """What will happen, and to whom."""
    details = desk.show(request.actor, ref)  # type: ignore[attr-defined]
    it = face.page(details)
    if word == "network.autostart":
        raise Http404
    control = it.by_verb[word]
    named = details.attached if word == "network.delete" else details.running
    context = {
        "it": it,
        "control": control,
        "title": face.question(word, it.record.name),
        "warning": face.warning(word, details),
        "named": list({one.ref: one for one in named}.values()),
        "name": word,
        "tone": "bad" if control.asks else "",
        "action": "" if control.reason else control.url,
        "action_label": control.label,
        "back_url": links.of(ref),
        "back_label": it.record.name,
        "frame": respond.frame(request),
    }
    return respond.page(request, "networks/confirm.html", context)


def _press(request: HttpRequest, ref: Ref, word: str) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    name = desk.get(actor, ref).name
    try:
        form = posted(request, SwitchForm if word == "network.autostart" else PressForm)
        if not form.is_valid():
            raise Invalid(form.errors.as_text())
        switch = form.cleaned_data.get("enabled")
        meant = f"{word}_{switch}" if switch else word
        outcome = desk.press(actor, ref, meant, key=form.cleaned_data["key"])
    except Problem as problem:
        answer = respond.problem(request, problem, about=name, about_url=links.of(ref))
        answer.headers["HX-Trigger"] = fragments.triggers(close_dialog=True)
        return answer
    said = ""
    if outcome is Outcome.ASKED:
        values = {"name": name, "verb": words.verb(word).label}
        said = _("%(name)s: “%(verb)s” takes longer than usual and goes on.") % values
    to = "" if request.htmx else links.of(ref)  # type: ignore[attr-defined]
    if word == "network.delete" and outcome is not Outcome.ASKED:
        to, said = reverse("networks"), _("Network %(name)s was deleted.") % {"name": name}
    return respond.done(request, said, tone="info", to=to)
