"""Search over everything, as a fragment for the finder and as a page."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse

from kvmweb.core.refs import Kind
from kvmweb.services import creation
from kvmweb.services import search as desk
from kvmweb.ui import links, new_guests, words
from kvmweb.ui.words import Text
from kvmweb.web import context, respond

_ICONS = {
    Kind.GUEST: "guest",
    Kind.HOST: "host",
    Kind.POOL: "storage",
    Kind.NETWORK: "network",
    Kind.VOLUME: "storage",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One line of the results. group: the heading above the first of its kind."""

    url: str
    name: Text
    more: Text
    icon: str
    group: Text


def find(request: HttpRequest) -> HttpResponse:
    """What fits the letters typed so far: objects first, then pages."""
    actor = request.actor  # type: ignore[attr-defined]
    text = request.GET.get("q", "").strip()
    options = [
        Option(
            links.of(hit.ref), hit.name, hit.more, _ICONS[hit.ref.kind], words.KINDS[hit.ref.kind]
        )
        for hit in desk.find(actor, text)
    ]
    create = new_guests.button(creation.offer(actor).is_possible)
    if text and text.casefold() in create.label.casefold() and not create.reason:
        options.append(Option(create.url, create.label, "", create.icon, words.PAGES))
    options += [
        Option(place.url, place.label, "", place.icon, words.PAGES)
        for place in context.nav(actor, request.path).places
        if text.casefold() in str(place.label).casefold()
    ]
    return respond.page(
        request, "search/results.html", {"options": options, "text": text}, part="results"
    )


def _option(hit: desk.Hit) -> Option:
    kind = hit.ref.kind
    return Option(links.of(hit.ref), hit.name, hit.more, _ICONS[kind], words.KINDS[kind])
