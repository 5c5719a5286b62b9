"""The only place that reads the htmx headers: page or part, redirect, done, problem."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.contrib import messages as flash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import Resolver404, get_script_prefix, resolve, reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme

from kvmweb.core import refs
from kvmweb.core.errors import Denied, NotFound, Problem, Unready
from kvmweb.services import sight
from kvmweb.ui import fragments, messages

V = TypeVar("V", bound=Callable[..., HttpResponse])
FRAME_ALONE = "/-/"
"""For the live wire, the address of a page that shows nothing of what its own address names."""


def open_door(reason: str) -> Callable[[V], V]:
    """Mark a view that needs no sign-in, because of the reason given."""
    if not isinstance(reason, str):
        raise TypeError('open_door wants the reason: @open_door("…")')

    def mark(view: V) -> V:
        view.is_open_door = True  # type: ignore[attr-defined]
        view.door_reason = reason  # type: ignore[attr-defined]
        return view

    return mark


def about_oneself(view: V) -> V:
    """Mark a view that also who holds no right yet may use: one's own account, the way out."""
    view.is_about_oneself = True  # type: ignore[attr-defined]
    return view


def quiet(view: V) -> V:
    """Mark a view whose requests are no activity of the person: what a page asks by itself."""
    view.is_quiet = True  # type: ignore[attr-defined]
    return view


def page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    part: str = "",
    status: int = 200,
) -> HttpResponse:
    """The whole page, or only the named partial of it when htmx asks and `part` is given.

    context may hold `live_rev`: the revision that the page was read at; its live wire starts there.
    """
    if part and _is_part(request):
        template = f"{template}#{part}"
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def frame(request: HttpRequest) -> str:
    """What the template of a question extends: a dialog for htmx, a page of its own without."""
    return "parts/dialog_form.html" if _is_part(request) else "parts/dialog_page.html"


def done(
    request: HttpRequest,
    sentence: str = "",
    *,
    to: str = "",
    tone: str = "good",
    pushes: Iterable[str] = (),
    **events: object,
) -> HttpResponse:
    """The answer to a POST that worked: a toast, closed dialogs, another page where `to` says so.

    pushes: fragments to swap out of band at once. events: for the page's script. Without htmx: a
    redirect back, the toast after.
    """
    if not request.htmx:  # type: ignore[attr-defined]
        say(request, sentence, tone=tone)
        return HttpResponseRedirect(to or back(request))
    if to:
        say(request, sentence, tone=tone)
        return HttpResponse(status=204, headers={"HX-Redirect": to})
    parts = list(pushes)
    if sentence:
        parts.append(toast(sentence=sentence, tone=tone))
    return HttpResponse(
        fragments.answer(parts),
        status=200 if parts else 204,
        headers={
            "HX-Reswap": "none",
            "HX-Trigger": fragments.triggers(close_dialog=True, **events),
        },
    )


def toast(**context: Any) -> str:
    """A message at the edge of the page, as a fragment. Context: see parts/toast.html."""
    return fragments.prepend(render_to_string("parts/toast.html", context), "toasts")


def say(request: HttpRequest, sentence: str, *, tone: str = "good") -> None:
    """Say it on the next page."""
    if sentence:
        level = {"good": flash.SUCCESS, "warn": flash.WARNING, "bad": flash.ERROR}
        flash.add_message(request, level.get(tone, flash.INFO), sentence)


def back(request: HttpRequest) -> str:
    """Where the person was: the form's `next`, the referring page, or the overview."""
    for place in (request.POST.get("next", ""), request.headers.get("Referer", "")):
        if place and url_has_allowed_host_and_scheme(
            place, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        ):
            return place
    return reverse("overview")


def sign_in_first(request: HttpRequest) -> HttpResponse:
    """To the sign-in page and back; an htmx request is told to go there as a whole."""
    said = {"reason": "ended"} if getattr(request, "was_signed_in", False) else {}
    door = reverse("account_login")
    if request.htmx:  # type: ignore[attr-defined]
        to = f"{door}?{urlencode(said)}" if said else door
        return HttpResponse(status=401, headers={"HX-Redirect": to})
    return HttpResponseRedirect(
        f"{door}?{urlencode({'next': request.get_full_path(), **said}, safe='/')}"
    )


def goal(request: HttpRequest, otherwise: str) -> str:
    """Where the form's or the address's `next` leads, if that is ours."""
    place = request.POST.get("next") or request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        place, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return place if is_ours else otherwise


def origin(request: HttpRequest, otherwise: str) -> str:
    """The page of ours that one came from, for a Cancel: kept in the form's `back`.

    Neither the page itself, nor the one that it stands before, which would only lead here again.
    """
    place = request.POST.get("back") or request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(
        place, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    found = urlsplit(place)
    if not is_ours or found.path in (request.path, urlsplit(goal(request, "")).path):
        return otherwise
    try:
        view = resolve(found.path.removeprefix(get_script_prefix().rstrip("/"))).func
    except Resolver404:
        return otherwise
    is_door = getattr(view, "is_open_door", False)
    return otherwise if is_door else urlunsplit(("", "", found.path, found.query, ""))


def no_rights(request: HttpRequest, *, is_object: bool = False) -> HttpResponse:
    """Signed in, but nothing was granted yet: a state of its own, with the same words everywhere.

    is_object: the address names one thing, which does not exist for this person.
    """
    error = NotFound() if is_object else Denied("no rights yet")
    if request.htmx:  # type: ignore[attr-defined]
        return problem(request, error)
    return render(request, "me/no_rights.html", status=error.http_status)


def problem(
    request: HttpRequest, error: Problem, *, about: str = "", about_url: str = ""
) -> HttpResponse:
    """A problem as a page, or as a toast for htmx. about: the name of the object it concerns."""
    actor = getattr(request, "actor", None)
    if isinstance(error, Unready):
        return _without_database(request, error)
    said = messages.problem(error, detail=_detail(request, error))
    if request.htmx:  # type: ignore[attr-defined]
        shown = toast(
            tone=said.tone,
            sentence=said.sentence,
            step=said.step,
            detail=said.detail,
            about=about,
            about_url=about_url,
        )
        return HttpResponse(
            fragments.answer([shown]), status=error.http_status, headers={"HX-Reswap": "none"}
        )
    base = "base.html" if actor else "base_plain.html"
    context = {"said": said, "code": error.code, "base": base, "live_path": FRAME_ALONE}
    return render(request, "errors/problem.html", context, status=error.http_status)


def _without_database(request: HttpRequest, error: Problem) -> HttpResponse:
    """The same page or toast, made of nothing that the database would have to be asked for."""
    said = messages.problem(error)
    if getattr(request, "htmx", False):
        shown = toast(tone=said.tone, sentence=said.sentence, step=said.step)
        headers = {"HX-Reswap": "none"}
        return HttpResponse(fragments.answer([shown]), status=error.http_status, headers=headers)
    context = {"said": said, "code": error.code, "base": "base_plain.html"}
    return HttpResponse(render_to_string("errors/problem.html", context), status=error.http_status)


def _detail(request: HttpRequest, error: Problem) -> str:
    actor = getattr(request, "actor", None)
    return sight.told(actor, error, _place(request)) if actor else ""


def _place(request: HttpRequest) -> refs.Ref | None:
    """What the address is about: a guest, or at least a host."""
    named = request.resolver_match.kwargs if request.resolver_match else {}
    host, uuid = named.get("host", ""), named.get("uuid", "")
    if host and uuid:
        return refs.guest(host, str(uuid))
    return refs.host(host) if host else None


def _is_part(request: HttpRequest) -> bool:
    htmx = request.htmx  # type: ignore[attr-defined]
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request
