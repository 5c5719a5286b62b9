"""Projects: list, one project with all that belongs to it, and the project of a guest."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kvmweb.core import refs
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.core.refs import Kind, Ref
from kvmweb.services import grants, guest_page, projects, rights
from kvmweb.ui import links
from kvmweb.web import respond
from kvmweb.web.forms import Strict, attempt, posted
from kvmweb.web.grants import GuestField

MORE_THAN_HELD = _("A project gives rights on what is in it. You can only give what you hold.")


class ProjectForm(Strict):
    """What a project is called."""

    name = forms.CharField(label=_("Name"), max_length=64)
    description = forms.CharField(label=_("Description"), max_length=500, required=False)


class PartForm(Strict):
    """A guest as typed, or a pool or network as chosen."""

    guest = GuestField()
    what = forms.CharField(label=_("Pool or network"), max_length=120, required=False)

    def text(self) -> str:
        """What was meant, in the service's words."""
        return str(self.cleaned_data["what"] or self.cleaned_data["guest"])


class BelongsForm(Strict):
    """The project of a guest."""

    project = forms.ChoiceField(label=_("Project"), required=False)

    def __init__(self, data: Any = None, *, choices: list[tuple[str, str]], **rest: Any) -> None:
        super().__init__(data, **rest)
        self.fields["project"].choices = [("", _now("No project")), *choices]  # type: ignore[attr-defined]


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    """All projects."""
    return _list(request, ProjectForm())


@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Make one."""
    form = posted(request, ProjectForm)
    project = attempt(form, lambda: projects.add(request.actor, **form.cleaned_data))  # type: ignore[attr-defined]
    return _to(request, project) if project else _list(request, form)


@require_safe
def show(request: HttpRequest, project: int) -> HttpResponse:
    """What belongs to it, and who may do what there."""
    return _show(request, project)


@require_POST
def change(request: HttpRequest, project: int) -> HttpResponse:
    """Call it differently."""
    form = posted(request, ProjectForm)
    actor = request.actor  # type: ignore[attr-defined]
    if attempt(form, lambda: projects.change(actor, project, **form.cleaned_data)):
        return _to(request, project, _now("The change is made."))
    return _show(request, project, form=form)


@require_POST
def remove(request: HttpRequest, project: int) -> HttpResponse:
    """Take it away; what belonged to it stays."""
    posted(request, Strict)
    projects.remove(request.actor, project)  # type: ignore[attr-defined]
    return respond.done(request, _now("The project is removed."), to=reverse("projects"))


@require_POST
def put_in(request: HttpRequest, project: int) -> HttpResponse:
    """Something belongs to it from now on."""
    form = posted(request, PartForm)
    actor = request.actor  # type: ignore[attr-defined]
    rights.require(actor, "people.grant")
    if form.is_valid():
        try:
            projects.put_in(actor, project, form.text())
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Denied:
            form.add_error(None, MORE_THAN_HELD)
        else:
            return _to(request, project)
    return _show(request, project, part=form)


@require_POST
def take_out(request: HttpRequest, project: int) -> HttpResponse:
    """Something belongs to it no more."""
    form = posted(request, PartForm)
    actor = request.actor  # type: ignore[attr-defined]
    rights.require(actor, "people.grant")
    if form.is_valid():
        try:
            projects.take_out(actor, project, form.text())
        except Invalid as invalid:
            raise NotFound() from invalid
    return _to(request, project)


@require_http_methods(["GET", "HEAD", "POST"])
def of_guest(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Which project a guest is in: a dialog, or a page of its own without htmx."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    name = guest_page.name(actor, ref)
    rights.require(actor, "people.grant")
    now = projects.of_guest(actor, ref)[0]
    choices = [(str(key), called) for key, called in projects.all_(actor)]
    initial = {"project": str(now or "")}
    form = posted(request, BelongsForm, choices=choices, initial=initial)
    if form.is_valid():
        try:
            _move(request, ref, now, int(form.cleaned_data["project"] or 0))
        except Denied:
            form.add_error(None, MORE_THAN_HELD)
        else:
            to = "" if request.htmx else links.of(ref)  # type: ignore[attr-defined]
            return respond.done(request, _now("The change is made."), to=to)
    context = {
        "form": form,
        "name": "project",
        "action": request.path,
        "title": _now("Project of %(name)s") % {"name": name},
        "action_label": _now("Save"),
        "back_url": links.of(ref),
        "back_label": name,
        "frame": respond.frame(request),
    }
    return respond.page(request, "guests/project.html", context, status=422 if form.errors else 200)


def _move(request: HttpRequest, ref: Ref, before: int, after: int) -> None:
    actor = request.actor  # type: ignore[attr-defined]
    if after:
        projects.put_in(actor, after, str(ref))
    elif before:
        projects.take_out(actor, before, str(ref))


def _to(request: HttpRequest, project: int, sentence: str = "") -> HttpResponse:
    return respond.done(request, sentence, to=reverse("project", args=[project]))


def _list(request: HttpRequest, form: ProjectForm) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    context = {
        "projects": projects.list_(actor),
        "form": form,
        "may_change": rights.held(actor, "people.change"),
        "tab": "projects",
    }
    status = 422 if form.errors else 200
    return respond.page(request, "people/projects.html", context, status=status)


def _show(
    request: HttpRequest,
    project: int,
    *,
    form: ProjectForm | None = None,
    part: PartForm | None = None,
) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    found = projects.get(actor, project)
    initial = {"name": found.name, "description": found.description}
    context = {
        "project": found,
        "parts": [_part(part) for part in projects.parts(actor, project)],
        "pools": projects.candidates(actor, project, Kind.POOL),
        "networks": projects.candidates(actor, project, Kind.NETWORK),
        "grants": grants.list_(actor, scope=found.scope),
        "form": form or ProjectForm(initial=initial),
        "part": part or PartForm(),
        "may_change": rights.held(actor, "people.change"),
        "may_grant": rights.held(actor, "people.grant"),
    }
    status = 422 if form or part else 200
    return respond.page(request, "people/project.html", context, status=status)


def _part(part: projects.Part) -> dict[str, Any]:
    url = "" if part.is_gone else links.of(part.ref)
    return {"ref": part.ref, "name": part.name, "host": part.host, "url": url}


urlpatterns = [
    path("", list_, name="projects"),
    path("add/", add, name="projects_add"),
    path("<int:project>/", show, name="project"),
    path("<int:project>/change/", change, name="project_change"),
    path("<int:project>/remove/", remove, name="project_remove"),
    path("<int:project>/put-in/", put_in, name="project_put_in"),
    path("<int:project>/take-out/", take_out, name="project_take_out"),
]
