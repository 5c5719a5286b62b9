"""What is done to a storage pool: by POST at once, or after a question."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid, Problem
from kvmweb.core.pools import ERASES
from kvmweb.core.refs import Ref
from kvmweb.services import pool_acts as desk
from kvmweb.services import pools
from kvmweb.services.power_line import Outcome
from kvmweb.ui import fragments, links, storage_commands, words
from kvmweb.ui import pools as face
from kvmweb.web import jobs, respond
from kvmweb.web.forms import Strict, posted


class SwitchForm(Strict):
    """enabled: where the switch goes to, not where it is: twice is the same."""

    enabled = forms.ChoiceField(choices=[("on", ""), ("off", "")])


class BuildForm(Strict):
    """overwrite: what is on the devices is lost; then the name is typed."""

    overwrite = forms.BooleanField(
        label=gettext_lazy("Overwrite what is on it: all data there is lost"), required=False
    )
    typed = forms.CharField(required=False, strip=False)


class DeleteForm(Strict):
    """What goes with the pool; the name is typed when data is lost."""

    with_volumes = forms.BooleanField(
        label=gettext_lazy("Delete all volumes inside it"), required=False
    )
    with_content = forms.BooleanField(
        label=gettext_lazy("Remove its folder or volume group from the host"), required=False
    )
    typed = forms.CharField(required=False, strip=False)


AT_ONCE: dict[str, Callable[[Actor, Ref], Outcome]] = {
    "start": desk.start,
    "stop": desk.stop,
    "refresh": desk.refresh,
}


@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, host: str, uuid: UUID, path: str) -> HttpResponse:
    """Start, stop, refresh: POST does it; GET asks first."""
    if path not in AT_ONCE:
        raise Http404
    ref = refs.pool(host, str(uuid))
    if request.method == "POST":
        posted(request, Strict)
        return _done(request, ref, f"pool.{path}", lambda actor: AT_ONCE[path](actor, ref))
    it, verb = _page(request, ref), f"pool.{path}"
    context = {"warning": face.warning(verb), "command": it.by_verb[verb].command}
    return _ask(request, it, verb, "storage/pool_confirm.html", Strict(), context)


@require_http_methods(["POST"])
def autostart(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Where the switch goes to."""
    ref = refs.pool(host, str(uuid))
    form = posted(request, SwitchForm)
    if not form.is_valid():
        raise Invalid(form.errors.as_text())
    enabled = form.cleaned_data["enabled"] == "on"
    return _done(
        request, ref, "pool.autostart", lambda actor: desk.autostart(actor, ref, enabled=enabled)
    )


@require_http_methods(["GET", "HEAD", "POST"])
def build(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Make what the pool stands on; overwriting asks for the name."""
    ref = refs.pool(host, str(uuid))
    it = _page(request, ref)
    form = posted(request, BuildForm)
    if form.is_bound and form.is_valid():
        overwrite = form.cleaned_data["overwrite"]
        if not overwrite or _is_typed(form, it):
            build_it = partial(desk.build, overwrite=overwrite)
            return _done(request, ref, "pool.build", lambda actor: build_it(actor, ref))
    context = {"erases": it.record.type in ERASES, "command": it.by_verb["pool.build"].command}
    return _ask(request, it, "pool.build", "storage/pool_build.html", form, context)


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Delete it, with or without what it holds: a job of steps in their order."""
    ref = refs.pool(host, str(uuid))
    it = _page(request, ref)
    form = posted(request, DeleteForm)
    if form.is_bound and form.is_valid():
        chosen = {name: form.cleaned_data[name] for name in ("with_volumes", "with_content")}
        if not any(chosen.values()) or _is_typed(form, it):
            try:
                job = desk.delete(request.actor, ref, **chosen)  # type: ignore[attr-defined]
            except Problem as problem:
                return _refused(request, problem, it)
            if not request.htmx:  # type: ignore[attr-defined]
                return respond.done(request, to=reverse("job", args=[job]))
            return respond.page(request, "jobs/dialog.html", jobs.show_context(request, job))
    context = {"command": storage_commands.delete(it.details.host.uri, it.record)}
    return _ask(request, it, "pool.delete", "storage/pool_delete.html", form, context)


def _page(request: HttpRequest, ref: Ref) -> face.PoolPage:
    return face.page(pools.show(request.actor, ref))  # type: ignore[attr-defined]


def _is_typed(form: Any, it: face.PoolPage) -> bool:
    if form.cleaned_data["typed"].strip() == it.record.name:
        return True
    form.add_error("typed", _("Type the name to confirm."))
    return False


def _ask(
    request: HttpRequest,
    it: face.PoolPage,
    verb: str,
    template: str,
    form: Any,
    more: dict[str, Any],
) -> HttpResponse:
    control = it.by_verb[verb]
    context = {
        "it": it,
        "control": control,
        "form": form,
        "title": face.question(verb, it.record.name),
        "name": verb,
        "tone": "bad",
        "action": "" if control.reason else request.path,
        "action_label": control.label,
        "back_url": it.url,
        "back_label": it.record.name,
        "frame": respond.frame(request),
        **more,
    }
    return respond.page(request, template, context, status=422 if form.errors else 200)


def _done(
    request: HttpRequest, ref: Ref, verb: str, act: Callable[[Actor], Outcome]
) -> HttpResponse:
    it = _page(request, ref)
    try:
        outcome = act(request.actor)  # type: ignore[attr-defined]
    except Problem as problem:
        return _refused(request, problem, it)
    said, tone = "", "good"
    values = {"name": it.record.name, "verb": words.verb(verb).label}
    if outcome is Outcome.ASKED:
        tone = "info"
        said = _("%(name)s: “%(verb)s” takes longer than usual and goes on.") % values
    elif verb in ("pool.refresh", "pool.build"):
        said = _("%(name)s: “%(verb)s” is done.") % values
    return respond.done(request, said, tone=tone, to="" if request.htmx else links.of(ref))  # type: ignore[attr-defined]


def _refused(request: HttpRequest, problem: Problem, it: face.PoolPage) -> HttpResponse:
    answer = respond.problem(request, problem, about=it.record.name, about_url=it.url)
    answer.headers["HX-Trigger"] = fragments.triggers(close_dialog=True)
    return answer
