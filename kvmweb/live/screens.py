"""What a browser has of one region, and the frames that bring it up to date. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from kvmweb.live.regions import UNVERSIONED, Part, Picture
from kvmweb.ui import fragments


class Screen:
    """The versions that one browser has of one region.

    Rows, cells and all else go in frames of their own: the parser of HTML drops a table row after
    anything that cannot stand in a table.
    """

    def __init__(self, rev: int, have: Mapping[str, str] | None = None) -> None:
        """rev: of the page as it was rendered. have: its rows in order, row id to version."""
        self._rev = rev
        self._rows: dict[str, str] | None = None if have is None else dict(have)
        self._parts: dict[str, str] | None = None
        self._cells: dict[str, str] = {}

    def frames(self, picture: Picture) -> list[str]:
        """What to send so that the page shows this."""
        is_known = self._parts is None and UNVERSIONED < picture.rev <= self._rev
        if is_known:
            self._parts = _versions(picture.parts)
            if self._rows is None:
                self._rows = _versions(picture.rows)
        frames = [*self._row_frames(picture), self._cell_frame(picture.cells, picture.row_of)]
        self._rev = max(self._rev, picture.rev)
        return [frame for frame in [*frames, self._part_frame(picture)] if frame]

    def cells(self, cells: Mapping[str, Part]) -> list[str]:
        """What to send of the cells alone."""
        return [frame for frame in [self._cell_frame(cells, {})] if frame]

    def _row_frames(self, picture: Picture) -> list[str]:
        if not picture.list_id:
            return []
        fresh = _versions(picture.rows)
        had, self._rows = self._rows, fresh
        if had is None:
            self._take(picture.cells, set(fresh), picture.row_of)
            html = "".join(part.html() for part in picture.rows.values())
            return [fragments.within(html, picture.list_id)]
        gone = [dom_id for dom_id in had if dom_id not in fresh]
        added = [dom_id for dom_id in fresh if dom_id not in had]
        changed = [dom_id for dom_id in fresh if dom_id in had and had[dom_id] != fresh[dom_id]]
        self._take(picture.cells, {*added, *changed}, picture.row_of)
        rows: list[str] = [fragments.remove(dom_id) for dom_id in gone]
        rows += [fragments.replace(picture.rows[dom_id].html()) for dom_id in changed]
        frames: list[str] = [fragments.push(rows)]
        if added:
            html = "".join(picture.rows[dom_id].html() for dom_id in added)
            frames.append(fragments.append(html, picture.list_id))
        if [*(dom_id for dom_id in had if dom_id in fresh), *added] != list(fresh):
            frames.append(fragments.order(picture.list_id, fresh))
        return frames

    def _take(self, cells: Mapping[str, Part], rows: set[str], row_of: Mapping[str, str]) -> None:
        """These rows go as a whole, their cells with them."""
        for dom_id, part in cells.items():
            if row_of.get(dom_id) in rows:
                self._cells[dom_id] = part.version

    def _cell_frame(self, cells: Mapping[str, Part], row_of: Mapping[str, str]) -> str:
        if row_of:
            self._cells = {key: said for key, said in self._cells.items() if key in cells}
        changed = [key for key, part in cells.items() if self._cells.get(key) != part.version]
        self._cells.update((key, cells[key].version) for key in changed)
        # Without hx-swap-oob: the socket extension takes it for "true", and there are many.
        return "".join(cells[key].html() for key in changed)

    def _part_frame(self, picture: Picture) -> str:
        had = self._parts or {}
        self._parts = _versions(picture.parts)
        changed = [key for key, said in self._parts.items() if had.get(key) != said]
        return fragments.push(fragments.replace(picture.parts[key].html()) for key in changed)


def _versions(parts: Mapping[str, Part]) -> dict[str, str]:
    return {dom_id: part.version for dom_id, part in parts.items()}
