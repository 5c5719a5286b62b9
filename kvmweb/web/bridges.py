"""Bridges of hosts: which there are, changing them on trial, and the steps to do it by hand."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kvmweb.core import bridges as core
from kvmweb.core import refs
from kvmweb.core.bridges import BridgePlan
from kvmweb.core.errors import Denied, Invalid, NotFound, Problem
from kvmweb.services import bridges as desk
from kvmweb.services import topology
from kvmweb.ui import bridge_steps as steps
from kvmweb.ui import bridges as face
from kvmweb.ui import differences
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted

WORDS = {"keep": True, "return": False}


class ChangeForm(Strict):
    """step: review shows what will be done; do begins it. digest: of what was shown."""

    bridge = forms.CharField(label=gettext_lazy("Bridge"), max_length=15)
    device = forms.ChoiceField(label=gettext_lazy("Interface"), required=False)
    digest = forms.CharField(required=False, widget=forms.HiddenInput, max_length=64)
    step = forms.ChoiceField(choices=[("review", ""), ("do", "")], required=False)

    def __init__(self, *args: Any, devices: list[Any], **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.fields["device"].choices = devices  # type: ignore[attr-defined]


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Of one host: `?host=`; `?bridge=` and `?device=` fill the steps in."""
    actor = request.actor  # type: ignore[attr-defined]
    found = desk.show(actor, host=request.GET.get("host", ""))
    if found.wiring.host and "host" not in request.GET:
        query = {"host": found.wiring.host.ref.host, **request.GET.dict()}
        return HttpResponseRedirect(f"{request.path}?{urlencode(query)}")
    interfaces = found.wiring.interfaces
    plain = [it for it in interfaces if it.type != "bridge"]
    bridge = request.GET.get("bridge", "").strip() or _free(found)
    device = request.GET.get("device", "").strip() or (plain[0].name if plain else "eth0")
    try:
        ways, is_wrong = steps.ways(bridge, device), False
    except ValueError:
        ways, is_wrong = steps.ways(_free(found), "eth0"), True
    context = {
        "it": found.wiring,
        **face.page(
            found.wiring.interfaces,
            found.wiring.networks,
            found.found,
            found.users,
            may=found.may,
            is_up=found.is_up,
            now=time.time(),
        ),
        "is_blind": topology.is_blind(actor),
        "plain": plain,
        "bridge": bridge,
        "device": device,
        "ways": ways,
        "is_wrong": is_wrong,
        "live_rev": found.wiring.rev,
    }
    return respond.page(request, "networks/bridges.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, host: str, act: str) -> HttpResponse:
    """Ask, show what would be done, then begin it: on trial."""
    if act not in core.ACTS:
        raise Http404
    actor, ref = request.actor, refs.host(host)  # type: ignore[attr-defined]
    found = desk.show(actor, host=host)
    if found.wiring.host is None or found.wiring.host.ref != ref:
        raise NotFound(ref=str(ref))
    if not found.may:
        raise Denied(verb="host.network")
    form = posted(
        request,
        lambda *args, **rest: ChangeForm(*args, devices=_devices(found, act, request), **rest),
        initial={"bridge": request.GET.get("bridge", "") or _free(found)},
    )
    plan, back = None, f"{reverse('bridges')}?{urlencode({'host': host})}"
    if form.is_bound and form.is_valid():
        given = form.cleaned_data
        wanted = {"bridge": given["bridge"], "device": given["device"]}
        try:
            if given["step"] == "do":
                desk.change(actor, ref, act, **wanted, digest=given["digest"])
                return HttpResponseRedirect(back)
            plan = desk.plan(actor, ref, act, **wanted)
        except Invalid as invalid:
            form.add_invalid(invalid)
            if not invalid.fields:
                return respond.problem(request, invalid, about=given["bridge"])
        except Problem as problem:
            return respond.problem(request, problem, about=given["bridge"])
    context = {**_asked(act, form, plan), "back_url": back, "it": found, "act": act}
    context["impossible"] = face.impossible(found.found) if found.found else []
    return respond.page(
        request, "networks/bridge_change.html", context, status=422 if form.errors else 200
    )


@require_POST
def settle(request: HttpRequest, host: str, word: str) -> HttpResponse:
    """Keep it, or have the former state back at once."""
    if word not in WORDS:
        raise Http404
    form = posted(request, SettleForm)
    back = f"{reverse('bridges')}?{urlencode({'host': host})}"
    if not form.is_valid():
        raise Http404
    try:
        desk.settle(
            request.actor,  # type: ignore[attr-defined]
            refs.host(host),
            trial=form.cleaned_data["trial"],
            is_kept=WORDS[word],
        )
    except Problem as problem:
        return respond.problem(request, problem, about=host, about_url=back)
    said = _("The change was kept.") if WORDS[word] else _("The former state is coming back.")
    return respond.done(request, said, to="" if request.htmx else back)  # type: ignore[attr-defined]


class SettleForm(Strict):
    """trial: which change was seen."""

    trial = forms.CharField(max_length=64)


def _asked(act: str, form: ChangeForm, plan: BridgePlan | None) -> Mapping[str, object]:
    """A form, or what it comes to."""
    context: dict[str, object] = {"form": form, "title": face.ACTS[act], "plan": plan}
    if plan is not None:
        given = form.cleaned_data
        context |= {
            "given": given,
            "tool": face.TOOLS.get(plan.way, plan.way),
            "warning": face.warning(act, given["bridge"], given["device"], plan.lost),
            "back_s": desk.back_s(),
            "files": [(it[0], differences.lines(it[1], it[2])) for it in plan.files],
        }
    return context


def _devices(found: desk.Workbench, act: str, request: HttpRequest) -> list[tuple[str, str]]:
    bridge = request.POST.get("bridge", "") or request.GET.get("bridge", "")
    return face.ports(found.found, act, bridge) if found.found else []


def _free(found: desk.Workbench) -> str:
    taken = {it.name for it in found.wiring.interfaces}
    return next(f"br{n}" for n in range(1000) if f"br{n}" not in taken)
