"""The console door: a raw ASGI application, because a consumer's dispatch costs 0.2 ms a key.

One socket carries the console's bytes as binary frames and what is said about it (who sits and
drives) as text frames of JSON. The ticket comes as a sub-protocol, never in the URL. Close codes:
4400 protocol, 4401 signed out, 4403 no right (any more), 4404 gone, 4408 took nothing for 15 s,
4409 the guest's state, 4429 too many viewers, 4501 nothing to show, 4503 host away.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from kvmweb.core import refs, talk
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Problem
from kvmweb.core.lanes import LANES
from kvmweb.live.consoles_hall import desk, hall
from kvmweb.live.consoles_line import GuestLine
from kvmweb.live.consoles_relay import FAULT, GONE, GUEST_END, LEFT, STALLED, Receive, Relay
from kvmweb.live.consoles_wire import Send, Wire
from kvmweb.services import consoles, seats

log = logging.getLogger(__name__)

PROTOCOL = "kvmweb.console.v1"
TICKET = "kvmweb.ticket."
NO_ENTRY = 4403


async def console(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """One viewer at one console. Without a good ticket: refused before accept."""
    await receive()
    where = scope["url_route"]["kwargs"]
    ref = refs.guest(where["host"], str(where["uuid"]))
    actor: Actor = scope["actor"]
    try:
        ticket = await desk(consoles.redeem, actor, ref, where["kind"], _secret(scope))
    except Problem:
        await send({"type": "websocket.close", "code": NO_ENTRY})
        return
    await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
    wire = Wire(send)
    wire.forget_handshake()
    try:
        opened = await desk(consoles.open_, actor, ref, ticket)
    except Problem as problem:
        await _close(wire, problem.close_code, problem.code)
        return
    del scope, ticket, where
    lane = LANES[opened.place.kind]()
    relay = Relay((actor, ref, opened.seat), lane, receive, wire, said)
    relay.drives = opened.drives
    await _serve(relay, opened)


async def _serve(relay: Relay, opened: consoles.Opened) -> None:
    """Run it, say why it ended, and write it down, whatever happens."""
    code, reason = FAULT
    try:
        relay.line = await GuestLine.connect(opened.line)
        await hall().enter(relay)
        code, reason = await relay.run()
        if (code, reason) == GUEST_END:
            await asyncio.sleep(0.3)  # the event that says why is on its way
            code, reason = await desk(consoles.ending, relay.ref)
    finally:
        await hall().leave(relay)
        if (code, reason) != LEFT:
            await _close(relay.wire, code, reason, is_stuck=(code, reason) == STALLED)
        await asyncio.shield(
            desk(
                consoles.close, relay.actor, relay.ref, opened,
                why=reason, shown=relay.shown, typed=relay.typed,
            )
        )  # fmt: skip


async def _close(wire: Wire, code: int, reason: str, *, is_stuck: bool = False) -> None:
    """Close in words; who takes nothing any more is cut off."""
    if not is_stuck:
        try:
            async with asyncio.timeout(2):
                await wire.send({"type": "websocket.close", "code": code, "reason": reason})
            return
        except (TimeoutError, *GONE):
            pass
    wire.abort()


async def said(relay: Relay, word: dict[str, Any]) -> None:
    """What the page asks for beside the bytes. Raises ValueError for what it cannot ask."""
    if word.get("type") == "ack":
        return relay.acknowledge(talk.number(word, "bytes"))
    if not relay.pace.allows(relay.loop.time()):
        return relay.tell({"type": "problem", "problem": "too-often"})
    try:
        await desk(seats.heed, relay.actor, relay.ref, relay.seat, word)
    except Problem as problem:
        relay.tell({"type": "problem", "problem": problem.code, **problem.context})
    hall().look(relay.ref)
    return None


def _secret(scope: dict[str, Any]) -> str:
    """The ticket among the sub-protocols; empty without, or when ours is not spoken."""
    offered = scope.get("subprotocols", [])
    if PROTOCOL not in offered:
        return ""
    return next((name.removeprefix(TICKET) for name in offered if name.startswith(TICKET)), "")
