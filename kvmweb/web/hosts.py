"""Hosts: the list, adding and removing."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kvmweb.core import refs
from kvmweb.core.errors import Denied, Exists, Invalid, Problem
from kvmweb.services import addresses, overview
from kvmweb.services import hosts as desk
from kvmweb.ui import links, messages
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted

TRANSPORTS = [
    (addresses.Transport.LOCAL, gettext_lazy("This machine")),
    (addresses.Transport.SSH, gettext_lazy("Another machine, by SSH")),
    (addresses.Transport.TLS, gettext_lazy("Another machine, by TLS")),
    (addresses.Transport.TCP, gettext_lazy("A local port, by TCP")),
    (addresses.Transport.DEMO, gettext_lazy("A demonstration")),
]


class AddressForm(Strict):
    """How to reach a host. What is not needed for a transport is ignored there."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=64, required=False)
    transport = forms.ChoiceField(
        label=gettext_lazy("Where it is"), choices=TRANSPORTS, widget=forms.RadioSelect
    )
    machine = forms.CharField(
        label=gettext_lazy("Host name or address"), max_length=253, required=False
    )
    user = forms.CharField(
        label=gettext_lazy("User"),
        max_length=32,
        required=False,
        help_text=gettext_lazy("Empty means the user that the portal runs as."),
    )
    port = forms.IntegerField(
        label=gettext_lazy("Port"),
        required=False,
        min_value=1,
        max_value=65535,
        help_text=gettext_lazy("Empty means the usual one: SSH 22, TLS 16514, TCP 16509."),
    )

    def address(self) -> addresses.Address:
        """What was chosen, for the service to check."""
        chosen = self.cleaned_data
        return addresses.Address(
            addresses.Transport(chosen["transport"]),
            chosen["machine"],
            chosen["user"] if chosen["transport"] == addresses.Transport.SSH else "",
            chosen["port"] or 0,
        )


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


@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """Add a host."""
    actor = request.actor  # type: ignore[attr-defined]
    if not desk.may_add(actor):
        raise Denied(verb="host.add")
    form = posted(request, AddressForm, initial={"transport": addresses.Transport.SSH})
    if form.is_bound and form.is_valid():
        try:
            ref = desk.add(actor, form.cleaned_data["name"], form.address())
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Exists as error:
            form.add_error("name", messages.problem(error).sentence)
        else:
            respond.say(request, _("The host was added. It connects within seconds."))
            return HttpResponseRedirect(links.of(ref))
    status = 422 if form.is_bound else 200
    return respond.page(request, "hosts/add.html", {"form": form}, status=status)


@require_POST
def test(request: HttpRequest) -> HttpResponse:
    """Connect once and say what came of it; nothing is kept."""
    actor = request.actor  # type: ignore[attr-defined]
    form = posted(request, AddressForm)
    context: dict[str, object] = {"form": form}
    if form.is_valid():
        try:
            address = form.address()
            context["command"] = addresses.command(addresses.uri(address), "list --all")
            context["record"] = desk.test(actor, address)
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Denied:
            raise
        except Problem as problem:
            context["said"] = messages.problem(problem, detail=problem.detail)
    return respond.page(request, "hosts/test.html", context)


@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, host: str) -> HttpResponse:
    """Ask, then forget the host."""
    actor, ref = request.actor, refs.host(host)  # type: ignore[attr-defined]
    if request.method == "POST":
        posted(request, Strict)
        desk.remove(actor, ref)
        sentence = _("The host was removed from the portal. Nothing changed on it.")
        return respond.done(request, sentence, to=reverse("hosts"))
    row = desk.get(actor, ref)
    if not request.htmx:  # type: ignore[attr-defined]
        return HttpResponseRedirect(f"{links.of(ref)}?dialog=remove")
    context = {
        "it": row,
        "name": "remove",
        "action": request.path,
        "action_label": _("Remove the host"),
        "tone": "bad",
    }
    return respond.page(request, "hosts/remove.html", context)
