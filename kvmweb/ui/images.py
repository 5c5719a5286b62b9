"""Images of the library in words."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import get_script_prefix
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from kvmweb.core.image_lists import ImageRow
from kvmweb.core.systems import Support
from kvmweb.core.wishes import Source
from kvmweb.ui import discs, links, volumes
from kvmweb.ui.words import State, Text

SUPPORT: dict[Support, State] = {
    Support.SUPPORTED: State(_("Supported"), "good", "good"),
    Support.ENDED: State(_("No longer supported"), "warn", "warn"),
    Support.EARLY: State(_("Preview"), "info", "info"),
}


@dataclass(frozen=True, slots=True)
class ImageLine:
    """One row. shown: how its vendor treats the system; None where nobody knows.

    remark: what is wrong with it. is_awaited: its disc is read soon. create_url: of the page that
    makes a guest of it; empty where this reader cannot, or it is no disc to install from.
    """

    row: ImageRow
    name: str
    url: str
    pool_url: str
    kind: Text
    icon: str
    system: str
    shown: State | None
    remark: State | None
    is_awaited: bool
    create_url: str

    @property
    def version(self) -> str:
        """Another one when it would look different."""
        return f"{zlib.crc32(repr((self.row, translation.get_language())).encode()):x}"


def line(row: ImageRow) -> ImageLine:
    """In the language that is active now."""
    holding = row.holding
    return ImageLine(
        row=row,
        name=volumes.shown_name(row.name),
        url=volumes.url(row.pool, row.ref.id),
        pool_url=links.of(row.pool),
        kind=_kind(row),
        icon="save" if row.is_disc else "storage",
        system=discs.system(holding),
        shown=None if holding.others or not holding.system else SUPPORT.get(row.support),
        remark=discs.remark(holding) if row.is_disc else None,
        is_awaited=row.is_disc and not holding.is_read,
        create_url=_create_url(row),
    )


def _kind(row: ImageRow) -> Text:
    if not row.is_disc:
        return _("Disk image")
    if row.holding.is_read and row.holding.disc is None:
        return _("Unknown")
    return _("Data disc") if _is_data(row) else _("Installation image")


def _is_data(row: ImageRow) -> bool:
    disc = row.holding.disc
    return disc is not None and not disc.is_bootable and not row.holding.is_sure


def _source(row: ImageRow) -> Source:
    """What the page begins with; there another one can be chosen."""
    if row.is_disc:
        return Source.ISO
    return Source.CLOUD if "cloud" in row.name.casefold() else Source.IMPORT


def _create_url(row: ImageRow) -> str:
    is_other = row.is_disc and row.holding.is_read and row.holding.disc is None
    if not row.may_create or _is_data(row) or is_other:
        return ""
    query = {"source": _source(row), "host": row.ref.host, "pool": row.pool.id, "image": row.name}
    return f"{get_script_prefix()}guests/create/?{urlencode(query)}"
