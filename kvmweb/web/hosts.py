"""Hosts: the list, adding, changing and removing one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kvmweb.core import refs
from kvmweb.core.connections import Identity
from kvmweb.core.errors import Denied, Exists, Invalid, Problem
from kvmweb.services import addresses, host_page, keyrings, overview
from kvmweb.services import hosts as desk
from kvmweb.ui import links, messages
from kvmweb.ui import reach as reach_face
from kvmweb.web import respond
from kvmweb.web.addresses import AddressForm
from kvmweb.web.forms import Strict, posted

SECRET = ("tls_ca", "tls_certificate", "tls_key")


@require_GET
def list_(request: HttpRequest) -> HttpResponse:
    """Every host that this person sees."""
    actor = request.actor  # type: ignore[attr-defined]
    rev = overview.revision()
    search = request.GET.get("search", "")
    context = {
        "live_rev": rev,
        "rows": desk.list_(actor, search=search),
        "is_blind": desk.is_blind(actor),
        "may_add": desk.may_add(actor),
        "search": search,
    }
    return respond.page(request, "hosts/list.html", context, part="listing")


@sensitive_post_parameters(*SECRET)
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """Add a host."""
    actor = request.actor  # type: ignore[attr-defined]
    if not desk.may_add(actor):
        raise Denied(verb="host.add")
    initial = {"transport": addresses.Transport.SSH, "identity": Identity.PORTAL.value}
    form = posted(request, AddressForm, initial=initial)
    if form.is_bound and form.is_valid():
        try:
            ref = desk.add(actor, form.cleaned_data["name"], form.address(), form.given())
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Exists as error:
            form.add_error("name", messages.problem(error).sentence)
        else:
            respond.say(request, _("The host was added. It connects within seconds."))
            return HttpResponseRedirect(links.of(ref))
    return _address_page(request, form, _to_add())


@sensitive_post_parameters(*SECRET)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, host: str) -> HttpResponse:
    """Another name, another way to the same host."""
    actor, ref = request.actor, refs.host(host)  # type: ignore[attr-defined]
    details = host_page.show(actor, ref)
    if "host.edit" not in details.may or details.connection is None:
        raise Denied(verb="host.edit")
    form = posted(request, AddressForm, initial=_initial(details))
    form.keep_foreign = not details.connection.transport
    if form.is_bound and form.is_valid():
        try:
            desk.edit(actor, ref, form.cleaned_data["name"], form.address(), form.given())
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Exists as error:
            form.add_error("name", messages.problem(error).sentence)
        else:
            respond.say(request, _("The connection was changed. It is made anew within seconds."))
            return HttpResponseRedirect(links.of(ref))
    return _address_page(request, form, _to_edit(details))


def _to_add() -> dict[str, Any]:
    return {
        "title": _("Add a host"),
        "action": reverse("host-add"),
        "action_label": _("Add the host"),
        "back_url": reverse("hosts"),
    }


def _to_edit(details: Any) -> dict[str, Any]:
    return {
        "title": _("Connection of %(name)s") % {"name": details.row.name},
        "action": reverse("host-edit", args=[details.row.ref.host]),
        "action_label": _("Save"),
        "back_url": links.of(details.row.ref),
        "here": details,
    }


def _initial(details: Any) -> dict[str, Any]:
    found = details.connection
    return {
        "name": details.row.name,
        "transport": found.transport,
        "machine": found.machine,
        "user": found.user,
        "port": found.port or None,
        "identity": found.identity.value,
        "host_key": found.fingerprint,
    }


def _address_page(request: HttpRequest, form: AddressForm, context: dict[str, Any]) -> HttpResponse:
    public = keyrings.public_key()
    context |= {"form": form, "public": public, "authorize": keyrings.authorize_line(public)}
    status = 422 if form.is_bound else 200
    return respond.page(request, "hosts/address.html", context, status=status)


@sensitive_post_parameters(*SECRET)
@require_POST
def test(request: HttpRequest) -> HttpResponse:
    """Look at the way to a host step by step and say what came of it; nothing is kept."""
    actor = request.actor  # type: ignore[attr-defined]
    form = posted(request, AddressForm)
    context: dict[str, object] = {"form": form}
    if form.is_valid():
        try:
            address = form.address()
            report = desk.test(actor, address, form.given())
            context |= {"report": report, "lines": reach_face.lines(report), "asks": True}
            context["command"] = addresses.command(addresses.uri(address), "list --all")
        except Invalid as invalid:
            form.add_invalid(invalid)
    elif not desk.may_add(actor):
        raise Denied(verb="host.add")
    return respond.page(request, "hosts/test.html", context)


@require_POST
def retest(request: HttpRequest, host: str) -> HttpResponse:
    """The same for a host that was added, with the keys that it has."""
    actor, ref = request.actor, refs.host(host)  # type: ignore[attr-defined]
    posted(request, Strict)
    try:
        report = desk.retest(actor, ref)
    except Invalid as invalid:
        return respond.problem(request, invalid, about=host)
    context: dict[str, object] = {"report": report, "lines": reach_face.lines(report)}
    if not request.htmx:  # type: ignore[attr-defined]
        respond.say(request, _("Tested."), tone="good" if report.record else "bad")
        return HttpResponseRedirect(links.of(ref))
    return respond.page(request, "hosts/test.html", context)


@sensitive_post_parameters(*SECRET)
@require_POST
def certificates(request: HttpRequest) -> HttpResponse:
    """Certificate and key for a host, to be unpacked there; `?for=` the host that is edited."""
    machine = request.POST.get("machine", "")
    try:
        whole = keyrings.bundle(request.actor, machine)  # type: ignore[attr-defined]
    except Invalid as invalid:
        form = posted(request, AddressForm)
        for name in set(form.errors):  # the rest of the form is not looked at yet
            del form.errors[name]
        form.add_invalid(invalid)
        host = request.GET.get("for", "")
        about = host_page.show(request.actor, refs.host(host)) if host else None  # type: ignore[attr-defined]
        return _address_page(request, form, _to_edit(about) if about else _to_add())
    headers = {"Content-Disposition": 'attachment; filename="libvirt-certificates.tar.gz"'}
    return HttpResponse(whole, content_type="application/gzip", headers=headers)


@require_POST
def switch(request: HttpRequest, host: str, word: str) -> HttpResponse:
    """Connect to it again, or no more."""
    ref = refs.host(host)
    posted(request, Strict)
    act, sentence = {
        "enable": (desk.enable, _("The host is enabled. It connects within seconds.")),
        "disable": (desk.disable, _("The host is disabled. What is known of it stays.")),
    }[word]
    try:
        act(request.actor, ref)  # type: ignore[attr-defined]
    except Problem as problem:
        return respond.problem(request, problem, about=host)
    to = "" if request.htmx else links.of(ref)  # type: ignore[attr-defined]
    return respond.done(request, sentence, to=to)


@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, host: str) -> HttpResponse:
    """Ask, naming what is forgotten; then forget the host."""
    actor, ref = request.actor, refs.host(host)  # type: ignore[attr-defined]
    if request.method == "POST":
        posted(request, Strict)
        desk.remove(actor, ref)
        sentence = _("The host was removed from the portal. Nothing changed on it.")
        return respond.done(request, sentence, to=reverse("hosts"))
    losses = desk.losses(actor, ref)
    row = desk.get(actor, ref)
    if not request.htmx:  # type: ignore[attr-defined]
        return HttpResponseRedirect(f"{links.of(ref)}?dialog=remove")
    context = {
        "it": row,
        "losses": losses,
        "name": "remove",
        "action": request.path,
        "action_label": _("Remove the host"),
        "tone": "bad",
    }
    return respond.page(request, "hosts/remove.html", context)
