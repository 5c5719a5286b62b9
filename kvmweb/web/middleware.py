"""Who is asking, from where, and what to answer when something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from urllib.parse import unquote

from django.conf import settings
from django.contrib import auth
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from kvmweb.core import proxies
from kvmweb.core.errors import Problem
from kvmweb.services import database, people, rights, sessions
from kvmweb.web import respond

READING = ("GET", "HEAD")
Answer = Callable[[HttpRequest], HttpResponse]


class ProxyHeaders:
    """Believes X-Forwarded-For and -Proto from configured proxies only; strips them otherwise."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Set REMOTE_ADDR to the client as the trusted proxy saw it."""
        address, is_https = proxies.client_of(
            request.META.get("REMOTE_ADDR", ""),
            request.META.pop("HTTP_X_FORWARDED_FOR", ""),
            request.META.pop("HTTP_X_FORWARDED_PROTO", ""),
            settings.KVMWEB_TRUSTED_PROXIES,
        )
        request.META["REMOTE_ADDR"] = address
        if is_https:
            request.META["wsgi.url_scheme"] = request.scope["scheme"] = "https"  # type: ignore[attr-defined]
        return self.get_response(request)


class SignedIn:
    """Puts `request.actor` there; who is not signed in is sent to the door.

    A view that anybody may open says so with `@open_door`.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Name the actor, or None; forget a session that does not stand any more."""
        database.be_patient()
        actor = people.actor_of(request.user, request.session, request.META["REMOTE_ADDR"])
        if actor is None and request.user.is_authenticated:
            auth.logout(request)
            request.was_signed_in = True  # type: ignore[attr-defined]
        request.actor = actor  # type: ignore[attr-defined]
        with rights.one_look() if request.method in READING else nullcontext():
            response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def process_view(
        self, request: HttpRequest, view: Answer, _args: object, kwargs: dict[str, object]
    ) -> HttpResponse | None:
        """Closed by default."""
        actor = request.actor  # type: ignore[attr-defined]
        if actor is None:
            return None if getattr(view, "is_open_door", False) else respond.sign_in_first(request)
        if not is_by_itself(request, view):
            database.be_patient(database.GLANCE_S)
            sessions.touch(actor)
            database.be_patient()
        if getattr(view, "is_open_door", False) or getattr(view, "is_about_oneself", False):
            return None
        if rights.any_held(actor):
            return None
        return respond.no_rights(request, is_object=bool(kwargs))


def is_by_itself(request: HttpRequest, view: Answer) -> bool:
    """Whether the page asked, not the person: pictures, marked views, `X-Quiet: 1`."""
    return (
        getattr(view, "is_quiet", False)
        or request.headers.get("Sec-Fetch-Dest") == "image"
        or request.headers.get("X-Quiet") == "1"
    )


class Problems:
    """The rim where a problem becomes a page, a toast or JSON."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Nothing to do on the way in."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Ours are told in words; the rest is Django's to log and answer with 500."""
        problem = error if isinstance(error, Problem) else database.problem(error)
        return respond.problem(request, problem) if problem else None


class CleanAddress:
    """Refuses a NUL or half a character in the query: databases take none, nothing of ours sends
    any."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Before anything reads the query."""
        try:
            query = unquote(request.META.get("QUERY_STRING", ""), errors="strict")
        except UnicodeDecodeError as error:
            raise BadRequest("the query is not UTF-8") from error
        if "\0" in query:
            raise BadRequest("a NUL in the query")
        return self.get_response(request)
