"""Asking a host's worker: one question, one answer, one deadline.

Synchronous and small; called from threads. Whatever goes wrong on the way is HostDown.
"""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any, BinaryIO, Final

from kvmweb.core import errors, wire

DEADLINE_S: Final = 4.0
PATIENCE: Final[dict[str, float]] = {
    "guest.start": 30.0,
    "guest.destroy": 20.0,
    "guest.save": 300.0,
    "guest.describe": 8.0,
    "guest.screenshot": 6.0,
    "pool.refresh": 20.0,
    "pool.start": 40.0,
    "pool.stop": 20.0,
    "pool.build": 120.0,
    "pool.delete_content": 60.0,
    "pool.discover": 30.0,
    "volume.create": 60.0,
    "volume.resize": 30.0,
    "volume.delete": 30.0,
    "guest.attach_disk": 30.0,
    "guest.media": 30.0,
    "guest.detach_disk": 30.0,
    "guest.edit_disk": 15.0,
    "guest.attach_card": 30.0,
    "guest.detach_card": 30.0,
    "guest.edit_card": 20.0,
    "agent.read": 20.0,
    "agent.keys": 16.0,
    "agent.password": 16.0,
    "agent.change_keys": 16.0,
    "agent.freeze": 24.0,
    "agent.thaw": 24.0,
    "agent.time": 16.0,
    "volume.measure": 10.0,
    "volume.upload": 15.0,
    "volume.download": 15.0,
    "host.facts": 8.0,
    "network.start": 30.0,
    "network.stop": 30.0,
    "network.define": 30.0,
    "network.edit": 30.0,
    "network.amend": 20.0,
    "network.delete": 30.0,
    "nwfilter.define": 20.0,
    "guest.filter": 20.0,
}
"""Verbs that may take longer on a healthy host. A host that stops answering is noticed by its
worker within some 3 s, whatever the deadline."""


def socket_path(host: str, directory: Path | None = None) -> Path:
    """Where the worker of this host listens."""
    if directory is None:
        from django.conf import settings

        directory = Path(settings.KVMWEB_RUN_DIR)
    return directory / f"{host}.sock"


def call(
    host: str,
    verb: str,
    *,
    deadline_s: float | None = None,
    directory: Path | None = None,
    **args: Any,
) -> Any:
    """The worker's answer. Raises HostDown, or the problem that the worker met."""
    value, descriptor = _exchange(host, verb, deadline_s, directory, args)
    if descriptor is not None:
        os.close(descriptor)
    return value


def take(
    host: str,
    verb: str,
    *,
    deadline_s: float | None = None,
    directory: Path | None = None,
    **args: Any,
) -> tuple[socket.socket, Any]:
    """A connected socket (a screen, a seat at a serial console) and the answer beside it."""
    value, descriptor = _exchange(host, verb, deadline_s, directory, args)
    if descriptor is None:
        raise errors.Fault(f"{verb} brought no descriptor")
    return socket.socket(fileno=descriptor), value


def take_file(
    host: str,
    verb: str,
    *,
    deadline_s: float | None = None,
    directory: Path | None = None,
    **args: Any,
) -> tuple[BinaryIO, Any]:
    """An open file (a screenshot), at its start, and the answer beside it."""
    value, descriptor = _exchange(host, verb, deadline_s, directory, args)
    if descriptor is None:
        raise errors.Fault(f"{verb} brought no descriptor")
    return os.fdopen(descriptor, "rb"), value


def _exchange(
    host: str, verb: str, deadline_s: float | None, directory: Path | None, args: dict[str, Any]
) -> tuple[Any, int | None]:
    patience = PATIENCE.get(verb, DEADLINE_S) if deadline_s is None else deadline_s
    request = {"verb": verb, "args": args, "deadline_s": patience}
    until = time.monotonic() + patience
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(patience)
            line.connect(str(socket_path(host, directory)))
            line.sendall(wire.frame(request))
            answer, descriptor = _receive(line, until)
    except (OSError, ValueError) as error:
        raise errors.HostDown(str(error) or type(error).__name__, host=host) from error
    if "problem" in answer:
        _close(descriptor)
        context = {**(answer.get("context") or {}), "host": host}
        raise errors.problem(str(answer["problem"]), str(answer.get("detail", "")), context)
    return answer.get("ok"), descriptor


def _receive(line: socket.socket, until: float) -> tuple[dict[str, Any], int | None]:
    """One frame, and the descriptor that came with its first byte."""
    line.settimeout(_left(until))
    data, descriptors, _, _ = socket.recv_fds(line, 65536, 1)
    descriptor = descriptors[0] if descriptors else None
    try:
        if descriptor is not None:
            os.set_inheritable(descriptor, False)  # recv_fds ignores its flags in Python 3.11
        while len(data) < wire.HEADER.size or len(data) < _length(data):
            line.settimeout(_left(until))
            part = line.recv(1024 * 1024)
            if not part:
                raise ConnectionResetError("the worker went away")
            data += part
        answer = json.loads(data[wire.HEADER.size :])
    except BaseException:
        _close(descriptor)
        raise
    if not isinstance(answer, dict):
        raise ValueError("not an answer")
    return answer, descriptor


def _length(data: bytes) -> int:
    (body,) = wire.HEADER.unpack_from(data)
    return wire.HEADER.size + int(body)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)
