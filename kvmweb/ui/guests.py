"""The guest list's rows: words, addresses and cells, for the page and for pushes alike.

A row is rendered by the partial `row` of `guests/list.html` once and kept, for many readers see the
same; the cells of its use change every two seconds and are put in afterwards.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.core.paginator import Paginator
from django.template.loader import get_template
from django.urls import get_script_prefix
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from kvmweb.core.guest_filter import COLUMNS, GuestFilter
from kvmweb.core.guest_lists import GuestList, GuestRow, Use
from kvmweb.ui import messages, new_guests, words
from kvmweb.ui.templatetags.kvmweb import share, size

LIST_ID = "guest-rows"
KEPT = 4096
"""Rows kept by a process: about 1 KiB each."""
_CPU, _MEMORY = SafeString("<!--cpu-->"), SafeString("<!--memory-->")
"""Where the cells of its use go: nothing that is shown can hold these signs unescaped."""
Still = tuple[str, str, str, str]
"""Version, and HTML before, between and after the cells of its use."""

LABELS: dict[str, words.Text] = {
    "name": _("Name"),
    "host": _("Host"),
    "state": _("State"),
    "vcpus": _("vCPUs"),
    "memory": _("Memory"),
    "cpu": _("CPU use"),
    "memory_use": _("Memory use"),
    "address": _("Address"),
    "autostart": _("Autostart"),
    "tags": _("Tags"),
}
NOTES: dict[str, words.Text] = {
    "q": _("search"),
    "state": _("state"),
    "host": _("host"),
    "tag": _("tag"),
    "project": _("project"),
    "template": _("templates"),
    "sort": _("order"),
    "page": _("page"),
    "columns": _("columns"),
}
BULK = (
    "guest.start", "guest.shutdown", "guest.reboot", "guest.suspend", "guest.resume",
    "guest.save", "guest.destroy",
)  # fmt: skip
MAIN = ("guest.start", "guest.restore", "guest.shutdown", "guest.resume")
"""What the button of a row may say; the others ask before they act."""
NUMBERS = frozenset({"vcpus", "memory"})
_kept: OrderedDict[tuple[Any, ...], Still] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Heading:
    """One column's head. order: the value of aria-sort; empty while not sorted by it."""

    column: str
    label: words.Text
    query: str
    order: str


@dataclass(frozen=True, slots=True)
class Chip:
    """One state that the list can be narrowed to. query: the way there, or back when chosen."""

    value: str
    label: words.Text
    tone: str
    count: int
    query: str


class Look:
    """How guests look to one reader: these columns, in the language of now."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._language = translation.get_language()
        self._has_cpu = "cpu" in columns
        self._has_memory = "memory_use" in columns

    def version(self, row: GuestRow) -> str:
        """Short; another one when the row would look different, its use aside."""
        return _still(row, self._columns, self._language)[0]

    def html(self, row: GuestRow) -> SafeString:
        """The row of this guest."""
        return self.rows([row])

    def rows(self, found: Iterable[GuestRow]) -> SafeString:
        """The rows of these guests, one after the other."""
        made: list[str] = []
        for row in found:
            _version, head, between, tail = _still(row, self._columns, self._language)
            cpu = _cpu(row.line.key, row.use) if self._has_cpu else ""
            memory = _memory(row.line.key, row.use, self._language) if self._has_memory else ""
            made += (head, cpu, between, memory, tail)
        return mark_safe("".join(made))  # noqa: S308 - made by the template

    def cells(self, key: int, use: Use) -> Iterator[tuple[str, str]]:
        """Ids of the cells that change by the second, each with its HTML."""
        if self._has_cpu:
            yield f"c{key}", f"{_cpu(key, use)}</td>"
        if self._has_memory:
            yield f"m{key}", f"{_memory(key, use, self._language)}</td>"


def _cpu(key: int, use: Use) -> str:
    """The number says it, the stylesheet draws it. Without end tag: a row needs none."""
    if use.cpu is None:
        return f"<td id=c{key}>"
    percent = max(0, min(100, round(use.cpu)))
    return f"<td id=c{key} data-use={percent}>{percent} %"


def _memory(key: int, use: Use, language: str | None) -> str:
    if use.memory_used is None:
        return f"<td id=m{key}>"
    percent = share(use.memory_used, use.memory)
    return f"<td id=m{key} data-use={percent}>{_size(use.memory_used, language)}"


@lru_cache(maxsize=256)
def headings(wanted: GuestFilter) -> tuple[Heading, ...]:
    """The columns that are shown, each with the way to sort by it."""
    turned = "descending" if wanted.is_descending else "ascending"
    return tuple(
        Heading(
            column=column,
            label=LABELS[column],
            query=wanted.sorted_by(column).query(),
            order=turned if column == wanted.column else "",
        )
        for column in ("name", *wanted.columns)
    )


def states(found: GuestList) -> list[Chip]:
    """The states that exist, and the chosen one."""
    keys = dict.fromkeys(("running", "shut-off", *sorted(found.states), found.wanted.state))
    chips = []
    for key in filter(None, keys):
        shown = words.guest_state(key)
        chosen = "" if key == found.wanted.state else key
        query = replace(found.wanted, state=chosen, page=1).query()
        chips.append(Chip(key, shown.label, shown.tone, found.states.get(key, 0), query))
    return chips


def parts(found: GuestList) -> dict[str, Any]:
    """What the partials of the page beside its rows need: away, states, empty, pages."""
    numbers = Paginator(range(found.total), found.page_size)
    return {
        "found": found,
        "away": [host for host in found.hosts if host.state != "up" and host.count],
        "is_none_up": all(host.state != "up" for host in found.hosts),
        "states": states(found),
        "all_query": replace(found.wanted, state="", page=1).query(),
        "pages": numbers.get_page(found.wanted.page),
        "query": found.wanted.query("page"),
        "hosts_url": f"{get_script_prefix()}hosts/",
        "create": new_guests.button(found.may_create),
    }


def page(found: GuestList) -> dict[str, Any]:
    """What the whole page needs."""
    return {
        **parts(found),
        "headings": headings(found.wanted),
        "columns": column_choices(found.wanted),
        "has_templates": bool(found.templates or found.wanted.template),
        "choices": tuple((host.key, host.name) for host in found.hosts),
        "notes": notes(found.wanted),
        "rows": Look(found.wanted.columns).rows(found.rows),
        "bulk": tuple((verb, words.verb(verb).is_forceful) for verb in BULK),
        "doing": [
            {"key": word.path.replace("-", ""), "text": word.doing}
            for word in (words.verb(verb) for verb in MAIN)
        ],
        "numbers": " ".join(
            str(place)
            for place, column in enumerate(found.wanted.columns, start=3)
            if column in NUMBERS
        ),
        "page": "/guests/" + (f"?{query}" if (query := found.wanted.query()) else ""),
        "live_rev": found.rev,
    }


def column_choices(wanted: GuestFilter) -> tuple[tuple[str, words.Text, bool], ...]:
    """Every column: its word, and whether it is shown."""
    return tuple((column, LABELS[column], column in wanted.columns) for column in COLUMNS)


def notes(wanted: GuestFilter) -> list[words.Text]:
    """What was not understood in the address."""
    return [NOTES[name] for name in wanted.notes]


def _still(row: GuestRow, columns: tuple[str, ...], language: str | None) -> Still:
    """The row without its use."""
    key = (row.line, row.main, row.is_away, row.heard_at, columns, language)
    with _lock:
        kept = _kept.get(key)
        if kept is not None:
            _kept.move_to_end(key)
            return kept
    version = f"{zlib.crc32(repr(key).encode()):x}"[-6:]
    head, _, rest = _render(row, columns, version).partition(_CPU)
    between, _, tail = rest.partition(_MEMORY)
    fresh = version, head, between, tail
    with _lock:
        _kept[key] = fresh
        if len(_kept) > KEPT:
            _kept.popitem(last=False)
    return fresh


def _render(row: GuestRow, columns: tuple[str, ...], version: str) -> str:
    line = row.line
    language = translation.get_language()
    state = words.guest_state(line.state, is_answering=line.is_answering)
    verb = words.verb(row.main.verb)
    context = {
        "it": line,
        "ref": line.ref,
        "dom_id": line.ref.dom_id,
        "version": version,
        "is_away": row.is_away,
        "heard_at": row.heard_at,
        "icon": state.icon,
        "state": _said(state.label, language),
        "memory": _size(line.memory, language),
        "has": dict.fromkeys(columns, True),
        "cpu_cell": _CPU,
        "memory_cell": _MEMORY,
        "addresses": " ".join(line.addresses),
        "act": verb.path,
        "act_label": _said(verb.label, language),
        "asks": verb.asks,
        "reason": "" if row.main.is_possible else messages.obstacle(row.main),
        "said": _sayings(language),
    }
    return str(_template().render(context))


@lru_cache(maxsize=8)
def _sayings(_language: str | None) -> dict[str, str]:
    """Words that every row may need."""
    return {
        "yes": _now("Yes"),
        "pending": _now("Changes pending"),
        "saved": _now("State saved"),
        "template": _now("Template"),
    }


@lru_cache(maxsize=256)
def _said(text: words.Text, _language: str | None) -> str:
    return str(text)


@lru_cache(maxsize=2048)
def _size(amount: int, _language: str | None) -> str:
    return size(amount)


@lru_cache(maxsize=1)
def _template() -> Any:
    return get_template("guests/list.html#row")
