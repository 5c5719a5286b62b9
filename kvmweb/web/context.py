"""What every page needs beside its own content."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest
from django.urls import NoReverseMatch, get_script_prefix, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from kvmweb.core.actors import Actor
from kvmweb.services import overview
from kvmweb.ui.words import Text
from kvmweb.web import preferences

NAV_COOKIE = "kvmweb_nav"


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation. noun: whose number stands beside it, counted live."""

    url: str
    label: Text
    icon: str
    noun: str = ""
    count: int = 0
    is_current: bool = False
    is_apart: bool = False


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context of base.html. Lazy: a fragment that uses none of it pays for none of it."""
    actor: Actor | None = getattr(request, "actor", None)
    path = request.get_full_path().removeprefix(get_script_prefix().rstrip("/"))
    return {
        "actor": actor,
        "theme": preferences.theme_of(request),
        "nav_closed": request.COOKIES.get(NAV_COOKIE) == "closed",
        "places": SimpleLazyObject(lambda: places(actor, request.path) if actor else []),
        "live_path": quote(path, safe=""),
        "live_rev": overview.revision,
        "me_url": address("me"),
        "sign_out_url": address("account_logout"),
    }


def places(actor: Actor, path: str) -> list[Place]:
    """The navigation as this actor sees it."""
    counts = overview.counts(actor)
    found = [
        _place("overview", _("Overview"), "overview", path),
        _place("guests", _("Guests"), "guest", path, noun="guests", count=counts.guests),
        _place("storage", _("Storage"), "storage", path, noun="storage", count=counts.pools),
        _place("networks", _("Networks"), "network", path, noun="networks", count=counts.networks),
        _place("hosts", _("Hosts"), "host", path, noun="hosts", count=counts.hosts),
    ]
    apart = [
        _place(name, label, icon, path)
        for name, label, icon, verb in (
            ("activity", _("Activity"), "activity", ""),
            ("people", _("People"), "people", "people.view"),
            ("settings", _("Settings"), "settings", "settings.change"),
        )
        if not verb or overview.may(actor, verb)
    ]
    apart = [place for place in apart if place.url]
    found += [replace(place, is_apart=place is apart[0]) for place in apart]
    return [place for place in found if place.url]


def address(name: str) -> str:
    """Where this page is; empty while there is none of that name."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def _place(
    name: str,
    label: Text,
    icon: str,
    path: str,
    *,
    noun: str = "",
    count: int = 0,
) -> Place:
    url = address(name)
    is_current = bool(url) and (path == url if name == "overview" else path.startswith(url))
    return Place(url, label, icon, noun, count, is_current)
