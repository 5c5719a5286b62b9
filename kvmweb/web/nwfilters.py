"""Network filters: the list, one of them, its XML, and which one an interface passes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from kvmweb.core import refs
from kvmweb.core.errors import Denied, Exists, Invalid, NotFound, Problem
from kvmweb.services import nwfilters as desk
from kvmweb.services import overview, sessions
from kvmweb.ui import differences, links, messages
from kvmweb.ui import nwfilters as face
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted


class TextForm(Strict):
    """The XML as it was typed. step: review shows what differs, store writes it."""

    text = forms.CharField(
        label=gettext_lazy("XML"),
        strip=False,
        max_length=desk.TEXT_MAX,
        widget=forms.Textarea(attrs={"rows": 22, "spellcheck": "false"}),
    )
    definition_hash = forms.CharField(required=False, widget=forms.HiddenInput, max_length=64)
    step = forms.ChoiceField(choices=[("review", ""), ("store", "")], required=False)


class CreateForm(Strict):
    """start: a template, or the filter that it begins as a copy of."""

    host = forms.ChoiceField(label=gettext_lazy("Host"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=128)
    start = forms.ChoiceField(label=gettext_lazy("Begin with"))

    def __init__(self, *args: Any, hosts: list[Any], starts: list[Any], **rest: Any) -> None:
        super().__init__(*args, **rest)
        known = [(it.ref.host, it.name) for it in hosts]
        self.fields["host"].choices = known  # type: ignore[attr-defined]
        self.fields["start"].choices = starts  # type: ignore[attr-defined]


class AssignForm(Strict):
    """name: empty for no filter."""

    mac = forms.CharField(widget=forms.HiddenInput, max_length=17)
    name = forms.CharField(
        label=gettext_lazy("Network filter"), required=False, widget=forms.Select, max_length=128
    )


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    """Every filter that this person sees."""
    actor = request.actor  # type: ignore[attr-defined]
    rev = overview.revision()
    query = {name: request.GET.get(name, "") for name in ("search", "host")}
    rows = desk.list_(actor, **query)
    context = {"live_rev": rev, "rows": rows, "is_blind": desk.is_blind(actor), **query}
    context["may_create"] = bool(desk.places(actor))
    return respond.page(request, "nwfilters/list.html", context, part="listing")


@require_safe
def show(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """One filter: its rules in words, what it is made of, who passes it, its XML."""
    details = desk.show(request.actor, refs.filter_(host, str(uuid)))  # type: ignore[attr-defined]
    context = {
        "it": details,
        **face.shown(details.record, details.host.uri),
        "live_rev": details.rev,
    }
    return respond.page(request, "nwfilters/detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """A new one: empty, of a template, or a copy; its XML can be edited afterwards. `?host=`."""
    actor = request.actor  # type: ignore[attr-defined]
    hosts = desk.places(actor)
    if not hosts:
        raise Denied(verb="nwfilter.edit")
    if not sessions.is_confirmed(actor):
        return _password_first(request.get_full_path())
    asked = request.POST.get("host", "") or request.GET.get("host", "")
    chosen = next((it for it in hosts if it.ref.host == asked), hosts[0])
    there = [(it.ref.id, it.record.name) for it in desk.list_(actor, host=chosen.ref.host)]
    form = posted(
        request,
        lambda *args, **rest: CreateForm(
            *args, hosts=hosts, starts=face.starts(desk.STARTS, there), **rest
        ),
        initial={"host": chosen.ref.host, "start": request.GET.get("start", "")},
    )
    if form.is_bound and form.is_valid() and (answer := _created(request, chosen.ref, form)):
        return answer
    context = {
        "form": form,
        "hosts": hosts,
        "chosen": chosen,
        "command": face.line(chosen.uri, "nwfilter-define", "filter.xml"),
    }
    return respond.page(
        request, "nwfilters/create.html", context, status=422 if form.errors else 200
    )


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Ask, naming who uses it; then delete."""
    actor, ref = request.actor, refs.filter_(host, str(uuid))  # type: ignore[attr-defined]
    details = desk.show(actor, ref)
    if not details.may_edit:
        raise Denied(verb="nwfilter.edit")
    if not sessions.is_confirmed(actor):
        return _password_first(request.path)
    form = posted(request, Strict)
    name = details.record.name
    if form.is_bound:
        try:
            desk.delete(actor, ref.on_host, uuid=ref.id)
        except Problem as problem:
            return respond.problem(request, problem, about=name, about_url=links.of(ref))
        said = _("Filter %(name)s was deleted.") % {"name": name}
        return respond.done(request, said, to=reverse("nwfilters"))
    users = desk.users_of(actor, ref.on_host, uuid=ref.id)
    context = {
        "form": form,
        "users": users,
        "it": details,
        "name": "nwfilter.delete",
        "action": "" if users else request.path,
        "tone": "bad",
        "back_url": links.of(ref),
        "back_label": name,
        "title": _("Delete network filter %(name)s?") % {"name": name},
        "action_label": _("Delete"),
        "command": face.line(details.host.uri, "nwfilter-undefine", name),
        "frame": "parts/dialog_page.html",
    }
    return respond.page(request, "nwfilters/delete.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Its XML: raw, so the password was given lately and the differences are shown first."""
    actor = request.actor  # type: ignore[attr-defined]
    details = desk.show(actor, refs.filter_(host, str(uuid)))
    if not details.may_edit:
        raise Denied(verb="nwfilter.edit")
    if not sessions.is_confirmed(actor):
        return _password_first(request.path)
    record = details.record
    initial = {"text": record.xml, "definition_hash": record.definition_hash}
    form = posted(request, TextForm, initial=initial)
    is_review = False
    if request.method == "POST" and form.is_valid():
        is_review = form.cleaned_data["step"] != "store"
        try:
            if not is_review:
                _store(request, details, form.cleaned_data)
                said = _("Filter %(name)s was stored. Interfaces pass its new rules now.")
                to = links.of(details.ref)
                return respond.done(request, said % {"name": record.name}, to=to)
        except Invalid as invalid:
            form.add_error("text", invalid.detail or _("This XML is not a filter."))
        except Problem as problem:
            return respond.problem(request, problem, about=record.name)
    text = form.cleaned_data.get("text", "") if is_review else ""
    context = {
        "form": form,
        "it": details,
        "is_review": is_review,
        "diff": differences.lines(record.xml, text) if is_review else (),
        "define_line": face.line(details.host.uri, "nwfilter-define", "filter.xml"),
    }
    return respond.page(request, "nwfilters/edit.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def assign(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Choose the filter of one interface of a guest: `?mac=`."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    mac = request.POST.get("mac", "") or request.GET.get("mac", "")
    choice = desk.choice(actor, ref, mac=mac)
    form = posted(request, AssignForm, initial={"mac": choice.mac, "name": choice.now})
    form.fields["name"].widget.choices = [
        ("", _("No filter")), *((name, name) for name in choice.names)
    ]  # fmt: skip
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data["name"]
        if wanted and wanted not in choice.names:
            raise NotFound(ref=str(ref))
        try:
            desk.assign(actor, ref, mac=choice.mac, name=wanted)
        except Problem as problem:
            return respond.problem(request, problem, about=choice.guest, about_url=links.of(ref))
        to = "" if request.htmx else links.of(ref)  # type: ignore[attr-defined]
        values = {"guest": choice.guest, "mac": choice.mac, "filter": wanted or _("no filter")}
        said = _("%(guest)s, %(mac)s: %(filter)s from now on.") % values
        return respond.done(request, said, to=to)
    context = {
        "form": form,
        "choice": choice,
        "name": "nwfilter.assign",
        "action": reverse("guest_filter", args=[host, uuid]),
        "back_url": links.of(ref),
        "back_label": choice.guest,
        "title": _("Network filter of %(guest)s") % {"guest": choice.guest},
        "action_label": _("Apply"),
        "frame": respond.frame(request),
    }
    return respond.page(
        request, "nwfilters/assign.html", context, status=422 if form.errors else 200
    )


def _created(request: HttpRequest, host: refs.Ref, form: Strict) -> HttpResponse | None:
    """None: the form says what is wrong."""
    given = form.cleaned_data
    try:
        desk.create(request.actor, host, **{name: given[name] for name in ("name", "start")})  # type: ignore[attr-defined]
    except Invalid as invalid:
        form.add_invalid(invalid)
        if not invalid.fields:
            form.add_error(None, invalid.detail or _("This XML is not a filter."))
        return None
    except Exists as exists:
        form.add_error("name", messages.problem(exists).sentence)
        return None
    except Problem as problem:
        return respond.problem(request, problem, about=given["name"])
    # Its page is there once the mirror has it; the list brings it by itself.
    query = urlencode({"host": host.host, "search": given["name"]})
    said = _("Filter %(name)s was made.") % {"name": given["name"]}
    return respond.done(request, said, to=f"{reverse('nwfilters')}?{query}")


def _store(request: HttpRequest, details: desk.FilterDetails, found: dict[str, str]) -> None:
    desk.define(
        request.actor,  # type: ignore[attr-defined]
        details.ref.on_host,
        name=details.record.name,
        text=found["text"],
        uuid=details.ref.id,
        definition_hash=found["definition_hash"],
    )


def _password_first(path: str) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('me_confirm')}?next={quote(path)}")
