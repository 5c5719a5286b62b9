"""Images of the library in words."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from django.utils import translation
from django.utils.translation import gettext_lazy as _

from kvmweb.core.image_lists import ImageRow
from kvmweb.core.systems import Support
from kvmweb.ui import links, volumes
from kvmweb.ui.words import State, Text

SUPPORT: dict[Support, State] = {
    Support.SUPPORTED: State(_("Supported"), "good", "good"),
    Support.ENDED: State(_("No longer supported"), "warn", "warn"),
    Support.EARLY: State(_("Preview"), "info", "info"),
}


@dataclass(frozen=True, slots=True)
class ImageLine:
    """One row. shown: how its vendor treats the system; None where nobody knows."""

    row: ImageRow
    name: str
    url: str
    pool_url: str
    kind: Text
    icon: str
    system: str
    shown: State | None

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
        kind=_("Installation image") if row.is_disc else _("Disk image"),
        icon="save" if row.is_disc else "storage",
        system=row.system.name if row.system else "",
        shown=SUPPORT.get(row.support) if row.system else None,
    )
