"""`python -m kvmweb.hostworker.appliance`: one look into one disk, in a process of its own.

All that a guest has written is read here and in QEMU below it, never in the worker: by a user who
owns nothing where the worker is root, with limits on memory and files, without any descriptor but
the bytes of the image. It ends with its worker, with its line, and when it is killed, and takes
along whatever it started: all of it is one process group.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kvmweb.core import errors, flows, wire
from kvmweb.hostworker import confinement
from kvmweb.hypervisor.guestfs import Handle
from kvmweb.hypervisor.inside_reading import Reader

MEMORY_MIB = 512
STREAMS = 4
"""Files on their way out at once."""
SILENT_S = 60.0
BEAT_S = 10.0
REQUEST_MAX = 256 * 1024


class Look:
    """Answers what the worker asks, until it asks no more."""

    def __init__(self, line: socket.socket, options: argparse.Namespace) -> None:
        self._line = line
        self._options = options
        self._speaking = threading.Lock()
        self._turn = threading.Lock()
        self._threads = ThreadPoolExecutor(STREAMS, thread_name_prefix="stream")
        self._beaten_at = 0.0

    def run(self) -> None:
        """Begin, then serve until the line ends."""
        try:
            reader = self._begin()
        except errors.Problem as problem:
            self.say({"ended": problem.code, "detail": problem.detail})
            return
        while (asked := self._hear()) is not None:
            self._answer(reader, *asked)
            if reader.is_gone:
                self.say({"ended": errors.Fault.code, "detail": "the appliance crashed"})
                return

    def say(self, message: dict[str, Any]) -> None:
        """To the worker."""
        with self._speaking:
            self._line.sendall(wire.frame(message))

    def _begin(self) -> Reader:
        options = self._options
        confinement.serve_images(options.images, options.folder)
        reader = Reader(self._launch(emulate=options.emulate), options.folder)
        self.say({"ready": list(reader.open())})
        return reader

    def _launch(self, *, emulate: bool) -> Handle:
        """Raises NotSupported when there is no way to start it on this machine."""
        if emulate:
            os.environ.update(confinement.EMULATED)
        try:
            handle = Handle(memory_mib=MEMORY_MIB)
            handle.add(confinement.disk_of(self._options.folder))
            handle.launch(lambda done, total: self.say({"done": done, "total": total}))
        except errors.Fault as problem:
            if emulate:
                raise errors.NotSupported(problem.detail) from problem
            return self._launch(emulate=True)  # KVM is there, but does not work
        return handle

    def _hear(self) -> tuple[dict[str, Any], list[int]] | None:
        """The next request, and the descriptor that came along; None at the end."""
        head, descriptors, _, _ = socket.recv_fds(self._line, wire.HEADER.size, 1)
        if len(head) < wire.HEADER.size:
            return None
        (length,) = wire.HEADER.unpack(head)
        body = b""
        while len(body) < length <= REQUEST_MAX:
            piece = self._line.recv(length - len(body))
            if not piece:
                return None
            body += piece
        return json.loads(body), descriptors

    def _answer(self, reader: Reader, asked: dict[str, Any], descriptors: list[int]) -> None:
        number, args = asked["id"], asked["args"]
        try:
            found = self._act(reader, asked["act"], args, descriptors)
        except errors.Problem as problem:
            self.say({"id": number, "problem": problem.code, "detail": problem.detail})
        except (KeyError, TypeError, ValueError) as error:
            self.say({"id": number, "problem": "fault", "detail": type(error).__name__})
        else:
            self.say({"id": number, "ok": found})

    def _act(self, reader: Reader, act: str, args: dict[str, Any], descriptors: list[int]) -> Any:
        with self._turn:
            if act == "list":
                return reader.folder(args["device"], args["path"])
            if act == "measure":
                return reader.file(args["device"], args["path"])
        end = socket.socket(fileno=descriptors[0])
        self._threads.submit(self._stream, reader, end, **args)
        return None

    def _stream(
        self,
        reader: Reader,
        end: socket.socket,
        *,
        device: str,
        path: str,
        offset: int,
        length: int,
    ) -> None:
        """A file's bytes as frames, a piece at a time: others have their turn between two."""
        moved, problem = 0, None
        end.settimeout(SILENT_S)
        with end:
            try:
                while moved < length:
                    with self._turn:
                        piece = reader.piece(device, path, offset + moved, length - moved)
                    if not piece:
                        raise errors.Conflict("the file is shorter than it said")
                    end.sendall(flows.head(flows.DATA, len(piece)) + piece)
                    moved += len(piece)
                    self._beat()
            except errors.Problem as found:
                problem = found
            except OSError:
                return  # whoever downloads has left
            try:
                end.sendall(flows.verdict(moved, problem))
            except OSError:
                return

    def _beat(self) -> None:
        """A download counts as use of the look."""
        if time.monotonic() - self._beaten_at > BEAT_S:
            self._beaten_at = time.monotonic()
            self.say({"moved": True})


def main() -> None:
    """Confine this process, look, and take everything along at the end."""
    parser = argparse.ArgumentParser(prog="kvmweb.hostworker.appliance", description=__doc__)
    parser.add_argument("--line", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True, help="process id of the worker")
    parser.add_argument("--folder", required=True, help="a private folder for its sockets")
    parser.add_argument("--image", dest="images", action="append", required=True, help="FD:FORMAT")
    parser.add_argument("--emulate", action="store_true", help="do not ask for KVM")
    options = parser.parse_args()
    line = socket.socket(fileno=options.line)
    try:
        confinement.confine(options.folder, options.parent)
        Look(line, options).run()
    except Exception:  # noqa: BLE001 - the rim of this process, which says its last word
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os.killpg(os.getpid(), signal.SIGKILL)  # of its own session alone


if __name__ == "__main__":
    main()
