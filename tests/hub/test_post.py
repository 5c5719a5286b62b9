"""Letters between the processes of one machine."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from kvmweb.core.topics import Notice
from kvmweb.hub import post

TOLD = Notice("jobs", "5", 7)


async def test_letters_arrive_and_rubbish_is_thrown_away(run_folder: Any) -> None:
    found: list[Notice] = []
    box = post.Box(asyncio.get_running_loop(), found.extend)
    assert post.address().stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        for rubbish in (b"", b"{", b"[1]", b'["a", "b", "c"]', b"\xff", b"[" * 1500):
            line.sendto(rubbish, str(post.address()))
    post.send([TOLD])
    for _ in range(50):
        await asyncio.sleep(0.01)
        if found:
            break
    assert found == [TOLD]
    box.close()


async def test_nobody_at_home_or_a_full_box_costs_nothing(run_folder: Any) -> None:
    post.send([TOLD])
    box = post.Box(asyncio.get_running_loop(), lambda _found: None)
    for _ in range(5000):
        post.send([TOLD])
    box.close()
    assert not post.address().exists()
