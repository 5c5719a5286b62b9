"""The guest agent's dialogs: a channel for it, passwords, keys, freezing, trimming, its clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from kvmweb.core import refs
from kvmweb.core.errors import Invalid, Problem
from kvmweb.core.hardware_kinds import AGENT_CHANNEL
from kvmweb.services import agent_acts, freezes, hardware
from kvmweb.services.power_line import Outcome
from kvmweb.ui import agent as face
from kvmweb.ui import commands, links
from kvmweb.web import guest_dialogs, respond
from kvmweb.web.forms import Strict
from kvmweb.web.guest_dialogs import Answer, Change, Question

OF_AGENT = "guests/<slug:host>/<uuid:uuid>/agent/"
ASKS = require_http_methods(["GET", "HEAD", "POST"])


class UserForm(Strict):
    """Somebody of the guest's own people."""

    user = forms.CharField(
        label=gettext_lazy("User of the guest"), initial="root", max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip


class PasswordForm(UserForm):
    """What is typed is never sent back. Limits and sentences are the service's."""

    password = forms.CharField(
        label=gettext_lazy("New password"),
        strip=False,
        widget=forms.PasswordInput(
            attrs={"autocomplete": "new-password", "data-strength": "agent-strength"}
        ),
    )
    is_hashed = forms.BooleanField(
        label=gettext_lazy("It is a hash already, as in /etc/shadow"), required=False
    )


class KeysForm(UserForm):
    """One key more; or, by its button, one less."""

    key = forms.CharField(
        label=gettext_lazy("Public key to add"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=gettext_lazy("One line, such as “ssh-ed25519 AAAA… name”."),
    )
    remove = forms.CharField(required=False, widget=forms.HiddenInput)


@ASKS
def channel(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Give the guest the channel that an agent answers on."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)

    def act(found: dict[str, Any]) -> Answer:
        when = hardware.add(actor, ref, AGENT_CHANNEL.name, {}, **found).when
        return face.plugged(when), "good" if when == "now" else "warn"

    asked = Question(
        "guests/agent_channel.html",
        _("Add a channel for the guest agent of %(name)s?") % {"name": details.record.name},
        _("Add the channel"),
        Change,
        act,
        {"command": face.attach(details), "packages": face.PACKAGES},
        name="agent-channel",
    )
    return guest_dialogs.answer(request, details, asked)


@sensitive_post_parameters("password")
@ASKS
def password(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Another password for a user of the guest."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)

    def act(found: dict[str, Any]) -> Answer:
        agent_acts.set_password(actor, ref, **found)
        return _("The password of %(user)s was set.") % {"user": found["user"]}, "good"

    asked = Question(
        "guests/agent_password.html",
        _("Set a password in %(name)s") % {"name": details.record.name},
        _("Set the password"),
        PasswordForm,
        act,
        {"command": commands.guest(details.host.uri, "guest.password", details.record)},
        name="guest.password",
    )
    return guest_dialogs.answer(request, details, asked)


@ASKS
def keys(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """The keys of one user: `?user=` lists them; POST adds one or removes one."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    user = request.GET.get("user", "") if request.method != "POST" else ""
    listed, wrong = None, ""
    try:
        listed = agent_acts.keys(actor, ref, user=user) if user else None
    except Invalid as invalid:
        wrong = " ".join(invalid.fields.values())
    except Problem as problem:
        return respond.problem(request, problem, about=details.record.name)
    context = {
        "command": commands.guest(details.host.uri, "guest.keys", details.record),
        "listed": None if listed is None else [(key, *face.short(key)) for key in listed],
        "wrong": wrong,
    }

    def form(*args: Any, **rest: Any) -> Strict:
        if "initial" in rest:
            rest["initial"] |= {"user": user} if user else {}
        return KeysForm(*args, **rest)

    def act(found: dict[str, Any]) -> Answer:
        if found["remove"]:
            agent_acts.remove_key(actor, ref, user=found["user"], key=found["remove"])
            return _("The key was removed."), "good"
        agent_acts.add_key(actor, ref, user=found["user"], key=found["key"])
        return _("The key was added."), "good"

    title = _("SSH keys in %(name)s") % {"name": details.record.name}
    asked = Question(
        "guests/agent_keys.html", title, _("Add the key"), form, act, context, name="guest.keys"
    )
    return guest_dialogs.answer(request, details, asked)


@ASKS
def freeze(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Hold every write in the guest; for how long at most is said."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]

    def act(_found: dict[str, Any]) -> Answer:
        count = freezes.freeze(actor, ref)
        return face.frozen(count), "warn"

    return _ask(
        request, ref, "freeze", act,
        title=_("Freeze the file systems of %(name)s?"), action=_("Freeze"), tone="bad",
        seconds=settings.KVMWEB_FREEZE_S,
    )  # fmt: skip


@require_POST
def thaw(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Let it write again: never asked about."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    try:
        count = freezes.thaw(actor, ref)
    except Problem as problem:
        return respond.problem(request, problem, about_url=links.of(ref))
    to = "" if request.htmx else links.of(ref)  # type: ignore[attr-defined]
    return respond.done(request, face.thawed(count), to=to)


@ASKS
def trim(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """Free blocks of the guest go back to its disks."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]

    def act(_found: dict[str, Any]) -> Answer:
        if agent_acts.trim(actor, ref) is Outcome.ASKED:
            return _("The guest trims its file systems; it goes on."), "info"
        return _("The guest trimmed its file systems."), "good"

    return _ask(
        request, ref, "trim", act,
        title=_("Trim the file systems of %(name)s?"), action=_("Trim"),
    )  # fmt: skip


@ASKS
def set_time(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """The guest's clock, put right by its host's."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]

    def act(_found: dict[str, Any]) -> Answer:
        agent_acts.set_time(actor, ref)
        return _("The guest's clock was set."), "good"

    return _ask(
        request, ref, "time", act, title=_("Set the clock of %(name)s?"), action=_("Set it")
    )


def _ask(
    request: HttpRequest,
    ref: refs.Ref,
    what: str,
    act: Callable[[dict[str, Any]], Answer],
    *,
    title: str,
    action: str,
    tone: str = "",
    seconds: int = 0,
) -> HttpResponse:
    details = guest_dialogs.about(request, ref)
    verb = f"guest.{what}"
    context = {
        "what": what,
        "seconds": seconds,
        "command": commands.guest(details.host.uri, verb, details.record),
    }
    asked = Question(
        "guests/agent_ask.html", title % {"name": details.record.name}, action, Strict, act,
        context, name=verb, tone=tone,
    )  # fmt: skip
    return guest_dialogs.answer(request, details, asked)


urlpatterns = [
    path(f"{OF_AGENT}channel/", channel, name="guest_agent_channel"),
    path(f"{OF_AGENT}password/", password, name="guest_agent_password"),
    path(f"{OF_AGENT}keys/", keys, name="guest_agent_keys"),
    path(f"{OF_AGENT}freeze/", freeze, name="guest_agent_freeze"),
    path(f"{OF_AGENT}thaw/", thaw, name="guest_agent_thaw"),
    path(f"{OF_AGENT}trim/", trim, name="guest_agent_trim"),
    path(f"{OF_AGENT}time/", set_time, name="guest_agent_time"),
]
