"""One question about a guest: asked, judged, answered; what was typed survives a conflict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from kvmweb.core.details import GuestDetails
from kvmweb.core.errors import Conflict, Invalid, Problem
from kvmweb.core.refs import Ref
from kvmweb.services import guest_page
from kvmweb.ui import guest_page as face
from kvmweb.ui import links, messages
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted


class Change(Strict):
    """A change of what the person saw."""

    definition_hash = forms.CharField(required=False, widget=forms.HiddenInput)


SHOWN = 200
"""Characters of a long value."""
Answer = tuple[str, str]
"""A sentence, and its tone."""


@dataclass(slots=True)
class Question:
    """template: extends `frame`. act: called with what was typed; tells what came of it.

    form: makes the form of its `data` and `initial`. retry: offers another way after a problem.
    faults: called with what is right of a wrong form; tells what else is wrong.
    follow: the answer after the act, where it is more than a sentence. is_possible: False shows
    why it is not, without a button. tells_now: the fields begin with what the guest has; after a
    conflict each says what is there now.
    """

    template: str
    title: str
    action_label: str
    form: Callable[..., Strict]
    act: Callable[[dict[str, Any]], Answer]
    context: dict[str, Any] = field(default_factory=dict)
    name: str = "change"
    tone: str = ""
    retry: Callable[[Problem, Strict], bool] | None = None
    faults: Callable[[dict[str, Any]], Mapping[str, str]] | None = None
    follow: Callable[[], HttpResponse] | None = None
    is_possible: bool = True
    tells_now: bool = False


def about(request: HttpRequest, ref: Ref) -> GuestDetails:
    """The guest, for who may see it. Raises NotFound."""
    return guest_page.show(request.actor, ref)  # type: ignore[attr-defined]


def answer(request: HttpRequest, details: GuestDetails, asked: Question) -> HttpResponse:
    """GET asks; POST does it, or asks again with what was wrong."""
    record, back = details.record, links.of(details.ref)
    initial = {"definition_hash": record.definition_hash}
    form = posted(request, asked.form, initial=initial)
    if form.errors and asked.faults:
        form.add_further(asked.faults(form.cleaned_data))
    if request.method == "POST" and form.is_valid():
        try:
            said, tone = asked.act(form.cleaned_data)
            if asked.follow:
                return asked.follow()
            to = "" if request.htmx else back  # type: ignore[attr-defined]
            return respond.done(request, said, to=to, tone=tone)
        except Invalid as invalid:
            if not invalid.fields:
                return respond.problem(request, invalid, about=record.name, about_url=back)
            form.add_invalid(invalid)
        except Conflict as conflict:
            form = _again(request, details, asked, conflict)
        except Problem as problem:
            if asked.retry is None or not asked.retry(problem, form):
                return respond.problem(request, problem, about=record.name, about_url=back)
    context = {
        **asked.context,
        "form": form,
        "it": face.page(details),
        "name": asked.name,
        "tone": asked.tone,
        "action": request.path if asked.is_possible else "",
        "title": asked.title,
        "action_label": asked.action_label,
        "back_url": back,
        "back_label": record.name,
        "frame": respond.frame(request),
    }
    return respond.page(request, asked.template, context, status=422 if form.errors else 200)


def _again(
    request: HttpRequest, details: GuestDetails, asked: Question, conflict: Conflict
) -> Strict:
    """The same form with what was typed, over the definition that is there now."""
    typed: QueryDict = request.POST.copy()
    there = typed["definition_hash"] = conflict.context.get("hash", "")
    form = asked.form(typed, initial={"definition_hash": there})
    if asked.tells_now and there == details.record.definition_hash:
        _tell_now(form)
    form.is_valid()
    form.add_error(
        None,
        messages.problem(conflict).sentence
        + " "
        + _(
            "What you typed is kept. Look at the guest, then save again to change it as it is now."
        ),
    )
    return form


def _tell_now(form: Strict) -> None:
    """Beside each field that holds something else: what the guest has by now."""
    for name, it in form.fields.items():
        typed = it.widget.value_from_datadict(form.data, form.files, form.add_prefix(name))
        typed = typed.replace("\r\n", "\n") if isinstance(typed, str) else typed
        now = form.get_initial_for_field(it, name)
        if not it.widget.is_hidden and it.has_changed(now, typed):
            told = _("Now there: %(value)s.") % {"value": _worded(it, now)}
            it.help_text = f"{told} {it.help_text}".strip()


def _worded(of: forms.Field, value: Any) -> str:
    """As the field shows it."""
    if isinstance(of, forms.BooleanField):
        return _("Yes") if value else _("No")
    if isinstance(of, forms.ChoiceField):
        choices: Any = of.choices
        return str(dict(choices).get(value, value)) or "–"
    return Truncator(of.prepare_value(value)).chars(SHOWN) or "–"
