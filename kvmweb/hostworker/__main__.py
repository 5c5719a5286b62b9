"""`python -m kvmweb.hostworker --host KEY --uri URI --socket PATH`: serve one libvirt host.

Ends itself when the hub that started it dies: --parent-fd is the read end of a pipe of the hub's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys

from kvmweb.core import errors, log_lines, wire
from kvmweb.core.readiness import Readiness
from kvmweb.hostworker.worker import Worker
from kvmweb.hypervisor import hosts, readiness
from kvmweb.hypervisor.connections import Line


def main() -> None:
    """Serve, or with --check say whether this host can be reached."""
    options = _arguments()
    handler = logging.StreamHandler()
    prefix = f"%(asctime)s %(levelname)s hostworker {options.host}"
    handler.setFormatter(log_lines.Lines(f"{prefix}: %(message)s"))
    logging.basicConfig(level=options.log_level.upper(), handlers=[handler])
    with contextlib.suppress(PermissionError):
        os.setsid()  # no terminal: an ssh that wants a password fails instead of asking
    if options.examine:
        _examine()
    if options.check:
        _check(options.uri)
    asyncio.run(_serve(options))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="kvmweb.hostworker", description=__doc__)
    parser.add_argument("--host", default="host", help="the host's key, for the log")
    parser.add_argument("--uri", required=True, help="libvirt's connection URI")
    parser.add_argument("--socket", default="", help="where to listen")
    parser.add_argument("--parent-fd", type=int, default=-1, help="end when this pipe closes")
    parser.add_argument("--log-level", default=os.environ.get("KVMWEB_LOG_LEVEL", "info"))
    parser.add_argument("--check", action="store_true", help="connect once, print JSON, end")
    parser.add_argument("--examine", action="store_true", help="look at this machine, print JSON")
    options = parser.parse_args()
    if not (options.socket or options.check or options.examine):
        parser.error("--socket, --check or --examine")
    if options.socket and options.parent_fd < 0:
        parser.error("--socket wants --parent-fd: a worker never outlives whoever started it")
    return options


async def _serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end, options.socket, 0)
    loop.add_reader(options.parent_fd, _end, options.socket, 0)
    try:
        await Worker(options.uri, options.socket).run()
    except Exception:
        logging.getLogger(__name__).exception("the worker broke")
        _end(options.socket, 1)


def _end(socket_path: str, code: int) -> None:
    """Now, whatever hangs in libvirt: a thread in a call cannot be joined."""
    with contextlib.suppress(OSError):
        os.unlink(socket_path)
    logging.shutdown()
    os._exit(code)


def _examine() -> None:
    """What this machine is fit for, without a connection to any libvirt."""
    found = Readiness(True, tuple(readiness.examine()))
    sys.stdout.write(json.dumps(wire.to_plain(found)) + "\n")
    sys.stdout.flush()
    os._exit(0)


def _check(uri: str) -> None:
    """The connection test of a host that is not served yet; whoever calls sets the deadline."""
    try:
        record = Line(uri, "check").submit(lambda connection: hosts.read(connection, uri)).result()
        answer = {"ok": wire.to_plain(record)}
    except errors.Problem as problem:
        answer = {"problem": problem.code, "detail": problem.detail, "context": problem.context}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0 if "ok" in answer else 1)


if __name__ == "__main__":
    main()
