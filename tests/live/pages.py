"""A browser's side of the live wire: a page, the frames that reach it, what htmx makes of them."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

from channels.testing import WebsocketCommunicator
from lxml import html as parser

from kvmweb.asgi import application


class Page:
    """The document as the browser holds it."""

    def __init__(self, text: str) -> None:
        self.root = parser.fromstring(text)

    def find(self, dom_id: str) -> Any:
        found = self.root.xpath("//*[@id=$id]", id=dom_id)
        return found[0] if found else None

    def apply(self, frame: str) -> None:
        """As htmx's socket extension does, row by row; then as live.js orders the list."""
        for element in _elements(frame):
            self._swap(element)
        self._order()

    def _swap(self, element: Any) -> None:
        how = element.attrib.pop("hx-swap-oob", "true")
        style, _, selector = how.partition(":")
        target = self.find(selector.removeprefix("#") or element.get("id"))
        assert target is not None, f"no target for {parser.tostring(element)[:200]!r}"
        if style == "delete":
            target.getparent().remove(target)
        elif style == "beforeend":
            target.extend(list(element))
        elif style == "innerHTML":
            for child in list(target):
                target.remove(child)
            target.text = element.text
            target.extend(list(element))
        else:
            element.tail = target.tail
            target.getparent().replace(target, element)

    def _order(self) -> None:
        wish = self.find("list-order")
        if wish is None or not wish.get("data-list"):
            return
        rows = self.find(wish.get("data-list"))
        place = {dom_id: index for index, dom_id in enumerate(wish.get("data-order").split(" "))}
        rows[:] = sorted(rows, key=lambda row: place.get(row.get("id"), len(place)))

    def rows(self) -> list[str]:
        return [row.get("id") for row in self.find("guest-rows")]

    def have(self) -> dict[str, dict[str, str]]:
        rows = {row.get("id"): row.get("data-v") for row in self.find("guest-rows")}
        return {"guest-rows": rows}

    def look(self) -> dict[str, str]:
        """What a person sees of it, element by element."""
        shown = {}
        for dom_id in (
            "guest-rows", "guest-states", "guest-away", "guest-empty", "guest-pages",
        ):  # fmt: skip
            element = self.find(dom_id)
            element.tail = None
            text = parser.tostring(element, encoding="unicode")
            shown[dom_id] = " ".join(text.split()).replace("> <", "><")
        return shown


def _elements(frame: str) -> list[Any]:
    """Top-level elements; table parts need a table around them for this parser."""
    start = frame.lstrip()[:4]
    if start.startswith("<tr"):
        frame = f"<table><tbody>{frame}</tbody></table>"
        return list(next(parser.fromstring(frame).iter("tbody")))
    if start.startswith("<td"):
        return list(next(parser.fromstring(f"<table><tr>{frame}</tr></table>").iter("tr")))
    if start.startswith("<tbo"):
        return list(parser.fromstring(f"<table>{frame}</table>"))
    return list(parser.fromstring(f"<div>{frame}</div>"))


class Socket:
    """An open live socket of a signed-in client."""

    def __init__(self, client: Any, address: str, rev: int = 0) -> None:
        cookies = "; ".join(f"{key}={value.value}" for key, value in client.cookies.items())
        self.wire = WebsocketCommunicator(
            application,
            f"/live/?page={quote(address, safe='')}&rev={rev}",
            headers=[
                (b"host", b"testserver"),
                (b"origin", b"http://testserver"),
                (b"cookie", cookies.encode()),
            ],
        )
        self.address = address

    async def open(self) -> Socket:
        is_open, code = await self.wire.connect(timeout=5)
        assert is_open, code
        return self

    async def greet(self, page: Page, rev: int) -> None:
        said = {"page": self.address, "rev": rev, "have": page.have()}
        await self.wire.send_to(text_data=json.dumps(said))

    async def frames(self, quiet_s: float = 0.2, *, within_s: float = 0.0) -> list[str]:
        """All that comes until it is quiet, beats left out; within_s: for the first of them."""
        found: list[str] = []
        while True:
            try:
                frame = await self._next(quiet_s if found else max(quiet_s, within_s))
            except TimeoutError:
                return found
            if frame["type"] == "websocket.close":
                raise ConnectionError(frame["code"])
            if "live-beat" not in frame["text"]:
                found.append(frame["text"])

    async def until(self, words: str) -> str:
        """All that comes until these words have come: at most ten seconds for each frame."""
        said = ""
        while words not in said:
            frame = await self._next(10)
            if frame["type"] == "websocket.close":
                raise ConnectionError(frame["code"])
            said += frame["text"]
        return said

    async def first_frames(self) -> list[str]:
        """All that comes until the page is said to be up to date."""
        found = []
        while True:
            frame = await self._next(10)
            if frame["type"] == "websocket.close":
                raise ConnectionError(frame["code"])
            if "live-beat" in frame["text"]:
                return found
            found.append(frame["text"])

    async def _next(self, within_s: float) -> Any:
        """Not `receive_output`: that one ends the application when nothing comes."""
        if self.wire.future.done():
            self.wire.future.result()
        return await asyncio.wait_for(self.wire.output_queue.get(), within_s)

    async def closed(self, within_s: float) -> int:
        """The code that it is closed with."""
        async with asyncio.timeout(within_s):
            while True:
                frame = await self._next(within_s)
                if frame["type"] == "websocket.close":
                    return int(frame["code"])

    async def close(self) -> None:
        await self.wire.disconnect()
