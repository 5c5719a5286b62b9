"""The socket door's addresses, and the modules that say what their pages show."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path

from kvmweb.live import (  # noqa: F401 - imported for their makers
    audit,
    bins,
    consoles,
    creation,
    guest_list,
    guest_page,
    hosts,
    images,
    inside,
    jobs,
    lists,
    nav,
    networks,
    pools,
    upload_list,
)
from kvmweb.live.pages import Pages

pages: Any = Pages.as_asgi()
door: Any = consoles.console
websocket_urlpatterns: list[URLPattern] = [
    path("live/", pages),
    path("consoles/<slug:host>/<uuid:uuid>/<slug:kind>/socket/", door),
]
