"""Volumes in words: the rows of a pool's list, and one volume with what it builds on."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.core.paginator import Paginator
from django.template.loader import get_template
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from kvmweb.core import plain
from kvmweb.core.offers import Offer
from kvmweb.core.refs import Ref
from kvmweb.core.volume_filter import SORTS, VolumeFilter
from kvmweb.core.volume_lists import PoolDetails, User, VolumeList, VolumeRow
from kvmweb.ui import controls, links, storage_commands, words
from kvmweb.ui.controls import Control
from kvmweb.ui.templatetags.kvmweb import size
from kvmweb.ui.words import Text

USERS_SHOWN = 3
ROWS_KEPT = 4096
"""Rendered rows that a process keeps: about 1 KiB each."""
NAME_MAX = 255
PATH_MAX = 4096

LABELS: dict[str, Text] = {
    "name": _("Name"),
    "format": _("Format"),
    "capacity": _("Size"),
    "allocation": _("Really used"),
}
NOTES: dict[str, Text] = {
    "q": _("search"),
    "use": _("use"),
    "format": _("format"),
    "sort": _("order"),
    "page": _("page"),
}
_SHOWN = ("volume.attach", "volume.resize", "volume.clone", "volume.wipe", "volume.delete")
"""Acts of the menu, in their order."""
_MAIN = ("volume.attach", "volume.resize", "volume.clone", "volume.delete")
_GRAVE = ("volume.wipe", "volume.delete")
_SAID: dict[str, Text] = {
    "actions": _("Actions"),
    "more": "⋮",
    **LABELS,
    "backing": _("Builds on"),
    "users": _("Used by"),
    "encrypted": _("encrypted"),
    "forged": _("Looks like another format than it was made as"),
    "incoming": _("Still coming in: nobody can use it yet"),
    "refused": _("Refused: nobody can use it, and it is deleted soon"),
    "unknown": _("Builds on something outside all pools"),
}
USES: dict[str, Text] = {"used": _("In use"), "unused": _("Unused")}


@dataclass(frozen=True, slots=True)
class UserLine:
    """One user as a link. how: the disk's target, or the snapshot whose memory it is."""

    name: str
    url: str
    how: str
    is_guest: bool
    is_active: bool
    is_memory: bool = False


@dataclass(frozen=True, slots=True)
class VolumeLine:
    """One row of the list. version: another one when it would look different."""

    row: VolumeRow
    dom_id: str
    version: str
    url: str
    name: str
    """In one line: control characters are spelled out."""
    format: str
    capacity: str
    allocation: str
    backing: str
    users: tuple[UserLine, ...]
    more: int
    """Users beyond those that are shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row, rendered."""

    dom_id: str
    version: str
    html: SafeString


@dataclass(frozen=True, slots=True)
class Heading:
    """One column's head. order: the value of aria-sort; empty while not sorted by it."""

    column: str
    label: Text
    query: str
    order: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """One way to narrow the list. query: the way there, or back when chosen."""

    label: Text
    query: str
    is_chosen: bool


def url(pool: Ref, volume: str) -> str:
    """The page of this volume of this pool."""
    return f"{links.of(pool)}volumes/{volume}/"


def shown_name(name: str) -> str:
    """A name in one line; nothing in it hides or turns the text around it."""
    return plain.line(name, NAME_MAX)


def copy_name(name: str) -> str:
    """What a copy is called unless somebody says otherwise: `disk.qcow2` to `disk-copy.qcow2`."""
    name = "".join(sign for sign in name if sign.isprintable()).lstrip("-")
    stem, dot, ending = name.rpartition(".")
    return f"{stem}-copy.{ending}" if dot and stem else f"{name}-copy"


def _control(pool: Ref, row: VolumeRow, offer: Offer, details: PoolDetails | None) -> Control:
    made = controls.of(offer, pool)
    uri, record = (details.host.uri, details.record) if details else ("", None)
    return replace(
        made,
        url=f"{url(pool, row.ref.id)}{words.verb(offer.verb).path}/",
        command=storage_commands.volume(uri, offer.verb, record, row.record) if record else "",
    )


def sayings() -> dict[str, Text]:
    """Words that every row needs."""
    return _SAID


def row(pool: Ref, found: VolumeRow) -> Row:
    """The row of this volume as the list shows it, made once for all readers that see the same."""
    return _row(pool, found, translation.get_language())


@lru_cache(maxsize=ROWS_KEPT)
def _row(pool: Ref, found: VolumeRow, _language: str | None) -> Row:
    made = line(pool, found)
    html = str(_template().render({"line": made, "said": sayings()})).strip()
    return Row(made.dom_id, made.version, mark_safe(html))  # noqa: S308 - made by the template


@lru_cache(maxsize=1)
def _template() -> Any:
    return get_template("storage/volumes.html#row")


def line(pool: Ref, row: VolumeRow) -> VolumeLine:
    """What there is to say of this volume in a list."""
    users = [user_line(user) for user in row.users.seen[:USERS_SHOWN]]
    version = zlib.crc32(repr((row, translation.get_language())).encode())
    return VolumeLine(
        row=row,
        dom_id=row.ref.dom_id,
        version=f"{version:x}"[-6:],
        url=url(pool, row.ref.id),
        name=shown_name(row.record.name),
        format=row.record.format or row.record.type,
        capacity=size(row.record.capacity),
        allocation=size(row.record.allocation),
        backing=shown_name(row.record.backing.rpartition("/")[2]) if row.record.backing else "",
        users=tuple(users),
        more=max(0, len(row.users.seen) - USERS_SHOWN) + row.users.hidden,
    )


def user_line(user: User) -> UserLine:
    """One user as a link."""
    name, url = shown_name(user.name), links.of(user.ref)
    if user.is_binned:
        name, url = _("recycle bin: %(name)s") % {"name": name}, links.in_bin(user.ref)
    elif user.is_template:
        name = _("template: %(name)s") % {"name": name}
    if user.is_memory:
        name = _("snapshot memory of %(name)s") % {"name": name}
    return UserLine(name, url, user.how, user.is_guest, user.is_active, user.is_memory)


def listing(pool: Ref, found: VolumeList) -> dict[str, Any]:
    """Context of the list of volumes."""
    wanted = found.wanted
    rows = [row(pool, it) for it in found.rows]
    return {
        "found": found,
        "rows": rows,
        "rows_html": mark_safe("".join(it.html for it in rows)),  # noqa: S308 - made by the template
        "headings": [_heading(wanted, column) for column in SORTS],
        "uses": [_chip(wanted, "use", value, label) for value, label in USES.items()],
        "formats": [_chip(wanted, "format", name, name) for name in found.formats],
        "all_query": replace(wanted, use="", format="", page=1).query(),
        "pages": Paginator(range(found.total), found.page_size).get_page(wanted.page),
        "query": wanted.query("page"),
        "notes": [NOTES[name] for name in wanted.notes],
        "pool_url": links.of(pool),
        "said": sayings(),
    }


def _heading(wanted: VolumeFilter, column: str) -> Heading:
    turned = "descending" if wanted.is_descending else "ascending"
    return Heading(
        column=column,
        label=LABELS[column],
        query=wanted.sorted_by(column).query(),
        order=turned if column == wanted.column else "",
        is_number=column in ("capacity", "allocation"),
    )


def _chip(wanted: VolumeFilter, name: str, value: str, label: Text) -> Chip:
    is_chosen = getattr(wanted, name) == value
    changed = replace(wanted, **{name: "" if is_chosen else value, "page": 1})  # type: ignore[arg-type]
    return Chip(label, changed.query(), is_chosen)


@dataclass(frozen=True, slots=True)
class VolumePage:
    """Context of `storage/volume.html`. chain: what it builds on, in one line each."""

    line: VolumeLine
    users: tuple[UserLine, ...]
    hidden: int
    chain: tuple[str, ...]
    controls: tuple[Control, ...] = ()
    path: str = ""
    """As the host sees it, in one line."""
    may_download: bool = False
    inside: Control | None = None
    """The way to a look inside it."""

    @property
    def commands(self) -> dict[str, str]:
        """The virsh line of each act, by its last word."""
        return {it.verb.rpartition(".")[2]: it.command for it in self.controls}

    @property
    def main(self) -> tuple[Control, ...]:
        """The buttons beside the name."""
        return tuple(it for it in self.controls if it.verb in _MAIN)

    @property
    def groups(self) -> tuple[tuple[Control, ...], ...]:
        """The menu: what is harmless, what loses data."""
        grave = tuple(it for it in self.controls if it.verb in _GRAVE)
        return (tuple(it for it in self.controls if it not in grave), grave)

    @property
    def is_written(self) -> bool:
        """A running guest has it."""
        return any(user.is_active for user in self.users)

    @property
    def dom_id(self) -> str:
        """What the ids of its cards begin with."""
        return self.line.dom_id


def page(
    pool: Ref, row: VolumeRow, offers: Iterable[Offer] = (), details: PoolDetails | None = None
) -> VolumePage:
    """Everything about one volume. details: of its pool, for the commands of the offers."""
    offered = tuple(offers)
    return VolumePage(
        path=plain.line(row.record.path, PATH_MAX),
        controls=tuple(
            _control(pool, row, offer, details) for offer in offered if offer.verb in _SHOWN
        ),
        inside=next(
            (_control(pool, row, it, details) for it in offered if it.verb == "volume.inspect"),
            None,
        ),
        may_download=not row.lock
        and any(it.verb == "volume.download" and it.is_possible for it in offered),
        line=line(pool, row),
        users=tuple(user_line(user) for user in row.users.seen),
        hidden=row.users.hidden,
        chain=tuple(shown_name(path) for path in row.chain),
    )
