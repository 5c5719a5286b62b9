"""Secrets of a host: the list, a new one, a new value, the end of one."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from kvmweb.core import refs
from kvmweb.core.devices import SecretUsage
from kvmweb.core.errors import Exists, Invalid, Problem
from kvmweb.services import host_page, hosts
from kvmweb.services import secrets as desk
from kvmweb.ui import commands, messages
from kvmweb.ui import hosts as host_face
from kvmweb.ui import secrets as face
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted


class ValueForm(Strict):
    """What is typed is never sent back."""

    value = forms.CharField(
        label=gettext_lazy("Value"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("It is handed to libvirt and can never be read here again."),
    )
    is_base64 = forms.BooleanField(
        label=gettext_lazy("It is base64, as keys of Ceph are"), required=False
    )


class SecretForm(ValueForm):
    """Limits and sentences are the service's."""

    usage = forms.ChoiceField(label=gettext_lazy("For"), choices=list(face.USAGES.items()))
    usage_id = forms.CharField(
        label=gettext_lazy("Name"),
        required=False,
        help_text=gettext_lazy("Of a volume its full path, of Ceph or iSCSI any name."),
    )
    description = forms.CharField(label=gettext_lazy("Description"), required=False)
    is_private = forms.BooleanField(
        label=gettext_lazy("Private: no program may read the value back from libvirt"),
        required=False,
    )
    is_ephemeral = forms.BooleanField(
        label=gettext_lazy("In memory only: gone when libvirt restarts"), required=False
    )
    field_order = ["usage", "usage_id", "value", "is_base64", "description"]


@require_safe
def list_(request: HttpRequest, host: str) -> HttpResponse:
    """The secrets of this host, never their values."""
    actor, ref = request.actor, refs.host(host)  # type: ignore[attr-defined]
    details = host_page.show(actor, ref)
    context = {
        "live_rev": details.rev,
        "it": host_face.page(details),
        "rows": desk.list_(actor, ref),
        "command": commands.virsh(details.row.uri, "secret-list"),
    }
    return respond.page(request, "hosts/secrets.html", context)


@sensitive_post_parameters("value")
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest, host: str) -> HttpResponse:
    """A new one."""
    actor, ref = request.actor, refs.host(host)  # type: ignore[attr-defined]
    desk.list_(actor, ref)
    initial = {"usage": SecretUsage.CEPH.value, "is_private": True}
    form = posted(request, SecretForm, initial=initial)
    if form.is_bound and form.is_valid():
        given = dict(form.cleaned_data)
        try:
            desk.define(actor, ref, SecretUsage(given.pop("usage")), given.pop("usage_id"), **given)
            return _done(request, ref, _("The secret was made."))
        except Invalid as invalid:
            form.add_invalid(invalid)
            if not invalid.fields:
                form.add_error(None, messages.problem(invalid).sentence)
        except Exists as exists:
            form.add_error("usage_id", messages.problem(exists).sentence)
        except Problem as problem:
            return respond.problem(request, problem, about=host)
    context = {"title": _("New secret"), "action_label": _("Make the secret")}
    return _ask(request, ref, form, "hosts/secret_form.html", context)


@sensitive_post_parameters("value")
@require_http_methods(["GET", "HEAD", "POST"])
def value(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """A new value for one that is there."""
    actor, ref = request.actor, refs.host(host)  # type: ignore[attr-defined]
    row = desk.get(actor, ref, str(uuid))
    form = posted(request, ValueForm)
    if form.is_bound and form.is_valid():
        try:
            desk.set_value(actor, ref, str(uuid), **form.cleaned_data)
            return _done(request, ref, _("The value was set."))
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Problem as problem:
            return respond.problem(request, problem, about=host)
    context = {
        "title": _("New value"),
        "action_label": _("Set the value"),
        "one": row,
        "command": face.set_value(hosts.get(actor, ref).uri, str(uuid)),
    }
    return _ask(request, ref, form, "hosts/secret_form.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Ask, naming what uses it; then delete."""
    actor, ref = request.actor, refs.host(host)  # type: ignore[attr-defined]
    row = desk.get(actor, ref, str(uuid))
    form = posted(request, Strict)
    if form.is_bound:
        try:
            desk.undefine(actor, ref, str(uuid))
        except Problem as problem:
            return respond.problem(request, problem, about=host)
        return _done(request, ref, _("The secret was deleted."))
    context = {
        "title": _("Delete this secret?"),
        "action_label": _("Delete"),
        "tone": "bad",
        "one": row,
        "command": face.undefine(hosts.get(actor, ref).uri, str(uuid)),
    }
    return _ask(request, ref, form, "hosts/secret_delete.html", context)


def _ask(
    request: HttpRequest, ref: refs.Ref, form: Strict, template: str, words: Mapping[str, object]
) -> HttpResponse:
    context = {
        **words,
        "form": form,
        "action": request.path,
        "name": "secret",
        "back_url": reverse("host-secrets", args=[ref.host]),
        "back_label": _("Secrets"),
        "frame": respond.frame(request),
    }
    return respond.page(request, template, context, status=422 if form.errors else 200)


def _done(request: HttpRequest, ref: refs.Ref, sentence: str) -> HttpResponse:
    to = "" if request.htmx else reverse("host-secrets", args=[ref.host])  # type: ignore[attr-defined]
    return respond.done(request, sentence, to=to)
