"""The only writer of htmx's out-of-band envelope.

The same fragments travel over the live socket and inside answers to htmx requests, with one
difference: the socket extension takes each top-level element for itself, whereas an answer must
wrap table rows in `<template>`, or the HTML parser of the browser drops them. Write fragments with
these functions and join them with `push` or `answer`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

_OPENING = re.compile(r"\s*<([a-z][a-z0-9-]*)")
_IN_TABLE = frozenset({"tr", "td", "th", "tbody", "thead", "caption", "colgroup"})
_PARENTS = {"tr": "tbody", "li": "ul", "option": "select", "td": "tr", "th": "tr"}


def replace(html: str) -> SafeString:
    """This element, in the place of the one with the same id."""
    return _marked(html, "true")


def within(html: str, dom_id: str) -> SafeString:
    """These elements as the whole content of the element with this id."""
    return _enclosed(html, f"innerHTML:#{dom_id}")


def append(html: str, dom_id: str) -> SafeString:
    """These elements, after all others inside the element with this id."""
    return _enclosed(html, f"beforeend:#{dom_id}")


def prepend(html: str, dom_id: str) -> SafeString:
    """These elements, before all others inside the element with this id."""
    return _enclosed(html, f"afterbegin:#{dom_id}")


def remove(dom_id: str, tag: str = "tr") -> SafeString:
    """Take the element with this id away. tag: of that element."""
    return format_html('<{0} id="{1}" hx-swap-oob="delete"></{0}>', tag, dom_id)


def text(dom_id: str, value: object, *, class_: str = "") -> SafeString:
    """A span with this id and this text: counts, percentages."""
    return format_html(
        '<span id="{}" class="{}" hx-swap-oob="true">{}</span>', dom_id, class_, value
    )


def count(noun: str, value: int) -> SafeString:
    """The number beside a noun (guests, storage, networks, hosts) in the navigation."""
    return text(f"count-{noun}", value, class_="nav-count")


def order(list_id: str, ids: Iterable[str]) -> SafeString:
    """Tell the browser the order of the rows of this list; it moves them when nobody is in it."""
    return format_html(
        '<i id="list-order" hidden data-list="{}" data-order="{}" hx-swap-oob="true"></i>',
        list_id,
        " ".join(ids),
    )


def beat(every_s: int, rev: int) -> SafeString:
    """A sign of life: the browser reconnects when it stays away, and resumes at this revision."""
    return format_html(
        '<i id="live-beat" hidden data-every="{}" data-rev="{}" hx-swap-oob="true"></i>',
        every_s,
        rev,
    )


def push(fragments: Iterable[str]) -> str:
    """One frame of the live socket."""
    return "".join(fragments)


def answer(fragments: Iterable[str]) -> SafeString:
    """The out-of-band part of an answer to an htmx request."""
    return mark_safe("".join(_wrapped(fragment) for fragment in fragments))  # noqa: S308


def triggers(**events: object) -> str:
    """The value of an HX-Trigger header: `kvmweb:` events for the modules in static/js."""
    named = {f"kvmweb:{name.replace('_', '-')}": value for name, value in events.items()}
    return json.dumps(named, ensure_ascii=True)


def _tag(html: str) -> str:
    found = _OPENING.match(html)
    if not found:
        raise ValueError("a fragment is one element")
    return found[1]


def _marked(html: str, value: str) -> SafeString:
    tag = _tag(html)
    if "hx-swap-oob=" in html.partition(">")[0]:
        return mark_safe(html)  # noqa: S308
    return mark_safe(  # noqa: S308
        html.lstrip().replace(f"<{tag}", f'<{tag} hx-swap-oob="{value}"', 1)
    )


def _enclosed(html: str, value: str) -> SafeString:
    """Inside the kind of parent that the parser wants around these elements."""
    parent = _PARENTS.get(_tag(html), "div") if html.strip() else "div"
    return mark_safe(f'<{parent} hx-swap-oob="{value}">{html}</{parent}>')  # noqa: S308


def _wrapped(html: str) -> str:
    return f"<template>{html}</template>" if _tag(html) in _IN_TABLE else html
