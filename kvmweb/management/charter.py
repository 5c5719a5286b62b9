"""Which right every door asks for, read from the code itself: the marks of the services.

`manage.py permissions` prints it as docs/permissions.md; tests/house holds every door against it.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import pkgutil
import textwrap
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from kvmweb import services
from kvmweb.services.marks import Mark

MACHINERY = {"kvmweb.services.guard", "kvmweb.services.marks"}
"""They make the marks and carry none."""
DOORS = ("kvmweb.web", "kvmweb.live", "kvmweb.api", "kvmweb.management", "kvmweb.ui")


@dataclass(frozen=True, slots=True)
class Door:
    """One address. reason: why it needs no sign-in. uses: the services it reaches, with marks."""

    address: str
    name: str
    view: Any
    reason: str
    uses: dict[str, Mark]

    @property
    def rights(self) -> list[str]:
        """What one must hold for all of it to work."""
        return sorted({mark.verb for mark in self.uses.values() if mark.verb})


def promises() -> dict[str, Mark | None]:
    """Every public service function and its mark; None is a hole."""
    found: dict[str, Mark | None] = {}
    for info in pkgutil.iter_modules(services.__path__, "kvmweb.services."):
        if info.name in MACHINERY:
            continue
        module = importlib.import_module(info.name)
        for name, thing in vars(module).items():
            is_own = getattr(thing, "__module__", "") == info.name
            if is_own and inspect.isfunction(thing) and not name.startswith("_"):
                found[f"{info.name.rpartition('.')[2]}.{name}"] = getattr(thing, "__mark__", None)
    return found


def pages() -> list[Door]:
    """Every address of the HTTP door and of the API."""
    found = []
    for address, pattern in _patterns(get_resolver().url_patterns, "/"):
        view = pattern.callback
        reason = str(getattr(view, "door_reason", ""))
        found.append(Door(address, pattern.name or "", view, reason, uses(view)))
    return found


def sockets() -> list[Door]:
    """Every address of the socket door."""
    # By name: doors do not import one another.
    routing = importlib.import_module("kvmweb.live.routing")
    found = []
    for pattern in routing.websocket_urlpatterns:
        view = getattr(pattern.callback, "consumer_class", pattern.callback)
        found.append(Door(f"/{pattern.pattern}", pattern.name or "", view, "", uses(view)))
    return found


def uses(thing: Any) -> dict[str, Mark]:
    """The services that this view, form or consumer reaches, through our own doors' code."""
    found: dict[str, Mark] = {}
    _follow(thing, found, set())
    return dict(sorted(found.items()))


def page() -> str:
    """docs/permissions.md."""
    lines = [
        "# Permissions",
        "",
        "Written by `manage.py permissions` from the marks in `kvmweb/services`; do not edit.",
        "",
        "| Address | Rights it uses | Open, because |",
        "|---|---|---|",
    ]
    for door in sorted([*pages(), *sockets()], key=lambda it: it.address):
        rights = ", ".join(f"`{verb}`" for verb in door.rights)
        lines.append(f"| `{door.address}` | {rights} | {door.reason} |")
    lines += ["", "| Service | Mark | Right or reason |", "|---|---|---|"]
    for name, mark in sorted(promises().items()):
        if mark is not None:
            lines.append(f"| `{name}` | {mark.style} | {mark.verb or mark.reason} |")
    return "\n".join(lines) + "\n"


def _patterns(
    patterns: Iterable[URLPattern | URLResolver], prefix: str
) -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        address = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns, address)
        else:
            yield address, pattern


def _follow(thing: Any, found: dict[str, Mark], seen: set[int]) -> None:
    """Depth first through functions and classes of the doors; a services function ends a path."""
    thing = inspect.unwrap(thing) if inspect.isfunction(thing) else thing
    if isinstance(thing, types.MethodType):
        thing = thing.__func__
    if not (inspect.isfunction(thing) or inspect.isclass(thing)):
        thing = type(thing)
    if id(thing) in seen:
        return
    seen.add(id(thing))
    for value in _mentioned(thing):
        home = getattr(value, "__module__", "") or ""
        mark = getattr(value, "__mark__", None)
        if mark is not None:
            found[f"{home.rpartition('.')[2]}.{value.__name__}"] = mark
        elif home.startswith(DOORS) and (inspect.isfunction(value) or inspect.isclass(value)):
            _follow(value, found, seen)


@functools.cache
def _mentioned(thing: Any) -> tuple[Any, ...]:
    """What the source of this function or class names that its module knows; read once."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError):
        return ()
    return tuple(_known(thing, tree))


def _known(thing: Any, tree: ast.Module) -> Iterator[Any]:
    names = vars(importlib.import_module(thing.__module__))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in names:
            yield names[node.id]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = names.get(node.value.id)
            if isinstance(owner, types.ModuleType):
                yield getattr(owner, node.attr, None)
    if inspect.isclass(thing):
        yield from (base for base in thing.__mro__[1:] if base.__module__.startswith(DOORS))
