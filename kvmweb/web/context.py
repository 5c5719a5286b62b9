"""What every page needs beside its own content."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest
from django.urls import NoReverseMatch, get_script_prefix, reverse
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


@dataclass(frozen=True, slots=True)
class Nav:
    """All that the look of the navigation depends on. here: the first word of the page's path."""

    counts: overview.Counts
    here: str
    may_delete_guests: bool
    may_view_people: bool
    may_change_settings: bool

    @property
    def places(self) -> list[Place]:
        """Its entries, in the language of now."""
        counts = self.counts
        found = [
            self._place("overview", _("Overview"), "overview"),
            self._place("guests", _("Guests"), "guest", noun="guests", count=counts.guests),
            self._place("storage", _("Storage"), "storage", noun="storage", count=counts.pools),
            self._place(
                "networks", _("Networks"), "network", noun="networks", count=counts.networks
            ),
            self._place("hosts", _("Hosts"), "host", noun="hosts", count=counts.hosts),
        ]
        apart = [self._place("activity", _("Activity"), "activity")]
        if self.may_delete_guests:
            apart.append(self._place("bin", _("Recycle bin"), "delete"))
        if self.may_view_people:
            apart.append(self._place("people", _("People"), "people"))
        if self.may_change_settings:
            apart.append(self._place("settings", _("Settings"), "settings"))
        apart = [place for place in apart if place.url]
        found += [replace(place, is_apart=place is apart[0]) for place in apart]
        return [place for place in found if place.url]

    def _place(self, name: str, label: Text, icon: str, *, noun: str = "", count: int = 0) -> Place:
        url = address(name)
        is_current = bool(url) and url.removeprefix(get_script_prefix()).rstrip("/") == self.here
        return Place(url, label, icon, noun, count, is_current)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context of base.html. Called for: a fragment that uses none of it pays for none of it."""
    actor: Actor | None = getattr(request, "actor", None)
    path = request.get_full_path().removeprefix(get_script_prefix().rstrip("/"))
    return {
        "actor": actor,
        "theme": preferences.theme_of(request),
        "nav_closed": request.COOKIES.get(NAV_COOKIE) == "closed",
        "nav": partial(nav, actor, request.path) if actor else None,
        "live_path": quote(path, safe=""),
        "live_rev": overview.revision,
    }


def nav(actor: Actor, path: str) -> Nav:
    """The navigation as this actor sees it from this page."""
    return Nav(
        counts=overview.counts(actor),
        here=path.removeprefix(get_script_prefix()).partition("/")[0],
        may_delete_guests=overview.may_anywhere(actor, "guest.delete"),
        may_view_people=overview.may(actor, "people.view"),
        may_change_settings=overview.may(actor, "settings.change"),
    )


def address(name: str) -> str:
    """Where this page is; empty while there is none of that name."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
