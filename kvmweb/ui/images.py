"""Images of the library in words."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from django.utils import translation
from django.utils.translation import gettext_lazy as _

from kvmweb.core.image_lists import ImageRow
from kvmweb.core.systems import Support
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

    remark: what is odd about it. is_awaited: its disc is read soon.
    """

    row: ImageRow
    name: str
    url: str
    pool_url: str
    kind: Text
    icon: str
    system: str
    shown: State | None
    remark: Text
    is_awaited: bool

    @property
    def version(self) -> str:
        """Another one when it would look different."""
        return f"{zlib.crc32(repr((self.row, translation.get_language())).encode()):x}"


def line(row: ImageRow) -> ImageLine:
    """In the language that is active now."""
    return ImageLine(
        row=row,
        name=volumes.shown_name(row.name),
        url=volumes.url(row.pool, row.ref.id),
        pool_url=links.of(row.pool),
        kind=_kind(row),
        icon="save" if row.is_disc else "storage",
        system=discs.system(row.holding),
        shown=SUPPORT.get(row.support) if row.holding.system else None,
        remark=discs.remark(row.holding) if row.is_disc else "",
        is_awaited=row.is_disc and not row.holding.is_read,
    )


def _kind(row: ImageRow) -> Text:
    disc = row.holding.disc
    if disc and not disc.is_bootable and not row.holding.is_sure:
        return _("Data disc")
    return _("Installation image") if row.is_disc else _("Disk image")
