"""A server of one file, which keeps its second half back."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def served(path: Path) -> Iterator[tuple[str, threading.Event]]:
    """Its address, and what lets the other half go."""
    data, goes_on = path.read_bytes(), threading.Event()

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            goes_on.wait(60)
            self.wfile.write(data[len(data) // 2 :])

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", goes_on
        finally:
            goes_on.set()
            server.shutdown()
