"""Files of a disk on their way out: `GET …/inside/file/?fs=…&path=…` for who is signed in.

Past Django, as downloads of volumes go; what is wrong before the first byte is left to the page of
that address.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from kvmweb.core import errors
from kvmweb.core.inside import Choice
from kvmweb.live import downloads, transfers
from kvmweb.live.inside import DISK, VOLUME, place
from kvmweb.live.transfers import Application, Guarded, Receive, Scope, Send, desk
from kvmweb.services import inside

FILES = (re.compile(DISK + "file/"), re.compile(VOLUME + "file/"))


def beside(application: Application) -> Application:
    """This application for files of disks, the other one for everything else."""

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        path = transfers.path_of(scope) if scope["method"] in ("GET", "HEAD") else ""
        found = next((it for pattern in FILES if (it := pattern.fullmatch(path))), None)
        if found is None or not await _give(scope, receive, send, found):
            await application(scope, receive, send)

    return either


async def _give(scope: Scope, receive: Receive, send: Send, found: re.Match[str]) -> bool:
    """False when the page of this address shall answer."""
    wanted = Choice.from_query(dict(parse_qsl(scope["query_string"].decode("latin-1"))))
    try:
        actor = await transfers.by_cookie(scope)
        if actor is None:
            return False
        of = await desk(place, actor, found)
        about = await desk(inside.measure, actor, of, wanted.device, wanted.path)
        part = await downloads.begin(scope, send, about)
        if part is None:
            return True
        line = await desk(
            inside.open_, actor, of, wanted.device, wanted.path, part.start, part.length
        )
    except (errors.Problem, ValueError):
        return False
    guarded = Guarded(actor, of.ref, of.verb)
    await downloads.flow(guarded, line, receive, send, about, part)
    return True
