"""Make a template of a guest, and a guest of a template."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs
from kvmweb.core.wishes import CloudWish
from kvmweb.services import templates as desk
from kvmweb.web import guest_dialogs
from kvmweb.web.guest_dialogs import Answer, Change, Question

GUEST = "guests/<slug:host>/<uuid:uuid>/"


class TemplateForm(Change):
    """What cloud-init tells a new guest; limits and sentences are the service's."""

    user = forms.CharField(label=gettext_lazy("User"), max_length=700, required=False)
    packages = forms.CharField(
        label=gettext_lazy("Packages"), max_length=4000, required=False,
        help_text=gettext_lazy("Separated by spaces."),
    )  # fmt: skip
    keys = forms.CharField(
        label=gettext_lazy("SSH public keys"), max_length=100_000, required=False,
        help_text=gettext_lazy("One a line."),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )  # fmt: skip
    user_data = forms.CharField(
        label=gettext_lazy("Further user-data"), max_length=65_536, required=False, strip=False,
        help_text=gettext_lazy("YAML."),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
def make(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """GET asks for what cloud-init tells new guests; POST does it."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    mark = desk.ask(actor, ref).template
    known = {"user": mark.user, "keys": mark.keys, "packages": mark.packages} if mark else {}

    def form(data: object = None, *, initial: object = None) -> TemplateForm:
        given = {**dict(initial or {}), **known, "user_data": mark.text if mark else ""}  # type: ignore[call-overload]
        return TemplateForm(data, initial=given)

    def act(found: dict[str, str]) -> Answer:
        text = found["user_data"].replace("\r\n", "\n")
        wish = CloudWish(
            user=found["user"], keys=found["keys"], packages=found["packages"], text=text
        )
        desk.make(actor, ref, wish, definition_hash=found["definition_hash"])
        return _("It is a template now."), "good"

    details = guest_dialogs.about(request, ref)
    asked = Question(
        template="guests/template.html",
        title=_("Make a template of %(name)s") % {"name": details.record.name},
        action_label=_("Make a template"),
        form=form,
        act=act,
        context={"is_new": mark is None},
        name="guest.template",
    )
    return guest_dialogs.answer(request, details, asked)


@require_http_methods(["GET", "HEAD", "POST"])
def unmake(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """GET asks; POST does it."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    desk.ask(actor, ref)

    def act(_found: dict[str, str]) -> Answer:
        desk.unmake(actor, ref)
        return _("It is a guest again."), "good"

    details = guest_dialogs.about(request, ref)
    asked = Question(
        template="guests/untemplate.html",
        title=_("Make a guest of the template %(name)s?") % {"name": details.record.name},
        action_label=_("Make a guest of it"),
        form=Change,
        act=act,
        name="guest.untemplate",
    )
    return guest_dialogs.answer(request, details, asked)


urlpatterns: list[URLPattern] = [
    path(f"{GUEST}template/", make, name="guest_template"),
    path(f"{GUEST}untemplate/", unmake, name="guest_untemplate"),
]
