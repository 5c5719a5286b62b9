"""Long work on volumes: filled, copied, wiped. libvirt's call blocks until it is done and cannot be
stopped, so it runs in a thread of its own while this one looks how far the copy has grown.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from typing import Any

from kvmweb.core import refs
from kvmweb.core.errors import Exists, NotFound, Problem
from kvmweb.hostlink import client
from kvmweb.services import works
from kvmweb.services.marks import internal
from kvmweb.services.works import Arguments, Work, carries, undoes

LONGEST_S = 24 * 3600.0
LOOK_S = 0.5
"""With the beat of the job: progress reaches a page at least every second."""


Announced = tuple[str, dict[str, Any]]
"""An act that takes something back, and its arguments."""


@carries("volume.create")
def _create(work: Work, arguments: Arguments) -> None:
    host, pool, wanted = arguments["host"], arguments["pool"], arguments["wanted"]
    work.require("volume.create", refs.pool(host, pool))
    with work.step("fill"):
        _made(work, host, pool, wanted["name"])
        growth = _Growth(host, pool, wanted["name"], wanted["capacity"])
        _watched(work, growth, host, "volume.create", uuid=pool, **wanted)
    work.made(refs.volume(host, pool, wanted["name"]))


@carries("volume.clone")
def _clone(work: Work, arguments: Arguments) -> None:
    host, pool, name = arguments["host"], arguments["pool"], arguments["name"]
    work.require("volume.clone", refs.pool(host, arguments["source_pool"]))
    work.require("volume.create", refs.pool(host, pool))
    with work.step("copy"):
        copy(work, arguments)
    work.made(refs.volume(host, pool, name))


@internal("a step of works that copy volumes")
def copy(work: Work, arguments: Arguments, undo: Announced | None = None) -> None:
    """One volume into another, which is made. arguments: as `volume_acts.clone` asks for it.

    undo: how it is taken back, where not by deleting it whoever may use it by then.
    """
    host, pool, name = arguments["host"], arguments["pool"], arguments["name"]
    source = {"uuid": arguments["source_pool"], "name": arguments["source"]}
    total = int(client.call(host, "volume.look", **source)["allocation"])
    _made(work, host, pool, name, undo)
    _watched(
        work, _Growth(host, pool, name, total), host, "volume.clone", uuid=pool, name=name,
        source_pool=source["uuid"], source=source["name"],
        image_format=arguments["image_format"], source_format=arguments["source_format"],
    )  # fmt: skip


@carries("volume.wipe")
def _wipe(work: Work, arguments: Arguments) -> None:
    work.require("volume.wipe", refs.pool(arguments["host"], arguments["pool"]))
    with work.step("wipe"):
        client.call(
            arguments["host"], "volume.wipe", deadline_s=LONGEST_S, uuid=arguments["pool"],
            name=arguments["name"], algorithm=arguments["algorithm"],
        )  # fmt: skip
        client.call(arguments["host"], "pool.refresh", deadline_s=120.0, uuid=arguments["pool"])


@undoes("volume.delete")
def _delete(host: str, pool: str, name: str) -> None:
    """Half made; libvirt refuses while it still writes, and then it is tried again later."""
    try:
        client.call(host, "volume.delete", uuid=pool, name=name, force=True)
    except NotFound:
        return


def _made(work: Work, host: str, pool: str, name: str, undo: Announced | None = None) -> None:
    """Whatever is there under this name afterwards was made by this job: it was not there before.

    Raises: Exists.
    """
    try:
        client.call(host, "volume.look", uuid=pool, name=name)
    except NotFound:
        works.never_made(host, pool, name)
        act, args = undo or ("volume.delete", {"host": host, "pool": pool, "name": name})
        work.undo(act, **args)
        return
    raise Exists(name=name)


class _Growth:
    """How far a volume has come that is being written."""

    def __init__(self, host: str, pool: str, name: str, total: int) -> None:
        self._host, self._pool, self._name = host, pool, name
        self.total = total

    def done(self) -> int:
        """Bytes; what cannot be read now counts as nothing new."""
        try:
            found = client.call(self._host, "volume.look", uuid=self._pool, name=self._name)
        except Problem:
            return 0
        return min(int(found["allocation"]), self.total)


def _watched(work: Work, growth: _Growth, host: str, verb: str, **args: Any) -> None:
    """The call in a thread; progress meanwhile. A cancelled one is taken back when it has ended."""
    ended = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="volume") as thread:
        future = thread.submit(client.call, host, verb, deadline_s=LONGEST_S, **args)
        future.add_done_callback(lambda _future: ended.set())
        best = 0
        while not ended.is_set():
            try:
                future.result(timeout=LOOK_S)
            except TooLate:
                best = max(best, growth.done())
                work.report(best, growth.total)
        try:
            future.result()
        except Exists:
            work.withdraw()  # somebody else's, made a moment ago
            raise
    work.report(growth.total, growth.total)
