"""Make a pool: host and type in the address, one short form for each type; where pools may be."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kvmweb.core import refs
from kvmweb.core.errors import Denied, Exists, HostDown, Invalid, NotFound, Problem
from kvmweb.core.pools import PoolSpec
from kvmweb.core.refs import Ref
from kvmweb.services import pool_making as desk
from kvmweb.services import pool_roots, pools, sight
from kvmweb.ui import messages, storage_commands
from kvmweb.ui import pools as face
from kvmweb.web import jobs, pool_forms, respond
from kvmweb.web.forms import Strict, posted
from kvmweb.web.pool_forms import PoolForm

_FOUND = ("hosts", "source", "devices", "format")


class RootForm(Strict):
    """A place that pools may be in, or that guests may share."""

    purpose = forms.ChoiceField(
        label=pgettext_lazy("place", "For"),
        required=False,
        choices=[
            (pool_roots.FOR_POOLS, gettext_lazy("Storage pools")),
            (pool_roots.SHARES, gettext_lazy("Shared directories of guests")),
        ],
    )
    path = forms.CharField(label=gettext_lazy("Folder or device"), max_length=500)
    host = forms.ChoiceField(label=pgettext_lazy("place", "On"), required=False)

    def __init__(self, *args: Any, hosts: list[Any], **rest: Any) -> None:
        super().__init__(*args, **rest)
        every = ("", gettext_lazy("Every host"))
        self.fields["host"].choices = [every, *hosts]  # type: ignore[attr-defined]


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """`?host=` and `?type=` choose; the form below them is that type's."""
    actor = request.actor  # type: ignore[attr-defined]
    hosts = desk.hosts(actor)
    if not hosts:
        raise Denied(verb="pool.create") if desk.is_blind(actor) else HostDown
    chosen = next((it for it in hosts if it.ref.host == request.GET.get("host")), hosts[0])
    types = desk.types(actor, chosen.ref)
    wanted = request.GET.get("type", "")
    pool_type = wanted if wanted in types else next(iter(types), "")
    if not pool_type:
        raise Http404
    form = posted(
        request, PoolForm, pool_type=pool_type, may_allow=pool_roots.may_change(actor),
        initial=_initial(request, actor, chosen.ref),
    )  # fmt: skip
    if form.is_bound and form.is_valid():
        answer = _create(request, chosen.ref, form)
        if answer is not None:
            return answer
    context = {
        "form": form,
        "hosts": hosts,
        "chosen": chosen,
        "types": pool_forms.choices(types),
        "pool_type": pool_type,
        "roots": pool_roots.allowed(actor, chosen.ref),
        "may_change_roots": pool_roots.may_change(actor),
        "command": storage_commands.define(chosen.uri, _typed(form)),
        **pool_forms.facts(pool_type),
    }
    status = 422 if form.errors else 200
    return respond.page(request, "storage/pool_create.html", context, part="typed", status=status)


@require_POST
def create_default(request: HttpRequest, host: str) -> HttpResponse:
    """The pool that other tools expect, with one press."""
    posted(request, Strict)
    job = desk.create_default(request.actor, refs.host(host))  # type: ignore[attr-defined]
    return _begun(request, job)


@require_GET
def discover(request: HttpRequest, host: str) -> HttpResponse:
    """What libvirt finds to make a pool of: as choices that fill the form."""
    pool_type = request.GET.get("type", "")
    context: dict[str, Any] = {"pool_type": pool_type, "chosen_host": host}
    try:
        context["found"] = desk.discover(
            request.actor,  # type: ignore[attr-defined]
            refs.host(host),
            pool_type,
            machine=request.GET.get("hosts", "").strip(),
            initiator=request.GET.get("initiator", "").strip(),
        )
    except (Denied, NotFound):
        raise
    except Invalid as invalid:
        context["wrong"] = next(iter(invalid.fields.values()), "")
    except Problem as problem:
        detail = sight.told(request.actor, problem, refs.host(host))  # type: ignore[attr-defined]
        context["said"] = messages.problem(problem, detail=detail)
        context["is_fault"] = problem.code == "fault"
    return respond.page(request, "storage/found.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Where a stopped pool gets its data from."""
    ref = refs.pool(host, str(uuid))
    actor = request.actor  # type: ignore[attr-defined]
    it = face.page(pools.show(actor, ref))
    if it.record.type not in pool_forms.FIELDS:
        raise Http404
    initial = face.typed(it.record)
    form = posted(request, PoolForm, pool_type=it.record.type, is_edit=True, initial=initial)
    if form.is_bound and form.is_valid():
        spec = form.spec(name=it.record.name, uuid=ref.id)
        try:
            desk.edit(actor, ref, spec, definition_hash=it.record.definition_hash)
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Problem as problem:
            return respond.problem(request, problem, about=it.record.name, about_url=it.url)
        else:
            to = "" if request.htmx else it.url  # type: ignore[attr-defined]
            return respond.done(request, _("The pool was changed."), to=to)
    control = it.by_verb["pool.edit"]
    context = {
        "form": form,
        "it": it,
        "control": control,
        "title": _("Edit the pool %(name)s") % {"name": it.record.name},
        "name": "pool.edit",
        "action": "" if control.reason else request.path,
        "action_label": _("Save"),
        "command": control.command,
        "back_url": it.url,
        "back_label": it.record.name,
        "frame": respond.frame(request),
    }
    status = 422 if form.errors else 200
    return respond.page(request, "storage/pool_edit.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def roots(request: HttpRequest) -> HttpResponse:
    """Where pools may be, for who may change settings."""
    actor = request.actor  # type: ignore[attr-defined]
    if not pool_roots.may_change(actor):
        raise Denied(verb="settings.change")
    hosts = [(it.ref.host, it.name) for it in desk.hosts(actor)]
    form = posted(request, RootForm, hosts=hosts)
    if form.is_bound and form.is_valid():
        try:
            typed = form.cleaned_data
            purpose = typed["purpose"] or pool_roots.FOR_POOLS
            pool_roots.add(actor, typed["path"], typed["host"], purpose=purpose)
            return HttpResponseRedirect(reverse("storage_roots"))
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Exists as problem:
            form.add_error("path", messages.problem(problem).sentence)
    there = pool_roots.list_(actor)
    context = {
        "form": form,
        "roots": [it for it in there if it.purpose == pool_roots.FOR_POOLS],
        "shares": [it for it in there if it.purpose == pool_roots.SHARES],
        "standard": pool_roots.standard(),
    }
    status = 422 if form.errors else 200
    return respond.page(request, "storage/roots.html", context, status=status)


@require_POST
def remove_root(request: HttpRequest, root: int) -> HttpResponse:
    """No further pools there."""
    posted(request, Strict)
    pool_roots.remove(request.actor, root)  # type: ignore[attr-defined]
    return respond.done(request, to=reverse("storage_roots"))


def _create(request: HttpRequest, ref: Ref, form: PoolForm) -> HttpResponse | None:
    actor = request.actor  # type: ignore[attr-defined]
    found, spec = form.cleaned_data, form.spec()
    try:
        if found.get("allow"):
            desk.allow(actor, ref, spec)
        job = desk.create(
            actor, ref, spec, build=found.get("build", False),
            overwrite=found.get("overwrite", False),
        )  # fmt: skip
    except Invalid as invalid:
        form.add_invalid(invalid)
        return None
    except Denied:
        raise
    except Problem as problem:
        return respond.problem(request, problem)
    return respond.done(request, to=reverse("job", args=[job]))


def _begun(request: HttpRequest, job: UUID) -> HttpResponse:
    """The job's card in a dialog."""
    if not request.htmx:  # type: ignore[attr-defined]
        return respond.done(request, to=reverse("job", args=[job]))
    answer = respond.page(request, "jobs/dialog.html", jobs.show_context(request, job))
    answer.headers["HX-Retarget"] = "#dialogs"
    answer.headers["HX-Reswap"] = "innerHTML"
    return answer


def _initial(request: HttpRequest, actor: Any, ref: Ref) -> dict[str, Any]:
    """What discovery found may stand in the address, and what was typed before."""
    allowed = pool_roots.allowed(actor, ref)
    folder = f"{allowed[0]}/" if allowed else ""
    given = {
        name: request.GET[name][:500]
        for name in (*_FOUND, "name", "target", "port", "initiator", "username")
        if name in request.GET
    }
    return {"target": folder, **given}


def _typed(form: PoolForm) -> PoolSpec:
    """What stands in the form, for the command beside it."""
    source = form.data if form.is_bound else form.initial

    def text(name: str) -> str:
        return str(source.get(name) or "") if name in form.fields else ""

    return PoolSpec(
        name=text("name") or "NAME",
        type=form.pool_type,
        target=text("target"),
        hosts=pool_forms.split(text("hosts")),
        source=text("source"),
        devices=pool_forms.split(text("devices")),
        format=text("format"),
        initiator=text("initiator"),
        adapter=text("adapter"),
    )
