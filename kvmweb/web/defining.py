"""The editor of a guest's stored definition: typed, looked at as a difference, then stored."""

from __future__ import annotations

from urllib.parse import quote
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs
from kvmweb.core.errors import Conflict, Invalid, Problem
from kvmweb.services import defining as desk
from kvmweb.services import sessions
from kvmweb.ui import commands, links
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted


class TextForm(Strict):
    """The XML as it was typed. step: edit, review what differs, or store it.

    version: of the history, where it was brought back from there.
    """

    text = forms.CharField(
        label=gettext_lazy("XML"),
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 28, "spellcheck": "false", "autocapitalize": "off", "wrap": "off"}
        ),
    )
    definition_hash = forms.CharField(widget=forms.HiddenInput, max_length=64)
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    step = forms.ChoiceField(choices=[("edit", ""), ("review", ""), ("store", "")])

    def clean_text(self) -> str:
        """Browsers send every line's end as two characters."""
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Raw, so the password was given lately and the differences are shown first."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    stored = desk.read(actor, ref)
    is_confirmed = sessions.is_confirmed(actor)
    if not is_confirmed and request.method != "POST":
        there = quote(request.get_full_path())
        return HttpResponseRedirect(f"{reverse('me_confirm')}?next={there}")
    form = posted(request, TextForm, initial=_initial(request, stored))
    step = "review" if request.GET.get("version") else "edit"
    if request.method == "POST":
        step = "edit"
        if form.is_valid():
            step = form.cleaned_data["step"] if is_confirmed else "edit"
        if step != "edit" and (answer := _go_on(request, form, stored)):
            return answer
    if form.errors:
        step = "edit"
    return respond.page(
        request,
        "guests/definition_edit.html",
        _context(form, stored, step, is_confirmed=is_confirmed),
        status=422 if form.errors or not is_confirmed else 200,
    )


def _go_on(request: HttpRequest, form: TextForm, stored: desk.Stored) -> HttpResponse | None:
    """Check, and store what was looked at; None where the page is shown once more."""
    wanted = form.cleaned_data
    wrong = desk.faults(wanted["text"], name=stored.name, uuid=stored.ref.id)
    if wrong or wanted["step"] == "review":
        form.add_invalid(Invalid(fields=wrong))
        return None
    try:
        desk.apply(
            request.actor,  # type: ignore[attr-defined]
            stored.ref,
            text=wanted["text"],
            definition_hash=wanted["definition_hash"],
            version=wanted["version"] or 0,
        )
    except Invalid as invalid:
        form.add_invalid(invalid)
        return None
    except Conflict:
        form.is_overtaken = True  # type: ignore[attr-defined]
        return None
    except Problem as problem:
        return respond.problem(
            request, problem, about=stored.name, about_url=links.of(stored.ref)
        )  # fmt: skip
    said = _("The definition of %(name)s was stored.")
    if stored.is_active:
        said = _("The definition of %(name)s was stored. It is so after the next start.")
    return respond.done(request, said % {"name": stored.name}, to=links.of(stored.ref))


def _initial(request: HttpRequest, stored: desk.Stored) -> dict[str, object]:
    """The present text, or `?version=` of the history."""
    text, version = stored.xml, request.GET.get("version", "")
    if version.isdecimal() and len(version) < 19:
        text = desk.restorable(
            request.actor,  # type: ignore[attr-defined]
            stored.ref,
            int(version),
            stored.xml,
        )
    return {
        "text": text,
        "definition_hash": stored.hash,
        "version": int(version) if version.isdecimal() and len(version) < 19 else None,
    }


def _context(
    form: TextForm, stored: desk.Stored, step: str, *, is_confirmed: bool
) -> dict[str, object]:
    is_overtaken = getattr(form, "is_overtaken", False)
    text = str(form["text"].value() or "").replace("\r\n", "\n")
    word = commands.guest_word(stored.name, stored.ref.id)
    return {
        "form": form,
        "it": stored,
        "guest_url": links.of(stored.ref),
        "step": "review" if is_overtaken else step,
        "text": text,
        "hash": stored.hash if is_overtaken else form["definition_hash"].value(),
        "diff": desk.difference(stored.xml, text) if step != "edit" or is_overtaken else (),
        "is_overtaken": is_overtaken,
        "is_confirmed": is_confirmed,
        "kept": desk.KEPT,
        "command": commands.virsh(stored.host.uri, "edit", word),
        "define": commands.virsh(stored.host.uri, "define", "--validate", f"{word}.xml"),
    }
