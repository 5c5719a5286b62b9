"""Listening to a host's worker: link, records and samples as they come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from kvmweb.core import errors, wire
from kvmweb.hostlink.client import socket_path


async def listen(host: str, directory: Path | None = None) -> AsyncIterator[dict[str, Any]]:
    """Every frame of the worker's stream. Raises HostDown when there is no worker, or it ends."""
    try:
        reader, writer = await asyncio.open_unix_connection(
            str(socket_path(host, directory)), limit=4 * 1024 * 1024
        )
    except OSError as error:
        raise errors.HostDown(str(error), host=host) from error
    try:
        writer.write(wire.frame({"verb": "subscribe"}))
        await writer.drain()
        while True:
            (length,) = wire.HEADER.unpack(await reader.readexactly(wire.HEADER.size))
            yield json.loads(await reader.readexactly(length))
    except (OSError, asyncio.IncompleteReadError) as error:
        raise errors.HostDown("the worker went away", host=host) from error
    finally:
        writer.close()
