"""The hub as a process of its own, for the operator's command."""

from __future__ import annotations

import asyncio
import signal

from kvmweb.hub import publisher, runner
from kvmweb.services.guard import open_to_all


@open_to_all("only `manage.py hub` calls it; no request reaches it")
def serve() -> None:
    """Watch all hosts until SIGTERM or SIGINT."""
    asyncio.run(_serve())


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    publisher.bind(loop)
    task = asyncio.create_task(runner.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    await asyncio.gather(task, return_exceptions=True)
    publisher.bind(None)
