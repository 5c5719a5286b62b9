"""An FTP server that speaks what fetching needs, and behaves in all the ways such servers do.

RFC 959 with the commands that a client of one file sends; passive mode, of both kinds. A library
for it would be a dependency of the tests alone, and none misbehaves on demand.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable

SILENCE = "silence"
"""Instead of a file: nothing is ever answered."""
TIMEOUT_S = 20.0

Files = dict[str, "bytes | int | str"]


class Ftp:
    """path to its bytes; a number is a size that is claimed, over a kibibyte of data; SILENCE."""

    def __init__(self, files: Files | None = None) -> None:
        self.files: Files = files or {}
        self.heard: list[str] = []
        self.is_mute = False
        self.passive = "127,0,0,1"
        self.over = threading.Event()
        outer = self

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        class Talk(socketserver.StreamRequestHandler):
            timeout = TIMEOUT_S

            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    Session(outer, self).run()

        self._server = Server(("127.0.0.1", 0), Talk)
        self.url = f"ftp://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Ftp:
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


class Session:
    """One client, from the greeting to QUIT."""

    def __init__(self, site: Ftp, line: socketserver.StreamRequestHandler) -> None:
        self._site = site
        self._line = line
        self._data: socket.socket | None = None
        self._acts: dict[str, Callable[[str], str]] = {
            "USER": lambda _: "331 Any password will do.",
            "PASS": lambda _: "230 Welcome.",
            "TYPE": lambda word: "200 Binary." if word == "I" else "504 Binary only.",
            "PASV": self._pasv,
            "EPSV": self._epsv,
            "SIZE": self._size,
        }

    def run(self) -> None:
        """Answer until the client has had enough."""
        if self._site.is_mute:
            self._site.over.wait(TIMEOUT_S)
            return
        self._say("220 Ready.")
        for line in self._line.rfile:
            word, _, rest = line.decode().strip().partition(" ")
            self._site.heard.append(word)
            if word == "QUIT":
                self._say("221 Bye.")
                return
            if word == "RETR":
                self._retr(rest)
                continue
            act = self._acts.get(word)
            self._say(act(rest) if act else f"502 {word} is not known here.")

    def _say(self, text: str) -> None:
        self._line.wfile.write(f"{text}\r\n".encode())

    def _listen(self) -> int:
        self._data = socket.create_server(("127.0.0.1", 0))
        self._data.settimeout(TIMEOUT_S)
        return int(self._data.getsockname()[1])

    def _pasv(self, _: str) -> str:
        high, low = divmod(self._listen(), 256)
        return f"227 Entering passive mode ({self._site.passive},{high},{low})."

    def _epsv(self, _: str) -> str:
        return f"229 Entering extended passive mode (|||{self._listen()}|)."

    def _size(self, path: str) -> str:
        found = self._site.files.get(path)
        if found == SILENCE:
            self._site.over.wait(TIMEOUT_S)
        if found is None or isinstance(found, str):
            return "550 There is no such file."
        return f"213 {found if isinstance(found, int) else len(found)}"

    def _retr(self, path: str) -> None:
        found = self._site.files.get(path)
        if found is None or isinstance(found, str) or self._data is None:
            self._say("550 There is no such file.")
            return
        self._say("150 Here it comes.")
        with self._data, contextlib.suppress(OSError):
            line, _ = self._data.accept()
            with line:
                line.sendall(bytes(1024) if isinstance(found, int) else found)
        with contextlib.suppress(OSError):
            self._say("226 That was it.")
